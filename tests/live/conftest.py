"""A sandbox shared by the tests of a file, its connection and a channel; views are closed after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.live.view_widget import LiveView
from tests.live.fake_page import Page


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[kvs.Sandbox, kvs.Connection]]:
    """Return one sandbox and its connection for a file: starting it takes longer than most of its tests."""
    with kvs.Sandbox(clock="stepped", quotas=False) as started:
        yield started, started.connection()


@pytest.fixture
def sandbox(shared: tuple[kvs.Sandbox, kvs.Connection]) -> kvs.Sandbox:
    """Return the shared sandbox, emptied of the previous test's channels."""
    shared[0].reset()
    return shared[0]


@pytest.fixture
def connection(
    sandbox: kvs.Sandbox, shared: tuple[kvs.Sandbox, kvs.Connection], monkeypatch: pytest.MonkeyPatch
) -> kvs.Connection:
    """Return the shared sandbox's connection, made current, whose rate limiter never waits."""
    monkeypatch.setattr(shared[1].rate_limiter, "sleep", lambda _: None)
    set_current(shared[1])
    return shared[1]


@pytest.fixture
def channel(connection: kvs.Connection) -> pd.DataFrame:
    """Return a channel of the shared sandbox."""
    return kvs.create_channel("front-door")


@pytest.fixture
def new_page(channel: pd.DataFrame) -> Iterator[Callable[..., Page]]:
    """Return a function that creates a view of the channel with a page; ``timeouts`` replaces the view's own."""
    made: list[LiveView] = []

    def make(function: Callable[..., LiveView] = kvs.live.viewer, **arguments: Any) -> Page:
        timeouts = arguments.pop("timeouts", None)
        view = function(arguments.pop("of", "front-door"), **arguments)
        view._timeouts = timeouts or view._timeouts
        made.append(view)
        return Page(view)

    yield make
    for view in made:
        view.close()


@pytest.fixture
def camera(new_page: Callable[..., Page]) -> Page:
    """Return a camera's page, not yet started."""
    return new_page(kvs.live.camera)


@pytest.fixture
def viewer(new_page: Callable[..., Page]) -> Page:
    """Return a viewer's page, not yet started."""
    return new_page()
