"""The live table of channels: filter, sort and select; it stays usable with tens of thousands of rows.

The filter works in Python and not in the browser, so that Python knows the rows that are shown: those are saved. The browser
sorts and pages; it keeps both when the rows change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import ipywidgets as widgets
import pandas as pd
from itables import JavascriptFunction
from itables.widget import ITable

from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.forms.executor import ContextExecutor

COLUMNS = ["channel_name", "channel_status", "message_ttl_seconds", "creation_time", "version"]

OPTIONS: dict[str, Any] = {
    "select": "single",
    "maxBytes": 0,  # every row: the browser can sort and select only the rows that it has
    "classes": "display compact nowrap",
    "text_in_header_can_be_selected": False,  # a click on it sorts
    "layout": {"topStart": "pageLength", "topEnd": None, "bottomStart": "info", "bottomEnd": "paging"},
    # On the element and not in the browser's storage: two tables do not share it, and nothing is left there.
    "warn_on_undocumented_option": False,  # these are DataTables' own
    "stateSave": True,
    "searching": False,
    "autoWidth": False,
    "stateSaveCallback": JavascriptFunction(
        # Without the selection: it would be restored by row number, to another channel.
        "function (settings, data) { delete data.select; settings.nTable.kvsState = data; }"
    ),
    "stateLoadCallback": JavascriptFunction(
        # ITable deselects every row after each change, and DataTables looks up the id of each, which is not used: 1.3 s for
        # 10,000 rows. A row that the user deselects is reported to ITable as an empty selection.
        """function (settings) {
          const table = settings.oInstance;
          table.off("deselect.dt");
          table.on("deselect.dt", (event, api, type, rows) => {
            if (rows.length === 1) table.trigger("select.dt", [api, type, []]);
          });
          return settings.nTable.kvsState || null;
        }"""
    ),
}


class ChannelTable(widgets.VBox):
    """Show the channels of one source.

    Attributes
    ----------
    filter
        The Text with the words that every shown row contains, in any column, ignoring case.
    frame
        The channels frame with all rows.
    shown
        The rows of the frame that pass the filter.
    painted
        The future of the latest change of the filter.
    """

    def __init__(self, executor: ContextExecutor, source: object = None) -> None:
        self.filter = widgets.Text(description="Filter (words in any column)", placeholder="front ACTIVE")
        self.frame = empty(CHANNELS)
        self.shown = self.frame
        self.painted: Future[None] = Future()
        self.painted.set_result(None)
        self._executor = executor
        self._source = source
        self._search_texts = _search_texts(self.frame)
        self._table = ITable(_display_frame(self.frame), **OPTIONS)
        self._selected_arn = ""
        self._listeners: list[Callable[[str], None]] = []
        self._filter_is_scheduled = threading.Event()
        # The rows change on the thread that lists and on the one that filters, the selection on that of the click, and a
        # selection is a row number. Reentrant, because ITable reports the selection that it is given.
        self._lock = threading.RLock()
        self.filter.observe(lambda _: self._schedule_filter(), "value")
        self._table.observe(lambda change: self._selection_changed(change["new"]), "selected_rows")
        super().__init__([self.filter, self._table])

    # --- rows

    def show(self, frame: pd.DataFrame, source: object = None) -> bool:
        """Show another frame of the table's source, keeping filter and selection; return False for any other source."""
        with self._lock:
            if source is not self._source:
                return False
            if not frame.equals(self.frame):
                self.frame, self._search_texts = frame, _search_texts(frame)
                self._render()
            return True

    def change_source(self, source: object) -> None:
        """Remove all rows; from now on show only frames of this source."""
        with self._lock:
            self._source = source
            self.show(empty(CHANNELS), source)

    def _schedule_filter(self) -> None:
        """Filter on another thread; of many keys typed at once, only the last state is rendered."""
        if not self._filter_is_scheduled.is_set():
            self._filter_is_scheduled.set()
            self.painted = self._executor.submit(self._apply_filter)

    def _apply_filter(self) -> None:
        self._filter_is_scheduled.clear()
        with self._lock:
            self._render()

    def _render(self) -> None:
        keep = pd.Series(data=True, index=self.frame.index)
        for word in self.filter.value.casefold().split():
            keep &= self._search_texts.str.contains(word, regex=False)
        self.shown = self.frame[keep].reset_index(drop=True)
        at = self.shown.index[self.shown["channel_arn"] == self._selected_arn]
        with self._table.hold_sync():
            self._table.update(_display_frame(self.shown), selected_rows=[int(row) for row in at], **OPTIONS)

    # --- selection

    @property
    def selected(self) -> pd.DataFrame:
        """The one-row channels frame of the selected channel, empty if none is selected."""
        return self.frame[self.frame["channel_arn"] == self._selected_arn].reset_index(drop=True)

    def select(self, name: str) -> None:
        """Select a channel by its name."""
        with self._lock:
            at = self.shown.index[self.shown["channel_name"] == name]
            self._table.selected_rows = [int(row) for row in at[:1]]

    def on_select(self, listener: Callable[[str], None]) -> None:
        """Call a listener with the channel's name when another channel is selected."""
        self._listeners.append(listener)

    def _selection_changed(self, rows: Sequence[int]) -> None:
        with self._lock:
            arns = self.shown["channel_arn"]
            arn = arns.iloc[rows[0]] if rows and rows[0] < len(arns) else ""
            if not arn and self._selected_arn in set(self.frame["channel_arn"]) - set(arns):
                return  # the filter hides the selected channel, which stays selected
            if arn == self._selected_arn:
                return
            self._selected_arn = arn
        if arn:
            for listener in self._listeners:
                listener(self.selected["channel_name"].item())


def _display_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are shown, as text and integers: formatting other types takes most of the time."""
    shown = frame[COLUMNS].copy()
    shown["creation_time"] = _format_times(frame)
    return shown.astype(object).where(shown.notna(), "")


def _search_texts(frame: pd.DataFrame) -> pd.Series:
    """Return each row as one text to filter by."""
    texts = pd.Series("", index=frame.index, dtype="str")
    for column in ("channel_name", "channel_status", "message_ttl_seconds", "version"):
        texts += "\n" + frame[column].astype("str").fillna("")
    texts += "\n" + _format_times(frame).fillna("")
    folded: pd.Series = texts.str.casefold()
    return folded


def _format_times(frame: pd.DataFrame) -> pd.Series:
    times: pd.Series = frame["creation_time"].dt.strftime("%Y-%m-%d %H:%M:%S")
    return times
