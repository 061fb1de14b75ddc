"""Comparisons: what changed; a channel that was not read is never removed."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.dataframes.builders import channels_frame, concat, tags_frame
from kvs_notebook.dataframes.schemas import CHANGES, CHANNELS
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.coverage import coverage_frame, unread_row
from kvs_notebook.fleet.inventory import Inventory

REGIONS = ["us-east-1", "eu-west-1"]
ACCOUNT = "111122223333"
MONDAY, TUESDAY = "2026-01-05", "2026-01-06"


@pytest.fixture
def history(fleet, tmp_path):
    """A folder with the snapshot of the first day; each test saves the second."""
    kvs.save_snapshot(kvs.inventory(regions=REGIONS), tmp_path / "history", date=MONDAY)
    return tmp_path / "history"


def changes(history, **options: Any) -> list[tuple[Any, ...]]:
    """Save the second day and return the changes: region, name, change, column, before, after, a missing value as None."""
    kvs.save_snapshot(kvs.inventory(regions=REGIONS, **options), history, date=TUESDAY)
    return rows(kvs.compare_snapshots(history))


def rows(found: pd.DataFrame) -> list[tuple[Any, ...]]:
    found = found[["region", "channel_name", "change", "column", "before", "after"]]
    found = found.astype("object").where(found.notna(), None)
    return [tuple(row) for row in found.itertuples(index=False)]


# --- what changed


def test_no_change_returns_exact_empty_frame(history):
    assert changes(history) == []
    found = kvs.compare_snapshots(history)
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dict(CHANGES)


def test_new_and_deleted_channels_are_added_and_removed(history):
    kvs.create_channel("roof")
    kvs.delete_channel("parking-south", wait=True)
    assert changes(history) == [
        ("us-east-1", "parking-south", "removed", None, None, None),
        ("us-east-1", "roof", "added", None, None, None),
    ]


def test_change_has_old_and_new_value_of_column_and_tag(history):
    before, after = kvs.describe_channel("test-jchen"), kvs.update_channel("test-jchen", message_ttl_seconds=30)
    kvs.tag_channel("test-jchen", {"Owner": "jchen", "Note": ""})
    kvs.tag_channel("parking-north", {"Env": "staging"})
    kvs.untag_channel("parking-north", ["Site"])
    assert changes(history) == [
        ("us-east-1", "parking-north", "changed", "tag:Env", "prod", "staging"),
        ("us-east-1", "parking-north", "changed", "tag:Site", "Boston HQ", None),
        ("us-east-1", "test-jchen", "changed", "message_ttl_seconds", "60", "30"),
        ("us-east-1", "test-jchen", "changed", "tag:Note", None, ""),
        ("us-east-1", "test-jchen", "changed", "tag:Owner", None, "jchen"),
    ]
    versions = rows(kvs.compare_snapshots(history, versions=True).query("column == 'version'"))
    assert versions == [
        ("us-east-1", "test-jchen", "changed", "version", before["version"].item(), after["version"].item())
    ]


def test_update_to_same_values_is_change_on_request(history):
    ttl = kvs.describe_channel("test-jchen")["message_ttl_seconds"].item()
    for seconds in (30, ttl):
        kvs.update_channel("test-jchen", message_ttl_seconds=seconds)
    assert changes(history) == []
    found = kvs.compare_snapshots(history, versions=True)
    assert found[["channel_name", "column"]].to_numpy().tolist() == [["test-jchen", "version"]]
    assert found["after"].equals(found["version"].rename("after"))


def test_same_name_with_another_arn_is_recreated(history):
    old = kvs.describe_channel("front-door-hq")["channel_arn"].item()
    kvs.delete_channel("front-door-hq", wait=True)
    new = kvs.create_channel("front-door-hq")["channel_arn"].item()
    assert changes(history) == [("us-east-1", "front-door-hq", "recreated", "channel_arn", old, new)]


def test_changes_survive_csv_round_trip(history, tmp_path):
    kvs.create_channel("roof", tags={"Formula": "=1+1"})
    kvs.tag_channel("test-jchen", {"Note": ""})
    changes(history)
    found = kvs.compare_snapshots(history)
    kvs.to_csv(found, tmp_path / "changes.csv")
    assert kvs.read_csv(tmp_path / "changes.csv").equals(found)


# --- what is unknown


def test_denied_account_region_is_unknown_and_not_removed(history, fleet):
    kvs.create_channel("roof")
    fleet.deny("kinesisvideo:List*", region="eu-west-1")
    assert changes(history) == [
        ("eu-west-1", None, "unknown", "status", "ok", "denied"),
        ("us-east-1", "roof", "added", None, None, None),
    ]


def test_account_region_read_again_is_not_added(history, fleet):
    fleet.deny("kinesisvideo:List*", region="eu-west-1")
    changes(history)
    fleet.clear_denials()
    kvs.save_snapshot(kvs.inventory(regions=REGIONS), history, date="2026-01-07")
    assert rows(kvs.compare_snapshots(history)) == [("eu-west-1", None, "unknown", "status", "denied", "ok")]
    assert rows(kvs.compare_snapshots(history, before=MONDAY)) == []


def test_account_region_requested_on_one_day_is_unknown(history):
    everywhere = kvs.inventory(regions=[*REGIONS, "ap-southeast-2"])
    assert rows(kvs.compare_snapshots(history, after=everywhere)) == [
        ("ap-southeast-2", None, "unknown", "status", None, "ok")
    ]


def test_failed_account_is_unknown_with_its_status(fleet, tmp_path):
    roles = ["arn:aws:iam::444455556666:role/Reader"]
    kvs.save_snapshot(kvs.inventory(role_arns=roles, regions=REGIONS), tmp_path, date=MONDAY)
    fleet.deny("sts:AssumeRole")
    failed = kvs.inventory(role_arns=roles, regions=REGIONS)
    assert rows(kvs.compare_snapshots(tmp_path, after=failed)) == [
        (region, None, "unknown", "status", "ok", "denied") for region in sorted(REGIONS)
    ]


def test_damaged_file_is_unknown_and_never_removed(history):
    changes(history)
    path = history / f"date={TUESDAY}" / f"{ACCOUNT}_us-east-1.parquet"
    content = path.read_bytes()
    expected = [("us-east-1", None, "unknown", "status", "ok", "error")]
    for damaged in (b"", content[:-20], content[:4] + bytes(400) + content[404:]):
        path.write_bytes(damaged)
        assert rows(kvs.compare_snapshots(history)) == expected
    path.unlink()
    assert rows(kvs.compare_snapshots(history)) == expected


def test_unread_tags_are_unknown_while_channels_are_compared(history, fleet):
    kvs.create_channel("roof")
    for action in ("tag:*", "kinesisvideo:ListTags*"):
        fleet.deny(action, region="us-east-1")
    assert changes(history) == [
        ("us-east-1", "roof", "added", None, None, None),
        ("us-east-1", None, "unknown", "tags", "bulk", "failed"),
    ]


def test_tags_read_in_another_mode_are_equal(history):
    assert changes(history, tags="each") == []


def test_region_never_enabled_has_no_change(tmp_path):
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(disabled_regions=("eu-west-1",))) as sandbox:
        for day in (MONDAY, TUESDAY):
            kvs.save_snapshot(kvs.inventory(regions=REGIONS, connection=sandbox.connection()), tmp_path, date=day)
    assert rows(kvs.compare_snapshots(tmp_path)) == []


# --- which two


def test_inventory_is_compared_with_newest_snapshot(history):
    changes(history)
    kvs.create_channel("roof")
    assert [row[1:3] for row in rows(kvs.compare_snapshots(history, after=kvs.inventory(regions=REGIONS)))] == [
        ("roof", "added")
    ]


def test_two_inventories_need_no_folder(fleet, tmp_path):
    before = kvs.inventory()
    kvs.create_channel("roof")
    found = kvs.compare_snapshots(tmp_path / "none", before=before, after=kvs.inventory())
    assert found["change"].tolist() == ["added"]


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ({}, "There is no snapshot before 2026-01-05 to compare with"),
        ({"before": "2026-01-04"}, "There is no snapshot of 2026-01-04. The newest are of 2026-01-05"),
        ({"after": "tomorrow"}, "is not a valid date. Expected a day, such as '2026-01-05'"),
    ],
)
def test_comparison_rejects_days_without_snapshot(history, days, message):
    with pytest.raises(InvalidInput, match=message):
        kvs.compare_snapshots(history, **days)


def test_comparison_rejects_inventory_of_prefix(history):
    with pytest.raises(InvalidInput, match="the others would look removed"):
        kvs.compare_snapshots(history, after=kvs.inventory(prefix="front-"))


# --- any two days


texts = st.sampled_from(["", "a", "A", "=1", "é"])
channel = st.fixed_dictionaries(
    {
        "made": st.sampled_from([1, 2]),
        "ttl": st.sampled_from([5, 60, None]),
        "tags": st.dictionaries(texts, texts, max_size=2),
    }
)
account_region = st.one_of(
    st.sampled_from(["denied", "region_disabled", "error"]),
    st.dictionaries(st.sampled_from("xyz"), channel, max_size=3),
)
any_day = st.dictionaries(st.sampled_from(REGIONS), account_region)


def inventory_of(day: dict[str, Any]) -> Inventory:
    infos, tags, coverage = [], {}, []
    for region, found in day.items():
        read = not isinstance(found, str)
        row = unread_row(ACCOUNT, region, None)
        coverage.append(
            row | {"status": "ok" if read else found, "tags_source": "bulk", "channels": len(found) if read else 0}
        )
        for name, channel in found.items() if read else ():
            arn = f"arn:aws:kinesisvideo:{region}:{ACCOUNT}:channel/{name}/{channel['made']}"
            infos.append(
                {
                    "ChannelARN": arn,
                    "ChannelName": name,
                    "SingleMasterConfiguration": {"MessageTtlSeconds": channel["ttl"]},
                }
            )
            tags[arn] = channel["tags"]
    return Inventory(
        concat([channels_frame(infos)], CHANNELS),
        tags_frame(tags),
        coverage_frame(coverage),
    )


def expected(before: dict[str, Any], after: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Return the same changes, computed without Arrow."""
    found: set[tuple[Any, ...]] = set()
    for region in before.keys() | after.keys():
        old, new = before.get(region), after.get(region)
        if old == new == "region_disabled":
            continue
        if not (isinstance(old, dict) and isinstance(new, dict)):
            status = ["ok" if isinstance(side, dict) else side for side in (old, new)]
            found.add((region, None, "unknown", "status", *status))
            continue
        for name in old.keys() | new.keys():
            was, now = old.get(name), new.get(name)
            if was is None or now is None:
                found.add((region, name, "added" if was is None else "removed", None, None, None))
            elif was["made"] != now["made"]:
                arns = [f"arn:aws:kinesisvideo:{region}:{ACCOUNT}:channel/{name}/{side['made']}" for side in (was, now)]
                found.add((region, name, "recreated", "channel_arn", *arns))
            else:
                values = [{"message_ttl_seconds": side["ttl"] and str(side["ttl"])} for side in (was, now)]
                for side, channel in zip(values, (was, now), strict=True):
                    side.update({f"tag:{key}": value for key, value in channel["tags"].items()})
                for column in values[0].keys() | values[1].keys():
                    pair = [side.get(column) for side in values]
                    if pair[0] != pair[1]:
                        found.add((region, name, "changed", column, *pair))
    return found


@settings(max_examples=6)
@given(before=any_day, after=any_day)
def test_comparison_equals_plain_comparison_of_any_two_days(before, after, tmp_path_factory):
    directory = tmp_path_factory.mktemp("days")
    kvs.save_snapshot(inventory_of(before), directory, date=MONDAY)
    kvs.save_snapshot(inventory_of(after), directory, date=TUESDAY)
    found = rows(kvs.compare_snapshots(directory))
    assert len(found) == len(set(found)), json.dumps([before, after])
    assert set(found) == expected(before, after)
