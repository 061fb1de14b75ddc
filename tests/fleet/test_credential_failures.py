"""Credentials that are refused end the accounts that they belong to, and no other."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook.aws import concurrency
from kvs_notebook.errors import InventoryIncomplete
from kvs_notebook.fleet import account_region, collector
from tests.fleet.inventories import OTHER, REGIONS, ROLE, check_only_gap, statuses

THIRD = "777788889999"


TWO_ROLES = [ROLE, ROLE.replace(OTHER, THIRD)]


def test_expired_credentials_end_inventory_with_one_warning(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    fleet.faults.add("ListSignalingChannels", "expired", times=None, region="eu-west-1")
    with pytest.warns(UserWarning, match="The inventory ends early") as warned:
        found = kvs.inventory(regions=REGIONS)
    assert len(warned) == 1
    assert statuses(found) == {
        ("111122223333", "us-east-1"): "ok",
        ("111122223333", "eu-west-1"): "expired",
        ("111122223333", "ap-southeast-2"): "expired",
    }
    assert len(fleet.requests.query("region == 'ap-southeast-2'")) == 0


def test_revoked_key_is_expired_not_region_disabled(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    listed = account_region.channel_infos

    def revoked_after_the_first(*arguments):
        infos = listed(*arguments)
        fleet.faults.add("*", "revoked", times=None)
        return infos

    monkeypatch.setattr(account_region, "channel_infos", revoked_after_the_first)
    with pytest.warns(UserWarning, match="The inventory ends early"):
        found = kvs.inventory(regions=REGIONS, tags="none")
    assert statuses(found) == {
        ("111122223333", "us-east-1"): "ok",
        ("111122223333", "eu-west-1"): "expired",
        ("111122223333", "ap-southeast-2"): "expired",
    }
    with pytest.raises(InventoryIncomplete, match="Gaps in 2 of 3 account-regions"):
        found.raise_for_failures()


def test_unknown_key_is_error_if_sts_fails(fleet, connection):
    assert connection.identity()  # known before STS fails
    fleet.faults.add("ListSignalingChannels", "revoked", times=None, region="eu-west-1")
    fleet.faults.add("GetCallerIdentity", "error", times=None)
    found = kvs.inventory(regions=REGIONS, connection=connection)
    check_only_gap(found, "111122223333", "eu-west-1", "error")


@pytest.mark.parametrize("kind", ["expired", "revoked"])
def test_refused_role_ends_only_its_account(fleet_of_two_accounts, connection, monkeypatch, kind):
    monkeypatch.setattr(collector, "THREADS", 1)
    listed = account_region.channel_infos

    def refused_after_the_first(*arguments):
        infos = listed(*arguments)
        fleet_of_two_accounts.faults.add("*", kind, times=None, account_id=OTHER)
        return infos

    monkeypatch.setattr(account_region, "channel_infos", refused_after_the_first)
    with pytest.warns(UserWarning, match=f"Reading {ROLE} ends early") as warned:
        found = kvs.inventory(role_arns=TWO_ROLES, regions=REGIONS, tags="none")
    assert len(warned) == 1
    assert statuses(found) == {
        (OTHER, "us-east-1"): "ok",
        (OTHER, "eu-west-1"): "expired",
        (OTHER, "ap-southeast-2"): "expired",
        **{(THIRD, region): "ok" for region in REGIONS},
    }


def test_role_that_fails_leaves_others_readable(fleet_of_two_accounts, connection, monkeypatch):
    monkeypatch.setattr(concurrency, "THREADS", 1)
    fleet_of_two_accounts.faults.add("GetCallerIdentity", "expired", times=None, account_id=OTHER)
    with pytest.warns(UserWarning, match=f"Nothing is read of {ROLE}"):
        found = kvs.inventory(role_arns=TWO_ROLES, tags="none")
    assert dict(zip(found.coverage["account_id"], found.coverage["status"], strict=True)) == {
        OTHER: "expired",
        THIRD: "ok",
    }


def test_expired_profile_leaves_roles_readable(fleet_of_two_accounts, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    for name, value in fleet_of_two_accounts.environment({}).items():
        monkeypatch.setenv(name, value)
    fleet_of_two_accounts.faults.add("ListSignalingChannels", "expired", times=None, account_id="111122223333")
    with pytest.warns(UserWarning, match="Reading sandbox ends early"):
        found = kvs.inventory(profiles=["sandbox"], role_arns=[ROLE], regions=REGIONS[:2], tags="none")
    assert statuses(found) == {
        ("111122223333", "us-east-1"): "expired",
        ("111122223333", "eu-west-1"): "expired",
        (OTHER, "us-east-1"): "ok",
        (OTHER, "eu-west-1"): "ok",
    }
    assert (
        len(
            fleet_of_two_accounts.requests.query(
                "operation == 'ListSignalingChannels' and account_id == '111122223333'"
            )
        )
        == 1
    )


def test_expired_base_stops_assuming_further_roles(fleet, connection):
    for operation in ("AssumeRole", "GetCallerIdentity"):
        fleet.faults.add(operation, "expired", times=None)
    roles = [f"arn:aws:iam::{number:012}:role/Reader" for number in range(1, 61)]
    with pytest.warns(UserWarning, match="The inventory ends early") as warned:
        found = kvs.inventory(role_arns=roles)
    assert len(warned) == 1
    assert found.coverage["status"].tolist() == ["expired"] * 60
    assert found.coverage["account_id"].tolist() == [f"{number:012}" for number in range(1, 61)]
    assert len(fleet.requests.query("operation == 'AssumeRole'")) <= 2 * concurrency.THREADS


def test_credentials_expiring_during_tags_end_inventory(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 1)
    fleet.faults.add("GetResources", "expired", times=None)
    with pytest.warns(UserWarning, match="The inventory ends early"):
        found = kvs.inventory(regions=REGIONS)
    assert found.coverage[["region", "status", "tags_source"]].to_numpy().tolist() == [
        ["ap-southeast-2", "expired", "none"],
        ["eu-west-1", "expired", "none"],
        ["us-east-1", "ok", "failed"],
    ]
    assert len(found.channels) == 11
    assert "ListTagsForResource" not in set(fleet.requests["operation"])
