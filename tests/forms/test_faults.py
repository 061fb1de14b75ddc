"""A fault at every call of every form ends in a status that is true, and the form is usable again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.forms.bulk_forms import BulkDeleteForm, BulkTagsForm, BulkTtlForm
from kvs_notebook.sandbox.backend.faults import KINDS as FAULTS
from tests.forms.python_words import PYTHON

SAME_EACH_TIME = {"denied", "expired", "revoked", "delay"}
"""Kinds after which no call is sent again: one such fault and many of them are the same."""


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
FAULTS_OF_LOADING = {"denied", "expired", "lost_reply", "delay"}
"""What is tried while a form loads its channel: one kind of each class of error that a form treats in its own way."""

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
    for kind in FAULTS
    for when in ("loaded", "at once")
    for times in (1, None)
    if times is None or (when == "loaded" and kind not in SAME_EACH_TIME)
    if when == "loaded" or (operation in LOADING and kind in FAULTS_OF_LOADING)
]


@pytest.mark.draw(2, of_each=("name", "operation"))
@pytest.mark.draw(2, of_each=("kind",))
@pytest.mark.draw(2, of_each=("when", "times"))
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


class Bulk(NamedTuple):
    """A form of several channels: how it is filled in, the operations of its plan in their order, and its phrase."""

    form: Callable[..., Any]
    fill: Callable[[Any], None]
    applying: list[str]
    phrase: str = ""


READING = {"ListSignalingChannels", "DescribeSignalingChannel", "ListTagsForResource"}
FAULTS_OF_READING = {"denied", "lost_reply"}
"""What is tried while a plan is applied and reads: after one of the one kind it stops, after one of the other it goes on."""

BULK = {
    "ttl": Bulk(BulkTtlForm, wanted_ttl, ["DescribeSignalingChannel", "UpdateSignalingChannel"]),
    "tags": Bulk(
        BulkTagsForm,
        wanted_tags,
        ["DescribeSignalingChannel", "ListTagsForResource", "TagResource", "UntagResource"],
    ),
    "delete": Bulk(
        BulkDeleteForm,
        lambda _: None,
        ["ListSignalingChannels", "DescribeSignalingChannel", "ListTagsForResource", "DeleteSignalingChannel"],
        "delete 2 of 2",
    ),
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


def texts_of(form: Any) -> str:
    """Return what a form shows of its outcome, without the folded Python."""
    shown = re.sub("<details>.*?</details>", "", form.status.value, flags=re.DOTALL)
    table = getattr(form, "table", None)
    return shown if table is None else f"{shown}\n{table.frame.to_csv()}"


def check_outcome(name: str, plan_form: Any, error: BaseException | None) -> Any:
    assert error is None, plan_form.status.text
    applied = plan_form.future.result()
    assert not PYTHON.search(texts_of(plan_form)), texts_of(plan_form)
    assert plan_form.stop.disabled
    assert not plan_form.resume.disabled
    outcomes = applied.result.groupby("channel_name")["outcome"].agg(set)
    done = {channel for channel in NAMES if outcomes[channel] <= {"done", "already_done"}}
    unknown = {channel for channel in NAMES if "unknown" in outcomes[channel]}
    assert done - unknown <= changed_names(name) <= done | unknown
    for outcome, number in applied.counts.items():
        assert (f"{number} {outcome.replace('_', ' ')}" in plan_form.status.text) is bool(number)
    assert plan_form.status.role == ("status" if done == set(NAMES) else "alert")
    return applied


@pytest.mark.draw(1, of_each=("name",))
@pytest.mark.draw(1, of_each=("kind",))
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", BULK)
def test_fault_in_a_bulk_change_ends_in_true_outcomes(sandbox, connection, tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kvs_notebook.aws.connection.RateLimiter", partial(RateLimiter, sleep=lambda _: None))
    bulk, fault = BULK[name], {"kind": kind, "times": None, "seconds": 0.01 if kind == "delay" else 0.0}
    for channel in NAMES:
        kvs.create_channel(channel, tags={"Site": "hq", "Owner": "ops"})
    channels = kvs.list_channels()
    sandbox.faults.add("*", **fault)
    form = bulk.form(channels, connection=connection)
    bulk.fill(form)
    error = send(form)
    sandbox.faults.clear()
    assert form.status.role == ("status" if error is None else "alert")
    assert (error is None) is (kind == "delay")
    assert not PYTHON.search(texts_of(form)), texts_of(form)
    assert send(form) is None
    assert changed_names(name) == set(), "a preview changes nothing"
    plan_form, button = form.plan_form, "submit"
    plan_form.phrase.value = bulk.phrase
    for operation in bulk.applying:
        if operation in READING and kind not in FAULTS_OF_READING:
            continue
        sandbox.faults.add(operation, **fault)
        error = send(plan_form, button)
        sandbox.faults.clear()
        if not check_outcome(name, plan_form, error).can_be_resumed:
            break
        button = "resume"
    else:
        assert send(plan_form, button) is None
        assert plan_form.status.role == "status"
    assert changed_names(name) == set(NAMES), plan_form.status.text
