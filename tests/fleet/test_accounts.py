"""Which accounts and regions an inventory reads."""

from __future__ import annotations

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.regions import regions_in_partition_of
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.accounts import Account, accounts_of, regions_of

ROLE = "arn:aws:iam::444455556666:role/Reader"


def test_without_a_name_it_is_the_sessions_own_account():
    assert accounts_of(None, None, None, None) == [Account()]


def test_profiles_and_roles_are_ways_into_accounts_each_taken_once():
    found = accounts_of(["fleet", "lab", "fleet"], [ROLE], "our-contract", None)
    assert found == [
        Account(profile="fleet"),
        Account(profile="lab"),
        Account(role_arn=ROLE, external_id="our-contract", account_id="444455556666"),
    ]


@pytest.mark.parametrize("as_frame", [False, True])
def test_an_accounts_file_keeps_zeros_names_and_external_ids(tmp_path, as_frame):
    path = tmp_path / "accounts.csv"
    path.write_text(
        "account_id,role_arn,profile,account_name,external_id\n"
        "000000000000,arn:aws:iam::000000000000:role/Reader,,Testing,x-1\n"
        "444455556666,,lab,NA,\n",
        encoding="utf-8-sig",
    )
    given = pd.read_csv(path, dtype="str", keep_default_na=False) if as_frame else path
    assert accounts_of(None, None, None, given) == [
        Account(
            role_arn="arn:aws:iam::000000000000:role/Reader",
            external_id="x-1",
            account_id="000000000000",
            account_name="Testing",
        ),
        Account(profile="lab", account_id="444455556666", account_name="NA"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Can't read the accounts"),
        ("account_id,role_arn\n", "names no account"),
        ("name\nx\n", "it needs account_id, and role_arn or profile"),
        ("account_id,profile\n44445555666,lab\n", "row 2: account_id '44445555666' has not 12 digits"),
        (f"account_id,role_arn,profile\n444455556666,{ROLE},lab\n", "row 2: give either role_arn or profile"),
        ("account_id,role_arn,profile\n444455556666,,\n", "row 2: give either role_arn or profile"),
        (f"account_id,role_arn\n111122223333,{ROLE}\n", "is not a role of account 111122223333"),
        ("account_id,role_arn\n444455556666,Reader\n", "'Reader' is not the ARN of an IAM role"),
    ],
)
def test_an_accounts_file_that_cannot_be_meant_names_the_row(tmp_path, text, said):
    path = tmp_path / "accounts.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        accounts_of(None, None, None, path)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(InvalidInput, match="Can't read the accounts in"):
        accounts_of(None, None, None, tmp_path / "none.csv")


@pytest.mark.parametrize("options", [{"profiles": "fleet"}, {"role_arns": ROLE}])
def test_one_name_where_a_list_is_meant_is_no_list_of_letters(options):
    with pytest.raises(InvalidInput, match="give a list"):
        accounts_of(options.get("profiles"), options.get("role_arns"), None, None)


@pytest.mark.parametrize("options", [{"profiles": []}, {"role_arns": ()}])
def test_a_list_of_nobody_does_not_mean_the_sessions_own_account(options):
    with pytest.raises(InvalidInput, match="names none"):
        accounts_of(options.get("profiles"), options.get("role_arns"), None, None)


# --- regions


def test_regions_that_are_named_are_taken_once_and_none_is_the_connections_own(connection):
    assert regions_of(["eu-west-1", "us-east-1", "eu-west-1"], connection) == ["eu-west-1", "us-east-1"]
    assert regions_of(None, connection) == ["us-east-1"]


def test_all_regions_are_those_that_the_account_has_enabled():
    with kvs.Sandbox(assumptions=kvs.Assumptions(disabled_regions=("eu-south-2", "il-central-1"))) as sandbox:
        found = regions_of("all", sandbox.connection())
    assert set(regions_in_partition_of("us-east-1")) - set(found) == {"eu-south-2", "il-central-1"}


def test_where_the_account_may_not_say_all_regions_are_those_that_botocore_knows(sandbox, connection):
    sandbox.deny("account:ListRegions")
    assert regions_of("all", connection) == regions_in_partition_of("us-east-1")


@pytest.mark.parametrize("may_say", [True, False])
@pytest.mark.parametrize(
    ("own", "found"),
    [
        ("us-gov-west-1", ["us-gov-east-1", "us-gov-west-1"]),
        ("cn-north-1", ["cn-north-1"]),
        ("us-isob-east-1", ["us-isob-east-1"]),  # botocore knows none of that partition
    ],
)
def test_all_regions_are_those_of_the_connections_partition(sandbox, own, found, may_say):
    if not may_say:
        sandbox.deny("account:ListRegions")
    assert regions_of("all", sandbox.connection(region=own)) == found


def test_an_account_that_enables_no_region_that_botocore_knows_is_not_taken_for_an_empty_one():
    known = regions_in_partition_of("eu-central-2")  # public AWS, which is more than botocore knows for the service
    assert "eu-central-2" not in known
    with kvs.Sandbox(assumptions=kvs.Assumptions(disabled_regions=tuple(known))) as sandbox:
        assert regions_of("all", sandbox.connection(region="eu-central-2")) == known
