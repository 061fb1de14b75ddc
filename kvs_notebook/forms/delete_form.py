"""The form that deletes a channel: it shows what will be deleted and asks for the channel's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels import operations
from kvs_notebook.channels.reference import Channel
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.channel_form import LOAD_AGAIN, ChannelForm, channel_facts
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput, ConfirmationField
from kvs_notebook.forms.html import table_html
from kvs_notebook.forms.job import Job, JobResult, RunningJob


class DeleteForm(ChannelForm):
    """Delete a channel if its name was typed and it was not changed since it was loaded.

    Attributes
    ----------
    confirmation
        The field for the channel's name.
    """

    def __init__(
        self,
        channel: Channel | None = None,
        *,
        connection: Connection | None = None,
        executor: ContextExecutor | None = None,
    ) -> None:
        self.confirmation = ConfirmationField(
            "Type the channel's name to delete it",
            self._check_confirmation,
            accepts="Delete channel can be pressed when the name matches",
        )
        super().__init__(
            channel,
            [self.confirmation],
            action="Delete channel",
            style="danger",
            connection=connection,
            executor=executor,
        )

    def fields(self) -> list[CheckedInput]:
        """Return the fields that must be valid before anything is sent."""
        return [self.channel, self.confirmation]

    def can_submit(self) -> bool:
        """Return whether the name of the channel that was loaded was typed."""
        return self.confirmation.is_confirmed

    def _check_confirmation(self, typed: str) -> None:
        if self.row is not None:
            _check_name(typed, self.row["channel_name"].item())

    def read_extras(self, row: pd.DataFrame) -> Any:
        """Return the channel's age, by the service's clock, and its tags, in words."""
        found = tags_of_channel(row["channel_arn"].item(), self.connection)
        age = self.connection.now() - row["creation_time"].item()
        return [("Age", age_text(age.total_seconds())), ("Tags", tags_text(found))]

    def show_channel(self, row: pd.DataFrame, extras: Any, edits: Any) -> None:  # noqa: ARG002 - nothing is edited here
        """Show what will be deleted, and which name has to be typed."""
        self._expect(row["channel_name"].item())
        self.details.value = (
            "<div>This channel will be deleted and cannot be restored; a new channel with this name gets another ARN:</div>"
            + table_html([*channel_facts(row), *extras])
        )

    def prepare(self) -> Job:
        """Return a job that sends the version that was loaded and follows the channel until it is gone."""
        text, typed = self.channel.value, self.confirmation.value

        def run(running: RunningJob) -> JobResult:
            loaded = self.loaded_row(text)
            name = loaded["channel_name"].item()
            _check_name(typed, name)
            with self.showing_conflict(running, loaded, "deleted"):
                row = operations.delete_channel(loaded, connection=self.connection)
            self.notify()
            running.follow(row, lambda _: False, self.connection, change=f"{name} was deleted", until_gone=True)
            running.update(self._clear)
            ending = "it was still DELETING when the waiting stopped" if running.stopped.is_set() else "it is gone"
            message = f"Deleted {name} in {running.elapsed}: {ending}."
            return JobResult(row, message, self.python_call("delete_channel", text))

        check_code = self.python_call("describe_channel", text)
        return Job(f"Deleting {text}", run, changes=True, check_code=check_code, check=LOAD_AGAIN)

    def clear_channel(self) -> None:
        """Show no channel: nothing can be deleted."""
        super().clear_channel()
        self._expect(None)

    def _expect(self, name: str | None) -> None:
        self.confirmation.expected = name
        self.confirmation.value_changed()

    def _clear(self) -> None:
        self.clear_channel()
        self.confirmation.value = ""


def _check_name(typed: str, name: str) -> None:
    if typed != name:
        raise InvalidInput(f"Confirmation {typed!r} is not the channel's name. Type {name} to delete it.")


def tags_text(tags: Mapping[str, str]) -> str:
    """Return a channel's tags in words."""
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items())) or "none"


def age_text(seconds: float) -> str:
    """Return a channel's age in words."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"  # as the table of channels has it
    return f"{seconds:.0f} seconds"


def delete_channel(channel: Channel | None = None, *, connection: Connection | None = None) -> DeleteForm:
    """Open a form that deletes a channel after its name was typed.

    Its fields are ``channel``, with the button ``load``, and ``confirmation``.
    The version that was loaded is sent. Loading spends what
    :func:`kvs_notebook.describe_channel` and :func:`kvs_notebook.list_tags`
    spend, and submitting what :func:`kvs_notebook.delete_channel` does.

    Parameters
    ----------
    channel
        A name, an ARN or a row, loaded at once. If None, the user enters it.
    connection
        The account and region of the channel. If None, the current connection.

    Returns
    -------
    DeleteForm
        The form; after a click, ``form.future.result()`` returns the channel,
        DELETING, as a one-row channels frame.

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
    >>> form = kvs.forms.delete_channel("front-door")
    >>> form.confirmation.value = "front-door"
    >>> form.submit.click()
    >>> form.future.result()["channel_status"].item()
    'DELETING'
    """
    return DeleteForm(channel, connection=connection)
