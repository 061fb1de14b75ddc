"""Read account-regions on threads or on an executor, a bounded number at a time."""

from __future__ import annotations

import logging
import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain, groupby
from operator import attrgetter
from threading import Event
from typing import Any

from kvs_notebook.aws.concurrency import progress_bar
from kvs_notebook.errors import EndpointUnreachable, ExpiredCredentials, KVSError, NoCredentials, to_kvs_error
from kvs_notebook.fleet.account_region import (
    AccountRegion,
    AccountRegionReader,
    AccountRegionResult,
    read_account_regions,
)
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory
from kvs_notebook.fleet.coverage import NO_CREDENTIALS, unread_row
from kvs_notebook.fleet.credential_failures import CredentialFailures, warn_of_end

_logger = logging.getLogger(__name__)

THREADS = 32
"""Account-regions that are read at a time on threads, which wait for the network most of the time."""

WINDOW = 32
"""Tasks that are submitted to an executor at a time, so that its queue does not grow with the fleet."""

FEWEST_TASKS = 16
"""Tasks that a fleet is divided into, if it has that many account-regions, so that all of a few workers have something to do."""

LARGEST_BATCH = 24
"""The most account-regions that one task of an executor reads, all of one account, on its own threads. A task costs Dask 10 ms
of CPU, as much as one account-region; each worker that reads an account assumes its role. An account has about 17 regions."""

UNIT_TIMEOUT = 300.0
POLL_SECONDS = 0.5


@contextmanager
def open_pool(executor: Executor | None, account_regions: int) -> Iterator[Executor]:
    """Yield the caller's executor, else one of threads that is shut down without waiting for calls that hang."""
    if executor is not None:
        yield executor
        return
    # More threads than are used at a time: an account-region that was given up keeps its thread until its call ends.
    pool = ThreadPoolExecutor(THREADS + account_regions, thread_name_prefix="kvs-inventory")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class Collector:
    """Read account-regions on a pool and yield their results as they come.

    Parameters
    ----------
    account_regions
        What to read.
    connections
        What the readers connect with: a factory of this process for threads, one for workers on an executor.
    failures
        Which credentials were refused.
    pool
        Threads or an executor.
    timeout
        Seconds without a reply after which an account-region is given up; None on an executor, whose readers cannot be stopped.
    interrupted
        Set when the user has interrupted the inventory.
    """

    def __init__(
        self,
        account_regions: Sequence[AccountRegion],
        connections: ConnectionFactory,
        failures: CredentialFailures,
        pool: Executor,
        *,
        timeout: float | None,
        interrupted: Event,
    ) -> None:
        self._total = len(account_regions)
        largest = 1 if timeout is not None else min(LARGEST_BATCH, math.ceil(self._total / FEWEST_TASKS))
        self._waiting = deque(_batches(account_regions, largest))
        self._unfinished = Counter(each.account for each in account_regions)
        self._running: dict[Future[list[AccountRegionResult]], list[AccountRegionReader]] = {}
        self._connections = connections
        self._failures = failures
        self._pool = pool
        self._timeout = timeout
        self._interrupted = interrupted
        self._window = WINDOW if timeout is None else THREADS

    def results(self) -> Iterator[AccountRegionResult]:
        """Yield the result of each account-region; after an interrupt, those that were not read say so."""
        with progress_bar(self._total, "Inventory", "account-region") as bar:
            channels = throttles = 0
            try:
                while (self._waiting or self._running) and not self._interrupted.is_set():
                    for result in self._step():
                        channels += result.coverage["channels"]
                        throttles += result.coverage["throttles"]
                        bar.set_postfix(channels=channels, throttles=throttles, refresh=False)
                        bar.update()
                        yield result
            except KeyboardInterrupt:  # not deferred: another thread, or the second Ctrl-C
                self._interrupted.set()
            yield from self._abandon()

    def _step(self) -> Iterator[AccountRegionResult]:
        """Start as many readers as fit, wait a moment for the first to finish, and yield what has ended."""
        while self._waiting and len(self._running) < self._window:
            yield from self._start_batch()
        done, _ = wait(self._running, POLL_SECONDS, FIRST_COMPLETED)
        for future in done:
            yield from self._finish(future, self._running.pop(future))
        if self._timeout is not None:
            yield from self._give_up_overdue(self._timeout)

    def _start_batch(self) -> Iterator[AccountRegionResult]:
        """Start reading; yield at once the results of what is not read: credentials have ended, or the executor fails."""
        readers = []
        for account_region in self._waiting.popleft():
            error = self._failures.error_of(account_region.account)
            if error is None:
                readers.append(AccountRegionReader(account_region, self._connections, self._timeout))
            else:
                yield self._unread(account_region, error)
        try:
            if readers:
                self._running[self._submit(readers)] = readers
        except Exception as error:  # noqa: BLE001 - an executor may raise any error
            for reader in readers:
                yield self._unread(reader.account_region, _executor_error(reader.account_region, error))

    def _submit(self, readers: list[AccountRegionReader]) -> Future[list[AccountRegionResult]]:
        """Submit readers, or the data from which a worker process creates them."""
        if self._timeout is not None:
            return self._pool.submit(lambda: [reader.read() for reader in readers])
        return self._pool.submit(read_account_regions, [reader.account_region for reader in readers], self._connections)

    def _finish(
        self, future: Future[list[AccountRegionResult]], readers: list[AccountRegionReader]
    ) -> Iterator[AccountRegionResult]:
        error = _error_of(future)
        if error is not None:
            for reader in readers:
                yield self._unread(reader.account_region, _executor_error(reader.account_region, error))
            return
        for reader, result in zip(readers, future.result(), strict=True):
            self._count_finished(reader.account_region.account)
            if result.credentials_refused:
                self._note_refusal(reader.account_region.account, result.coverage)
            yield result

    def _note_refusal(self, account: Account, row: Mapping[str, Any]) -> None:
        refusal = NoCredentials if row["status"] == NO_CREDENTIALS else ExpiredCredentials
        ended = self._failures.record(account, refusal(row["message"], code=row["error_code"]), has_begun=True)
        if ended is not None:
            warn_of_end(ended, row["message"])

    def _unread(self, account_region: AccountRegion, error: KVSError) -> AccountRegionResult:
        self._count_finished(account_region.account)
        return _unread_result(account_region, error)

    def _count_finished(self, account: Account) -> None:
        """Release an account's session after its last account-region."""
        self._unfinished[account] -= 1
        if not self._unfinished[account]:
            self._connections.release(account)

    def _give_up_overdue(self, timeout: float) -> Iterator[AccountRegionResult]:
        for future, [reader] in [*self._running.items()]:
            if reader.seconds_since_reply > timeout and not future.done():
                where = reader.account_region
                _logger.warning(
                    "Gave up account %s, region %s: no reply for %g s", where.account_id, where.region, timeout
                )
                del self._running[future]
                self._count_finished(where.account)
                error = EndpointUnreachable(
                    f"No reply for {timeout:g} s, given up. Read this account and region again, or increase unit_timeout=.",
                    code="TimedOut",
                )
                yield reader.stop(error)

    def _abandon(self) -> Iterator[AccountRegionResult]:
        """Yield a result for all that has not finished when the inventory is interrupted."""
        running, waiting = [*self._running.items()], [*chain.from_iterable(self._waiting)]
        self._running.clear()
        self._waiting.clear()
        error = KVSError("Interrupted before it was read.", code="Interrupted")
        for future, readers in running:
            if future.cancel() or not future.done():
                yield from (reader.stop(error) for reader in readers)
            else:
                yield from self._finish(future, readers)
        for account_region in waiting:
            yield _unread_result(account_region, error)


def _batches(account_regions: Iterable[AccountRegion], largest: int) -> Iterator[list[AccountRegion]]:
    """Yield account-regions of one account, as evenly divided as possible, of which none has more than ``largest``."""
    for _, of_account in groupby(account_regions, attrgetter("account")):
        regions = [*of_account]
        count = math.ceil(len(regions) / largest)
        for number in range(count):
            yield regions[number::count]


def _unread_result(account_region: AccountRegion, error: KVSError) -> AccountRegionResult:
    return AccountRegionResult([], {}, unread_row(account_region.account_id, account_region.region, error))


def _error_of(future: Future[Any]) -> BaseException | None:
    """Return the error of a reader, None if it has succeeded; a program of the user's configuration may raise SystemExit."""
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _executor_error(account_region: AccountRegion, error: BaseException) -> KVSError:
    where = account_region
    _logger.warning("Reading account %s, region %s failed: %s", where.account_id, where.region, type(error).__name__)
    return to_kvs_error(error)
