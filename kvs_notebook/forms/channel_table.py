"""The live table of channels: filter, sort and select; it stays usable with tens of thousands of rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS, TAG_PREFIX
from kvs_notebook.formatting import format_count
from kvs_notebook.forms.channel_filter import match_filter, parse_filter, rows_of, search_texts, tag_columns
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.filtered_table import FilteredTable
from kvs_notebook.forms.paged_table import Cell, Column, PagedTable

SHOWN = ("channel_name", "channel_status", "message_ttl_seconds", "age")
"""The columns that are shown at first, beside tags."""

TAG_COLUMNS_SHOWN = 3
"""How many tag keys are columns at first: those that most channels have."""

ALL_STATUSES = "all"
STATUSES = (ALL_STATUSES, "ACTIVE", "CREATING", "UPDATING", "DELETING")

STALE_CLASS = "kvs-stale"

SECONDS_MARKED = 30.0
"""How long a row that has changed stays marked."""

NO_VALUE = "-"

HEADINGS = {
    "channel_name": Column("channel_name", "Name", "channel_name"),
    "channel_status": Column("channel_status", "Status", "channel_status"),
    "message_ttl_seconds": Column(
        "message_ttl_seconds",
        "TTL",
        "message_ttl_seconds: how long the service keeps a message that was not delivered",
    ),
    "age": Column("age", "Age", "now - creation_time; a cell's tooltip is the local time of creation"),
    "creation_time": Column("creation_time", "Created", "creation_time, in your time zone"),
    "channel_type": Column("channel_type", "Type", "channel_type"),
    "version": Column("version", "Version", "version"),
    "channel_arn": Column("channel_arn", "ARN", "channel_arn"),
}


class ChannelTable(FilteredTable):
    """Show the channels of one source.

    Parameters
    ----------
    executor
        The threads that filter.
    source
        What the rows are read from.
    now
        The function that returns the time to which ages are counted.
    prefix
        What the names of the rows begin with; None if all channels of the source are listed.

    Attributes
    ----------
    filter
        The Text of the filter, in the language of :mod:`kvs_notebook.forms.channel_filter`.
    status
        The Dropdown with the status that every shown channel has.
    frame
        The channels frame with all rows; with ``tag:`` columns once tags have been read.
    shown
        The rows of the frame that pass the filter.
    columns
        The keys of the columns that are shown, in order; None before the user has chosen them.
    """

    def __init__(
        self,
        executor: ContextExecutor,
        source: object = None,
        now: Callable[[], datetime] | None = None,
        prefix: str | None = None,
    ) -> None:
        self.frame = self.shown = empty(CHANNELS)
        self.columns: list[str] | None = None
        self._now = now or (lambda: datetime.now(UTC))
        self._source = source
        self._prefix = prefix
        self._is_listed = False
        self._search_texts = search_texts(self.frame)
        self._tag_columns: list[str] = []
        self._changed_at: dict[str, float] = {}
        self._listeners: list[Callable[[], None]] = []
        self._render_listeners: list[Callable[[], None]] = []
        self.status = widgets.Dropdown(options=STATUSES, value=ALL_STATUSES, description="Status")
        text = widgets.Text(
            description="Filter: words, an ARN, or tags", placeholder="front Owner=ops Env!=prod -tag:Site"
        )
        super().__init__(executor, text, PagedTable("Channels", self._cells, id_column="channel_arn"))
        self.children = [self.table]  # the console shows the filter above the table and the panel
        self.status.observe(lambda _: self.schedule_filter(), "value")
        self.table.on_select(self._selection_changed)

    # --- rows

    def show(self, frame: pd.DataFrame, source: object = None) -> bool:
        """Show another frame of the table's source, keeping filter and selection; return False for any other source."""
        with self._lock:
            if source is not self._source:
                return False
            now = time.monotonic()
            self._changed_at = {arn: at for arn, at in self._changed_at.items() if now - at < SECONDS_MARKED}
            self._is_listed = True
            if not frame.equals(self.frame):
                if not self.frame.empty and not frame.empty:  # the first listing marks none
                    self._changed_at |= dict.fromkeys(changed_arns(self.frame, frame), now)
                self._replace(frame)
            self.render()
            return True

    def change_source(self, source: object) -> None:
        """Remove all rows; from now on show only frames of this source."""
        with self._lock:
            self._source = source
            self._changed_at = {}
            self._is_listed = False
            self._replace(empty(CHANNELS))
            self.render()

    def _replace(self, frame: pd.DataFrame) -> None:
        self.frame, self._search_texts = frame, search_texts(frame)
        stay = [column for column in self._tag_columns if column in frame]  # nothing moves under the pointer
        self._tag_columns = list(dict.fromkeys([*stay, *tag_columns(frame)]))

    def replace_source(self, source: object) -> None:
        """Show frames of another source that has the same channels."""
        with self._lock:
            self._source = source

    def render(self) -> None:
        """Show the rows that match the filter and the status."""
        keep = match_filter(self.frame, self._search_texts, parse_filter(self.filter.value))
        if self.status.value != ALL_STATUSES:
            keep &= self.frame["channel_status"] == self.status.value
        self.shown = self.frame[keep].reset_index(drop=True)
        rows = self.shown.assign(age=pd.Timestamp(0, unit="ms", tz="UTC") - self.shown["creation_time"])  # to sort by
        self.table.show(
            rows,
            [self._column(key) for key in self.shown_columns()],
            marked=self._changed_at,
            known=self.frame["channel_arn"],
            empty=self._empty_text(),
        )
        self._notify_rendered()

    def _empty_text(self) -> str:
        """Return what stands in place of the rows: channels that were not listed are not reported as absent."""
        if not self._is_listed:
            return "The channels of this account and region were not listed yet."
        if len(self.frame):
            return "No channel matches the filter."
        if self._prefix:
            return f"No channel in this account and region has a name that begins with {self._prefix}."
        return "No channels in this account and region."

    def on_render(self, listener: Callable[[], None]) -> None:
        """Call a listener after the rows, or whether they are stale, have changed, on the thread that changed them."""
        self._render_listeners.append(listener)

    def _notify_rendered(self) -> None:
        for listener in self._render_listeners:
            listener()

    @property
    def is_stale(self) -> bool:
        """True while the rows are those of an earlier listing, because the latest one failed."""
        return STALE_CLASS in self._dom_classes

    def mark_stale(self, *, is_stale: bool) -> None:
        """Mark the rows as those of an earlier listing, or as those of the latest one."""
        if is_stale != self.is_stale:
            (self.add_class if is_stale else self.remove_class)(STALE_CLASS)
            self._notify_rendered()

    @property
    def is_filtered(self) -> bool:
        """True while the filter or the status asks for some of the rows."""
        return bool(self.filter.value) or self.status.value != ALL_STATUSES

    def show_all(self) -> None:
        """Empty the filter, and show every status."""
        self.filter.value = ""
        self.status.value = ALL_STATUSES

    # --- columns

    def all_columns(self) -> list[str]:
        """Return the keys of all columns: those of every channel, then the tags, the most used first."""
        return [*HEADINGS, *self._tag_columns]

    def shown_columns(self) -> list[str]:
        """Return the keys of the columns that are shown."""
        if self.columns is None:
            return [*SHOWN, *self._tag_columns[:TAG_COLUMNS_SHOWN]]
        known = set(self.all_columns())
        return [column for column in self.columns if column in known]

    def _column(self, key: str) -> Column:
        """Return a column; if the user has not chosen the columns, age and tags are spare."""
        return column_of(key)._replace(spare=self.columns is None and key not in SHOWN[:-1])

    def show_columns(self, columns: Collection[str]) -> None:
        """Show these columns; the name always is one."""
        self.columns = [each for each in self.all_columns() if each in columns or each == "channel_name"]
        self.schedule_filter()

    def _cells(self, page: pd.DataFrame) -> list[list[Cell]]:
        now = self._now()
        columns = [_cells_of(page, key, now) for key in self.shown_columns()]
        return [list(cells) for cells in zip(*columns, strict=True)]

    # --- selection

    @property
    def selected(self) -> pd.DataFrame:
        """The channels frame of the selected channels, empty if none is selected."""
        return rows_of(self.frame, self.table.selection)

    def select(self, *names: str) -> None:
        """Select channels by their names, and no others."""
        self.select_arns(self.frame["channel_arn"][self.frame["channel_name"].isin(names)])

    def select_arns(self, arns: Collection[str]) -> None:
        """Select channels by their ARNs, and no others."""
        self.table.select([str(arn) for arn in arns])

    def on_select(self, listener: Callable[[], None]) -> None:
        """Call a listener when other channels are selected."""
        self._listeners.append(listener)

    def _selection_changed(self) -> None:
        for listener in self._listeners:
            listener()


def changed_arns(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """Return the ARNs of the channels of a frame that are new or differ in a column that both frames have."""
    columns = [column for column in before.columns if column in after.columns]
    rows, seen = (pd.util.hash_pandas_object(frame[columns], index=False) for frame in (after, before))
    return after["channel_arn"][~rows.isin(seen)].tolist()


def column_of(key: str) -> Column:
    """Return a column by its key; a tag's heading is its key."""
    return HEADINGS[key] if key in HEADINGS else Column(key, key.removeprefix(TAG_PREFIX), key)


def _cells_of(page: pd.DataFrame, key: str, now: datetime) -> Sequence[Cell]:
    """Return what a column of a page shows."""
    if key in {"age", "creation_time"}:
        return [_time_cell(time, now if key == "age" else None) for time in page["creation_time"]]
    texts = [NO_VALUE if pd.isna(value) else str(value) for value in page[key]]
    if key == "channel_name":
        return [{"text": text, "open": "yes"} for text in texts]
    if key == "channel_status":
        return [{"text": text, "status": text} for text in texts]
    if key == "message_ttl_seconds":
        return [text if text == NO_VALUE else f"{text} s" for text in texts]
    return [text or "''" for text in texts]


def _time_cell(created: Any, now: datetime | None) -> Cell:
    if pd.isna(created):
        return NO_VALUE
    age = "" if now is None else format_age((now - created).total_seconds())
    return {"text": age, "time": created.isoformat()}


def format_age(seconds: float) -> str:
    """Return an age with its largest unit: ``2 y``, ``204 d``, ``3 h``, ``5 min``, ``12 s``."""
    for size, unit in ((2 * 31_557_600, "y"), (86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // (31_557_600 if unit == 'y' else size):.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def count_text(shown: int, total: int) -> str:
    """Return how many channels are shown: ``11``, or ``2 of 11``."""
    return f"{shown:,} of {format_count(total, 'channel')}" if shown != total else format_count(total, "channel")
