"""Write frames as ``.xlsx`` workbooks, and read them back: cells by the rules of CSV, and times as a spreadsheet's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from kvs_notebook.arguments import check_file
from kvs_notebook.dataframes import schemas
from kvs_notebook.dataframes.files import File, cell_values, check_frame, open_output
from kvs_notebook.dataframes.tag_pivot import mark_untagged
from kvs_notebook.dataframes.text_columns import export_again, frame_of_text
from kvs_notebook.dataframes.workbook_cells import (
    EXACT_DIGITS,
    TEXT_FORMAT,
    Column,
    Sheet,
    Value,
    read_sheet,
    write_workbook,
)
from kvs_notebook.errors import DamagedFile, InvalidInput

SUFFIX = ".xlsx"
TIME_FORMAT = 'yyyy-mm-dd hh:mm:ss.000 "UTC"'
DATE_FORMAT = "yyyy-mm-dd"
MIDNIGHT = "T00:00:00.000Z"

_FIRST_TIME = np.datetime64("1900-03-01", "ms")
_LAST_TIME = np.datetime64("9999-12-31", "ms")
"""Times that all spreadsheets agree on: Excel counts a 29 February 1900, which did not exist, and ends with the year 9999."""

_EPOCH = np.datetime64("1899-12-30", "ms")
_DAY = 86_400_000


def to_excel(frame: pd.DataFrame, path: File | IO[bytes]) -> None:
    """Write a frame as an Excel workbook.

    read_excel() reads the file back to the same frame.

    Text is text, whatever it looks like: no cell is a formula, and nothing
    that is typed into one is converted. Times are a spreadsheet's own and
    display UTC with milliseconds, numbers are numbers. An empty string is
    written as ``'``, a missing value as an empty cell, and a ``'`` at the
    beginning of a text twice. Requires the extra ``excel``.

    Parameters
    ----------
    frame
        Any frame of this package; other columns are written as numbers or
        text.
    path
        A file that ends with ``.xlsx``, which is replaced when the new one is
        complete, or a binary stream.

    Raises
    ------
    InvalidInput
        If frame is not a DataFrame, the file does not end with ``.xlsx``, the
        frame has more than 1,048,575 rows, or a text has a control character
        or more than 32,767 characters.
    ExportFailed
        If the file cannot be written; an older one is unchanged.
    MissingExtra
        If openpyxl is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("1E5", tags={"Site": "hq"})
    >>> kvs.to_excel(kvs.list_channels(tags=True), "channels.xlsx")
    >>> kvs.read_excel("channels.xlsx").equals(kvs.list_channels(tags=True))
    True
    """
    check_frame(frame, "to_excel")
    write_sheets({"data": frame}, path)


def write_sheets(frames: Mapping[str, pd.DataFrame], path: File | IO[bytes]) -> None:
    """Write each frame as a sheet of one workbook; the errors are those of to_excel()."""
    if isinstance(path, str | os.PathLike) and Path(path).suffix.lower() != SUFFIX:
        raise InvalidInput(
            f"{path} is not the name of an Excel workbook. End it with {SUFFIX}, or write another file with to_csv()."
        )
    marked = {title: mark_untagged(frame) for title, frame in frames.items()}
    sheets = {title: [_column(frame[name]) for name in frame.columns] for title, frame in marked.items()}
    with open_output(path, "wb", workbook=True) as stream:
        write_workbook(sheets, stream)


def read_excel(path: File | IO[bytes], *, sheet: str | None = None) -> pd.DataFrame:
    """Read a workbook that to_excel() wrote, as the frame that was written.

    Its columns have the dtypes of that frame.

    Parameters
    ----------
    path
        A file, also one that a spreadsheet has saved, or a binary stream.
    sheet
        The name of a sheet; None reads the first one.

    Returns
    -------
    pandas.DataFrame
        The columns of the sheet, each with its dtype in the frames of this
        package, else str. Rows without any value are left out.

    Raises
    ------
    DamagedFile
        If it is not a workbook, has formulas, or a spreadsheet has changed
        values that cannot be restored: text that became a number or a date, an
        account, ARN or name (the ARN has another). The message names the
        column and the rows, where the header is row 1.
    InvalidInput
        If the file does not exist, cannot be read or is too large, or has no
        such sheet.
    MissingExtra
        If openpyxl is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door")
    >>> kvs.inventory().to_excel("fleet.xlsx")
    >>> kvs.read_excel("fleet.xlsx", sheet="coverage")[["region", "status", "channels"]]
          region status  channels
    0  us-east-1     ok         1
    """
    label = _label(path)
    found = _read(path, sheet)
    dates = [position for position, name in enumerate(found.header) if schemas.dtype_of(name) == schemas.DATE]
    for row in found.rows.values():
        for position in dates:
            row[position] = (row[position] or "").removesuffix(MIDNIGHT) or None
    return frame_of_text(found.header, found.rows, label=label, writer="to_excel", converted=found.converted)


def read_cells(path: File | IO[bytes], *, sheet: str | None = None) -> pd.DataFrame:
    """Return the cells of a sheet as text: numbers, booleans and times as a program writes them.

    Returns
    -------
    pandas.DataFrame
        The columns of the sheet, all str, a missing value for an empty cell; the index ``row`` is the number of the row in the
        sheet. Rows without any value are left out. A time is ISO 8601 with milliseconds and ``Z``, a date at midnight likewise.
        ``attrs["converted"]`` has, by column, the set of the rows whose cell is a number, a time or a boolean.

    Raises
    ------
    DamagedFile
        If it is not a workbook, has formulas, two columns of one name, or a value beside the columns.
    InvalidInput
        If the file does not exist, cannot be read or is too large, or has no such sheet.
    MissingExtra
        If openpyxl is not installed.
    """
    found = _read(path, sheet)
    if len(set(found.header)) < len(found.header):
        raise DamagedFile(
            f"{_label(path)} has two columns of one name: {', '.join(found.header)[:100]}. Rename one of them."
        )
    beside = [number for number, row in found.rows.items() if len(row) > len(found.header)]
    if beside:
        raise DamagedFile(
            f"{_label(path)} has a value in row {beside[0]} beside the columns. Name its column in the first row."
        )
    cells = pd.DataFrame(found.rows.values(), columns=found.header, dtype="str")
    cells.attrs["converted"] = found.converted
    return cells.set_axis(pd.Index(found.rows, name="row", dtype="int64"))


def _label(path: File | IO[bytes]) -> str:
    return str(path) if isinstance(path, str | os.PathLike) else "The workbook"


def _read(path: File | IO[bytes], sheet: str | None) -> Sheet:
    label = _label(path)
    path = check_file(path, "read")
    if not isinstance(path, Path):
        found = read_sheet(path, label, sheet)
    else:
        try:
            with path.open("rb") as stream:
                found = read_sheet(stream, label, sheet)
        except OSError as error:
            raise InvalidInput(f"Can't read {label}: {error.strerror}. Check the path.") from error
    if not found.header:
        raise DamagedFile(f"{label} has no header in its first row. {export_again('to_excel')}")
    return found


# --- columns


def _column(column: pd.Series) -> Column:
    name, dtype = str(column.name), column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Column(name, _times(column, column.dt.tz_convert("UTC").dt.tz_localize(None)), TIME_FORMAT)
    if name == "date" and dtype == schemas.DATE:
        return Column(name, _times(column, column), DATE_FORMAT)
    if pd.api.types.is_numeric_dtype(dtype):
        return Column(name, [_number(value) for value in cell_values(column)], "General")
    texts = [None if value is None else str(value) for value in cell_values(column)]
    return Column(name, texts, TEXT_FORMAT)


def _number(value: Any) -> Value:
    """Return a number as a workbook can have it; others are text, which is exact."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**EXACT_DIGITS else str(value)
    return float(value) if isinstance(value, float) and np.isfinite(value) else str(value)


def _times(column: pd.Series, utc: pd.Series) -> list[Value]:
    """Return times as a spreadsheet counts them, in days since 1899-12-30; those that it does not know as ISO 8601."""
    times = utc.to_numpy(dtype="datetime64[ms]")
    days = (times - _EPOCH).astype("int64") / _DAY
    is_known = (times >= _FIRST_TIME) & (times < _LAST_TIME)
    return [
        None if text is None else float(day) if known else text
        for text, day, known in zip(cell_values(column), days, is_known, strict=True)
    ]
