"""Waiting for what another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

_rest = time.sleep
"""The real one: the fixtures of forms replace it by a millisecond, and a loop would spin."""


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail after 20 seconds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        _rest(0.01)
