"""What a plan shows in a notebook and on a terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.steps import Step
from tests.plans.fleets import ACCOUNT, Seen, fleet


def tag_plan(count: int) -> Plan:
    frame = fleet([Seen(f"cam-{number:04}", {"Site": "hq", "owner": "ops"}) for number in range(count)])
    return kvs.plans.tag(frame.assign(account_name="plant-1"), {"Site": "annex"}, rename={"owner": "Owner"})


def test_text_has_table_for_each_place_and_apply_line() -> None:
    assert repr(tag_plan(500)) == (
        "plans.tag(): 1,500 changes to 500 channels in plant-1 (000042000042) us-east-1\n"
        "  tag    Owner  500  (none) -> ops\n"
        "  tag    Site   500  hq -> annex\n"
        "  untag  owner  500  ops -> (removed)\n"
        "To apply: kvs.apply_plan(plan, 'FOLDER', confirm='change 500 in plant-1 us-east-1', allow_changes=True)"
    )


def test_saved_plan_names_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = tag_plan(1)
    plan.save("changes/annex")
    assert repr(plan).startswith("changes/annex: 3 changes to 1 channel in plant-1")
    assert "kvs.apply_plan(plan, 'changes/annex', confirm=" in repr(plan)
    assert repr(kvs.plans.read("changes/annex")) == repr(plan)


def test_refusals_are_capped_and_counted_by_row() -> None:
    frame = fleet([Seen(f"cam-{number:04}", status="DELETING") for number in range(25)])
    plan = kvs.plans.set_message_ttl(frame, 90)
    lines = repr(plan).splitlines()
    assert "<li>cam-0000 (000042000042 us-east-1): It is DELETING." in plan._repr_html_()
    assert lines[:3] == [
        "plans.set_message_ttl(): nothing to change",
        "25 rows refused; they will not be sent:",
        "  cam-0000 (000042000042 us-east-1)  It is DELETING. Plan again when it is gone.",
    ]
    assert lines[-1] == "  and 15 more: see .refused, or plan.csv"


def test_deletes_creates_and_unchanged_values_are_shown() -> None:
    text = repr(kvs.plans.delete(fleet([Seen(f"test-{number}") for number in range(5)])))
    assert "  delete    5  test-0, test-1, test-2 and 2 more\n" in text
    assert text.endswith("confirm='delete 5 in 000042000042 us-east-1', allow_changes=True, max_delete=5)")
    devices = pd.DataFrame({"channel_name": ["cam-1", "cam-2", "cam-3"], "tag:Site": ["hq", "hq", "lab"], "floor": "1"})
    text = repr(kvs.plans.ensure(devices, fleet([Seen("cam-1", {"Site": "hq"})])))
    assert text.splitlines()[1:-1] == [
        "  create  message_ttl_seconds  2  60",
        "  create  tag:Site             2  hq, lab",
        "1 value of 1 channel already as wanted.",
        "Not planned: floor. To set a tag, name its column tag:KEY.",
    ]


def test_lines_fit_the_width_except_the_one_to_apply() -> None:
    steps = [
        Step(ACCOUNT, "us-east-1", "c" * 256, "arn", "tag", f"tag:{'k' * 128}", "v" * 256, "w" * 256),
        Step(
            ACCOUNT,
            "us-east-1",
            "c" * 256,
            "arn",
            None,
            status="refused",
            reason="word " * 60,
            source="edited.csv row 2",
        ),
    ]
    plan = Plan(steps, source="edited.csv", notes=["note " * 60])
    lines = repr(plan).splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert lines[-1].startswith("To apply: ")


def test_html_has_the_same_content() -> None:
    html = tag_plan(500)._repr_html_()
    assert "<td>tag</td><td>Site</td><td>500</td><td>hq -&gt; annex</td>" in html
    assert "confirm=&#x27;change 500 in plant-1 us-east-1&#x27;" in html
