"""Panel: the console, a live table of the channels with all forms around it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.channels.operations import list_channels
from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.files import to_csv
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.errors import EndpointUnreachable, KVSError, ServiceFault, Throttled
from kvs_notebook.forms.base_form import Form, Header
from kvs_notebook.forms.channel_form import ChannelForm
from kvs_notebook.forms.channel_table import ChannelTable
from kvs_notebook.forms.connection_form import ConnectionForm
from kvs_notebook.forms.create_form import CreateForm
from kvs_notebook.forms.delete_form import DeleteForm
from kvs_notebook.forms.endpoints_form import EndpointsForm
from kvs_notebook.forms.keyboard import Keyboard
from kvs_notebook.forms.tags_form import TagsForm
from kvs_notebook.forms.update_form import UpdateForm
from kvs_notebook.forms.worker import Job, JobResult, RunningJob, Worker

SECONDS_BETWEEN_LISTS = 1.0
STUCK_AFTER_SECONDS = 300.0
"""A transition takes seconds: after five minutes without any change the console looks only when it is told to."""

IN_TRANSITION = ("CREATING", "UPDATING", "DELETING")

MAY_PASS = (Throttled, ServiceFault, EndpointUnreachable)
"""What a listing may fail of and come through a second later: a transition is followed on."""


class Console(widgets.VBox):
    """Show the channels of one account and region in a live table, and the forms that act on the one that is selected.

    Attributes
    ----------
    table
        The table: ``table.filter``, ``table.select(name)``, ``table.selected``, ``table.shown``.
    actions
        The buttons that open a form, by its name; ``open_form(name)`` does the same from code.
    form
        The form that is open, None before.
    future
        The future of the listing that was begun last; its result is the channels frame.
    file, save, saved
        The field that names a CSV file, the button that writes what is shown, and the future of the rows that were written.
    """

    _parts: tuple[Any, ...] = ()

    def __init__(self, prefix: str | None = None, *, connection: Connection | None = None) -> None:
        self.connection = current_connection(connection)
        self.connection.client()
        self._prefix = prefix
        self.header = Header(self.connection)
        self.table = ChannelTable()
        self.form: Form | None = None
        self._forms: dict[str, Form] = {}
        self._lock = threading.Lock()
        self.refresh_button = widgets.Button(description="Refresh")
        self.refresh_button.on_click(lambda _: self.refresh())
        self.file = widgets.Text(value="channels.csv", description="File to save the rows to")
        self.save = widgets.Button(description="Save CSV")
        self._saver = Worker([self.save])
        self.save.on_click(lambda _: self._save())
        self.saved: Future[pd.DataFrame] | None = None
        self.status = self._saver.status
        self.actions = {name: self._button(name) for name in _FORMS}
        self._form_area = widgets.VBox()
        self._poller = ChannelPoller(self._list, self._show_failure)
        self._parts = (self._poller, self._saver, self.table)
        super().__init__(
            [
                self.header,
                self.table,
                _row(self.refresh_button, widgets.VBox([self.file]), self.save),
                self.status,
                _row(*self.actions.values()),
                self._form_area,
                Keyboard(self),
            ]
        )
        self.add_class("kvs-form")
        self.add_class("kvs-console")
        self.table.on_select(self._channel_selected)
        self._view_count = 0  # from here on the browser counts the places that show it
        self.observe(self._view_count_changed, "_view_count")
        self.refresh()

    def __repr__(self) -> str:
        return f"<Console: {self.connection.region}; run this cell in JupyterLab to see it>"

    # --- the table

    @property
    def future(self) -> Future[pd.DataFrame]:
        """The future of the listing that was begun last."""
        return self._poller.future

    def refresh(self) -> Future[pd.DataFrame]:
        """List the channels anew, and again once a second while one of them is in transition."""
        return self._poller.request()

    def _list(self) -> pd.DataFrame:
        connection = self.connection
        frame = list_channels(self._prefix, connection=connection)
        with self._lock:
            if connection is self.connection:
                self._show(frame)
        return frame

    def _show(self, frame: pd.DataFrame) -> None:
        news = not frame.equals(self.table.frame) or self.status.role == "alert" or not self.status.text
        self.table.show(frame)
        if news:
            moving = int(frame["channel_status"].isin(IN_TRANSITION).sum())
            self.status.show(_count(len(frame), "channel") + (f", {moving:,} in transition." if moving else "."))

    def _show_failure(self, error: Exception) -> None:
        said = str(error) if isinstance(error, KVSError) else f"{type(error).__name__}: {error}."
        shown = " The table shows what was there before." if len(self.table.frame) else ""
        self.status.alert(f"{said}{shown} Press Refresh to list again.")

    def _view_count_changed(self, change: Mapping[str, Any]) -> None:
        """Stop to list when the last place that showed the console is gone; go on when there is one again."""
        if change["old"] and not change["new"]:
            self._poller.pause()
        elif change["new"] and self._poller.paused:
            self.refresh()

    # --- the forms

    def _button(self, name: str) -> widgets.Button:
        button = widgets.Button(description=name)
        button.on_click(lambda _: self._open_clicked(name))
        return button

    def _open_clicked(self, name: str) -> None:
        try:
            self.open_form(name)
        except Exception as error:  # noqa: BLE001 - nobody sees what a handler raises: it is said here
            self.status.alert(f"{type(error).__name__}: {error}")

    def open_form(self, name: str) -> Form:
        """Open a form by the name on its button, with the channel that is selected; a form that was open keeps its fields."""
        form = self._forms.get(name)
        if form is None:
            form = self._forms[name] = _FORMS[name](self.connection)
            self._parts = (*self._parts, form)
            form.on_change(self._connection_changed if isinstance(form, ConnectionForm) else self._channel_changed)
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

    def _channel_changed(self) -> None:
        self.refresh()

    def _connection_changed(self) -> None:
        """Act on the connection that the connection form has made; the other forms are opened anew."""
        account = self._forms["Connection"]
        on_form_area = next((name for name, form in self._forms.items() if form is self.form), "Connection")
        for form in self._forms.values():
            if form is not account:
                form.close()
        self._forms = {"Connection": account}
        with self._lock:  # a listing that is under way shows nothing after this
            self.connection = account.connection
            self.table.show(empty(CHANNELS))
        self.header.show(self.connection)
        if on_form_area != "Connection":
            self.open_form(on_form_area)
        self.refresh()

    # --- export

    def _save(self) -> None:
        self.saved = self._saver.start(self._prepare_save)

    def _prepare_save(self) -> Job:
        path, painted = self.file.value.strip() or "channels.csv", self.table.painted

        def run(_: RunningJob) -> JobResult:
            painted.result()  # what was typed into the filter a moment ago counts
            rows = self.table.shown
            to_csv(rows, path)
            return JobResult(rows, f"Saved {_count(len(rows), 'row')} to {path}.")

        return Job(f"Saving to {path}", run)

    def close(self) -> None:
        """End the console's threads and take it away; what its forms have sent stays sent."""
        for part in self._parts:  # none, where ipywidgets closes what was never finished
            part.close()
        super().close()


class ChannelPoller:
    """List on a thread of its own, at most once a second, until nothing is in transition any more."""

    def __init__(self, list_channels: Callable[[], pd.DataFrame], report_failure: Callable[[Exception], None]) -> None:
        self._list_channels = list_channels
        self._report_failure = report_failure
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kvs-console")
        self._lock = threading.Lock()
        self._requested: Future[pd.DataFrame] | None = None
        self._running = False
        self._pause = threading.Event()
        self._last_start = -SECONDS_BETWEEN_LISTS
        self.future: Future[pd.DataFrame] = Future()

    @property
    def paused(self) -> bool:
        """True from pause() until it is requested again."""
        return self._pause.is_set()

    def request(self) -> Future[pd.DataFrame]:
        """Ask for a listing that begins after now; those who ask before it begins share it."""
        with self._lock:
            self._pause.clear()
            if self._requested is None:
                self._requested = self.future = Future()
            if not self._running:
                self._running = True
                self._pool.submit(contextvars.copy_context().run, self._poll)
            return self._requested

    def pause(self) -> None:
        """List no more until it is requested again."""
        self._pause.set()

    def close(self) -> None:
        """End the thread."""
        self._pause.set()
        self._pool.shutdown(wait=False)

    def _poll(self) -> None:
        changed, before, moving = time.monotonic(), None, False
        while True:
            self._pause.wait(max(0.0, self._last_start + SECONDS_BETWEEN_LISTS - time.monotonic()))
            with self._lock:
                requested, self._requested = self._requested, None
                if requested is None and (not moving or self._pause.is_set()):
                    self._running = False
                    return
            self._last_start = time.monotonic()
            try:
                frame = self._list_for(requested)
            except Exception as error:  # noqa: BLE001 - it is said in the console, and it is the future's
                moving &= isinstance(error, MAY_PASS)
            else:
                if before is None or not frame.equals(before):
                    changed, before = time.monotonic(), frame
                moving = bool(frame["channel_status"].isin(IN_TRANSITION).any())
            moving &= time.monotonic() - changed < STUCK_AFTER_SECONDS

    def _list_for(self, requested: Future[pd.DataFrame] | None) -> pd.DataFrame:
        try:
            frame = self._list_channels()
        except Exception as error:
            self._report_failure(error)
            if requested is not None:
                requested.set_exception(error)
            raise
        if requested is not None:
            requested.set_result(frame)
        return frame


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _row(*children: widgets.Widget) -> widgets.HBox:
    row = widgets.HBox(children)
    row.add_class("kvs-row")
    return row


_FORMS: Mapping[str, Callable[[Connection], Form]] = {
    "Create": lambda connection: CreateForm(connection=connection),
    "Update": lambda connection: UpdateForm(connection=connection),
    "Tags": lambda connection: TagsForm(connection=connection),
    "Delete": lambda connection: DeleteForm(connection=connection),
    "Endpoints": lambda connection: EndpointsForm(connection=connection),
    "Connection": lambda connection: ConnectionForm(connection=connection),
}


def console(prefix: str | None = None, *, connection: Connection | None = None) -> Console:
    """Open a live table of the channels, with all forms around it.

    The forms act on the channel that is selected in the table. The table is listed again after each change, and once a second
    while a channel is in transition; each time that spends one ListSignalingChannels call for each 1,000 channels.

    Parameters
    ----------
    prefix
        Only channels whose name begins with this.
    connection
        The account and region to list. If None, the current connection.

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
