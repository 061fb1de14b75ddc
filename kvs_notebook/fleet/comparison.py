"""Compare two snapshots of a fleet: what changed in each account-region, and what is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.files import File
from kvs_notebook.dataframes.schemas import CHANGES, TAG_PREFIX, TAGS_READ
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.fleet.coverage import NOT_ENABLED, AccountRegionKey, account_region_keys
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.fleet.snapshot_files import TAGS, Snapshot, read_whole
from kvs_notebook.fleet.snapshots import DateLike, check_all_channels, parse_date, snapshot_folders

if TYPE_CHECKING:
    import pyarrow as pa

NEWEST = "newest"
COMPARED = ("channel_type", "channel_status", "creation_time", "message_ttl_seconds")
"""Columns that may change on a channel that stays the same; its tags are compared key by key."""

VERSION = "version"
"""The column that changes with each update, even of values that no snapshot contains; compared on request."""

OF_CHANNEL = ("account_id", "region", "channel_name", "channel_arn", "version")


class Change(NamedTuple):
    """A row of the result."""

    account_id: str
    region: str
    channel_name: str | None
    channel_arn: str | None
    version: str | None
    change: str
    column: str | None = None
    before: str | None = None
    after: str | None = None


def compare_snapshots(
    directory: File,
    *,
    before: DateLike | Inventory | None = None,
    after: DateLike | Inventory | None = None,
    versions: bool = False,
) -> pd.DataFrame:
    """Compare two snapshots, or a snapshot with an inventory.

    Parameters
    ----------
    directory
        The folder that save_snapshot() writes to.
    before, after
        Each a day (also ``"yesterday"``, ``"today"`` in UTC, or ``"newest"``)
        or an Inventory. For ``after``, None takes the newest snapshot; for
        ``before``, None takes the newest that is older than ``after``, or the
        newest if ``after`` is an Inventory.
    versions
        Also return a row for each channel whose version changed. It changes
        with each update, so that True shows channels that were updated and
        have the same values again.

    Returns
    -------
    pandas.DataFrame
        A row for each difference: channel_name, region, change, column,
        before, after, account_id, version (in the later one), channel_arn (all
        str), in the order of account, region, name, column. ``change`` is

        - ``added`` or ``removed``: a channel;
        - ``changed``: ``column`` went from ``before`` to ``after``; a tag's
          column is ``tag:<key>``, and a value is missing if the channel did
          not have that tag;
        - ``recreated``: the same name, another ``channel_arn``;
        - ``unknown``: an account-region that was not read in one of the two,
          or whose file is damaged; ``column`` is ``status``, and ``before``
          and ``after`` are the status in coverage (missing: not requested). If
          ``column`` is ``tags``, channels were compared and their tags could
          not be: those of the channel, or of all without ``channel_name``.
          Channels of such an account-region are never ``removed``.

        A region that the account had not enabled at either time has no row.

    Raises
    ------
    InvalidInput
        If there are no two snapshots, a day has no snapshot, or an inventory
        has a prefix.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> _ = kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-05")
    >>> _ = kvs.tag_channel("test-jchen", {"Owner": "jchen"})
    >>> _ = kvs.create_channel("roof")
    >>> _ = kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-06")
    >>> kvs.compare_snapshots("history")[["channel_name", "change", "column", "before", "after"]]
      channel_name   change     column before  after
    0         roof    added        NaN    NaN    NaN
    1   test-jchen  changed  tag:Owner    NaN  jchen
    """
    columns = (*COMPARED, VERSION) if versions else COMPARED
    compare = partial(_compare, directory, before, after, columns)
    if isinstance(before, Inventory) and isinstance(after, Inventory):
        return compare()
    return read_whole(snapshot_folders(directory).values(), compare)


def _compare(
    directory: File, before: DateLike | Inventory | None, after: DateLike | Inventory | None, columns: Sequence[str]
) -> pd.DataFrame:
    old, new = (_ComparedSnapshot(snapshot) for snapshot in _two_snapshots(directory, before, after))
    keys = sorted(old.rows.keys() | new.rows.keys())
    changes = [change for key in keys for change in _changes_of(key, old, new, columns)]
    return rows_frame(changes, CHANGES, columns=Change._fields)


# --- which two


def _two_snapshots(
    directory: File, before: DateLike | Inventory | None, after: DateLike | Inventory | None
) -> tuple[Snapshot, Snapshot]:
    for side in (before, after):
        if isinstance(side, Inventory):
            check_all_channels(side, "look removed")
    if isinstance(before, Inventory) and isinstance(after, Inventory):
        return Snapshot.from_inventory(before), Snapshot.from_inventory(after)
    folders = snapshot_folders(directory)
    if isinstance(after, Inventory):
        newest, new = None, Snapshot.from_inventory(after)
    else:
        newest = _find_day(after, folders, None)
        new = Snapshot.open(folders[newest])
    if isinstance(before, Inventory):
        return Snapshot.from_inventory(before), new
    return Snapshot.open(folders[_find_day(before, folders, newest)]), new


def _find_day(requested: DateLike | None, folders: Mapping[str, Path], older_than: str | None) -> str:
    """Return the requested day, or the newest that is older than a day; raise InvalidInput if there is none."""
    known = [*folders]
    if isinstance(requested, str) and requested == NEWEST:
        return known[-1]
    if requested is not None:
        day = parse_date(requested)
        if day not in folders:
            raise InvalidInput(f"There is no snapshot of {day}. The newest are of {', '.join(known[-5:])}.")
        return day
    candidates = [day for day in known if older_than is None or day < older_than]
    if not candidates:
        raise InvalidInput(
            f"There is no snapshot before {older_than} to compare with. Save one each day with save_snapshot()."
        )
    return candidates[-1]


# --- account-regions


class _ComparedSnapshot:
    """One of the two snapshots, by account-region.

    Attributes
    ----------
    rows
        The row of coverage of each account-region.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        coverage = snapshot.coverage[snapshot.coverage["account_id"].notna()]
        failed_accounts = coverage[coverage["region"].isna()]
        known = coverage[coverage["region"].notna()]
        self.rows: dict[AccountRegionKey, Mapping[Any, Any]] = dict(
            zip(account_region_keys(known), known.to_dict("records"), strict=True)
        )
        self._status_of_account: dict[str, str] = dict(
            zip(failed_accounts["account_id"], failed_accounts["status"], strict=True)
        )
        self._snapshot = snapshot

    def status(self, key: AccountRegionKey) -> str | None:
        """Return the status of an account-region, or of its account if that could not be connected to."""
        return str(self.rows[key]["status"]) if key in self.rows else self._status_of_account.get(key[0])

    def table(self, key: AccountRegionKey) -> pa.Table | None:
        """Return the channels of an account-region, None if they were not read or the file is damaged."""
        if self.status(key) != "ok":
            return None
        try:
            return self._snapshot.table(key)
        except DamagedFile:
            return None


def _changes_of(
    key: AccountRegionKey, old: _ComparedSnapshot, new: _ComparedSnapshot, columns: Sequence[str]
) -> list[Change]:
    """Compare one account-region."""
    statuses = [side.status(key) for side in (old, new)]
    if statuses == [NOT_ENABLED] * 2:
        return []
    tables = [side.table(key) for side in (old, new)]
    if tables[0] is None or tables[1] is None:
        before, after = (
            "error" if status == "ok" and table is None else status  # its file is damaged
            for status, table in zip(statuses, tables, strict=True)
        )
        return [_unknown(key, "status", before, after)]
    sources = [str(side.rows[key]["tags_source"]) for side in (old, new)]
    tags_known = TAGS_READ.issuperset(sources)
    found = _differences(tables[0], tables[1], columns, tags=tags_known)
    changes = sorted(found, key=lambda change: (change.channel_name or "", change.column or ""))
    if not tags_known and sources != ["none", "none"]:
        changes.append(_unknown(key, TAGS, *sources))
    return changes


def _unknown(key: AccountRegionKey, column: str, before: str | None, after: str | None) -> Change:
    return Change(*key, None, None, None, "unknown", column, before, after)


# --- channels


def _differences(old: pa.Table, new: pa.Table, columns: Sequence[str], *, tags: bool) -> Iterator[Change]:
    """Compare two tables column by column in Arrow, so that Python handles only what differs."""
    import pyarrow.compute as pc

    common_old, common_new = old, new
    if not old["channel_arn"].equals(new["channel_arn"]):
        index_in_old = pc.index_in(new["channel_arn"], value_set=old["channel_arn"])
        only_old = pc.invert(pc.is_in(old["channel_arn"], value_set=new["channel_arn"]))
        yield from _added_and_removed(old.filter(only_old), new.filter(pc.is_null(index_in_old)))
        common_new = new.filter(pc.is_valid(index_in_old))
        common_old = old.take(pc.drop_null(index_in_old))
    for column in columns:
        for row, before, after in _differing_values(common_old[column], common_new[column]):
            yield _change(common_new, row, "changed", column, _to_text(before), _to_text(after))
    if tags:
        yield from _changed_tags(common_old, common_new)


def _added_and_removed(only_old: pa.Table, only_new: pa.Table) -> Iterator[Change]:
    """Yield the channels of one table only; the same name with another ARN is a recreated channel."""
    removed = {name: row for row, name in enumerate(only_old["channel_name"].to_pylist())}
    for row, name in enumerate(only_new["channel_name"].to_pylist()):
        if name in removed:
            arn = only_old["channel_arn"][removed.pop(name)].as_py()
            yield _change(only_new, row, "recreated", "channel_arn", arn, only_new["channel_arn"][row].as_py())
        else:
            yield _change(only_new, row, "added")
    for row in removed.values():
        yield _change(only_old, row, "removed")


def _changed_tags(old: pa.Table, new: pa.Table) -> Iterator[Change]:
    import pyarrow.compute as pc

    for row in pc.indices_nonzero(pc.or_(pc.is_null(old[TAGS]), pc.is_null(new[TAGS]))).to_pylist():
        yield _change(new, row, "unknown", TAGS)
    for row, before, after in _differing_values(old[TAGS], new[TAGS]):
        if before is None or after is None:
            continue
        old_tags, new_tags = json.loads(before), json.loads(after)
        for key in sorted(old_tags.keys() | new_tags.keys()):
            if old_tags.get(key) != new_tags.get(key):
                yield _change(new, row, "changed", TAG_PREFIX + key, old_tags.get(key), new_tags.get(key))


def _differing_values(old: pa.ChunkedArray, new: pa.ChunkedArray) -> Iterator[tuple[int, Any, Any]]:
    """Yield the number of each row that differs, with both values; a missing value differs from any other."""
    import pyarrow.compute as pc

    if old.equals(new):
        return
    one_is_missing = pc.xor(pc.is_null(old), pc.is_null(new))
    differ = pc.coalesce(pc.not_equal(old, new), one_is_missing)
    rows = pc.indices_nonzero(differ)
    yield from zip(rows.to_pylist(), old.take(rows).to_pylist(), new.take(rows).to_pylist(), strict=True)


def _change(table: pa.Table, row: int, *details: str | None) -> Change:
    channel = (table[column][row].as_py() for column in OF_CHANNEL)
    return Change(*channel, *details)


def _to_text(value: Any) -> str | None:
    """Return a value as to_csv() writes it."""
    if value is None:
        return None
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z" if hasattr(value, "microsecond") else str(value)
