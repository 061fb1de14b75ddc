"""Fixtures: a sandbox shared by the tests of a file, its connection and a channel."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.default_connection import set_current


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
