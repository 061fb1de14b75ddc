"""Log of the requests that a sandbox has served."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

MAX_REQUESTS = 100_000
"""Requests that are kept; older ones are dropped."""


class LoggedRequest(NamedTuple):
    """One request and its outcome.

    ``time`` is wall time in epoch seconds; ``status`` is 0 if the connection was cut; ``attempt`` is the client's own count.
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
    """Keep the newest requests."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=MAX_REQUESTS)

    def add(self, request: LoggedRequest) -> None:
        """Add a request."""
        self._requests.append(request)

    def clear(self) -> None:
        """Remove every request."""
        self._requests.clear()

    def requests(self) -> list[LoggedRequest]:
        """Return the requests, oldest first."""
        return list(self._requests)


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
    """Return logged requests as a DataFrame with the columns and dtypes of ``COLUMNS``."""
    import pandas as pd

    columns = zip(*requests, strict=True) if requests else [()] * len(COLUMNS)
    values = {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}
    times = pd.to_datetime(values.pop("time"), unit="s", utc=True).astype(COLUMNS["time"])
    arrays = {name: pd.array(values[name], dtype=COLUMNS[name]) for name in values}  # type: ignore[call-overload]
    return pd.DataFrame({"time": times} | arrays)
