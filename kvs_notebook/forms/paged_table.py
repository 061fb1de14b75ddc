"""A table of any number of rows that shows one page of them: plain HTML in the browser, the rows in Python.

Only a page is sent to the browser. Python sorts, pages and selects, so that it knows what is shown and what is selected.
"""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import anywidget
import pandas as pd
import traitlets

PAGE_SIZES = (10, 25, 50, 100)
DEFAULT_PAGE_SIZE = 25

_FOLDER = pathlib.Path(__file__).parent

Cell = str | Mapping[str, str]
"""What a cell shows: a text, or a mapping of ``text`` and ``status`` (a coloured dot), ``time`` (ISO 8601: the tooltip is the
local time) or ``open`` (a button that opens the row)."""


class Column(NamedTuple):
    """A column of the table.

    Attributes
    ----------
    key, heading, tooltip
        The frame's column that it sorts by, and what its head shows.
    spare
        Whether it is hidden if there is not enough space for all columns; those at the right are hidden first.
    below
        Whether its texts are sentences, which stand below the other cells of their row. Such a column is the last one.
    """

    key: str
    heading: str
    tooltip: str = ""
    spare: bool = False
    below: bool = False


class PagedTable(anywidget.AnyWidget):
    """Show a page of a frame, and let the user sort, page and select.

    Rows are known by the values of ``id_column``: sorting, filtering and new rows keep the selection. A table without it
    has no selection.

    Attributes
    ----------
    rows
        The rows of all pages in the order in which they are shown.
    selection
        The ids of the selected rows, also of those that the filter hides.
    """

    _esm = _FOLDER / "paged_table.js"
    _css = _FOLDER / "paged_table.css"
    view = traitlets.Dict().tag(sync=True)
    value = traitlets.Int(0).tag(sync=True)
    """The number of the last action of the user that has been processed: a click of another button waits for it."""
    disabled = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, label: str, cells: Callable[[pd.DataFrame], list[list[Cell]]], *, id_column: str = "") -> None:
        super().__init__()
        self.rows = pd.DataFrame()
        self.selection: dict[str, None] = {}
        self._label = label
        self._cells = cells
        self._id_column = id_column
        self._given = self.rows
        self._columns: Sequence[Column] = ()
        self._marked: Collection[str] = frozenset()
        self._empty = ""
        self._is_filtered = False
        self._sort_key, self._is_ascending = "", True
        self._page, self._page_size = 0, DEFAULT_PAGE_SIZE
        self._anchor = ""
        self._on_select: Callable[[], None] = lambda: None
        self._on_open: Callable[[str], None] = lambda _: None
        # The rows change on the thread that lists and on the one that filters, the selection on that of the click.
        self._lock = threading.RLock()
        self.on_msg(lambda _widget, message, _buffers: self._handle(message))

    # --- rows

    def show(
        self,
        rows: pd.DataFrame,
        columns: Sequence[Column],
        *,
        marked: Collection[str] = frozenset(),
        known: pd.Series | None = None,
        empty: str = "No rows.",
    ) -> None:
        """Show rows; ``marked`` are ids of rows that have changed, ``known`` those that may be selected although not shown."""
        with self._lock:
            self._given, self._columns, self._marked, self._empty = rows, columns, marked, empty
            self._is_filtered = known is not None and len(rows) < len(known)
            left = self.selection if known is None or not self.selection else self._selected_of(known)
            lost, self.selection = left != self.selection, left
            self._sort()
            self._send_view()
        if lost:
            self._on_select()

    def _selected_of(self, known: pd.Series) -> dict[str, None]:
        there = set(known.tolist())
        return {each: None for each in self.selection if each in there}

    def focus(self) -> None:
        """Move the focus to the table."""
        self.send({"focus": True})

    def _ids(self) -> list[str]:
        return self.rows[self._id_column].tolist() if self._id_column else []

    def _sort(self) -> None:
        if self._sort_key not in {column.key for column in self._columns}:
            self._sort_key = ""
        rows = self._given
        if self._sort_key:
            rows = rows.sort_values(
                self._sort_key,
                ascending=self._is_ascending,
                kind="stable",
                na_position="first" if self._is_ascending else "last",
            )
        self.rows = rows.reset_index(drop=True)

    def _send_view(self) -> None:
        last = max(0, (len(self.rows) - 1) // self._page_size)
        self._page = min(max(0, self._page), last)
        start = self._page * self._page_size
        page = self.rows.iloc[start : start + self._page_size]
        ids = page[self._id_column].tolist() if self._id_column else [""] * len(page)
        self.view = {
            "label": self._label,
            "selectable": bool(self._id_column),
            "columns": [column._asdict() for column in self._columns],
            "sort": self._sort_key,
            "ascending": self._is_ascending,
            "rows": [
                {"id": each, "cells": cells, "selected": each in self.selection, "marked": each in self._marked}
                for each, cells in zip(ids, self._cells(page), strict=True)
            ],
            "start": start,
            "total": len(self.rows),
            "filtered": self._is_filtered,
            "page": self._page,
            "last": last,
            "size": self._page_size,
            "sizes": PAGE_SIZES,
            "all": bool(len(self.rows))
            and len(self.selection) >= len(self.rows)
            and self.selection.keys() >= set(self._ids()),
            "empty": self._empty,
        }

    # --- selection

    def select(self, ids: Collection[str]) -> None:
        """Select rows by their ids, and no others."""
        with self._lock:
            changed = set(ids) != self.selection.keys()
            self.selection = dict.fromkeys(ids)
            self._send_view()
        if changed:
            self._on_select()

    def on_select(self, listener: Callable[[], None]) -> None:
        """Call a listener when the selection has changed."""
        self._on_select = listener

    def on_open(self, listener: Callable[[str], None]) -> None:
        """Call a listener with the id of a row that the user opens."""
        self._on_open = listener

    # --- actions of the user

    def _handle(self, message: Mapping[str, Any]) -> None:
        """Do what the user asks for, in the browser's words."""
        action = getattr(self, f"_do_{message['do']}")
        before = self.selection.keys() - ()
        with self._lock, self.hold_sync():
            action(message)
            self._send_view()
            self.value = message["number"]
        if self.selection.keys() != before:
            self._on_select()
        if message["do"] == "open":
            self._on_open(message["id"])

    def _do_sort(self, message: Mapping[str, Any]) -> None:
        self._is_ascending = not self._is_ascending if message["key"] == self._sort_key else True
        self._sort_key = message["key"]
        self._sort()

    def _do_page(self, message: Mapping[str, Any]) -> None:
        self._page = int(message["page"])

    def _do_size(self, message: Mapping[str, Any]) -> None:
        self._page = self._page * self._page_size // int(message["size"])
        self._page_size = int(message["size"])

    def _do_only(self, message: Mapping[str, Any]) -> None:
        self._anchor = message["id"]
        self.selection = {message["id"]: None}

    _do_open = _do_only

    def _do_toggle(self, message: Mapping[str, Any]) -> None:
        self._anchor = message["id"]
        if message["id"] in self.selection:
            self.selection = {each: None for each in self.selection if each != message["id"]}
        else:
            self.selection = {**self.selection, message["id"]: None}

    def _do_extend(self, message: Mapping[str, Any]) -> None:
        """Select all rows from the one that was selected last to this one."""
        ids = self._ids()
        if self._anchor not in self.selection or self._anchor not in ids:
            self._anchor = message.get("from", message["id"])
        ends = [ids.index(each) for each in (self._anchor, message["id"]) if each in ids]
        if ends:
            self.selection = {**self.selection, **dict.fromkeys(ids[min(ends) : max(ends) + 1])}

    def _do_all(self, _: Mapping[str, Any]) -> None:
        """Select the rows of all pages, or none if they are selected."""
        self.selection = {} if self.view["all"] else dict.fromkeys(self._ids())
