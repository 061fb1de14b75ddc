"""What the forms share that change a channel: whoever gave up waiting sees nothing of it but its outcome, in words."""

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


class Held:
    """The reply to the next call of an operation, which is held back until it is let go."""

    def __init__(self, connection, operation: str) -> None:
        self.came, self._go = threading.Event(), threading.Event()
        call = connection.call

        def held(named, *arguments, **options):
            reply = call(named, *arguments, **options)
            if named == operation and not self.came.is_set():
                self.came.set()
                assert self._go.wait(20)
            return reply

        connection.call = held

    def let_go(self) -> None:
        self._go.set()


def give_up(form, held):
    """Wait until the form waits for what is held, and stop waiting; give the future of what was given up."""
    assert held.came.wait(20)
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
def test_a_load_that_was_given_up_does_not_show_over_the_next(connection, channels, kind, operation):
    held = Held(connection, operation)
    form = OPENED[kind]("front-door")
    late = give_up(form, held)
    form.select_channel("back-door")
    form.future.result(20)
    before = state(form)
    held.let_go()
    assert late.result(20)["channel_name"].item() == "front-door"
    assert state(form) == before
    assert form.status.text.startswith("Loaded back-door")


def submitted(form):
    """Begin what is then given up: with fields that are right."""
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
def test_a_change_that_was_given_up_leaves_the_form_to_the_next_channel(connection, channels, kind, operation):
    form = OPENED[kind]("front-door")
    form.future.result(20)
    held = Held(connection, operation)
    submitted(form)
    late = give_up(form, held)
    form.select_channel("back-door")
    form.future.result(20)
    if kind == "delete":
        form.confirmation.value = "back-door"
    before = state(form)
    held.let_go()
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
def test_a_conflict_of_what_was_given_up_is_not_shown_over_the_next_channel(connection, sandbox, channels, kind):
    form = OPENED[kind]("front-door")
    form.future.result(20)
    kvs.update_channel("front-door", message_ttl_seconds=30, connection=sandbox.connection())
    held = Held(connection, "DescribeSignalingChannel")
    submitted(form)
    late = give_up(form, held)
    form.select_channel("back-door")
    form.future.result(20)
    before = state(form)
    held.let_go()
    assert "changed" in str(late.exception(20))
    assert state(form) == before
