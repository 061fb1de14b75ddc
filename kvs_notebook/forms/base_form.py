"""Form: a header that says where it acts, fields, a button that acts, and a line that says how it went."""

from __future__ import annotations

import contextvars
import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_text import line_allowing_changes
from kvs_notebook.aws.default_connection import current_connection, is_current
from kvs_notebook.errors import InvalidInput, KVSError
from kvs_notebook.forms.fields import Field, TagRows
from kvs_notebook.forms.html import STYLE, code_html, error_html, escape_html
from kvs_notebook.forms.keyboard import Keyboard, inputs
from kvs_notebook.forms.worker import Job, JobResult, RunningJob, StatusLine, Worker


class Header(widgets.HTML):
    """Say which account, region, profile and endpoint a form acts on, and whether that is a sandbox.

    The identity is asked for on a thread of its own, where it is not known yet: ``asked`` is the future of the answer.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.show(connection)

    def show(self, connection: Connection) -> None:
        """Show another connection."""
        self._connection = connection
        self._render()
        self.identified: Future[None] = Future()
        if connection.known_identity is not None:
            self.identified.set_result(None)
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="kvs-header")
        self.identified = pool.submit(contextvars.copy_context().run, self._ask, connection)
        pool.shutdown(wait=False)

    def _ask(self, connection: Connection) -> None:
        try:
            connection.identity()
        except KVSError as error:
            self._render(str(error))
        else:
            self._render()

    def _render(self, problem: str = "") -> None:
        connection = self._connection
        try:
            badge, below = _account_notes(connection)
        except KVSError as error:
            badge, below = "", error_html(error)
        known = connection.known_identity
        account = known.account_id if known else "not known" if problem else "..."
        parts = [f"account {account}", connection.region]
        if connection.profile:
            parts.append(f"profile {connection.profile}")
        parts.append(connection.endpoint())
        shown = "".join(f"<span>{escape_html(part)}</span>" for part in parts)
        if problem:
            below = f'<div role="alert">{error_html(problem)}</div>'
        self.value = f'{STYLE}<div class="kvs-header">{shown}{badge}{below}</div>'


def _account_notes(connection: Connection) -> tuple[str, str]:
    if connection.is_sandbox():
        return '<span class="kvs-badge">SANDBOX</span>', ""
    if connection.may_change():
        return "", '<div class="kvs-real">This is a real account: what is changed here changes it at once.</div>'
    lift = code_html(line_allowing_changes(connection.config))
    return "", f'<div class="kvs-real">This is a real account, read-only here. To allow changes: {lift}</div>'


class Form(widgets.VBox):
    """Hold what every form has.

    Attributes
    ----------
    connection
        The connection that it was opened with, and keeps.
    submit, cancel
        The buttons that act and that stop waiting.
    status
        The line that says how it goes: ``status.text``, ``status.role``.
    future
        The future of what was begun last, None where nothing was.
    value
        What the last success gave.
    """

    changes = True
    _threads: Callable[[], None] | None = None

    def __init__(
        self,
        fields: Sequence[widgets.Widget],
        *,
        action: str,
        style: str = "primary",
        buttons: Sequence[widgets.Button] = (),
        beside: Sequence[widgets.Button] = (),
        connection: Connection | None = None,
    ) -> None:
        self.connection = current_connection(connection)
        self.submit = widgets.Button(description=action, button_style=style)
        self.submit.on_click(lambda _: self._start(self._prepare_checked))
        self._worker = Worker([self.submit, *beside, *buttons])
        self._threads = self._worker.close
        self.cancel = self._worker.stop_button
        self.status: StatusLine = self._worker.status
        self.value: Any = None
        self.future: Future[Any] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._open_client()
        self.header = Header(self.connection)
        self._fields = widgets.VBox(list(fields))
        actions = widgets.HBox([self.submit, *beside, self.cancel])
        super().__init__([self.header, self._fields, actions, self.status, Keyboard(self)])
        self.add_class("kvs-form")
        self.set_enabled(self._is_enabled())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.connection.region}; run this cell in JupyterLab to see it>"

    def _open_client(self) -> None:
        """Make the client now: made on the worker, the first one would hold up the kernel for 0.1 s."""
        try:
            self.connection.client()
            if self.connection.known_identity is None:
                self.connection.client("sts")
        except KVSError as error:
            self.status.alert(str(error))

    def _is_enabled(self) -> bool:
        try:
            return not self.changes or self.connection.may_change()
        except KVSError:
            return False  # the header says why

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - it is what is allowed
        """Enable what changes something, or grey it out."""
        self._worker.blocked = set() if enabled else {self.submit}
        self.submit.disabled = not enabled
        for each in inputs(self._fields):
            each.disabled = not enabled

    # --- for each form to say

    def fields(self) -> list[Field | TagRows]:
        """Give the fields that must be right."""
        return []

    def prepare(self) -> Job:
        """Read the fields and give the work to do; called on the thread that clicked."""
        raise NotImplementedError

    # --- what happens

    def _start(self, prepare: Callable[[], Job]) -> None:
        self.future = self._worker.start(lambda: self._publish_result(prepare()))

    def _prepare_checked(self, prepare: Callable[[], Job] | None = None) -> Job:
        problems = [problem for field in self.fields() if (problem := field.show_problem())]
        if problems:
            raise InvalidInput(" ".join(problems))
        return self.prepare() if prepare is None else prepare()

    def _publish_result(self, job: Job) -> Job:
        """Keep the value of a success, and tell whoever listens once there is something new."""

        def run(running: RunningJob) -> JobResult:
            try:
                result = job.run(running)
                running.update(lambda: setattr(self, "value", result.value))
                return result
            finally:
                if job.changes:
                    self.notify()

        return dataclasses.replace(job, run=run)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a listener, on the worker's thread, whenever a change was sent or has come to its end."""
        self._listeners.append(listener)

    def notify(self) -> None:
        """Tell the listeners."""
        for listener in self._listeners:
            listener()

    def python_call(self, function: str, *arguments: object, **options: object) -> str:
        """Give the Python line that does what the form did."""
        if not is_current(self.connection):
            options["connection"] = _Variable("connection")
        words = [repr(argument) for argument in arguments]
        words += [f"{name}={value!r}" for name, value in options.items()]
        return f"kvs.{function}({', '.join(words)})"

    def close(self) -> None:
        """Take the form away; what it has sent stays sent."""
        if self._threads is not None:  # ipywidgets closes what was never finished, too
            self._threads()
        super().close()


class _Variable:
    """Stand for a variable in a line of Python."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name
