"""Read the channels and tags of many accounts and regions into one Inventory."""

from __future__ import annotations

import html
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import IO, Any, NoReturn

import pandas as pd

from kvs_notebook.arguments import check_path, check_seconds
from kvs_notebook.aws.assume_role import RoleSession
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection, for_profile
from kvs_notebook.aws.regions import FIRST_REGION, partition_of
from kvs_notebook.aws.validation import check_channel_name
from kvs_notebook.dataframes.builders import channels_frame, tags_frame
from kvs_notebook.dataframes.files import File, byte_order_mark, csv_lines, open_output, to_parquet
from kvs_notebook.dataframes.schemas import CHANNELS, FAILED, TAGS, order_columns
from kvs_notebook.dataframes.tag_pivot import join_tags
from kvs_notebook.dataframes.workbook import write_sheets
from kvs_notebook.errors import InvalidInput, InventoryIncomplete, NoCredentials, NoRegion
from kvs_notebook.fleet.account_region import AccountRegionResult
from kvs_notebook.fleet.accounts import ALL_REGIONS, OWN_ACCOUNT, AccountsFile, accounts_to_read, check_names
from kvs_notebook.fleet.collector import UNIT_TIMEOUT, Collector, open_pool
from kvs_notebook.fleet.connection_factory import ConnectionFactory
from kvs_notebook.fleet.coverage import (
    AccountRegionKey,
    account_region_keys,
    coverage_frame,
    gaps_of,
    row_label,
    unread_row,
)
from kvs_notebook.fleet.credential_failures import CredentialFailures
from kvs_notebook.fleet.discovery import discover_account_regions
from kvs_notebook.fleet.frame_buffer import FrameBuffer
from kvs_notebook.fleet.interrupts import defer_interrupts
from kvs_notebook.fleet.region_selection import check_regions
from kvs_notebook.formatting import format_count, format_value, printable_lines
from kvs_notebook.keyword_hints import with_method_hints

_logger = logging.getLogger(__name__)

TAG_MODES = ("bulk", "each", "none")
MAX_GAPS_NAMED = 5

SHOWN = ["channel_name", "region", "channel_status", "message_ttl_seconds", "creation_time", "account_id"]
SHOWN_OF_GAPS = ["account_id", "region", "status", "error_code", "message"]
"""The columns of an inventory's view in a notebook: they fit its width."""


@with_method_hints
class Inventory:
    """The channels and tags of many accounts and regions, and the coverage.

    Coverage says what was read and what was not.

    Its length is the number of channels; a notebook shows its first rows and
    its gaps.

    Attributes
    ----------
    channels
        The channels frame of all account-regions.
    tags
        The long tags frame of all account-regions.
    coverage
        One row per account and region: account_id, region, status (ok, denied,
        region_disabled, throttled, expired, no_credentials, error),
        error_code, message, tags_source (bulk, each, none, failed), channels,
        calls, throttles, retries, seconds.
    account_names
        The names of accounts by account id, as far as an accounts file gives
        them.
    prefix
        The prefix of the channels that were read, None for all channels.
    unread_tags
        The ARNs of channels whose tags are unknown although their
        account-region's were read: they were deleted meanwhile.
    """

    def __init__(
        self,
        channels: pd.DataFrame,
        tags: pd.DataFrame,
        coverage: pd.DataFrame,
        account_names: Mapping[str, str] | None = None,
        prefix: str | None = None,
        *,
        unread_tags: Iterable[str] = (),
    ) -> None:
        self.channels = channels
        self.tags = tags
        self.coverage = coverage
        self.account_names = dict(account_names or {})
        self.prefix = prefix
        self.unread_tags = frozenset(unread_tags)

    def __repr__(self) -> str:
        read = int((self.coverage["status"] == "ok").sum())
        return f"<Inventory: {len(self.channels)} channels, {read} of {len(self.coverage)} account-regions read>"

    def __len__(self) -> int:
        return len(self.channels)

    def __getattr__(self, name: str) -> NoReturn:
        """Raise AttributeError; for a name that a DataFrame has, with the frame that has it."""
        hint = f" Its frame has it: .table().{name}" if not name.startswith("_") and hasattr(pd.DataFrame, name) else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}.{hint}", name=name, obj=self)

    def __getitem__(self, key: object) -> NoReturn:
        """Raise TypeError: the columns are those of table()."""
        raise TypeError(f"'Inventory' object has no columns. Its frame has them: .table()[{format_value(key)}].")

    def _repr_html_(self) -> str:
        """Return the summary and the first channels, and the first gaps if there are some, for a notebook."""
        gaps = self.gaps
        missing = f"<p>Not read ({len(gaps)}):</p>{gaps[SHOWN_OF_GAPS].head().to_html()}" if len(gaps) else ""
        shown = f"<p>{html.escape(repr(self))}</p>{self.channels[SHOWN].head().to_html()}{missing}"
        return printable_lines(shown)  # pandas escapes HTML, but keeps what turns the text around it

    def head(self, n: int = 5) -> pd.DataFrame:
        """Return the first ``n`` rows of table()."""
        return self.table().head(n)

    def tags_sources(self) -> pd.Series:
        """Return for each channel how its tags were read.

        The values are those of coverage: bulk, each, none, failed.
        """
        sources = dict(zip(account_region_keys(self.coverage), self.coverage["tags_source"], strict=True))
        of_channels = [
            FAILED if arn in self.unread_tags else sources.get(key, FAILED)
            for key, arn in zip(account_region_keys(self.channels), self.channels["channel_arn"].tolist(), strict=True)
        ]
        return pd.Series(of_channels, self.channels.index, dtype="str")

    def table(self) -> pd.DataFrame:
        """Return the wide frame: one row per channel, one column per tag key.

        It has the columns of ``channels``, ``account_name`` if names are known,
        and a ``tag:<key>`` column for each key.

        If the tags of some channels could not be read, it has the column
        ``tags_source`` (bulk, each, none, failed), which distinguishes a
        channel without a tag from one whose tags are unknown.
        """
        wide = join_tags(self.channels, self.tags, sources=list(self.tags_sources()))
        if self.account_names:
            names = wide["account_id"].map(self.account_names).astype("str")
            wide.insert(list(wide.columns).index("account_id") + 1, "account_name", names)
        return wide[order_columns(wide.columns)]

    def to_csv(self, path: File) -> None:
        """Write the wide frame and the coverage as CSV, both or neither.

        ``path`` is that of the wide frame, which is written as to_csv() does;
        coverage is written to ``NAME-coverage.csv`` beside it.
        """
        with open_output(path, "w") as table, open_output(coverage_path(path), "w") as coverage:
            for frame, stream in ((self.table(), table), (self.coverage, coverage)):
                lines = csv_lines(frame)
                stream.writelines([byte_order_mark(lines), *lines])
            table.flush()

    def to_excel(self, path: File | IO[bytes]) -> None:
        """Write an Excel workbook with the sheets ``channels`` and ``coverage``.

        ``channels`` is the wide frame. Both are written as to_excel() does.
        """
        write_sheets({"channels": self.table(), "coverage": self.coverage}, path)

    def to_parquet(self, path: File) -> None:
        """Write the wide frame and the coverage as Parquet, both or neither.

        ``path`` is that of the wide frame; coverage is written to
        ``NAME-coverage.parquet`` beside it.
        """
        with open_output(path, "wb") as table, open_output(coverage_path(path), "wb") as coverage:
            to_parquet(self.table(), table)
            to_parquet(self.coverage, coverage)
            table.flush()

    @property
    def gaps(self) -> pd.DataFrame:
        """The rows of coverage of what was not read: channels, or their tags."""
        return gaps_of(self.coverage)

    def raise_for_failures(self) -> None:
        """Raise InventoryIncomplete if there is a gap.

        A region that the account has not enabled is not one.
        """
        gaps = self.gaps
        if gaps.empty:
            return
        named = [
            f"{row_label(row)}: {row['status'] if row['status'] != 'ok' else 'tags'} ({row['message']})"
            for row in gaps.head(MAX_GAPS_NAMED).to_dict("records")
        ]
        more = f" and {len(gaps) - MAX_GAPS_NAMED} more" if len(gaps) > MAX_GAPS_NAMED else ""
        raise InventoryIncomplete(
            f"Gaps in {len(gaps)} of {format_count(len(self.coverage), 'account-region')}: {'; '.join(named)}{more}"
        )


def coverage_path(path: File) -> Path:
    """Return the file that coverage is written to, beside that of the table."""
    table = check_path("path", path)
    return table.with_name(f"{table.stem}-coverage{table.suffix}")


def inventory(
    *,
    profiles: Iterable[str] | None = None,
    role_arns: Iterable[str] | None = None,
    external_id: str | None = None,
    accounts: AccountsFile | None = None,
    role_name: str | None = None,
    role_session_name: str | None = None,
    role_duration_seconds: int | None = None,
    regions: Iterable[str] | str | None = None,
    prefix: str | None = None,
    tags: str = "bulk",
    executor: Executor | None = None,
    unit_timeout: float = UNIT_TIMEOUT,
    connection: Connection | None = None,
) -> Inventory:
    """Read the channels of many accounts in many regions concurrently.

    The inventory reports what could not be read.

    Parameters
    ----------
    profiles
        AWS profiles, each of one account.
    role_arns
        Roles that the connection's identity may assume, each in one account.
    external_id
        The external id that those roles, or those of role_name, require.
    accounts
        A CSV file, a workbook or a frame with account_id, role_arn or profile,
        account_name, external_id, regions (codes with spaces or semicolons
        between, or ``all``; empty takes ``regions``), or AWS Organizations'
        export of accounts, with role_name. If none of profiles, role_arns and
        accounts is given, the connection's own account is read.
    role_name
        The name of a role to assume in each account of ``accounts`` that has
        no role_arn and no profile.
    role_session_name
        The session name of all roles, by which CloudTrail shows the calls;
        None takes ``kvs-notebook``.
    role_duration_seconds
        How long the credentials of a role are valid before they are renewed:
        900 to 43,200, at most the role's maximum, and 3,600 if the connection
        itself is a role's; None takes STS's default, 3,600.
    regions
        Region codes. ``"all"`` takes the regions that the account has enabled
        (account:ListRegions) or, if it may not list them, all that botocore
        knows in the connection's partition (public AWS, GovCloud, China, ...).
        None reads each profile in its configured region, which AWS_REGION
        precedes as in connect(), and all else in the connection's region.
    prefix
        Only channels whose name begins with this.
    tags
        ``"bulk"`` reads them with the Resource Groups Tagging API, 100
        channels per call; they are read channel by channel if that fails,
        returns no channel, or would take more calls, as for the few channels
        of a prefix. ``"each"`` reads channel by channel; ``"none"`` reads no
        tags.
    executor
        A concurrent.futures executor to read the account-regions on instead of
        threads, such as Dask's ``Client.get_executor(pure=False)``. Its
        workers receive names of profiles and roles, never credentials.
    unit_timeout
        Seconds without a reply after which an account-region is given up;
        channels that were listed are kept, without tags. It is also the
        longest time for all pages of its list, and for those of its tags in
        bulk. No further call is made for it; the call that hangs ends by
        itself, after 30 s and three attempts. The earlier calls that find the
        account ids are not covered. On an executor, which may queue an
        account-region, there is no timeout.
    connection
        The connection that roles are assumed from; None takes the current
        connection.

    Returns
    -------
    Inventory
        ``.channels``, ``.tags``, ``.coverage`` (frames), ``.table()``,
        ``.to_csv(path)``, ``.to_excel(path)``, ``.raise_for_failures()``.

    Raises
    ------
    InvalidInput
        If an argument is not valid, or the executor's workers cannot use the
        connection's credentials; nothing was sent.
    NoRegion
        If no regions are given and none is configured, for no profile either.

    Warns
    -----
    UserWarning
        When credentials do not exist (a misspelt profile) or have ended: those
        of a profile, of a role, or those that roles are assumed with, which
        ends all roles. No further call is made with them. If an accounts file
        has accounts that are suspended or closed, which are not read.

    Notes
    -----
    An error in one account-region does not stop the others: see ``.coverage``,
    or call ``.raise_for_failures()``. Ctrl-C ends the inventory and returns
    what was read so far. Each gap is logged as a warning by
    ``kvs_notebook.fleet.inventory``.

    Spends for each account-region one ListSignalingChannels call per 1,000
    channels, and for the tags one GetResources call per 100 tagged channels,
    plus up to 5 ListTagsForResource calls for channels that it does not
    return, or one for each of those if it returns no channel or one of the 5
    has tags. With a prefix, the tags of up to 50 channels (100 in us-east-1
    and us-west-2) are read channel by channel first, which takes no more calls
    than the pages of a full region. For each account one GetCallerIdentity
    call, one more for each worker of an executor that reads it with a profile
    or the connection itself, and for each region or role that refuses its
    credentials, and an AssumeRole call per hour. ``regions="all"`` also spends
    ListRegions calls, one per page and account.

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
    unit_timeout = check_seconds("unit_timeout", unit_timeout, above=True)
    _check_tag_mode(tags)
    region_codes = check_regions(regions)
    profiles = None if profiles is None else check_names("profiles", profiles, "['fleet']", OWN_ACCOUNT)
    base = _base_connection(connection, region_codes, profiles)
    if prefix is not None:
        check_channel_name(prefix)
    connections = ConnectionFactory.in_process(base)
    reader_connections = connections if executor is None else ConnectionFactory.for_workers(base)
    named_accounts = accounts_to_read(
        profiles,
        role_arns,
        external_id,
        accounts,
        role_name=role_name,
        role_session=RoleSession.parse(role_session_name, role_duration_seconds),
        partition=partition_of(base.region),
    )
    failures = CredentialFailures(connections)
    with defer_interrupts() as interrupted:
        account_regions, coverage, names = discover_account_regions(
            named_accounts, failures, region_codes, prefix, tags, interrupted=interrupted
        )
        with open_pool(executor, len(account_regions)) as pool:
            timeout = unit_timeout if executor is None else None
            collector = Collector(
                account_regions, reader_connections, failures, pool, timeout=timeout, interrupted=interrupted
            )
            found = _collect(collector.results(), coverage, names, prefix)
    _log_gaps(found.gaps)
    return found


def _base_connection(
    connection: Connection | None, regions: Sequence[str] | str | None, profiles: Sequence[str] | None
) -> Connection:
    """Return the connection that roles are assumed from; if no region is configured, it is to the first one that is read."""
    try:
        return current_connection(connection)
    except NoRegion:
        if regions is not None:
            return for_profile(None, region=FIRST_REGION if regions == ALL_REGIONS else regions[0])
        if not profiles:
            raise
        return for_profile(None, region=_first_region(profiles))


def _first_region(profiles: Sequence[str]) -> str:
    """Return the region of the first profile that has one; raise the error of the first profile if none has."""
    failures = []
    for profile in profiles:
        try:
            return for_profile(profile).region
        except (NoCredentials, NoRegion) as error:
            failures.append(error)
    raise failures[0]


def _collect(
    results: Iterable[AccountRegionResult],
    coverage: list[dict[str, Any]],
    account_names: Mapping[str, str],
    prefix: str | None,
) -> Inventory:
    """Return the inventory of results, and of rows of coverage of accounts that could not be connected to."""
    channels, long_tags = FrameBuffer(channels_frame, CHANNELS), FrameBuffer(_long_tags_frame, TAGS)
    rows: dict[AccountRegionKey, dict[str, Any]] = {}
    unread_tags: set[str] = set()
    for result in results:
        key = (result.coverage["account_id"], result.coverage["region"])
        channels.append(key, result.channels)
        long_tags.append(key, result.tags.items())
        rows[key] = result.coverage
        unread_tags |= result.unread_tags
    channels_read, tags_read = channels.to_frame(), long_tags.to_frame()
    for key, error in channels.failures.items():
        spent = {column: rows[key][column] for column in ("calls", "throttles", "retries", "seconds")}
        rows[key] = unread_row(*key, error) | spent
    for key, error in long_tags.failures.items():
        if key not in channels.failures:
            why = unread_row(*key, error)
            rows[key] |= {"error_code": why["error_code"], "message": why["message"], "tags_source": FAILED}
    return Inventory(
        channels_read,
        _without(tags_read, channels.failures),
        coverage_frame([*coverage, *rows.values()]),
        account_names,
        prefix,
        unread_tags=unread_tags,
    )


def _without(tags: pd.DataFrame, failed: Collection[AccountRegionKey]) -> pd.DataFrame:
    """Return the tags of all account-regions whose channels could be read."""
    if not failed:
        return tags
    kept = [key not in failed for key in account_region_keys(tags)]
    return tags[kept].reset_index(drop=True)


def _check_tag_mode(tags: object) -> None:
    if not isinstance(tags, str) or tags not in TAG_MODES:
        raise InvalidInput(
            f"tags={format_value(tags)} is not valid. Expected one of {', '.join(map(repr, TAG_MODES))}. The default is 'bulk'."
        )


def _long_tags_frame(tags_by_arn: Sequence[tuple[str, Mapping[str, str]]]) -> pd.DataFrame:
    return tags_frame(dict(tags_by_arn))


def _log_gaps(gaps: pd.DataFrame) -> None:
    """Log each gap by its error code; messages are left out, since they quote the user's configuration."""
    for row in gaps.to_dict("records"):
        status = row["status"] if row["status"] != "ok" else "tags not read"
        _logger.warning("Gap at %s: %s (%s)", row_label(row), status, row["error_code"])
