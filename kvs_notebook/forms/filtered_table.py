"""A table with a filter above it: it filters on another thread, so that typing stays fast with many rows."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import ipywidgets as widgets

from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.paged_table import PagedTable


class FilteredTable(widgets.VBox):
    """The base of tables with a filter.

    Attributes
    ----------
    filter
        The Text of the filter.
    table
        The page of rows that the browser shows.
    painted
        The future of the latest change of the filter.
    """

    def __init__(self, executor: ContextExecutor, filter_text: widgets.Text, table: PagedTable) -> None:
        self.filter = filter_text
        self.table = table
        self.painted: Future[None] = Future()
        self.painted.set_result(None)
        self._executor = executor
        self._filter_is_scheduled = threading.Event()
        # The rows change on the thread that lists and on the one that filters.
        self._lock = threading.RLock()
        self.filter.observe(lambda _: self.schedule_filter(), "value")
        super().__init__([self.filter, self.table])

    def schedule_filter(self) -> None:
        """Filter on another thread; of many keys typed at once, only the last state is rendered."""
        if not self._filter_is_scheduled.is_set():
            self._filter_is_scheduled.set()
            self.painted = self._executor.submit(self._apply_filter)

    def _apply_filter(self) -> None:
        self._filter_is_scheduled.clear()
        with self._lock:
            self.render()

    # --- to be overridden

    def render(self) -> None:
        """Show the rows that pass the filter."""
        raise NotImplementedError
