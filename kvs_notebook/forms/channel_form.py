"""Channel: what the forms share that change a channel which is there; they load it first and show what they saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.reference import Channel, describe, one_channel_ref
from kvs_notebook.dataframes.builders import channels_frame
from kvs_notebook.errors import InvalidInput, KVSError, VersionMismatch
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.fields import channel_field
from kvs_notebook.forms.html import error_html, table_html
from kvs_notebook.forms.worker import Job, JobResult, RunningJob


class ChannelForm(Form):
    """Hold a channel's name, a button that loads it, and what was seen.

    Attributes
    ----------
    channel, load
        The field that names it and the button that reads it.
    row
        The one-row channels frame that was loaded last, None before: its version is what a change sends.
    """

    def __init__(
        self,
        channel: Channel | None,
        fields: Sequence[widgets.Widget],
        *,
        action: str,
        style: str = "primary",
        connection: Connection | None = None,
    ) -> None:
        self.channel = channel_field("" if channel is None else _name_or_arn(channel))
        self.load = widgets.Button(description="Load")
        self.load.on_click(lambda _: self._start(self._prepare_load))
        self.details = widgets.HTML()
        self.row: pd.DataFrame | None = None
        self._asked_for = ""
        self._shown_arn = ""
        self._loaded_edits: Any = None
        super().__init__(
            [self.channel, widgets.HBox([self.load]), self.details, *fields],
            action=action,
            style=style,
            buttons=[self.load],
            connection=connection,
        )
        if channel is not None:
            self._start(self._prepare_load)

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - it is what is allowed
        """Enable what changes something, or grey it out with the button that loads."""
        super().set_enabled(enabled)
        if not enabled:
            self._worker.blocked.add(self.load)

    def select_channel(self, name: str) -> None:
        """Load another channel, unless a change is under way."""
        if not self._worker.is_changing and name != self.channel.value:
            self.channel.value = name
            self._start(self._prepare_load)

    def clear_channel(self) -> None:
        """Show no channel any more."""
        self.row = None
        self.details.value = ""

    # --- for each form to say

    def read_extras(self, row: pd.DataFrame) -> Any:
        """Read what the form needs beside the row, and give it; called on the worker's thread."""

    def show(self, row: pd.DataFrame, extras: Any) -> None:  # noqa: ARG002 - there is none for every form
        """Show a row that was loaded, and what was read beside it."""
        self.details.value = table_html(channel_facts(row))

    def edits(self) -> Any:
        """Give what the user edits: what is edited while the channel is being loaded is kept."""
        return None

    def is_different_channel(self, row: pd.DataFrame) -> bool:
        """Tell whether another channel was shown before: what was edited was meant for that one, and is not kept."""
        return self._shown_arn not in {"", row["channel_arn"].item()}

    # --- what happens

    def _prepare_load(self) -> Job:
        problem = self.channel.show_problem()
        if problem:
            raise InvalidInput(problem)
        text = self.channel.value
        edits = self.edits()
        line = self.python_call("describe_channel", text)

        def run(running: RunningJob) -> JobResult:
            running.update(self.clear_channel)
            row = channels_frame([describe(one_channel_ref(text, self.connection), self.connection)])
            extras = self.read_extras(row)
            running.update(lambda: self._show_loaded(text, row, extras, edits))
            return JobResult(row, f"Loaded {row['channel_name'].item()} in {running.elapsed}.", line)

        return Job(f"Loading {text}", run)

    def _show_loaded(self, text: str, row: pd.DataFrame, extras: Any, edits: Any) -> None:
        self.row, self._asked_for, self._loaded_edits = row, text, edits
        self.show(row, extras)
        self._shown_arn = row["channel_arn"].item()

    def loaded_row(self, text: str) -> pd.DataFrame:
        """Give the row that was loaded for what the channel field said; raise InvalidInput where there is none."""
        if self.row is None or self._asked_for != text:
            raise InvalidInput(f"Load {text} first, so that you see what you are about to change.")
        return self.row

    def show_conflict(self, running: RunningJob, seen: pd.DataFrame, wanted: str, error: VersionMismatch) -> None:
        """Show what was seen, what is there now and what was wanted; nothing is overwritten."""
        name = seen["channel_name"].item()
        try:
            now = channels_frame([describe(one_channel_ref(seen, self.connection), self.connection)])
        except KVSError as second:
            raise error from second
        rows = [
            (
                "you saw",
                f"{seen['message_ttl_seconds'].item()} s",
                seen["version"].item(),
                seen["channel_status"].item(),
            ),
            (
                "is there now",
                f"{now['message_ttl_seconds'].item()} s",
                now["version"].item(),
                now["channel_status"].item(),
            ),
            ("you wanted", wanted, "", ""),
        ]
        compared = (
            error_html(f"{name} was changed by someone else since it was loaded.")
            + table_html(rows, header=("", "message_ttl_seconds", "version", "channel_status"))
            + "<div>Nothing was overwritten. Press Load to see it as it is now, then decide anew.</div>"
        )

        def show() -> None:
            self.details.value = compared
            self.row = None

        running.update(show)


def channel_facts(row: pd.DataFrame) -> list[tuple[str, object]]:
    """Give a channel's row as pairs to show."""
    created = row["creation_time"].item()
    return [
        ("channel_name", row["channel_name"].item()),
        ("channel_arn", row["channel_arn"].item()),
        ("channel_status", row["channel_status"].item()),
        ("creation_time", f"{created:%Y-%m-%d %H:%M:%S} UTC"),
        ("message_ttl_seconds", row["message_ttl_seconds"].item()),
        ("version", row["version"].item()),
    ]


def _name_or_arn(channel: Channel) -> str:
    """Give a channel argument as what may be typed: a name or an ARN."""
    if isinstance(channel, str):
        return channel
    row = channel.iloc[0] if isinstance(channel, pd.DataFrame) and len(channel) == 1 else channel
    if isinstance(row, pd.DataFrame) or "channel_arn" not in row:
        raise InvalidInput("A form takes one channel: give a name, an ARN, or one row of list_channels().")
    return str(row["channel_arn"])
