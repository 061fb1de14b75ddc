"""The table of a plan's steps: filter by words; after a run it shows what came of each step."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.forms.channel_table import HEADINGS
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.filtered_table import FilteredTable
from kvs_notebook.forms.paged_table import Cell, Column, PagedTable
from kvs_notebook.plans.steps import TTL_COLUMN

COLUMNS = [
    Column("channel_name", "Name", "channel_name"),
    Column("region", "Region", "region"),
    Column("action", "Action", "action"),
    Column("column", "Changes", "column"),
    Column("before", "Before", "before"),
    Column("after", "After", "after"),
    Column("status", "Status", "status, after a run outcome"),
    Column("reason", "Reason", "reason, after a run message", wrap=True),
    Column("account_id", "Account", "account_id"),
    Column("source", "Source", "source"),
]
CONSOLE_COLUMNS = [
    column._replace(spare=column.key in {"before", "after"})
    for column in COLUMNS
    if column.key not in {"region", "action", "account_id", "source"}
]
"""The columns if the account, region and action are known from elsewhere, and every step is of the same origin."""

RESULT_COLUMNS = {"status": "outcome", "reason": "message"}
"""The columns of a result that take the place of a plan's."""


class StepTable(FilteredTable):
    """Show the steps of a plan.

    Attributes
    ----------
    filter
        The Text with the words that every shown row contains, in any column, ignoring case.
    frame
        All rows, as they are shown.
    shown
        The rows that pass the filter.
    """

    def __init__(self, executor: ContextExecutor, steps: pd.DataFrame, columns: Sequence[Column] = COLUMNS) -> None:
        self._steps = steps
        self._columns = columns
        self.frame = self.shown = self._display_frame(steps)
        text = widgets.Text(description="Filter (words in any column)", placeholder="refused tag:Site")
        super().__init__(executor, text, PagedTable("Steps of the plan", self._cells))
        self.render()

    def show_result(self, result: pd.DataFrame) -> None:
        """Show what came of the steps of a result frame in place of their status and reason."""
        steps = self._steps.set_index("step")
        found = result.set_index("step")
        for column, result_column in RESULT_COLUMNS.items():
            steps.loc[found.index, column] = found[result_column]
        steps.loc[found.index, "channel_arn"] = found["channel_arn"]
        with self._lock:
            self.frame = self._display_frame(steps.reset_index())
            self.render()

    def render(self) -> None:
        """Show the rows that contain every word of the filter."""
        keep = pd.Series(data=True, index=self.frame.index)
        words = self.filter.value.casefold().split()
        if words:
            texts = pd.Series(map("\n".join, self.frame.to_numpy().tolist()), index=self.frame.index, dtype="str")
            folded = texts.str.casefold()
            for word in words:
                keep &= folded.str.contains(word, regex=False)
        self.shown = self.frame[keep].reset_index(drop=True)
        self.table.show(self.shown, self._shown_columns(), empty="No step contains these words.")

    def _shown_columns(self) -> Sequence[Column]:
        """Return the columns; those of a console without the ones that are empty in every row."""
        if self._columns is not CONSOLE_COLUMNS or self.frame.empty:
            return self._columns
        return [column for column in self._columns if self.frame[column.key].ne("").any()]

    def _cells(self, page: pd.DataFrame) -> list[list[Cell]]:
        rows: list[list[Cell]] = page[[column.key for column in self._shown_columns()]].to_numpy().tolist()
        return rows

    def _display_frame(self, steps: pd.DataFrame) -> pd.DataFrame:
        """Return the columns as text: an empty tag value as two quotes, a missing value as nothing."""
        columns = [column.key for column in COLUMNS]
        shown = steps[columns].astype(object)
        if self._columns is CONSOLE_COLUMNS:
            shown["column"] = shown["column"].replace(TTL_COLUMN, HEADINGS[TTL_COLUMN].heading)
        shown["reason"] = shown["reason"].map({text: in_words(text) for text in steps["reason"].dropna().unique()})
        for column in ("before", "after"):
            shown[column] = shown[column].where(shown[column] != "", "''")
        return shown.where(steps[columns].notna(), "").reset_index(drop=True)
