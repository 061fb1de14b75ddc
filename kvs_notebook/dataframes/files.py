"""Frames as files: CSV that a spreadsheet cannot run and that reads back to the same frame, Parquet and JSON.

A file is written beside its place and takes it once it is whole, so that nobody ever reads half a report.
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

_RUNNABLE = ("=", "+", "-", "@", "\t", "\r", "'")
"""What a spreadsheet may take for the start of a formula, and the apostrophe that guards it."""

_NEEDS_QUOTES = re.compile(r'[",\r\n]')

_MAYBE_WITH_BOM = "utf-8-sig"
"""Spreadsheets save UTF-8 with a byte order mark."""

_EXPORT_AGAIN = (
    "Export it again with to_csv() and read that file as it is; "
    "to look at it in a spreadsheet, import every column as text."
)

_FORMS: Mapping[str, re.Pattern[str]] = {
    "account_id": re.compile(r"\d{12}"),
    "channel_arn": re.compile(r"arn:\S+"),
    "creation_time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "message_ttl_seconds": re.compile(r"-?\d+"),
    # No legal name or version has a +, with which every spreadsheet writes a large number.
    "channel_name": re.compile(r"(?!\d(\.\d+)?E\+\d+$).*", re.DOTALL),
    "version": re.compile(r"(?!\d(\.\d+)?E\+\d+$).*", re.DOTALL),
}
"""What to_csv writes into a column, where a spreadsheet is known to write something else."""


def to_csv(frame: pd.DataFrame, path: File | IO[str]) -> None:
    """Write a frame as UTF-8 CSV that no spreadsheet runs and that read_csv() reads back to the same frame.

    A cell that begins with ``= + - @``, TAB, CR or ``'`` gets one leading ``'``; an empty string is written as ``'``; an absent
    value is blank. Times are ISO 8601 in UTC with milliseconds.

    Parameters
    ----------
    frame
        Any frame of this package; columns of your own are written as text.
    path
        A file, which is replaced once the new one is whole, or a text stream.

    Raises
    ------
    ExportFailed
        When the file cannot be written; what was there before is unchanged.

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
    columns = [_text(frame[name]) for name in frame.columns]
    with opened(path, "w") as stream:
        stream.write(_line([str(name) for name in frame.columns]))
        stream.writelines(map(_line, zip(*columns, strict=True)))


def to_json(frame: pd.DataFrame, path: File | IO[str]) -> None:
    """Write a frame as a JSON list with an object per row.

    Times are ISO 8601 in UTC with milliseconds, as in to_csv(); missing values are null.

    Parameters
    ----------
    frame
        Any frame of this package.
    path
        A file, which is replaced once the new one is complete, or a text stream.

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
    >>> print(open("tags.json").read().strip())
    [
    {"channel_name": "front-door", "key": "Site", "value": "hq"}
    ]
    """
    columns = [_plain(frame[name]) for name in frame.columns]
    rows = [
        json.dumps(dict(zip(frame.columns, row, strict=True)), ensure_ascii=False, default=str)
        for row in zip(*columns, strict=True)
    ]
    with opened(path, "w") as stream:
        stream.write("[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n")


def to_parquet(frame: pd.DataFrame, path: File | IO[bytes]) -> None:
    """Write a frame as Parquet, each column of this package with its documented type, also if the frame is empty.

    Parameters
    ----------
    frame
        Any frame of this package; columns of your own have the type that pyarrow infers.
    path
        A file, which is replaced once the new one is complete, or a binary stream.

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
        frame[name] = _text(frame[name])
    table = pa.Table.from_pandas(frame, schema=_arrow_schema(frame), preserve_index=False)
    with opened(path, "wb") as stream:
        pyarrow.parquet.write_table(table, stream)


def read_csv(path: File | IO[str]) -> pd.DataFrame:
    """Read a file that to_csv() wrote back to the frame that it was, dtypes included.

    Parameters
    ----------
    path
        A file, or a text stream opened with ``newline=""``.

    Returns
    -------
    pandas.DataFrame
        The columns of the file, each with the dtype that it has in this package's frames, text where it has none.

    Raises
    ------
    DamagedFile
        When a spreadsheet or an editor has changed what cannot be guessed back: an account, ARN, name, time or number. The
        message names the column and the rows, counted as a spreadsheet does: the header is row 1.
    InvalidInput
        When the file cannot be read at all.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("1E5")
    >>> kvs.to_csv(channel, "channels.csv")
    >>> kvs.read_csv("channels.csv").equals(channel)
    True
    """
    shown = str(path) if isinstance(path, str | os.PathLike) else "The CSV"
    header, cells = _table(path, shown)
    columns = {name: [row[place] for row in cells.values()] for place, name in enumerate(header)}
    _check_undamaged(columns, list(cells), shown)
    try:
        return pd.DataFrame({name: _typed(name, values) for name, values in columns.items()})
    except (ValueError, OverflowError) as error:  # the form is right, the value is none: the 31st of February
        raise DamagedFile(f"{shown} has a value that to_csv did not write: {error}. {_EXPORT_AGAIN}") from error


# --- values


def _plain(column: pd.Series) -> list[Any]:
    """Give a column's values as text, numbers and None, times as ISO 8601 text."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        times = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[ms]")
        texts = np.datetime_as_string(times, unit="ms").tolist()
        return [None if text == "NaT" else f"{text}Z" for text in texts]
    if column.name == "date" and column.dtype == schemas.DATE:
        days = np.datetime_as_string(column.to_numpy(dtype="datetime64[ms]"), unit="D").tolist()
        return [None if text == "NaT" else text for text in days]
    missing = column.isna().tolist()
    return [None if absent else value for value, absent in zip(column.tolist(), missing, strict=True)]


def _text(column: pd.Series) -> list[str | None]:
    return [None if value is None else str(value) for value in _plain(column)]


def _is_secret(name: str) -> bool:
    return schemas.dtype_of(name) == schemas.SECRET


def _typed(name: str, values: list[str | None]) -> Any:
    dtype = schemas.TEXT if _is_secret(name) else schemas.dtype_of(name) or schemas.TEXT
    if dtype == schemas.TIME:
        moments = [value and value.removesuffix("Z") for value in values]
        return pd.DatetimeIndex(np.array(moments, dtype="datetime64[ms]")).tz_localize("UTC")
    if dtype == schemas.DATE:
        return pd.DatetimeIndex(np.array(values, dtype="datetime64[ms]"))
    if dtype == schemas.WHOLE:
        return pd.array([None if value is None else int(value) for value in values], dtype="Int64")
    return pd.array(values, dtype=dtype)  # type: ignore[call-overload]


def _arrow_schema(frame: pd.DataFrame) -> pa.Schema:
    import pyarrow as pa

    types = {
        schemas.SECRET: pa.string(),
        schemas.TEXT: pa.string(),
        schemas.WHOLE: pa.int64(),
        schemas.TIME: pa.timestamp("ms", tz="UTC"),
        schemas.DATE: pa.timestamp("ms"),
    }
    guessed = pa.Schema.from_pandas(frame, preserve_index=False)
    return pa.schema([(each.name, types.get(schemas.dtype_of(each.name) or "", each.type)) for each in guessed])


# --- lines


def _line(cells: Row) -> str:
    """Write one record; csv.writer leaves a lone CR unquoted where lines end in LF (before Python 3.13)."""
    line = ",".join(map(_written, cells))
    return f"{line}\n" if line else '""\n'  # a blank line would be skipped by every reader


def _written(cell: str | None) -> str:
    if cell is None:
        return ""
    guarded = f"'{cell}" if not cell or cell.startswith(_RUNNABLE) else cell
    return '"' + guarded.replace('"', '""') + '"' if _NEEDS_QUOTES.search(guarded) else guarded


def _read(cell: str) -> str | None:
    return cell.removeprefix("'") if cell else None


def _table(path: File | IO[str], shown: str) -> tuple[list[str], dict[int, Row]]:
    """Give the header and the records by row number, blank lines left out."""
    records = {number: [_read(cell) for cell in record] for number, record in _records(path, shown) if record}
    header = [name or "" for name in records.pop(1, [])]
    if not header:
        raise DamagedFile(f"{shown} has no header in its first row. {_EXPORT_AGAIN}")
    if len(set(header)) < len(header) or not any(map(schemas.dtype_of, header)):
        raise DamagedFile(f"{shown} has a header that to_csv did not write: {', '.join(header)[:100]}. {_EXPORT_AGAIN}")
    uneven = [number for number, record in records.items() if len(record) != len(header)]
    if uneven:
        raise DamagedFile(f"{shown} has not {len(header)} cells in {_rows_named(uneven)}. {_EXPORT_AGAIN}")
    return header, records  # type: ignore[return-value]


def _records(path: File | IO[str], shown: str) -> Iterable[tuple[int, list[str]]]:
    try:
        if isinstance(path, str | os.PathLike):
            with Path(path).open(encoding=_MAYBE_WITH_BOM, newline="") as stream:
                return list(enumerate(csv.reader(stream, strict=True), start=1))
        return list(enumerate(csv.reader(path, strict=True), start=1))
    except OSError as error:
        raise InvalidInput(f"Can't read {shown}: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise DamagedFile(f"{shown} is not UTF-8 any more ({error.reason}). {_EXPORT_AGAIN}") from error
    except csv.Error as error:
        raise DamagedFile(f"{shown} is not CSV any more: {error}. {_EXPORT_AGAIN}") from error


# --- damage


def _check_undamaged(columns: Mapping[str, list[str | None]], numbers: list[int], shown: str) -> None:
    """Raise DamagedFile where a cell has a form that to_csv never writes into its column."""
    damage = []
    for name, values in columns.items():
        arns = columns.get("channel_arn", []) if name == "channel_name" else []
        bad = {
            number: value
            for number, value, arn in zip_longest(numbers, values, arns)
            if not _has_form(name, value) or _is_respelled(value, arn)
        }
        if bad:
            damage.append(f"{name} in {_rows_named([*bad])} ({next(iter(bad.values()))!r})")
    if damage:
        found = ", ".join(damage)
        raise DamagedFile(f"{shown} was changed, probably by a spreadsheet: {found}. {_EXPORT_AGAIN}")


def _has_form(name: str, value: str | None) -> bool:
    form = _FORMS.get(name)
    return value is None or form is None or form.fullmatch(value) is not None


def _is_respelled(name: str | None, arn: str | None) -> bool:
    """Tell whether a name was taken for a number: the ARN has 007 or 1E5, the cell 7 or 100000."""
    original = (arn or "").split("/")[1:2]
    if name is None or original in ([], [name]):
        return False
    try:
        return float(name) == float(original[0])
    except ValueError:
        return False


def _rows_named(rows: Sequence[int], most: int = 5) -> str:
    named = ", ".join(map(str, rows[:most]))
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}"


# --- files


@contextmanager
def opened(path: File | IO[Any], mode: str) -> Iterator[IO[Any]]:
    """Open a file to write, which takes its place once it is whole; ExportFailed where that cannot be."""
    if not isinstance(path, str | os.PathLike):
        yield path
        return
    try:
        with _replaced(Path(path).resolve(), mode) as stream:  # a link of the user's stays a link
            yield stream
    except ExportFailed:  # another file's, which was to be whole before this one is
        raise
    except OSError as error:
        raise ExportFailed(
            f"Can't write {path}: {error.strerror or error}. Choose a file in a folder that exists and that "
            "you may write to; what was there before is unchanged."
        ) from error


@contextmanager
def _replaced(path: Path, mode: str) -> Iterator[IO[Any]]:
    """Replace a file when the block ends; a device or a pipe (/dev/null) is written to, never replaced."""
    binary = "b" in mode
    if path.exists() and not path.is_file():
        text: dict[str, Any] = {} if binary else {"encoding": "utf-8", "newline": ""}
        with path.open(mode, **text) as stream:
            yield stream
        return
    with replace_file(path, binary=binary) as stream:
        yield stream
