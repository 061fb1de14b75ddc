"""Submit: a form's work, off the main thread, with a line that says how it goes and a way to stop waiting for it.

Work runs on a thread of its own in a copy of the context of whoever clicked: without it, a widget that changes there cannot find
its kernel. Its future is a concurrent.futures.Future, since cells and callbacks do not share a loop in every version of
ipykernel; in a cell, ``await asyncio.wrap_future(form.future)``.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.lost_replies import reconciled_to
from kvs_notebook.channels.reference import ChannelRef
from kvs_notebook.channels.waiters import wait_until, wait_until_gone
from kvs_notebook.errors import InvalidInput, KVSError, OutcomeUnknown, mark_accepted
from kvs_notebook.forms.html import code_html, error_html, escape_html

FOLLOW_TIMEOUT_SECONDS = 120.0
"""How long a form waits for a channel to be what it is to become."""


class StatusLine(widgets.HTML):
    """Say in one line how it goes, to eyes and to screen readers.

    Attributes
    ----------
    text
        The line, as plain text.
    role
        ``"status"``, or ``"alert"`` where something went wrong.
    """

    text = ""
    role = "status"
    _late = ""

    def show(self, text: str, *, code: str = "", html: str = "") -> None:
        """Say what happens or has happened; ``line`` is the Python that does the same, ``shown`` HTML that belongs to it."""
        self._set("status", text, f"The same in Python: {code_html(code)}" if code else "", html)

    def alert(self, text: str) -> None:
        """Say what went wrong and what to do next."""
        self._set("alert", text)

    def append(self, text: str) -> None:
        """Say one thing more, below, until clear(): the late result of work that nobody waits for any more."""
        self._late = f"{self._late} {text}".strip()
        self.text = f"{self.text} {text}"
        self.value += _late(text)

    def clear(self) -> None:
        """Say nothing any more."""
        self._late = ""
        self.show("")

    def _set(self, role: str, text: str, *more: str) -> None:
        self.text, self.role = f"{text} {self._late}".strip(), role
        said = error_html(text) if role == "alert" else f"<div>{escape_html(text)}</div>"
        below = "".join(f"<div>{each}</div>" for each in more if each)
        self.value = f'<div role="{role}">{said}</div>{below}' + (_late(self._late) if self._late else "")


def _late(text: str) -> str:
    return f'<div role="status">{escape_html(text)}</div>'


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a piece of work has come to: a value, a sentence, the Python line that does the same, and HTML beside it."""

    value: Any
    message: str
    code: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What a click asks for, with everything that was read from the fields at that moment.

    ``title`` names it ("Creating front-door"), ``check_code`` is the line of Python that shows what became of it.
    """

    title: str
    run: Callable[[RunningJob], JobResult]
    changes: bool = False
    check_code: str = ""


class RunningJob:
    """One piece of work under way."""

    def __init__(self, job: Job, worker: Worker) -> None:
        self.job = job
        self.future: Future[Any] = Future()
        self.stopped = threading.Event()
        self.reconciled: list[str] = []
        self._worker = worker
        self._started = time.monotonic()

    @property
    def elapsed(self) -> str:
        """The seconds since the click, in words."""
        return f"{time.monotonic() - self._started:.1f} s"

    def update(self, change: Callable[[], object]) -> None:
        """Change what the form shows, unless it was given up: the form may be about something else by now.

        A reading that other work waits behind is shown: that work may build on it.
        """
        with self._worker.lock:
            if not self.stopped.is_set():
                change()

    def report(self, text: str) -> None:
        """Say how far it is."""
        with self._worker.lock:
            if self._worker.is_current(self):
                self._worker.status.show(f"{self.job.title}... {text} {_recovery_hint(self.job)}")

    def follow(
        self,
        row: pd.DataFrame,
        reached: Callable[[Mapping[str, Any]], bool],
        connection: Connection,
        *,
        change: str,
        until_gone: bool = False,
    ) -> pd.DataFrame:
        """Describe a channel once a second, and say its status, until it is as wanted or nobody waits any more.

        ``change`` is what was accepted before, for the message of whatever fails here.
        """
        target = ChannelRef(row["channel_name"].item(), row["channel_arn"].item())

        def look(info: Mapping[str, Any]) -> bool:
            self.report(f"{target.label} is {info.get('ChannelStatus')}.")
            return self.stopped.is_set() or reached(info)

        with mark_accepted(change):
            if until_gone:
                return wait_until_gone(target, FOLLOW_TIMEOUT_SECONDS, connection, enough=look)
            return wait_until(target, look, FOLLOW_TIMEOUT_SECONDS, connection, may_be_missing=True)


class Worker:
    """Do one piece of work at a time; while one runs, its buttons are disabled and a second click does nothing."""

    def __init__(self, buttons: Sequence[widgets.Button]) -> None:
        self.buttons = list(buttons)
        self.status = StatusLine()
        self.stop_button = widgets.Button(description="Stop waiting", disabled=True)
        self.stop_button.on_click(lambda _: self.stop_waiting())
        self.blocked: set[widgets.Button] = set()
        self.latest: RunningJob | None = None
        self.lock = threading.RLock()
        self._pool = _new_pool()

    def is_current(self, running: RunningJob) -> bool:
        """Tell whether it is this job that somebody waits for."""
        return self.latest is running and not running.stopped.is_set()

    @property
    def is_busy(self) -> bool:
        """True while a piece of work is under way that somebody waits for."""
        return self.latest is not None and not self.latest.future.done() and not self.latest.stopped.is_set()

    @property
    def is_changing(self) -> bool:
        """True while that piece of work changes something."""
        return self.is_busy and self.latest is not None and self.latest.job.changes

    def start(self, prepare: Callable[[], Job]) -> Future[Any]:
        """Begin what ``prepare`` reads from the fields; give the future of its value.

        While a change is under way nothing else begins; behind a mere reading the work waits for its turn.
        """
        with self.lock:
            if self.latest is not None and self.is_changing:
                return self.latest.future
            try:
                job = prepare()
            except Exception as error:  # noqa: BLE001 - nobody sees what a handler raises: it is said here
                self.status.alert(_refusal_message(error))
                return _failed_future(error)
            running = self.latest = RunningJob(job, self)
            self._disable_buttons(busy=True)
            self.status.clear()
            self.status.show(_progress_message(job))
            self._pool.submit(contextvars.copy_context().run, self._run, running)
            return running.future

    def _run(self, running: RunningJob) -> None:
        if not running.future.set_running_or_notify_cancel():
            return
        try:
            with reconciled_to(running.reconciled.append):
                result = running.job.run(running)
        except Exception as error:  # noqa: BLE001 - as above; it also is the future's
            failure = _failure_message(running, error)
            self._finish(running, lambda: self.status.alert(failure), failure)
            running.future.set_exception(error)
        else:
            said = " ".join([result.message, *running.reconciled])
            late = said if running.job.changes else ""
            self._finish(running, lambda: self.status.show(said, code=result.code, html=result.html), late)
            running.future.set_result(result.value)

    def _finish(self, running: RunningJob, show: Callable[[], None], late: str) -> None:
        """Show the result; where nobody waits for it any more, only what is worth knowing still."""
        with self.lock:
            if self.is_current(running):
                self._disable_buttons(busy=False)
                show()
            elif late:
                self.status.append(f"Meanwhile: {late}")

    def stop_waiting(self) -> None:
        """Wait no longer for what is under way; a request that was sent stays sent."""
        with self.lock:
            running = self.latest
            if running is None or not self.is_busy:
                return
            running.stopped.set()
            self._pool.shutdown(wait=False)
            self._pool = _new_pool()  # what hangs keeps the old one for itself
            self._disable_buttons(busy=False)
            self.status.show(_stopped_message(running.job, unsent=running.future.cancel()))

    def close(self) -> None:
        """End the thread, once what it does has ended."""
        if self.latest is not None:
            self.latest.stopped.set()
        self._pool.shutdown(wait=False)

    def _disable_buttons(self, *, busy: bool) -> None:
        for button in self.buttons:
            button.disabled = busy or button in self.blocked
        self.stop_button.disabled = not busy


def _new_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="kvs-form")


def _failed_future(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


# --- words


def _progress_message(job: Job) -> str:
    return f"{job.title}... {_recovery_hint(job)}".rstrip()


def _recovery_hint(job: Job) -> str:
    """Say what to do should this line be the last: the notebook was closed, or its kernel was restarted."""
    return f"(If this line stays: {job.check_code} shows what became of it.)" if job.changes else ""


def _stopped_message(job: Job, *, unsent: bool) -> str:
    if unsent:
        return f"Stopped before {job.title[0].lower()}{job.title[1:]} began: nothing was sent."
    if not job.changes:
        return f"Stopped waiting: {job.title[0].lower()}{job.title[1:]} goes on unseen; it changes nothing."
    return (
        f"Stopped waiting for {job.title[0].lower()}{job.title[1:]}. The request was already sent and is not called back: "
        f"{job.check_code} shows what became of it."
    )


def _refusal_message(error: Exception) -> str:
    return f"Not sent. {error}" if isinstance(error, KVSError) else _bug_message(error)


def _failure_message(running: RunningJob, error: Exception) -> str:
    """Say what went wrong, and what is known to have happened in spite of it."""
    if isinstance(error, CancelledError) or not isinstance(error, KVSError):
        return _bug_message(error)
    if not running.job.changes or error.accepted or isinstance(error, OutcomeUnknown):
        return str(error)
    if isinstance(error, InvalidInput) and error.code is None:
        return f"Not sent. {error}"
    if error.maybe_applied:
        return f"{error} A reply was lost on the way: {running.job.check_code} shows what is there now."
    return f"Nothing was changed. {error}"


def _bug_message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}. This should not happen: please report it, with what you did."
