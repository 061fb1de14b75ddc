"""The Python that a form shows runs as it stands in a new kernel with the same connection, and does what the form did."""

from __future__ import annotations

import ast
import asyncio
import html
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import kvs_notebook as kvs
from tests.forms.test_faults import BULK, FORMS, NAMES, changed_names, send


@pytest.fixture(autouse=True)
def channels(sandbox, connection, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        create(name)


def create(name: str) -> None:
    kvs.create_channel(name, tags={"Site": "hq", "Owner": "ops"})


def run(code: str) -> None:
    """Run code as a cell does, with the package as its only name."""
    names: dict[str, Any] = {"kvs": kvs}
    made = eval(compile(code, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 - our own
    if inspect.iscoroutine(made):
        asyncio.run(made)


def lines_of(form: Any) -> list[str]:
    return [html.unescape(code) for code in re.findall('data-copy="([^"]*)"', form.status.value)]


def restore() -> None:
    """Put the channels back as they were before the form acted."""
    for name in {"new", *NAMES} & set(kvs.list_channels()["channel_name"]):
        kvs.delete_channel(name, wait=True)
    for name in NAMES:
        create(name)


@pytest.mark.parametrize("name", FORMS)
def test_line_of_a_form_does_the_same(name):
    make, _, happened = FORMS[name]
    form = make()
    if form.future is not None:
        form.future.result(20)
        for code in lines_of(form):  # of what was loaded
            run(code)
    assert send(form) is None
    (code,) = lines_of(form)
    restore()
    assert not happened()
    run(code)
    assert happened() or name == "endpoints"


def test_line_of_a_trial_connects():
    form = kvs.forms.get_endpoints("front-door")
    assert send(form, "try_it") is None
    (code,) = lines_of(form)
    run(code)


UNDO: dict[str, Callable[[str], object]] = {
    "ttl": lambda name: kvs.update_channel(name, message_ttl_seconds=60),
    "tags": lambda name: kvs.tag_channel(name, {"Site": "hq", "Owner": "ops"}),
}


@pytest.mark.parametrize("name", BULK)
def test_lines_of_a_bulk_change_do_the_same(sandbox, connection, name):
    form = BULK[name].form(kvs.list_channels(), connection=connection)
    BULK[name].fill(form)
    assert send(form) is None
    outcomes: list[Any] = []
    form.on_change_ended(outcomes.append)
    plan_form = form.plan_form
    plan_form.phrase.value = BULK[name].phrase
    sandbox.faults.add("DescribeSignalingChannel", "denied", times=None)
    assert send(plan_form) is None
    assert send(plan_form, "resume") is None
    sandbox.faults.clear()
    applied, resumed = [outcome.code for outcome in outcomes]
    run(resumed)
    assert changed_names(name) == set(NAMES)
    if name in UNDO:
        for channel in NAMES:
            UNDO[name](channel)
        assert changed_names(name) == set()
    run(applied)
    assert changed_names(name) == set(NAMES)


@pytest.mark.parametrize("name", FORMS)
def test_line_of_a_failure_shows_what_is_there(sandbox, name):
    make, operations, _ = FORMS[name]
    form = make()
    if form.future is not None:
        form.future.result(20)
    sandbox.faults.add(operations[-1] if name != "create" else operations[0], "expired", times=None)
    assert send(form) is not None
    sandbox.faults.clear()
    if name == "create":
        create("new")
    codes = lines_of(form)
    assert codes or name == "endpoints"
    for code in codes:
        run(code)
