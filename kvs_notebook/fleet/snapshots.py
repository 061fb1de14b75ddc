"""Daily snapshots of a fleet, as Parquet that pandas, Dask, DuckDB and Athena read with the same types."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from kvs_notebook.arguments import check_path, path_exists
from kvs_notebook.caller_warning import warn_caller
from kvs_notebook.dataframes.builders import concat
from kvs_notebook.dataframes.files import File
from kvs_notebook.dataframes.schemas import DATE, FAILED, SNAPSHOTS, TAG_PREFIX, TAGS_READ, TEXT, order_columns
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.fleet.coverage import AccountRegionKey, account_region_keys
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.fleet.snapshot_files import (
    COLUMNS,
    DAY_FOLDER,
    LEFTOVER,
    TAGS,
    Snapshot,
    find_day,
    read_coverage_file,
    read_whole,
)
from kvs_notebook.formatting import format_value

DateLike: TypeAlias = str | date
"""A date, a datetime, or text such as ``"2026-01-05"``."""

MOST_NAMED = 5
DAYS_AGO = {"today": 0, "yesterday": 1}


def save_snapshot(inventory: Inventory, directory: File, *, date: DateLike | None = None) -> Path:
    """Save an inventory as the snapshot of a day.

    Parameters
    ----------
    inventory
        An inventory of whole account-regions, without ``prefix=``: the other
        channels would look deleted.
    directory
        The folder of all snapshots:
        ``DIR/date=YYYY-MM-DD/<account_id>_<region>.parquet``, one file for
        each account-region that was read, and ``_coverage.csv``; readable by
        their owner alone.
    date
        The day; None takes today's in UTC. An older snapshot of that day is
        replaced at the end, as a whole; if the process is killed meanwhile,
        the older one stays.

    Returns
    -------
    pathlib.Path
        The folder of that day.

    Raises
    ------
    InvalidInput
        If inventory is not an Inventory, date is not an ISO 8601 date, the
        inventory has a prefix, or its coverage has an invalid account id or
        region; nothing is written.
    ExportFailed
        If it cannot be written; what was there before is unchanged.

    Warns
    -----
    UserWarning
        If the snapshot of that day that is replaced has account-regions, or
        tags of them, that the new one lacks.

    Notes
    -----
    Each file has the columns of the channels frame, ``account_name``, and
    ``tags``: a JSON object as text, missing if the tags were not read.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-05").name
    'date=2026-01-05'
    """
    if not isinstance(inventory, Inventory):
        raise InvalidInput(
            f"save_snapshot() was given a {type(inventory).__name__}, which does not say what was not read. "
            "Pass the Inventory that inventory() returns."
        )
    check_all_channels(inventory, "look deleted in a comparison")
    day = parse_date(datetime.now(UTC).date() if date is None else date)
    folder = check_path("directory", directory) / f"date={day}"
    snapshot = Snapshot.from_inventory(inventory)
    if path_exists(find_day(folder), as_folder=True):
        _warn_of_loss(read_coverage_file(folder), snapshot.coverage, day)
    snapshot.save(folder)
    return folder


def _warn_of_loss(older: pd.DataFrame, newer: pd.DataFrame, day: str) -> None:
    """Warn of account-regions and tags that a snapshot has and the one that replaces it lacks."""
    lost = {f"{account_id} {region}" for account_id, region in _keys_read(older) - _keys_read(newer)}
    tags = _keys_read(older[older["tags_source"].isin(TAGS_READ)]) - _keys_read(
        newer[newer["tags_source"].isin(TAGS_READ)]
    )
    lost |= {f"tags of {account_id} {region}" for account_id, region in tags if f"{account_id} {region}" not in lost}
    if lost:
        more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
        warn_caller(
            f"The snapshot of {day} is replaced by one that lacks {', '.join(sorted(lost)[:MOST_NAMED])}{more}. To keep them, "
            "save an inventory of all accounts and regions.",
        )


def _keys_read(coverage: pd.DataFrame) -> set[AccountRegionKey]:
    return set(account_region_keys(coverage[coverage["status"] == "ok"]))


def read_snapshots(directory: File) -> pd.DataFrame:
    """Read all snapshots of a folder as one long frame.

    Parameters
    ----------
    directory
        The folder that save_snapshot() writes to.

    Returns
    -------
    pandas.DataFrame
        The columns of the channels frame, date (datetime64[ms]), account_name
        (str), and a ``tag:<key>`` column (str) for each key. If the tags of
        some channels were not read, also ``tags_source`` (str), before
        channel_type: ``failed`` if they could not be read, ``none`` if they
        were not requested, and ``bulk`` or ``each`` if they were read. In the
        order of date, account, region, name. A channel that is absent on a day
        may not have been read then: see read_coverage().

    Raises
    ------
    InvalidInput
        If the folder has no snapshot.

    Warns
    -----
    UserWarning
        For each file that is damaged, and left out.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> for day in ("2026-01-05", "2026-01-06"):
    ...     _ = kvs.save_snapshot(kvs.inventory(), "history", date=day)
    >>> kvs.read_snapshots("history").groupby("date").size().tolist()
    [11, 11]
    """
    damage: dict[Path, list[str]] = {}
    joined = _concat_days(directory, lambda folder: _read_day(folder, damage))
    for folder, messages in damage.items():
        for message in messages:
            warn_caller(f"Left out of {folder.name}: {message}")
    known = [*SNAPSHOTS] if joined[TAGS].notna().all() else [*SNAPSHOTS, "tags_source"]
    wide = pd.concat([joined[known], _tag_columns(joined[TAGS])], axis="columns")
    return wide[order_columns(wide.columns)]


def read_coverage(directory: File) -> pd.DataFrame:
    """Read the coverage of all snapshots of a folder as one long frame.

    Parameters
    ----------
    directory
        The folder that save_snapshot() writes to.

    Returns
    -------
    pandas.DataFrame
        date (datetime64[ms]) and the columns of coverage, in the order of
        date, account, region. An account-region whose file is missing or
        damaged has the status ``error``.

    Raises
    ------
    InvalidInput
        If the folder has no snapshot.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-05")
    >>> kvs.read_coverage("history")[["date", "region", "status", "channels"]]
            date     region status  channels
    0 2026-01-05  us-east-1     ok         0
    """
    return _concat_days(directory, read_coverage_file)


def snapshot_folders(directory: File) -> dict[str, Path]:
    """Return the folder of each day, oldest first; raise InvalidInput if there is none."""
    path = check_path("directory", directory)
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise InvalidInput(f"Can't read {path}: {error.strerror}. Create it with save_snapshot().") from error
    whole = [name for name in names if DAY_FOLDER.fullmatch(name)]
    aside = [match[1] for name in names if (match := LEFTOVER.fullmatch(name)) and match[3] == "old"]
    found = {
        name.removeprefix("date="): path / name
        for name in sorted({*whole, *aside})
        if _is_date(name.removeprefix("date="))
    }
    if not found:
        raise InvalidInput(f"{path} has no snapshot (date=YYYY-MM-DD). Save one with save_snapshot().")
    return found


def parse_date(day: DateLike) -> str:
    """Return a day as YYYY-MM-DD, also "today" and "yesterday" in UTC; raise InvalidInput if it is not an ISO 8601 date."""
    if isinstance(day, str) and day in DAYS_AGO:
        return (datetime.now(UTC).date() - timedelta(days=DAYS_AGO[day])).isoformat()
    try:
        return date.fromisoformat(str(day.date() if isinstance(day, datetime) else day)).isoformat()
    except ValueError as error:
        raise InvalidInput(
            f"{format_value(day)} is not a valid date. Expected a day, such as '2026-01-05', 'today' or 'yesterday'."
        ) from error


def check_all_channels(inventory: Inventory, consequence: str) -> None:
    """Raise InvalidInput if an inventory has only the channels of a prefix."""
    if inventory.prefix is not None:
        raise InvalidInput(
            f"This inventory has only channels that begin with {inventory.prefix!r}, so the others would {consequence}. "
            "Read one without prefix=."
        )


def _is_date(text: str) -> bool:
    try:
        return bool(parse_date(text))
    except InvalidInput:
        return False


# --- reading


def _concat_days(directory: File, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    """Return the frames that ``read`` returns of each day's folder, below each other, with the date in the first column."""
    frames = []
    for day, folder in snapshot_folders(directory).items():
        frame = read_whole([folder], partial(read, folder))
        frame.insert(0, "date", pd.Series(pd.Timestamp(day), frame.index, DATE))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _read_day(folder: Path, damage: dict[Path, list[str]]) -> pd.DataFrame:
    """Return the channels of a day, with the tags_source of each; set what is damaged of it."""
    snapshot = Snapshot.open(folder)
    tables, damage[folder] = _undamaged_tables(snapshot)
    channels = concat(tables, COLUMNS)
    sources = dict(zip(account_region_keys(snapshot.coverage), snapshot.coverage["tags_source"], strict=True))
    of_rows = pd.Series([sources[key] for key in account_region_keys(channels)], channels.index, TEXT)
    unread_alone = channels[TAGS].isna() & of_rows.isin(TAGS_READ)
    return channels.assign(tags_source=of_rows.mask(unread_alone, FAILED))


def _undamaged_tables(snapshot: Snapshot) -> tuple[list[pd.DataFrame], list[str]]:
    """Return the tables that can be read, and why others cannot."""
    damage = snapshot.coverage.loc[snapshot.coverage["error_code"] == DamagedFile.__name__, "message"].tolist()
    tables = []
    for key in snapshot.keys_read():
        try:
            tables.append(snapshot.table(key).to_pandas())
        except DamagedFile as error:
            damage.append(str(error))
    return tables, damage


def _tag_columns(texts: pd.Series) -> pd.DataFrame:
    """Return a ``tag:<key>`` column for each key of JSON objects; each distinct text is parsed once."""
    codes, distinct = pd.factorize(texts)
    known = [json.loads(text) for text in distinct]
    keys = sorted({key for tags in known for key in tags})
    no_tags: dict[str, str] = {}
    columns = {
        TAG_PREFIX + key: pd.array([tags.get(key) for tags in [*known, no_tags]], dtype=TEXT).take(codes)  # type: ignore[call-overload]
        for key in keys
    }
    return pd.DataFrame(columns, index=texts.index)
