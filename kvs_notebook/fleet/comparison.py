"""Comparison: what changed in a fleet from one snapshot to another, unit by unit, and what nobody can know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.files import File
from kvs_notebook.dataframes.schemas import CHANGES, TAG_PREFIX
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.fleet.snapshot_files import TAGS, Place, Snapshot
from kvs_notebook.fleet.snapshots import Day, day_of, folders

if TYPE_CHECKING:
    import pyarrow as pa

COMPARED = ("channel_type", "channel_status", "creation_time", "message_ttl_seconds", "version")
"""What may change on a channel that stays the same; its tags beside."""

TAGS_READ = frozenset({"bulk", "each"})


class Change(NamedTuple):
    """A row of the result."""

    account_id: str
    region: str
    channel_name: str | None
    channel_arn: str | None
    change: str
    column: str | None = None
    before: str | None = None
    after: str | None = None


def compare_snapshots(
    directory: File, *, before: Day | Inventory | None = None, after: Day | Inventory | None = None
) -> pd.DataFrame:
    """Compare two snapshots, or a snapshot with an inventory that was just read.

    Parameters
    ----------
    directory
        Where save_snapshot() has put them.
    before, after
        Each a day, or an Inventory. None takes the newest snapshot for ``after``, and for ``before`` the newest that is older
        than ``after``; with an Inventory for ``after``, the newest.

    Returns
    -------
    pandas.DataFrame
        A row for each difference: account_id, region, channel_name, channel_arn, change, column, before, after (all str), in the
        order of account, region, name, column. ``change`` is

        - ``added`` or ``removed``: a channel;
        - ``changed``: ``column`` went from ``before`` to ``after``; a tag's column is ``tag:<key>``, and a value is missing
          where the channel did not have that tag;
        - ``recreated``: the same name, another ``channel_arn``;
        - ``unknown``: a unit that was not read in one of the two, or whose file is damaged; ``column`` is ``status`` and the rest
          what coverage says of it (missing: not asked for). With ``column`` ``tags`` its channels were compared, its tags could
          not be. What such a unit had is never ``removed``.

        A region that the account had not enabled at either time has no row.

    Raises
    ------
    InvalidInput
        Where there are no two, for a day without a snapshot, and for an inventory of a prefix.

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
    old, new = map(_Side, _chosen(directory, before, after))
    places = sorted(old.rows.keys() | new.rows.keys())
    return rows_frame([change for place in places for change in _changes(place, old, new)], CHANGES)


def _chosen(
    directory: File, before: Day | Inventory | None, after: Day | Inventory | None
) -> tuple[Snapshot, Snapshot]:
    """Find the two."""
    for side in (before, after):
        if isinstance(side, Inventory) and side.prefix is not None:
            raise InvalidInput(
                f"This inventory has only channels that begin with {side.prefix!r}: the rest would look removed. Compare "
                "one of whole units, without prefix=."
            )
    days = None if isinstance(before, Inventory) and isinstance(after, Inventory) else folders(directory)
    newest = _day(after, days, None) if not isinstance(after, Inventory) else None
    oldest = _day(before, days, newest) if not isinstance(before, Inventory) else None
    found = []
    for side, day in ((before, oldest), (after, newest)):
        if isinstance(side, Inventory):
            found.append(Snapshot.of(side))
        else:
            assert days is not None  # noqa: S101 - there is one to be found in it
            assert day is not None  # noqa: S101 - a day, then
            found.append(Snapshot.at(days[day]))
    return found[0], found[1]


def _day(asked: Day | None, days: Mapping[str, Any] | None, older_than: str | None) -> str:
    """Give the day that is asked for, else the newest, else the newest that is older."""
    known = [*(days or {})]
    if asked is not None:
        day = day_of(asked)
        if day not in known:
            raise InvalidInput(f"There is no snapshot of {day}: there are {', '.join(known[-5:])}.")
        return day
    candidates = [day for day in known if older_than is None or day < older_than]
    if not candidates:
        raise InvalidInput(
            f"There is no snapshot before {older_than} to compare with: save one each day with save_snapshot()."
        )
    return candidates[-1]


class _Side:
    """One of the two, by unit."""

    def __init__(self, snapshot: Snapshot) -> None:
        coverage = snapshot.coverage
        shut = coverage[coverage["account_id"].notna() & coverage["region"].isna()]
        known = coverage[coverage["account_id"].notna() & coverage["region"].notna()]
        places = zip(known["account_id"], known["region"], strict=True)
        self.rows: dict[Place, Mapping[Any, Any]] = dict(zip(places, known.to_dict("records"), strict=True))
        self._shut: dict[str, str] = dict(zip(shut["account_id"], shut["status"], strict=True))
        self._snapshot = snapshot

    def status(self, place: Place) -> str | None:
        """Give what coverage says of a unit: of an account that let nobody in, what it says of the account."""
        return str(self.rows[place]["status"]) if place in self.rows else self._shut.get(place[0])

    def table(self, place: Place) -> pa.Table | None:
        """Give a unit's channels, None where they were not read or are damaged."""
        if self.status(place) != "ok":
            return None
        try:
            return self._snapshot.table(place)
        except DamagedFile:
            return None


def _changes(place: Place, old: _Side, new: _Side) -> list[Change]:
    """Compare one unit."""
    statuses = [old.status(place), new.status(place)]
    if statuses == ["region_disabled"] * 2:
        return []
    tables = [side.table(place) for side in (old, new)]
    if tables[0] is None or tables[1] is None:
        known = zip(statuses, tables, strict=True)
        damaged = ["error" if status == "ok" and table is None else status for status, table in known]
        return [_unknown(place, "status", *damaged)]
    sources = [str(side.rows[place]["tags_source"]) for side in (old, new)]
    tags_known = TAGS_READ.issuperset(sources)
    found = _differences(tables[0], tables[1], tags=tags_known)
    changes = sorted(found, key=lambda change: (change.channel_name or "", change.column or ""))
    if not tags_known and sources != ["none", "none"]:
        changes.append(_unknown(place, TAGS, *sources))
    return changes


def _unknown(place: Place, column: str, before: str | None, after: str | None) -> Change:
    return Change(*place, None, None, "unknown", column, before, after)


# --- one unit's tables


def _differences(old: pa.Table, new: pa.Table, *, tags: bool) -> Iterator[Change]:
    """Compare column by column in Arrow: Python sees only what differs."""
    import pyarrow.compute as pc

    stayed_old, stayed_new = old, new
    if not old["channel_arn"].equals(new["channel_arn"]):
        place_in_old = pc.index_in(new["channel_arn"], value_set=old["channel_arn"])
        gone = pc.invert(pc.is_in(old["channel_arn"], value_set=new["channel_arn"]))
        yield from _come_and_gone(old.filter(gone), new.filter(pc.is_null(place_in_old)))
        stayed_new = new.filter(pc.is_valid(place_in_old))
        stayed_old = old.take(pc.drop_null(place_in_old))
    for column in COMPARED:
        for where, before, after in _differing(stayed_old[column], stayed_new[column]):
            yield _change(stayed_new, where, "changed", column, _as_text(before), _as_text(after))
    if tags:
        for where, before, after in _differing(stayed_old[TAGS], stayed_new[TAGS]):
            theirs, mine = json.loads(before), json.loads(after)
            for key in sorted(theirs.keys() | mine.keys()):
                if theirs.get(key) != mine.get(key):
                    yield _change(stayed_new, where, "changed", TAG_PREFIX + key, theirs.get(key), mine.get(key))


def _come_and_gone(gone: pa.Table, come: pa.Table) -> Iterator[Change]:
    """Name what is in one of the two only; the same name with another ARN is one channel's end and another's beginning."""
    ended = {name: row for row, name in enumerate(gone["channel_name"].to_pylist())}
    for row, name in enumerate(come["channel_name"].to_pylist()):
        if name in ended:
            arn = gone["channel_arn"][ended.pop(name)].as_py()
            yield _change(come, row, "recreated", "channel_arn", arn, come["channel_arn"][row].as_py())
        else:
            yield _change(come, row, "added")
    for row in ended.values():
        yield _change(gone, row, "removed")


def _differing(old: pa.ChunkedArray, new: pa.ChunkedArray) -> Iterator[tuple[int, Any, Any]]:
    """Give each row that differs, a missing value being a value, with what stands in it."""
    import pyarrow.compute as pc

    if old.equals(new):
        return
    one_is_missing = pc.xor(pc.is_null(old), pc.is_null(new))
    differ = pc.coalesce(pc.not_equal(old, new), one_is_missing)
    rows = pc.indices_nonzero(differ)
    yield from zip(rows.to_pylist(), old.take(rows).to_pylist(), new.take(rows).to_pylist(), strict=True)


def _change(table: pa.Table, row: int, *what: str | None) -> Change:
    known = (table[column][row].as_py() for column in ("account_id", "region", "channel_name", "channel_arn"))
    return Change(*known, *what)


def _as_text(value: Any) -> str | None:
    """Write a value as to_csv() does."""
    if value is None:
        return None
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z" if hasattr(value, "microsecond") else str(value)
