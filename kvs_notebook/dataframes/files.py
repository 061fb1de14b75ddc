"""Write frames as CSV, JSON and Parquet, and read the CSV back.

The CSV contains no formulas that a spreadsheet would run. After a spreadsheet has saved it, reading it returns the same frame
or raises an error: the ARN contains the account, region and name that its row must have, and other text that looks like a
number or a date is guarded. A file is replaced after the new one is complete, so that other programs never read a part of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kvs_notebook.arguments import check_file
from kvs_notebook.atomic_file import replace_file
from kvs_notebook.dataframes import schemas
from kvs_notebook.dataframes.csv_text import (
    BYTE_ORDER_MARK,
    WORKBOOK_SUFFIXES,
    format_record,
    guard_cell,
    is_misread,
    parse_cell,
    parse_column,
    read_records,
)
from kvs_notebook.dataframes.tag_pivot import mark_untagged
from kvs_notebook.dataframes.text_columns import (
    export_again,
    frame_of_text,
    is_secret,
    name_rows,
    parts_of_arns,
)
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput
from kvs_notebook.formatting import format_value

File = str | os.PathLike[str]

_EXPORT_AGAIN = export_again("to_csv")


def to_csv(frame: pd.DataFrame, path: File | IO[str]) -> None:
    """Write a frame as UTF-8 CSV without formulas.

    read_csv() reads the file back to the same frame.

    A text is written with a ``'`` before it if it begins with ``= + - @``
    (also in full width, after spaces, tabs or newlines) or ``'``, or looks
    like a number, a date or a boolean, which a spreadsheet would convert;
    likewise after a semicolon, tab or newline inside it. A channel's name is
    written unchanged if its ARN is in the row. An empty string is written as
    ``'``, and a missing value as an empty cell. Times are ISO 8601 in UTC with
    milliseconds. A file with other than ASCII characters begins with a byte
    order mark, which tells a spreadsheet that it is UTF-8; a stream does not.

    If the tags of channels were read and no channel has one, the file has the
    column ``tags_source``, which says so; read_csv() removes it.

    Parameters
    ----------
    frame
        Any frame of this package; other columns are written as text.
    path
        A file, which is replaced when the new one is complete, or a text
        stream.

    Raises
    ------
    InvalidInput
        If frame is not a DataFrame, or the file has the name of a workbook
        (``.xlsx``).
    ExportFailed
        If the file cannot be written; an older one is unchanged.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq", "Note": "=1+1"})
    >>> kvs.to_csv(kvs.list_tags("front-door"), "tags.csv")
    >>> with open("tags.csv") as file:
    ...     print(file.readlines()[1].partition(",111122223333")[0])
    front-door,us-east-1,Note,'=1+1
    """
    check_frame(frame, "to_csv")
    lines = csv_lines(frame)
    with open_output(path, "w") as stream:
        if isinstance(path, str | os.PathLike):
            stream.write(byte_order_mark(lines))
        stream.writelines(lines)


def check_frame(frame: object, function: str) -> None:
    """Raise InvalidInput with the right call if an argument is not a DataFrame."""
    if isinstance(frame, pd.DataFrame):
        return
    kind = type(frame).__name__
    if hasattr(frame, "table"):
        own = f".{function}(path)" if hasattr(frame, function) else ".table(), which is a DataFrame"
        raise InvalidInput(f"{function}() was given an {kind}, not a DataFrame. Call its own {own}.")
    raise InvalidInput(
        f"{function}() was given a {kind} in place of a DataFrame. Call {function}(frame, path), the frame first."
    )


def csv_lines(frame: pd.DataFrame) -> list[str]:
    """Return the lines of a frame as CSV."""
    frame = mark_untagged(frame)
    header = [guard_cell(str(name)) for name in frame.columns]
    columns = [_cells(frame, name) for name in frame.columns]
    return [format_record(header), *map(format_record, zip(*columns, strict=True))]


def byte_order_mark(lines: Sequence[str]) -> str:
    """Return what a file begins with: a byte order mark if it has other than ASCII characters, else nothing."""
    return "" if all(map(str.isascii, lines)) else BYTE_ORDER_MARK


def to_json(frame: pd.DataFrame, path: File | IO[str]) -> None:
    """Write a frame as a JSON list with an object per row.

    Times are ISO 8601 in UTC with milliseconds, as in to_csv(); missing values
    are null.

    Parameters
    ----------
    frame
        Any frame of this package.
    path
        A file, which is replaced when the new one is complete, or a text
        stream.

    Raises
    ------
    InvalidInput
        If frame is not a DataFrame.
    ExportFailed
        If the file cannot be written; an older one is unchanged.

    Examples
    --------
    >>> from pathlib import Path
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq"})
    >>> kvs.to_json(kvs.list_tags("front-door")[["channel_name", "key", "value"]], "tags.json")
    >>> print(Path("tags.json").read_text().strip())
    [
    {"channel_name": "front-door", "key": "Site", "value": "hq"}
    ]
    """
    check_frame(frame, "to_json")
    columns = [cell_values(frame[name]) for name in frame.columns]
    rows = [
        json.dumps(dict(zip(frame.columns, row, strict=True)), ensure_ascii=False, default=str)
        for row in zip(*columns, strict=True)
    ]
    with open_output(path, "w") as stream:
        stream.write("[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n")


def to_parquet(frame: pd.DataFrame, path: File | IO[bytes]) -> None:
    """Write a frame as Parquet.

    Each column of this package has its documented type, also if the frame is
    empty.

    Parameters
    ----------
    frame
        Any frame of this package; other columns have the type that pyarrow
        infers.
    path
        A file, which is replaced when the new one is complete, or a binary
        stream.

    Raises
    ------
    InvalidInput
        If frame is not a DataFrame, or a column has values of several types.
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
    import pyarrow.parquet

    check_frame(frame, "to_parquet")
    frame = frame.copy(deep=False)
    for name in filter(is_secret, frame.columns):
        frame[name] = _texts(frame[name])
    try:
        table = pa.Table.from_pandas(frame, schema=_arrow_schema(frame), preserve_index=False)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:  # a column that the user made or changed
        raise InvalidInput(
            f"The frame can't be written as Parquet: {error}. Give each column values of one type."
        ) from error
    with open_output(path, "wb") as stream:
        pyarrow.parquet.write_table(table, stream)


def read_csv(path: File | IO[str]) -> pd.DataFrame:
    """Read a CSV file that to_csv() wrote, as the frame that was written.

    Its columns have the dtypes of that frame.

    Parameters
    ----------
    path
        A file, also one that a spreadsheet has saved with semicolons or tabs,
        or a text stream opened with ``newline=""``.

    Returns
    -------
    pandas.DataFrame
        The columns of the file, each with its dtype in the frames of this
        package, else str. Rows without any value are left out.

    Raises
    ------
    DamagedFile
        If a spreadsheet or an editor has changed values that cannot be
        restored: an account, ARN, name (the ARN has another), time, number, or
        other text by its encoding. The message names the column and the rows,
        where the header is row 1.
    InvalidInput
        If the file does not exist, cannot be read or is too large (256 MB,
        16,000,000 cells).

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
    header, rows = _read_table(path, label)
    return frame_of_text(header, rows, label=label, writer="to_csv", parse=parse_column)


# --- values


def cell_values(column: pd.Series) -> list[Any]:
    """Return a column's values as text, numbers and None, with times as ISO 8601 text."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        times = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[ms]")
        texts = np.datetime_as_string(times, unit="ms").tolist()
        return [None if text == "NaT" else f"{text}Z" for text in texts]
    if column.name == "date" and column.dtype == schemas.DATE:
        days = np.datetime_as_string(column.to_numpy(dtype="datetime64[ms]"), unit="D").tolist()
        return [None if text == "NaT" else text for text in days]
    if not column.hasnans:
        return column.tolist()
    missing = column.isna().tolist()
    return [None if absent else value for value, absent in zip(column.tolist(), missing, strict=True)]


def _texts(column: pd.Series) -> list[str | None]:
    return [None if value is None else str(value) for value in cell_values(column)]


def _cells(frame: pd.DataFrame, name: str) -> list[str | None]:
    """Return a column's cells, guarded, except numbers, times and values that the ARN contains, too."""
    texts = _texts(frame[name])
    if not pd.api.types.is_string_dtype(frame[name].dtype) or name in {"account_id", "channel_arn"}:
        return [guard_cell(text, convertible=False) for text in texts]
    if name == "channel_name" and "channel_arn" in frame:
        names = parts_of_arns(pa.array(_texts(frame["channel_arn"]), pa.large_string()))[name].to_pylist()
        return [guard_cell(text, convertible=text != known) for text, known in zip(texts, names, strict=True)]
    guarded = {text: guard_cell(text) for text in set(texts)}
    return [guarded[text] for text in texts]


def _arrow_schema(frame: pd.DataFrame) -> pa.Schema:
    types = {
        schemas.SECRET: pa.string(),
        schemas.TEXT: pa.string(),
        schemas.INTEGER: pa.int64(),
        schemas.TIME: pa.timestamp("ms", tz="UTC"),
        schemas.DATE: pa.timestamp("ms"),
    }
    guessed = pa.Schema.from_pandas(frame, preserve_index=False)
    return pa.schema([(each.name, types.get(schemas.dtype_of(each.name) or "", each.type)) for each in guessed])


# --- records


def _read_table(path: File | IO[str], label: str) -> tuple[list[str], dict[int, tuple[str, ...]]]:
    """Return the header, and the unparsed records by row number, without blank lines and rows that were emptied."""
    records = read_records(check_file(path, "read"), label, _is_header)
    _check_encoding(records, label)
    if not records:
        raise DamagedFile(f"{label} has no header in its first row. {_EXPORT_AGAIN}")
    return [parse_cell(name) or "" for name in records.pop(min(records))], records


def _is_header(cells: Sequence[str]) -> bool:
    return any(schemas.dtype_of(parse_cell(cell) or "") for cell in cells)


def _check_encoding(records: Mapping[int, Sequence[str]], label: str) -> None:
    """Raise DamagedFile if a cell is UTF-8 that was read as Windows-1252; to_csv() guards one that only looks like it."""
    wrong = {
        number: cell
        for number, record in records.items()
        if not "".join(record).isascii()
        for cell in record
        if is_misread(cell) and cell[0] != "'"
    }
    if wrong:
        raise DamagedFile(
            f"{label} was read in another encoding than UTF-8 by another program: {name_rows([*wrong])} "
            f"({next(iter(wrong.values()))!r}). {_EXPORT_AGAIN}"
        )


# --- files


@contextmanager
def open_output(
    path: File | IO[Any], mode: str, *, workbook: bool = False, permissions: int | None = None
) -> Iterator[IO[Any]]:
    """Open a stream to write a file, replaced when the block ends without an error.

    ``workbook`` says that the content is a workbook; only then may the file have a workbook's name. Its ``permissions`` are
    those that are given, else those of the file that is replaced, else the umask decides.

    Raises
    ------
    InvalidInput
        If it has the name of a workbook, which a spreadsheet would not open, or a text has half of a surrogate pair.
    ExportFailed
        If it cannot be written; an older file is unchanged.
    """
    path = check_file(path, "write")
    if not isinstance(path, Path):
        yield path
        return
    if not workbook and path.suffix.lower() in WORKBOOK_SUFFIXES:
        raise InvalidInput(
            f"{path} is the name of a workbook. Write a .xlsx file with to_excel(), or a .csv file with to_csv(); "
            "spreadsheets open both."
        )
    try:
        with _open_or_replace(path.resolve(), mode, permissions) as stream:  # a symbolic link is kept
            yield stream
    except ExportFailed:  # of another file inside the block
        raise
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{path} can't contain {format_value(error.object[error.start : error.end])}, half of a surrogate pair. Remove it "
            "from the frame; an older file is unchanged."
        ) from error
    except OSError as error:
        raise ExportFailed(
            f"Can't write {path}: {error.strerror or error}. Choose a file in an existing folder with write permission; "
            "an older file is unchanged."
        ) from error


@contextmanager
def _open_or_replace(path: Path, mode: str, permissions: int | None) -> Iterator[IO[Any]]:
    """Open a stream that replaces a file when the block ends, or writes to a device or pipe (/dev/null) itself."""
    binary = "b" in mode
    if path.exists() and not path.is_file():
        text: dict[str, Any] = {} if binary else {"encoding": "utf-8", "newline": ""}
        with path.open(mode, **text) as stream:
            yield stream
        return
    with replace_file(path, binary=binary, permissions=permissions) as stream:
        yield stream
