"""A fault at every call of every form ends in a status that is true, and the form is usable again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from tests.forms.python_words import PYTHON

SAME_EACH_TIME = {"denied", "delay"}
"""Kinds after which no call is sent again: one such fault and many of them are the same."""

KINDS = ["throttle", "denied", "error", "reset", "lost_reply", "delay"]


def create() -> Any:
    form = kvs.forms.create_channel()
    form.name.value, form.tags.value = "new", {"Site": "annex"}
    return form


def update() -> Any:
    form = kvs.forms.update_channel("front-door")
    form.message_ttl_seconds.value = 90
    return form


def delete() -> Any:
    form = kvs.forms.delete_channel("front-door")
    form.confirmation.value = "front-door"
    return form


def tag() -> Any:
    form = kvs.forms.edit_tags("front-door")
    form.tags.value = {"Env": "prod", "Site": "annex"}
    return form


def endpoints() -> Any:
    return kvs.forms.get_endpoints("front-door")


FORMS: dict[str, tuple[Callable[[], Any], list[str], Callable[[], bool]]] = {
    "create": (
        create,
        ["CreateSignalingChannel", "DescribeSignalingChannel"],
        lambda: "new" in set(kvs.list_channels()["channel_name"]),
    ),
    "update": (
        update,
        ["DescribeSignalingChannel", "UpdateSignalingChannel"],
        lambda: 90 in set(kvs.list_channels()["message_ttl_seconds"]),
    ),
    "delete": (
        delete,
        ["DescribeSignalingChannel", "ListTagsForResource", "DeleteSignalingChannel"],
        lambda: "ACTIVE" not in set(kvs.list_channels("front-door")["channel_status"]),
    ),
    "tags": (
        tag,
        ["DescribeSignalingChannel", "ListTagsForResource", "TagResource", "UntagResource"],
        lambda: set(kvs.list_tags("front-door")["key"]) == {"Env", "Site"},
    ),
    "endpoints": (endpoints, ["DescribeSignalingChannel", "GetSignalingChannelEndpoint"], lambda: False),
}
LOADING = ("DescribeSignalingChannel", "ListTagsForResource")
CALLS = [(name, operation) for name, (_, operations, _) in FORMS.items() for operation in operations]


def state() -> str:
    return kvs.list_channels(tags=True).to_csv(index=False)


@pytest.fixture(scope="module")
def started() -> Iterator[kvs.Sandbox]:
    with kvs.Sandbox(clock="stepped", quotas=False) as shared:
        yield shared


@pytest.fixture
def sandbox(started: kvs.Sandbox) -> kvs.Sandbox:
    """Return the shared sandbox, emptied: there are many tests."""
    started.reset()
    return started


@pytest.fixture(scope="module")
def shared_connection(started: kvs.Sandbox) -> kvs.Connection:
    """Return one connection for all tests, which makes its clients once and does not wait between retries."""
    made = started.connection()
    made.rate_limiter.sleep = lambda _: None
    return made


@pytest.fixture
def connection(shared_connection: kvs.Connection) -> kvs.Connection:
    """Return the shared connection, made current."""
    set_current(shared_connection)
    return shared_connection


CASES = [
    (name, operation, kind, when, times)
    for name, operation in CALLS
    for kind in KINDS
    for when in ("loaded", "at once")
    for times in (1, None)
    if times is None or (when == "loaded" and kind not in SAME_EACH_TIME)
    if when == "loaded" or operation in LOADING
]


@pytest.mark.parametrize(("name", "operation", "kind", "when", "times"), CASES)
def test_fault_ends_in_true_status(sandbox, connection, name, operation, kind, when, times):
    opened, _, happened = FORMS[name]
    kvs.create_channel("front-door", tags={"Site": "hq", "Owner": "ops"})
    before = state()
    fault = {"operation": operation, "kind": kind, "times": times, "seconds": 0.01 if kind == "delay" else 0.0}
    if when == "at once":
        sandbox.faults.add(**fault)
        form = opened()
    else:
        form = opened()
        if form.future is not None:
            form.future.result(20)
        sandbox.faults.add(**fault)
    form.submit.click()
    error = form.future.exception(60)
    sandbox.faults.clear()
    said, role = form.status.text, form.status.role

    assert not (form.load if name == "delete" else form.submit).disabled, "the form is usable again"
    assert form.cancel.disabled
    assert not PYTHON.search(said)
    assert role == ("status" if error is None else "alert")
    if error is not None:
        assert isinstance(error, errors.KVSError)
    if name == "endpoints":
        return
    if error is None:
        assert happened(), said
    elif said.startswith(("Nothing was changed.", "Not sent.")):
        assert state() == before, said
    elif any(claim in said for claim in (" was created", " was updated", " was deleted", "Done: ")):
        assert state() != before, said
    else:
        assert " to see " in said or "The tags are now: " in said, said
    if kind == "delay" or (kind == "throttle" and times == 1):
        assert error is None, said

    if error is not None and when == "loaded" and times is None and not happened():
        again = opened()
        again.submit.click()
        assert again.future.exception(60) is None, again.status.text
        assert happened()
