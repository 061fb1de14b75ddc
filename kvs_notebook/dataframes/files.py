"""Write frames as CSV, JSON and Parquet, and read the CSV back.

The CSV contains no formulas that a spreadsheet would run, and reads back to the same frame. A file is replaced after the new
one is complete, so that other programs never read a part of it.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kvs_notebook.atomic_file import replace_file
from kvs_notebook.dataframes import schemas
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

File = str | os.PathLike[str]
Row = Sequence[str | None]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")
"""Characters that start a formula in a spreadsheet, and the apostrophe that is written before them."""

_NEEDS_QUOTES = re.compile(r'[",\r\n]')

_ENCODING = "utf-8-sig"
"""Spreadsheets save UTF-8 with a byte order mark, to_csv() writes none."""

_EXPORT_AGAIN = "Export the frame again with to_csv(); to open the file in a spreadsheet, import all columns as text."

_CELL_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "account_id": re.compile(r"\d{12}"),
    "channel_arn": re.compile(r"arn:\S+"),
    "creation_time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "message_ttl_seconds": re.compile(r"-?\d+"),
    # Spreadsheets write large numbers with E+; a valid name or version has no +.
    "channel_name": re.compile(r"(?!\d(\.\d+)?E\+\d+$).*", re.DOTALL),
    "version": re.compile(r"(?!\d(\.\d+)?E\+\d+$).*", re.DOTALL),
}
"""The format that to_csv() writes, for columns that spreadsheets are known to change."""


def to_csv(frame: pd.DataFrame, path: File | IO[str]) -> None:
    """Write a frame as UTF-8 CSV without formulas, which read_csv() reads back to the same frame.

    A cell that begins with ``= + - @``, TAB, CR or ``'`` is written with a ``'`` before it, an empty string as ``'``, and a
    missing value as an empty cell. Times are ISO 8601 in UTC with milliseconds.

    Parameters
    ----------
    frame
        Any frame of this package; other columns are written as text.
    path
        A file, which is replaced when the new one is complete, or a text stream.

    Raises
    ------
    ExportFailed
        If the file cannot be written; an older one is unchanged.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq", "Note": "=1+1"})
    >>> kvs.to_csv(kvs.list_tags("front-door"), "tags.csv")
    >>> with open("tags.csv") as file:
    ...     print(file.readlines()[1].split("/")[-1].strip())
    1767603601000,Note,'=1+1
    """
    columns = [_texts(frame[name]) for name in frame.columns]
    with open_output(path, "w") as stream:
        stream.write(_format_record([str(name) for name in frame.columns]))
        stream.writelines(map(_format_record, zip(*columns, strict=True)))


def to_json(frame: pd.DataFrame, path: File | IO[str]) -> None:
    """Write a frame as a JSON list with an object per row.

    Times are ISO 8601 in UTC with milliseconds, as in to_csv(); missing values are null.

    Parameters
    ----------
    frame
        Any frame of this package.
    path
        A file, which is replaced when the new one is complete, or a text stream.

    Raises
    ------
    ExportFailed
        If the file cannot be written; an older one is unchanged.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq"})
    >>> kvs.to_json(kvs.list_tags("front-door")[["channel_name", "key", "value"]], "tags.json")
    >>> with open("tags.json") as file:
    ...     print(file.read().strip())
    [
    {"channel_name": "front-door", "key": "Site", "value": "hq"}
    ]
    """
    columns = [_values(frame[name]) for name in frame.columns]
    rows = [
        json.dumps(dict(zip(frame.columns, row, strict=True)), ensure_ascii=False, default=str)
        for row in zip(*columns, strict=True)
    ]
    with open_output(path, "w") as stream:
        stream.write("[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n")


def to_parquet(frame: pd.DataFrame, path: File | IO[bytes]) -> None:
    """Write a frame as Parquet, each column of this package with its documented type, also if the frame is empty.

    Parameters
    ----------
    frame
        Any frame of this package; other columns have the type that pyarrow infers.
    path
        A file, which is replaced when the new one is complete, or a binary stream.

    Raises
    ------
    ExportFailed
        If the file cannot be written; an older one is unchanged.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> import pandas as pd
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door")
    >>> kvs.to_parquet(kvs.list_channels(), "channels.parquet")
    >>> pd.read_parquet("channels.parquet").equals(kvs.list_channels())
    True
    """
    import pyarrow as pa
    import pyarrow.parquet

    frame = frame.copy(deep=False)
    for name in filter(_is_secret, frame.columns):
        frame[name] = _texts(frame[name])
    table = pa.Table.from_pandas(frame, schema=_arrow_schema(frame), preserve_index=False)
    with open_output(path, "wb") as stream:
        pyarrow.parquet.write_table(table, stream)


def read_csv(path: File | IO[str]) -> pd.DataFrame:
    """Read a file that to_csv() wrote, with the columns and dtypes of the frame that was written.

    Parameters
    ----------
    path
        A file, or a text stream open_output with ``newline=""``.

    Returns
    -------
    pandas.DataFrame
        The columns of the file, each with its dtype in the frames of this package, else str.

    Raises
    ------
    DamagedFile
        If a spreadsheet or an editor has changed values that cannot be restored: an account, ARN, name, time or number. The
        message names the column and the rows, where the header is row 1.
    InvalidInput
        If the file does not exist or cannot be read.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("1E5")
    >>> kvs.to_csv(channel, "channels.csv")
    >>> kvs.read_csv("channels.csv").equals(channel)
    True
    """
    label = str(path) if isinstance(path, str | os.PathLike) else "The CSV"
    header, cells = _read_table(path, label)
    columns = {name: [row[position] for row in cells.values()] for position, name in enumerate(header)}
    _check_undamaged(columns, list(cells), label)
    try:
        return pd.DataFrame({name: _parse_column(name, values) for name, values in columns.items()})
    except (ValueError, OverflowError) as error:  # matches the pattern, but is not valid: 31 February
        raise DamagedFile(f"{label} has a value that to_csv() did not write: {error}. {_EXPORT_AGAIN}") from error


# --- values


def _values(column: pd.Series) -> list[Any]:
    """Return a column's values as text, numbers and None, with times as ISO 8601 text."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        times = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[ms]")
        texts = np.datetime_as_string(times, unit="ms").tolist()
        return [None if text == "NaT" else f"{text}Z" for text in texts]
    if column.name == "date" and column.dtype == schemas.DATE:
        days = np.datetime_as_string(column.to_numpy(dtype="datetime64[ms]"), unit="D").tolist()
        return [None if text == "NaT" else text for text in days]
    missing = column.isna().tolist()
    return [None if absent else value for value, absent in zip(column.tolist(), missing, strict=True)]


def _texts(column: pd.Series) -> list[str | None]:
    return [None if value is None else str(value) for value in _values(column)]


def _is_secret(name: str) -> bool:
    return schemas.dtype_of(name) == schemas.SECRET


def _parse_column(name: str, values: list[str | None]) -> Any:
    dtype = schemas.TEXT if _is_secret(name) else schemas.dtype_of(name) or schemas.TEXT
    if dtype == schemas.TIME:
        moments = [value and value.removesuffix("Z") for value in values]
        return pd.DatetimeIndex(np.array(moments, dtype="datetime64[ms]")).tz_localize("UTC")
    if dtype == schemas.DATE:
        return pd.DatetimeIndex(np.array(values, dtype="datetime64[ms]"))
    if dtype == schemas.INTEGER:
        return pd.array([None if value is None else int(value) for value in values], dtype="Int64")
    return pd.array(values, dtype=dtype)  # type: ignore[call-overload]


def _arrow_schema(frame: pd.DataFrame) -> pa.Schema:
    import pyarrow as pa

    types = {
        schemas.SECRET: pa.string(),
        schemas.TEXT: pa.string(),
        schemas.INTEGER: pa.int64(),
        schemas.TIME: pa.timestamp("ms", tz="UTC"),
        schemas.DATE: pa.timestamp("ms"),
    }
    guessed = pa.Schema.from_pandas(frame, preserve_index=False)
    return pa.schema([(each.name, types.get(schemas.dtype_of(each.name) or "", each.type)) for each in guessed])


# --- lines


def _format_record(cells: Row) -> str:
    """Return one line of CSV; csv.writer does not quote a lone CR if lines end in LF (before Python 3.13)."""
    line = ",".join(map(_format_cell, cells))
    return f"{line}\n" if line else '""\n'  # readers skip blank lines


def _format_cell(cell: str | None) -> str:
    if cell is None:
        return ""
    guarded = f"'{cell}" if not cell or cell.startswith(_FORMULA_STARTS) else cell
    return '"' + guarded.replace('"', '""') + '"' if _NEEDS_QUOTES.search(guarded) else guarded


def _parse_cell(cell: str) -> str | None:
    return cell.removeprefix("'") if cell else None


def _read_table(path: File | IO[str], label: str) -> tuple[list[str], dict[int, Row]]:
    """Return the header, and the records by row number, without blank lines."""
    records = {
        number: [_parse_cell(cell) for cell in record] for number, record in _read_records(path, label) if record
    }
    header = [name or "" for name in records.pop(1, [])]
    if not header:
        raise DamagedFile(f"{label} has no header in its first row. {_EXPORT_AGAIN}")
    if len(set(header)) < len(header) or not any(map(schemas.dtype_of, header)):
        raise DamagedFile(
            f"{label} has a header that to_csv() did not write: {', '.join(header)[:100]}. {_EXPORT_AGAIN}"
        )
    uneven = [number for number, record in records.items() if len(record) != len(header)]
    if uneven:
        raise DamagedFile(
            f"{label} has a wrong number of cells in {_name_rows(uneven)} (expected {len(header)}). {_EXPORT_AGAIN}"
        )
    return header, records  # type: ignore[return-value]


def _read_records(path: File | IO[str], label: str) -> Iterable[tuple[int, list[str]]]:
    try:
        if isinstance(path, str | os.PathLike):
            with Path(path).open(encoding=_ENCODING, newline="") as stream:
                return list(enumerate(csv.reader(stream, strict=True), start=1))
        return list(enumerate(csv.reader(path, strict=True), start=1))
    except OSError as error:
        raise InvalidInput(f"Can't read {label}: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise DamagedFile(f"{label} is not valid UTF-8 ({error.reason}). {_EXPORT_AGAIN}") from error
    except csv.Error as error:
        raise DamagedFile(f"{label} is not valid CSV: {error}. {_EXPORT_AGAIN}") from error


# --- damage


def _check_undamaged(columns: Mapping[str, list[str | None]], numbers: list[int], label: str) -> None:
    """Raise DamagedFile if a cell does not have the format that to_csv() writes."""
    damage = []
    for name, values in columns.items():
        arns = columns.get("channel_arn", []) if name == "channel_name" else []
        bad = {
            number: value
            for number, value, arn in zip_longest(numbers, values, arns)
            if not _matches_pattern(name, value) or _was_read_as_number(value, arn)
        }
        if bad:
            damage.append(f"{name} in {_name_rows([*bad])} ({next(iter(bad.values()))!r})")
    if damage:
        found = ", ".join(damage)
        raise DamagedFile(f"{label} was changed by another program, probably a spreadsheet: {found}. {_EXPORT_AGAIN}")


def _matches_pattern(name: str, value: str | None) -> bool:
    form = _CELL_PATTERNS.get(name)
    return value is None or form is None or form.fullmatch(value) is not None


def _was_read_as_number(name: str | None, arn: str | None) -> bool:
    """Return whether a spreadsheet read a name as a number: the ARN has 007 or 1E5, the cell 7 or 100000."""
    original = (arn or "").split("/")[1:2]
    if name is None or original in ([], [name]):
        return False
    try:
        return float(name) == float(original[0])
    except ValueError:
        return False


def _name_rows(rows: Sequence[int], most: int = 5) -> str:
    named = ", ".join(map(str, rows[:most]))
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}"


# --- files


@contextmanager
def open_output(path: File | IO[Any], mode: str) -> Iterator[IO[Any]]:
    """Open a stream to write a file, replaced when the block ends without an error; raise ExportFailed if that fails."""
    if not isinstance(path, str | os.PathLike):
        yield path
        return
    try:
        with _open_or_replace(Path(path).resolve(), mode) as stream:  # a symbolic link is kept
            yield stream
    except ExportFailed:  # of another file inside the block
        raise
    except OSError as error:
        raise ExportFailed(
            f"Can't write {path}: {error.strerror or error}. Choose a file in an existing folder with write permission; "
            "an older file is unchanged."
        ) from error


@contextmanager
def _open_or_replace(path: Path, mode: str) -> Iterator[IO[Any]]:
    """Open a stream that replaces a file when the block ends, or writes to a device or pipe (/dev/null) as it is."""
    binary = "b" in mode
    if path.exists() and not path.is_file():
        text: dict[str, Any] = {} if binary else {"encoding": "utf-8", "newline": ""}
        with path.open(mode, **text) as stream:
            yield stream
        return
    with replace_file(path, binary=binary) as stream:
        yield stream
