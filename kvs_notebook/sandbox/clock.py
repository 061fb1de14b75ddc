"""Lifecycle time, which CreationTime, statuses and TTLs are counted in, and the versions of channels."""

from __future__ import annotations

import hashlib
import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import Protocol

STEPPED_START = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""Start of the stepped clock."""

STEP_SECONDS = 1.0
"""Seconds by which each request of an operation moves the stepped clock."""

ALPHANUMERIC = string.ascii_letters + string.digits
VERSION_LENGTH = 20
"""Characters of a version: the two published ones have 20, of mixed case (likely, not sure)."""


class Clock(Protocol):
    """Lifecycle time, which never goes back."""

    def now(self) -> datetime:
        """Return the time in UTC, without moving it."""

    def tick(self) -> None:
        """Note a request of an operation."""

    def advance(self, seconds: float) -> None:
        """Move time forward by some seconds."""


class ManualClock:
    """A clock that only :meth:`advance` moves, for tests."""

    def __init__(self, start: datetime = STEPPED_START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time in UTC."""
        return self._now

    def tick(self) -> None:
        """Do nothing: only advance() moves this clock."""

    def advance(self, seconds: float) -> None:
        """Move time forward by some seconds."""
        self._now += _forward(seconds)


class SteppedClock(ManualClock):
    """A clock that starts at a fixed time and moves one second per request, so that outputs are reproducible."""

    def tick(self) -> None:
        """Move time forward by one step."""
        self.advance(STEP_SECONDS)


class WallClock:
    """The time of this machine plus what it was advanced by."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC) + self._ahead

    def tick(self) -> None:
        """Do nothing: time passes by itself."""

    def advance(self, seconds: float) -> None:
        """Move time forward by some seconds."""
        self._ahead += _forward(seconds)


def _forward(seconds: float) -> timedelta:
    if seconds < 0:
        raise ValueError(f"seconds={seconds} is not valid. Expected 0 or more: lifecycle time cannot go back.")
    return timedelta(seconds=seconds)


class Versions(Protocol):
    """Source of the versions of channels."""

    def next(self, channel_arn: str, previous: str | None) -> str:
        """Return the version of a channel that follows ``previous``; None for the first one."""


class RandomVersions:
    """Random versions, like the service's."""

    def next(self, channel_arn: str, previous: str | None) -> str:  # noqa: ARG002 - random on purpose
        """Return 20 random letters and digits."""
        return "".join(secrets.choice(ALPHANUMERIC) for _ in range(VERSION_LENGTH))


class DerivedVersions:
    """Versions derived from the channel and the previous version, the same in every run."""

    def next(self, channel_arn: str, previous: str | None) -> str:
        """Return 20 letters and digits of a digest."""
        digest = hashlib.sha512(f"{channel_arn} {previous or ''}".encode()).digest()
        return "".join(ALPHANUMERIC[byte % len(ALPHANUMERIC)] for byte in digest[:VERSION_LENGTH])
