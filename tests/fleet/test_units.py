"""One bad account and region never changes the results of the others, whatever its replies are."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.regions import regions_in_partition_of
from kvs_notebook.fleet import account_region
from kvs_notebook.fleet.inventory import Inventory
from tests.fleet.scripted_service import (
    BASE,
    Reply,
    ScriptedService,
    as_json,
    channel_info,
    identity_of,
    scripted_service,
)

REGIONS = regions_in_partition_of("us-east-1")
ELSEWHERE = channel_info(BASE, "us-east-1", "a")["ChannelARN"]

ANY_REPLY: dict[str, Reply] = {
    "denied": as_json({"__type": "AccessDeniedException", "Message": "no"}, 403),
    "half a surrogate pair in an error": as_json({"__type": "AccessDeniedException", "Message": "\ud800"}, 403),
    "code is a list": as_json({"__type": ["x"], "Message": {"a": 1}}, 400),
    "unknown code": as_json({"__type": "\ud800", "message": None}, 400),
    "page of a proxy": (200, "text/html", b"<html>Please log in</html>"),
    "no body": (200, "application/json", b""),
    "list": as_json([]),
    "null": as_json(None),
    "number": as_json(7),
    "invalid UTF-8": (200, "application/json", b'{"ChannelInfoList": [{"ChannelName": "\xff"}]}'),
    "deep": (200, "application/json", b"[" * 9_000),
}
"""Faults that every operation may have."""


def with_info(**changes: Any) -> dict[str, Any]:
    """Return a reply with a channel whose ARN is replaced by that of the region that is asked, if the change has none."""
    return {"ChannelInfoList": [channel_info(BASE, "REGION", "a"), channel_info(BASE, "REGION", "b") | changes]}


LIST_REPLIES = {
    "items are a number": {"ChannelInfoList": 5},
    "items are text": {"ChannelInfoList": "abc"},
    "item is a number": {"ChannelInfoList": [5]},
    "item is null": {"ChannelInfoList": [None]},
    "no ARN": {"ChannelInfoList": [{"ChannelName": "a"}]},
    "ARN is a number": with_info(ChannelARN=5),
    "ARN of another region": with_info(ChannelARN=ELSEWHERE),
    "name is a number": with_info(ChannelName=7),
    "name is half a surrogate pair": with_info(ChannelName="\ud800"),
    "time is text": with_info(CreationTime="yesterday"),
    "time is a list": with_info(CreationTime=[1]),
    "time is far": with_info(CreationTime=1e300),
    "TTL is above int64": with_info(SingleMasterConfiguration={"MessageTtlSeconds": 2**70}),
    "configuration is a list": with_info(SingleMasterConfiguration=[1]),
    "version is a mapping": with_info(Version={"a": 1}),
}
TAG_REPLIES = {
    "items are a number": {"ResourceTagMappingList": 5, "Tags": 5},
    "item is a number": {"ResourceTagMappingList": [5], "Tags": [5]},
    "no ARN": {"ResourceTagMappingList": [{"Tags": []}], "Tags": "abc"},
    "half a surrogate pair": {
        "ResourceTagMappingList": [{"ResourceARN": "ARN", "Tags": [{"Key": "\ud800", "Value": "x"}]}],
        "Tags": {"\ud800": "x"},
    },
    "value is a number": {
        "ResourceTagMappingList": [{"ResourceARN": "ARN", "Tags": [{"Key": "Site", "Value": 7}]}],
        "Tags": {"Site": 7},
    },
}


@pytest.fixture(scope="module")
def service():
    with scripted_service() as running:
        yield running


@pytest.fixture(scope="module")
def inventories() -> dict[tuple[str, int], Inventory]:
    """The inventories without a fault that the tests have read so far, by the way that tags are read and the regions."""
    return {}


@pytest.fixture
def healthy(inventories, connection):
    def read(regions: list[str], tags: str = "bulk") -> Inventory:
        key = (tags, len(regions))
        if key not in inventories:
            inventories[key] = kvs.inventory(regions=regions, tags=tags)
        return inventories[key]

    return read


@pytest.fixture
def connection(service: ScriptedService, monkeypatch):
    service.script.clear()
    service.enabled = REGIONS[:2]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    return kvs.connect(endpoint_url=service.url, region="us-east-1")


def of_region(reply: dict[str, Any], region: str) -> Reply:
    """Return a reply about the channels of a region."""
    status, kind, body = as_json(reply)
    arn = channel_info(BASE, region, "a")["ChannelARN"]
    return status, kind, body.replace(b"REGION", region.encode()).replace(b'"ARN"', f'"{arn}"'.encode())


def check_others(found: Inventory, bad: set[tuple[str, str]], healthy: Inventory) -> None:
    """Check that exactly the bad account-regions are gaps, and that all else equals the inventory without a fault."""
    assert set(zip(found.gaps["account_id"], found.gaps["region"], strict=True)) == bad
    for name in ("channels", "tags", "coverage"):
        of_others = [_others(getattr(each, name), bad) for each in (found, healthy)]
        pd.testing.assert_frame_equal(*of_others)


def _others(frame: pd.DataFrame, bad: set[tuple[str, str]]) -> pd.DataFrame:
    kept = [key not in bad for key in zip(frame["account_id"], frame["region"], strict=True)]
    return frame[kept].drop(columns="seconds", errors="ignore").reset_index(drop=True)


def script_regions(service: ScriptedService, operations: list[str], replies: list[Any]) -> set[tuple[str, str]]:
    """Add another fault to each region but the first; return the account-regions that have one."""
    places = REGIONS[1 : 1 + len(replies)]
    for reply, region in zip(replies, places, strict=True):
        scripted = reply if isinstance(reply, tuple) else of_region(reply, region)
        service.script |= {(operation, BASE, region): scripted for operation in operations}
    return {(BASE, region) for region in places}


def regions_for(replies: list[Any]) -> list[str]:
    """Return a region for each fault, between healthy ones."""
    assert len(replies) + 3 <= len(REGIONS)
    return REGIONS[: len(replies) + 3]


@pytest.mark.parametrize("faults", [ANY_REPLY, LIST_REPLIES])
def test_bad_list_is_only_gap(service, healthy, faults):
    replies = [*faults.values()]
    before = healthy(regions_for(replies), "none")
    bad = script_regions(service, ["listSignalingChannels"], replies)
    found = kvs.inventory(regions=regions_for(replies), tags="none")
    check_others(found, bad, before)
    assert set(zip(found.channels["account_id"], found.channels["region"], strict=True)).isdisjoint(bad)


@pytest.mark.draw(1)
@pytest.mark.parametrize("mode", ["bulk", "each"])
def test_bad_tags_are_only_gap_and_channels_are_kept(service, healthy, mode):
    replies = [*(ANY_REPLY | TAG_REPLIES).values()]
    before = healthy(regions_for(replies), mode)
    bad = script_regions(service, ["GetResources", "ListTagsForResource"], replies)
    found = kvs.inventory(regions=regions_for(replies), tags=mode)
    check_others(found, bad, before)
    pd.testing.assert_frame_equal(found.channels, before.channels)
    unread = kvs.reports.tag_problems(found, {"Site": None}).query("problem == 'unknown'")
    assert set(zip(unread["account_id"], unread["region"], strict=True)) == bad


def test_tags_are_read_each_if_bulk_reply_is_bad(service, healthy):
    replies = [*ANY_REPLY.values()]
    before = healthy(regions_for(replies))
    script_regions(service, ["GetResources"], replies)
    found = kvs.inventory(regions=regions_for(replies))
    assert found.gaps.empty
    pd.testing.assert_frame_equal(found.tags, before.tags)


STS_REPLIES = {
    **{name: reply for name, reply in ANY_REPLY.items() if reply[0] == 200},
    "denied": (403, "text/xml", b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"),
    "no members": (200, "text/xml", b"<R><GetCallerIdentityResult/></R>"),
    "path": (200, "text/xml", identity_of("../../../x")),
    "11 digits": (200, "text/xml", identity_of("11112222333")),
    "other digits": (200, "text/xml", identity_of("\N{FULLWIDTH DIGIT ONE}" * 12)),
    "markup": (200, "text/xml", identity_of("<b>1</b>")),
}


@pytest.mark.parametrize("operation", ["GetCallerIdentity", "AssumeRole"])
def test_account_with_bad_reply_of_sts_is_only_gap(service, connection, operation):
    accounts = [f"{number:012}" for number in range(1, len(STS_REPLIES) + 2)]
    roles = [f"arn:aws:iam::{account}:role/Reader" for account in accounts]
    healthy = kvs.inventory(role_arns=roles[-1:])
    for account, reply in zip(accounts, STS_REPLIES.values(), strict=False):
        service.script[operation, account, "us-east-1"] = reply
    found = kvs.inventory(role_arns=roles)
    assert set(found.gaps["account_id"]) == set(accounts[:-1])
    assert found.gaps["region"].isna().all()
    pd.testing.assert_frame_equal(found.channels, healthy.channels)


REGION_REPLIES = {
    **ANY_REPLY,
    "items are a number": as_json({"Regions": 5}),
    "item is a number": as_json({"Regions": [5]}),
    "no name": as_json({"Regions": [{"RegionOptStatus": "ENABLED"}]}),
    "name is a list": as_json({"Regions": [{"RegionName": [1], "RegionOptStatus": "ENABLED"}]}),
    "status is a list": as_json({"Regions": [{"RegionName": "us-east-1", "RegionOptStatus": ["ENABLED"]}]}),
}


def test_bad_list_of_regions_changes_no_other_account(service, connection, monkeypatch):
    monkeypatch.setattr("kvs_notebook.fleet.region_selection.regions_in_partition_of", lambda _: REGIONS[:3])
    accounts = [f"{number:012}" for number in range(1, len(REGION_REPLIES) + 2)]
    roles = [f"arn:aws:iam::{account}:role/Reader" for account in accounts]
    for account, reply in zip(accounts, REGION_REPLIES.values(), strict=False):
        service.script["listRegions", account, "us-east-1"] = reply
    found = kvs.inventory(role_arns=roles, regions="all", tags="none")
    assert set(found.coverage["account_id"]) == set(accounts)  # each is read in all regions, or is a gap
    assert found.coverage.query("account_id == @accounts[-1]")["region"].tolist() == sorted(REGIONS[:2])
    regions_of_others = (
        found.coverage.query("account_id != @accounts[-1] and status == 'ok'").groupby("account_id").size()
    )
    assert set(regions_of_others) <= {3}


def test_any_exception_of_reader_is_only_gap(service, healthy, monkeypatch):
    raised = [SystemExit("no token"), MemoryError(), RecursionError(), UnicodeError("x"), KeyError("a")]
    errors = dict(zip(REGIONS[1:], raised, strict=False))
    before = healthy(regions_for(raised))
    listed = account_region.channel_infos

    def fail_in_some_regions(prefix, connection):
        if connection.region in errors:
            raise errors[connection.region]
        return listed(prefix, connection)

    monkeypatch.setattr(account_region, "channel_infos", fail_in_some_regions)
    found = kvs.inventory(regions=regions_for(raised))
    check_others(found, {(BASE, region) for region in errors}, before)
    codes = dict(zip(found.gaps["region"], found.gaps["error_code"], strict=True))
    assert codes == {region: type(error).__name__ for region, error in errors.items()}
