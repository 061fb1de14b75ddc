"""Table: channels as a live table that is filtered, sorted and selected from; thousands stay usable.

The filter works here and not in the browser, so that what is shown is known: it is what gets saved. Sorting and paging are the
browser's; they are kept when the rows change.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import ipywidgets as widgets
import pandas as pd
from itables import JavascriptFunction
from itables.widget import ITable

from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS

COLUMNS = ["channel_name", "channel_status", "message_ttl_seconds", "creation_time", "version"]

OPTIONS: dict[str, Any] = {
    "select": "single",
    "maxBytes": 0,  # every row: what is not in the browser could neither be sorted nor selected
    "classes": "display compact nowrap",
    "text_in_header_can_be_selected": False,  # a click on it sorts
    "layout": {"topStart": "pageLength", "topEnd": None, "bottomStart": "info", "bottomEnd": "paging"},
    # On the element and not in the browser's storage: two tables side by side, and nothing is left behind.
    "warn_on_undocumented_option": False,  # these are DataTables' own
    "stateSave": True,
    "searching": False,
    "autoWidth": False,
    "stateSaveCallback": JavascriptFunction(
        # Without the selection, which is ours to keep: restored by row number it would be another channel's.
        "function (settings, data) { delete data.select; settings.nTable.kvsState = data; }"
    ),
    "stateLoadCallback": JavascriptFunction(
        # ITable deselects every row after each change, and DataTables looks up the id of each: 1.3 s for 10,000 rows. Nobody
        # needs those ids. Of a row that the user deselects ITable hears as of one that is selected.
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
    """Show a channels frame.

    Attributes
    ----------
    filter
        The Text whose words every row that is shown has, in whatever column, upper and lower case alike.
    shown
        The rows of the frame that pass the filter.
    painted
        The future of the last change of what is shown.
    """

    _pool: ThreadPoolExecutor | None = None

    def __init__(self) -> None:
        self.filter = widgets.Text(description="Filter (words in any column)", placeholder="front ACTIVE")
        self.frame = empty(CHANNELS)
        self.shown = self.frame
        self.painted: Future[None] = Future()
        self.painted.set_result(None)
        self._search_texts = _search_texts(self.frame)
        self._table = ITable(_display_frame(self.frame), **OPTIONS)
        self._selected_arn = ""
        self._listeners: list[Callable[[str], None]] = []
        self._lock = threading.RLock()
        self._stale = threading.Event()
        self._pool = pool = ThreadPoolExecutor(1, thread_name_prefix="kvs-table")
        self.filter.observe(lambda _: self._schedule_filter(pool), "value")
        self._table.observe(lambda change: self._selection_changed(change["new"]), "selected_rows")
        super().__init__([self.filter, self._table])

    # --- rows

    def show(self, frame: pd.DataFrame) -> None:
        """Show another frame; the filter and the selection are kept."""
        with self._lock:
            if frame.equals(self.frame):
                return
            self.frame, self._search_texts = frame, _search_texts(frame)
            self._render()

    def _schedule_filter(self, pool: ThreadPoolExecutor) -> None:
        """Filter on the table's thread: of many keys typed at once, only the last state is painted."""
        if not self._stale.is_set():
            self._stale.set()
            self.painted = pool.submit(contextvars.copy_context().run, self._filter)

    def _filter(self) -> None:
        self._stale.clear()
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
        """The one-row channels frame of the channel that is selected, empty where none is."""
        return self.frame[self.frame["channel_arn"] == self._selected_arn].reset_index(drop=True)

    def select(self, name: str) -> None:
        """Select a channel by its name."""
        with self._lock:
            at = self.shown.index[self.shown["channel_name"] == name]
            self._table.selected_rows = [int(row) for row in at[:1]]

    def on_select(self, listener: Callable[[str], None]) -> None:
        """Call a listener with the channel's name whenever another channel is selected."""
        self._listeners.append(listener)

    def _selection_changed(self, rows: Sequence[int]) -> None:
        with self._lock:
            arns = self.shown["channel_arn"]
            arn = arns.iloc[rows[0]] if rows and rows[0] < len(arns) else ""
            if not arn and self._selected_arn in set(self.frame["channel_arn"]) - set(arns):
                return  # it is filtered away, and comes back selected
            if arn == self._selected_arn:
                return
            self._selected_arn = arn
        if arn:
            for listener in self._listeners:
                listener(self.selected["channel_name"].item())

    def close(self) -> None:
        """End the table's thread."""
        if self._pool is not None:  # ipywidgets closes what was never finished, too
            self._pool.shutdown(wait=False)
        super().close()


def _display_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns that are shown, as text and whole numbers: their formatting takes most of the time."""
    shown = frame[COLUMNS].copy()
    shown["creation_time"] = frame["creation_time"].dt.strftime("%Y-%m-%d %H:%M:%S")
    return shown.astype(object).where(shown.notna(), "")


def _search_texts(frame: pd.DataFrame) -> pd.Series:
    """Give each row as one text to filter by."""
    texts = pd.Series("", index=frame.index, dtype="str")
    for column in ("channel_name", "channel_status", "message_ttl_seconds", "version"):
        texts += "\n" + frame[column].astype("str").fillna("")
    texts += "\n" + frame["creation_time"].dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")
    folded: pd.Series = texts.str.casefold()
    return folded
