"""The worker of a form: it runs the form's jobs on another thread, shows how they go, and lets the user stop waiting."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import ipywidgets as widgets

from kvs_notebook.channels.lost_replies import send_warnings_to
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.job import Job, Outcome, RunningJob, not_sent_message, python_message
from kvs_notebook.forms.status_line import DONE, FAILED, INCOMPLETE, StatusLine

_logger = logging.getLogger(__name__)


class Worker:
    """Run one job at a time; while one runs, its buttons are disabled and a second click does nothing.

    Attributes
    ----------
    status
        The line that shows how the latest job goes.
    stop_button
        The button that stops waiting for it; it is visible while there is something to wait for.
    blocked
        The buttons that stay disabled when no job runs; see block().
    lock
        Held while it is decided what the form shows, and while that changes.
    """

    def __init__(self, buttons: Sequence[widgets.Button], executor: ContextExecutor) -> None:
        self.status = StatusLine()
        self.stop_button = widgets.Button(description="Stop waiting", disabled=True, layout={"visibility": "hidden"})
        self.stop_button.on_click(lambda _: self.stop_waiting())
        self.blocked: set[widgets.Button] = set()
        self._buttons = list(buttons)
        self._executor = executor
        self._outcome_listeners: list[Callable[[Outcome], None]] = []
        self._queue: deque[RunningJob] = deque()
        self._latest: RunningJob | None = None
        # A click and a job that ends, on different threads, both decide by the latest job what the form shows. Reentrant,
        # because a job's update may call listeners that use the form.
        self.lock = threading.RLock()

    @property
    def is_busy(self) -> bool:
        """True while the latest job runs or waits for its turn, and was not stopped."""
        latest = self._latest
        return latest is not None and not latest.future.done() and not latest.stopped.is_set()

    @property
    def is_changing(self) -> bool:
        """True while that job changes something in the account."""
        return self._latest is not None and self._latest.job.changes and self.is_busy

    def block(self, buttons: set[widgets.Button]) -> None:
        """Keep these buttons disabled when no job runs, and enable all others."""
        with self.lock:
            self.blocked = buttons
            self._disable_buttons(busy=self.is_busy)

    def dismiss_alert(self) -> None:
        """Hide a failure, unless a job runs, which may have changed the field itself."""
        with self.lock:
            if not self.is_busy:
                self.status.dismiss_alert()

    def start(self, prepare: Callable[[], Job]) -> Future[Any]:
        """Start the job that ``prepare`` makes from the fields; return the future of its value.

        While a change runs, no other job starts; a job behind a load waits for its turn.
        """
        with self.lock:
            if self._latest is not None and self.is_changing:
                return self._latest.future
            try:
                job = prepare()
            except Exception as error:  # noqa: BLE001 - a notebook does not show what a handler raises: the status line does
                self.status.alert(not_sent_message(error), code=python_message(error))
                return _failed_future(error)
            self._latest = RunningJob(job, self.status, self.lock)
            self._disable_buttons(busy=True)
            self.status.clear()
            self.status.show(job.progress_message())
            self._queue.append(self._latest)
            if len(self._queue) == 1:
                self._executor.submit(self._run_all, self._queue)
            return self._latest.future

    def _run_all(self, queue: deque[RunningJob]) -> None:
        """Run the jobs of a queue in their order until it is empty."""
        while True:
            running = queue[0]
            try:
                running.context.run(self._run, running)
            except Exception as error:  # the jobs behind this one still run
                _logger.exception("Could not show how %r ended", running.job.title)
                if not running.future.done():
                    running.future.set_exception(error)
            with self.lock:
                queue.popleft()
                if not queue:
                    return

    def _run(self, running: RunningJob) -> None:
        if not running.future.set_running_or_notify_cancel():
            return
        job = running.job
        try:
            with send_warnings_to(running.reconciled.append):
                result = job.run(running)
        except Exception as error:  # noqa: BLE001 - as above; it also is the future's exception
            failure, code = job.failure_message(error), job.failure_code(error)
            self._report_outcome(job, Outcome(failure, FAILED, code))
            self._finish(running, lambda: self.status.alert(failure, code=code), late_message=failure)
            running.future.set_exception(error)
        else:
            message = " ".join([result.message, *running.reconciled])
            word = DONE if result.is_complete else INCOMPLETE
            self._report_outcome(job, Outcome(message, word, result.code))
            show = partial(self.status.show_outcome, word) if result.is_outcome else self.status.show
            self._finish(
                running,
                lambda: show(message, code=result.code, html=result.html),
                late_message=message if job.changes else "",
            )
            running.future.set_result(result.value)

    def on_change_ended(self, listener: Callable[[Outcome], None]) -> None:
        """Call a listener, on the worker's thread, with the outcome of each change, also of one that is no longer waited for."""
        self._outcome_listeners.append(listener)

    def _report_outcome(self, job: Job, outcome: Outcome) -> None:
        if job.changes:
            for listener in self._outcome_listeners:
                listener(outcome)

    def _finish(self, running: RunningJob, show: Callable[[], None], *, late_message: str) -> None:
        """Show the outcome; if it is no longer the one that the user waits for, only add its message."""
        with self.lock:
            if running is self._latest and not running.stopped.is_set():
                self._disable_buttons(busy=False)
                show()
            elif late_message:
                self.status.append(f"Meanwhile: {late_message}")

    def stop_waiting(self) -> None:
        """Stop waiting for the latest job; a request that was sent stays sent."""
        with self.lock:
            latest = self._latest
            if latest is None or not self.is_busy:
                return
            latest.stopped.set()
            self._queue = deque()  # the next job must not wait for one that hangs
            self._disable_buttons(busy=False)
            unsent = latest.future.cancel()
            self.status.show(latest.job.stopped_message(unsent=unsent), code="" if unsent else latest.job.check_code)

    def close(self) -> None:
        """Stop the latest job from changing the form."""
        with self.lock:
            if self._latest is not None:
                self._latest.stopped.set()

    def _disable_buttons(self, *, busy: bool) -> None:
        for button in self._buttons:
            button.disabled = busy or button in self.blocked
        self.stop_button.disabled = not busy
        self.stop_button.layout.visibility = (
            "visible" if busy else "hidden"
        )  # keeps its space: the layout does not move


def _failed_future(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future
