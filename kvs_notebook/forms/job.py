"""What a click asks for: a job, its result, and what the form says about it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.reference import ChannelRef
from kvs_notebook.channels.waiters import wait_until, wait_until_gone
from kvs_notebook.errors import InvalidInput, KVSError, OutcomeUnknown, mark_accepted
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.status_line import DONE, StatusLine

FOLLOW_TIMEOUT_SECONDS = 120.0
"""How long a form waits for a channel to reach the wanted status."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """The result of a job.

    Attributes
    ----------
    value, message
        What the future returns, and what the form says.
    code, html
        The Python that does the same, and HTML that belongs to the message.
    is_complete
        False if a part of what was asked for is not done, such as steps of a plan.
    is_outcome
        False for a remark without a word and a time before it, such as that a channel was loaded: "Done" would claim a change.
    """

    value: Any
    message: str
    code: str = ""
    html: str = ""
    is_complete: bool = True
    is_outcome: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job has ended: its message, the word before it, and the Python that does the same or shows what is there."""

    message: str
    word: str = DONE
    code: str = ""

    @property
    def succeeded(self) -> bool:
        """True if everything that was asked for is done."""
        return self.word == DONE


@dataclass(frozen=True, slots=True)
class Job:
    """What a click asks for, with everything that was read from the fields at that moment.

    Attributes
    ----------
    title
        Its name: "Creating front-door".
    run
        The function that does it.
    changes
        True if it changes something in the account.
    check_code
        The Python that shows whether it took effect.
    check
        What the user does in the form to see that: "press Load".
    """

    title: str
    run: Callable[[RunningJob], JobResult]
    changes: bool = False
    check_code: str = ""
    check: str = ""

    def progress_message(self, progress: str = "") -> str:
        """Return how far it is; for a change, also what to do if the notebook is closed or the kernel restarts now."""
        recovery = (
            f"(If this line stays, run the cell again and {self.check} to see whether it took effect.)"
            if self.changes
            else ""
        )
        return " ".join(part for part in (f"{self.title}...", progress, recovery) if part)

    def stopped_message(self, *, unsent: bool) -> str:
        """Return what happens to it after Stop waiting was pressed."""
        title = self.title[0].lower() + self.title[1:]
        if unsent:
            return f"Stopped before {title} began: nothing was sent."
        if not self.changes:
            return f"Stopped waiting: {title} continues in the background; it changes nothing."
        return (
            f"Stopped waiting for {title}. The request was already sent and cannot be cancelled: "
            f"{self.check} to see whether it took effect."
        )

    def failure_message(self, error: Exception) -> str:
        """Return why it failed, and what is known to have happened nevertheless."""
        if isinstance(error, CancelledError) or not isinstance(error, KVSError):
            return _bug_message(error)
        words = in_words(str(error))
        if not self.changes or error.accepted or isinstance(error, OutcomeUnknown):
            return words
        if isinstance(error, InvalidInput) and error.code is None:
            return not_sent_message(error)
        if error.maybe_applied:
            return f"{words} The reply was lost: {self.check} to see what is there now."
        return f"Nothing was changed. {words}"

    def failure_code(self, error: Exception) -> str:
        """Return the message of an error for Python, if it differs from that of the form, and the line that checks."""
        return "\n".join(part for part in (python_message(error), self.check_code if self.changes else "") if part)


class InvalidFields(InvalidInput):
    """Fields have values that cannot be sent; each field shows what is wrong with its own."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        """Keep the problems by the labels of their fields."""
        super().__init__(" ".join(problems.values()))
        self.labels = list(problems)


def not_sent_message(error: Exception) -> str:
    """Return why a job could not be made from the fields."""
    if isinstance(error, InvalidFields):
        fields = "the field marked in red" if len(error.labels) == 1 else "the fields marked in red"
        return f"Not sent. Correct {fields}: {', '.join(error.labels)}."
    return f"Not sent. {in_words(str(error))}" if isinstance(error, KVSError) else _bug_message(error)


def python_message(error: Exception) -> str:
    """Return the message of an error for Python as a comment, if the form shows other words; else an empty text."""
    message = str(error)
    is_same = not isinstance(error, KVSError) or isinstance(error, InvalidFields) or in_words(message) == message
    return "" if is_same else "\n".join(f"# {line}" for line in message.splitlines())


def _bug_message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}. This is a bug: please report it, with what you did."


class RunningJob:
    """A job from its click to its end.

    Attributes
    ----------
    job
        What was asked for.
    future
        The future of its result's value.
    stopped
        The event that Stop waiting, or the end of the form, sets.
    context
        The context of the click.
    reconciled
        What was found out about replies that were lost.
    """

    def __init__(self, job: Job, status: StatusLine, lock: threading.RLock) -> None:
        self.job = job
        self.future: Future[Any] = Future()
        self.stopped = threading.Event()
        self.context = contextvars.copy_context()
        self.reconciled: list[str] = []
        self._status = status
        self._lock = lock
        self._started = time.monotonic()

    @property
    def elapsed(self) -> str:
        """The seconds since the click, in words."""
        return f"{time.monotonic() - self._started:.1f} s"

    def update(self, change: Callable[[], object]) -> None:
        """Change what the form shows, unless the job was stopped: the form may show another channel by now.

        A load that another job waits for still updates the form: that job may need what was loaded.
        """
        with self._lock:
            if not self.stopped.is_set():
                change()

    def report(self, progress: str) -> None:
        """Show how far it is."""
        self.update(lambda: self._status.show(self.job.progress_message(progress)))

    def follow(
        self,
        row: pd.DataFrame,
        reached: Callable[[Mapping[str, Any]], bool],
        connection: Connection,
        *,
        change: str,
        until_gone: bool = False,
    ) -> pd.DataFrame:
        """Describe a channel once a second, and report its status, until it is reached or the job is stopped.

        ``change`` is what the service has accepted before, for the message of an error here.
        """
        channel = ChannelRef(row["channel_name"].item(), row["channel_arn"].item())

        def report_and_check(info: Mapping[str, Any]) -> bool:
            self.report(f"{channel.label} is {info.get('ChannelStatus')}.")
            return self.stopped.is_set() or reached(info)

        with mark_accepted(change):
            if until_gone:
                return wait_until_gone(channel, FOLLOW_TIMEOUT_SECONDS, connection, stop_when=report_and_check)
            return wait_until(channel, report_and_check, FOLLOW_TIMEOUT_SECONDS, connection, may_be_missing=True)
