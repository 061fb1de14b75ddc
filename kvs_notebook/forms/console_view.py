"""The console: a live table of the channels, and a panel with the forms that act on those that are selected."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.errors import KVSError
from kvs_notebook.forms.activity import Activity
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.bulk_forms import BulkForm
from kvs_notebook.forms.channel_filter import rows_of
from kvs_notebook.forms.channel_listing import ChannelListing, words_of
from kvs_notebook.forms.channel_table import ChannelTable
from kvs_notebook.forms.column_menu import ColumnMenu
from kvs_notebook.forms.console_header import ConsoleHeader
from kvs_notebook.forms.download_button import DownloadButton
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.html import escape_html
from kvs_notebook.forms.job import python_message
from kvs_notebook.forms.keyboard import Keyboard
from kvs_notebook.forms.notebook_box import NotebookBox
from kvs_notebook.forms.panel import CREATE, TABS, Panel
from kvs_notebook.forms.placeholder import connection_or_placeholder, is_placeholder
from kvs_notebook.forms.selection_bar import SelectionBar
from kvs_notebook.forms.status_line import StatusLine
from kvs_notebook.forms.visible_timer import VisibleTimer
from kvs_notebook.plans.plan import to_csv_text

FILE_NAME = "channels.csv"

SECONDS_BETWEEN_REFRESHES = 30.0
"""The maximum age of a listing while the console is on the screen."""

CONNECTION = "Connection"
"""The name by which open_form() returns the header's form."""


class Console(NotebookBox):
    """Show the channels of one account and region in a live table, and the forms that act on the selected ones.

    Attributes
    ----------
    header
        The account, and ``header.form`` with the fields ``region``, ``profile`` and ``allow_changes``.
    table
        The table: ``table.filter``, ``table.status``, ``table.select(*names)``, ``table.selected``, ``table.shown``.
    bar
        The number of selected channels, and ``bar.buttons`` that open the panel for them.
    panel
        The panel with the open form; ``open_form(name)`` opens it from code.
    activity
        What this console has changed, newest first: ``activity.outcomes``.
    status
        The line that shows what failed; empty otherwise.
    title
        The HTML that shows how many channels there are, and when they were listed.
    """

    def __init__(self, prefix: str | None = None, *, connection: Connection | None = None) -> None:
        first = connection_or_placeholder(connection)
        self._uses_current = connection is None
        with contextlib.suppress(KVSError):  # the listing shows it
            first.client()  # now: on the poller's thread, the first one would block the kernel for 0.1 s
        self._executor = ContextExecutor()
        self._counts_lock = threading.Lock()
        self.status = StatusLine()
        self.activity = Activity()
        self.table = ChannelTable(self._executor, source=first, now=self._now, prefix=prefix)
        self._listing = ChannelListing(
            self.table,
            self.status,
            self._executor,
            prefix,
            first,
            choose_connection=self._connection_to_list,
            replace_connection=self._replace_failed,
        )
        self.panel = Panel(
            first,
            self._executor,
            connect_form=self._connect_form,
            select_again=self.table.select_arns,
            closed=self.table.table.focus,
        )
        self.header = ConsoleHeader(first, self._executor, self.panel.unapplied_edits)
        self.header.form.on_change(self._connection_changed)
        self.bar = SelectionBar(
            [tab.name for tab in TABS[1:]],
            [tab.name for tab in TABS if tab.for_several is not None],
            self._open_clicked,
            partial(self.table.select_arns, ()),
        )
        self.title = widgets.HTML()
        self.refresh_button = _button("Refresh", self.refresh)
        self.create_button = _button("Create channel", partial(self._open_clicked, CREATE), style="primary")
        self.clear_filter = _button("Clear filter", self._clear_filter)
        self.clear_filter.tooltip = "Show all channels"
        self.clear_filter.add_class("kvs-clear")
        self.columns = ColumnMenu(self.table)
        self.download = DownloadButton(
            "Download CSV",
            "Download the rows that are shown, with all columns",
            FILE_NAME,
            self.csv_text,
            self._executor,
        )
        self._refresh_timer = VisibleTimer(self._refresh_if_old, SECONDS_BETWEEN_REFRESHES)
        super().__init__(self._layout())
        self.add_class("kvs-form")
        self.add_class("kvs-console")
        self.table.on_select(self._selection_changed)
        self.table.on_render(self._rendered)
        self.table.table.on_open(lambda _arn: self._shown_failure(lambda: self.panel.open_row(self.table.selected)))
        self._rendered()
        self._view_count = 0  # from now on the browser counts the places that show the console
        self.observe(self._view_count_changed, "_view_count")
        self._listing.request()

    @property
    def connection(self) -> Connection:
        """The connection of the table and the forms."""
        return self._listing.connection

    def _layout(self) -> list[widgets.Widget]:
        """Return the rows of the console from the top."""
        listed = widgets.VBox([self.bar, self.table])
        listed.add_class("kvs-list")
        work = widgets.HBox([listed, self.panel])
        work.add_class("kvs-work")
        title_row = _row(self.title, self.refresh_button, _spacer(), self.create_button)
        title_row.add_class("kvs-title-row")
        return [
            self.header,
            title_row,
            _row(self.table.filter, self.clear_filter, self.table.status, self.columns.button, self.download),
            self.columns,
            self.status,
            work,
            self.activity,
            Keyboard(self),
            self._refresh_timer,
        ]

    def __repr__(self) -> str:
        return f"<Console: {self.connection.region or 'not connected'}; run this cell in JupyterLab to see it>"

    def close(self) -> None:
        """Remove the console and end its threads; a request that a form has sent stays sent."""
        if hasattr(self, "header"):  # ipywidgets also closes a console whose __init__ has failed
            self._listing.close()
            self.panel.close()
            self.header.close()
            self._executor.shutdown(wait=False)
        super().close()

    # --- the table

    def _now(self) -> datetime:
        """Return the current time by which the channels are created, from which their age is computed."""
        return self.connection.now()

    @property
    def future(self) -> Future[pd.DataFrame]:
        """The future of the latest listing; its result is the channels frame, with tags if they could be read."""
        return self._listing.future

    def refresh(self) -> Future[pd.DataFrame]:
        """List the channels and their tags now, and again once a second while one of them is in transition."""
        return self._listing.request_all()

    def _refresh_if_old(self) -> None:
        """List the channels again, unless another view of this console has asked for it."""
        self._listing.request_if_old(self._refresh_timer.seconds / 2)

    def _connection_to_list(self) -> Connection:
        """Return the console's connection; if it could not be made or its credentials failed, the current one."""
        failed = is_placeholder(self.connection) or self.connection.credentials_failed
        found = current_connection() if failed and self._uses_current else self.connection
        is_other_place = found is not self.connection and not _is_same_place(self.connection, found)
        return self.connection if is_other_place and self.panel.unapplied_edits() else found

    def _view_count_changed(self, change: Mapping[str, Any]) -> None:
        """Stop listing when the last place that shows the console is gone; go on when there is one again."""
        if change["old"] and not change["new"]:
            self._listing.pause()
        elif change["new"]:
            self._listing.resume()

    def _clear_filter(self) -> None:
        """Show all channels, and move the focus to the filter."""
        self.table.show_all()
        self.table.filter.focus()

    def _rendered(self) -> None:
        """Show what belongs to the rows of the table: their number and time, the columns, the selection."""
        read_at = self._listing.read_at
        self._show_counts()
        if read_at is not None or self.table.is_stale:
            self.header.account.show_alias()  # the table comes first
        self.columns.show_choices()
        self._show_selection()
        self.panel.update(self.table.frame)

    def _show_counts(self) -> None:
        """Show how many channels there are; the threads that list and filter take turns, so that the last one is right."""
        with self._counts_lock:
            shown, total = len(self.table.shown), len(self.table.frame)
            self.clear_filter.disabled = not self.table.is_filtered
            count = f"{total:,}" if shown == total else f"{shown:,} of {total:,}"
            read_at = self._listing.read_at
            heading, at = f"Channels ({count})", f"as of {read_at:%H:%M:%S} UTC" if read_at else ""
            if read_at is None:  # an empty table is no count
                heading, at = "Channels", "not read" if self.table.is_stale else "reading..."
            self.title.value = f'<h2>{escape_html(heading)}</h2> <span class="kvs-read-at">{at}</span>'

    # --- the selection and the panel

    def _show_selection(self) -> None:
        """Show how many channels are selected; as for _show_counts(), also the thread that selects."""
        with self._counts_lock:
            selected = self.table.selected
            self.bar.show(len(selected), len(selected) - len(rows_of(self.table.shown, selected["channel_arn"])))

    def _selection_changed(self) -> None:
        self._show_selection()
        self._shown_failure(lambda: self.panel.follow(self.table.selected))

    def _open_clicked(self, name: str) -> None:
        self._shown_failure(lambda: self.open_form(name))

    def _shown_failure(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a notebook does not show what a handler raises: the status line does
            self.status.alert(words_of(error), code=python_message(error))

    @property
    def form(self) -> Any:
        """The form that is open in the panel, None before."""
        return self.panel.form

    def open_form(self, name: str) -> Any:
        """Open a form by its name: Create, or one of the panel's tabs for the selected channels; return it.

        ``Connection`` returns the form of the header.
        """
        if name == CONNECTION:
            return self.header.form
        if name == CREATE:
            return self.panel.open_create()
        return self.panel.open_tab(self.table.selected, name)

    def _connect_form(self, form: Form) -> None:
        """List after each change of a form, and note how it has ended."""

        def changed() -> None:
            channels = form.channels if isinstance(form, BulkForm) else getattr(form, "row", None)
            self._listing.request_changed([] if channels is None else channels["channel_arn"])

        form.on_change(changed)
        form.on_change_ended(self.activity.add)

    def _connection_changed(self) -> None:
        """Use the connection that the header has made."""
        self._use(self.header.form.connection)
        self._listing.request()

    def _replace_failed(self, connection: Connection) -> None:
        """Use a connection in place of one whose credentials have failed; in the same account and region, open forms stay."""
        if not _is_same_place(self.connection, connection):
            self._use(connection)
            return
        self._listing.replace_connection(connection)
        self.header.show(connection)
        self.panel.replace_connection(connection)

    def _use(self, connection: Connection) -> None:
        """Use another connection, and open the form that creates a channel again with it, if it is open."""
        self._listing.use(connection)
        self.status.clear()
        self.header.show(connection)
        self.panel.use_connection(connection)

    # --- export

    def csv_text(self) -> str:
        """Return the rows that are shown, with all columns, as the text of a CSV file that kvs.read_csv() reads."""
        self.table.painted.result()  # the filter that was typed just before the click counts
        return to_csv_text(self.table.shown)


def _is_same_place(before: Connection, after: Connection) -> bool:
    """Return whether two connections are to the same account and region; this may ask for the identity of the second one."""
    known = before.known_identity
    return known is not None and before.region == after.region and known.account_id == after.identity().account_id


def _button(description: str, clicked: Callable[[], object], *, style: str = "") -> widgets.Button:
    button = widgets.Button(description=description, button_style=style)
    button.on_click(lambda _: clicked())
    return button


def _spacer() -> widgets.Box:
    spacer = widgets.Box()
    spacer.add_class("kvs-spacer")
    return spacer


def _row(*children: widgets.Widget) -> widgets.HBox:
    row = widgets.HBox(children)
    row.add_class("kvs-row")
    return row


def console(prefix: str | None = None, *, connection: Connection | None = None) -> Console:
    """Open a live table of the channels, with all forms around it.

    The forms act on the channels that are selected in the table; a change of
    several channels is a plan, with a preview. The table is listed again after
    each change, once a second while a channel is in transition, and every 30 s
    while the page shows it; each time that spends one ListSignalingChannels
    call for each 1,000 channels. Every 30 s it also reads tags: with one
    ListTagsForResource call for each of up to 50 channels (100 in us-east-1
    and us-west-2), which shows their current tags; with one GetResources call
    for each 100 channels if there are more. For a real account, one
    ListAccountAliases call of IAM follows the first list; if it is denied, the
    header shows the account's id only.

    Parameters
    ----------
    prefix
        Only channels whose name begins with this.
    connection
        The account and region to list. If None, the current connection; if
        none can be made, the console opens and says why, and Refresh tries
        again.

    Returns
    -------
    Console
        The console; ``console.future.result()`` waits for the first list, and
        returns it as a channels frame.

    Raises
    ------
    MissingExtra
        If the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> console = kvs.forms.console()
    >>> console.future.result()["channel_name"].tolist()
    ['front-door']
    """
    return Console(prefix, connection=connection)
