"""Requirement: a tag that every channel should have, the values that it may have, and what a channel has in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from kvs_notebook.aws.validation import check_tag_keys, check_tags
from kvs_notebook.dataframes.schemas import TAG_PREFIX, TEXT, UNKNOWN
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

Required: TypeAlias = Mapping[str, Iterable[str] | None]

NEAR_KEY, NEAR_VALUE = "near_key", "near_value"
MISSING, EMPTY, NOT_ALLOWED = "missing", "empty", "not_allowed"


class Verdict(NamedTuple):
    """What is wrong with a channel's tag, None for nothing, and what there is in its place."""

    problem: str | None
    found_key: str | None = None
    found_value: str | None = None
    allowed_value: str | None = None


class Requirement(NamedTuple):
    """A key that is required, and the values that are allowed: None for any that is not empty."""

    key: str
    allowed: frozenset[str] | None

    def verdicts(self, table: pd.DataFrame, unread: pd.Series) -> list[Verdict]:
        """Judge every channel of a wide frame; of ``unread`` ones the tags are not known."""
        values = _column(table, TAG_PREFIX + self.key)
        distinct = {value: self._of_value(value) for value in values[values.notna()].unique()}
        found = [distinct.get(value) for value in values]
        near = self._near_keys(table, values.isna() & ~unread)
        return [
            Verdict(UNKNOWN) if not_read else verdict or near.get(row) or Verdict(MISSING)
            for row, (verdict, not_read) in enumerate(zip(found, unread, strict=True))
        ]

    def _of_value(self, value: str) -> Verdict:
        if value in self.allowed if self.allowed is not None else value:
            return Verdict(None, self.key, value)
        if not value:
            return Verdict(EMPTY, self.key, value)
        meant = next((each for each in sorted(self.allowed or ()) if _folded(each) == _folded(value)), None)
        return Verdict(NOT_ALLOWED if meant is None else NEAR_VALUE, self.key, value, meant)

    def _near_keys(self, table: pd.DataFrame, missing: pd.Series) -> dict[int, Verdict]:
        """Give what stands under a key that differs by case or space only, for each row that lacks the key itself."""
        near: dict[int, Verdict] = {}
        for column in table.columns:
            key = column.removeprefix(TAG_PREFIX)
            if column.startswith(TAG_PREFIX) and key != self.key and _folded(key) == _folded(self.key):
                for row in np.flatnonzero(missing & table[column].notna()):
                    near.setdefault(int(row), Verdict(NEAR_KEY, key, table[column].iloc[row]))
        return near


def requirements(required: object) -> list[Requirement]:
    """Check what is required; InvalidInput for what no tag could be."""
    if not isinstance(required, Mapping) or not required:
        raise InvalidInput(
            f'required={format_value(required)}: give a mapping, such as {{"Owner": None, "Env": ["prod", "dev"]}}.'
        )
    return [Requirement(key, _allowed(key, required[key])) for key in check_tag_keys(list(required))]


def _allowed(key: str, values: object) -> frozenset[str] | None:
    if values is None:
        return None
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInput(
            f"Values of {format_value(key)}: {format_value(values)} is no list; give [{values!r}], or None for any value."
        )
    allowed = frozenset(values)
    if not allowed:
        raise InvalidInput(
            f"Values of {format_value(key)}: the list is empty; give at least one, or None for any value."
        )
    for value in allowed:
        check_tags({key: value})
    return allowed


def tag_columns(table: pd.DataFrame) -> Iterator[str]:
    """Give the names of a frame's tag columns."""
    return (column for column in table.columns if str(column).startswith(TAG_PREFIX))


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    if name in table:
        return table[name]
    return pd.Series(pd.array([None] * len(table), dtype=TEXT), table.index)  # type: ignore[call-overload]


def _folded(text: str) -> str:
    """Give a text without what people mistype: case, and spaces anywhere."""
    return "".join(text.split()).casefold()
