"""Statistics of a live video session as a DataFrame: one row for each peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.schemas import INTEGER, LIVE_STATISTICS, TEXT
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.page_messages import number_or_none

MAX_INTEGER = 2**53
"""The largest integer of a page; a larger number is not one that it has counted."""


def statistics_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the statistics that a page reported; a value of another type than its column's is missing."""
    return rows_frame(
        [[_value(row.get(name), dtype) for name, dtype in LIVE_STATISTICS.items()] for row in rows], LIVE_STATISTICS
    )


def _value(value: object, dtype: str) -> str | float | None:
    if dtype == TEXT:
        return safe_line(value) if isinstance(value, str) else None
    number = number_or_none(value)
    if dtype == INTEGER:
        return None if number is None or abs(number) > MAX_INTEGER else round(number)
    return float("nan") if number is None else float(number)
