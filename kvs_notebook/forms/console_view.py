"""The console: a live table of the channels with all forms around it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.channels.operations import list_channels
from kvs_notebook.dataframes.files import to_csv
from kvs_notebook.errors import KVSError
from kvs_notebook.formatting import format_count
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.channel_form import ChannelForm
from kvs_notebook.forms.channel_poller import TRANSIENT_ERRORS, ChannelPoller, count_in_transition
from kvs_notebook.forms.channel_table import ChannelTable
from kvs_notebook.forms.connection_form import ConnectionForm
from kvs_notebook.forms.create_form import CreateForm
from kvs_notebook.forms.delete_form import DeleteForm
from kvs_notebook.forms.endpoints_form import EndpointsForm
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.header import Header
from kvs_notebook.forms.html import escape_html
from kvs_notebook.forms.job import Job, JobResult
from kvs_notebook.forms.keyboard import Keyboard
from kvs_notebook.forms.placeholder import connection_or_placeholder, is_placeholder
from kvs_notebook.forms.tags_form import TagsForm
from kvs_notebook.forms.update_form import UpdateForm
from kvs_notebook.forms.visible_timer import VisibleTimer
from kvs_notebook.forms.worker import Worker

DEFAULT_FILE = "channels.csv"

SECONDS_BETWEEN_REFRESHES = 30.0
"""How old a listing becomes while the console is on the screen."""

STALE_CLASS = "kvs-stale"


class Console(widgets.VBox):
    """Show the channels of one account and region in a live table, and the forms that act on the selected one.

    Attributes
    ----------
    connection
        The connection of the table and the forms.
    table
        The table: ``table.filter``, ``table.select(name)``, ``table.selected``, ``table.shown``.
    actions
        The buttons that open a form, by its name; ``open_form(name)`` does the same from code.
    form
        The form that is open, None before.
    status
        The line that shows how many channels there are, or what failed.
    read_at
        The HTML that shows when the channels were listed.
    file, save, saved
        The field with the name of a CSV file, the button that writes the shown rows to it, and the future of these rows.
    """

    def __init__(self, prefix: str | None = None, *, connection: Connection | None = None) -> None:
        self.connection = connection_or_placeholder(connection)
        self._uses_current = connection is None
        with contextlib.suppress(KVSError):  # the listing shows it
            self.connection.client()  # now: on the poller's thread, the first one would block the kernel for 0.1 s
        self._prefix = prefix
        self._executor = ContextExecutor()
        self.header = Header(self.connection, self._executor)
        self.table = ChannelTable(self._executor, source=self.connection)
        self.form: Form | None = None
        self._forms: dict[str, Form] = {}
        self._form_area = widgets.VBox()
        self.actions = {name: _button(name, partial(self._open_clicked, name)) for name in _FORMS}
        self.refresh_button = _button("Refresh", self.refresh)
        self.read_at = widgets.HTML()  # not in the status line, which screen readers read aloud at each change
        self.file = widgets.Text(value=DEFAULT_FILE, description="File to save the rows to")
        self.save = _button("Save CSV", self._save)
        self.saved: Future[pd.DataFrame] | None = None
        self._saver = Worker([self.save], self._executor)
        self.status = self._saver.status
        self._refresh_timer = VisibleTimer(self._refresh_if_old, SECONDS_BETWEEN_REFRESHES)
        self._listed_at = time.monotonic()
        self._is_stale = self._is_refreshed_by_timer = False
        self._poller = ChannelPoller(self._list, self._show_failure, self._executor)
        super().__init__(
            [
                self.header,
                self.table,
                _row(self.refresh_button, self.read_at, widgets.VBox([self.file]), self.save),
                self.status,
                _row(*self.actions.values()),
                self._form_area,
                Keyboard(self),
                self._refresh_timer,
            ]
        )
        self.add_class("kvs-form")
        self.add_class("kvs-console")
        self.table.on_select(self._channel_selected)
        self._view_count = 0  # from now on the browser counts the places that show the console
        self.observe(self._view_count_changed, "_view_count")
        self.refresh()

    def __repr__(self) -> str:
        return f"<Console: {self.connection.region or 'not connected'}; run this cell in JupyterLab to see it>"

    def close(self) -> None:
        """Remove the console and end its threads; a request that a form has sent stays sent."""
        if hasattr(self, "_poller"):  # ipywidgets also closes a console whose __init__ has failed
            self._poller.close()
            self._saver.close()
            for form in self._forms.values():
                form.close()
            self._executor.shutdown(wait=False)
        super().close()

    # --- the table

    @property
    def future(self) -> Future[pd.DataFrame]:
        """The future of the latest listing; its result is the channels frame."""
        return self._poller.future

    def refresh(self) -> Future[pd.DataFrame]:
        """List the channels now, and again once a second while one of them is in transition."""
        return self._poller.request()

    def _refresh_if_old(self) -> None:
        """List the channels again, unless that would fail again or hide the error of another action."""
        is_of_listing = self._is_stale or self.status.role != "alert"
        is_old = (
            time.monotonic() - self._listed_at > self._refresh_timer.seconds / 2
        )  # else another view has asked for it
        if self._is_refreshed_by_timer and is_of_listing and is_old and self.future.done():
            self.refresh()

    def _list(self) -> pd.DataFrame:
        before = self.connection
        self._listed_at = time.monotonic()
        connection = self._connection_to_list()
        frame = list_channels(self._prefix, connection=connection)
        if connection is not before and self.connection is before:  # the form may have connected to another meanwhile
            self._use(connection)
        has_news = not frame.equals(self.table.frame) or self.status.role == "alert" or not self.status.text
        if not self.table.show(frame, connection):
            return frame
        self._is_stale, self._is_refreshed_by_timer = False, True
        self.table.remove_class(STALE_CLASS)
        self.read_at.value = escape_html(f"Read at {datetime.now(UTC):%H:%M:%S} UTC")
        if has_news:
            moving = count_in_transition(frame)
            self.status.show(format_count(len(frame), "channel") + (f", {moving:,} in transition." if moving else "."))
        return frame

    def _connection_to_list(self) -> Connection:
        """Return the console's connection; if it could not be made or its credentials failed, the current one."""
        failed = is_placeholder(self.connection) or self.connection.credentials_failed
        return current_connection() if failed and self._uses_current else self.connection

    def _show_failure(self, error: Exception) -> None:
        message = str(error) if isinstance(error, KVSError) else f"{type(error).__name__}: {error}."
        note = " The table shows the previous listing." if len(self.table.frame) else ""
        self._is_stale, self._is_refreshed_by_timer = True, isinstance(error, TRANSIENT_ERRORS)
        self.table.add_class(STALE_CLASS)
        self.status.alert(f"{message}{note} Press Refresh to list again.")

    def _view_count_changed(self, change: Mapping[str, Any]) -> None:
        """Stop listing when the last place that shows the console is gone; go on when there is one again."""
        if change["old"] and not change["new"]:
            self._poller.pause()
        elif change["new"] and self._poller.paused:
            self.refresh()

    # --- the forms

    def _open_clicked(self, name: str) -> None:
        try:
            self.open_form(name)
        except Exception as error:  # noqa: BLE001 - a notebook does not show what a handler raises: the status line does
            self.status.alert(f"{type(error).__name__}: {error}")

    def open_form(self, name: str) -> Form:
        """Open a form by the name on its button, for the selected channel; a form that was open before keeps its fields."""
        form = self._forms.get(name)
        if form is None:
            form = self._forms[name] = _FORMS[name](connection=self.connection, executor=self._executor)
            if isinstance(form, ConnectionForm):
                form.edits_elsewhere = self._unapplied_edits
                form.on_change(self._connection_changed)
            else:
                form.on_change(self._channel_changed)
        self.form = form
        self._form_area.children = [form]
        for each, button in self.actions.items():
            button.button_style = "info" if each == name else ""
        selected = self.table.selected
        if len(selected):
            self._channel_selected(selected["channel_name"].item())
        return form

    def _channel_selected(self, name: str) -> None:
        if isinstance(self.form, (ChannelForm, EndpointsForm)):
            self.form.select_channel(name)

    def _unapplied_edits(self) -> str:
        """Return in words what was entered into the forms and not sent."""
        edits = {name: form.unapplied_edits() for name, form in self._forms.items()}
        return "; ".join(f"{name}: {each}" for name, each in edits.items() if each)

    def _channel_changed(self) -> None:
        self.refresh()

    def _connection_changed(self) -> None:
        """Use the connection that the connection form has made."""
        self._use(self._forms["Connection"].connection)
        self.refresh()

    def _use(self, connection: Connection) -> None:
        """Use another connection, and open the other forms again with it."""
        open_name = next((name for name, form in self._forms.items() if form is self.form), "Connection")
        for name, form in self._forms.items():
            if name != "Connection":
                form.close()
        self._forms = {name: form for name, form in self._forms.items() if name == "Connection"}
        self.connection = connection
        self.table.change_source(self.connection)  # a listing of the connection before, still running, is not shown
        self.status.clear()  # it counts the channels of the connection before
        self.read_at.value = ""
        self.header.show(self.connection)
        if open_name != "Connection":
            self.open_form(open_name)

    # --- export

    def _save(self) -> None:
        self.saved = self._saver.start(self._prepare_save)

    def _prepare_save(self) -> Job:
        path, painted = self.file.value.strip() or DEFAULT_FILE, self.table.painted

        def run(_: object) -> JobResult:
            painted.result()  # the filter that was typed just before the click counts
            rows = self.table.shown
            to_csv(rows, path)
            return JobResult(rows, f"Saved {format_count(len(rows), 'row')} to {path}.")

        return Job(f"Saving to {path}", run)


def _button(description: str, clicked: Callable[[], object]) -> widgets.Button:
    button = widgets.Button(description=description)
    button.on_click(lambda _: clicked())
    return button


def _row(*children: widgets.Widget) -> widgets.HBox:
    row = widgets.HBox(children)
    row.add_class("kvs-row")
    return row


_FORMS: dict[str, Callable[..., Form]] = {
    "Create": CreateForm,
    "Update": UpdateForm,
    "Tags": TagsForm,
    "Delete": DeleteForm,
    "Endpoints": EndpointsForm,
    "Connection": ConnectionForm,
}


def console(prefix: str | None = None, *, connection: Connection | None = None) -> Console:
    """Open a live table of the channels, with all forms around it.

    The forms act on the channel that is selected in the table. The table is listed again after each change, once a second while a
    channel is in transition, and every 30 s while the page shows it; each time that spends one ListSignalingChannels call for
    each 1,000 channels.

    Parameters
    ----------
    prefix
        Only channels whose name begins with this.
    connection
        The account and region to list. If None, the current connection; if none can be made, the console opens and says why, and
        Refresh tries again.

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
