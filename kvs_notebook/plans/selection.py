"""Select rows of a channels frame by the values of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import pandas as pd

from kvs_notebook.dataframes.schemas import TAG_PREFIX, TAGS_READ
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value


def select_rows(channels: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Return the rows that meet all conditions such as ``Site=hq,annex`` or ``channel_name=test-*``.

    A condition names a tag key or a column, and the values, of which one has to match; ``*``, ``?`` and ``[...]`` are patterns.
    Only an empty value matches a missing one. A row whose tags were not read meets no condition on a tag.

    Raises
    ------
    InvalidInput
        If a condition has no ``=``, or names neither a column nor a tag of the frame.
    """
    for condition in conditions:
        name, equals, values = condition.partition("=")
        column = next((each for each in (TAG_PREFIX + name, name) if each in channels), None)
        if not equals or column is None:
            known = [str(each).removeprefix(TAG_PREFIX) for each in channels]
            expected = f"one of: {', '.join(known)[:300]}" if known else "a column; these channels have none"
            raise InvalidInput(
                f"Condition {format_value(condition)} is not valid. Expected COLUMN=VALUE with {expected}."
            )
        patterns = values.split(",")
        texts = channels[column].astype("str")
        matching = {text for text in texts.dropna().unique() if any(fnmatchcase(text, each) for each in patterns)}
        meets = texts.isin(matching) | (texts.isna() & ("" in patterns))
        channels = channels[meets & ~_has_unread_tags(channels)] if column.startswith(TAG_PREFIX) else channels[meets]
    return channels


def count_unread(channels: pd.DataFrame, conditions: Sequence[str]) -> int:
    """Return the number of rows that meet no condition because their tags were not read; 0 if no condition is on a tag."""
    names = [condition.partition("=")[0] for condition in conditions]
    asks_for_tags = any(TAG_PREFIX + name in channels or name.startswith(TAG_PREFIX) for name in names)
    return int(_has_unread_tags(channels).sum()) if asks_for_tags else 0


def _has_unread_tags(channels: pd.DataFrame) -> pd.Series:
    if "tags_source" not in channels:
        return pd.Series(data=False, index=channels.index)
    return ~channels["tags_source"].isin(TAGS_READ)
