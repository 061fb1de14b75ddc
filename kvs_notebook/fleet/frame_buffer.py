"""Collect items from many account-regions and return them as one DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import pandas as pd

from kvs_notebook.dataframes.builders import concat
from kvs_notebook.dataframes.schemas import Schema

Item = TypeVar("Item")

MAX_ITEMS = 10_000
"""Items kept as Python objects before they become a DataFrame, which takes less memory."""


class FrameBuffer(Generic[Item]):
    """Items that become the rows of one DataFrame, in the package's row order whatever order they are appended in.

    Parameters
    ----------
    make_frame
        Returns a DataFrame of many items: one for each account-region's few would take longer than the calls.
    schema
        The schema of the DataFrames.
    """

    def __init__(self, make_frame: Callable[[list[Item]], pd.DataFrame], schema: Schema) -> None:
        self._make_frame = make_frame
        self._schema = schema
        self._items: list[Item] = []
        self._frames: list[pd.DataFrame] = []

    def append(self, items: Iterable[Item]) -> None:
        """Append items."""
        self._items.extend(items)
        if len(self._items) >= MAX_ITEMS:
            self._flush()

    def to_frame(self) -> pd.DataFrame:
        """Return all items as one DataFrame."""
        if self._items:
            self._flush()
        return concat(self._frames, self._schema)

    def _flush(self) -> None:
        self._frames.append(self._make_frame(self._items))
        self._items = []
