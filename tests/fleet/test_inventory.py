"""Inventories: what was read, what was not, and the files of both."""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws import rate_limit, retry
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TAGS
from kvs_notebook.errors import ExportFailed, InvalidInput, InventoryIncomplete
from tests.fleet.inventories import OTHER, REGIONS, check_only_gap, dtypes, statuses, write_accounts

# --- what is read


@pytest.mark.parametrize("tags", ["bulk", "each"])
def test_inventory_equals_account_regions_read_one_by_one(fleet, connection, tags):
    found = kvs.inventory(regions=REGIONS, tags=tags)
    one_by_one = [fleet.connection(region=region) for region in REGIONS]
    channels = pd.concat([kvs.list_channels(connection=each) for each in one_by_one])
    long_tags = pd.concat([kvs.list_tags(kvs.list_channels(connection=each), connection=each) for each in one_by_one])
    assert found.channels.equals(channels.sort_values(["account_id", "region", "channel_name"], ignore_index=True))
    by = ["account_id", "region", "channel_name", "channel_arn", "key"]
    assert found.tags.equals(long_tags.sort_values(by, ignore_index=True))
    assert found.coverage["status"].tolist() == ["ok"] * 3
    assert found.coverage["tags_source"].tolist() == [tags] * 3
    assert found.coverage["channels"].sum() == 26
    found.raise_for_failures()


def test_role_reads_its_account_and_table_has_account_name(fleet_of_two_accounts, connection, tmp_path):
    found = kvs.inventory(accounts=write_accounts(tmp_path), regions=REGIONS[:2])
    assert statuses(found) == {(OTHER, region): "ok" for region in REGIONS[:2]}
    table = found.table()
    assert table["account_name"].tolist() == ["Lab"] * 10
    assert table["tag:Site"].tolist() == ["eu-west-1"] * 5 + ["us-east-1"] * 5
    assert set(fleet_of_two_accounts.requests.query("operation == 'AssumeRole'")["status"]) == {200}


def test_prefix_limits_channels_and_tags(fleet, connection):
    found = kvs.inventory(prefix="front-", regions=REGIONS)
    assert set(found.channels["channel_name"]) == set(kvs.list_channels("front-")["channel_name"])
    assert set(found.tags["channel_name"]) <= set(found.channels["channel_name"])


def test_inventory_of_no_channels_has_exact_schemas(sandbox, connection):
    found = kvs.inventory()
    assert (dtypes(found.channels), dtypes(found.tags), dtypes(found.coverage)) == tuple(
        dict(schema) for schema in (CHANNELS, TAGS, COVERAGE)
    )
    assert found.table().empty
    assert repr(found) == "<Inventory: 0 channels, 1 of 1 account-regions read>"


# --- what is not read


def test_denied_account_region_is_only_gap(fleet, connection):
    fleet.deny("kinesisvideo:List*", region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "denied")
    assert set(found.channels["region"]) == {"us-east-1", "ap-southeast-2"}
    with pytest.raises(
        InventoryIncomplete, match=r"Gaps in 1 of 3 account-regions: 111122223333 eu-west-1: denied \(List"
    ):
        found.raise_for_failures()


def test_region_not_enabled_is_no_failure():
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(disabled_regions=("eu-west-1",))) as sandbox:
        found = kvs.inventory(regions=REGIONS, connection=sandbox.connection())
    check_only_gap(found, "111122223333", "eu-west-1", "region_disabled")
    found.raise_for_failures()


def test_account_region_throttled_forever_is_gap(fleet, connection, monkeypatch):
    monkeypatch.setattr("kvs_notebook.aws.retry.LONGEST_WAIT_SECONDS", 0.01)
    fleet.faults.add("ListSignalingChannels", "throttle", times=None, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "throttled")
    assert found.coverage.query("region == 'eu-west-1'")["throttles"].item() > 0


def test_account_region_throttled_briefly_is_read(fleet, connection):
    fleet.faults.add("ListSignalingChannels", "throttle", times=3, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    found.raise_for_failures()
    assert found.coverage.query("region == 'eu-west-1'")["throttles"].item() == 3


def test_account_region_throttled_30_seconds_is_unknown_not_removed(fleet, connection, monkeypatch, tmp_path):
    kvs.save_snapshot(kvs.inventory(regions=REGIONS), tmp_path)
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if sum(waited) >= 30:
            fleet.faults.clear()

    monkeypatch.setattr("kvs_notebook.aws.connection.RateLimiter", partial(rate_limit.RateLimiter, sleep=sleep))
    fleet.faults.add("ListSignalingChannels", "throttle", times=None, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "throttled")
    assert found.coverage.query("region == 'eu-west-1'")["throttles"].item() == retry.MAX_ATTEMPTS
    assert len(found.channels) == 17
    changes = kvs.compare_snapshots(tmp_path, after=found)
    assert changes[["region", "change", "after"]].to_numpy().tolist() == [["eu-west-1", "unknown", "throttled"]]


def test_changes_between_pages_neither_hide_nor_duplicate_channels(tmp_path):
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(max_page_size=3, deleting_seconds=0)) as sandbox:
        sandbox.seed(12)
        connection, other = sandbox.connection(), sandbox.connection()
        kvs.save_snapshot(kvs.inventory(connection=connection), tmp_path, date="2026-01-05")
        to_do = [
            lambda: kvs.delete_channel(
                "device-0000001", wait=True, connection=other
            ),  # shifts the boundary between pages
            lambda: kvs.delete_channel("device-0000008", wait=True, connection=other),  # not listed yet
            lambda: kvs.create_channel("a-newcomer", connection=other),
        ]

        def between_pages(**_):
            if to_do:
                to_do.pop(0)()

        events = connection.config.session.open().events
        events.register("after-call.kinesis-video.ListSignalingChannels", between_pages)
        found = kvs.inventory(connection=connection)
        assert not to_do
        found.raise_for_failures()
        rest = {f"device-{number:07}" for number in range(12)} - {"device-0000001", "device-0000008"}
        names = found.channels["channel_name"]
        assert names.is_unique
        assert rest <= set(names) <= rest | {"device-0000001", "a-newcomer"}
        assert found.coverage["channels"].tolist() == [len(names)]
        changed = kvs.compare_snapshots(tmp_path, after=found)
        assert changed.loc[changed["change"] == "removed", "channel_name"].tolist() == ["device-0000008"]


# --- executors


# --- files


def test_files_of_table_and_coverage_are_written(fleet, connection, tmp_path):
    found = kvs.inventory(regions=REGIONS)
    found.to_csv(tmp_path / "fleet.csv")
    assert kvs.read_csv(tmp_path / "fleet.csv").equals(found.table())
    coverage = kvs.read_csv(tmp_path / "fleet-coverage.csv")
    assert coverage.drop(columns="seconds").equals(found.coverage.drop(columns="seconds"))
    found.to_parquet(tmp_path / "fleet.parquet")
    assert pd.read_parquet(tmp_path / "fleet-coverage.parquet")["status"].tolist() == ["ok"] * 3


@pytest.mark.parametrize("space_for", ["nothing", "coverage"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_full_disk_leaves_older_files_unchanged(fleet, connection, tmp_path, form, space_for):
    found = kvs.inventory(regions=REGIONS)
    write = getattr(found, f"to_{form}")
    write(tmp_path / f"fleet.{form}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limit = {"nothing": 64, "coverage": len(before[f"fleet-coverage.{form}"])}[space_for]
    assert limit < len(before[f"fleet.{form}"])
    found.coverage["seconds"] = 0.0  # so that the next coverage differs and is not longer
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, allowed[1]))  # as if the disk had that much space left
    try:
        with pytest.raises(ExportFailed, match="an older file is unchanged"):
            write(tmp_path / f"fleet.{form}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "wrong", [{"tags": "all"}, {"regions": "us-east-1"}, {"regions": []}, {"prefix": "a b"}, {"role_arns": ["Reader"]}]
)
def test_invalid_arguments_are_rejected_before_any_request(sandbox, connection, wrong):
    with pytest.raises(InvalidInput):
        kvs.inventory(**wrong)
    assert sandbox.requests.empty


def test_length_head_and_view_show_channels_and_gaps(fleet, connection):
    fleet.deny("kinesisvideo:List*", region="eu-west-1")
    found = kvs.inventory(regions=REGIONS[:2])
    assert len(found) == len(found.channels)
    assert found.head(3).equals(found.table().head(3))
    view = found._repr_html_()
    assert "&lt;Inventory: " in view
    assert found.head()["channel_name"][0] in view
    assert "<p>Not read (1):</p>" in view
    assert "AccessDeniedException" in view


@pytest.mark.parametrize("function", [kvs.to_csv, kvs.to_parquet, kvs.to_json])
def test_writing_an_inventory_names_the_right_call(fleet, connection, tmp_path, function):
    with pytest.raises(
        InvalidInput, match=rf"{function.__name__}\(\) was given an Inventory, not a DataFrame. Call its own \."
    ):
        function(kvs.inventory(), tmp_path / "a")
    with pytest.raises(InvalidInput, match=rf"Call {function.__name__}\(frame, path\), the frame first"):
        function(str(tmp_path / "a"), kvs.list_channels())
    assert list(tmp_path.iterdir()) == []


def test_snapshot_of_a_frame_names_the_right_call(fleet, connection, tmp_path):
    with pytest.raises(InvalidInput, match=r"Pass the Inventory that inventory\(\) returns"):
        kvs.save_snapshot(kvs.list_channels(), tmp_path / "history")
    assert list(tmp_path.iterdir()) == []


def test_days_may_be_named_by_words(fleet, connection, tmp_path):
    for day in ("2026-01-05", "yesterday", "today"):
        folder = kvs.save_snapshot(kvs.inventory(), tmp_path, date=day)
    assert folder.name == f"date={datetime.now(UTC).date()}"
    kvs.delete_channel(kvs.list_channels().iloc[0], wait=False)
    kvs.save_snapshot(kvs.inventory(), tmp_path)
    for before, after in (("yesterday", None), ("2026-01-05", "newest"), ("yesterday", "today")):
        assert len(kvs.compare_snapshots(tmp_path, before=before, after=after)) == 1
