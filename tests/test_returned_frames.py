"""Every frame that a public function returns shows all of its columns in a terminal."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import plans, reports
from kvs_notebook.dataframes.frame import DataFrame

MODULES = {"": kvs, "plans.": plans, "reports.": reports}
STATE = {
    "format_version": "1.0",
    "values": {"root_module": {"resources": [{
        "mode": "managed", "type": "awscc_kinesisvideo_signaling_channel", "address": "a.gate", "values": {"name": "gate-2"},
    }]}},
}  # fmt: skip
STACK = {"StackResources": [{
    "LogicalResourceId": "Gate", "ResourceType": "AWS::KinesisVideo::SignalingChannel", "StackName": "gates",
    "PhysicalResourceId": "gate-2",
}]}  # fmt: skip
CALLS: dict[str, Callable[[], object]] = {
    "compare_snapshots": lambda: kvs.compare_snapshots("history"),
    "create_channel": lambda: kvs.create_channel("new-one"),
    "delete_channel": lambda: kvs.delete_channel("gate-1"),
    "describe_channel": lambda: kvs.describe_channel("gate-2"),
    "get_endpoints": lambda: kvs.get_endpoints("gate-2"),
    "get_ice_servers": lambda: kvs.get_ice_servers("gate-2"),
    "list_channels": lambda: kvs.list_channels(tags=True),
    "list_tags": lambda: kvs.list_tags("gate-2"),
    "pivot_tags": lambda: kvs.pivot_tags(kvs.list_tags("gate-2")),
    "read_coverage": lambda: kvs.read_coverage("history"),
    "read_csv": lambda: kvs.read_csv("fleet.csv"),
    "read_excel": lambda: kvs.read_excel("fleet.xlsx"),
    "read_snapshots": lambda: kvs.read_snapshots("history"),
    "scan_notebooks": lambda: kvs.scan_notebooks(["."]),
    "tag_channel": lambda: kvs.tag_channel("gate-2", {"Site": "hq"}),
    "untag_channel": lambda: kvs.untag_channel("gate-2", ["Site"]),
    "update_channel": lambda: kvs.update_channel("gate-2", message_ttl_seconds=90),
    "wait_for_channel": lambda: kvs.wait_for_channel("gate-2", "ACTIVE"),
    "plans.mark_managed": lambda: plans.mark_managed(kvs.list_channels(), plans.read_terraform("state.json")),
    "plans.read_cloudformation": lambda: plans.read_cloudformation("stack.json"),
    "plans.read_terraform": lambda: plans.read_terraform("state.json"),
    "reports.channel_ages": lambda: reports.channel_ages(kvs.inventory()),
    "reports.channel_counts": lambda: reports.channel_counts(kvs.inventory()),
    "reports.creation_by_month": lambda: reports.creation_by_month(kvs.inventory()),
    "reports.growth": lambda: reports.growth(kvs.read_coverage("history")),
    "reports.headroom": lambda: reports.headroom(kvs.inventory()),
    "reports.shared_names": lambda: reports.shared_names(kvs.inventory()),
    "reports.tag_coverage": lambda: reports.tag_coverage(kvs.inventory(), {"Owner": None}),
    "reports.tag_problems": lambda: reports.tag_problems(kvs.inventory(), {"Owner": None}),
}


def functions_with_frames() -> set[str]:
    """Return the names of the public functions that return a DataFrame."""
    named = {prefix + name: getattr(module, name) for prefix, module in MODULES.items() for name in module.__all__}
    found = {name: each for name, each in named.items() if inspect.isfunction(each)}
    return {name for name, each in found.items() if inspect.signature(each).return_annotation == "pd.DataFrame"}


@pytest.fixture
def fleet(connection, monkeypatch, tmp_path) -> kvs.Inventory:
    """Return the inventory of a small fleet, whose files are in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("gate-1", "gate-2", "GATE-2"):
        kvs.create_channel(name, wait=False)
    kvs.wait_for_channel("GATE-2", "ACTIVE")
    found = kvs.inventory()
    for day in ("2026-01-04", "2026-01-05"):
        kvs.save_snapshot(found, "history", date=day)
    kvs.to_csv(found.table(), "fleet.csv")
    kvs.to_excel(found.table(), "fleet.xlsx")
    for path, document in {"state.json": STATE, "stack.json": STACK}.items():
        Path(path).write_text(json.dumps(document), encoding="utf-8")
    return found


def test_every_frame_is_of_the_class_that_shows_all_columns(fleet):
    assert {*CALLS} == functions_with_frames()
    returned = {name: call() for name, call in CALLS.items()}
    plan = plans.tag(fleet, {"Site": "hq"})
    returned |= {"head": fleet.head(), "table": fleet.table(), "gaps": fleet.gaps, "channels": fleet.channels}
    returned |= {"ready": plan.ready, "refused": plan.refused, "steps": plan.steps, "tags": fleet.tags}
    assert all(isinstance(frame, pd.DataFrame) for frame in returned.values())
    assert [name for name, frame in returned.items() if type(frame) is not DataFrame] == []
