"""The form that applies a plan."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from tests.forms.waiting import eventually
from tests.plans.scenarios import changes_sent, delete_plan, fleet_state, tag_plan

PHRASE = "change 6 in 111122223333 us-east-1"


@pytest.fixture
def channels(sandbox, connection):
    sandbox.seed(6)
    return kvs.list_channels()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "annex"


@pytest.fixture
def form(channels, folder):
    return kvs.forms.plan(tag_plan(channels), folder)


def rows_sent(form):
    return [row["cells"] for row in form.table.table.view["rows"]]


def test_form_shows_counts_and_every_step(form, channels):
    assert "<td>us-east-1</td><td>tag</td><td>6</td><td>6</td>" in form._fields.children[0].value
    assert [row[0] for row in rows_sent(form)] == channels["channel_name"].tolist()
    form.table.filter.value = "READY 0000003"
    form.table.painted.result(20)
    assert [row[0] for row in rows_sent(form)] == ["device-0000003"]


@pytest.mark.parametrize("typed", ["", "change 5 in 111122223333 us-east-1"])
def test_wrong_phrase_sends_nothing(form, sandbox, submit, typed):
    form.phrase.value = typed
    assert isinstance(submit(form), errors.InvalidInput)
    assert form.status.text == f"Not sent. Correct the field marked in red: To apply, type: {PHRASE}."
    assert changes_sent(sandbox) == {}


def test_apply_shows_outcome_of_each_step(form, folder, submit):
    form.phrase.value = PHRASE
    applied = submit(form)
    assert applied.counts["done"] == 6
    assert {row[6] for row in rows_sent(form)} == {"done"}
    assert form.status.text.startswith("Applied: 6 done;")
    saved, again = f"kvs.plans.read({str(folder)!r})", f"{folder}-again"
    assert f"kvs.apply_plan({saved}, {again!r}, confirm={PHRASE!r})".replace("'", "&#x27;") in form.status.value
    assert all("tag:Site" in tags for _, tags in fleet_state().values())
    assert form.stop.disabled
    assert not form.submit.disabled


def test_stop_ends_in_order_and_resume_goes_on(form, sandbox, channels, submit):
    sandbox.faults.add("TagResource", "delay", times=None, seconds=0.3)
    form.phrase.value = PHRASE
    form.submit.click()
    eventually(lambda: not form.stop.disabled)
    form.stop.click()
    stopped = form.future.result(30)
    assert stopped.interrupted
    assert stopped.counts["not_started"] > 0
    assert form.status.text.endswith("Press Resume to continue.")
    sandbox.faults.clear()
    assert submit(form, "resume").counts["done"] == 6
    assert set(changes_sent(sandbox).values()) == {1}


def test_conflict_is_shown_in_its_row(form, channels, submit):
    kvs.tag_channel(channels.iloc[0], {"Site": "elsewhere"})
    form.phrase.value = PHRASE
    submit(form)
    assert "5 done, 1 conflict" in form.status.text
    form.table.filter.value = "conflict elsewhere"
    form.table.painted.result(20)
    assert form.table.shown["channel_name"].tolist() == [channels["channel_name"].iloc[0]]


def test_deletions_need_their_limits(channels, sandbox, folder, submit):
    form = kvs.forms.plan(delete_plan(channels.head(2)), folder)
    form.phrase.value = "delete 2 in 111122223333 us-east-1"
    submit(form)
    assert "over the limit of 0, so nothing was sent. To delete them, enter 2." in form.status.text
    form.max_delete.value = "two"
    assert "'two' is not a number of channels" in str(submit(form))
    form.max_delete.value = "2"
    submit(form)
    assert "over the limit of 0.1, so nothing was sent. To delete them, enter 0.334." in form.status.text
    assert changes_sent(sandbox) == {}
    form.max_share.value = "0.5"
    assert submit(form).counts["done"] == 2


def test_failure_is_shown_and_can_be_resumed(form, sandbox, submit):
    sandbox.faults.add("TagResource", "denied", times=None)
    form.phrase.value = PHRASE
    assert submit(form).counts["failed"] > 0
    assert "Paused: TagResource failed" in form.status.value
    sandbox.faults.clear()
    assert submit(form, "resume").counts["done"] == 6


def test_same_plan_suggests_the_same_folder(channels):
    first, second = (kvs.forms.plan(tag_plan(channels)) for _ in range(2))
    assert first.folder.value == second.folder.value
    assert first.folder.value.startswith("plan-")


def test_form_without_a_plan_is_refused(connection):
    with pytest.raises(errors.InvalidInput, match="needs a plan, not a str"):
        kvs.forms.plan("changes/annex")


def test_values_are_escaped(channels):
    plan = tag_plan(channels)
    plan.notes = ("<img src=x>",)
    plan.steps["reason"] = "<img src=x>"
    form = kvs.forms.plan(plan)
    assert "<img" not in form._fields.children[0].value
    assert rows_sent(form)[0][-1] == "<img src=x>", "the browser shows it as text"
