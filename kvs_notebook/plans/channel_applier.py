"""Apply the steps of one channel: read it, send what is still to be sent, and record the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.lost_replies import send_warnings_to
from kvs_notebook.channels.waiters import is_active, wait_until, wait_until_gone
from kvs_notebook.errors import (
    ChannelBusy,
    ChannelExists,
    ChannelNotFound,
    KVSError,
    OutcomeUnknown,
    VersionMismatch,
    to_kvs_error,
)
from kvs_notebook.plans.channel_calls import ChannelCall, calls_of
from kvs_notebook.plans.channel_change import ChannelChange
from kvs_notebook.plans.channel_state import ChannelState, Verdict, judge, read_state
from kvs_notebook.plans.journal import Journal
from kvs_notebook.plans.step_records import ALREADY_DONE, CONFLICT, DONE, FAILED, UNKNOWN

ATTEMPTS = 3
"""How often a channel is read and changed if it is busy, or was changed between the two."""

BUSY_SECONDS = 30.0
"""How long to wait for a channel that is CREATING or UPDATING."""

FOUND_DONE = "It was sent before an interruption, and has taken effect."


class ChannelApplier:
    """Apply the steps of channels of one account and region; threads share it.

    Parameters
    ----------
    connection
        The account and region.
    journal
        Records the calls that are sent, and their outcomes.
    is_stopped
        Returns whether no further call may be sent.
    """

    def __init__(self, connection: Connection, journal: Journal, is_stopped: Callable[[], bool]) -> None:
        self._connection = connection
        self._journal = journal
        self._is_stopped = is_stopped

    def apply(self, change: ChannelChange) -> KVSError | None:
        """Apply the steps that are not settled; return the error of the call that failed, None if none did.

        Raises
        ------
        ExportFailed
            If the journal cannot be written; nothing is sent after that.
        """
        error: KVSError | None = None
        for _ in range(ATTEMPTS):
            change = self._unsettled(change)
            if not change.steps or self._is_stopped():
                break
            error = self._attempt(change)
            if not _may_succeed_later(error):
                break
            if isinstance(error, ChannelBusy):
                self._wait_while_busy(change)
        return error

    def _unsettled(self, change: ChannelChange) -> ChannelChange:
        return replace(change, steps=tuple(s for s in change.steps if not self._journal.is_settled(s.number)))

    def _attempt(self, change: ChannelChange) -> KVSError | None:
        """Read the channel once, and send its calls until one fails."""
        try:
            state = read_state(change.ref, self._connection, tags=change.needs_tags)
        except Exception as raised:  # noqa: BLE001 - a malformed reply, too, is this channel's failure only
            error = to_kvs_error(raised)
            self._end(change.numbers, FAILED, error)
            return error
        for number, verdict in judge(change, state).items():
            self._record_verdict(change, number, verdict, state)
        change = self._unsettled(change)
        if not change.steps:
            return None
        if change.creates and state.info is not None:
            return self._refuse_until_gone(change)
        for call in calls_of(change, state):
            if self._is_stopped():
                return None
            failure = self._send(call, change)
            if failure is not None:
                return failure
        return None

    def _refuse_until_gone(self, change: ChannelChange) -> ChannelBusy:
        """Record and return the error for a name that is still taken; after a resume, the channel is created."""
        error = ChannelBusy(f"A channel of the name {change.channel_name} is DELETING. Resume when it is deleted.")
        self._end(change.numbers, FAILED, error)
        return error

    def _record_verdict(self, change: ChannelChange, number: int, verdict: Verdict, state: ChannelState) -> None:
        record = self._journal.record(number)
        may_be_ours = record.started is not None and record.outcome in (None, UNKNOWN)
        if may_be_ours and (verdict.outcome == ALREADY_DONE or (change.deletes and state.info is None)):
            verdict = Verdict(DONE, FOUND_DONE)
        created = state.info if change.creates and verdict.outcome != CONFLICT else None
        self._journal.end(
            [number],
            verdict.outcome,
            message=verdict.message,
            channel_arn=str(created["ChannelARN"]) if created else None,
        )

    def _send(self, call: ChannelCall, change: ChannelChange) -> KVSError | None:
        """Send one call, and return its error if it failed or its outcome is not known."""
        self._journal.start(call.numbers, call.operation, durable=call.durable, seen=call.seen)
        messages: list[str] = []
        try:
            with send_warnings_to(messages.append):
                arn = self._call(call, change)
        except Exception as raised:  # noqa: BLE001 - also of a malformed reply: the change may have taken effect
            error = to_kvs_error(raised)
            outcome = _outcome_of(raised, call)
            self._end(call.numbers, outcome, error)
            return error if outcome in (FAILED, UNKNOWN) else None
        self._journal.end(call.numbers, DONE, message=" ".join(messages) or None, channel_arn=arn)
        return None

    def _call(self, call: ChannelCall, change: ChannelChange) -> str | None:
        """Return the ARN of a channel that was created; raise if the call did not take effect, or may have."""
        began = time.monotonic()
        try:
            reply = self._connection.call(call.operation, call.params, channel=change.channel_name)
        except KVSError as error:
            return call.reconcile(error, time.monotonic() - began, self._connection)
        arn = reply.get("ChannelARN")
        return None if arn is None else str(arn)

    def _end(self, numbers: tuple[int, ...] | list[int], outcome: str, error: KVSError) -> None:
        self._journal.end(numbers, outcome, error_code=error.code or type(error).__name__, message=str(error))

    def _wait_while_busy(self, change: ChannelChange) -> None:
        try:
            if change.creates:
                wait_until_gone(change.ref, BUSY_SECONDS, self._connection)
            else:
                wait_until(change.ref, is_active, BUSY_SECONDS, self._connection)
        except KVSError:
            return  # the next attempt tells


def _outcome_of(error: Exception, call: ChannelCall) -> str:
    if not isinstance(error, KVSError) or isinstance(error, OutcomeUnknown):
        return UNKNOWN
    if isinstance(error, ChannelNotFound) and call.operation == "DeleteSignalingChannel":
        return ALREADY_DONE
    if isinstance(error, VersionMismatch):
        return FAILED if call.operation == "UpdateSignalingChannel" else CONFLICT
    return CONFLICT if isinstance(error, (ChannelNotFound, ChannelExists)) else FAILED


def _may_succeed_later(error: KVSError | None) -> bool:
    """Return whether to read the channel again: it was busy, or has another version since it was read."""
    return isinstance(error, (ChannelBusy, VersionMismatch))
