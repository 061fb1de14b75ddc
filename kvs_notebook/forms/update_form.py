"""The form that changes a channel's message TTL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels import operations
from kvs_notebook.channels.reference import Channel
from kvs_notebook.channels.waiters import is_active
from kvs_notebook.forms.channel_form import LOAD_AGAIN, ChannelForm
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput, parse_seconds, ttl_field
from kvs_notebook.forms.job import Job, JobResult, RunningJob


class UpdateForm(ChannelForm):
    """Change a channel's message TTL, if the channel was not changed since it was loaded.

    Attributes
    ----------
    message_ttl_seconds
        The field for the new TTL.
    """

    def __init__(
        self,
        channel: Channel | None = None,
        *,
        connection: Connection | None = None,
        executor: ContextExecutor | None = None,
    ) -> None:
        self.message_ttl_seconds = ttl_field()
        self._proposed_ttl = ""
        super().__init__(
            channel, [self.message_ttl_seconds], action="Update channel", connection=connection, executor=executor
        )

    def fields(self) -> list[CheckedInput]:
        """Return the fields that must be valid before anything is sent."""
        return [self.channel, self.message_ttl_seconds]

    def edits(self) -> Any:
        """Return the TTL as it was typed."""
        return self.message_ttl_seconds.value

    def describe_edits(self) -> str:
        """Return the TTL that was typed."""
        typed = self.message_ttl_seconds.value
        return f"message TTL {typed}" if typed not in {"", self._proposed_ttl} else ""

    def show_channel(self, row: pd.DataFrame, extras: Any, edits: Any) -> None:
        """Show the row, and propose its TTL unless the user has typed another one for this channel."""
        super().show_channel(row, extras, edits)
        current, field = str(row["message_ttl_seconds"].item()), self.message_ttl_seconds
        typed_for_another = self.shows_another_channel(row) and field.replace_if_unchanged(edits, current)
        if typed_for_another or field.replace_if_unchanged(self._proposed_ttl, current):
            self._proposed_ttl = current

    def prepare(self) -> Job:
        """Return a job that sends the version that was loaded and follows the channel until it is ACTIVE."""
        text, ttl = self.channel.value, int(parse_seconds(self.message_ttl_seconds.value))
        return Job(
            f"Updating {text}",
            lambda running: self._update(running, text, ttl),
            changes=True,
            check_code=self.python_call("describe_channel", text),
            check=LOAD_AGAIN,
        )

    def _update(self, running: RunningJob, text: str, ttl: int) -> JobResult:
        code = self.python_call("update_channel", text, message_ttl_seconds=ttl)
        loaded = self.loaded_row(text)
        name, version = loaded["channel_name"].item(), loaded["version"].item()
        with self.showing_conflict(running, loaded, f"{ttl} s"):
            row = operations.update_channel(loaded, message_ttl_seconds=ttl, wait=False, connection=self.connection)
        if row["version"].item() == version and row["channel_status"].item() == "ACTIVE":
            running.update(lambda: self.set_loaded(text, row, None, self._proposed_ttl))
            return JobResult(row, f"{name} has a message TTL of {ttl} s already: nothing was sent.", code)
        self.notify()

        def is_updated(info: Mapping[str, Any]) -> bool:
            return is_active(info) and info.get("Version") != version

        row = running.follow(row, is_updated, self.connection, change=f"{name} was updated")
        running.update(lambda: self._show_updated(text, row, str(ttl)))
        message = (
            f"Updated {name} in {running.elapsed}: its message TTL is {row['message_ttl_seconds'].item()} s, "
            f"it is {row['channel_status'].item()}."
        )
        return JobResult(row, message, code)

    def _show_updated(self, text: str, row: pd.DataFrame, ttl: str) -> None:
        self._proposed_ttl = ttl
        self.set_loaded(text, row, None, ttl)


def update_channel(channel: Channel | None = None, *, connection: Connection | None = None) -> UpdateForm:
    """Open a form that changes a channel's message TTL.

    Its fields are ``channel``, with the button ``load``, and
    ``message_ttl_seconds``. The version that was loaded is sent: if another
    client has changed the channel since, nothing is overwritten, and the form
    shows the loaded, the current and the wanted state. Loading spends what
    :func:`kvs_notebook.describe_channel` spends, and submitting what
    :func:`kvs_notebook.update_channel` does.

    Parameters
    ----------
    channel
        A name, an ARN or a row, loaded at once. If None, the user enters it.
    connection
        The account and region of the channel. If None, the current connection.

    Returns
    -------
    UpdateForm
        The form; after a click, ``form.future.result()`` returns the channel
        as a one-row channels frame.

    Raises
    ------
    InvalidInput
        If ``channel`` is a frame with several rows.
    MissingExtra
        If the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> form = kvs.forms.update_channel("front-door")
    >>> form.message_ttl_seconds.value = 90
    >>> form.submit.click()
    >>> int(form.future.result()["message_ttl_seconds"].item())
    90
    """
    return UpdateForm(channel, connection=connection)
