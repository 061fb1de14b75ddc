"""Reconciliation: what has happened where a change was sent and its reply was lost.

A call that was sent more than once may meet its own success: a create its own channel, an update its own version, a delete
its own 404. Where the outcome of an attempt was not seen, the channel is described, and what is there decides.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.reference import ChannelRef, describe, ttl_of
from kvs_notebook.channels.tags import tags_of_channel
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

_logger = logging.getLogger(__name__)


def reconcile_create(
    error: KVSError, name: str, params: Mapping[str, Any], seconds: float, connection: Connection
) -> str:
    """Find out whether the create whose reply was lost has created the channel; give its ARN, or raise."""
    if not error.maybe_applied:
        raise error
    began = connection.service_time(error) - timedelta(seconds=seconds + 2)  # the service's Date has whole seconds
    info = _look_again(error, ChannelRef(name), connection)
    if info is None:
        raise _unproven(error, ChannelRef(name))
    arn = str(info["ChannelARN"])
    same = (
        (milliseconds(info.get("CreationTime")) or 0) >= began.timestamp() * 1_000
        and info.get("SingleMasterConfiguration") == params["SingleMasterConfiguration"]
        and info.get("ChannelType") == params["ChannelType"]
        and _tags_now(error, ChannelRef(name, arn), connection) == {tag["Key"]: tag["Value"] for tag in params["Tags"]}
    )
    if not same:
        raise ChannelExists(
            f"CreateSignalingChannel failed for {name}: a channel of that name was there already, with other settings or "
            "from before this call. Choose another name, or look at it with describe_channel().",
            code=error.code,
            operation=error.operation,
        ) from error
    _warn_reconciled("CreateSignalingChannel", name, "the channel is there as asked for")
    return arn


def reconcile_update(error: KVSError, seen: ChannelRef, wanted: int, connection: Connection) -> None:
    """Return where the update whose reply was lost has taken effect; raise where it has not."""
    if not error.maybe_applied:
        raise error
    info = _look_again(error, seen, connection)
    if info is not None and ttl_of(info) == wanted and info.get("Version") != seen.version:
        _warn_reconciled("UpdateSignalingChannel", seen.label, f"its message TTL is {wanted} s, as asked for")
        return
    raise _unproven(error, seen)


def reconcile_delete(error: KVSError, seen: ChannelRef, connection: Connection) -> None:
    """Return where the delete whose reply was lost has taken effect; raise where it has not."""
    if not error.maybe_applied:
        raise error
    info = None if isinstance(error, ChannelNotFound) else _look_again(error, seen, connection)
    if info is not None and info.get("ChannelStatus") != "DELETING":
        raise _unproven(error, seen)
    _warn_reconciled("DeleteSignalingChannel", seen.label, "the channel is going or gone")


def _look_again(error: KVSError, target: ChannelRef, connection: Connection) -> dict[str, Any] | None:
    """Describe a channel after a lost reply: None where there is no such channel, OutcomeUnknown where nobody can say."""
    try:
        return describe(target, connection)
    except ChannelNotFound:
        return None
    except KVSError as second:
        raise _outcome_unknown(error, target) from second


def _tags_now(error: KVSError, target: ChannelRef, connection: Connection) -> dict[str, str]:
    try:
        return tags_of_channel(str(target.channel_arn), connection)
    except KVSError as second:
        raise _outcome_unknown(error, target) from second


def _unproven(error: KVSError, target: ChannelRef) -> KVSError:
    """Give what to raise when the channel does not show the change: a clear refusal as it is, else OutcomeUnknown."""
    if not isinstance(error, (EndpointUnreachable, ServiceFault, Throttled)):
        return error
    unknown = _outcome_unknown(error, target)
    unknown.__cause__ = error
    return unknown


def _outcome_unknown(error: KVSError, target: ChannelRef) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{error.operation} was sent for {target.label}, but its outcome was not seen ({error}). "
        f"Settle it with: kvs.describe_channel({target.channel_arn or target.label!r})",
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
        warnings.warn(message, ReconciledWarning, stacklevel=4)


_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


@contextmanager
def reconciled_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell a listener in place of a ReconciledWarning: the filters of warnings are the process's, not a thread's."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
