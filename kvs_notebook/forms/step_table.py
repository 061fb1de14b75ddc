"""The table of a plan's steps: filter by words; after a run it shows the outcome of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.forms.channel_table import HEADINGS
from kvs_notebook.forms.delete_form import age_text
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.filtered_table import FilteredTable
from kvs_notebook.forms.paged_table import PAGE_SIZES, Cell, Column, PagedTable
from kvs_notebook.plans.steps import TTL_COLUMN

COLUMNS = [
    Column("channel_name", "Name", "channel_name"),
    Column("region", "Region", "region"),
    Column("action", "Action", "action"),
    Column("column", "Changes", "column"),
    Column("before", "Before", "before"),
    Column("after", "After", "after"),
    Column("status", "Status", "status, after a run outcome"),
    Column("account_id", "Account", "account_id", spare=True),
    Column("source", "Source", "source", spare=True),
    Column("reason", "Reason", "reason, after a run message", below=True),
]
_COLUMN_OF = {column.key: column for column in COLUMNS}
AGE = Column("age", "Age", "now - creation_time")
CONSOLE_COLUMNS = [
    _COLUMN_OF["channel_name"],
    _COLUMN_OF["status"],
    AGE,
    Column("change", "Change", "column: before, after", below=True),
    Column("tags", "Tags", "tags", below=True),
    _COLUMN_OF["reason"],
]
"""The columns if the account, region and action are known from elsewhere, and every step is of the same origin.

A change has a line of its own, because the panel of a console has no space for columns of values.
"""

RESULT_COLUMNS = {"status": "outcome", "reason": "message"}
"""The columns of a result that take the place of a plan's."""


class DeletedChannel(NamedTuple):
    """What is shown of a channel that will be deleted."""

    age: timedelta
    tags: str


class StepTable(FilteredTable):
    """Show the steps of a plan.

    Parameters
    ----------
    deleted
        What a console shows of the channels that will be deleted, by their ARN.

    Attributes
    ----------
    filter
        The Text with the words that every shown row contains, in any column, ignoring case.
    frame
        All rows, as they are shown.
    shown
        The rows that pass the filter.
    """

    def __init__(
        self,
        executor: ContextExecutor,
        steps: pd.DataFrame,
        columns: Sequence[Column] = COLUMNS,
        deleted: Mapping[str, DeletedChannel] | None = None,
    ) -> None:
        self._steps = steps
        self._columns = columns
        self._deleted = deleted or {}
        self.frame = self.shown = self._display_frame(steps)
        text = widgets.Text(description="Filter (words in any column)", placeholder="refused tag:Site")
        super().__init__(executor, text, PagedTable("Steps of the plan", self._cells))
        if columns is CONSOLE_COLUMNS and len(steps) <= PAGE_SIZES[0]:
            self.filter.layout.display = "none"  # all rows are seen at once
        self.render()

    def show_result(self, result: pd.DataFrame) -> None:
        """Show the outcomes of a result frame in place of the status and reason of each step."""
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
            lines = ("\n".join(map(str, row)) for row in self.frame.to_numpy().tolist())
            texts = pd.Series(lines, index=self.frame.index, dtype="str")
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
        shown = page[[column.key for column in self._shown_columns()]]
        if AGE.key in shown:
            shown = shown.assign(age=[age_text(age.total_seconds()) for age in shown[AGE.key]])
        rows: list[list[Cell]] = shown.to_numpy().tolist()
        return rows

    def _display_frame(self, steps: pd.DataFrame) -> pd.DataFrame:
        """Return the columns as text: an empty tag value as two quotes, a missing value as nothing."""
        words: dict[str, dict[str, str]] = {"before": {"": "''"}, "after": {"": "''"}}
        words["reason"] = {text: in_words(text) for text in steps["reason"].dropna().unique()}
        shown = {}
        for key in (column.key for column in COLUMNS):
            missing, words_of = steps[key].isna().tolist(), words.get(key, {})
            values = zip(steps[key].tolist(), missing, strict=True)
            shown[key] = ["" if is_missing else words_of.get(value, value) for value, is_missing in values]
        if self._columns is CONSOLE_COLUMNS:
            shown["change"] = [*map(_change_text, shown["column"], shown["before"], shown["after"])]
            found = [self._deleted.get(arn) for arn in steps["channel_arn"]]
            for key in DeletedChannel._fields:
                shown[key] = ["" if each is None else getattr(each, key) for each in found]
        return pd.DataFrame(shown, dtype=object)


def _change_text(column: str, before: str, after: str) -> str:
    """Return a change of one column as a line: ``TTL: 60 s → 75 s``, ``Owner: set to ops``, ``Site: removed, was hq``."""
    if not column:
        return ""
    if column == TTL_COLUMN:
        label, before, after = HEADINGS[TTL_COLUMN].heading, before and f"{before} s", after and f"{after} s"
    else:
        label = column.removeprefix(TAG_PREFIX)
    if before == after:
        return f"{label}: {before or 'not set'}"
    if not before:
        return f"{label}: set to {after}"
    return f"{label}: {before} \N{RIGHTWARDS ARROW} {after}" if after else f"{label}: removed, was {before}"
