"""The base of every form: a header, fields, a button that acts, and a status line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection, is_current
from kvs_notebook.errors import KVSError
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput
from kvs_notebook.forms.header import Header
from kvs_notebook.forms.job import InvalidFields, Job, JobResult, Outcome, RunningJob, python_message
from kvs_notebook.forms.keyboard import SUBMIT_CLASS, Keyboard, inputs_in
from kvs_notebook.forms.notebook_box import NotebookBox
from kvs_notebook.forms.worker import Worker


class Form(NotebookBox):
    """The widgets and the work that every form has.

    A form works alone in an output and inside a console. A console makes it with ``connection=`` and its own ``executor=``, and
    with the channel as the first argument, and uses no more of it than this: ``header``, which it hides;
    ``hide_channel_field()`` of a form of one channel, and ``select_channel()``, with which it loads another one; ``on_change()``,
    which asks it to list again; ``unapplied_edits()``, which it asks about before it drops the form; ``replace_connection()``;
    ``set_enabled()``; ``close()``.

    Attributes
    ----------
    connection
        The connection that the form was opened with, and keeps; a console may replace it if its credentials have failed.
    submit, cancel
        The buttons that act and that stop waiting.
    status
        The line that shows progress and outcome: ``status.text``, ``status.role``.
    future
        The future of the latest job, None before the first one.
    value
        The value of the latest success.
    """

    changes = True

    def __init__(
        self,
        fields: Sequence[widgets.Widget],
        *,
        action: str,
        style: str = "primary",
        beside_submit: Sequence[widgets.Button] = (),
        also_disabled: Sequence[widgets.Button] = (),
        connection: Connection | None,
        executor: ContextExecutor | None,
    ) -> None:
        self.connection = current_connection(connection)
        self.submit = widgets.Button(description=action, button_style=style)
        self.submit.add_class(SUBMIT_CLASS)
        self.submit.on_click(lambda _: self._submit())
        self._owns_executor = executor is None
        self._executor = executor or ContextExecutor()
        self._worker = Worker([self.submit, *beside_submit, *also_disabled], self._executor)
        self.cancel = self._worker.stop_button
        self.status = self._worker.status
        self.value: Any = None
        self.future: Future[Any] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._submitted: tuple[Future[Any], str] | None = None
        self._is_enabled = True
        self._create_clients()
        self.header = Header(self.connection, self._executor)
        self._fields = widgets.VBox(list(fields))
        self._buttons = widgets.HBox([self.submit, *beside_submit, self.cancel])
        self._buttons.add_class("kvs-buttons")
        super().__init__([self.header, self._fields, self._buttons, self.status, Keyboard(self)])
        self.add_class("kvs-form")
        for field in self.fields():
            field.lock = self._worker.lock
            field.on_change(self._field_changed)
        self.set_enabled(self._may_act())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.connection.region}; run this cell in JupyterLab to see it>"

    def _create_clients(self) -> None:
        """Create the clients now: created on the worker's thread, the first one would block the kernel for 0.1 s."""
        try:
            self.connection.client()
            if self.connection.known_identity is None:
                self.connection.client("sts")
        except KVSError as error:
            self.status.alert(in_words(str(error)), code=python_message(error))

    def _may_act(self) -> bool:
        try:
            return not self.changes or self.connection.may_change()
        except KVSError:
            return False  # the header says why

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - as a setter's value
        """Enable or disable the fields and the button that acts."""
        self._is_enabled = enabled
        for each in inputs_in(self._fields):
            each.disabled = not enabled
        self.update_buttons()

    def update_buttons(self) -> None:
        """Disable the buttons that cannot act now."""
        self._worker.block(self.blocked_buttons())

    def replace_connection(self, connection: Connection) -> None:
        """Use another connection to the same account and region from now on."""
        self.connection = connection

    def _field_changed(self) -> None:
        self._worker.dismiss_alert()
        self.update_buttons()

    def close(self) -> None:
        """Remove the form and end its threads; a request that was sent stays sent."""
        if hasattr(self, "_worker"):  # ipywidgets also closes a form whose __init__ has failed
            self._worker.close()
            if self._owns_executor:
                self._executor.shutdown(wait=False)
        super().close()

    # --- to be overridden

    def fields(self) -> list[CheckedInput]:
        """Return the fields that must be valid before anything is sent."""
        return []

    def prepare(self) -> Job:
        """Return the job that the fields ask for; called on the thread of the click."""
        raise NotImplementedError

    def can_submit(self) -> bool:
        """Return False while something that has to be typed first is missing."""
        return True

    def blocked_buttons(self) -> set[widgets.Button]:
        """Return the buttons that cannot act now, whether or not a job runs."""
        return set() if self._is_enabled and self.can_submit() else {self.submit}

    def describe_edits(self) -> str:
        """Return in words what the user has entered and would lose; an empty text if there is nothing."""
        return ""

    # --- edits

    def unapplied_edits(self) -> str:
        """Return in words what the user has entered and not applied; what was sent counts as applied unless that failed."""
        with self._worker.lock:  # while a job writes what it has loaded, that would look like edits
            edits = self.describe_edits()
        if self._submitted is None or edits != self._submitted[1]:
            return edits
        future = self._submitted[0]
        failed = future.cancelled() or (future.done() and future.exception() is not None)
        return edits if failed else ""

    def _submit(self) -> None:
        edits, before = self.describe_edits(), self.future
        self._start(self._prepare_checked)
        if self.future is not None and self.future is not before:  # else a change was running, and nothing was sent
            self._submitted = (self.future, edits)

    # --- jobs

    def _start(self, prepare: Callable[[], Job]) -> None:
        self.future = self._worker.start(lambda: self._publish_result(prepare()))

    def _prepare_checked(self, prepare: Callable[[], Job] | None = None) -> Job:
        self.check_fields(self.fields())
        return self.prepare() if prepare is None else prepare()

    def check_fields(self, fields: Sequence[CheckedInput]) -> None:
        """Show what is wrong with fields; if anything is, move the focus to the first such field and raise InvalidFields."""
        problems = {field: problem for field in fields if (problem := field.show_problem())}
        if problems:
            next(iter(problems)).focus()
            raise InvalidFields({field.label: problem for field, problem in problems.items()})

    def _publish_result(self, job: Job) -> Job:
        """Return the job with two more steps: keep the value of a success, and notify listeners of a change."""

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
        """Call a listener, on the worker's thread, when a change was sent and when it has ended."""
        self._listeners.append(listener)

    def on_change_ended(self, listener: Callable[[Outcome], None]) -> None:
        """Call a listener, on the worker's thread, with the outcome of each change."""
        self._worker.on_change_ended(listener)

    def notify(self) -> None:
        """Call the listeners."""
        for listener in self._listeners:
            listener()

    def python_call(self, function: str, *arguments: object, **options: object) -> str:
        """Return the Python line that does what the form does."""
        if not is_current(self.connection):
            options["connection"] = Variable("connection")
        return format_call(function, *arguments, **options)


def format_call(function: str, *arguments: object, **options: object) -> str:
    """Return a call of a public function as a line of Python."""
    words = [repr(argument) for argument in arguments]
    words += [f"{name}={value!r}" for name, value in options.items()]
    return f"kvs.{function}({', '.join(words)})"


class Variable:
    """A variable in a line of Python: its repr is its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name
