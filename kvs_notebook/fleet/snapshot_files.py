"""One snapshot as files: a Parquet table for each account-region that was read, and its coverage.

An account-region's file is ``<account_id>_<region>.parquet``. Coverage is ``_coverage.csv``, whose leading ``_`` makes readers of
the whole folder skip it; it also holds the SHA-256 of each file, since Parquet may read a flipped bit as another channel. Files
and folders are readable by their owner alone.

A day is written to ``.date=DAY.<hex>.part``. To replace one, the older folder is renamed to ``.date=DAY.<hex>.old``, then the new
one takes its place: in between, readers find the older one, and the next save puts it back if the process was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from kvs_notebook.arguments import path_exists
from kvs_notebook.atomic_file import OWNER_ONLY, check_regular, replace_file
from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.regions import check_region_code
from kvs_notebook.aws.reply_check import LATEST_TIME
from kvs_notebook.dataframes.files import read_csv, to_csv
from kvs_notebook.dataframes.input_limits import parquet_table, read_limited
from kvs_notebook.dataframes.schemas import COVERAGE, INTEGER, TAGS_READ, TEXT, TIME
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput, KVSError
from kvs_notebook.fleet.coverage import AccountRegionKey, account_region_keys, coverage_frame, unread_row
from kvs_notebook.fleet.inventory import Inventory

if TYPE_CHECKING:
    import pyarrow as pa

Result = TypeVar("Result")

DAY_FOLDER = re.compile(r"date=(\d{4}-\d\d-\d\d)")
LEFTOVER = re.compile(r"\.(date=\d{4}-\d\d-\d\d)\.([0-9a-f]{16})\.(part|old)")
READ_ATTEMPTS = 20
"""How often a day is read again because it was replaced while it was read."""

WRITING_SECONDS = 3600.0
"""On Windows, where folders cannot be locked: the age from which one counts as left by a killed process."""

COVERAGE_FILE = "_coverage.csv"
DIGEST = "digest"
DIGEST_PATTERN = "sha256:[0-9a-f]{64}"
OWNER_ONLY_FOLDER = 0o700
YEAR_1 = -62_135_596_800
"""The first second that Python has a date for, in epoch seconds."""

TAGS = "tags"
_JSON_TEXT = r'"([^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00[01][0-9a-f])*"'
TAGS_PATTERN = rf"^\{{({_JSON_TEXT}:{_JSON_TEXT}(,{_JSON_TEXT}:{_JSON_TEXT})*)?\}}$"
"""A JSON object of texts, as _to_json() writes it, in the syntax of RE2."""

COLUMNS = {
    "account_id": TEXT,
    "region": TEXT,
    "account_name": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "channel_type": TEXT,
    "channel_status": TEXT,
    "creation_time": TIME,
    "message_ttl_seconds": INTEGER,
    "version": TEXT,
    TAGS: TEXT,
}
"""The columns of every file, in an order that does not change: DuckDB combines the files of a folder by position."""

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
        coverage, digests = _read_coverage(folder)
        return cls(coverage, lambda key: _read_table(_table_path(find_day(folder), key), digests[key], key))

    def keys_read(self) -> list[AccountRegionKey]:
        """Return the account-regions that were read."""
        return account_region_keys(self.coverage[self.coverage["status"] == "ok"])

    def table(self, key: AccountRegionKey) -> pa.Table:
        """Return the channels of an account-region; raise DamagedFile if its file cannot be read."""
        return self._read(key)

    def save(self, folder: Path) -> None:
        """Write the snapshot to a folder, replacing an older one at the end; raise ExportFailed if it cannot be written.

        Raises
        ------
        InvalidInput
            If an account id or a region is not valid: a file name made from it could leave the folder. Nothing is written.
        """
        for key in self.keys_read():
            _table_path(folder, key)
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
    for arn, key, value in zip(*(tags[name].tolist() for name in ("channel_arn", "key", "value")), strict=True):
        tags_by_arn.setdefault(arn, {})[key] = value
    channels = inventory.channels
    tags_known = inventory.tags_sources().isin(TAGS_READ)
    texts = [
        _to_json(tags_by_arn.get(arn, {})) if is_known else None
        for is_known, arn in zip(tags_known, channels["channel_arn"].tolist(), strict=True)
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
    return folder / f"{check_account_id(account_id)}_{check_region_code(region)}.parquet"


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


def _read_table(path: Path, digest: str, key: AccountRegionKey) -> pa.Table:
    """Read a table; raise DamagedFile if the file cannot be read, is not the one that was saved, or has what save() never writes.

    The digest is beside the file: a program that changes one can change the other.
    """
    import pyarrow as pa

    try:
        content = pa.py_buffer(read_limited(path, only_regular=True))
        is_saved = digest == _digest(content)
        table = parquet_table(content, str(path)) if is_saved else None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DamagedFile(f"Can't read {path}: {str(error).removesuffix('.')}. {NOT_READ_THEN}") from error
    if table is None:
        raise DamagedFile(f"{path} is not the file that was saved. {NOT_READ_THEN}")
    if not table.schema.equals(_arrow_schema()):
        raise DamagedFile(f"{path} does not have the columns of a snapshot. {NOT_READ_THEN}")
    wrong = [column for column, is_right in _column_checks(table, key) if not is_right]
    if wrong:
        raise DamagedFile(f"{path} has a value in {', '.join(wrong)} that was not saved. {NOT_READ_THEN}")
    return table


def _column_checks(table: pa.Table, key: AccountRegionKey) -> Iterator[tuple[str, bool]]:
    """Yield columns, and whether each has only values that are written; what readers assume of the others always holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column, value in zip(("account_id", "region"), key, strict=True):
        yield column, pc.all(pc.equal(table[column], value), skip_nulls=False, min_count=0).as_py() is True
    for column in ("channel_name", "channel_arn"):
        yield column, table[column].null_count == 0
    times = pc.min_max(table["creation_time"].cast(pa.int64())).as_py()
    yield "creation_time", all(time is None or YEAR_1 <= time / 1_000 < LATEST_TIME for time in times.values())
    yield TAGS, pc.all(pc.match_substring_regex(table[TAGS], TAGS_PATTERN)).as_py() is not False


# --- files


@contextmanager
def _replace_folder(final: Path) -> Iterator[Path]:
    """Yield a folder to write to, which is renamed to ``final`` at the end.

    Raises
    ------
    ExportFailed
        If it cannot be written; the older folder is unchanged.
    """
    name = f".{final.name}.{secrets.token_hex(8)}"
    part, old = final.with_name(f"{name}.part"), final.with_name(f"{name}.old")
    try:
        final.parent.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        try:
            _remove_leftovers(final.parent)
            part.mkdir(mode=OWNER_ONLY_FOLDER)
            with _lock(part):
                yield part
                if final.exists():
                    final.rename(old)
                part.rename(final)
        finally:
            if old.exists() and not final.exists():  # interrupted between the two renames
                old.rename(final)
            for left in (part, old):
                _remove(left)
    except OSError as error:
        raise ExportFailed(
            f"Can't write {final}: {error.strerror or error}. Choose a folder that you may write to, on a disk with space "
            "left; what was there before is unchanged."
        ) from error


def find_day(final: Path) -> Path:
    """Return the folder of a day, or the renamed older one: while it is replaced, or after a process was killed."""
    if path_exists(final) or not path_exists(final.parent, as_folder=True):
        return final
    aside = final.parent.glob(f".{final.name}.*.old")
    return max(aside, key=lambda path: path.name, default=final)


def _remove_leftovers(directory: Path) -> None:
    """Put back the days that killed processes moved aside, and remove what they had begun to write."""
    for path in sorted(directory.iterdir()):
        match = LEFTOVER.fullmatch(path.name)
        if match is None or _is_being_written(directory / f".{match[1]}.{match[2]}.part"):
            continue
        if match[3] == "old" and not (directory / match[1]).exists():
            path.rename(directory / match[1])
        else:
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder, or what stands in its place, if it can be removed; rmtree() would wait for a pipe."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, which ends with the process."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_being_written(part: Path) -> bool:
    """Return whether a process that is alive holds the lock of a folder."""
    try:
        if sys.platform == "win32":
            return time.time() - part.stat().st_mtime < WRITING_SECONDS
        with _lock(part):
            return False
    except (FileNotFoundError, NotADirectoryError):
        return False
    except BlockingIOError:
        return True


def read_whole(folders: Iterable[Path], read: Callable[[], Result]) -> Result:
    """Return what ``read`` returns for the folders of days; call it again if one was replaced meanwhile.

    Raises
    ------
    DamagedFile
        If a folder is replaced again and again.
    """
    days = [*folders]
    for _ in range(READ_ATTEMPTS):
        before = [_state_of(day) for day in days]
        try:
            result = read()
        except KVSError:
            if before == [_state_of(day) for day in days]:
                raise
        else:
            if before == [_state_of(day) for day in days]:
                return result
    raise DamagedFile(f"{days[0].parent} was replaced {READ_ATTEMPTS} times while it was read. Read it again.")


def _state_of(day: Path) -> tuple[Path, int, int] | None:
    """Return what changes when a day is replaced: each save writes a new coverage file."""
    path = find_day(day) / COVERAGE_FILE
    try:
        found = path.stat()
    except OSError:
        return None
    return path, found.st_ino, found.st_mtime_ns


# --- coverage


def _parse_coverage(folder: Path) -> pd.DataFrame:
    """Return the coverage of a snapshot with its digests, as it was saved.

    Raises
    ------
    DamagedFile
        If the file cannot be read, or is not one that was saved.
    """
    path = folder / COVERAGE_FILE
    try:
        check_regular(path)
        saved = read_csv(path)
    except (OSError, KVSError) as error:
        raise DamagedFile(f"Can't read {path}: {error}") from error
    missing = [column for column in (*COVERAGE, DIGEST) if column not in saved]
    if missing:
        raise DamagedFile(f"{path} does not have the columns {', '.join(missing)}. {NOT_READ_THEN}")
    read = saved[saved["status"] == "ok"]
    if saved["status"].isna().any() or read[["channels", "tags_source"]].isna().any(axis=None):
        raise DamagedFile(f"{path} has empty cells in columns that are needed. {NOT_READ_THEN}")
    if not read[DIGEST].str.fullmatch(DIGEST_PATTERN).all():
        raise DamagedFile(f"{path} has a digest that was not saved. {NOT_READ_THEN}")
    try:
        for key in account_region_keys(read):
            _table_path(folder, key)
    except InvalidInput as error:
        raise DamagedFile(f"{path} was changed by another program: {error} {NOT_READ_THEN}") from error
    if read.duplicated(["account_id", "region"]).any():
        raise DamagedFile(f"{path} has two rows of one account-region. {NOT_READ_THEN}")
    return saved


def read_coverage_file(day: Path) -> pd.DataFrame:
    """Read the coverage of a snapshot; the status is ``error`` if a table is damaged, and everywhere if the coverage file is."""
    return _read_coverage(day)[0]


def _read_coverage(day: Path) -> tuple[pd.DataFrame, dict[AccountRegionKey, str]]:
    """Return the coverage of a snapshot, and the digest of each file as it was saved."""
    folder = find_day(day)
    try:
        saved = _parse_coverage(folder)
    except DamagedFile as error:
        return coverage_frame([unread_row(*key, error) for key in _keys_of_files(folder)]), {}
    coverage = saved[[*COVERAGE]]
    rows = zip(coverage.index, account_region_keys(coverage), coverage["status"], coverage["channels"], strict=True)
    for row, key, status, channels in rows:
        damage_found = _find_damage(_table_path(folder, key), channels) if status == "ok" else None
        if damage_found is not None:
            unread = unread_row(*key, damage_found)
            coverage.loc[row, [*unread]] = [*unread.values()]
    return coverage, dict(zip(account_region_keys(saved), saved[DIGEST], strict=True))


def _keys_of_files(folder: Path) -> Iterator[AccountRegionKey]:
    """Yield the account-regions that a folder has a file of."""
    for path in sorted(folder.glob("*_*.parquet")):
        account_id, _, region = path.stem.partition("_")
        try:
            _table_path(folder, (account_id, region))
        except InvalidInput:
            continue  # of another program
        yield account_id, region


def _find_damage(path: Path, channels: int) -> DamagedFile | None:
    """Check the end of a file, where Parquet keeps the number of rows; the rest is checked when the table is read."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        check_regular(path)
        rows = pyarrow.parquet.read_metadata(path).num_rows
    except (OSError, ValueError, pa.ArrowException) as error:  # also text that is not UTF-8
        return DamagedFile(f"Can't read {path}: {error}")
    if rows != channels:
        return DamagedFile(f"{path} has {rows} channels (expected {channels}, from its coverage)")
    return None
