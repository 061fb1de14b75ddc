"""Tags: a form for a channel's tags, as rows; only the difference is sent.

Tags have no version, so that two who change them at once would overwrite each other without notice. So they are read again before
anything is sent: what someone else has changed meanwhile is kept and said, and where both have changed the same key nothing is
sent until the user has seen it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import MAX_TAGS
from kvs_notebook.channels.reference import Channel
from kvs_notebook.channels.tags import tag_channel, tags_of_channel, untag_channel
from kvs_notebook.dataframes.builders import tags_frame
from kvs_notebook.errors import InvalidInput, KVSError
from kvs_notebook.forms.channel_form import ChannelForm
from kvs_notebook.forms.fields import Field, TagRows
from kvs_notebook.forms.html import escape_html, table_html
from kvs_notebook.forms.worker import Job, JobResult, RunningJob

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be set and what to be removed, to make one mapping of tags the other."""

    put: dict[str, str]
    removed: dict[str, str]

    @classmethod
    def between(cls, before: Tags, after: Tags) -> Difference:
        """Compare two mappings of tags."""
        put = {key: value for key, value in after.items() if before.get(key) != value}
        return cls(put, {key: value for key, value in before.items() if key not in after})

    @property
    def keys(self) -> set[str]:
        """The keys that differ."""
        return {*self.put, *self.removed}

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)

    def __str__(self) -> str:
        parts = [f"set {key}={value}" for key, value in sorted(self.put.items())]
        return ", ".join([*parts, *(f"remove {key}" for key in sorted(self.removed))]) or "nothing"

    def on(self, tags: Tags) -> dict[str, str]:
        """Give the tags with this difference made to them."""
        kept = {key: value for key, value in tags.items() if key not in self.removed}
        return dict(sorted((kept | self.put).items()))


class TagsForm(ChannelForm):
    """Edit a channel's tags.

    Attributes
    ----------
    tags
        The rows; ``tags.value`` is the mapping that they make.
    """

    def __init__(self, channel: Channel | None = None, *, connection: Connection | None = None) -> None:
        self.tags = TagRows()
        self._base: dict[str, str] = {}
        self._preview = widgets.HTML()
        self.tags.on_change(self._show_difference)
        super().__init__(channel, [self.tags, self._preview], action="Apply tags", connection=connection)

    def fields(self) -> list[Field | TagRows]:
        """Give the fields that must be right."""
        return [self.channel, self.tags]

    def read_extras(self, row: pd.DataFrame) -> Any:
        """Read the tags."""
        return tags_of_channel(row["channel_arn"].item(), self.connection)

    def edits(self) -> Any:
        """Give the tags as they were edited."""
        return self.tags.value

    def show(self, row: pd.DataFrame, extras: Any) -> None:
        """Show the channel and its tags as rows, with what was edited for it."""
        edits = (
            Difference({}, {}) if self.is_different_channel(row) else Difference.between(self._base, self._loaded_edits)
        )
        before = self._base
        self._see(row["channel_arn"].item(), extras)
        if not self.tags.replace_unedited(self._loaded_edits, edits.on(self._base)):
            self.tags.replace_unedited(before, self._base)  # other than at the click, but nobody has edited it
        self._show_difference()

    def _see(self, arn: str, tags: dict[str, str]) -> None:
        """Take note of the tags that are there, and show how many they are."""
        self._base = tags
        name = ChannelArn.parse(arn).channel_name
        self.details.value = table_html([("channel_name", name), ("channel_arn", arn), ("tags", len(tags))])

    def _show_difference(self) -> None:
        mine = Difference.between(self._base, self.tags.value)
        self._preview.value = f"<div>To apply: {escape_html(mine)}.</div>" if mine else ""

    def prepare(self) -> Job:
        """Read the rows; the work reads the tags again and sends what differs."""
        text, wanted = self.channel.value, self.tags.value

        def run(running: RunningJob) -> JobResult:
            row, base = self.loaded_row(text), self._base
            mine = Difference.between(base, wanted)
            name, arn = row["channel_name"].item(), row["channel_arn"].item()
            now = tags_of_channel(arn, self.connection)
            theirs = Difference.between(base, now)
            meanwhile = f" Someone else has meanwhile: {theirs}." if theirs else ""
            both = sorted(key for key in mine.keys & theirs.keys if now.get(key) != wanted.get(key))
            running.update(lambda: self._see(arn, now))
            if both:
                running.update(lambda: self.tags.replace_unedited(wanted, mine.on(now)))
                raise InvalidInput(
                    f"The tags of {name} were changed since they were loaded.{meanwhile} You wanted to: {mine}. "
                    f"Both concern {', '.join(both)}: look at the rows, which have theirs and yours, and apply again."
                )
            to_do = Difference.between(now, mine.on(now))
            if to_do:
                self._apply(running, arn, now, to_do)
            there = to_do.on(now)
            running.update(lambda: self._applied(arn, wanted, there))
            said = (
                f"Tags of {name}: {to_do}, done." if to_do else f"The tags of {name} are so already: nothing was sent."
            )
            return JobResult(tags_frame({arn: there}), said + meanwhile, self._line(text, to_do))

        return Job(f"Applying tags of {text}", run, changes=True, check_code=self.python_call("list_tags", text))

    def _applied(self, arn: str, wanted: Tags, there: dict[str, str]) -> None:
        self._see(arn, there)
        self.tags.replace_unedited(wanted, there)
        self._show_difference()

    def _apply(self, running: RunningJob, arn: str, now: Tags, to_do: Difference) -> None:
        """Set first, so that nothing is lost when the second call fails; remove first where there is no room."""
        steps = [("set", to_do.put), ("remove", to_do.removed)]
        if len({**now, **to_do.put}) > MAX_TAGS:
            steps.reverse()
        done: list[str] = []
        for verb, tags in steps:
            if not tags:
                continue
            what = f"{verb} {', '.join(sorted(tags))}"
            try:
                if verb == "set":
                    tag_channel(arn, tags, connection=self.connection)
                else:
                    untag_channel(arn, tags, connection=self.connection)
            except KVSError as error:
                self._explain(running, error, arn, what, done)
                raise
            done.append(what)

    def _explain(self, running: RunningJob, error: KVSError, arn: str, failed: str, done: list[str]) -> None:
        """Say in the error which part was done, which was not, and what is there now."""
        try:
            now = tags_of_channel(arn, self.connection)
        except KVSError:
            there = (
                f"What is there now is not known: {self.python_call('list_tags', ChannelArn.parse(arn).channel_name)}"
            )
        else:
            running.update(lambda: self._see(arn, now))
            pairs = ", ".join(f"{key}={value}" for key, value in sorted(now.items())) or "none"
            there = f"The tags are now: {pairs}."
        before = f"Done: {', '.join(done)}. " if done else ""
        error.accepted = True  # what is known is said here
        error.args = (f"{before}Failed: {failed}. {error} {there}", *error.args[1:])

    def _line(self, text: str, to_do: Difference) -> str:
        lines = []
        if to_do.put:
            lines.append(self.python_call("tag_channel", text, dict(sorted(to_do.put.items()))))
        if to_do.removed:
            lines.append(self.python_call("untag_channel", text, sorted(to_do.removed)))
        return "; ".join(lines) or self.python_call("list_tags", text)


def edit_tags(channel: Channel | None = None, *, connection: Connection | None = None) -> TagsForm:
    """Open a form that adds, changes and removes a channel's tags.

    Its fields are ``channel``, with the button ``load``, and ``tags``, whose value is a mapping. Tags have no version: the form
    reads them again before it sends anything, sends only the difference, and keeps what another client has changed. Loading
    spends what :func:`kvs_notebook.describe_channel` and :func:`kvs_notebook.list_tags` spend. Submitting spends what list_tags
    and, if there is a difference, :func:`kvs_notebook.tag_channel` and :func:`kvs_notebook.untag_channel` spend.

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
