"""Tags of an inventory: in bulk, channel by channel, or not at all."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook.dataframes.schemas import TAGS
from kvs_notebook.errors import InventoryIncomplete
from kvs_notebook.fleet import account_region
from tests.fleet.inventories import REGIONS, dtypes


def test_bulk_tags_take_one_call_per_100_channels(sandbox, connection):
    sandbox.seed(120, tags={"Site": "hq"})
    found = kvs.inventory()
    assert len(found.tags) == 120
    assert found.coverage["calls"].item() == 1 + 2


def test_tags_are_read_each_if_tagging_api_finds_none():
    with kvs.Sandbox(assumptions=kvs.Assumptions(tagging_api="finds_none")) as sandbox:
        connection = sandbox.connection()
        for number in range(20):
            tags = None if number % 4 else {"Site": "hq"}
            kvs.create_channel(f"camera-{number:02}", tags=tags, wait=False, connection=connection)
        found = kvs.inventory(connection=connection)
    assert found.coverage[["status", "tags_source"]].to_numpy().tolist() == [["ok", "each"]]
    assert found.tags["channel_name"].tolist() == [f"camera-{number:02}" for number in range(0, 20, 4)]


def test_each_untagged_channel_is_asked(sandbox, connection):
    for number in range(12):
        kvs.create_channel(f"camera-{number:02}", wait=False)
    found = kvs.inventory()
    assert found.coverage[["tags_source", "calls"]].to_numpy().tolist() == [["each", 1 + 1 + 12]]
    assert len(found.tags) == 0


def test_tags_are_failed_if_neither_way_of_reading_works(sandbox, connection):
    kvs.create_channel("camera", wait=False)
    sandbox.deny("kinesisvideo:ListTagsForResource")
    found = kvs.inventory()
    assert found.gaps[["status", "tags_source", "error_code"]].to_numpy().tolist() == [
        ["ok", "failed", "AccessDeniedException"]
    ]


def test_region_without_channels_costs_no_call_for_tags_of_each(sandbox, connection):
    found = kvs.inventory()
    assert found.coverage[["tags_source", "calls"]].to_numpy().tolist() == [["bulk", 2]]


def test_tags_none_reads_no_tags(fleet, connection):
    found = kvs.inventory(tags="none")
    assert dtypes(found.tags) == dict(TAGS)
    assert found.coverage[["tags_source", "calls"]].to_numpy().tolist() == [["none", 1]]


def test_tags_are_read_each_if_bulk_is_denied(fleet, connection):
    fleet.deny("tag:GetResources", region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    found.raise_for_failures()
    assert found.coverage.set_index("region")["tags_source"].to_dict() == {
        "ap-southeast-2": "bulk",
        "eu-west-1": "each",
        "us-east-1": "bulk",
    }
    assert found.tags.equals(kvs.inventory(regions=REGIONS, tags="each").tags)


def test_unreadable_tags_are_gap_and_channels_are_kept(fleet, connection):
    fleet.deny("tag:*", region="eu-west-1")
    fleet.deny("kinesisvideo:ListTags*", region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    assert len(found.channels) == 26
    assert found.gaps[["region", "status", "tags_source"]].to_numpy().tolist() == [["eu-west-1", "ok", "failed"]]
    with pytest.raises(InventoryIncomplete, match="eu-west-1: tags"):
        found.raise_for_failures()


def test_tags_of_channel_deleted_meanwhile_are_unknown(sandbox, connection, monkeypatch, tmp_path):
    for name in ("a", "b", "c"):
        kvs.create_channel(name, tags={"Site": "hq"})
    listed = account_region.channel_infos

    def list_then_delete_one(*args, **options):
        channels = listed(*args, **options)
        kvs.delete_channel("b", wait=True, connection=sandbox.connection())
        return channels

    monkeypatch.setattr(account_region, "channel_infos", list_then_delete_one)
    found = kvs.inventory(tags="each")
    found.raise_for_failures()
    assert found.channels["channel_name"].tolist() == ["a", "b", "c"]
    assert found.tags["channel_name"].tolist() == ["a", "c"]
    assert found.table()["tags_source"].tolist() == ["each", "failed", "each"]
    problems = kvs.reports.tag_problems(found, {"Site": None})
    assert problems[["channel_name", "problem"]].to_numpy().tolist() == [["b", "unknown"]]
    kvs.save_snapshot(found, tmp_path, date="2026-01-05")
    assert kvs.read_snapshots(tmp_path)["tags_source"].tolist() == ["each", "failed", "each"]
    changes = kvs.compare_snapshots(tmp_path, before=found, after="2026-01-05")
    assert changes[["channel_name", "change", "column"]].to_numpy().tolist() == [["b", "unknown", "tags"]]
