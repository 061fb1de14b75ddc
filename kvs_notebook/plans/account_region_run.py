"""Apply the changes of one account and region: a few channels first, then the others concurrently, then verify all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.listing import channel_infos
from kvs_notebook.errors import (
    AccessDenied,
    ExpiredCredentials,
    ExportFailed,
    KVSError,
    MissingExtra,
    NoCredentials,
    WrongConnection,
)
from kvs_notebook.formatting import format_count
from kvs_notebook.plans.channel_applier import ChannelApplier
from kvs_notebook.plans.channel_change import ChannelChange
from kvs_notebook.plans.journal import Journal
from kvs_notebook.plans.limits import Limits
from kvs_notebook.plans.step_records import FAILED, UNKNOWN
from kvs_notebook.plans.verification import Verifier

THREADS = 16
"""Channels that are changed at a time: each waits for three replies, and for the rate limit of each call."""

PAUSING = (AccessDenied, ExpiredCredentials, NoCredentials, MissingExtra, WrongConnection)
"""Errors after which no further call of an account and region can succeed."""

_logger = logging.getLogger(__name__)


class AccountRegionRun:
    """Apply the changes of one account and region.

    Parameters
    ----------
    connection
        The account and region.
    changes
        What to change there.
    journal
        Where each step is recorded.
    limits
        The limits of the run.
    run_is_stopped
        Returns whether the whole run was stopped.
    on_change
        Called after each channel.

    Attributes
    ----------
    stop_reason
        Why no further change was sent, as a sentence; None if all were.
    not_verified
        Why the changes could not be verified, as a sentence; None if they were.
    """

    def __init__(
        self,
        connection: Connection,
        changes: Sequence[ChannelChange],
        journal: Journal,
        limits: Limits,
        *,
        run_is_stopped: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        self.connection = connection
        self.changes = changes
        self.stop_reason: str | None = None
        self.not_verified: str | None = None
        self._journal = journal
        self._limits = limits
        self._run_is_stopped = run_is_stopped
        self._on_change = on_change
        self._failures = 0
        self._waiting = [change for change in changes if self._is_open(change)]
        self._lock = threading.Lock()
        self._applier = ChannelApplier(connection, journal, self.is_stopped)
        self._verifier = Verifier(connection, journal, run_is_stopped)

    @property
    def label(self) -> str:
        """The account and region as messages name them."""
        return f"{self.changes[0].account_id} {self.changes[0].region}"

    @property
    def waiting(self) -> int:
        """The number of channels that this run is to change."""
        return len(self._waiting)

    def is_stopped(self) -> bool:
        """Return whether no further change may be sent."""
        return self.stop_reason is not None or self._run_is_stopped()

    def check_share(self) -> None:
        """List the channels if some are to be deleted, and compare the share with the limit.

        Raises
        ------
        InvalidInput
            If it is a larger share than allowed.
        """
        deleted = [each.channel_name for each in self._waiting if each.deletes]
        if deleted:
            try:
                infos = channel_infos(None, self.connection)
            except KVSError as error:
                self.stop(f"Stopped because its channels could not be listed: {error}")
                return
            names = {info["ChannelName"] for info in infos if info.get("ChannelStatus") != "DELETING"}
            deletes = len(names.intersection(deleted))  # a run that was killed may have deleted some of them
            self._limits.check_share(deletes, len(names), self.label)

    def run(self) -> None:
        """Apply the changes that are not settled, then verify those that are done.

        Raises
        ------
        ExportFailed
            If the journal cannot be written; nothing is sent after that.
        """
        first, others = self._waiting[: self._limits.canary], self._waiting[self._limits.canary :]
        if self._apply(first) and self._check_first(first):
            self._apply(others)
        if not self._run_is_stopped():
            self._verify()

    def stop(self, reason: str) -> None:
        """Send no further change; the first reason is kept."""
        with self._lock:
            if self.stop_reason is None:
                self.stop_reason = reason
                _logger.warning("Stopped applying in %s", self.label)

    def _is_open(self, change: ChannelChange) -> bool:
        return not all(map(self._journal.is_settled, change.numbers))

    def _apply(self, changes: Sequence[ChannelChange]) -> bool:
        """Apply changes concurrently, and return whether the next ones may follow."""
        if changes and not self.is_stopped():
            with ThreadPoolExecutor(min(THREADS, len(changes)), thread_name_prefix="kvs-apply") as pool:
                futures = [pool.submit(self._apply_one, change) for change in changes]
                ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
                if any(future.exception() for future in ended):
                    pool.shutdown(wait=False, cancel_futures=True)
            for future in ended:
                future.result()
        return not self.is_stopped()

    def _apply_one(self, change: ChannelChange) -> None:
        if self.is_stopped():
            return
        error = self._applier.apply(change)
        if error is not None:
            self._count_failure(error)
        self._on_change()

    def _count_failure(self, error: KVSError) -> None:
        with self._lock:
            self._failures += 1
        if isinstance(error, PAUSING):
            self.stop(f"Paused: {error}")
        elif self._failures >= self._limits.stop_after:
            self.stop(f"Stopped after {format_count(self._failures, 'channel')} failed; the last one: {error}")

    def _check_first(self, first: Sequence[ChannelChange]) -> bool:
        """Return whether the first channels were changed as planned; a conflict of one is its own."""
        if self._failures:
            self.stop(f"Stopped because {self._failures} of the first {format_count(len(first), 'channel')} failed.")
            return False
        try:
            if self._verifier.verify_each(first):
                return not self.is_stopped()
            self.stop("Stopped because a change of the first channels was accepted, and is not there.")
        except ExportFailed:
            raise
        except KVSError as error:
            self.stop(f"Stopped because the first channels could not be verified: {error}")
        return False

    def _verify(self) -> None:
        try:
            self._verifier.verify_all(self.changes)
        except ExportFailed:
            raise
        except KVSError as error:
            self.not_verified = f"Not verified: {error}"

    def not_started_reason(self, change: ChannelChange) -> str:
        """Return why steps of a channel were not started."""
        if any(self._journal.record(number).outcome in (FAILED, UNKNOWN) for number in change.numbers):
            return "Not sent, because another step of the channel failed."
        return self.stop_reason or "Interrupted before it was sent."
