"""One snapshot as files: a Parquet table for each account-region that was read, and its coverage.

An account-region's file is ``<account_id>_<region>.parquet``. Coverage is ``_coverage.csv``, whose leading ``_`` makes readers of
the whole folder skip it; it also holds the SHA-256 of each file, since Parquet may read a flipped bit as another channel. Files
and folders are readable by their owner alone.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kvs_notebook.atomic_file import OWNER_ONLY, replace_file
from kvs_notebook.dataframes.files import read_csv, to_csv
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TEXT
from kvs_notebook.errors import DamagedFile, ExportFailed, KVSError
from kvs_notebook.fleet.coverage import TAGS_READ, AccountRegionKey, account_region_keys, coverage_frame, unread_row
from kvs_notebook.fleet.inventory import Inventory

if TYPE_CHECKING:
    import pyarrow as pa

COVERAGE_FILE = "_coverage.csv"
DIGEST = "digest"
OWNER_ONLY_FOLDER = 0o700
TAGS = "tags"
COLUMNS = {"account_id": TEXT, "region": TEXT, "account_name": TEXT, **CHANNELS, TAGS: TEXT}
NOT_READ_THEN = "The account-region counts as not read on that day."


class Snapshot:
    """An inventory of one day: its coverage, and a table for each account-region, read when it is used.

    Attributes
    ----------
    coverage
        The coverage frame.
    """

    def __init__(self, coverage: pd.DataFrame, read: Callable[[AccountRegionKey], pa.Table]) -> None:
        self.coverage = coverage
        self._read = read

    @classmethod
    def from_inventory(cls, inventory: Inventory) -> Snapshot:
        """Create a snapshot of an inventory."""
        channels = _with_tags_as_json(inventory)
        tables: dict[Any, pd.DataFrame] = dict(iter(channels.groupby(["account_id", "region"], sort=False)))
        no_channels = channels.iloc[:0]
        return cls(inventory.coverage, lambda key: _arrow_table(tables.get(key, no_channels)))

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        """Open a saved snapshot; an account-region whose file is damaged has the status ``error``, or raises when it is read."""
        digests = _read_digests(folder)
        return cls(read_coverage_file(folder), lambda key: _read_table(_table_path(folder, key), digests.get(key, "")))

    def keys_read(self) -> list[AccountRegionKey]:
        """Return the account-regions that were read."""
        return account_region_keys(self.coverage[self.coverage["status"] == "ok"])

    def table(self, key: AccountRegionKey) -> pa.Table:
        """Return the channels of an account-region; raise DamagedFile if its file cannot be read."""
        return self._read(key)

    def save(self, folder: Path) -> None:
        """Write the snapshot to a folder, replacing an older one at the end; raise ExportFailed if it cannot be written."""
        with _replace_folder(folder) as part:
            digests = {key: _write_table(self.table(key), _table_path(part, key)) for key in self.keys_read()}
            of_rows = [digests.get(key) for key in account_region_keys(self.coverage)]
            with replace_file(part / COVERAGE_FILE, permissions=OWNER_ONLY) as stream:
                to_csv(self.coverage.assign(**{DIGEST: _text_array(of_rows)}), stream)


# --- tags


def _with_tags_as_json(inventory: Inventory) -> pd.DataFrame:
    """Return the columns of a snapshot; a channel without tags has ``{}``, one whose tags were not read a missing value."""
    tags_by_arn: dict[str, dict[str, str]] = {}
    tags = inventory.tags
    for arn, key, value in zip(tags["channel_arn"], tags["key"], tags["value"], strict=True):
        tags_by_arn.setdefault(arn, {})[key] = value
    channels = inventory.channels
    tags_known = inventory.tags_sources().isin(TAGS_READ)
    texts = [
        _to_json(tags_by_arn.get(arn, {})) if is_known else None
        for is_known, arn in zip(tags_known, channels["channel_arn"], strict=True)
    ]
    names = [inventory.account_names.get(account_id) for account_id in channels["account_id"]]
    return channels.assign(account_name=_text_array(names), tags=_text_array(texts))[[*COLUMNS]]


def _text_array(values: list[str | None]) -> Any:
    return pd.array(values, dtype=TEXT)  # type: ignore[call-overload]


def _to_json(tags: Mapping[str, str]) -> str:
    return json.dumps(tags, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# --- tables


def _table_path(folder: Path, key: AccountRegionKey) -> Path:
    account_id, region = key
    return folder / f"{account_id}_{region}.parquet"


def _arrow_schema() -> pa.Schema:
    """Return the types of every file, also of an empty one; none is a dictionary, which not every reader takes for text."""
    import pyarrow as pa

    types = {"creation_time": pa.timestamp("ms", tz="UTC"), "message_ttl_seconds": pa.int64()}
    return pa.schema([(column, types.get(column, pa.string())) for column in COLUMNS])


def _arrow_table(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, schema=_arrow_schema(), preserve_index=False)


def _write_table(table: pa.Table, path: Path) -> str:
    """Write a table and return the digest of its file."""
    import pyarrow as pa
    import pyarrow.parquet

    buffer = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, buffer)
    content = buffer.getvalue()
    with replace_file(path, binary=True, permissions=OWNER_ONLY) as stream:
        stream.write(content)
    return _digest(content)


def _digest(content: pa.Buffer) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _read_table(path: Path, digest: str) -> pa.Table:
    """Read a table; raise DamagedFile if the file cannot be read or is not the one that was saved."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        content = pa.py_buffer(path.read_bytes())
        if digest != _digest(content):
            raise DamagedFile(f"{path} is not the file that was saved. {NOT_READ_THEN}")
        with pyarrow.parquet.ParquetFile(content) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise DamagedFile(f"Can't read {path}: {error}. {NOT_READ_THEN}") from error
    if not table.schema.equals(_arrow_schema()):
        raise DamagedFile(f"{path} does not have the columns of a snapshot. {NOT_READ_THEN}")
    return table


# --- files


@contextmanager
def _replace_folder(final: Path) -> Iterator[Path]:
    """Yield a folder to write to, which is renamed to ``final`` at the end.

    Raises
    ------
    ExportFailed
        If it cannot be written; the older folder is unchanged.
    """
    part, old = (final.with_name(f".{secrets.token_hex(8)}.{end}") for end in ("part", "old"))
    try:
        final.parent.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        part.mkdir(mode=OWNER_ONLY_FOLDER)
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
            f"Can't write {final}: {error.strerror or error}. Choose a folder that you may write to, on a disk with space "
            "left; what was there before is unchanged."
        ) from error
    finally:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)


# --- coverage


def _read_digests(folder: Path) -> dict[AccountRegionKey, str]:
    """Return the digest of each file as it was saved."""
    try:
        saved = read_csv(folder / COVERAGE_FILE)
        known = saved[saved[DIGEST].notna()]
    except (KVSError, KeyError):
        return {}  # read_coverage_file() reports it, and no account-region counts as read
    return dict(zip(account_region_keys(known), known[DIGEST], strict=True))


def read_coverage_file(folder: Path) -> pd.DataFrame:
    """Read the coverage of a snapshot; the status is ``error`` if a table is damaged, and everywhere if the coverage file is."""
    try:
        coverage = read_csv(folder / COVERAGE_FILE)[[*COVERAGE]]
    except (KVSError, KeyError) as error:
        damage = DamagedFile(f"Can't read {folder / COVERAGE_FILE}: {error}")
        keys = (path.stem.partition("_")[::2] for path in folder.glob("*_*.parquet"))
        return coverage_frame([unread_row(account_id, region, damage) for account_id, region in keys])
    for row in coverage.index[coverage["status"] == "ok"]:
        account_id, region, channels = coverage.loc[row, ["account_id", "region", "channels"]]
        damage_found = _find_damage(_table_path(folder, (account_id, region)), int(channels))
        if damage_found is not None:
            unread = unread_row(account_id, region, damage_found)
            coverage.loc[row, [*unread]] = [*unread.values()]
    return coverage


def _find_damage(path: Path, channels: int) -> DamagedFile | None:
    """Check the end of a file, where Parquet keeps the number of rows; the rest is checked when the table is read."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        return DamagedFile(f"Can't read {path}: {error}")
    if rows != channels:
        return DamagedFile(f"{path} has {rows} channels (expected {channels}, from its coverage)")
    return None
