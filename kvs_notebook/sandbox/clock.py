"""Lifecycle time: what CreationTime, states and TTLs are counted in, and the versions that go with it."""

from __future__ import annotations

import hashlib
import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import Protocol

STEPPED_START = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""When every lesson begins."""

STEP_SECONDS = 1.0
"""Seconds that one lifecycle request takes in a lesson."""

ALPHANUMERIC = string.ascii_letters + string.digits
VERSION_LENGTH = 20
"""Letters of a version: the two real ones that were published have 20, of mixed case (likely, not sure)."""


class Clock(Protocol):
    """Tell lifecycle time, which only ever goes forward."""

    def now(self) -> datetime:
        """Give the time, in UTC; looking does not move it."""

    def tick(self) -> None:
        """Take note that a lifecycle request has come in."""

    def advance(self, seconds: float) -> None:
        """Go forward at once, so that nobody has to wait."""


class ManualClock:
    """Stand still until moved: for tests."""

    def __init__(self, start: datetime = STEPPED_START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Give the time, in UTC."""
        return self._now

    def tick(self) -> None:
        """Stay: only advance() moves this clock."""

    def advance(self, seconds: float) -> None:
        """Go forward by some seconds."""
        self._now += _forward(seconds)


class SteppedClock(ManualClock):
    """Begin at a fixed time and move one second per lifecycle request, so that a lesson's outputs never differ."""

    def tick(self) -> None:
        """Go forward by the second that a request takes in a lesson."""
        self.advance(STEP_SECONDS)


class WallClock:
    """Follow this machine's time, ahead of it by what it was advanced."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Give the time, in UTC."""
        return datetime.now(UTC) + self._ahead

    def tick(self) -> None:
        """Stay: time passes by itself."""

    def advance(self, seconds: float) -> None:
        """Go forward by some seconds."""
        self._ahead += _forward(seconds)


def _forward(seconds: float) -> timedelta:
    if seconds < 0:
        raise ValueError(f"The lifecycle clock cannot go back by {-seconds} s: give 0 or more.")
    return timedelta(seconds=seconds)


class Ids(Protocol):
    """Give the versions that channels carry."""

    def version(self, channel_arn: str, before: str | None) -> str:
        """Give the version that follows ``before`` (None: the first one) on a channel."""


class RandomIds:
    """Give versions that nobody can foretell, as the service does."""

    def version(self, channel_arn: str, before: str | None) -> str:  # noqa: ARG002 - random on purpose
        """Give 20 random letters and digits."""
        return "".join(secrets.choice(ALPHANUMERIC) for _ in range(VERSION_LENGTH))


class DerivedIds:
    """Give versions that follow from the channel and the version before, the same in every run of a lesson."""

    def version(self, channel_arn: str, before: str | None) -> str:
        """Give 20 letters and digits drawn from a digest."""
        digest = hashlib.sha512(f"{channel_arn} {before or ''}".encode()).digest()
        return "".join(ALPHANUMERIC[byte % len(ALPHANUMERIC)] for byte in digest[:VERSION_LENGTH])
