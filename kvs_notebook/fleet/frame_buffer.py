"""Pile: what a fleet's units answered, put on bit by bit and taken off as one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import pandas as pd

from kvs_notebook.dataframes.builders import concat
from kvs_notebook.dataframes.schemas import Schema

Item = TypeVar("Item")

MOST = 10_000
"""Items kept as the service gave them before they become a frame, which holds the same in less memory."""


class Pile(Generic[Item]):
    """Items that become the rows of one frame, put on in any order and taken off in the package's row order.

    Parameters
    ----------
    frame_of
        Makes a frame of many items at once: one for each unit's few would cost more than the unit's calls.
    schema
        That of the frames.
    """

    def __init__(self, frame_of: Callable[[list[Item]], pd.DataFrame], schema: Schema) -> None:
        self._frame_of = frame_of
        self._schema = schema
        self._items: list[Item] = []
        self._frames: list[pd.DataFrame] = []

    def put(self, items: Iterable[Item]) -> None:
        """Put items on."""
        self._items.extend(items)
        if len(self._items) >= MOST:
            self._settle()

    def whole(self) -> pd.DataFrame:
        """Give all that was put on as one frame."""
        if self._items:
            self._settle()
        return concat(self._frames, self._schema)

    def _settle(self) -> None:
        self._frames.append(self._frame_of(self._items))
        self._items = []
