"""Waiting: until a channel has a status, or is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.channels.reference import Channel, ChannelRef, describe, one_channel_ref
from kvs_notebook.dataframes.builders import channels_frame
from kvs_notebook.errors import ChannelNotFound, InvalidInput, WaitTimeout
from kvs_notebook.formatting import format_value

SECONDS_BETWEEN_DESCRIBES = 1.0
"""The quota allows a channel 5 describes a second, those of its devices included."""

STATUSES = ("CREATING", "ACTIVE", "UPDATING", "DELETING", "DELETED")


def is_active(info: Mapping[str, Any]) -> bool:
    """Tell whether a ChannelInfo says ACTIVE."""
    return info.get("ChannelStatus") == "ACTIVE"


def wait_for_channel(
    channel: Channel,
    status: str = "ACTIVE",
    *,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Wait until a channel has a status, or with ``"DELETED"`` until it is gone.

    Parameters
    ----------
    channel
        A name, an ARN or a row.
    status
        ACTIVE, CREATING, UPDATING, DELETING, or DELETED for a channel that the service no longer knows.
    timeout
        Seconds to wait.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        The channel's row as last seen; for DELETED an empty channels frame where it was gone from the start.

    Raises
    ------
    WaitTimeout
        When the time is over; the message names the last status.
    ChannelNotFound
        When there is no such channel to wait for.

    Notes
    -----
    Spends one DescribeSignalingChannel call a second.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door", wait=False)
    >>> kvs.wait_for_channel(channel)["channel_status"].iloc[0]
    'ACTIVE'
    """
    connection = current_connection(connection)
    if status not in STATUSES:
        raise InvalidInput(f"Status {format_value(status)}: wait for one of {', '.join(STATUSES)}.")
    target = one_channel_ref(channel, connection)
    if status == "DELETED":
        return wait_until_gone(target, timeout, connection)
    return wait_until(target, lambda info: info.get("ChannelStatus") == status, timeout, connection)


def wait_until(
    target: ChannelRef,
    reached: Callable[[Mapping[str, Any]], bool],
    timeout: float,
    connection: Connection,
    *,
    may_be_missing: bool = False,
) -> pd.DataFrame:
    """Describe a channel once a second until its ChannelInfo is as wanted; give its row."""

    def look() -> tuple[bool, Mapping[str, Any] | None]:
        try:
            info = describe(target, connection)
        except ChannelNotFound:
            if not may_be_missing:
                raise
            return False, None
        return reached(info), info

    info = _poll(look, target, timeout)
    return channels_frame([info] if info else [])


def wait_until_gone(
    target: ChannelRef,
    timeout: float,
    connection: Connection,
    *,
    enough: Callable[[Mapping[str, Any]], bool] = lambda _: False,
) -> pd.DataFrame:
    """Describe a channel once a second until the service no longer knows it; give its row as last seen.

    ``enough`` is told each ChannelInfo and may end the waiting early.
    """
    last: list[Mapping[str, Any]] = []

    def look() -> tuple[bool, Mapping[str, Any] | None]:
        try:
            last[:] = [describe(target, connection)]
        except ChannelNotFound:
            return True, None
        return enough(last[0]), last[0]

    _poll(look, target, timeout)
    return channels_frame(last)


def _poll(
    look: Callable[[], tuple[bool, Mapping[str, Any] | None]], target: ChannelRef, timeout: float
) -> Mapping[str, Any] | None:
    """Look at most once a second until it is so; raise WaitTimeout, with the last status seen, when the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        done, info = look()
        if done:
            return info
        if time.monotonic() + SECONDS_BETWEEN_DESCRIBES > deadline:
            status = info.get("ChannelStatus") if info else "not found yet"
            raise WaitTimeout(
                f"{target.label} was still {status} after {timeout:g} s: wait_for_channel() again with a longer timeout=.",
                operation="DescribeSignalingChannel",
            )
        time.sleep(SECONDS_BETWEEN_DESCRIBES)
