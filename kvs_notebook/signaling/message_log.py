"""The messages that a signaling client sent and received, as a DataFrame."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pandas as pd

from kvs_notebook.dataframes.builders import milliseconds, rows_frame
from kvs_notebook.dataframes.schemas import MESSAGES

CAPACITY = 10_000
"""Messages that a log keeps."""

MAX_TEXT = 20_000
"""Characters that a log keeps of each text: twice what the service accepts as a payload."""

_next_order = count().__next__
"""Numbers the entries of all logs of this process: the times do not order messages of the same millisecond."""


class MessageLog:
    """The newest messages of one client, in the order in which it sent and received them."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: deque[tuple[int, tuple[Any, ...]]] = deque(maxlen=capacity)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, direction: str, message_type: str, **columns: str | None) -> None:
        """Add a message, with the current time and those ``columns`` of MESSAGES that it has."""
        row = {
            "time": milliseconds(datetime.now(UTC)),
            "direction": direction,
            "message_type": message_type,
            **columns,
        }
        self._entries.append((_next_order(), tuple(_cut(row.get(column)) for column in MESSAGES)))

    def to_frame(self) -> pd.DataFrame:
        """Return the messages as a DataFrame, oldest first; see ``SignalingClient.messages`` for its columns."""
        return rows_frame([row for _, row in self._entries], MESSAGES)

    def entries(self) -> list[dict[str, Any]]:
        """Return the messages as dicts, each with its ``order`` among the messages of all logs of this process."""
        return [{"order": order, **dict(zip(MESSAGES, row, strict=True))} for order, row in self._entries]


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
