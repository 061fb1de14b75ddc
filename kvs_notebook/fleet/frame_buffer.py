"""Collect items from many account-regions and return them as one DataFrame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import pandas as pd

from kvs_notebook.dataframes.builders import concat
from kvs_notebook.dataframes.schemas import Schema
from kvs_notebook.errors import KVSError, to_kvs_error
from kvs_notebook.fleet.coverage import AccountRegionKey

_logger = logging.getLogger(__name__)

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

    Attributes
    ----------
    failures
        The account-regions whose items do not make a DataFrame, which has the rows of all others, and the errors.
    """

    def __init__(self, make_frame: Callable[[list[Item]], pd.DataFrame], schema: Schema) -> None:
        self._make_frame = make_frame
        self._schema = schema
        self._items: dict[AccountRegionKey, list[Item]] = {}
        self._count = 0
        self._frames: list[pd.DataFrame] = []
        self.failures: dict[AccountRegionKey, KVSError] = {}

    def append(self, key: AccountRegionKey, items: Iterable[Item]) -> None:
        """Append the items of an account-region."""
        own = self._items.setdefault(key, [])
        self._count -= len(own)
        own.extend(items)
        self._count += len(own)
        if self._count >= MAX_ITEMS:
            self._flush()

    def to_frame(self) -> pd.DataFrame:
        """Return all items as one DataFrame."""
        if self._count:
            self._flush()
        return concat(self._frames, self._schema)

    def _flush(self) -> None:
        items, self._items, self._count = self._items, {}, 0
        try:
            self._frames.append(self._make_frame([item for own in items.values() for item in own]))
        except Exception:
            _logger.warning("A reply does not fit its columns", exc_info=True)
            for key, own in items.items():
                self._append_frame(key, own)

    def _append_frame(self, key: AccountRegionKey, items: list[Item]) -> None:
        try:
            self._frames.append(self._make_frame(items))
        except Exception as error:  # noqa: BLE001 - of a malformed reply
            self.failures[key] = to_kvs_error(error)
