"""Read account-regions on a pool, a bounded number at a time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event

from tqdm.auto import tqdm

from kvs_notebook.aws.concurrency import PROGRESS_AFTER_SECONDS
from kvs_notebook.errors import (
    EndpointUnreachable,
    ExpiredCredentials,
    KVSError,
)
from kvs_notebook.fleet.account_region import Origin, Reader, Reading, Unit, read, unforeseen, unread
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.credential_failures import Expiry, warn_of_end

THREADS = 32
"""Units that are read side by side on threads: they wait for the network most of the time."""


WINDOW = 128
"""Units that an executor has under way or done at most: its queue does not grow with the fleet."""


UNIT_TIMEOUT = 300.0


LOOK_SECONDS = 0.5


@contextmanager
def open_pool(executor: Executor | None, units: int) -> Iterator[Executor]:
    """Yield the executor that was given, else one of threads, whose hanging calls are not waited for at the end."""
    if executor is not None:
        yield executor
        return
    # Room for every unit, of which no more than THREADS are under way: one that hangs keeps its thread from nobody.
    pool = ThreadPoolExecutor(THREADS + units, thread_name_prefix="kvs-inventory")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # what hangs is not waited for


class Collector:
    """Read units on a pool, a bounded number at a time."""

    def __init__(
        self,
        units: Sequence[Unit],
        origin: Origin,
        expiry: Expiry,
        pool: Executor,
        *,
        patience: float | None,
        interrupted: Event,
    ) -> None:
        self._waiting = deque(units)
        self._left = Counter(unit.account for unit in units)
        self._running: dict[Future[Reading], Reader] = {}
        self._origin = origin
        self._expiry = expiry
        self._pool = pool
        self._patience = patience
        self._interrupted = interrupted
        self._window = WINDOW if patience is None else THREADS

    def readings(self) -> Iterator[Reading]:
        """Give each unit's reading as it comes; after Ctrl-C, that of each one left says so."""
        total = len(self._waiting)
        with tqdm(total=total, desc="Inventory", unit="unit", delay=PROGRESS_AFTER_SECONDS, leave=False) as bar:
            channels = throttles = 0
            try:
                while (self._waiting or self._running) and not self._interrupted.is_set():
                    for reading in self._step():
                        channels += reading.coverage["channels"]
                        throttles += reading.coverage["throttles"]
                        bar.set_postfix(channels=channels, throttles=throttles, refresh=False)
                        bar.update()
                        yield reading
            except KeyboardInterrupt:  # where it could not be held back
                self._interrupted.set()
            yield from self._given_up()

    def _step(self) -> Iterator[Reading]:
        while self._waiting and len(self._running) < self._window:
            unit = self._waiting.popleft()
            refused = self._expiry.of(unit.account)
            if refused is not None:
                self._read_one_of(unit.account)
                yield _unread(unit, refused)
            else:
                try:
                    self._begin(Reader(unit, self._origin))
                except Exception as error:  # noqa: BLE001 - as an executor does that has broken down
                    self._read_one_of(unit.account)
                    yield _unread(unit, unforeseen(error))
        done, _ = wait(self._running, LOOK_SECONDS, FIRST_COMPLETED)
        for future in done:
            unit = self._running.pop(future).unit
            self._read_one_of(unit.account)
            yield self._taken(future, unit)
        if self._patience is not None:
            yield from self._overdue(self._patience)

    def _begin(self, reader: Reader) -> None:
        """Read a unit here, where it can be stopped, or send it to the executor's workers, where it can't."""
        here = self._patience is not None
        future = self._pool.submit(reader.read) if here else self._pool.submit(read, reader.unit, self._origin)
        self._running[future] = reader

    def _taken(self, future: Future[Reading], unit: Unit) -> Reading:
        try:
            reading = future.result()
        except Exception as error:  # noqa: BLE001 - whatever an executor says of a worker that was lost, or of a bug
            return _unread(unit, unforeseen(error))
        if reading.refused:
            why = reading.coverage["message"]
            ended = self._expiry.note(unit.account, ExpiredCredentials(why, code=reading.coverage["error_code"]))
            if ended is not None:
                warn_of_end(ended, why)
        return reading

    def _read_one_of(self, account: Account) -> None:
        """Let go of an account's session with its last unit."""
        self._left[account] -= 1
        if not self._left[account]:
            self._origin.forget(account)

    def _overdue(self, patience: float) -> Iterator[Reading]:
        for future, reader in [*self._running.items()]:
            if reader.silent_for > patience and not future.done():
                del self._running[future]
                self._read_one_of(reader.unit.account)
                yield reader.stop(
                    EndpointUnreachable(
                        f"No answer for {patience:g} s: given up. Read it again by itself.", code="TimedOut"
                    )
                )

    def _given_up(self) -> Iterator[Reading]:
        running, waiting = [*self._running.items()], [*self._waiting]
        self._running.clear()
        self._waiting.clear()
        why = KVSError("Interrupted before it was read.", code="Interrupted")
        for future, reader in running:
            if future.cancel() or not future.done():
                yield reader.stop(why)
            else:
                yield self._taken(future, reader.unit)
        for unit in waiting:
            yield _unread(unit, why)


def _unread(unit: Unit, problem: KVSError) -> Reading:
    return Reading([], {}, unread(unit.account_id, unit.region, problem))
