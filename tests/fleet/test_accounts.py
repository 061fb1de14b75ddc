"""The accounts and regions that an inventory reads."""

from __future__ import annotations

import csv

import openpyxl
import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.regions import regions_in_partition_of
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.accounts import Account, accounts_to_read
from kvs_notebook.fleet.region_selection import regions_of_account

ROLE = "arn:aws:iam::444455556666:role/Reader"


def test_accounts_default_to_base_connection():
    assert accounts_to_read(None, None, None, None) == [Account()]


def test_profiles_and_roles_become_accounts_without_duplicates():
    found = accounts_to_read(["fleet", "lab", "fleet"], [ROLE], "our-contract", None)
    assert found == [
        Account(profile="fleet"),
        Account(profile="lab"),
        Account(role_arn=ROLE, external_id="our-contract", account_id="444455556666"),
    ]


@pytest.mark.parametrize("accounts", [["111122223333"], {"account_id": "111122223333"}, 111122223333])
def test_accounts_other_than_file_or_frame_are_refused(accounts):
    with pytest.raises(InvalidInput, match="is not a file or a DataFrame. Pass one with the columns account_id"):
        accounts_to_read(None, None, None, accounts)


@pytest.mark.parametrize("as_frame", [False, True])
def test_accounts_file_keeps_zeros_names_and_external_ids(tmp_path, as_frame):
    path = tmp_path / "accounts.csv"
    path.write_text(
        "account_id,role_arn,profile,account_name,external_id\n"
        "000000000000,arn:aws:iam::000000000000:role/Reader,,Testing,x-1\n"
        "444455556666,,lab,NA,\n",
        encoding="utf-8-sig",
    )
    given = pd.read_csv(path, dtype="str", keep_default_na=False) if as_frame else path
    assert accounts_to_read(None, None, None, given) == [
        Account(
            role_arn="arn:aws:iam::000000000000:role/Reader",
            external_id="x-1",
            account_id="000000000000",
            account_name="Testing",
        ),
        Account(profile="lab", account_id="444455556666", account_name="NA"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty. Expected a CSV file with the columns account_id, role_arn"),
        (f"account_id,role_arn,regions\n444455556666,{ROLE},eu-wst\n", "row 2: 'eu-wst' is not a region's code"),
        (
            f"account_id,role_arn,regions\n444455556666,{ROLE},us-east-1,eu-west-1\n",
            "row 2 has more cells than the header",
        ),
        ("Account ID,Name\n444455556666,Lab\n", "pass role_name="),
        ("account_id,role_arn\n", "has no row"),
        (
            "name\nx\n",
            "has no column account_id; the nearest of its columns are name. Expected account_id, and role_arn or",
        ),
        ("account_id,profile\n44445555666,lab\n", "row 2: Account id '44445555666' is not a string of 12 digits"),
        (
            f"account_id,role_arn,profile\n444455556666,{ROLE},lab\n",
            "row 2: account 444455556666 needs either role_arn or profile, and has both.",
        ),
        (
            "account_id,role,role_arn,profile\n444455556666,x,,\n",
            "needs either role_arn or profile, and has neither; the nearest of its columns are role_arn, profile, role, ",
        ),
        (f"account_id,role_arn\n111122223333,{ROLE}\n", "is not a role of account 111122223333"),
        ("account_id,role_arn\n444455556666,Reader\n", "'Reader' is not the ARN of an IAM role"),
        (
            f"account_id,role_arn,change_role_arn\n444455556666,{ROLE},arn:aws:iam::111122223333:role/Changer\n",
            "role/Changer is not a role of account 444455556666",
        ),
        (f"account_id,role_arn,change_role_arn\n444455556666,{ROLE},yes\n", "'yes' is not the ARN of an IAM role"),
    ],
)
def test_invalid_accounts_file_names_row(tmp_path, text, message):
    path = tmp_path / "accounts.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        accounts_to_read(None, None, None, path)


def test_wide_accounts_file_names_its_five_nearest_columns(tmp_path):
    path = tmp_path / "accounts.csv"
    path.write_text(",".join([*(f"Column {n}" for n in range(60)), "Acct ID", "Role", "Profil"]) + "\n1\n")
    with pytest.raises(InvalidInput) as raised:
        accounts_to_read(None, None, None, path)
    named = str(raised.value).split("columns are ")[1].split(". ")[0].split(", ")
    assert len(named) == 5
    assert named[0] == "Acct ID"
    path.write_text(path.read_text().replace("Acct ID", "Account ID"))
    with pytest.raises(
        InvalidInput, match="has no column role_arn or profile; the nearest of its columns are Profil, Role, "
    ):
        accounts_to_read(None, None, None, path)


def test_roles_are_assumed_with_session_name_and_duration(sandbox, connection, monkeypatch):
    sent = []
    client = kvs.Connection.client

    def watched(self, service="kinesisvideo", **more):
        made = client(self, service, **more)
        if service == "sts":
            made.meta.events.register("provide-client-params.sts.AssumeRole", lambda params, **_: sent.append(params))
        return made

    monkeypatch.setattr(kvs.Connection, "client", watched)
    found = kvs.inventory(role_arns=[ROLE], role_session_name="nightly@fleet", role_duration_seconds=900, tags="none")
    assert found.coverage["status"].tolist() == ["ok"]
    assert sent[0] == {"RoleArn": ROLE, "RoleSessionName": "nightly@fleet", "DurationSeconds": 900}
    sent.clear()
    kvs.inventory(role_arns=[ROLE], tags="none")
    assert sent[0] == {"RoleArn": ROLE, "RoleSessionName": "kvs-notebook"}


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        *(({"role_session_name": name}, "role_session_name=") for name in ("", "x", "a b", "x" * 65, "é" * 3, 7)),
        *(({"role_duration_seconds": n}, "role_duration_seconds=") for n in (899, 43_201, 900.0, True, "900", 0)),
    ],
)
def test_role_session_that_sts_would_refuse_is_rejected(sandbox, connection, arguments, because):
    with pytest.raises(InvalidInput, match=f"{because}.* is not valid. Expected "):
        kvs.inventory(role_arns=[ROLE], **arguments)
    assert sandbox.requests.empty


def test_missing_accounts_file_raises_invalid_input(tmp_path):
    with pytest.raises(InvalidInput, match="Can't read .*none.csv: No such file"):
        accounts_to_read(None, None, None, tmp_path / "none.csv")


@pytest.mark.parametrize("options", [{"profiles": "fleet"}, {"role_arns": ROLE}])
def test_string_instead_of_list_is_rejected(options):
    with pytest.raises(InvalidInput, match="is not a list"):
        accounts_to_read(options.get("profiles"), options.get("role_arns"), None, None)


@pytest.mark.parametrize("options", [{"profiles": []}, {"role_arns": ()}])
def test_empty_list_is_rejected(options):
    with pytest.raises(InvalidInput, match="is an empty list"):
        accounts_to_read(options.get("profiles"), options.get("role_arns"), None, None)


FILES = {
    "plain": "account_id,role_arn,account_name,external_id,regions\n{rows}",
    "spaces": "account_id , role_arn, account_name , external_id, regions\n{spaced}",
    "semicolons": "account_id;role_arn;account_name;external_id;regions\n{semicolons}",
    "other case": "Account ID,Role ARN,Account name,External_ID,Regions\n{rows}",
    "blank rows": "account_id,role_arn,account_name,external_id,regions\n,,,,\n{rows}\n\n,,,,\n",
    "Windows": "\ufeffaccount_id,role_arn,account_name,external_id,regions\r\n{rows}\r\n",
    "more columns": "account_id,role_arn,account_name,external_id,regions,Email,,\n{rows}",
}
ROWS = [
    ("444455556666", ROLE, "Lab", "x-1", "eu-west-1 us-east-1"),
    ("777788889999", ROLE.replace("444455556666", "777788889999"), "NA", "", "all"),
    ("111122223333", ROLE.replace("444455556666", "111122223333"), "", "", ""),
]
EXPECTED = [
    Account(
        role_arn=role_arn,
        account_id=account_id,
        account_name=name or None,
        external_id=external_id or None,
        regions=tuple(regions.split()) or None,
    )
    for account_id, role_arn, name, external_id, regions in ROWS
]


def save_workbook(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_account_id_that_a_workbook_has_as_number_is_refused(tmp_path):
    path = save_workbook(tmp_path / "accounts.xlsx", [["account_id", "profile"], [12, "lab"]])
    with pytest.raises(InvalidInput, match=r"row 2: .*'12'.* A spreadsheet may have removed leading zeros"):
        accounts_to_read(None, None, None, path)


@pytest.mark.parametrize("form", ["file", "workbook", "frame of text", "frame of numbers"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_accounts_file_reads_same_however_it_was_written(tmp_path, text, form):
    path = tmp_path / "accounts.csv"
    joined = {
        name: "\n".join(by.join(row) for row in ROWS)
        for name, by in [("rows", ","), ("spaced", " , "), ("semicolons", ";")]
    }
    path.write_text(text.format(**joined))
    separator = ";" if ";" in text else ","
    given = {
        "file": lambda: path,
        "workbook": lambda: save_workbook(
            tmp_path / "accounts.xlsx", [*csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=separator)]
        ),
        "frame of text": lambda: pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, index_col=False),
        "frame of numbers": lambda: pd.read_csv(
            path, sep=separator, index_col=False, keep_default_na=False, na_values=["", " "], skipinitialspace=True
        ),
    }[form]()
    assert accounts_to_read(None, None, None, given) == EXPECTED


@pytest.mark.parametrize(
    "cell", ["eu-west-1 us-east-1", '"eu-west-1,us-east-1"', "eu-west-1;us-east-1", "eu-west-1 ; us-east-1 ; eu-west-1"]
)
def test_regions_of_account_may_be_separated_in_any_way(tmp_path, cell):
    path = tmp_path / "accounts.csv"
    path.write_text(f"account_id,role_arn,regions\n444455556666,{ROLE},{cell}\n")
    (account,) = accounts_to_read(None, None, None, path)
    assert account.regions == ("eu-west-1", "us-east-1")


def test_regions_of_account_may_be_a_list_in_parquet(tmp_path):
    rows = {"account_id": [444455556666], "profile": ["lab"], "regions": [["eu-west-1", "us-east-1"]]}
    pd.DataFrame(rows).to_parquet(tmp_path / "accounts.parquet")
    (account,) = accounts_to_read(None, None, None, pd.read_parquet(tmp_path / "accounts.parquet"))
    assert account.regions == ("eu-west-1", "us-east-1")
    with pytest.raises(InvalidInput, match="is not a string of 12 digits"):
        accounts_to_read(None, None, None, pd.DataFrame(rows | {"account_id": [10**400]}))


def test_regions_of_account_precede_those_of_inventory(sandbox, connection, tmp_path):
    path = tmp_path / "accounts.csv"
    lines = [f"{each},{ROLE.replace('444455556666', each)}" for each in ("444455556666", "777788889999")]
    path.write_text(f"account_id,role_arn,regions\n{lines[0]},eu-west-1 eu-west-2\n{lines[1]},\n")
    found = kvs.inventory(accounts=path, regions=["us-west-2"], tags="none").coverage
    assert found[["account_id", "region"]].to_numpy().tolist() == [
        ["444455556666", "eu-west-1"],
        ["444455556666", "eu-west-2"],
        ["777788889999", "us-west-2"],
    ]


ORGANIZATIONS = [
    "Account ID,ARN,Email,Name,{state},Joined method,Joined timestamp\n",
    "012345678901,arn:aws-cn:organizations::111122223333:account/o-1/012345678901,a@b.c,Lab,ACTIVE,CREATED,2026-01-05\n",
    "444455556666,arn:aws-cn:organizations::111122223333:account/o-1/444455556666,d@e.f,Old,{closed},INVITED,2026-01-05\n",
]


@pytest.mark.parametrize(
    ("state", "closed"), [("Status", "SUSPENDED"), ("State", "CLOSED"), ("State", "PENDING_CLOSURE")]
)
@pytest.mark.parametrize("as_frame", [False, True])
def test_organizations_export_is_read_with_role_name(tmp_path, state, closed, as_frame):
    path = tmp_path / "Organization_accounts_information.csv"
    path.write_text("".join(ORGANIZATIONS).format(state=state, closed=closed))
    with pytest.warns(UserWarning, match="accounts that are not active are not read: 444455556666"):
        found = accounts_to_read(None, None, "x-1", pd.read_csv(path) if as_frame else path, role_name="Reader")
    role_arn = "arn:aws-cn:iam::012345678901:role/Reader"
    assert found == [Account(role_arn=role_arn, external_id="x-1", account_id="012345678901", account_name="Lab")]


def test_role_name_is_for_accounts_without_role_or_profile(tmp_path):
    path = tmp_path / "accounts.csv"
    path.write_text(f"account_id,role_arn,profile\n444455556666,{ROLE},\n777788889999,,lab\n111122223333,,\n")
    found = accounts_to_read(None, None, None, path, role_name="Auditor", partition="aws-us-gov")
    assert [each.label for each in found] == [ROLE, "lab", "arn:aws-us-gov:iam::111122223333:role/Auditor"]


@pytest.mark.parametrize("role_name", ["a b", "", "role/../x y", 5.5, "x" * 65])
def test_invalid_role_name_is_rejected(role_name):
    frame = pd.DataFrame({"account_id": ["444455556666"]})
    with pytest.raises(InvalidInput, match="role_name=.* is not valid"):
        accounts_to_read(None, None, None, frame, role_name=role_name)


def test_role_name_without_accounts_is_rejected():
    with pytest.raises(InvalidInput, match="role_name= needs accounts="):
        accounts_to_read(None, None, None, None, role_name="Reader")


# --- regions


def test_regions_are_deduplicated_and_default_to_connection(connection):
    assert regions_of_account(["eu-west-1", "us-east-1", "eu-west-1"], connection) == ["eu-west-1", "us-east-1"]
    assert regions_of_account(None, connection) == ["us-east-1"]


def test_all_regions_are_enabled_ones():
    with kvs.Sandbox(assumptions=kvs.Assumptions(disabled_regions=("eu-south-2", "il-central-1"))) as sandbox:
        found = regions_of_account("all", sandbox.connection())
    assert set(regions_in_partition_of("us-east-1")) - set(found) == {"eu-south-2", "il-central-1"}


def test_all_regions_fall_back_to_botocore_if_denied(sandbox, connection):
    sandbox.deny("account:ListRegions")
    assert regions_of_account("all", connection) == regions_in_partition_of("us-east-1")


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize(
    ("own", "found"),
    [
        ("us-gov-west-1", ["us-gov-east-1", "us-gov-west-1"]),
        ("cn-north-1", ["cn-north-1"]),
        ("us-isob-east-1", ["us-isob-east-1"]),  # botocore knows none of that partition
    ],
)
def test_all_regions_stay_in_partition_of_connection(sandbox, own, found, allowed):
    if not allowed:
        sandbox.deny("account:ListRegions")
    assert regions_of_account("all", sandbox.connection(region=own)) == found


def test_all_regions_are_tried_if_no_known_one_is_enabled():
    known = regions_in_partition_of("eu-central-2")  # public AWS, which is more than botocore knows for the service
    assert "eu-central-2" not in known
    with kvs.Sandbox(assumptions=kvs.Assumptions(disabled_regions=tuple(known))) as sandbox:
        assert regions_of_account("all", sandbox.connection(region="eu-central-2")) == known
