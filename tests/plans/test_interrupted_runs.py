"""Runs that are killed at any record of their journal end as the plan says, and do nothing twice."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.plans.plan_folder import PlanFolder
from kvs_notebook.plans.step_records import read_journal
from kvs_notebook.plans.steps import Step
from tests.plans.scenarios import (
    ACCOUNT,
    REGION,
    Killed,
    KillSwitch,
    apply,
    changes_sent,
    fleet_state,
    outcomes,
    place,
    tag_plan,
)

KEYS = ["Site", "owner", "Owner", "tmp"]
VALUES = ["", "hq", "annex"]
TTLS = [30, 60, 90]
NAMES = [f"camera-{number}" for number in range(4)]
NEW_NAMES = ["camera-new-0", "camera-new-1"]
TAGS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
CHANNEL = st.fixed_dictionaries({"ttl": st.sampled_from(TTLS), "tags": TAGS})
EDIT = st.one_of(
    st.fixed_dictionaries({"ttl": st.sampled_from(TTLS), "tags": TAGS}),
    st.just("delete"),
    st.just("leave"),
)
WRITER = st.tuples(st.sampled_from(NAMES + NEW_NAMES), st.sampled_from(["tag", "ttl", "delete", "recreate", "create"]))
KILLS = st.lists(st.tuples(st.integers(0, 25), st.sampled_from([0, 0.5, 1])), max_size=4)


def make_fleet(channels):
    for name, channel in channels.items():
        kvs.create_channel(name, message_ttl_seconds=channel["ttl"], tags=channel["tags"], wait=False)


def make_plan(edits, created):
    """Return the plan of wanted states, as a planner would make it of the current fleet."""
    steps = []
    for row in kvs.list_channels(tags=True).to_dict("records"):
        edit = edits[row["channel_name"]]
        if edit == "delete":
            steps.append(Step(*place(row), "delete", version=row["version"]))
        elif edit != "leave":
            ttl = str(row["message_ttl_seconds"])
            if ttl != str(edit["ttl"]):
                steps.append(Step(*place(row), "update", "message_ttl_seconds", ttl, str(edit["ttl"])))
            for key in KEYS:
                before = row.get(f"tag:{key}")
                before = before if isinstance(before, str) else None
                after = edit["tags"].get(key)
                if before != after:
                    action = "untag" if after is None else "tag"
                    steps.append(Step(*place(row), action, f"tag:{key}", before, after))
    for name, wanted in created.items():
        columns = {"message_ttl_seconds": str(wanted["ttl"])} | {f"tag:{k}": v for k, v in wanted["tags"].items()}
        steps += [Step(ACCOUNT, REGION, name, None, "create", column, None, after) for column, after in columns.items()]
    return kvs.plans.Plan(steps, source="a test")


def write_between(sandbox, writers):
    """Change the fleet as other people do between plan and apply."""
    for name, act in writers:
        try:
            if act == "tag":
                kvs.tag_channel(name, {"Site": "elsewhere"})
            elif act == "ttl":
                kvs.update_channel(name, message_ttl_seconds=77)
            elif act == "create":
                kvs.create_channel(name, message_ttl_seconds=30)
            else:
                kvs.delete_channel(name)
                sandbox.advance(3600)
                if act == "recreate":
                    kvs.create_channel(name)
        except (kvs.errors.ChannelNotFound, kvs.errors.ChannelExists):
            continue
    sandbox.advance(3600)


def value_of(state, name, column):
    """Return the value of a column as text; None if the channel or the tag does not exist."""
    if name not in state:
        return None
    ttl, tags = state[name]
    return str(ttl) if column == "message_ttl_seconds" else tags.get(column)


def check_result(result, before, after):
    """Check that each step is there as planned, or is a conflict that has changed nothing."""
    for row in result.astype(object).where(result.notna(), None).to_dict("records"):
        name, column = row["channel_name"], row["column"]
        assert row["outcome"] in ("done", "already_done", "conflict"), row
        if row["action"] == "delete":
            assert (name in after) is (row["outcome"] == "conflict"), row
        elif row["outcome"] == "conflict":
            assert row["message"]
            assert value_of(after, name, column) == value_of(before, name, column), row
        else:
            assert value_of(after, name, column) == row["after"], row


@pytest.fixture
def switch(monkeypatch):
    return KillSwitch(monkeypatch)


@example(  # a resumed run counts no channel that the killed one has deleted
    fleet={name: {"ttl": 30, "tags": {}} for name in NAMES},
    edits=dict.fromkeys(NAMES, "delete"),
    created={},
    writers=[],
    kills=[(2, 0)],
    undo_kills=[],
)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fleet=st.fixed_dictionaries(dict.fromkeys(NAMES, CHANNEL)),
    edits=st.fixed_dictionaries(dict.fromkeys(NAMES, EDIT)),
    created=st.dictionaries(st.sampled_from(NEW_NAMES), CHANNEL),
    writers=st.lists(WRITER, max_size=3),
    kills=KILLS,
    undo_kills=KILLS,
)
def test_killed_runs_end_as_planned_and_undo_restores(
    sandbox, connection, switch, tmp_path, fleet, edits, created, writers, kills, undo_kills
):
    sandbox.reset()
    folder, undo_folder = tmp_path / "run", tmp_path / "undo"
    for each in (folder, undo_folder):
        shutil.rmtree(each, ignore_errors=True)
    make_fleet(fleet)
    sandbox.advance(3600)
    plan = make_plan(edits, created)
    write_between(sandbox, writers)
    before = fleet_state()

    apply_killed(sandbox, switch, plan, folder, kills)
    apply_killed(sandbox, switch, kvs.plans.undo(folder), undo_folder, undo_kills)
    assert fleet_state() == before


def apply_killed(sandbox, switch, plan, folder, kills):
    """Apply a plan, and resume after each kill; check the result, and that nothing was done twice."""
    before, seen = fleet_state(), len(sandbox.requests)
    switch.arm(kills)
    applied = switch.until_finished(lambda: apply(plan, folder), lambda: resume_or_apply(plan, folder))
    sent = changes_sent(sandbox, seen)
    assert not sent or max(sent.values()) == 1
    sandbox.advance(3600)
    check_result(applied.result, before, fleet_state())


def resume_or_apply(plan, folder):
    """Resume, or apply if the run was killed before its journal existed."""
    if PlanFolder(folder).is_begun:
        return kvs.resume_plan(folder)
    return apply(plan, folder)


def test_resume_settles_each_started_step_by_looking(sandbox, connection, switch, tmp_path):
    sandbox.seed(2)
    plan = tag_plan(kvs.list_channels())
    for record in range(20):
        switch.arm([(record, 1)])
        sandbox.faults.clear()
        seen = len(sandbox.requests)
        folder = tmp_path / str(record)
        try:
            apply(tag_plan(kvs.list_channels(), f"K{record}"), folder)
            break
        except Killed:
            switch.arm([])
        applied = kvs.resume_plan(folder)
        assert outcomes(applied) == ["done"] * 2
        assert set(changes_sent(sandbox, seen).values()) == {1}
    else:
        pytest.fail("the run was not finished")
    assert record > len(plan)


def test_torn_last_line_is_cut_off(sandbox, connection, tmp_path):
    sandbox.seed(2)
    folder = tmp_path / "run"
    apply(tag_plan(kvs.list_channels()), folder)
    journal = folder / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"at": "2026-')
    assert outcomes(kvs.resume_plan(folder)) == ["done", "done"]
    assert [json.loads(line)["event"] for line in journal.read_text().splitlines()][-1] == "run"


def test_damaged_journal_is_refused(sandbox, connection, tmp_path):
    sandbox.seed(1)
    folder = tmp_path / "run"
    apply(tag_plan(kvs.list_channels()), folder)
    journal = folder / "journal.jsonl"
    whole, seen = journal.read_text(), len(sandbox.requests)
    event = {"at": "2026-01-01T00:00:00+00:00", "event": "ended", "steps": [1], "outcome": "failed"}
    others = [
        {"steps": ["1"]},
        *({name: value} for name in ("message", "error_code", "channel_arn") for value in (5, ["a"], {})),
        *({"event": "started", "seen": seen} for seen in (5, ["a"], {"tags": 5}, {"tags": {"a": 5}})),
        {"event": "started", "seen": {"message_ttl_seconds": "a"}},
    ]
    for line in ("[]", "{}", "nonsense", "\x00", *(json.dumps(event | other) for other in others)):
        journal.write_text(f"{line}\n{whole}")
        with pytest.raises(kvs.errors.DamagedFile, match="line 1"):
            read_journal(journal)
    with pytest.raises(kvs.errors.DamagedFile, match="line 1"):
        kvs.resume_plan(folder)
    assert changes_sent(sandbox, seen) == {}
    journal.write_text(json.dumps(event | {"message": "half of a pair: \ud800"}) + "\n")
    assert read_journal(journal)[1][1].message == "half of a pair: ?"
