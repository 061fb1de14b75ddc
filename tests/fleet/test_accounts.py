"""The accounts and regions that an inventory reads."""

from __future__ import annotations

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
        ("", "Can't read the accounts"),
        ("account_id,role_arn\n", "has no row"),
        ("name\nx\n", "Expected account_id, and role_arn or profile"),
        ("account_id,profile\n44445555666,lab\n", "row 2: Account id '44445555666' is not a string of 12 digits"),
        (
            f"account_id,role_arn,profile\n444455556666,{ROLE},lab\n",
            "row 2: account 444455556666 needs either role_arn or profile",
        ),
        (
            "account_id,role_arn,profile\n444455556666,,\n",
            "row 2: account 444455556666 needs either role_arn or profile",
        ),
        (f"account_id,role_arn\n111122223333,{ROLE}\n", "is not a role of account 111122223333"),
        ("account_id,role_arn\n444455556666,Reader\n", "'Reader' is not the ARN of an IAM role"),
    ],
)
def test_invalid_accounts_file_names_row(tmp_path, text, message):
    path = tmp_path / "accounts.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        accounts_to_read(None, None, None, path)


def test_missing_accounts_file_raises_invalid_input(tmp_path):
    with pytest.raises(InvalidInput, match="Can't read the accounts in"):
        accounts_to_read(None, None, None, tmp_path / "none.csv")


@pytest.mark.parametrize("options", [{"profiles": "fleet"}, {"role_arns": ROLE}])
def test_string_instead_of_list_is_rejected(options):
    with pytest.raises(InvalidInput, match="is not a list"):
        accounts_to_read(options.get("profiles"), options.get("role_arns"), None, None)


@pytest.mark.parametrize("options", [{"profiles": []}, {"role_arns": ()}])
def test_empty_list_is_rejected(options):
    with pytest.raises(InvalidInput, match="is an empty list"):
        accounts_to_read(options.get("profiles"), options.get("role_arns"), None, None)


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
