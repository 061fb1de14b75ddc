"""A fault at every call of every form ends in a status that is true, and the form is usable again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.forms.bulk_forms import BulkDeleteForm, BulkTagsForm, BulkTtlForm
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


@pytest.mark.draw(1, of_each=("name", "operation", "kind"))
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


# --- several channels of a console

NAMES = ("front-door", "back-door")


def wanted_ttl(form: Any) -> None:
    form.message_ttl_seconds.value = "90"


def wanted_tags(form: Any) -> None:
    form.tags.value, form.removed.value = {"Site": "annex"}, "Owner"


BULK: dict[str, tuple[Callable[..., Any], Callable[[Any], None], list[str]]] = {
    "ttl": (BulkTtlForm, wanted_ttl, ["ListSignalingChannels", "DescribeSignalingChannel", "UpdateSignalingChannel"]),
    "tags": (BulkTagsForm, wanted_tags, ["ListTagsForResource", "TagResource", "UntagResource"]),
    "delete": (BulkDeleteForm, lambda _: None, ["DescribeSignalingChannel", "DeleteSignalingChannel"]),
}


def changed_names(name: str) -> set[str]:
    """Return the channels that are as a form wants them."""
    frame = kvs.list_channels(tags=True).set_index("channel_name").reindex(NAMES)
    if name == "ttl":
        return set(frame.index[frame["message_ttl_seconds"].eq(90)])
    if name == "delete":
        return set(frame.index[frame["channel_status"].ne("ACTIVE")])
    tags = frame.reindex(columns=["tag:Site", "tag:Owner"])
    return set(frame.index[tags["tag:Site"].eq("annex") & tags["tag:Owner"].isna()])


def send(form: Any, button: str = "submit") -> BaseException | None:
    getattr(form, button).click()
    error: BaseException | None = form.future.exception(60)
    return error


@pytest.mark.draw(1, of_each=("name", "operation"))
@pytest.mark.parametrize("kind", ["denied", "lost_reply"])
@pytest.mark.parametrize(("name", "operation"), [(name, each) for name, (*_, all_) in BULK.items() for each in all_])
def test_fault_in_a_bulk_change_ends_in_true_outcomes(
    sandbox, connection, tmp_path, monkeypatch, name, operation, kind
):
    monkeypatch.chdir(tmp_path)
    make, fill, _ = BULK[name]
    for channel in NAMES:
        kvs.create_channel(channel, tags={"Site": "hq", "Owner": "ops"})
    form = make(kvs.list_channels(), connection=connection)
    fill(form)
    if name != "delete":
        sandbox.faults.add(operation, kind, times=None)
        previewed = send(form)
        assert form.status.role == ("status" if previewed is None else "alert")
        sandbox.faults.clear()
        assert changed_names(name) == set(), "a preview changes nothing"
        send(form)
    form.future.result(20)
    plan_form = form.plan_form
    plan_form.phrase.value = "delete 2 of 2" if name == "delete" else ""
    sandbox.faults.add(operation, kind, times=None)
    send(plan_form)
    sandbox.faults.clear()
    assert not plan_form.submit.disabled
    applied = plan_form.future.result()
    outcomes = applied.result.groupby("channel_name")["outcome"].agg(set)
    done = {channel for channel in NAMES if outcomes[channel] <= {"done", "already_done"}}
    unknown = {channel for channel in NAMES if "unknown" in outcomes[channel]}
    assert done - unknown <= changed_names(name) <= done | unknown
    if applied.can_be_resumed:
        assert send(plan_form, "resume") is None
    assert changed_names(name) == set(NAMES), plan_form.status.text
