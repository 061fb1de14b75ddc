"""Journal: what a sandbox has served, the newest requests kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

KEPT = 100_000
"""Requests that are remembered; older ones are forgotten."""


class LoggedRequest(NamedTuple):
    """One request and its answer.

    ``time`` is wall time in epoch seconds; ``status`` is 0 where the connection was cut; ``attempt`` is the client's own count.
    """

    time: float
    account_id: str | None
    region: str | None
    operation: str
    channel_name: str | None
    status: int
    error_code: str | None
    attempt: int
    seconds: float


class RequestLog:
    """Remember the newest requests."""

    def __init__(self) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=KEPT)

    def add(self, entry: LoggedRequest) -> None:
        """Write a request down."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget every request."""
        self._entries.clear()

    def requests(self) -> list[LoggedRequest]:
        """Give the requests, oldest first."""
        return list(self._entries)


COLUMNS: Mapping[str, str] = {
    "time": "datetime64[ms, UTC]",
    "account_id": "str",
    "region": "str",
    "operation": "str",
    "channel_name": "str",
    "status": "Int64",
    "error_code": "str",
    "attempt": "Int64",
    "seconds": "float64",
}


def requests_frame(requests: Sequence[LoggedRequest]) -> pd.DataFrame:
    """Give entries as a frame."""
    import pandas as pd

    frame = pd.DataFrame(requests, columns=list(COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True)
    return frame.astype(dict(COLUMNS))
