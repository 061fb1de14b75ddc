"""Check that a DataFrame that a caller passes has the columns of one of this package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from kvs_notebook.dataframes import schemas
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

_MOST_NAMED = 5


def check_columns(frame: object, columns: Iterable[str], source: str) -> pd.DataFrame:
    """Return a frame that has some columns, each once and with its dtype; ``source`` is the call that returns such a frame.

    Raises
    ------
    InvalidInput
        If it is not a DataFrame, lacks a column, has one twice, or one of another dtype, such as times that were read as text.
    """
    wanted = list(columns)
    found = list(frame.columns) if isinstance(frame, pd.DataFrame) else []
    missing = [column for column in wanted if column not in found]
    named = f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    if not isinstance(frame, pd.DataFrame):
        raise InvalidInput(f"{format_value(frame)} is not a DataFrame with {named}. Pass a frame returned by {source}.")
    if missing:
        raise InvalidInput(f"The frame lacks {named}. Pass a frame returned by {source}.")
    check_unique_columns(frame, source)
    for column in wanted:
        expected = schemas.dtype_of(column)
        if expected is not None and not _fits(frame[column].dtype, expected):
            raise InvalidInput(
                f"Column {column!r} is {frame[column].dtype} (expected {expected}). Pass a frame returned by {source}, or "
                "read its file with kvs.read_csv() or kvs.read_excel()."
            )
        check_values(frame[column], column)
    return frame


def check_values(column: pd.Series, name: str) -> None:
    """Raise InvalidInput if a column of objects has one that is not a text, a number, a time or missing, such as a list."""
    if not pd.api.types.is_object_dtype(column.dtype) or schemas.dtype_of(name) == schemas.SECRET:
        return
    for position, value in enumerate(column):
        if not pd.api.types.is_scalar(value) or (isinstance(value, str) and not _is_encodable(value)):
            raise InvalidInput(
                f"Column {name!r} has {format_value(value)} in row {position}. Expected a text, a number or nothing: change "
                "the cell, or remove the column."
            )


def _is_encodable(text: str) -> bool:
    """Return whether a file can have a text: not one with half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_unique_columns(frame: pd.DataFrame, source: str) -> None:
    """Raise InvalidInput if a frame has a column twice, as after a merge or concat(axis=1)."""
    if frame.columns.is_unique:
        return
    repeated = [str(name) for name in frame.columns[frame.columns.duplicated()].unique()]
    raise InvalidInput(
        f"Columns that occur more than once: {', '.join(repeated[:_MOST_NAMED])}. Pass a frame returned by {source}."
    )


def _fits(dtype: Any, expected: str) -> bool:
    """Return whether a column of a dtype can be used as one of the expected dtype; any number is one."""
    types = pd.api.types
    if expected == schemas.TIME:
        return isinstance(dtype, pd.DatetimeTZDtype)
    if expected == schemas.DATE:
        return types.is_datetime64_dtype(dtype)
    if expected == schemas.TEXT:
        return types.is_object_dtype(dtype) or types.is_string_dtype(dtype)
    if expected == schemas.SECRET:
        return True
    return types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)
