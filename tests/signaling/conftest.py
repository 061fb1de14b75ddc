"""A sandbox shared by the tests of a file, its connection and a channel, and connects without waits."""

from __future__ import annotations

import pytest

from kvs_notebook.signaling import websocket
from tests.shared_sandbox import channel, connection, sandbox, shared

__all__ = ["channel", "connection", "sandbox", "shared"]  # fixtures of the tests of this folder


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry failed connects without waits."""
    monkeypatch.setattr(websocket, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(websocket, "LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
