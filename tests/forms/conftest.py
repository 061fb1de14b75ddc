"""Forms without a browser: opened, driven from code, and taken away; nothing sleeps, and no handler hides what it raised."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as widgets
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.default_connection import set_current


@pytest.fixture(autouse=True)
def nothing_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever waits look again at once: the lesson clock moves with each look."""
    rest = time.sleep
    monkeypatch.setattr(time, "sleep", lambda _: rest(0))


@pytest.fixture
def sandbox() -> Iterator[kvs.Sandbox]:
    """Give a private sandbox on the lesson clock, without quotas: real time stands still here."""
    with kvs.Sandbox(clock="stepped", quotas=False) as started:
        yield started


@pytest.fixture
def connection(sandbox: kvs.Sandbox) -> kvs.Connection:
    """Give the sandbox's connection, made current, whose pacing does not wait."""
    made = sandbox.connection()
    made.rate_limiter.sleep = lambda _: None
    set_current(made)
    return made


@pytest.fixture(autouse=True)
def forms_are_closed_and_handlers_raise_nothing(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Close every widget; a handler's exception is only logged, so that a log of one fails the test."""
    yield
    widgets.Widget.close_all()
    raised = [record for when in ("setup", "call") for record in caplog.get_records(when) if record.exc_info]
    assert not raised, [record.getMessage() for record in raised]
    assert not [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]


@pytest.fixture
def submit() -> Callable[[Any], Any]:
    """Click a form's button and wait for what becomes of it; give the value, or the error where it failed."""

    def click(form: Any, button: str = "submit") -> Any:
        getattr(form, button).click()
        error = form.future.exception(30)
        return form.future.result() if error is None else error

    return click
