"""The details of one channel in a console."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.forms.html import copied_heading_html, table_html


class Details(widgets.HTML):
    """Show a channel as it was listed, with its tags."""

    def __init__(self, row: pd.DataFrame, **_: Any) -> None:
        super().__init__()
        self.show_channels(row)

    def show_channels(self, row: pd.DataFrame) -> None:
        """Show another row, or the same one after another listing."""
        channel = row.iloc[0]
        tags = {
            key.removeprefix(TAG_PREFIX): channel[key] or "''"
            for key in row.columns
            if key.startswith(TAG_PREFIX) and pd.notna(channel[key])
        }
        facts = [
            ("Status", channel["channel_status"]),
            ("Message TTL", f"{channel['message_ttl_seconds']} s"),
            ("Created", f"{channel['creation_time']:%Y-%m-%d %H:%M:%S} UTC"),
            ("Type", channel["channel_type"]),
            ("Version", channel["version"]),
        ]
        arn = str(channel["channel_arn"])
        shown = sorted(tags.items()) or [("none", "")]
        self.value = f"{table_html(facts)}{copied_heading_html('ARN', arn)}<h4>Tags</h4>{table_html(shown)}"

    def unapplied_edits(self) -> str:
        """Return nothing: there is nothing to edit."""
        return ""
