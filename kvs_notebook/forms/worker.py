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
from kvs_notebook.channels.lost_replies import send_warnings_to
from kvs_notebook.channels.reference import ChannelRef
from kvs_notebook.channels.waiters import wait_until, wait_until_gone
from kvs_notebook.errors import InvalidInput, KVSError, OutcomeUnknown, mark_accepted
from kvs_notebook.forms.html import as_code, as_error, escaped

PATIENCE_SECONDS = 120.0
"""How long a form waits for a channel to be what it is to become."""


class Status(widgets.HTML):
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

    def say(self, text: str, *, line: str = "", shown: str = "") -> None:
        """Say what happens or has happened; ``line`` is the Python that does the same, ``shown`` HTML that belongs to it."""
        self._set("status", text, f"The same in Python: {as_code(line)}" if line else "", shown)

    def alert(self, text: str) -> None:
        """Say what went wrong and what to do next."""
        self._set("alert", text)

    def also(self, text: str) -> None:
        """Say one thing more, below, until clear(): the late outcome of work that nobody waits for any more."""
        self._late = f"{self._late} {text}".strip()
        self.text = f"{self.text} {text}"
        self.value += _late(text)

    def clear(self) -> None:
        """Say nothing any more."""
        self._late = ""
        self.say("")

    def _set(self, role: str, text: str, *more: str) -> None:
        self.text, self.role = f"{text} {self._late}".strip(), role
        said = as_error(text) if role == "alert" else f"<div>{escaped(text)}</div>"
        below = "".join(f"<div>{each}</div>" for each in more if each)
        self.value = f'<div role="{role}">{said}</div>{below}' + (_late(self._late) if self._late else "")


def _late(text: str) -> str:
    return f'<div role="status">{escaped(text)}</div>'


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a piece of work has come to: a value, a sentence, the Python line that does the same, and HTML beside it."""

    value: Any
    said: str
    line: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What a click asks for, with everything that was read from the fields at that moment.

    ``doing`` names it ("Creating front-door"), ``settle`` is the line of Python that shows what became of it.
    """

    doing: str
    run: Callable[[Task], Outcome]
    changes: bool = False
    settle: str = ""


class Task:
    """One piece of work under way."""

    def __init__(self, work: Work, worker: Worker) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.stopped = threading.Event()
        self.reconciled: list[str] = []
        self._worker = worker
        self._began = time.monotonic()

    @property
    def took(self) -> str:
        """The seconds since the click, in words."""
        return f"{time.monotonic() - self._began:.1f} s"

    def show(self, change: Callable[[], object]) -> None:
        """Change what the form shows, unless it was given up: the form may be about something else by now.

        A reading that other work waits behind is shown: that work may build on it.
        """
        with self._worker.lock:
            if not self.stopped.is_set():
                change()

    def say(self, text: str) -> None:
        """Say how far it is."""
        with self._worker.lock:
            if self._worker.awaits(self):
                self._worker.status.say(f"{self.work.doing}... {text} {_if_it_ends(self.work)}")

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
            self.say(f"{target.label} is {info.get('ChannelStatus')}.")
            return self.stopped.is_set() or reached(info)

        with mark_accepted(change):
            if until_gone:
                return wait_until_gone(target, PATIENCE_SECONDS, connection, stop_when=look)
            return wait_until(target, look, PATIENCE_SECONDS, connection, may_be_missing=True)


class Worker:
    """Do one piece of work at a time; while one runs, its buttons are disabled and a second click does nothing."""

    def __init__(self, buttons: Sequence[widgets.Button]) -> None:
        self.buttons = list(buttons)
        self.status = Status()
        self.cancel = widgets.Button(description="Stop waiting", disabled=True)
        self.cancel.on_click(lambda _: self.stop_waiting())
        self.off: set[widgets.Button] = set()
        self.task: Task | None = None
        self.lock = threading.RLock()
        self._pool = _new_pool()

    def awaits(self, task: Task) -> bool:
        """Tell whether it is this task that somebody waits for."""
        return self.task is task and not task.stopped.is_set()

    @property
    def busy(self) -> bool:
        """True while a piece of work is under way that somebody waits for."""
        return self.task is not None and not self.task.future.done() and not self.task.stopped.is_set()

    @property
    def changing(self) -> bool:
        """True while that piece of work changes something."""
        return self.busy and self.task is not None and self.task.work.changes

    def start(self, prepare: Callable[[], Work]) -> Future[Any]:
        """Begin what ``prepare`` reads from the fields; give the future of its value.

        While a change is under way nothing else begins; behind a mere reading the work waits for its turn.
        """
        with self.lock:
            if self.task is not None and self.changing:
                return self.task.future
            try:
                work = prepare()
            except Exception as error:  # noqa: BLE001 - nobody sees what a handler raises: it is said here
                self.status.alert(_refusal(error))
                return _failed(error)
            task = self.task = Task(work, self)
            self._disable(busy=True)
            self.status.clear()
            self.status.say(_under_way(work))
            self._pool.submit(contextvars.copy_context().run, self._do, task)
            return task.future

    def _do(self, task: Task) -> None:
        if not task.future.set_running_or_notify_cancel():
            return
        try:
            with send_warnings_to(task.reconciled.append):
                outcome = task.work.run(task)
        except Exception as error:  # noqa: BLE001 - as above; it also is the future's
            failure = _failure(task, error)
            self._finish(task, lambda: self.status.alert(failure), failure)
            task.future.set_exception(error)
        else:
            said = " ".join([outcome.said, *task.reconciled])
            late = said if task.work.changes else ""
            self._finish(task, lambda: self.status.say(said, line=outcome.line, shown=outcome.shown), late)
            task.future.set_result(outcome.value)

    def _finish(self, task: Task, show: Callable[[], None], late: str) -> None:
        """Show the outcome; where nobody waits for it any more, only what is worth knowing still."""
        with self.lock:
            if self.awaits(task):
                self._disable(busy=False)
                show()
            elif late:
                self.status.also(f"Meanwhile: {late}")

    def stop_waiting(self) -> None:
        """Wait no longer for what is under way; a request that was sent stays sent."""
        with self.lock:
            task = self.task
            if task is None or not self.busy:
                return
            task.stopped.set()
            self._pool.shutdown(wait=False)
            self._pool = _new_pool()  # what hangs keeps the old one for itself
            self._disable(busy=False)
            self.status.say(_given_up(task.work, unsent=task.future.cancel()))

    def close(self) -> None:
        """End the thread, once what it does has ended."""
        if self.task is not None:
            self.task.stopped.set()
        self._pool.shutdown(wait=False)

    def _disable(self, *, busy: bool) -> None:
        for button in self.buttons:
            button.disabled = busy or button in self.off
        self.cancel.disabled = not busy


def _new_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="kvs-form")


def _failed(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


# --- words


def _under_way(work: Work) -> str:
    return f"{work.doing}... {_if_it_ends(work)}".rstrip()


def _if_it_ends(work: Work) -> str:
    """Say what to do should this line be the last: the notebook was closed, or its kernel was restarted."""
    return f"(If this line stays: {work.settle} shows what became of it.)" if work.changes else ""


def _given_up(work: Work, *, unsent: bool) -> str:
    if unsent:
        return f"Stopped before {work.doing[0].lower()}{work.doing[1:]} began: nothing was sent."
    if not work.changes:
        return f"Stopped waiting: {work.doing[0].lower()}{work.doing[1:]} goes on unseen; it changes nothing."
    return (
        f"Stopped waiting for {work.doing[0].lower()}{work.doing[1:]}. The request was already sent and is not called back: "
        f"{work.settle} shows what became of it."
    )


def _refusal(error: Exception) -> str:
    return f"Not sent. {error}" if isinstance(error, KVSError) else _bug(error)


def _failure(task: Task, error: Exception) -> str:
    """Say what went wrong, and what is known to have happened in spite of it."""
    if isinstance(error, CancelledError) or not isinstance(error, KVSError):
        return _bug(error)
    if not task.work.changes or error.accepted or isinstance(error, OutcomeUnknown):
        return str(error)
    if isinstance(error, InvalidInput) and error.code is None:
        return f"Not sent. {error}"
    if error.maybe_applied:
        return f"{error} A reply was lost on the way: {task.work.settle} shows what is there now."
    return f"Nothing was changed. {error}"


def _bug(error: Exception) -> str:
    return f"{type(error).__name__}: {error}. This should not happen: please report it, with what you did."
