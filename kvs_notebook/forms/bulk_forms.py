"""The forms of a console that change several channels, through a plan: fields, preview, confirmation, outcome per channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.operations import list_channels
from kvs_notebook.channels.tag_reader import CHEAPEST, read_tags_of
from kvs_notebook.dataframes.builders import tags_frame
from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.dataframes.tag_pivot import join_tags
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.channel_filter import rows_of
from kvs_notebook.forms.delete_form import tags_text
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput, TextField, parse_seconds, ttl_field
from kvs_notebook.forms.focus import Focus
from kvs_notebook.forms.html import escape_html
from kvs_notebook.forms.job import Job, JobResult, Outcome, RunningJob
from kvs_notebook.forms.plan_form import ConsolePlan, PlanForm
from kvs_notebook.forms.step_table import DeletedChannel
from kvs_notebook.forms.tag_rows import TagRows
from kvs_notebook.plans import edits
from kvs_notebook.plans.apply import Reach
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.steps import UNCHANGED

FOLDER = "kvs-changes"
"""The folder, in the kernel's directory, that keeps the journal of each run."""

NAMES_SHOWN = 5

LARGE_SHARE = 0.5
"""The share of a region's channels above which the phrase of a deletion also names how many there are."""

MakePlan = Callable[[pd.DataFrame], Plan]


class BulkForm(Form):
    """The base of these forms.

    Attributes
    ----------
    channels
        The channels frame of the channels to change.
    plan_form
        The form that shows the plan and applies it; None before the preview.
    """

    verb, participle = "change", "changed"
    preview, preview_style = "Preview", "primary"

    def __init__(
        self,
        channels: pd.DataFrame,
        fields: Sequence[widgets.Widget],
        *,
        connection: Connection | None,
        executor: ContextExecutor | None,
    ) -> None:
        self.channels = channels
        self.plan_form: PlanForm | None = None
        self._names = widgets.HTML()
        self._plan_area = widgets.VBox()
        self._focus = Focus()
        self._plan_listeners: list[Callable[[Outcome], None]] = []
        super().__init__(
            [self._names, *fields],
            action=self.preview,
            style=self.preview_style,
            connection=connection,
            executor=executor,
        )
        self.children: tuple[widgets.Widget, ...] = (*self.children, self._plan_area, self._focus)
        self.show_channels(channels)

    # --- to be overridden

    def planner(self) -> MakePlan:
        """Return the function that makes the plan that the fields ask for; raise InvalidInput if they are not valid."""
        raise NotImplementedError

    # --- channels

    @property
    def is_running(self) -> bool:
        """True while a plan of this form is being applied."""
        return self.plan_form is not None and self.plan_form.is_running

    def show_channels(self, channels: pd.DataFrame) -> None:
        """Use other channels; a preview of the previous ones is removed."""
        self.channels = channels
        self._close_plan()
        names = channels["channel_name"].tolist()
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        self._names.value = f"<div>{escape_html(', '.join(names[:NAMES_SHOWN]) + more)}</div>"

    def replace_connection(self, connection: Connection) -> None:
        """Use another connection to the same account and region from now on, also for the plan."""
        super().replace_connection(connection)
        if self.plan_form is not None:
            self.plan_form.replace_connection(connection)

    def close(self) -> None:
        """Remove the form; a plan that is being applied stops after the calls in flight."""
        self._close_plan()
        super().close()

    def _close_plan(self) -> None:
        if self.plan_form is not None:
            self.plan_form.close()
        self.plan_form = None
        self._plan_area.children = []

    # --- preview

    def prepare(self) -> Job:
        """Return a job that reads the current channels, and makes the plan."""
        make_plan, arns = self.planner(), self.channels["channel_arn"].tolist()

        def run(running: RunningJob) -> JobResult:
            frame, total = self._read(arns)
            plan = make_plan(frame)
            console = self.console_plan(plan, frame, total)
            running.update(lambda: self._show_plan(plan, console))
            return JobResult(plan, self._preview_text(plan, len(arns) - len(frame)), is_outcome=False)

        return Job(f"Reading {format_count(len(arns), 'channel')}", run)

    def _read(self, arns: list[str]) -> tuple[pd.DataFrame, int]:
        """Return those of the channels that still exist, with their tags, and the number of all channels."""
        listed = list_channels(connection=self.connection)
        frame = rows_of(listed, arns)
        there = frame["channel_arn"].tolist()
        found = read_tags_of(there, CHEAPEST, self.connection)
        if found.error is not None:
            raise found.error
        return join_tags(frame, tags_frame(found.tags), sources=found.sources(there)), len(listed)

    def _show_plan(self, plan: Plan, console: ConsolePlan) -> None:
        self._close_plan()
        made = datetime.now(UTC)
        form = PlanForm(
            plan,
            f"{FOLDER}/{made:%Y%m%dT%H%M%S%f}-{self.verb}-{len(self.channels)}",
            reach=Reach(connection=self.connection, allow_changes=self.connection.config.allow_changes),
            executor=self._executor,
            console=console,
        )
        form.header.layout.display = "none"
        form.set_enabled(bool(len(plan)) and self._may_act())
        form.on_change(self.notify)
        form.stop.observe(lambda _: self._run_changed(), "disabled")
        title = f"{format_count(len(self.channels), 'channel')}: {self.describe_edits() or self.verb}"
        form.on_change_ended(lambda outcome: self._report(title, outcome))
        self.plan_form = form
        self._plan_area.children = [form]
        if form.fields():
            self._focus.move_to(form.phrase.input)

    def _run_changed(self) -> None:
        if self.is_running:  # "Nothing was sent yet" is no longer true
            self.status.show("Status is the outcome of each channel.")

    def _preview_text(self, plan: Plan, gone: int) -> str:
        """Return what the plan would change, as a sentence."""
        changed = plan.ready["channel_arn"].nunique()
        unchanged = int((plan.steps["status"] == UNCHANGED).groupby(plan.steps["channel_arn"]).all().sum())
        parts = [f"Preview: {format_count(changed, 'channel')} will be {self.participle}"]
        parts += [f"{unchanged:,} as wanted already"] if unchanged else []
        parts += [f"{len(plan.refused):,} refused"] if len(plan.refused) else []
        parts += [f"{gone:,} no longer there"] if gone else []
        return ", ".join(parts) + ". Nothing was sent yet."

    def console_plan(self, plan: Plan, channels: pd.DataFrame, total: int) -> ConsolePlan:  # noqa: ARG002 - for those that override it
        """Return what the user has to confirm; ``channels`` has the tags, ``total`` is the number of channels in the region."""
        return ConsolePlan("", f"Apply to {format_count(plan.ready['channel_arn'].nunique(), 'channel')}")

    def _report(self, title: str, outcome: Outcome) -> None:
        """Call the listeners with the outcome, after the title of the plan."""
        for listener in self._plan_listeners:
            listener(dataclasses.replace(outcome, message=f"{title}. {outcome.message}"))

    def on_change_ended(self, listener: Callable[[Outcome], None]) -> None:
        """Call a listener with the outcome of each plan that is applied."""
        self._plan_listeners.append(listener)


class BulkTtlForm(BulkForm):
    """Set the message TTL of several channels."""

    verb = "ttl"

    def __init__(
        self, channels: pd.DataFrame, *, connection: Connection | None = None, executor: ContextExecutor | None = None
    ) -> None:
        self.message_ttl_seconds = ttl_field()
        super().__init__(channels, [self.message_ttl_seconds], connection=connection, executor=executor)

    def fields(self) -> list[CheckedInput]:
        """Return the field for the TTL."""
        return [self.message_ttl_seconds]

    def describe_edits(self) -> str:
        """Return the TTL that was typed."""
        typed = self.message_ttl_seconds.value
        return f"message TTL {typed}" if typed else ""

    def planner(self) -> MakePlan:
        """Return the function that plans the TTL."""
        wanted = int(parse_seconds(self.message_ttl_seconds.value))
        return lambda channels: edits.set_message_ttl(channels, wanted)


class BulkTagsForm(BulkForm):
    """Set and remove tags of several channels; their other tags stay."""

    verb = "tags"

    def __init__(
        self, channels: pd.DataFrame, *, connection: Connection | None = None, executor: ContextExecutor | None = None
    ) -> None:
        self.tags = TagRows({"": ""})
        self.removed = TextField("Keys of tags to remove, separated by commas", _split_keys, placeholder="tmp, Owner2")
        super().__init__(channels, [self.tags, self.removed], connection=connection, executor=executor)

    def fields(self) -> list[CheckedInput]:
        """Return the rows of tags to set and the field for those to remove."""
        return [self.tags, self.removed]

    def describe_edits(self) -> str:
        """Return what was entered."""
        pairs = [f"{key}={value}" for key, value in self.tags.value.items()]
        edits_of = {"set": pairs, "remove": _split_keys(self.removed.value)}
        return ", ".join(f"{verb} {', '.join(each)}" for verb, each in edits_of.items() if each)

    def planner(self) -> MakePlan:
        """Return the function that plans the tags."""
        wanted, removed = dict(self.tags.value), _split_keys(self.removed.value)
        if not wanted and not removed:
            raise InvalidInput("No tag was entered. Enter a key and a value, or a key to remove.")
        return lambda channels: edits.tag(channels, wanted, remove=removed)


class BulkDeleteForm(BulkForm):
    """Delete several channels; the preview is made at once."""

    verb, participle = "delete", "deleted"
    preview, preview_style = "Preview again", ""

    def __init__(
        self, channels: pd.DataFrame, *, connection: Connection | None = None, executor: ContextExecutor | None = None
    ) -> None:
        super().__init__(channels, [], connection=connection, executor=executor)

    def show_channels(self, channels: pd.DataFrame) -> None:
        """Use other channels and preview their deletion."""
        super().show_channels(channels)
        self._start(self.prepare)

    def planner(self) -> MakePlan:
        """Return the function that plans the deletions."""
        return edits.delete

    def console_plan(self, plan: Plan, channels: pd.DataFrame, total: int) -> ConsolePlan:
        """Return the phrase with the number of deletions, and of all channels if they are a large part of them."""
        count, now = len(plan), self.connection.now()
        of_all = f" of {total}" if count > 1 and count / max(total, 1) > LARGE_SHARE else ""
        rows = zip(channels["channel_arn"], channels["creation_time"], _tags_of(channels), strict=True)
        deleted = {
            arn: DeletedChannel(now - created, tags_text(tags) if tags else "no tags") for arn, created, tags in rows
        }
        return ConsolePlan(f"delete {count}{of_all}", f"Delete {format_count(count, 'channel')}", deleted)


def _split_keys(text: str) -> list[str]:
    return list(dict.fromkeys(key.strip() for key in text.split(",") if key.strip()))


def _tags_of(channels: pd.DataFrame) -> list[dict[str, str]]:
    """Return the tags of each row."""
    columns = [column for column in channels.columns if column.startswith(TAG_PREFIX)]
    keys = [column.removeprefix(TAG_PREFIX) for column in columns]
    rows = channels[columns].itertuples(index=False, name=None)
    return [{key: value for key, value in zip(keys, row, strict=True) if pd.notna(value)} for row in rows]
