"""The steps of a plan by channel: the unit that is read, changed and verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn, check_account_id
from kvs_notebook.aws.regions import check_region_code
from kvs_notebook.aws.validation import check_channel_name, check_message_ttl, check_tags
from kvs_notebook.channels.reference import ChannelRef
from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.steps import ACTIONS, CREATE, DELETE, TAG, TTL_COLUMN, UNTAG, UPDATE, describe_step, rows_of


class PlannedStep(NamedTuple):
    """One step that is to be sent.

    Attributes
    ----------
    number
        Its number in the plan.
    action, column, before, after, version
        As in :class:`kvs_notebook.plans.steps.Step`.
    """

    number: int
    action: str
    column: str | None
    before: str | None
    after: str | None
    version: str | None

    @property
    def tag_key(self) -> str:
        """The key of the tag that the step sets or removes."""
        return (self.column or "").removeprefix(TAG_PREFIX)


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """The steps of one channel.

    Attributes
    ----------
    account_id, region, channel_name
        Where the channel is, and its name.
    channel_arn
        None for a channel that does not exist yet.
    steps
        Its steps that are to be sent.
    """

    account_id: str
    region: str
    channel_name: str
    channel_arn: str | None
    steps: tuple[PlannedStep, ...]

    @property
    def ref(self) -> ChannelRef:
        """The channel as calls take it."""
        return ChannelRef(self.channel_name, self.channel_arn)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the steps."""
        return tuple(step.number for step in self.steps)

    @property
    def creates(self) -> bool:
        """Whether the channel is to be created."""
        return self.steps[0].action == CREATE

    @property
    def deletes(self) -> bool:
        """Whether the channel is to be deleted."""
        return self.steps[0].action == DELETE

    @property
    def needs_tags(self) -> bool:
        """Whether the channel's tags have to be read, to compare them, or to keep them before a delete, for undo."""
        return any(step.column != TTL_COLUMN for step in self.steps)

    def with_action(self, action: str) -> tuple[PlannedStep, ...]:
        """Return the steps with an action."""
        return tuple(step for step in self.steps if step.action == action)


def group_changes(ready: pd.DataFrame) -> list[ChannelChange]:
    """Return the ready steps of a plan by channel, in the order of the plan.

    Raises
    ------
    InvalidInput
        If a step is not one that can be sent: planners make none, but a plan may be made by hand.
    """
    rows: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in _rows(ready):
        rows.setdefault((row["account_id"], row["region"], row["channel_arn"] or row["channel_name"]), []).append(row)
    return [_to_change(group) for group in rows.values()]


def _rows(ready: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in rows_of(ready):
        try:
            _check_row(row)
        except InvalidInput as error:
            raise InvalidInput(f"Step {row['step']} can't be sent: {error}") from error
        yield row


def _check_row(row: Mapping[str, Any]) -> None:
    check_account_id(row["account_id"])
    check_region_code(row["region"])
    check_channel_name(row["channel_name"])
    action, column, after = row["action"], row["column"], row["after"]
    if action not in ACTIONS:
        raise InvalidInput(f"action {format_value(action)} is not one of {', '.join(ACTIONS)}.")
    if (row["channel_arn"] is None) != (action == CREATE):
        raise InvalidInput("channel_arn has to be given, except for create.")
    if row["channel_arn"] is not None:
        arn = ChannelArn.parse(row["channel_arn"])
        if (arn.account_id, arn.region, arn.channel_name) != (row["account_id"], row["region"], row["channel_name"]):
            raise InvalidInput(f"account_id, region or channel_name contradicts {row['channel_arn']}.")
    if action == DELETE:
        if column is not None:
            raise InvalidInput("a delete has no column.")
    elif column == TTL_COLUMN and action in (CREATE, UPDATE):
        check_message_ttl(_seconds(after))
    elif str(column).startswith(TAG_PREFIX) and action in (CREATE, TAG, UNTAG):
        if (after is None) != (action == UNTAG):
            raise InvalidInput("after has to be given for a tag that is set, and only for one.")
        check_tags({column.removeprefix(TAG_PREFIX): after or ""})
    else:
        raise InvalidInput(f"column {format_value(column)} is not one that {action} changes.")


def _seconds(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else text


def _to_change(rows: list[Mapping[str, Any]]) -> ChannelChange:
    first = rows[0]
    steps = tuple(
        PlannedStep(*(row["step" if name == "number" else name] for name in PlannedStep._fields)) for row in rows
    )
    change = ChannelChange(first["account_id"], first["region"], first["channel_name"], first["channel_arn"], steps)
    actions = {step.action for step in steps}
    columns = [step.column for step in steps]
    if len(set(columns)) < len(columns) or (actions & {CREATE, DELETE} and len(actions) > 1):
        raise InvalidInput(
            f"The steps of {change.channel_name} exclude each other: "
            f"{', '.join(f'{step.number} ({describe_step(step.action, step.column)})' for step in steps)}."
        )
    return change
