"""The API calls of a channel's steps, in the order in which they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.operation_names import Operation
from kvs_notebook.aws.validation import MAX_TAGS
from kvs_notebook.channels.lost_replies import outcome_unknown, reconcile_create, reconcile_delete, reconcile_update
from kvs_notebook.channels.reference import ChannelRef, ttl_of
from kvs_notebook.errors import KVSError
from kvs_notebook.plans.channel_change import ChannelChange, PlannedStep
from kvs_notebook.plans.channel_state import ChannelState, is_as_wanted, read_state
from kvs_notebook.plans.steps import TAG, TTL_COLUMN, UNTAG, UPDATE

DEFAULT_TTL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ChannelCall:
    """One call that carries out some steps.

    Attributes
    ----------
    operation, params
        What is sent.
    steps
        The steps that it carries out.
    reconcile
        Called with the error of the call and the seconds that it took. If the change took effect although its reply was lost,
        this returns the ARN of the channel that was created (None for other calls); otherwise it raises the error to report.
    durable
        Whether the journal must be on disk before the call is sent.
    seen
        What undo needs to create a deleted channel again.
    """

    operation: Operation
    params: Mapping[str, Any]
    steps: Sequence[PlannedStep]
    reconcile: Callable[[KVSError, float, Connection], str | None]
    durable: bool = False
    seen: Mapping[str, Any] | None = None

    @property
    def numbers(self) -> list[int]:
        """The numbers of the steps."""
        return [step.number for step in self.steps]


def calls_of(change: ChannelChange, state: ChannelState) -> Iterator[ChannelCall]:
    """Yield the calls of the steps of a channel that are to be sent, given the state that was read just before."""
    if change.creates:
        yield _create(change)
    elif change.deletes:
        yield _delete(change, state)
    else:
        tags, untags = change.with_action(TAG), change.with_action(UNTAG)
        calls = [_tag(change, tags)] if tags else []
        removal = [_untag(change, untags)] if untags else []
        # Tags are set before others are removed, so that a failure loses no value; if that were too many, others go first.
        is_full = len(state.tags.keys() | {step.tag_key for step in tags}) > MAX_TAGS
        yield from removal + calls if is_full else calls + removal
        for step in change.with_action(UPDATE):
            yield _update(change, step, state)


def _create(change: ChannelChange) -> ChannelCall:
    tags = [step for step in change.steps if step.column != TTL_COLUMN]
    ttl = next((int(step.after or "") for step in change.steps if step.column == TTL_COLUMN), DEFAULT_TTL_SECONDS)
    name = change.channel_name
    params = {
        "ChannelName": name,
        "ChannelType": "SINGLE_MASTER",
        "SingleMasterConfiguration": {"MessageTtlSeconds": ttl},
        "Tags": _pairs(tags),
    }
    return ChannelCall(
        "CreateSignalingChannel",
        params,
        change.steps,
        lambda error, seconds, connection: reconcile_create(error, name, params, seconds, connection),
        durable=True,
    )


def _delete(change: ChannelChange, state: ChannelState) -> ChannelCall:
    seen = _as_seen(change, state)
    return ChannelCall(
        "DeleteSignalingChannel",
        {"ChannelARN": seen.channel_arn, "CurrentVersion": seen.version},
        change.steps,
        lambda error, _seconds, connection: reconcile_delete(error, seen, connection),
        durable=True,
        seen={"message_ttl_seconds": ttl_of(state.info or {}), "tags": dict(state.tags)},
    )


def _update(change: ChannelChange, step: PlannedStep, state: ChannelState) -> ChannelCall:
    seen, wanted = _as_seen(change, state), int(step.after or "")
    return ChannelCall(
        "UpdateSignalingChannel",
        {
            "ChannelARN": seen.channel_arn,
            "CurrentVersion": seen.version,
            "SingleMasterConfiguration": {"MessageTtlSeconds": wanted},
        },
        [step],
        lambda error, _seconds, connection: reconcile_update(error, seen, wanted, connection),
    )


def _tag(change: ChannelChange, steps: Sequence[PlannedStep]) -> ChannelCall:
    params = {"ResourceARN": change.channel_arn, "Tags": _pairs(steps)}
    return ChannelCall("TagResource", params, steps, _reconcile_tags(change, steps))


def _untag(change: ChannelChange, steps: Sequence[PlannedStep]) -> ChannelCall:
    params = {"ResourceARN": change.channel_arn, "TagKeyList": [step.tag_key for step in steps]}
    return ChannelCall("UntagResource", params, steps, _reconcile_tags(change, steps))


def _reconcile_tags(
    change: ChannelChange, steps: Sequence[PlannedStep]
) -> Callable[[KVSError, float, Connection], None]:
    def reconcile(error: KVSError, _seconds: float, connection: Connection) -> None:
        if not error.maybe_applied:
            raise error
        try:
            state = read_state(change.ref, connection, tags=True)
        except KVSError as second:
            raise outcome_unknown(error, change.channel_name, "kvs.resume_plan() reads the tags again.") from second
        if not all(is_as_wanted(change, step, state) for step in steps):
            raise error

    return reconcile


def _pairs(steps: Sequence[PlannedStep]) -> list[dict[str, str | None]]:
    return [{"Key": step.tag_key, "Value": step.after} for step in steps]


def _as_seen(change: ChannelChange, state: ChannelState) -> ChannelRef:
    return ChannelRef(change.channel_name, change.channel_arn, str((state.info or {}).get("Version")))
