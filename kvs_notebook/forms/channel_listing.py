"""The listing of a console: when channels and their tags are read into its table, and what is shown if that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.operations import list_channels
from kvs_notebook.errors import KVSError
from kvs_notebook.forms.channel_poller import TRANSIENT_ERRORS, ChannelPoller
from kvs_notebook.forms.channel_table import ChannelTable
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.job import python_message
from kvs_notebook.forms.status_line import StatusLine
from kvs_notebook.forms.tag_cache import TagCache


class ChannelListing:
    """List channels with their tags, on another thread, and show them in a table.

    Parameters
    ----------
    table, status
        What shows the rows, and what failed.
    executor
        The threads of the console.
    prefix
        Only channels whose name begins with this; None for all.
    choose_connection
        The function that returns the connection for the next listing: if it is another one than that of the latest listing, and
        it lists, ``replace_connection`` is called with it.
    replace_connection
        The function that makes the console use another connection; it calls replace_connection() or use() of this listing.

    Attributes
    ----------
    connection
        The connection of the rows that are shown.
    read_at
        When these rows were listed, None before.
    """

    def __init__(
        self,
        table: ChannelTable,
        status: StatusLine,
        executor: ContextExecutor,
        prefix: str | None,
        connection: Connection,
        *,
        choose_connection: Callable[[], Connection],
        replace_connection: Callable[[Connection], None],
    ) -> None:
        self.connection = connection
        self.read_at: datetime | None = None
        self._table = table
        self._status = status
        self._prefix = prefix
        self._choose_connection = choose_connection
        self._replace_connection = replace_connection
        self._tags = TagCache()
        self._listed_at = time.monotonic()
        self._is_refreshed_by_timer = False
        self._poller = ChannelPoller(self._list, self._show_failure, executor)

    # --- when

    @property
    def future(self) -> Future[pd.DataFrame]:
        """The future of the latest listing; its result is the channels frame, with tags if they could be read."""
        return self._poller.future

    def request(self) -> Future[pd.DataFrame]:
        """List the channels now, with the tags of those that are new or were changed."""
        return self._poller.request()

    def request_all(self) -> Future[pd.DataFrame]:
        """List the channels and their tags now."""
        self._tags.request()
        return self._poller.request()

    def request_if_old(self, seconds: float) -> None:
        """List the channels again, unless that was done ``seconds`` ago, would fail again or hide the error of another action."""
        is_of_listing = self._table.is_stale or self._status.role != "alert"
        is_old = time.monotonic() - self._listed_at > seconds
        if self._is_refreshed_by_timer and is_of_listing and is_old and self.future.done():
            self._tags.request(if_old=True)
            self._poller.request()

    def request_changed(self, arns: Iterable[str]) -> None:
        """List the channels now, and read the tags of some that were changed."""
        self._tags.forget(arns)
        self._poller.request()

    def pause(self) -> None:
        """Stop listing until the next request."""
        self._poller.pause()

    def resume(self) -> None:
        """List again after pause()."""
        if self._poller.paused:
            self._poller.request()

    def close(self) -> None:
        """Stop listing for good."""
        self._poller.close()

    # --- of what

    def use(self, connection: Connection) -> None:
        """Show no channels until those of another account or region are listed: a listing that still runs is not shown."""
        self.connection = connection
        self._tags = TagCache()
        self.read_at = None
        self._table.mark_stale(is_stale=False)
        self._table.change_source(connection)

    def replace_connection(self, connection: Connection) -> None:
        """Use another connection to the same account and region: the rows stay."""
        self.connection = connection
        self._table.replace_source(connection)

    def _list(self) -> pd.DataFrame:
        before = self.connection
        self._listed_at = time.monotonic()
        connection = self._choose_connection()
        channels = list_channels(self._prefix, connection=connection)
        if connection is not before and self.connection is before:  # the form may have connected to another meanwhile
            self._replace_connection(connection)
        frame, read_at = self._tags.join(channels), datetime.now(UTC)
        is_shown = self._show(frame, connection, read_at)
        if is_shown and self._tags.read(channels["channel_arn"].tolist(), connection):
            frame = self._tags.join(channels)
            is_shown = self._show(frame, connection, read_at)
        if is_shown:
            self._show_success()
        return frame

    # --- what is shown

    def _show(self, frame: pd.DataFrame, connection: Connection, read_at: datetime) -> bool:
        """Show a listing, unless the console has connected to another place meanwhile."""
        before, self.read_at = self.read_at, read_at
        is_shown = self._table.show(frame, connection)
        if not is_shown:
            self.read_at = before
        return is_shown

    def _show_success(self) -> None:
        self._is_refreshed_by_timer = True
        self._table.mark_stale(is_stale=False)
        if self._tags.error is not None:
            text = f"The tags were not read. {words_of(self._tags.error)}"
            self._status.alert(text, code=python_message(self._tags.error))
            self._is_refreshed_by_timer = isinstance(self._tags.error, TRANSIENT_ERRORS)
        elif self._status.text:
            self._status.clear()

    def _show_failure(self, error: Exception) -> None:
        note = " The table shows the previous listing." if len(self._table.frame) else ""
        self._is_refreshed_by_timer = isinstance(error, TRANSIENT_ERRORS)
        self._table.mark_stale(is_stale=True)
        self._status.alert(f"{words_of(error)}{note} Press Refresh to list again.", code=python_message(error))


def words_of(error: Exception) -> str:
    """Return the message of an error in the words of forms."""
    return in_words(str(error)) if isinstance(error, KVSError) else f"{type(error).__name__}: {error}."
