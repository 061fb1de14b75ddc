"""Check channels for required tags: the key, and the values that are allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from kvs_notebook.aws.validation import check_tag_keys, check_tag_value
from kvs_notebook.dataframes.schemas import TAG_PREFIX, TEXT, UNKNOWN
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

RequiredTags: TypeAlias = Mapping[str, Iterable[str] | None]
"""The allowed values by key, None for any value that is not empty."""

NEAR_KEY, NEAR_VALUE = "near_key", "near_value"
MISSING, EMPTY, NOT_ALLOWED = "missing", "empty", "not_allowed"


class TagFinding(NamedTuple):
    """What was found on a channel for a required tag; ``problem`` is None if the requirement is met."""

    problem: str | None
    found_key: str | None = None
    found_value: str | None = None
    allowed_value: str | None = None


class RequiredTag(NamedTuple):
    """A required key and its allowed values, None for any value that is not empty."""

    key: str
    allowed: frozenset[str] | None

    def check(self, table: pd.DataFrame, unknown: pd.Series, *, all_keys: bool) -> list[TagFinding]:
        """Return the finding of each channel of a wide frame.

        ``unknown`` marks channels whose tags were not read; unless the frame has ``all_keys``, a key without a column is unknown.
        """
        values = _column(table, TAG_PREFIX + self.key)
        of_value = {value: self._check_value(value) for value in values[values.notna()].unique()}
        findings = [of_value.get(value) for value in values]
        near = self._find_near_keys(table, values.isna() & ~unknown)
        absent = TagFinding(MISSING if all_keys or TAG_PREFIX + self.key in table else UNKNOWN)
        return [
            TagFinding(UNKNOWN) if is_unknown else finding or near.get(row) or absent
            for row, (finding, is_unknown) in enumerate(zip(findings, unknown, strict=True))
        ]

    def _check_value(self, value: str) -> TagFinding:
        if value in self.allowed if self.allowed is not None else value:
            return TagFinding(None, self.key, value)
        if not value:
            return TagFinding(EMPTY, self.key, value)
        near = next((each for each in sorted(self.allowed or ()) if _normalize(each) == _normalize(value)), None)
        return TagFinding(NOT_ALLOWED if near is None else NEAR_VALUE, self.key, value, near)

    def _find_near_keys(self, table: pd.DataFrame, missing: pd.Series) -> dict[int, TagFinding]:
        """Return, for each row without the key, the tag whose key differs from it by case or spaces only."""
        near: dict[int, TagFinding] = {}
        for column in tag_columns(table):
            key = column.removeprefix(TAG_PREFIX)
            if key != self.key and _normalize(key) == _normalize(self.key):
                for row in np.flatnonzero(missing & table[column].notna()):
                    near.setdefault(int(row), TagFinding(NEAR_KEY, key, table[column].iloc[row]))
        return near


def parse_required_tags(required: object) -> list[RequiredTag]:
    """Return the requirements of a mapping.

    Raises
    ------
    InvalidInput
        If it is not a mapping, is empty, or has a key or a value that is not valid for a tag.
    """
    if not isinstance(required, Mapping) or not required:
        raise InvalidInput(
            f"required={format_value(required)} is not valid. "
            'Expected a mapping, such as {"Owner": None, "Env": ["prod", "dev"]}.'
        )
    return [RequiredTag(key, _parse_allowed(key, required[key])) for key in check_tag_keys(list(required))]


def _parse_allowed(key: str, values: object) -> frozenset[str] | None:
    if values is None:
        return None
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInput(
            f"Values of {format_value(key)} are not a list: {format_value(values)}. "
            f"Pass a list, such as [{values!r}], or None for any value."
        )
    allowed = frozenset(values)
    if not allowed:
        raise InvalidInput(
            f"Values of {format_value(key)} are an empty list. Pass at least one value, or None for any value."
        )
    for value in allowed:
        check_tag_value(key, value)
    return allowed


def tag_columns(table: pd.DataFrame) -> Iterator[str]:
    """Yield the names of a frame's ``tag:`` columns."""
    return (column for column in table.columns if str(column).startswith(TAG_PREFIX))


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    if name in table:
        return table[name]
    return pd.Series(pd.array([None] * len(table), dtype=TEXT), table.index)  # type: ignore[call-overload]


def _normalize(text: str) -> str:
    """Return a text without differences of case and spaces."""
    return "".join(text.split()).casefold()
