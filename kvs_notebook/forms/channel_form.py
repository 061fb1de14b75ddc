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
from kvs_notebook.forms.html import as_error, as_table
from kvs_notebook.forms.worker import Outcome, Task, Work


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
        self.channel = channel_field("" if channel is None else _named(channel))
        self.load = widgets.Button(description="Load")
        self.load.on_click(lambda _: self._start(self._loading))
        self.seen = widgets.HTML()
        self.row: pd.DataFrame | None = None
        self._asked_for = ""
        self._shown_arn = ""
        self._draft: Any = None
        super().__init__(
            [self.channel, widgets.HBox([self.load]), self.seen, *fields],
            action=action,
            style=style,
            buttons=[self.load],
            connection=connection,
        )
        if channel is not None:
            self._start(self._loading)

    def allow(self, may_act: bool) -> None:  # noqa: FBT001 - it is what is allowed
        """Enable what changes something, or grey it out with the button that loads."""
        super().allow(may_act)
        if not may_act:
            self._worker.off.add(self.load)

    def choose(self, name: str) -> None:
        """Load another channel, unless a change is under way."""
        if not self._worker.changing and name != self.channel.value:
            self.channel.value = name
            self._start(self._loading)

    def forget(self) -> None:
        """Show no channel any more."""
        self.row = None
        self.seen.value = ""

    # --- for each form to say

    def read(self, row: pd.DataFrame) -> Any:
        """Read what the form needs beside the row, and give it; called on the worker's thread."""

    def show(self, row: pd.DataFrame, beside: Any) -> None:  # noqa: ARG002 - there is none for every form
        """Show a row that was loaded, and what was read beside it."""
        self.seen.value = as_table(facts(row))

    def draft(self) -> Any:
        """Give what the user edits: what is edited while the channel is being loaded is kept."""
        return None

    def is_another(self, row: pd.DataFrame) -> bool:
        """Tell whether another channel was shown before: what was edited was meant for that one, and is not kept."""
        return self._shown_arn not in {"", row["channel_arn"].item()}

    # --- what happens

    def _loading(self) -> Work:
        problem = self.channel.show_problem()
        if problem:
            raise InvalidInput(problem)
        text = self.channel.value
        draft = self.draft()
        line = self.line("describe_channel", text)

        def run(task: Task) -> Outcome:
            task.show(self.forget)
            row = channels_frame([describe(one_channel_ref(text, self.connection), self.connection)])
            beside = self.read(row)
            task.show(lambda: self._take(text, row, beside, draft))
            return Outcome(row, f"Loaded {row['channel_name'].item()} in {task.took}.", line)

        return Work(f"Loading {text}", run)

    def _take(self, text: str, row: pd.DataFrame, beside: Any, draft: Any) -> None:
        self.row, self._asked_for, self._draft = row, text, draft
        self.show(row, beside)
        self._shown_arn = row["channel_arn"].item()

    def loaded(self, text: str) -> pd.DataFrame:
        """Give the row that was loaded for what the channel field said; raise InvalidInput where there is none."""
        if self.row is None or self._asked_for != text:
            raise InvalidInput(f"Load {text} first, so that you see what you are about to change.")
        return self.row

    def show_conflict(self, task: Task, seen: pd.DataFrame, wanted: str, error: VersionMismatch) -> None:
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
            as_error(f"{name} was changed by someone else since it was loaded.")
            + as_table(rows, header=("", "message_ttl_seconds", "version", "channel_status"))
            + "<div>Nothing was overwritten. Press Load to see it as it is now, then decide anew.</div>"
        )

        def show() -> None:
            self.seen.value = compared
            self.row = None

        task.show(show)


def facts(row: pd.DataFrame) -> list[tuple[str, object]]:
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


def _named(channel: Channel) -> str:
    """Give a channel argument as what may be typed: a name or an ARN."""
    if isinstance(channel, str):
        return channel
    row = channel.iloc[0] if isinstance(channel, pd.DataFrame) and len(channel) == 1 else channel
    if isinstance(row, pd.DataFrame) or "channel_arn" not in row:
        raise InvalidInput("A form takes one channel: give a name, an ARN, or one row of list_channels().")
    return str(row["channel_arn"])
