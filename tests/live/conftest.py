"""A sandbox shared by the tests of a file, its connection and a channel; views are closed after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.live.view_widget import LiveView
from tests.live.fake_page import Page
from tests.shared_sandbox import channel, connection, sandbox, shared

__all__ = ["channel", "connection", "sandbox", "shared"]  # fixtures of the tests of this folder


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
