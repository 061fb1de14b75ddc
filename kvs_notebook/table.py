"""Channels as a table for a terminal: names and tags are cut to its width, the files have them whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvs_notebook.frames import TAG_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

GAP = "  "
LEAST_NAME, LEAST_TAGS = 12, 24


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
    widths = _widths(columns, width)
    lines = [list(columns), *zip(*columns.values(), strict=True)]
    return "".join(
        GAP.join(_cut(cell, room).ljust(room) for cell, room in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _tags(row: Mapping[object, object]) -> str:
    return " ".join(
        f"{str(key).removeprefix(TAG_PREFIX)}={value}" for key, value in row.items() if isinstance(value, str)
    )


def _widths(columns: Mapping[str, Sequence[str]], width: int) -> list[int]:
    """Cut the tags first, then the names, and nothing else."""
    name, *others = (max(map(len, [title, *cells])) for title, cells in columns.items())
    *middle, tags = others if "TAGS" in columns else [*others, 0]
    left = width - sum(middle) - len(GAP) * (len(columns) - 1)
    name = min(name, max(left - min(tags, LEAST_TAGS), LEAST_NAME))
    return [name, *middle, left - name][: len(columns)]


def _cut(text: str, room: int) -> str:
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= room else text[: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
