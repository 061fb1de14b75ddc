"""Tags that were not read are unknown in every report, comparison and file: never missing, removed or absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.cli.inventory_output import InventoryOutput
from kvs_notebook.fleet.inventory import Inventory
from tests.fleet.inventories import REGIONS

UNREAD = "eu-west-1"
REQUIRED = {"Site": None, "Owner": None}


def deny(sandbox: kvs.Sandbox) -> None:
    """Deny both ways to read tags."""
    sandbox.deny("tag:GetResources", region=UNREAD)
    sandbox.deny("kinesisvideo:ListTagsForResource", region=UNREAD)


def fail(sandbox: kvs.Sandbox) -> None:
    """Fail both ways with an error of the service that is not retried."""
    for operation in ("GetResources", "ListTagsForResource"):
        sandbox.faults.add(operation, "throttle", times=None, region=UNREAD)


def from_csv(fleet: Inventory, path: Path) -> pd.DataFrame:
    fleet.to_csv(path / "fleet.csv")
    return kvs.read_csv(path / "fleet.csv")


def from_parquet(fleet: Inventory, path: Path) -> pd.DataFrame:
    fleet.to_parquet(path / "fleet.parquet")
    return pd.read_parquet(path / "fleet.parquet")


def from_snapshot(fleet: Inventory, path: Path) -> pd.DataFrame:
    kvs.save_snapshot(fleet, path / "history", date="2026-01-05")
    return kvs.read_snapshots(path / "history")


FORMS: dict[str, Callable[[Inventory, Path], Inventory | pd.DataFrame]] = {
    "inventory": lambda fleet, _: fleet,
    "table": lambda fleet, _: fleet.table(),
    "CSV": from_csv,
    "Parquet": from_parquet,
    "snapshots": from_snapshot,
}


@pytest.mark.draw(1)
@pytest.mark.parametrize(("prevent", "mode"), [(deny, "bulk"), (fail, "each")])
def test_unread_tags_are_unknown_in_every_form(fleet, connection, monkeypatch, tmp_path, prevent, mode):
    monkeypatch.setattr("kvs_notebook.aws.retry.LONGEST_WAIT_SECONDS", 0.01)
    before = kvs.inventory(regions=REGIONS, tags=mode)
    prevent(fleet)
    after = kvs.inventory(regions=REGIONS, tags=mode)
    assert after.gaps[["region", "tags_source"]].to_numpy().tolist() == [[UNREAD, "failed"]]
    unread = set(after.channels.query("region == @UNREAD")["channel_arn"])
    expected = kvs.reports.tag_problems(before, REQUIRED).query("region != @UNREAD").reset_index(drop=True)
    for name, form in FORMS.items():
        formed = form(after, tmp_path)
        problems = kvs.reports.tag_problems(formed, REQUIRED)
        unknown = problems["problem"] == "unknown"
        assert set(problems[unknown]["channel_arn"]) == unread, name
        assert unknown.sum() == len(unread) * len(REQUIRED), name
        pd.testing.assert_frame_equal(problems[~unknown].reset_index(drop=True), expected, obj=name)
        counts = kvs.reports.tag_coverage(formed, REQUIRED)
        assert counts["unknown"].tolist() == [len(unread)] * len(REQUIRED), name
    changes = kvs.compare_snapshots(tmp_path, before=before, after=after)
    assert changes[["region", "change", "column"]].to_numpy().tolist() == [[UNREAD, "unknown", "tags"]]


def test_table_has_no_tags_source_if_all_tags_were_read(fleet, connection):
    assert "tags_source" not in kvs.inventory(regions=REGIONS).table()
    assert "tags_source" not in kvs.inventory(regions=REGIONS, tags="none").table()


def test_key_without_column_is_unknown_in_frame(sandbox, connection):
    kvs.create_channel("a", tags={"Owner": "ops"})
    kvs.create_channel("b", tags={"owner": "ops"})
    channels = kvs.list_channels(tags=["Site"])
    assert kvs.reports.tag_problems(channels, {"Owner": None})["problem"].tolist() == ["unknown"] * 2
    assert kvs.reports.tag_problems(channels, {"Site": None})["problem"].tolist() == ["missing"] * 2
    assert kvs.reports.tag_problems(kvs.list_channels(tags=True), {"Owner": None})["problem"].tolist() == ["near_key"]


def disable(sandbox: kvs.Sandbox, region: str) -> None:
    """Reject the access key in a region, as in one that the account has disabled."""
    sandbox.faults.add("ListSignalingChannels", "revoked", times=None, region=region)


def test_region_disabled_after_it_was_read_is_unknown(fleet, connection, tmp_path):
    kvs.save_snapshot(kvs.inventory(regions=REGIONS), tmp_path, date="2026-01-05")
    disable(fleet, UNREAD)
    disable(fleet, "us-west-2")
    found = kvs.inventory(regions=[*REGIONS, "us-west-2"])
    output = InventoryOutput(found, connection)
    output.print_changes(str(tmp_path), is_saved_there=False)
    assert [label for label, _ in output.gaps] == [f"111122223333 {UNREAD}"]
    kvs.save_snapshot(found, tmp_path, date="2026-01-06")
    changes = kvs.compare_snapshots(tmp_path)
    assert changes[["region", "change", "before", "after"]].astype("object").to_numpy().tolist()[0] == [
        UNREAD,
        "unknown",
        "ok",
        "region_disabled",
    ]
    growth = kvs.reports.growth(kvs.read_coverage(tmp_path))
    assert growth.query("region == @UNREAD")["channels"].fillna(-1).tolist() == [9, -1]
    assert "us-west-2" not in set(growth["region"])
