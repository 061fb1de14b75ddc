"""Apply the changes of a plan in several accounts and regions in parallel, and stop without cutting a call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from kvs_notebook.aws.concurrency import progress_bar
from kvs_notebook.errors import KVSError, ReadOnly
from kvs_notebook.fleet.account_access import AccountAccess
from kvs_notebook.fleet.interrupts import defer_interrupts
from kvs_notebook.plans.account_region_run import AccountRegionRun
from kvs_notebook.plans.channel_change import ChannelChange
from kvs_notebook.plans.journal import Journal
from kvs_notebook.plans.limits import Limits

ACCOUNT_REGIONS = 8
"""Account-regions that are changed at a time: each has threads of its own."""

POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Monitor:
    """How another thread follows a run and stops it.

    Attributes
    ----------
    stop
        Set it to stop the run after the calls in flight.
    on_progress
        Called from threads of the run with the number of channels that were tried, and how many there are.
    """

    stop: threading.Event
    on_progress: Callable[[int, int], None] | None = None


class PlanRun:
    """One run of a plan, or of what an earlier run has left.

    Parameters
    ----------
    changes
        All changes of the plan.
    access
        The connections to its accounts.
    journal
        What is known of each step, and where more is recorded.
    limits
        The limits of the run.
    monitor
        How another thread follows and stops the run; None if none does.

    Attributes
    ----------
    interrupted
        Whether Ctrl-C, or the monitor, has ended the run early.
    """

    def __init__(
        self,
        changes: Sequence[ChannelChange],
        access: AccountAccess,
        journal: Journal,
        limits: Limits,
        monitor: Monitor | None = None,
    ) -> None:
        self.interrupted = False
        self._access = access
        self._journal = journal
        self._limits = limits
        self._is_followed = monitor is not None
        self._monitor = monitor or Monitor(threading.Event())
        self._failed = threading.Event()
        self._interrupts = threading.Event()
        self._tried = 0
        self._lock = threading.Lock()
        self._units: list[AccountRegionRun] = []
        self._unreached: list[ChannelChange] = []
        self._group(changes)
        self._total = sum(unit.waiting for unit in self._units)

    def _group(self, changes: Sequence[ChannelChange]) -> None:
        by_place: dict[tuple[str, str], list[ChannelChange]] = {}
        for change in changes:
            by_place.setdefault((change.account_id, change.region), []).append(change)
        for (account_id, region), there in by_place.items():
            connection = self._access.connect(account_id, region)
            if connection is None:
                self._unreached += there
            else:
                self._units.append(
                    AccountRegionRun(
                        connection,
                        there,
                        self._journal,
                        self._limits,
                        run_is_stopped=self._is_stopped,
                        on_change=self._count_channel,
                    )
                )

    def check(self, line: str) -> None:
        """Check that every connection may change something, and the share of the channels that are deleted.

        Raises
        ------
        ReadOnly
            If a connection may change nothing; ``line`` is the call that allows it.
        InvalidInput
            If more would be deleted than the limits allow.
        """
        for unit in self._units:
            if not unit.connection.may_change():
                raise ReadOnly(
                    f"Nothing was sent: the connection to account {unit.label} is read-only. To allow changes: {line}"
                )
        for unit in self._units:
            unit.check_share()

    def execute(self) -> None:
        """Apply the changes; the first Ctrl-C lets calls in flight finish, the second one leaves them unknown.

        Raises
        ------
        ExportFailed
            If the journal cannot be written; nothing is sent after that.
        """
        with (
            defer_interrupts() as self._interrupts,
            progress_bar(self._total, "Applying", "channel", quiet=self._is_followed) as bar,
        ):
            pool = ThreadPoolExecutor(ACCOUNT_REGIONS, thread_name_prefix="kvs-apply-region")
            futures = [pool.submit(unit.run) for unit in self._units]
            try:
                self._wait(futures, bar.update)
            except KeyboardInterrupt:  # the second one, or of another thread
                self._abandon()
            except BaseException:  # a signal that ends the process, or a journal that cannot be written
                self._abandon()
                raise
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        self.interrupted = self._interrupts.is_set() or self._monitor.stop.is_set()

    def _wait(self, futures: Sequence[Future[None]], show: Callable[[int], object]) -> None:
        running, shown = set(futures), 0
        while running:
            ended, running = wait(running, POLL_SECONDS, FIRST_EXCEPTION)
            tried = self._tried
            show(tried - shown)
            shown = tried
            if any(future.exception() for future in ended):
                self._failed.set()
        for future in futures:
            future.result()

    def _abandon(self) -> None:
        """Leave the calls in flight: their steps stay started in the journal, and resume_plan() settles them."""
        self._interrupts.set()
        self._journal.close()
        for unit in self._units:
            unit.connection.stop(KVSError("Interrupted before it was sent.", code="Interrupted"))

    def _is_stopped(self) -> bool:
        return self._interrupts.is_set() or self._monitor.stop.is_set() or self._failed.is_set()

    def _count_channel(self) -> None:
        with self._lock:
            self._tried += 1
        if self._monitor.on_progress is not None:
            self._monitor.on_progress(self._tried, self._total)

    # --- outcome

    def reasons(self) -> Mapping[int, str]:
        """Return why steps were not started, by their number."""
        found = {
            number: self._access.reason_without(change.account_id)
            for change in self._unreached
            for number in change.numbers
        }
        for unit in self._units:
            for change in unit.changes:
                found |= dict.fromkeys(change.numbers, unit.not_started_reason(change))
        return found

    def notes(self) -> list[str]:
        """Return the notes of the run: which account-regions were stopped, or could not be verified."""
        found = [f"{unit.label}: {why}" for unit in self._units for why in (unit.stop_reason, unit.not_verified) if why]
        missing = dict.fromkeys(change.account_id for change in self._unreached)
        return found + [self._access.reason_without(account_id) for account_id in missing]
