"""Update: a form for a channel's message TTL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels import operations
from kvs_notebook.channels.reference import Channel
from kvs_notebook.channels.waiters import is_active
from kvs_notebook.errors import VersionMismatch
from kvs_notebook.forms.channel_form import ChannelForm
from kvs_notebook.forms.fields import Field, TagRows, seconds, ttl_field
from kvs_notebook.forms.worker import Job, JobResult, RunningJob


class UpdateForm(ChannelForm):
    """Change a channel's message TTL, if it still is as it was seen."""

    def __init__(self, channel: Channel | None = None, *, connection: Connection | None = None) -> None:
        self.message_ttl_seconds = ttl_field()
        self._proposed = ""
        super().__init__(channel, [self.message_ttl_seconds], action="Update channel", connection=connection)

    def fields(self) -> list[Field | TagRows]:
        """Give the fields that must be right."""
        return [self.channel, self.message_ttl_seconds]

    def edits(self) -> Any:
        """Give the TTL as it was typed."""
        return self.message_ttl_seconds.value

    def show(self, row: pd.DataFrame, extras: Any) -> None:
        """Show the row, and propose its TTL where nobody has typed another for this channel."""
        super().show(row, extras)
        proposed, field = str(row["message_ttl_seconds"].item()), self.message_ttl_seconds
        typed_for_another = self.is_different_channel(row) and field.replace_unedited(self._loaded_edits, proposed)
        if typed_for_another or field.replace_unedited(self._proposed, proposed):
            self._proposed = proposed

    def prepare(self) -> Job:
        """Read the fields; the work sends the version that was loaded and follows the channel until it is ACTIVE."""
        text, ttl = self.channel.value, int(seconds(self.message_ttl_seconds.value))
        line = self.python_call("update_channel", text, message_ttl_seconds=ttl)

        def run(running: RunningJob) -> JobResult:
            seen = self.loaded_row(text)
            name, version = seen["channel_name"].item(), seen["version"].item()
            try:
                row = operations.update_channel(seen, message_ttl_seconds=ttl, wait=False, connection=self.connection)
            except VersionMismatch as error:
                self.show_conflict(running, seen, f"{ttl} s", error)
                raise
            if row["version"].item() == version and is_active({"ChannelStatus": row["channel_status"].item()}):
                running.update(lambda: self._show_loaded(text, row, None, self._loaded_edits))
                return JobResult(row, f"{name} has a message TTL of {ttl} s already: nothing was sent.", line)
            self.notify()

            def updated(info: Mapping[str, Any]) -> bool:
                return is_active(info) and info.get("Version") != version

            row = running.follow(row, updated, self.connection, change=f"{name} was updated")
            running.update(lambda: self._updated(text, row, str(ttl)))
            return JobResult(
                row,
                f"Updated {name} in {running.elapsed}: its message TTL is {row['message_ttl_seconds'].item()} s, "
                f"it is {row['channel_status'].item()}.",
                line,
            )

        return Job(f"Updating {text}", run, changes=True, check_code=self.python_call("describe_channel", text))

    def _updated(self, text: str, row: pd.DataFrame, ttl: str) -> None:
        self._proposed = ttl
        self._show_loaded(text, row, None, ttl)


def update_channel(channel: Channel | None = None, *, connection: Connection | None = None) -> UpdateForm:
    """Open a form that changes a channel's message TTL.

    Its fields are ``channel``, with the button ``load``, and ``message_ttl_seconds``. The version that was loaded is sent: if
    another client has changed the channel since, nothing is overwritten, and the form shows the loaded, the current and the
    wanted state. Loading spends what :func:`kvs_notebook.describe_channel` spends, and submitting what
    :func:`kvs_notebook.update_channel` does.

    Parameters
    ----------
    channel
        A name, an ARN or a row, loaded at once. If None, the user enters it.
    connection
        The account and region of the channel. If None, the current connection.

    Raises
    ------
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
