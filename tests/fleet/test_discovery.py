"""Accounts that cannot be connected to become gaps, each with its name."""

from __future__ import annotations

import os
import pathlib
import re

import numpy as np
import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.cli.inventory_output import describe_gaps
from kvs_notebook.errors import InventoryIncomplete, NoRegion
from tests.fleet.inventories import OTHER, REGIONS, ROLE, statuses


def test_role_is_assumed_with_external_id():
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(role_external_id="our-contract")) as sandbox:
        here = sandbox.connection()
        assert kvs.inventory(role_arns=[ROLE], external_id="our-contract", connection=here).gaps.empty
        without = kvs.inventory(role_arns=[ROLE], connection=here)
    assert without.coverage[["account_id", "status", "error_code"]].to_numpy().tolist() == [
        [OTHER, "denied", "AccessDenied"]
    ]


def test_two_roles_of_one_account_count_it_once(fleet_of_two_accounts, connection):
    found = kvs.inventory(role_arns=[ROLE, f"arn:aws:iam::{OTHER}:role/Writer"])
    assert len(found.coverage) == 1
    assert len(found.channels) == 5


def test_failed_account_has_coverage_row_without_region(fleet_of_two_accounts, connection):
    fleet_of_two_accounts.deny("sts:AssumeRole")
    found = kvs.inventory(role_arns=[ROLE])
    assert found.coverage[["account_id", "status"]].to_numpy().tolist() == [[OTHER, "denied"]]
    assert found.coverage["region"].isna().all()


def test_failed_accounts_are_each_named(fleet_of_two_accounts, connection, monkeypatch):
    fleet_of_two_accounts.faults.add("GetCallerIdentity", "expired", times=None)
    for name, value in fleet_of_two_accounts.environment({}).items():
        monkeypatch.setenv(name, value)
    config = pathlib.Path(os.environ["AWS_CONFIG_FILE"])
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config.with_name("two")))
    text = config.read_text()
    config.with_name("two").write_text(text.replace("[profile sandbox]", "[profile lab]") + "\n" + text)
    with pytest.warns(UserWarning, match="Coverage names what was not read") as warned:
        found = kvs.inventory(profiles=["lab", "sandbox"], role_arns=[ROLE.replace(OTHER, "000000000000")])
    assert [str(each.message).partition(":")[0] for each in warned] == [
        "Nothing is read of lab",
        "Nothing is read of sandbox",
        "The inventory ends early",
    ]
    with pytest.raises(InventoryIncomplete) as raised:
        found.raise_for_failures()
    assert "nan" not in str(raised.value)
    named = describe_gaps(found)
    assert [label for label, _ in named] == ["an account", "an account", "000000000000"]
    assert [message.partition(":")[0] for _, message in named[:2]] == ["lab", "sandbox"]


@pytest.fixture
def profiles(fleet, monkeypatch, tmp_path):
    """A function that adds a profile to the sandbox's own, which is the current connection."""
    for name, value in fleet.environment({}).items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "config"
    config.write_text(pathlib.Path(os.environ["AWS_CONFIG_FILE"]).read_text())
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    kvs.connect("sandbox", region="us-east-1")

    def add(name, *lines):
        with config.open("a") as file:
            region = [] if any(line.startswith("region") for line in lines) else ["region = us-east-1"]
            file.write("\n".join(["", f"[profile {name}]", *region, *lines, ""]))

    return add


@pytest.mark.parametrize("regions", [["us-east-1", "eu-west-1"], "all"])
def test_profiles_are_read_without_a_region_of_the_default_chain(regions, profiles, monkeypatch):
    keys = kvs.current_connection().credentials()
    endpoint = kvs.current_connection().config.endpoint_url
    profiles(
        "lab",
        f"endpoint_url = {endpoint}",
        f"aws_access_key_id = {keys.access_key}",
        f"aws_secret_access_key = {keys.secret_key}",
    )
    set_current(None)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    found = kvs.inventory(profiles=["lab"], regions=regions)
    found.raise_for_failures()
    assert not found.channels.empty
    with pytest.raises(NoRegion):
        kvs.inventory()


def test_each_profile_is_read_in_its_own_region(profiles, monkeypatch):
    """As boto3 does; the region of the environment precedes it, and a profile without one takes the connection's."""
    base = kvs.current_connection()
    keys = base.credentials()
    lines = [
        f"endpoint_url = {base.config.endpoint_url}",
        f"aws_access_key_id = {keys.access_key}",
        f"aws_secret_access_key = {keys.secret_key}",
    ]
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    profiles("ireland", "region = eu-west-1", *lines)
    profiles("nowhere", "region =", *lines)
    regions_of = lambda *names: kvs.inventory(profiles=names, tags="none").coverage["region"].tolist()  # noqa: E731
    assert regions_of("sandbox", "ireland") == ["eu-west-1", "us-east-1"]
    assert regions_of("ireland", "nowhere") == ["eu-west-1", "us-east-1"]
    set_current(None)
    monkeypatch.delenv("AWS_PROFILE")
    assert regions_of("nowhere", "ireland") == ["eu-west-1"]  # there is no other region
    with pytest.raises(NoRegion):
        regions_of("nowhere")
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    assert regions_of("sandbox", "ireland") == ["ap-southeast-2"]


@pytest.mark.parametrize(
    "lines",
    [
        ["credential_process = /nowhere/to/be/found"],
        ["web_identity_token_file = /nowhere", f"role_arn = {ROLE}"],
        ["source_profile = missing", f"role_arn = {ROLE}"],
    ],
    ids=["no program", "no token", "no source"],
)
def test_unusable_profile_is_gap_and_others_are_read(profiles, lines):
    profiles("lab", *lines)
    with pytest.warns(UserWarning, match="Nothing is read of lab: .* Correct profile 'lab'"):
        found = kvs.inventory(profiles=["sandbox", "lab"])
    assert len(found.channels) == 11
    assert found.gaps["status"].tolist() == ["expired"]
    assert found.gaps["message"].item().startswith("lab: ")
    assert re.search(r"Correct profile 'lab' in .*config and call again\.$", found.gaps["message"].item())


def test_profile_that_needs_mfa_code_is_gap(profiles):
    profiles("lab", "source_profile = sandbox", f"role_arn = {ROLE}", "mfa_serial = arn:aws:iam::444455556666:mfa/me")
    with pytest.warns(UserWarning, match="Nothing is read of lab: .* requires an MFA code"):
        found = kvs.inventory(profiles=["sandbox", "lab"])
    assert len(found.channels) == 11
    assert found.gaps["status"].tolist() == ["expired"]
    assert "lab: GetCallerIdentity failed: profile 'lab' requires an MFA code" in found.gaps["message"].item()


def test_gap_message_starts_with_profile(profiles):
    profiles("sso", "credential_process = /nowhere/to/be/sso")
    with pytest.warns(UserWarning, match="Nothing is read of sso"):
        found = kvs.inventory(profiles=["sandbox", "sso"])
    assert found.gaps["message"].item().startswith("sso: ")


def test_misspelt_profile_warns_and_has_no_credentials(profiles):
    with pytest.warns(UserWarning, match="Nothing is read of sandbx: .*sandbx.*sandbox") as warned:
        found = kvs.inventory(profiles=["sandbx", "sandbox"])
    assert len(warned) == 1
    assert found.coverage["status"].tolist() == ["no_credentials", "ok"]


def test_account_name_is_of_first_role(fleet_of_two_accounts, connection):
    frame = pd.DataFrame(
        {
            "account_id": [OTHER] * 2,
            "role_arn": [ROLE, ROLE.replace("Reader", "Writer")],
            "account_name": ["Lab", "Attic"],
        }
    )
    assert kvs.inventory(accounts=frame).account_names == {OTHER: "Lab"}


def test_regions_and_roles_accept_any_iterable(sandbox, connection):
    for kind in (pd.Series, pd.Index, np.array, tuple, iter):
        found = kvs.inventory(role_arns=kind([ROLE]), regions=kind(REGIONS[:2]), tags="none")
        assert statuses(found) == {(OTHER, region): "ok" for region in REGIONS[:2]}, kind


def test_profile_of_another_account_is_rejected(fleet, tmp_path, monkeypatch):
    for name, value in fleet.environment({}).items():
        monkeypatch.setenv(name, value)
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account_id,profile\n999999999999,sandbox\n")
    message = kvs.inventory(accounts=accounts, connection=kvs.connect()).coverage["message"].item()
    assert message == "sandbox belongs to account 111122223333, not to 999999999999. Correct the accounts file."
