"""Columns of text, as files have them, as a frame with dtypes; text that another program has changed is refused.

An ARN tells the account, region and name that its row must have; other columns have the format that is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from kvs_notebook.dataframes import schemas
from kvs_notebook.errors import DamagedFile

Row = Sequence[str | None]
Cell = TypeVar("Cell")

_CELL_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "account_id": re.compile(r"\d{12}"),
    "channel_arn": re.compile(r"arn:\S+"),
    "region": re.compile(r"\S+"),
    "channel_type": re.compile(r"\S+"),
    "channel_status": re.compile(r"\S+"),
    # Spreadsheets write large numbers with E+; a valid name or version has no +.
    "channel_name": re.compile(r"(?!\d(\.\d+)?E\+\d+$).*", re.DOTALL),
    "version": re.compile(r"(?!\d(\.\d+)?E\+\d+$).*", re.DOTALL),
}
"""The format that is written, for columns that spreadsheets are known to change."""

_DTYPE_PATTERNS: Mapping[str, re.Pattern[str]] = {
    schemas.TIME: re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    schemas.DATE: re.compile(r"\d{4}-\d\d-\d\d"),
    schemas.INTEGER: re.compile(r"-?\d+"),
}

_CHANNEL_ARN = re.compile(
    r"arn:[^:]*:kinesisvideo:(?P<region>[^:]*):(?P<account_id>[^:]*):channel/(?P<channel_name>[^/]*)/\d+"
)
_ARN = "channel_arn"
_IN_ARN = ("account_id", "region", "channel_name")
"""Columns whose value the ARN beside has too."""


def is_secret(name: str) -> bool:
    """Return whether a column holds Secret values, which files have as placeholders."""
    return schemas.dtype_of(name) == schemas.SECRET


def transpose(rows: Sequence[Sequence[Cell]], width: int) -> list[list[Cell]]:
    """Return the columns of rows; zip(*rows) keeps an iterator of each, which the garbage collector visits again and again."""
    return [[row[position] for row in rows] for position in range(width)]


def parts_of_arns(arns: Sequence[str | None]) -> dict[str, list[str | None]]:
    """Return the accounts, regions and names that ARNs have; None if one is not a channel's."""
    parts = [
        match.group(*_IN_ARN) if arn and (match := _CHANNEL_ARN.fullmatch(arn)) else (None,) * len(_IN_ARN)
        for arn in arns
    ]
    return dict(zip(_IN_ARN, transpose(parts, len(_IN_ARN)), strict=True))


def export_again(writer: str) -> str:
    """Return what to do about a damaged file that ``writer`` wrote."""
    return f"Export the frame again with {writer}(); to open the file in a spreadsheet, import all columns as text."


def frame_of_text(
    header: Sequence[str],
    rows: Mapping[int, Row],
    *,
    label: str,
    writer: str,
    converted: Mapping[str, Collection[int]] | None = None,
    parse: Callable[[Sequence[Any]], list[str | None]] = list,
) -> pd.DataFrame:
    """Return the frame of a file's cells, each column with its dtype in the frames of this package, else str.

    Parameters
    ----------
    header, rows
        The names of the columns, and the cells of each row by its number in the file.
    label, writer
        How messages name the file, and the function that wrote it.
    converted
        The rows by column whose cell is a number, a date or a boolean in a workbook.
    parse
        Returns the texts of a column's cells.

    Raises
    ------
    DamagedFile
        If the header is of another file, a row has too many or too few cells, or another program has changed a value.
    """
    _check_header(header, label, writer)
    uneven = [number for number, row in rows.items() if len(row) != len(header)]
    if uneven:
        raise DamagedFile(
            f"{label} has a wrong number of cells in {name_rows(uneven)} (expected {len(header)}). {export_again(writer)}"
        )
    cells = transpose([*rows.values()], len(header))
    columns = {name: parse(values) for name, values in zip(header, cells, strict=True)}
    found = _find_damage(columns, list(rows), converted or {})
    if found:
        raise DamagedFile(
            f"{label} was changed by another program, probably a spreadsheet: {', '.join(found)}. {export_again(writer)}"
        )
    try:
        return pd.DataFrame({name: _parse_column(name, values) for name, values in columns.items()})
    except (ValueError, OverflowError) as error:  # matches the pattern, but is not valid: 31 February
        raise DamagedFile(
            f"{label} has a value that {writer}() did not write: {error}. {export_again(writer)}"
        ) from error


def name_rows(rows: Sequence[int], most: int = 5) -> str:
    """Return rows as messages name them: the first ones, and how many more there are."""
    named = ", ".join(map(str, rows[:most]))
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}"


def _check_header(header: Sequence[str], label: str, writer: str) -> None:
    if len(set(header)) < len(header) or not any(map(schemas.dtype_of, header)):
        named = ", ".join(filter(None, header))[:100] or "empty cells"
        raise DamagedFile(
            f"{label} has a header that {writer}() did not write: {named}. Read another program's file with "
            f"pandas.{writer.replace('to_', 'read_')}(path, dtype='str')."
        )
    if any(name != name.strip() and not name.startswith(schemas.TAG_PREFIX) for name in header):
        raise DamagedFile(f"{label} has spaces around its separators or column names. {export_again(writer)}")


def _find_damage(
    columns: Mapping[str, list[str | None]], numbers: list[int], converted: Mapping[str, Collection[int]]
) -> list[str]:
    """Return for each column with damage the rows and one of the values that do not have the format that is written."""
    damage = []
    arns = columns.get(_ARN, [])
    in_arns = parts_of_arns(arns) if arns else {}
    for name, values in columns.items():
        known = in_arns.get(name)
        bad = _find_other_forms(name, values, numbers)
        if known is not None and known != values:
            bad |= {
                number: value
                for number, value, truth, arn in zip(numbers, values, known, arns, strict=True)
                if value != truth and (arn is not None or name == "channel_name")
            }
        if name in converted and name != "account_id" and schemas.dtype_of(name) in {schemas.TEXT, schemas.SECRET}:
            bad |= {
                number: value
                for number, value, truth in zip(numbers, values, known or [None] * len(values), strict=True)
                if number in converted[name] and value != truth
            }
        if bad:
            damage.append(f"{name} in {name_rows([*bad])} ({next(iter(bad.values()))!r})")
    return damage


def _find_other_forms(name: str, values: list[str | None], numbers: list[int]) -> dict[int, str | None]:
    """Return the values that do not have the format that is written, by row."""
    form = _CELL_PATTERNS.get(name) or _DTYPE_PATTERNS.get(schemas.dtype_of(name) or "")
    if form is None:
        return {}
    wrong = {value for value in set(values) if value is not None and form.fullmatch(value) is None}
    return {number: value for number, value in zip(numbers, values, strict=True) if value in wrong} if wrong else {}


def _parse_column(name: str, values: list[str | None]) -> Any:
    dtype = schemas.TEXT if is_secret(name) else schemas.dtype_of(name) or schemas.TEXT
    if dtype == schemas.TIME:
        moments = [value and value.removesuffix("Z") for value in values]
        return pd.DatetimeIndex(np.array(moments, dtype="datetime64[ms]")).tz_localize("UTC")
    if dtype == schemas.DATE:
        return pd.DatetimeIndex(np.array(values, dtype="datetime64[ms]"))
    if dtype == schemas.INTEGER:
        return pd.array([None if value is None else int(value) for value in values], dtype="Int64")
    return pd.array(values, dtype=dtype)  # type: ignore[call-overload]
