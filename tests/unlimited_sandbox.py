"""Fixture: the shared sandbox of a file, for tests that make connections of their own to it."""

from __future__ import annotations

from functools import partial

import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.rate_limit import RateLimiter


@pytest.fixture
def sandbox(shared: tuple[kvs.Sandbox, kvs.Connection], monkeypatch: pytest.MonkeyPatch) -> kvs.Sandbox:
    """Return the shared sandbox, emptied of the previous test's channels; no connection to it waits for a rate limit."""
    monkeypatch.setattr("kvs_notebook.aws.connection.RateLimiter", partial(RateLimiter, sleep=lambda _: None))
    shared[0].reset()
    return shared[0]
