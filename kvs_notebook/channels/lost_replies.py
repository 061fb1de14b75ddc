"""Reconciliation: if the reply to a change was lost, find out whether the change took effect.

A retry after a lost reply may fail because the first attempt took effect: a create finds its own channel, an update its own
version, a delete no channel. If the outcome of an attempt was not seen, the channel is described, and its state decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import own_tags
from kvs_notebook.caller_warning import warn_caller
from kvs_notebook.channels.reference import ChannelRef, describe, ttl_of
from kvs_notebook.channels.tags import describe_with_tags
from kvs_notebook.dataframes.builders import milliseconds
from kvs_notebook.errors import (
    ChannelExists,
    ChannelNotFound,
    EndpointUnreachable,
    KVSError,
    OutcomeUnknown,
    ReconciledWarning,
    ServiceFault,
    Throttled,
)

Result = TypeVar("Result")

_logger = logging.getLogger(__name__)


def reconcile_create(
    error: KVSError, name: str, params: Mapping[str, Any], seconds: float, connection: Connection
) -> str:
    """Return the channel's ARN if a create without a reply took effect; raise an error if it did not, or if that is unknown."""
    if not error.maybe_applied:
        raise error
    began = connection.service_time(error) - timedelta(seconds=seconds + 2)  # the service's Date has whole seconds
    found = _read_after(error, describe_with_tags, ChannelRef(name), connection)
    if found is None:
        raise _error_without_proof(error, ChannelRef(name))
    info, tags = found
    same = (
        (milliseconds(info.get("CreationTime")) or 0) >= began.timestamp() * 1_000
        and info.get("SingleMasterConfiguration") == params["SingleMasterConfiguration"]
        and info.get("ChannelType") == params["ChannelType"]
        and own_tags(tags) == {tag["Key"]: tag["Value"] for tag in params["Tags"]}
    )
    if not same:
        raise ChannelExists(
            f"CreateSignalingChannel failed for {name}: the channel already exists, and was created before this call or "
            "has other settings. Choose another name, or check the existing channel with describe_channel().",
            code=error.code,
            operation=error.operation,
        ) from error
    _warn_reconciled("CreateSignalingChannel", name, "the channel exists with the requested settings")
    return str(info["ChannelARN"])


def reconcile_update(error: KVSError, seen: ChannelRef, wanted: int, connection: Connection) -> None:
    """Return if an update without a reply took effect; raise an error if it did not, or if that is unknown."""
    if not error.maybe_applied:
        raise error
    info = _read_after(error, describe, seen, connection)
    if info is not None and ttl_of(info) == wanted and info.get("Version") != seen.version:
        _warn_reconciled("UpdateSignalingChannel", seen.label, f"its message TTL is {wanted} s as requested")
        return
    raise _error_without_proof(error, seen)


def reconcile_delete(error: KVSError, seen: ChannelRef, connection: Connection) -> None:
    """Return if a delete without a reply took effect; raise an error if it did not, or if that is unknown."""
    if not error.maybe_applied:
        raise error
    info = None if isinstance(error, ChannelNotFound) else _read_after(error, describe, seen, connection)
    if info is not None and info.get("ChannelStatus") != "DELETING":
        raise _error_without_proof(error, seen)
    _warn_reconciled("DeleteSignalingChannel", seen.label, "the channel is DELETING or deleted")


def _read_after(
    error: KVSError, read: Callable[[ChannelRef, Connection], Result], ref: ChannelRef, connection: Connection
) -> Result | None:
    """Read a channel after a lost reply; return None if it does not exist, raise OutcomeUnknown if a call fails."""
    try:
        return read(ref, connection)
    except ChannelNotFound:
        return None
    except KVSError as second:
        raise _outcome_unknown(error, ref) from second


def _error_without_proof(error: KVSError, ref: ChannelRef) -> KVSError:
    """Return the error to raise if the channel does not show the change: the refusal, if there is one, else OutcomeUnknown."""
    if not isinstance(error, (EndpointUnreachable, ServiceFault, Throttled)):
        return error
    unknown = _outcome_unknown(error, ref)
    unknown.__cause__ = error
    return unknown


def _outcome_unknown(error: KVSError, ref: ChannelRef) -> OutcomeUnknown:
    check = f"Check with kvs.describe_channel({ref.channel_arn or ref.label!r}) whether it took effect."
    return outcome_unknown(error, ref.label, check)


def outcome_unknown(error: KVSError, label: str, next_step: str) -> OutcomeUnknown:
    """Return OutcomeUnknown for a change that may have taken effect, with its own advice instead of the error's."""
    reason = str(error).partition(". ")[0].rstrip(".")
    return OutcomeUnknown(
        f"{error.operation} was sent for {label}, but its outcome is not known ({reason}). {next_step}",
        code=error.code,
        operation=error.operation,
    )


def _warn_reconciled(operation: str, name: str, proof: str) -> None:
    message = f"{operation} for {name}: a reply was lost and the call was sent again; {proof}."
    _logger.warning("%s", message)
    listener = _listener.get()
    if listener is not None:
        listener(message)
    else:
        warn_caller(message, ReconciledWarning)


_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


@contextmanager
def send_warnings_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Pass the text of each ReconciledWarning of the block to a listener: warning filters are per process, not per thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
