"""The form that creates a channel."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors


def test_create_follows_channel_until_active(sandbox, connection, submit):
    form = kvs.forms.create_channel()
    form.name.value, form.message_ttl_seconds.value, form.tags.value = "front-door", 30, {"Site": "hq"}
    row = submit(form)
    assert row["channel_status"].item() == "ACTIVE"
    assert row.equals(kvs.list_channels())
    assert form.value.equals(row)
    assert kvs.list_tags("front-door")["value"].tolist() == ["hq"]
    assert form.status.role == "status"
    assert form.status.text.startswith("Created front-door in ")
    assert form.status.text.endswith(" s: it is ACTIVE.")


def test_shown_code_does_the_same(sandbox, connection, submit):
    form = kvs.forms.create_channel()
    form.name.value, form.message_ttl_seconds.value, form.tags.value = "gate", 30, {"Site": "it's"}
    form.tags.value = {"Site": "hq"}
    work = form.prepare()
    submit(form)
    line = "kvs.create_channel('gate', message_ttl_seconds=30, tags={'Site': 'hq'})"
    assert line in form.status.value.replace("&#x27;", "'")
    kvs.delete_channel("gate", wait=True)
    made = eval(line, {"kvs": kvs})  # noqa: S307 - our own line
    assert made["message_ttl_seconds"].item() == 30
    assert work.check_code == "kvs.describe_channel('gate')"


def test_shown_code_names_other_connection(sandbox, connection, submit):
    form = kvs.forms.create_channel(connection=sandbox.connection(region="eu-west-1"))
    form.name.value = "gate"
    submit(form)
    assert "connection=connection" in form.status.value
    assert len(kvs.list_channels()) == 0


def test_submit_names_all_problems_and_sends_nothing(sandbox, connection, submit):
    form = kvs.forms.create_channel()
    form.name.value, form.message_ttl_seconds.value, form.tags.value = "front door", "4", {"aws:x": "y"}
    error = submit(form)
    assert isinstance(error, errors.InvalidInput)
    assert form.status.role == "alert"
    for named in ("'front door'", "4 is out of range", "'aws:x'"):
        assert named in str(error)
    assert form.status.text == (
        "Not sent. Correct the fields marked in red: Channel name, Message TTL in seconds, Tags."
    )
    form.name.value = "front-door"
    assert form.status.text == "", "a failure goes when its reason is being corrected"
    assert not sandbox.requests["operation"].str.startswith("Create").any()
    assert not form.submit.disabled


def test_double_click_creates_once(sandbox, connection):
    sandbox.faults.add("CreateSignalingChannel", "delay", seconds=0.5)
    form = kvs.forms.create_channel()
    form.name.value = "front-door"
    form.submit.click()
    first = form.future
    form.submit.click()
    assert form.future is first
    first.result()
    assert (sandbox.requests["operation"] == "CreateSignalingChannel").sum() == 1
    assert form.status.text.startswith("Created front-door")


def test_taken_name_keeps_fields_and_suggests_next_step(sandbox, connection, submit):
    there = kvs.create_channel("front-door")
    form = kvs.forms.create_channel()
    form.name.value, form.tags.value = "front-door", {"Site": "hq"}
    assert isinstance(submit(form), errors.ChannelExists)
    assert form.status.role == "alert"
    assert form.status.text.startswith("Nothing was changed. CreateSignalingChannel failed for front-door")
    assert "Choose another name" in form.status.text
    assert form.name.value == "front-door"
    assert form.tags.value == {"Site": "hq"}
    assert kvs.list_channels().equals(there)


def test_two_forms_work_side_by_side(sandbox, connection):
    one, two = kvs.forms.create_channel(), kvs.forms.create_channel()
    one.name.value, two.name.value = "one", "two"
    one.submit.click()
    two.submit.click()
    assert one.future.result()["channel_name"].item() == "one"
    assert two.future.result()["channel_name"].item() == "two"
    assert "two" not in one.status.text


@pytest.mark.parametrize("name", ["a" * 256, "A.b_c-9"])
def test_name_at_bounds_is_created(sandbox, connection, submit, name):
    form = kvs.forms.create_channel()
    form.name.value = name
    assert submit(form)["channel_name"].item() == name
