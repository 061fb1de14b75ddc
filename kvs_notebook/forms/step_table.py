"""The table of a plan's steps: filter by words; after a run it shows what came of each step."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import ipywidgets as widgets
import pandas as pd
from itables.widget import ITable

from kvs_notebook.forms.channel_table import OPTIONS
from kvs_notebook.forms.executor import ContextExecutor

COLUMNS = ["channel_name", "region", "action", "column", "before", "after", "status", "reason", "account_id", "source"]
RESULT_COLUMNS = {"status": "outcome", "reason": "message"}
"""The columns of a result that take the place of a plan's."""


class StepTable(widgets.VBox):
    """Show the steps of a plan.

    Attributes
    ----------
    filter
        The Text with the words that every shown row contains, in any column, ignoring case.
    frame
        All rows, as they are shown.
    shown
        The rows that pass the filter.
    painted
        The future of the latest change of the filter.
    """

    def __init__(self, executor: ContextExecutor, steps: pd.DataFrame) -> None:
        self.filter = widgets.Text(description="Filter (words in any column)", placeholder="refused tag:Site")
        self.painted: Future[None] = Future()
        self.painted.set_result(None)
        self._steps = steps
        self._executor = executor
        self._filter_is_scheduled = threading.Event()
        self._lock = threading.RLock()  # the rows change on the thread of the run, and on the one that filters
        self.frame = self.shown = _display_frame(steps)
        self._table = ITable(self.frame, **{**OPTIONS, "select": False})
        self.filter.observe(lambda _: self._schedule_filter(), "value")
        super().__init__([self.filter, self._table])

    def show_result(self, result: pd.DataFrame) -> None:
        """Show what came of the steps of a result frame in place of their status and reason."""
        steps = self._steps.set_index("step")
        found = result.set_index("step")
        for column, result_column in RESULT_COLUMNS.items():
            steps.loc[found.index, column] = found[result_column]
        steps.loc[found.index, "channel_arn"] = found["channel_arn"]
        with self._lock:
            self.frame = _display_frame(steps.reset_index())
            self._render()

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
        words = self.filter.value.casefold().split()
        if words:
            texts = pd.Series(map("\n".join, self.frame.to_numpy().tolist()), index=self.frame.index, dtype="str")
            folded = texts.str.casefold()
            for word in words:
                keep &= folded.str.contains(word, regex=False)
        self.shown = self.frame[keep].reset_index(drop=True)
        self._table.update(self.shown, **{**OPTIONS, "select": False})


def _display_frame(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are shown, as text: an empty tag value as two quotes, a missing value as nothing."""
    shown = steps[COLUMNS].astype(object)
    for column in ("before", "after"):
        shown[column] = shown[column].where(shown[column] != "", "''")
    return shown.where(steps[COLUMNS].notna(), "").reset_index(drop=True)
