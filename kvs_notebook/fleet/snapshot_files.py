"""Snapshot: one day's inventory as files, a Parquet table for each unit that was read, and coverage beside them.

A unit's file is ``<account_id>_<region>.parquet``; coverage is ``_coverage.csv``, which whoever reads the whole folder as one
table passes over, since its name begins with ``_``. It holds the SHA-256 of each unit's file, too: one flipped bit can be another
channel to Parquet. Files and folders are readable by their owner alone.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.files import read_csv, to_csv
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TEXT
from kvs_notebook.errors import DamagedFile, ExportFailed, KVSError
from kvs_notebook.fleet.account_region import unread
from kvs_notebook.fleet.inventory import Inventory

if TYPE_CHECKING:
    import pyarrow as pa

Place: TypeAlias = tuple[str, str]
"""An account and a region."""

COVERAGE_FILE = "_coverage.csv"
DIGEST = "digest"
OURS_ALONE, FOLDER_OURS_ALONE = 0o600, 0o700
TAGS = "tags"
COLUMNS = {"account_id": TEXT, "region": TEXT, "account_name": TEXT, **CHANNELS, TAGS: TEXT}


class Snapshot:
    """A day's inventory: its coverage, and the table of each unit, read when it is asked for.

    Attributes
    ----------
    coverage
        The coverage frame.
    """

    def __init__(self, coverage: pd.DataFrame, read: Callable[[Place], pa.Table]) -> None:
        self.coverage = coverage
        self._read = read

    @classmethod
    def of(cls, inventory: Inventory) -> Snapshot:
        """Make one of an inventory that was just read."""
        channels = _with_tags_as_json(inventory)
        units: dict[Any, pd.DataFrame] = dict(iter(channels.groupby(["account_id", "region"], sort=False)))
        nothing = channels.iloc[:0]
        return cls(inventory.coverage, lambda place: _arrow(units.get(place, nothing)))

    @classmethod
    def at(cls, folder: Path) -> Snapshot:
        """Open one that was saved; a unit whose file is damaged is an ``error`` in its coverage, or when it is read."""
        digests = _digests_at(folder)
        return cls(coverage_at(folder), lambda place: _table_at(_file_of(folder, place), digests.get(place, "")))

    def places(self) -> list[Place]:
        """Give the units that were read."""
        read = self.coverage[self.coverage["status"] == "ok"]
        return list(zip(read["account_id"], read["region"], strict=True))

    def table(self, place: Place) -> pa.Table:
        """Give a unit's channels; DamagedFile where its file cannot be read."""
        return self._read(place)

    def save(self, folder: Path) -> None:
        """Write it to a folder, which takes the place of an older one once it is whole; ExportFailed where that cannot be."""
        with _replacing(folder) as part:
            digests = {place: _write_table(self.table(place), _file_of(part, place)) for place in self.places()}
            units = zip(self.coverage["account_id"], self.coverage["region"], strict=True)
            coverage = self.coverage.assign(**{DIGEST: _text([digests.get(place) for place in units])})
            with _ours_alone(part / COVERAGE_FILE).open("w", encoding="utf-8", newline="") as stream:
                to_csv(coverage, stream)


# --- tags


def _with_tags_as_json(inventory: Inventory) -> pd.DataFrame:
    """Give the columns of a snapshot; no tag is {}, tags that were not read are missing."""
    found: dict[str, dict[str, str]] = {}
    tags = inventory.tags
    for arn, key, value in zip(tags["channel_arn"], tags["key"], tags["value"], strict=True):
        found.setdefault(arn, {})[key] = value
    coverage = inventory.coverage[inventory.coverage["tags_source"].isin(["bulk", "each"])]
    were_read = set(zip(coverage["account_id"], coverage["region"], strict=True))
    channels = inventory.channels
    places = zip(channels["account_id"], channels["region"], strict=True)
    texts = [
        _as_json(found.get(arn, {})) if place in were_read else None
        for place, arn in zip(places, channels["channel_arn"], strict=True)
    ]
    names = [inventory.account_names.get(account_id) for account_id in channels["account_id"]]
    return channels.assign(account_name=_text(names), tags=_text(texts))[[*COLUMNS]]


def _text(values: list[str | None]) -> Any:
    return pd.array(values, dtype=TEXT)  # type: ignore[call-overload]


def _as_json(tags: Mapping[str, str]) -> str:
    return json.dumps(tags, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# --- files


def _file_of(folder: Path, place: Place) -> Path:
    account_id, region = place
    return folder / f"{account_id}_{region}.parquet"


def _schema() -> pa.Schema:
    """Give the types that every file has, an empty one too; none of them is a dictionary, which readers tell apart."""
    import pyarrow as pa

    types = {"creation_time": pa.timestamp("ms", tz="UTC"), "message_ttl_seconds": pa.int64()}
    return pa.schema([(column, types.get(column, pa.string())) for column in COLUMNS])


def _arrow(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, schema=_schema(), preserve_index=False)


def _write_table(table: pa.Table, path: Path) -> str:
    """Write a unit's file, and give its digest."""
    import pyarrow as pa
    import pyarrow.parquet

    written = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, written)
    content = written.getvalue()
    with _ours_alone(path).open("wb") as stream:
        stream.write(content)
    return _digest(content)


def _digest(content: pa.Buffer) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _table_at(path: Path, digest: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        content = pa.py_buffer(path.read_bytes())
        if digest != _digest(content):
            raise DamagedFile(f"{path} is not what was saved. The unit counts as not read on that day.")
        with pyarrow.parquet.ParquetFile(content) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise DamagedFile(f"{path} cannot be read: {error}. The unit counts as not read on that day.") from error
    if not table.schema.equals(_schema()):
        raise DamagedFile(f"{path} has other columns than a snapshot. The unit counts as not read on that day.")
    return table


def _ours_alone(path: Path) -> Path:
    """Make a file that its owner alone may read, whatever the umask says."""
    path.touch(OURS_ALONE)
    return path


@contextmanager
def _replacing(final: Path) -> Iterator[Path]:
    """Give a folder to write to, which takes the place of ``final`` once it is whole."""
    part, old = (final.with_name(f".{secrets.token_hex(8)}.{end}") for end in ("part", "old"))
    try:
        final.parent.mkdir(mode=FOLDER_OURS_ALONE, parents=True, exist_ok=True)
        part.mkdir(mode=FOLDER_OURS_ALONE)
        yield part
        if final.exists():
            final.rename(old)
        try:
            part.rename(final)
        except OSError:
            if old.exists():
                old.rename(final)
            raise
    except OSError as error:
        raise ExportFailed(
            f"Can't write {final}: {error.strerror or error}. Choose a folder that you may write to, on a disk with room; "
            "what was there before is unchanged."
        ) from error
    finally:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)


# --- coverage


def _digests_at(folder: Path) -> dict[Place, str]:
    """Give the digest that each unit's file was saved with."""
    try:
        saved = read_csv(folder / COVERAGE_FILE)
        known = saved[saved[DIGEST].notna()]
    except (KVSError, KeyError):
        return {}  # coverage_at() says so, and no unit is asked for
    return dict(zip(zip(known["account_id"], known["region"], strict=True), known[DIGEST], strict=True))


def coverage_at(folder: Path) -> pd.DataFrame:
    """Read a day's coverage; where that cannot be, no unit of the day counts as read."""
    try:
        coverage = read_csv(folder / COVERAGE_FILE)
        coverage = coverage[[*COVERAGE]]
    except (KVSError, KeyError) as error:
        problem = DamagedFile(f"{folder / COVERAGE_FILE} cannot be read: {error}")
        places = sorted(path.stem.partition("_")[::2] for path in folder.glob("*_*.parquet"))
        rows = [unread(account_id, region, problem) for account_id, region in places]
        return rows_frame([tuple(row[column] for column in COVERAGE) for row in rows], COVERAGE)
    read = coverage[coverage["status"] == "ok"]
    for row in read.index:
        account_id, region, channels = coverage.loc[row, ["account_id", "region", "channels"]]
        damage = _damage_of(_file_of(folder, (account_id, region)), int(channels))
        if damage is not None:
            gap = unread(account_id, region, damage)
            coverage.loc[row, [*gap]] = [*gap.values()]
    return coverage


def _damage_of(path: Path, channels: int) -> DamagedFile | None:
    """Look whether a file is whole, by its end: the pages before that are read when they are needed."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        return DamagedFile(f"{path} cannot be read: {error}")
    if rows != channels:
        return DamagedFile(f"{path} has {rows} channels; coverage says {channels}")
    return None
