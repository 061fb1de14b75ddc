"""History: a snapshot of the fleet a day, as Parquet that pandas, Dask, DuckDB and Athena read with the same types."""

from __future__ import annotations

import json
import re
import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from kvs_notebook.dataframes.builders import concat
from kvs_notebook.dataframes.files import File
from kvs_notebook.dataframes.schemas import DATE, SNAPSHOTS, TAG_PREFIX, TEXT
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.fleet.snapshot_files import COLUMNS, TAGS, Snapshot, coverage_at
from kvs_notebook.formatting import format_value

Day: TypeAlias = str | date

FOLDER = re.compile(r"date=(\d{4}-\d\d-\d\d)")


def save_snapshot(inventory: Inventory, directory: File, *, date: Day | None = None) -> Path:
    """Save an inventory as the snapshot of a day.

    Parameters
    ----------
    inventory
        What inventory() gave; one of a prefix only is refused, since the rest would look deleted.
    directory
        Where snapshots are kept: ``DIR/date=YYYY-MM-DD/<account_id>_<region>.parquet``, one file for each unit that was read, and
        ``_coverage.csv``; readable by their owner alone.
    date
        The day, today's in UTC where none is given. A snapshot of that day that is there already is replaced, as a whole and at
        the end.

    Returns
    -------
    pathlib.Path
        The folder of that day.

    Raises
    ------
    InvalidInput
        For a date that is none, and for an inventory of a prefix.
    ExportFailed
        When it cannot be written; what was there before is unchanged.

    Notes
    -----
    Each file has the columns of the channels frame, ``account_name``, and ``tags``: a JSON object of text, missing where the
    tags were not read.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-05").name
    'date=2026-01-05'
    """
    if inventory.prefix is not None:
        raise InvalidInput(
            f"This inventory has only channels that begin with {inventory.prefix!r}: the rest would look deleted in a "
            "comparison. Save one of whole units, without prefix=."
        )
    day = day_of(datetime.now(UTC).date() if date is None else date)
    folder = Path(directory) / f"date={day}"
    Snapshot.of(inventory).save(folder)
    return folder


def read_snapshots(directory: File) -> pd.DataFrame:
    """Read all snapshots of a folder as one long frame.

    Parameters
    ----------
    directory
        Where save_snapshot() has put them.

    Returns
    -------
    pandas.DataFrame
        date (datetime64[ms]), account_name, the columns of the channels frame, and a ``tag:<key>`` column (str) for each key; in
        the order of date, account, region, name. What a day does not have may not have been read on it:
        read_coverage() tells.

    Raises
    ------
    InvalidInput
        Where there is no snapshot.

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
    frames = []
    for day, folder in folders(directory).items():
        channels = concat(_whole_tables(Snapshot.at(folder), folder), COLUMNS)
        channels.insert(0, "date", pd.Series(pd.Timestamp(day), channels.index, DATE))
        frames.append(channels)
    joined = pd.concat(frames, ignore_index=True)
    return pd.concat([joined[[*SNAPSHOTS]], _tag_columns(joined[TAGS])], axis="columns")


def read_coverage(directory: File) -> pd.DataFrame:
    """Read what the snapshots of a folder say of their coverage, as one long frame.

    Parameters
    ----------
    directory
        Where save_snapshot() has put them.

    Returns
    -------
    pandas.DataFrame
        date (datetime64[ms]) and the columns of coverage, in the order of date, account, region. A unit whose file is missing or
        damaged has the status ``error``.

    Raises
    ------
    InvalidInput
        Where there is no snapshot.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-05")
    >>> kvs.read_coverage("history")[["date", "region", "status", "channels"]]
            date     region status  channels
    0 2026-01-05  us-east-1     ok         0
    """
    frames = []
    for day, folder in folders(directory).items():
        coverage = coverage_at(folder)
        coverage.insert(0, "date", pd.Series(pd.Timestamp(day), coverage.index, DATE))
        frames.append(coverage)
    return pd.concat(frames, ignore_index=True)


def folders(directory: File) -> dict[str, Path]:
    """Give the folder of each day, oldest first; InvalidInput where there is none."""
    path = Path(directory)
    try:
        names = sorted(each.name for each in path.iterdir())
    except OSError as error:
        raise InvalidInput(f"Can't read {path}: {error.strerror}. save_snapshot() makes it.") from error
    found = {match[1]: path / name for name in names if (match := FOLDER.fullmatch(name)) and _is_day(match[1])}
    if not found:
        raise InvalidInput(f"{path} has no snapshot: save_snapshot() writes one to date=YYYY-MM-DD in it.")
    return found


def day_of(day: Day) -> str:
    """Give a day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(str(day.date() if isinstance(day, datetime) else day)).isoformat()
    except ValueError as error:
        raise InvalidInput(f"date={format_value(day)}: give a day, such as '2026-01-05'.") from error


def _is_day(text: str) -> bool:
    try:
        return bool(day_of(text))
    except InvalidInput:
        return False


# --- reading


def _whole_tables(snapshot: Snapshot, folder: Path) -> list[pd.DataFrame]:
    """Give the tables that can be read, and warn of those that cannot."""
    damage = snapshot.coverage.loc[snapshot.coverage["error_code"] == DamagedFile.__name__, "message"].tolist()
    tables = []
    for place in snapshot.places():
        try:
            tables.append(snapshot.table(place).to_pandas())
        except DamagedFile as error:
            damage.append(str(error))
    for message in damage:
        warnings.warn(f"Left out of {folder.name}: {message}", stacklevel=3)
    return tables


def _tag_columns(texts: pd.Series) -> pd.DataFrame:
    """Give a ``tag:<key>`` column for each key that occurs; each text that occurs is taken apart once."""
    codes, distinct = pd.factorize(texts)
    known = [json.loads(text) for text in distinct]
    keys = sorted({key for tags in known for key in tags})
    none: dict[str, str] = {}
    columns = {
        TAG_PREFIX + key: pd.array([tags.get(key) for tags in [*known, none]], dtype=TEXT).take(codes)  # type: ignore[call-overload]
        for key in keys
    }
    return pd.DataFrame(columns, index=texts.index)
