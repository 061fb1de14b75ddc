"""Select rows of a channels frame by the values of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import pandas as pd

from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value


def select_rows(channels: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Return the rows that meet all conditions such as ``Site=hq,annex`` or ``channel_name=test-*``.

    A condition names a tag key or a column, and the values, of which one has to match; ``*``, ``?`` and ``[...]`` are patterns.
    An empty value matches a missing one.

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
            raise InvalidInput(
                f"Condition {format_value(condition)} is not valid. Expected COLUMN=VALUE with one of: {', '.join(known)[:300]}."
            )
        patterns = values.split(",")
        texts = channels[column].astype("str").fillna("")
        matching = {text for text in texts.unique() if any(fnmatchcase(text, pattern) for pattern in patterns)}
        channels = channels[texts.isin(matching)]
    return channels
