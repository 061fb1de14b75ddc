"""Fixtures for forms without a browser: nothing sleeps, and an exception in a handler fails the test."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ipykernel.ipkernel  # noqa: F401 - it replaces the manager of comms: a widget that was made before could not be closed
import ipywidgets as widgets
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.connection import Connection
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


@dataclass
class SlowIdentity:
    """Which connections wait for their identity, an event when one does, and an event that ends the waiting."""

    concerns: Callable[[Connection], bool] = lambda connection: connection.region == "eu-west-1"
    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def slow_identity(monkeypatch: pytest.MonkeyPatch) -> SlowIdentity:
    """Make connections, those to eu-west-1 unless the test says otherwise, wait for their identity."""
    slow = SlowIdentity()
    asked = Connection.identity

    def identity(connection: Connection) -> Any:
        if slow.concerns(connection):
            slow.begun.set()
            assert slow.go_on.wait(20)
        return asked(connection)

    monkeypatch.setattr(Connection, "identity", identity)
    return slow


@pytest.fixture
def real_account(sandbox: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch) -> kvs.Sandbox:
    """Return a sandbox that counts as a real account, to which the environment leads."""
    for name, value in sandbox.environment({}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("kvs_notebook.aws.identity.SANDBOX_USER", "another-user")
    return sandbox


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
