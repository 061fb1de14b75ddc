"""Fixtures for forms without a browser: nothing sleeps, and an exception in a handler fails the test."""

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
    """Sleep a millisecond at most: the stepped clock moves with each request. Without that, a thread that polls would spin."""
    rest = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: rest(min(seconds, 0.001)))


@pytest.fixture(autouse=True)
def layouts_send_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the state of layouts, which no page receives here: reading their 50 traits is half of a console's start."""
    monkeypatch.setattr(widgets.Layout, "get_state", lambda *_, **__: {})


@pytest.fixture
def sandbox() -> Iterator[kvs.Sandbox]:
    """Yield a private sandbox on the stepped clock, without rate limits."""
    with kvs.Sandbox(clock="stepped", quotas=False) as started:
        yield started


@pytest.fixture
def connection(sandbox: kvs.Sandbox) -> kvs.Connection:
    """Return the sandbox's connection as the current one; its rate limiter does not wait."""
    made = sandbox.connection()
    made.rate_limiter.sleep = lambda _: None
    set_current(made)
    return made


@pytest.fixture(autouse=True)
def close_forms_and_check_handlers(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Close every widget, and fail if a handler's exception was logged: ipywidgets only logs it."""
    yield
    widgets.Widget.close_all()
    raised = [record for when in ("setup", "call") for record in caplog.get_records(when) if record.exc_info]
    assert not raised, [record.getMessage() for record in raised]
    assert not [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]


@pytest.fixture
def submit() -> Callable[[Any], Any]:
    """Return a function that clicks a form's button and returns the value of its future, or its error."""

    def click(form: Any, button: str = "submit") -> Any:
        getattr(form, button).click()
        error = form.future.exception(30)
        return form.future.result() if error is None else error

    return click
