"""Inventory: the channels of many accounts in many regions, with an honest account of what was not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.validation import check_channel_name
from kvs_notebook.dataframes.builders import channels_frame, rows_frame, tags_frame
from kvs_notebook.dataframes.files import File, open_output, to_csv, to_parquet
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TAGS
from kvs_notebook.dataframes.tag_pivot import join_tags
from kvs_notebook.errors import (
    InvalidInput,
    InventoryIncomplete,
)
from kvs_notebook.fleet.account_region import Origin
from kvs_notebook.fleet.accounts import AccountsFile, accounts_of, regions_asked
from kvs_notebook.fleet.collector import UNIT_TIMEOUT, Collector, open_pool
from kvs_notebook.fleet.credential_failures import Expiry
from kvs_notebook.fleet.discovery import units_of
from kvs_notebook.fleet.frame_buffer import Pile
from kvs_notebook.fleet.interrupts import held_back
from kvs_notebook.formatting import format_value

TAGS_BY = ("bulk", "each", "none")


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
        wide = join_tags(self.channels, self.tags)
        if self.account_names:
            names = wide["account_id"].map(self.account_names).astype("str")
            wide.insert(1, "account_name", names)
        return wide

    def to_csv(self, path: File) -> None:
        """Write the wide frame to ``NAME.csv``, as to_csv() does, and coverage beside it to ``NAME-coverage.csv``."""
        with open_output(path, "w") as table, open_output(coverage_path(path), "w") as beside:  # both or none
            to_csv(self.table(), table)
            to_csv(self.coverage, beside)
            table.flush()

    def to_parquet(self, path: File) -> None:
        """Write the wide frame as Parquet, and coverage beside it to ``NAME-coverage.parquet``."""
        with open_output(path, "wb") as table, open_output(coverage_path(path), "wb") as beside:
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
    >>> sandbox = kvs.use_sandbox(clock="stepped")
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
        raise InvalidInput(f"tags={format_value(tags)}: choose one of {', '.join(map(repr, TAGS_BY))}.")
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
        with open_pool(executor, len(units)) as pool:
            run = Collector(units, elsewhere or local, expiry, pool, patience=patience, interrupted=interrupted)
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
        raise InvalidInput(f"unit_timeout={format_value(unit_timeout)}: give seconds above 0.")


# --- reading them


def _long_tags(pairs: Sequence[tuple[str, Mapping[str, str]]]) -> pd.DataFrame:
    return tags_frame(dict(pairs))


def _in_order(coverage: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(coverage, key=lambda row: (row["account_id"] or "", row["region"] or ""))
