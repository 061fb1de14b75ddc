"""Tables for a terminal: what is long is cut to its width, the files have it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvs_notebook.dataframes.schemas import TAG_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

GAP = "  "
LEAST_NAME, LEAST_LAST = 12, 24
ABSENT = "-"


def laid_out(channels: pd.DataFrame, width: int) -> str:
    """Give a line of titles and a line per channel, none wider than ``width``; nothing at all for no channel."""
    if channels.empty:
        return ""
    columns = {
        "CHANNEL": list(channels["channel_name"]),
        "REGION": list(channels["region"]),
        "STATUS": list(channels["channel_status"].fillna("?")),
        "TTL": list((channels["message_ttl_seconds"].astype("str") + " s").fillna("?")),
        "CREATED": list(channels["creation_time"].dt.strftime("%Y-%m-%d").fillna("?")),
    }
    tag_columns = [column for column in channels.columns if column.startswith(TAG_PREFIX)]
    if tag_columns:
        columns["TAGS"] = [_tags(row) for row in channels[tag_columns].to_dict("records")]
    return _lines(columns, width, cut_last=bool(tag_columns))


def changes_laid_out(changes: pd.DataFrame, width: int) -> str:
    """Give a line for each change between two snapshots."""
    values = zip(changes["column"], changes["before"], changes["after"], strict=True)
    return _told(changes, width, {"CHANGE": changes["change"].tolist(), "WHAT": [_what(*each) for each in values]})


def problems_laid_out(problems: pd.DataFrame, width: int) -> str:
    """Give a line for each problem with a required tag."""
    found = zip(problems["found_key"], problems["found_value"], problems["allowed_value"], strict=True)
    texts = {"KEY": problems["key"].tolist(), "PROBLEM": problems["problem"].str.replace("_", " ").tolist()}
    return _told(problems, width, texts | {"FOUND": [_found(*each) for each in found]})


def _told(frame: pd.DataFrame, width: int, texts: Mapping[str, Sequence[str]]) -> str:
    """Give lines that begin with where, the account only where there are several."""
    if frame.empty:
        return ""
    places = {"CHANNEL": "channel_name", "ACCOUNT": "account_id", "REGION": "region"}
    if len(set(frame["account_id"])) == 1:
        del places["ACCOUNT"]
    where = {title: frame[column].fillna(ABSENT).tolist() for title, column in places.items()}
    return _lines(where | dict(texts), width, cut_last=True)


def _what(column: object, before: object, after: object) -> str:
    if not isinstance(column, str):
        return ""
    return f"{column}: {_or_absent(before)} \N{RIGHTWARDS ARROW} {_or_absent(after)}"


def _found(key: object, value: object, allowed: object) -> str:
    if not isinstance(key, str):
        return ""
    return f"{key}={value}" + (f" (probably {allowed})" if isinstance(allowed, str) else "")


def _or_absent(value: object) -> str:
    return value if isinstance(value, str) else ABSENT


def _tags(row: Mapping[object, object]) -> str:
    return " ".join(
        f"{str(key).removeprefix(TAG_PREFIX)}={value}" for key, value in row.items() if isinstance(value, str)
    )


def _lines(columns: Mapping[str, Sequence[str]], width: int, *, cut_last: bool) -> str:
    """Give a line of titles and a line for each row: the last column is cut first, where it may be, then the first."""
    first, *middle, last = (max(map(len, [title, *cells])) for title, cells in columns.items())
    rest = sum(middle) + len(GAP) * (len(columns) - 1) + (0 if cut_last else last)
    first = min(first, max(width - rest - (min(last, LEAST_LAST) if cut_last else 0), LEAST_NAME))
    widths = [first, *middle, width - rest - first if cut_last else last]
    return "".join(
        GAP.join(_cut(cell, room).ljust(room) for cell, room in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in [list(columns), *zip(*columns.values(), strict=True)]
    )


def _cut(text: str, room: int) -> str:
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= room else text[: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
