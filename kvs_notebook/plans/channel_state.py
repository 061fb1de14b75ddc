"""The state of a channel just before and after a change, and which of its steps are still to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import own_tags
from kvs_notebook.channels.reference import ChannelRef, describe, ttl_of
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.errors import ChannelNotFound
from kvs_notebook.plans.channel_change import ChannelChange, PlannedStep
from kvs_notebook.plans.step_records import ALREADY_DONE, CONFLICT
from kvs_notebook.plans.steps import CREATE, DELETE, TTL_COLUMN

NOTHING_SENT = "Nothing was sent; make a new plan for this channel."


class Verdict(NamedTuple):
    """The outcome of a step that is not sent, and why."""

    outcome: str
    message: str | None = None


class ChannelState(NamedTuple):
    """A channel as it was read.

    Attributes
    ----------
    info
        Its ChannelInfo; None if it does not exist.
    tags
        Its tags, without those that only AWS can set; empty if they were not read.
    replaced_by
        The ARN of another channel that has its name now.
    """

    info: Mapping[str, Any] | None
    tags: Mapping[str, str]
    replaced_by: str | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the channel does not exist, or is DELETING."""
        return self.info is None or self.info.get("ChannelStatus") == "DELETING"

    def value(self, step: PlannedStep) -> str | None:
        """Return the value of a step's column as text; None if there is none."""
        if step.column != TTL_COLUMN:
            return self.tags.get(step.tag_key)
        ttl = None if self.info is None else ttl_of(self.info)
        return None if ttl is None else str(ttl)


def read_state(ref: ChannelRef, connection: Connection, *, tags: bool) -> ChannelState:
    """Read a channel: one DescribeSignalingChannel and, if ``tags``, one ListTagsForResource call."""
    try:
        info = describe(ref, connection)
        return ChannelState(info, own_tags(tags_of_channel(str(info["ChannelARN"]), connection)) if tags else {})
    except ChannelNotFound as error:
        return ChannelState(None, {}, _namesake(ref, connection, error))


def _namesake(ref: ChannelRef, connection: Connection, error: ChannelNotFound) -> str | None:
    """Return the ARN of another channel that has the name of one that does not exist."""
    if ref.channel_arn is None:
        return None
    try:
        found = str(describe(ChannelRef(ref.channel_name), connection)["ChannelARN"])
    except ChannelNotFound:
        return None
    if found == ref.channel_arn:  # two reads contradict each other
        raise error
    return found


def is_as_wanted(change: ChannelChange, step: PlannedStep, state: ChannelState) -> bool:
    """Return whether a channel already has the value that a step sets."""
    if step.action == DELETE:
        return state.is_gone
    if state.is_gone or (change.channel_arn is None and step.action != CREATE):
        return False
    return state.value(step) == step.after


def judge(change: ChannelChange, state: ChannelState) -> dict[int, Verdict]:
    """Return a verdict for each step that is not to be sent; all other steps are sent."""
    if change.creates:
        return _judge_create(change, state)
    if change.deletes:
        return _judge_delete(change, state)
    missing = _missing(state)
    if missing is not None:
        return dict.fromkeys(change.numbers, Verdict(CONFLICT, f"The channel {missing}. {NOTHING_SENT}"))
    verdicts: dict[int, Verdict] = {}
    for step in change.steps:
        now = state.value(step)
        if now == step.after:
            verdicts[step.number] = Verdict(ALREADY_DONE)
        elif now != step.before:
            what = f"{step.column} is {_shown(now)} now, and was {_shown(step.before)} when the plan was made"
            verdicts[step.number] = Verdict(CONFLICT, f"{what}. {NOTHING_SENT}")
    return verdicts


def _judge_create(change: ChannelChange, state: ChannelState) -> dict[int, Verdict]:
    if state.is_gone:
        return {}
    different = [step for step in change.steps if not is_as_wanted(change, step, state)]
    if not different:
        return dict.fromkeys(change.numbers, Verdict(ALREADY_DONE))
    step = different[0]
    why = f"The channel exists, and its {step.column} is {_shown(state.value(step))}, not {_shown(step.after)}"
    return dict.fromkeys(change.numbers, Verdict(CONFLICT, f"{why}. {NOTHING_SENT}"))


def _judge_delete(change: ChannelChange, state: ChannelState) -> dict[int, Verdict]:
    if state.replaced_by is not None:
        return dict.fromkeys(change.numbers, Verdict(CONFLICT, f"The channel {_missing(state)}. {NOTHING_SENT}"))
    if state.info is None or state.is_gone:
        return dict.fromkeys(change.numbers, Verdict(ALREADY_DONE))
    planned = change.steps[0].version
    if planned is not None and state.info.get("Version") != planned:
        why = "The channel was changed since the plan was made"
        return dict.fromkeys(change.numbers, Verdict(CONFLICT, f"{why}. {NOTHING_SENT}"))
    return {}


def _missing(state: ChannelState) -> str | None:
    """Return why a channel cannot be changed, as the end of a sentence."""
    if state.replaced_by is not None:
        return f"was deleted, and another one has its name: {state.replaced_by}"
    if state.info is None:
        return "was deleted"
    return "is DELETING" if state.is_gone else None


def _shown(value: str | None) -> str:
    return "not there" if value is None else repr(value)
