"""Text tables for the terminal: cells are cut to its width and hold no control characters; files have the whole values.

The layout is our own: rich 15 takes 34 s of CPU for 50,000 rows instead of 0.3 s, drops columns that do not fit, and passes
escape sequences, line breaks and bidirectional overrides on to the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kvs_notebook.cli.terminal import cut_middle, display_width, fit
from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.formatting import printable

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = "  "
MISSING = "-"
MINIMUM_FIRST_WIDTH = 12
MINIMUM_LAST_WIDTH = 12
"""Names come before tags and details: a table whose names are all cut alike tells no channel from another."""


def format_channels(channels: pd.DataFrame, width: int, *, with_account: bool = False) -> str:
    """Return a header line and a line per channel, at most ``width`` columns wide; an empty string if there are no channels.

    Each line names the account if the table has several, or with ``with_account``; so do the lines of the other tables.
    """
    if channels.empty:
        return ""
    columns = {
        **_place_columns(channels, with_account=with_account),
        "STATUS": list(channels["channel_status"].fillna("?")),
        "TTL": list((channels["message_ttl_seconds"].astype("str") + " s").fillna("?")),
        "CREATED": list(channels["creation_time"].dt.strftime("%Y-%m-%d").fillna("?")),
    }
    tag_columns = [column for column in channels.columns if column.startswith(TAG_PREFIX)]
    sources = [*channels["tags_source"]] if "tags_source" in channels else [None] * len(channels)
    if tag_columns or "failed" in sources:
        rows = zip(channels[tag_columns].to_dict("records"), sources, strict=True)
        columns["TAGS"] = ["(not read)" if source == "failed" else _format_tags(row) for row, source in rows]
    return _format_table(columns, width, cut_last="TAGS" in columns)


def format_changes(changes: pd.DataFrame, width: int, *, with_account: bool = False) -> str:
    """Return a header line and a line per change between two snapshots; an empty string if nothing has changed."""
    values = zip(changes["column"], changes["before"], changes["after"], strict=True)
    details = {"CHANGE": changes["change"].tolist(), "DETAILS": [_format_change(*each) for each in values]}
    return _format_rows(changes, width, details, with_account=with_account)


def format_tag_problems(problems: pd.DataFrame, width: int, *, with_account: bool = False) -> str:
    """Return a header line and a line per problem with a required tag; an empty string if there are none."""
    found = zip(problems["found_key"], problems["found_value"], problems["allowed_value"], strict=True)
    details = {
        "KEY": problems["key"].tolist(),
        "PROBLEM": problems["problem"].str.replace("_", " ").tolist(),
        "FOUND": [_format_found_tag(*each) for each in found],
    }
    return _format_rows(problems, width, details, with_account=with_account)


def _format_rows(frame: pd.DataFrame, width: int, details: Mapping[str, Sequence[str]], *, with_account: bool) -> str:
    if frame.empty:
        return ""
    return _format_table({**_place_columns(frame, with_account=with_account), **details}, width, cut_last=True)


def _place_columns(frame: pd.DataFrame, *, with_account: bool) -> dict[str, list[str]]:
    """Return the columns that each line begins with: channel, account and region."""
    keys = {"CHANNEL": "channel_name", "ACCOUNT": "account_id", "REGION": "region"}
    if not with_account and len(set(frame["account_id"])) == 1:
        del keys["ACCOUNT"]
    return {title: frame[column].fillna(MISSING).tolist() for title, column in keys.items()}


def _format_tags(row: Mapping[object, object]) -> str:
    return " ".join(
        f"{str(key).removeprefix(TAG_PREFIX)}={value}" for key, value in row.items() if isinstance(value, str)
    )


def _format_change(column: object, before: object, after: object) -> str:
    if not isinstance(column, str):
        return ""
    old, new = (value if isinstance(value, str) else MISSING for value in (before, after))
    return f"{column}: {old} \N{RIGHTWARDS ARROW} {new}"


def _format_found_tag(key: object, value: object, allowed: object) -> str:
    if not isinstance(key, str):
        return ""
    return f"{key}={value}" + (f" (probably {allowed})" if isinstance(allowed, str) else "")


def _format_table(columns: Mapping[str, Sequence[str]], width: int, *, cut_last: bool) -> str:
    """Return a header line and a line per row; if too wide, the last column is cut first if ``cut_last``, then the first.

    The first is cut in its middle: names of a fleet often differ in their ends only.
    """
    cells = [[title, *map(printable, column)] for title, column in columns.items()]
    first, *middle, last = (max(map(display_width, column)) for column in cells)
    others = sum(middle) + len(SEPARATOR) * (len(cells) - 1)
    minimum_last = min(last, MINIMUM_LAST_WIDTH) if cut_last else last
    first = min(first, max(width - others - minimum_last, MINIMUM_FIRST_WIDTH))
    widths = [first, *middle, width - others - first if cut_last else last]
    cells[0] = [cut_middle(cell, first) for cell in cells[0]]
    return "".join(SEPARATOR.join(map(fit, row, widths)).rstrip() + "\n" for row in zip(*cells, strict=True))
