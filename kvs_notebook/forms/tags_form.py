"""The form that edits a channel's tags.

Tags have no version: two clients that change them at once would overwrite each other unnoticed. So the form reads the tags again
before it sends anything, sends only the difference, and keeps what another client has changed. If both have changed the same
key, it sends nothing until the user has seen it. Tags that only AWS can set (``aws:...``) are shown, and never sent.
"""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import MAX_TAGS, own_tags
from kvs_notebook.channels.reference import Channel
from kvs_notebook.channels.tags import tag_channel, tags_of_channel, untag_channel
from kvs_notebook.dataframes.builders import tags_frame
from kvs_notebook.errors import InvalidInput, KVSError
from kvs_notebook.forms.channel_form import LOAD_AGAIN, ChannelForm
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput
from kvs_notebook.forms.html import escape_html, facts_html
from kvs_notebook.forms.job import Job, JobResult, RunningJob
from kvs_notebook.forms.tag_difference import TagDifference, Tags
from kvs_notebook.forms.tag_rows import TagRows


class TagsForm(ChannelForm):
    """Edit a channel's tags.

    Attributes
    ----------
    tags
        The rows; ``tags.value`` is their mapping.
    """

    def __init__(
        self,
        channel: Channel | None = None,
        *,
        connection: Connection | None = None,
        executor: ContextExecutor | None = None,
    ) -> None:
        self.tags = TagRows()
        self._loaded_tags: dict[str, str] = {}
        self._preview = widgets.HTML()
        self.tags.on_change(self._show_difference)
        super().__init__(
            channel, [self.tags, self._preview], action="Apply tags", connection=connection, executor=executor
        )

    def fields(self) -> list[CheckedInput]:
        """Return the fields that must be valid before anything is sent."""
        return [self.channel, self.tags]

    def read_extras(self, row: pd.DataFrame) -> Any:
        """Return the channel's tags."""
        return tags_of_channel(row["channel_arn"].item(), self.connection)

    def edits(self) -> Any:
        """Return the tags as they were edited."""
        return self.tags.value

    def describe_edits(self) -> str:
        """Return the difference between the tags that were loaded and the rows."""
        difference = TagDifference.between(self._loaded_tags, self.tags.value)
        return str(difference) if difference else ""

    def show_channel(self, row: pd.DataFrame, extras: Any, edits: Any) -> None:
        """Show the channel and its tags as rows, with the user's edits applied to them."""
        before = self._loaded_tags
        mine = TagDifference({}, {}) if self.shows_another_channel(row) else TagDifference.between(before, edits)
        own = self._set_loaded_tags(row["channel_arn"].item(), extras)
        if not self.tags.replace_if_unchanged(edits, mine.applied_to(own)):
            self.tags.replace_if_unchanged(before, own)  # changed by another job since the click, but not by the user
        self._show_difference()

    def _set_loaded_tags(self, arn: str, tags: Tags) -> dict[str, str]:
        """Keep the tags that the channel has, and show how many they are; return those that can be edited."""
        own = own_tags(tags)
        self._loaded_tags = own
        self.tags.show_read_only({key: value for key, value in tags.items() if key not in own})
        name = ChannelArn.parse(arn).channel_name
        self.details.value = facts_html([("Name", name), ("ARN", arn), ("Tags", len(own))])
        return own

    def _show_difference(self) -> None:
        mine = TagDifference.between(self._loaded_tags, self.tags.value)
        self._preview.value = f"<div>To apply: {escape_html(mine)}.</div>" if mine else ""

    def prepare(self) -> Job:
        """Return a job that reads the tags again and sends the difference."""
        text, wanted = self.channel.value, self.tags.value
        return Job(
            f"Applying tags of {text}",
            lambda running: self._apply(running, text, wanted),
            changes=True,
            check_code=self.python_call("list_tags", text),
            check=LOAD_AGAIN,
        )

    def _apply(self, running: RunningJob, text: str, wanted: Tags) -> JobResult:
        row, loaded = self.loaded_row(text), self._loaded_tags
        name, arn = row["channel_name"].item(), row["channel_arn"].item()
        everything = tags_of_channel(arn, self.connection)
        running.update(lambda: self._set_loaded_tags(arn, everything))
        current = own_tags(everything)
        mine, theirs = TagDifference.between(loaded, wanted), TagDifference.between(loaded, current)
        note = f" Another client has changed tags meanwhile: {theirs}." if theirs else ""
        conflicts = sorted(key for key in mine.keys & theirs.keys if current.get(key) != wanted.get(key))
        if conflicts:
            running.update(lambda: self.tags.replace_if_unchanged(wanted, mine.applied_to(current)))
            raise InvalidInput(
                f"The tags of {name} were changed since they were loaded.{note} Your changes: {mine}. "
                f"Both concern {', '.join(conflicts)}: check the rows, which have their changes and yours, and apply again."
            )
        to_send = TagDifference.between(current, mine.applied_to(current))
        self._send_difference(running, arn, current, to_send)
        result = to_send.applied_to(everything)
        running.update(lambda: self._show_applied(arn, wanted, result))
        message = (
            f"Changed the tags of {name}: {to_send}."
            if to_send
            else f"{name} has these tags already: nothing was sent."
        )
        return JobResult(tags_frame({arn: result}), message + note, self._code(text, to_send))

    def _show_applied(self, arn: str, wanted: Tags, result: Tags) -> None:
        own = self._set_loaded_tags(arn, result)
        self.tags.replace_if_unchanged(wanted, own)
        self._show_difference()

    def _send_difference(self, running: RunningJob, arn: str, current: Tags, difference: TagDifference) -> None:
        """Set first, so that no tag is lost if the second call fails; remove first if there are too many to set."""
        steps = [("set", difference.put), ("remove", difference.removed)]
        if len({**current, **difference.put}) > MAX_TAGS:
            steps.reverse()
        done: list[str] = []
        for verb, tags in steps:
            if not tags:
                continue
            step = f"{verb} {', '.join(sorted(tags))}"
            try:
                if verb == "set":
                    tag_channel(arn, tags, connection=self.connection)
                else:
                    untag_channel(arn, tags, connection=self.connection)
            except KVSError as error:
                self._explain(running, error, arn, step, done)
                raise
            done.append(step)

    def _explain(self, running: RunningJob, error: KVSError, arn: str, failed: str, done: list[str]) -> None:
        """Add to the error which step was done, which failed, and which tags the channel has now."""
        try:
            current = tags_of_channel(arn, self.connection)
        except KVSError:
            state = "What is there now is not known: press Load to see it."
        else:
            running.update(lambda: self._set_loaded_tags(arn, current))
            pairs = ", ".join(f"{key}={value}" for key, value in sorted(current.items())) or "none"
            state = f"The tags are now: {pairs}."
        before = f"Done: {', '.join(done)}. " if done else ""
        error.accepted = True  # the message says what is known: nothing is to be added to it
        error.args = (f"{before}Not done: {failed}. {error} {state}", *error.args[1:])

    def _code(self, text: str, difference: TagDifference) -> str:
        lines = []
        if difference.put:
            lines.append(self.python_call("tag_channel", text, dict(sorted(difference.put.items()))))
        if difference.removed:
            lines.append(self.python_call("untag_channel", text, sorted(difference.removed)))
        return "; ".join(lines) or self.python_call("list_tags", text)


def edit_tags(channel: Channel | None = None, *, connection: Connection | None = None) -> TagsForm:
    """Open a form that adds, changes and removes a channel's tags.

    Its fields are ``channel``, with the button ``load``, and ``tags``, whose
    value is a mapping. Tags have no version: the form reads them again before
    it sends anything, sends only the difference, and keeps what another client
    has changed. Tags that only AWS can set (``aws:...``) are shown below the
    rows; they are not in ``tags.value``, and are not changed. Loading spends
    what :func:`kvs_notebook.describe_channel` and
    :func:`kvs_notebook.list_tags` spend. Submitting spends what list_tags and,
    if there is a difference, :func:`kvs_notebook.tag_channel` and
    :func:`kvs_notebook.untag_channel` spend.

    Parameters
    ----------
    channel
        A name, an ARN or a row, loaded at once. If None, the user enters it.
    connection
        The account and region of the channel. If None, the current connection.

    Returns
    -------
    TagsForm
        The form; after a click, ``form.future.result()`` returns the channel's
        tags as a long tags frame.

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
    >>> channel = kvs.create_channel("front-door", tags={"Site": "hq", "Owner": "ops"})
    >>> form = kvs.forms.edit_tags("front-door")
    >>> loaded = form.future.result()
    >>> form.tags.value = {"Site": "annex"}
    >>> form.submit.click()
    >>> form.future.result()[["key", "value"]]
        key  value
    0  Site  annex
    """
    return TagsForm(channel, connection=connection)
