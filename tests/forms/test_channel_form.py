"""The forms that change a channel: after Stop waiting, a late outcome changes nothing but the status line."""

from __future__ import annotations

import threading

import pytest

import kvs_notebook as kvs

OPENED = {
    "update": kvs.forms.update_channel,
    "tags": kvs.forms.edit_tags,
    "delete": kvs.forms.delete_channel,
}


@pytest.fixture
def channels(connection):
    for name, ttl in (("front-door", 60), ("back-door", 90)):
        kvs.create_channel(name, message_ttl_seconds=ttl, tags={"Site": name})


class HeldReply:
    """Hold back the reply to the next call of an operation until it is released."""

    def __init__(self, connection, operation: str) -> None:
        self.arrived, self._released = threading.Event(), threading.Event()
        call = connection.call

        def held(named, *arguments, **options):
            reply = call(named, *arguments, **options)
            if named == operation and not self.arrived.is_set():
                self.arrived.set()
                assert self._released.wait(20)
            return reply

        connection.call = held

    def release(self) -> None:
        self._released.set()


def stop_waiting(form, held):
    """Press Stop waiting once the form waits for the reply; return the future of the stopped job."""
    assert held.arrived.wait(20)
    form.cancel.click()
    return form.future


def state(form):
    texts = [each.value for each in (form.channel, getattr(form, "message_ttl_seconds", None)) if each is not None]
    confirmation = getattr(form, "confirmation", None)
    tags = getattr(form, "tags", None)
    return (
        texts,
        form.details.value,
        form.row["channel_name"].item(),
        confirmation and confirmation.value,
        tags and tags.value,
        form.value.to_dict(),
    )


LOADING = [(kind, "DescribeSignalingChannel") for kind in OPENED] + [
    (kind, "ListTagsForResource") for kind in ("tags", "delete")
]


@pytest.mark.parametrize(("kind", "operation"), LOADING)
def test_stopped_load_does_not_overwrite_next_load(connection, channels, kind, operation):
    held = HeldReply(connection, operation)
    form = OPENED[kind]("front-door")
    late = stop_waiting(form, held)
    form.select_channel("back-door")
    form.future.result(20)
    before = state(form)
    held.release()
    assert late.result(20)["channel_name"].item() == "front-door"
    assert state(form) == before
    assert form.status.text.startswith("Loaded back-door")
    assert "Done" not in form.status.value, "nothing was changed"


def submit_valid(form):
    """Submit the form with valid fields."""
    form.future.result(20)
    if hasattr(form, "message_ttl_seconds"):
        form.message_ttl_seconds.value = "75"
    if hasattr(form, "tags"):
        form.tags.value = {"Site": "annex"}
    if hasattr(form, "confirmation"):
        form.confirmation.value = "front-door"
    form.submit.click()


HELD = [
    ("update", "UpdateSignalingChannel"),
    ("update", "DescribeSignalingChannel"),
    ("tags", "ListTagsForResource"),
    ("tags", "TagResource"),
    ("delete", "DeleteSignalingChannel"),
    ("delete", "DescribeSignalingChannel"),
]


@pytest.mark.parametrize(("kind", "operation"), HELD)
def test_stopped_change_does_not_overwrite_next_channel(connection, channels, kind, operation):
    form = OPENED[kind]("front-door")
    form.future.result(20)
    held = HeldReply(connection, operation)
    submit_valid(form)
    late = stop_waiting(form, held)
    form.select_channel("back-door")
    form.future.result(20)
    if kind == "delete":
        form.confirmation.value = "back-door"
    before = state(form)
    held.release()
    assert late.exception(20) is None
    assert state(form) == before
    assert "Meanwhile: " in form.status.text
    there = kvs.list_channels().set_index("channel_name")
    tags = kvs.list_tags(kvs.list_channels()).set_index("channel_name")["value"].to_dict()
    assert there.loc["back-door", "message_ttl_seconds"] == 90
    assert tags["back-door"] == "back-door"
    if kind == "update":
        assert there.loc["front-door", "message_ttl_seconds"] == 75
    if kind == "tags":
        assert tags["front-door"] == "annex"


@pytest.mark.parametrize("kind", ["update", "delete"])
def test_stopped_conflict_does_not_overwrite_next_channel(connection, sandbox, channels, kind):
    form = OPENED[kind]("front-door")
    form.future.result(20)
    kvs.update_channel("front-door", message_ttl_seconds=30, connection=sandbox.connection())
    held = HeldReply(connection, "DescribeSignalingChannel")
    submit_valid(form)
    late = stop_waiting(form, held)
    form.select_channel("back-door")
    form.future.result(20)
    before = state(form)
    held.release()
    assert "changed" in str(late.exception(20))
    assert state(form) == before
