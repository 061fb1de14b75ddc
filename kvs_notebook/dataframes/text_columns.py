"""Columns of text, as files have them, as a frame with dtypes; text that another program has changed is refused.

A row with an ARN has the same account, region and name in its columns; other columns have the format that is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kvs_notebook.dataframes import schemas
from kvs_notebook.dataframes.frame import DataFrame
from kvs_notebook.dataframes.tag_pivot import unmark_untagged
from kvs_notebook.errors import DamagedFile

Row = Sequence[str | None]
Cell = TypeVar("Cell")
Mask: TypeAlias = npt.NDArray[np.bool_]

_TEXTS = pa.large_string()
"""The storage of pandas' str."""

_WORD = r"[^\s\pZ]+"
_FORMS: Mapping[str, str] = {
    "account_id": r"\d{12}",
    "channel_arn": f"arn:{_WORD}",
    "region": _WORD,
    "channel_type": _WORD,
    "channel_status": _WORD,
}
"""The form that is written, for columns that spreadsheets are known to change; in the syntax of RE2, as all patterns here."""

_DTYPE_FORMS: Mapping[str, str] = {
    schemas.TIME: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    schemas.DATE: r"\d{4}-\d\d-\d\d",
    schemas.INTEGER: r"-?\d+",
}

_LARGE_NUMBER = r"\d(\.\d+)?E\+\d+"
"""What a spreadsheet makes of a name or version of many digits; a valid one has no +."""

_CHANNEL_ARN = r"arn:[^:]*:kinesisvideo:(?P<region>[^:]*):(?P<account_id>[^:]*):channel/(?P<channel_name>[^/]*)/\d+"
_ARN = "channel_arn"
_IN_ARN = ("account_id", "region", "channel_name")
"""Columns whose values the ARN of the row contains, too."""


def is_secret(name: str) -> bool:
    """Return whether a column holds Secret values, which files have as placeholders."""
    return schemas.dtype_of(name) == schemas.SECRET


def transpose(rows: Sequence[Sequence[Cell]], width: int) -> list[list[Cell]]:
    """Return the columns of rows; zip(*rows) keeps an iterator of each, which the garbage collector visits again and again."""
    return [[row[position] for row in rows] for position in range(width)]


def parts_of_arns(arns: pa.Array) -> dict[str, pa.Array]:
    """Return the accounts, regions and names that ARNs have; null if one is not a channel's."""
    parts = pc.extract_regex(arns, f"^{_CHANNEL_ARN}$")
    return {name: pc.struct_field(parts, name) for name in _IN_ARN}


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
    try:
        columns = {name: pa.array(parse(values), _TEXTS) for name, values in zip(header, cells, strict=True)}
        found = _find_damage(columns, list(rows), converted or {})
        parsed = {} if found else {name: _parse_column(name, values) for name, values in columns.items()}
    except ValueError as error:  # matches the pattern, but is not valid: 31 February
        raise DamagedFile(
            f"{label} has a value that {writer}() did not write: {error}. {export_again(writer)}"
        ) from error
    if found:
        raise DamagedFile(
            f"{label} was changed by another program, probably a spreadsheet: {', '.join(found)}. {export_again(writer)}"
        )
    return unmark_untagged(DataFrame(parsed))


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
    columns: Mapping[str, pa.Array], numbers: Sequence[int], converted: Mapping[str, Collection[int]]
) -> list[str]:
    """Return for each column with damage the rows and one of the values: of another form, or not that of the row's ARN."""
    damage = []
    arns = columns.get(_ARN)
    in_arns = {} if arns is None else parts_of_arns(arns)
    is_broken = np.zeros(len(numbers), bool)  # the ARN, whose row is not blamed for what cannot be read from it
    if arns is not None and in_arns.keys() & columns.keys():
        is_broken = _mask(arns.is_valid()) & ~_mask(in_arns["channel_name"].is_valid())
    for name, values in columns.items():
        bad = _has_other_form(name, values)
        differs = np.zeros(len(values), bool)
        if name == _ARN:
            bad |= is_broken
        elif name in in_arns:
            has_truth = name == "channel_name" or _mask(pc.is_valid(arns))
            differs = _contradicts(values, in_arns[name]) & has_truth & ~is_broken
        if name in converted and name != "account_id" and schemas.dtype_of(name) in {schemas.TEXT, schemas.SECRET}:
            bad |= np.isin(numbers, [*converted[name]]) & _contradicts(values, in_arns.get(name))
        positions = np.flatnonzero(bad | differs).tolist()
        if positions:
            first = positions[0]
            rows = name_rows([numbers[position] for position in positions])
            beside = f", but {_quote(in_arns[name][first])} in {_ARN}" if differs[first] else ""
            damage.append(f"{name} in {rows} ({_quote(values[first])}{beside})")
    return damage


def _quote(value: pa.Scalar) -> str:
    return repr(value.as_py()) if value.is_valid else "nothing"


def _has_other_form(name: str, values: pa.Array) -> Mask:
    """Return which values do not have the form that is written."""
    if name in {"channel_name", "version"}:
        return _matches(values, _LARGE_NUMBER)
    form = _FORMS.get(name) or _DTYPE_FORMS.get(schemas.dtype_of(name) or "")
    return np.zeros(len(values), bool) if form is None else ~_matches(values, form, if_missing=True)


def _matches(values: pa.Array, form: str, *, if_missing: bool = False) -> Mask:
    """Return which values match a pattern as a whole."""
    return _mask(pc.fill_null(pc.match_substring_regex(values, f"^({form})$"), if_missing))


def _contradicts(values: pa.Array, truth: pa.Array | None) -> Mask:
    """Return which values are not the true ones."""
    if truth is None:
        return _mask(values.is_valid())
    is_same = pc.fill_null(pc.equal(values, truth), False)
    return ~_mask(pc.or_(is_same, pc.and_(values.is_null(), truth.is_null())))


def _mask(values: pa.BooleanArray) -> Mask:
    return np.asarray(values, bool)


def _parse_column(name: str, values: pa.Array) -> Any:
    dtype = schemas.TEXT if is_secret(name) else schemas.dtype_of(name) or schemas.TEXT
    if dtype == schemas.TIME:
        moments = values.cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp("ms"))
        return pd.DatetimeIndex(moments.to_numpy(zero_copy_only=False)).tz_localize("UTC")
    if dtype == schemas.DATE:
        return pd.DatetimeIndex(values.cast(pa.timestamp("ms")).to_numpy(zero_copy_only=False))
    if dtype == schemas.INTEGER:
        return values.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return pd.array(values if dtype == schemas.TEXT else values.to_pylist(), dtype=dtype)
