"""The base of the forms that change an existing channel: they load it first and show what they loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.reference import Channel, describe, one_channel_ref
from kvs_notebook.dataframes.builders import channels_frame
from kvs_notebook.errors import InvalidInput, KVSError, VersionMismatch
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import channel_field
from kvs_notebook.forms.html import error_html, facts_html, table_html
from kvs_notebook.forms.job import Job, JobResult, RunningJob
from kvs_notebook.forms.keyboard import ENTER_CLASS

LOAD_AGAIN = "press Load"
"""What a user does to see whether a change took effect."""

HEADINGS = {
    "channel_name": "Name",
    "channel_arn": "ARN",
    "channel_status": "Status",
    "creation_time": "Created",
    "message_ttl_seconds": "Message TTL",
    "version": "Version",
}
"""The columns of a channels frame that a form shows, and what they are called there."""


class ChannelForm(Form):
    """A form with a channel's name, a button that loads it, and what was loaded.

    Attributes
    ----------
    channel, load
        The field with its name or ARN, and the button that loads it.
    details
        The HTML that shows what was loaded.
    row
        The one-row channels frame that was loaded last, None before: a change sends its version.
    """

    def __init__(
        self,
        channel: Channel | None,
        fields: Sequence[widgets.Widget],
        *,
        action: str,
        style: str = "primary",
        connection: Connection | None,
        executor: ContextExecutor | None,
    ) -> None:
        self.channel = channel_field(name_or_arn(channel))
        self.load = widgets.Button(description="Load")
        self.load.on_click(lambda _: self._start(self._prepare_load))
        self.details = widgets.HTML()
        self.row: pd.DataFrame | None = None
        self._loaded_text = ""
        self._shown_arn = ""
        self._asked_to_discard: tuple[str, str] | None = None
        self._channel_box = widgets.VBox([self.channel, widgets.HBox([self.load])])
        self._channel_box.add_class(ENTER_CLASS)
        super().__init__(
            [self._channel_box, self.details, *fields],
            action=action,
            style=style,
            also_disabled=[self.load],
            connection=connection,
            executor=executor,
        )
        if channel is not None:
            self._start(self._prepare_load)

    def blocked_buttons(self) -> set[widgets.Button]:
        """Return the buttons that cannot act now: a form that is disabled does not load either."""
        return super().blocked_buttons() | (set() if self._is_enabled else {self.load})

    def hide_channel_field(self) -> None:
        """Hide the channel's field: a console selects the channel. Load moves beside the button that acts."""
        self._channel_box.layout.display = "none"
        self._channel_box.children = [self.channel]
        self._buttons.children = [self.submit, self.load, self.cancel]

    def select_channel(self, name: str) -> None:
        """Load another channel, unless a change is running."""
        if not self._worker.is_changing and name != self.channel.value:
            self.channel.value = name
            self._start(self._prepare_load)

    # --- to be overridden

    def read_extras(self, row: pd.DataFrame) -> Any:
        """Return what the form shows beside the row; called on the worker's thread."""

    def edits(self) -> Any:
        """Return what the user may edit while the channel is being loaded."""

    def show_channel(self, row: pd.DataFrame, extras: Any, edits: Any) -> None:  # noqa: ARG002 - for those that override it
        """Show a row that was loaded, with its extras; ``edits`` are those of the moment when Load was pressed."""
        self.details.value = facts_html(channel_facts(row))

    # --- loading

    def _prepare_load(self) -> Job:
        self.check_fields([self.channel])
        text = self.channel.value
        self._ask_before_discarding(text)
        edits = self.edits()
        code = self.python_call("describe_channel", text)

        def run(running: RunningJob) -> JobResult:
            running.update(self.clear_channel)
            row = self._describe(text)
            extras = self.read_extras(row)
            running.update(lambda: self.set_loaded(text, row, extras, edits))
            return JobResult(row, f"Loaded {row['channel_name'].item()} in {running.elapsed}.", code, is_outcome=False)

        return Job(f"Loading {text}", run)

    def _ask_before_discarding(self, text: str) -> None:
        """Raise InvalidInput once if loading another channel would lose edits of the one that is shown."""
        if not self._shown_arn:
            return
        shown = ChannelArn.parse(self._shown_arn).channel_name
        edits = self.unapplied_edits()
        if not edits or text in {shown, self._shown_arn} or self._asked_to_discard == (text, edits):
            return
        self._asked_to_discard = (text, edits)
        raise InvalidInput(
            f"{shown} has edits that were not applied: {edits}. "
            f"Press Load again to discard them and load {text}, or load {shown} and apply them."
        )

    def _describe(self, channel: Channel) -> pd.DataFrame:
        return channels_frame([describe(one_channel_ref(channel, self.connection), self.connection)])

    def clear_channel(self) -> None:
        """Show no channel."""
        self.row = None
        self.details.value = ""

    def set_loaded(self, text: str, row: pd.DataFrame, extras: Any, edits: Any) -> None:
        """Keep a row as the one that was loaded for the text of the channel field, and show it."""
        self.row, self._loaded_text = row, text
        self.show_channel(row, extras, edits)
        self._shown_arn = row["channel_arn"].item()
        self._asked_to_discard = None

    def shows_another_channel(self, row: pd.DataFrame) -> bool:
        """Return True if another channel was shown before this row: the user's edits were meant for that one."""
        return self._shown_arn not in {"", row["channel_arn"].item()}

    def loaded_row(self, text: str) -> pd.DataFrame:
        """Return the row that was loaded for the text of the channel field; raise InvalidInput if there is none."""
        if self.row is None or self._loaded_text != text:
            raise InvalidInput(f"{text} is not loaded. Press Load first, to see what you are about to change.")
        return self.row

    # --- conflicts

    @contextmanager
    def showing_conflict(self, running: RunningJob, loaded: pd.DataFrame, wanted: str) -> Iterator[None]:
        """Show what was loaded, what is there now and what was wanted, if another client has changed the channel."""
        try:
            yield
        except VersionMismatch as error:
            try:
                current = self._describe(loaded)
            except KVSError as second:
                raise error from second
            running.update(lambda: self._show_conflict(loaded, current, wanted))
            raise

    def _show_conflict(self, loaded: pd.DataFrame, current: pd.DataFrame, wanted: str) -> None:
        rows = [("you saw", *_state(loaded)), ("is there now", *_state(current)), ("you wanted", wanted, "", "")]
        self.details.value = (
            error_html(f"Another client has changed {loaded['channel_name'].item()} since it was loaded.")
            + table_html(rows, header=("", "Message TTL", "Version", "Status"))
            + "<div>Nothing was overwritten. Press Load to see the current state, then decide again.</div>"
        )
        self.row = None


def _state(row: pd.DataFrame) -> tuple[str, str, str]:
    return f"{row['message_ttl_seconds'].item()} s", row["version"].item(), row["channel_status"].item()


def channel_facts(row: pd.DataFrame) -> list[tuple[str, object]]:
    """Return the headings and values of a channel's row, to be shown as a table."""
    facts: dict[str, object] = {heading: row[name].item() for name, heading in HEADINGS.items()}
    facts["Created"] = f"{facts['Created']:%Y-%m-%d %H:%M:%S} UTC"
    facts["Message TTL"] = f"{facts['Message TTL']} s"
    return list(facts.items())


def name_or_arn(channel: Channel | None) -> str:
    """Return the text of the channel field for a channel argument."""
    if isinstance(channel, str | None):
        return channel or ""
    row = channel.iloc[0] if isinstance(channel, pd.DataFrame) and len(channel) == 1 else channel
    if not isinstance(row, pd.Series | Mapping) or "channel_arn" not in row:
        raise InvalidInput("A form takes one channel: pass a name, an ARN or one row of list_channels().")
    return str(row["channel_arn"])
