"""Inventory: the channels of many accounts in many regions, with an honest account of what was not read."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.rate_limit import PROGRESS_AFTER_SECONDS
from kvs_notebook.aws.validation import check_channel_name, shown
from kvs_notebook.dataframes.files import File, opened, to_csv, to_parquet
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TAGS, channels_frame, rows_frame, tags_frame, with_tags
from kvs_notebook.errors import (
    EndpointUnreachable,
    ExpiredCredentials,
    InvalidInput,
    InventoryIncomplete,
    KVSError,
)
from kvs_notebook.fleet.account_region import Origin, Reader, Reading, Unit, read, unforeseen, unread
from kvs_notebook.fleet.accounts import Account, AccountsFile, accounts_of, regions_asked
from kvs_notebook.fleet.credential_failures import Expiry, warn_of_end
from kvs_notebook.fleet.discovery import units_of
from kvs_notebook.fleet.frame_buffer import Pile
from kvs_notebook.fleet.interrupts import held_back

TAGS_BY = ("bulk", "each", "none")
THREADS = 32
"""Units that are read side by side on threads: they wait for the network most of the time."""

WINDOW = 128
"""Units that an executor has under way or done at most: its queue does not grow with the fleet."""

UNIT_TIMEOUT = 300.0
LOOK_SECONDS = 0.5


class Inventory:
    """What was read, and what was not.

    Attributes
    ----------
    channels
        The channels frame of all units.
    tags
        The long tags frame of all units.
    coverage
        One row per account and region: account_id, region, status (ok, denied, region_disabled, throttled, expired, error),
        error_code, message, tags_source (bulk, each, none, failed), channels, calls, throttles, retries, seconds.
    account_names
        The name of each account, where it is known.
    prefix
        What the names of its channels begin with, where only those were asked for.
    """

    def __init__(
        self,
        channels: pd.DataFrame,
        tags: pd.DataFrame,
        coverage: pd.DataFrame,
        account_names: Mapping[str, str] | None = None,
        prefix: str | None = None,
    ) -> None:
        self.channels = channels
        self.tags = tags
        self.coverage = coverage
        self.account_names = dict(account_names or {})
        self.prefix = prefix

    def __repr__(self) -> str:
        read_well = int((self.coverage["status"] == "ok").sum())
        return f"<Inventory: {len(self.channels)} channels, {read_well} of {len(self.coverage)} units read>"

    def table(self) -> pd.DataFrame:
        """Give the wide frame: channels, account_name where one is known, and a ``tag:<key>`` column for each key."""
        wide = with_tags(self.channels, self.tags)
        if self.account_names:
            names = wide["account_id"].map(self.account_names).astype("str")
            wide.insert(1, "account_name", names)
        return wide

    def to_csv(self, path: File) -> None:
        """Write the wide frame to ``NAME.csv``, as to_csv() does, and coverage beside it to ``NAME-coverage.csv``."""
        with opened(path, "w") as table, opened(coverage_path(path), "w") as beside:  # both or none
            to_csv(self.table(), table)
            to_csv(self.coverage, beside)
            table.flush()

    def to_parquet(self, path: File) -> None:
        """Write the wide frame as Parquet, and coverage beside it to ``NAME-coverage.parquet``."""
        with opened(path, "wb") as table, opened(coverage_path(path), "wb") as beside:
            to_parquet(self.table(), table)
            to_parquet(self.coverage, beside)
            table.flush()

    @property
    def gaps(self) -> pd.DataFrame:
        """The rows of coverage that name a gap: a unit that was not read, or its tags were not."""
        unread_units = ~self.coverage["status"].isin(["ok", "region_disabled"])
        return self.coverage[unread_units | (self.coverage["tags_source"] == "failed")].reset_index(drop=True)

    def raise_for_failures(self) -> None:
        """Raise InventoryIncomplete where there is a gap; a region that the account has not enabled is none."""
        gaps = self.gaps
        if gaps.empty:
            return
        named = [
            f"{place_of(row)}: {row['status'] if row['status'] != 'ok' else 'tags'} ({row['message']})"
            for row in gaps.head(5).to_dict("records")
        ]
        more = f" and {len(gaps) - 5} more" if len(gaps) > 5 else ""  # noqa: PLR2004 - as many as are named
        raise InventoryIncomplete(f"{len(gaps)} of {len(self.coverage)} units have a gap: {'; '.join(named)}{more}")


def place_of(row: Mapping[Any, Any]) -> str:
    """Name the unit of a row of coverage: of an account that let nobody in no region is known, of some not even the id."""
    known = [row[column] for column in ("account_id", "region") if isinstance(row[column], str)]
    return " ".join(known) or "an account"


def coverage_path(path: File) -> Path:
    """Give the file that coverage is written to, beside that of the table."""
    table = Path(path)
    return table.with_name(f"{table.stem}-coverage{table.suffix}")


def inventory(
    *,
    profiles: Iterable[str] | None = None,
    role_arns: Iterable[str] | None = None,
    external_id: str | None = None,
    accounts: AccountsFile | None = None,
    regions: Iterable[str] | str | None = None,
    prefix: str | None = None,
    tags: str = "bulk",
    executor: Executor | None = None,
    unit_timeout: float = UNIT_TIMEOUT,
    connection: Connection | None = None,
) -> Inventory:
    """Read the channels of many accounts in many regions, side by side, and say what was not read.

    Parameters
    ----------
    profiles
        AWS profiles, each a way into one account.
    role_arns
        Roles that the connection's identity may assume, each in one account; session name ``kvs-notebook``.
    external_id
        What those roles ask for, where they do.
    accounts
        A CSV file or a frame with account_id, role_arn or profile, account_name, external_id. Where none of these three is given,
        it is the connection's own account.
    regions
        Region codes; ``"all"`` takes those that the account has enabled, where it may say so (account:ListRegions), else all that
        botocore knows in the connection's partition (public AWS, GovCloud, China, ...); None takes the connection's region.
    prefix
        Only channels whose name begins with this.
    tags
        ``"bulk"`` reads them with the Resource Groups Tagging API, 100 channels a call, and channel by channel where that
        fails, or finds nothing although one of five channels that are asked for their tags has some; ``"each"`` channel by
        channel; ``"none"`` not at all.
    executor
        A concurrent.futures executor to read the units on, in place of threads: Dask's
        ``Client.get_executor(pure=False)``, for one. What is sent there names profiles and roles, never credentials.
    unit_timeout
        Seconds without an answer after which a unit is given up; channels that were listed are kept, without tags. No further
        call is made for it; the one that hangs ends by itself, after 30 s and three attempts. Asking the accounts who they are,
        before, is not counted. On an executor, which may keep a unit in a queue, there is no such end.
    connection
        Where roles are assumed from; None takes the current connection.

    Returns
    -------
    Inventory
        ``.channels``, ``.tags``, ``.coverage`` (frames), ``.table()``, ``.to_csv(path)``, ``.raise_for_failures()``.

    Raises
    ------
    InvalidInput
        For what cannot be meant; nothing was sent.

    Notes
    -----
    One unit's failure never stops the others: look at ``.coverage``, or call ``.raise_for_failures()``. Nothing more is
    asked with keys that have expired, and one warning says so: those of a profile, of a role, or those that the roles are assumed
    with, which ends all roles. Ctrl-C ends the run and gives what was read so far. Spends, for each unit, one
    ListSignalingChannels call per 1,000 channels, and for the tags one GetResources call per 100 tagged channels or one
    ListTagsForResource call per channel, which five are spent on where GetResources finds nothing; for each account one
    GetCallerIdentity call, one more for each region or role that refuses its keys, and an AssumeRole call per hour.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="lesson")
    >>> _ = sandbox.seed()
    >>> fleet = kvs.inventory(regions=["us-east-1", "eu-west-1"])
    >>> fleet.coverage[["region", "status", "tags_source", "channels"]]
          region status tags_source  channels
    0  eu-west-1     ok        bulk         9
    1  us-east-1     ok        bulk        11
    """
    base = current_connection(connection)
    _check_unit_timeout(unit_timeout)
    if tags not in TAGS_BY:
        raise InvalidInput(f"tags={shown(tags)}: choose one of {', '.join(map(repr, TAGS_BY))}.")
    wanted = regions_asked(regions)
    if prefix is not None:
        check_channel_name(prefix)
    elsewhere = None if executor is None else Origin.elsewhere(base)
    asked = accounts_of(profiles, role_arns, external_id, accounts)
    local = Origin(base.profile, base.region, base.endpoint_url, base)
    expiry = Expiry(local)
    patience = unit_timeout if executor is None else None
    with held_back() as interrupted:
        units, coverage, names = units_of(asked, expiry, wanted, prefix, tags, interrupted=interrupted)
        channels, long_tags = Pile(channels_frame, CHANNELS), Pile(_long_tags, TAGS)
        with _pool(executor, len(units)) as pool:
            run = _Run(units, elsewhere or local, expiry, pool, patience=patience, interrupted=interrupted)
            for reading in run.readings():
                channels.put(reading.channels)
                long_tags.put(reading.tags.items())
                coverage.append(reading.coverage)
    return Inventory(
        channels.whole(),
        long_tags.whole(),
        rows_frame([tuple(row[column] for column in COVERAGE) for row in _in_order(coverage)], COVERAGE),
        names,
        prefix,
    )


def _check_unit_timeout(unit_timeout: object) -> None:
    if not isinstance(unit_timeout, (int, float)) or not unit_timeout > 0:
        raise InvalidInput(f"unit_timeout={shown(unit_timeout)}: give seconds above 0.")


# --- reading them


@contextmanager
def _pool(executor: Executor | None, units: int) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    # Room for every unit, of which no more than THREADS are under way: one that hangs keeps its thread from nobody.
    pool = ThreadPoolExecutor(THREADS + units, thread_name_prefix="kvs-inventory")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # what hangs is not waited for


class _Run:
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


def _long_tags(pairs: Sequence[tuple[str, Mapping[str, str]]]) -> pd.DataFrame:
    return tags_frame(dict(pairs))


def _in_order(coverage: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(coverage, key=lambda row: (row["account_id"] or "", row["region"] or ""))
