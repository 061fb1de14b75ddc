"""Wait until a channel has a status, or is deleted."""

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
"""The quota of a channel is 5 DescribeSignalingChannel calls a second, including those of its devices."""

STATUSES = ("CREATING", "ACTIVE", "UPDATING", "DELETING", "DELETED")


def is_active(info: Mapping[str, Any]) -> bool:
    """Return whether the status of a ChannelInfo is ACTIVE."""
    return info.get("ChannelStatus") == "ACTIVE"


def wait_for_channel(
    channel: Channel,
    status: str = "ACTIVE",
    *,
    timeout: float = 60,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Wait until a channel has a status, or with ``"DELETED"`` until it no longer exists.

    Parameters
    ----------
    channel
        A name, an ARN or a row.
    status
        ACTIVE, CREATING, UPDATING or DELETING; DELETED waits until DescribeSignalingChannel no longer finds the channel.
    timeout
        Seconds to wait.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        The channel's row as last seen; for DELETED an empty channels frame if the channel did not exist from the start.

    Raises
    ------
    InvalidInput
        If the status is not one of those five, or the channel argument is not valid.
    WrongConnection
        If the ARN or row is of another account or region than the connection's.
    ChannelNotFound
        If the channel does not exist, unless ``status`` is DELETED.
    WaitTimeout
        If the channel does not reach the status within ``timeout``; the message has the last status.

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
        raise InvalidInput(f"Status {format_value(status)} is not valid. Expected one of: {', '.join(STATUSES)}.")
    ref = one_channel_ref(channel, connection)
    if status == "DELETED":
        return wait_until_gone(ref, timeout, connection)
    return wait_until(
        ref, lambda info: info.get("ChannelStatus") == status, timeout, connection, goal=f"become {status}"
    )


def wait_until(
    ref: ChannelRef,
    reached: Callable[[Mapping[str, Any]], bool],
    timeout: float,
    connection: Connection,
    *,
    goal: str = "become ACTIVE",
    may_be_missing: bool = False,
) -> pd.DataFrame:
    """Describe a channel once a second until ``reached`` returns True for its ChannelInfo, and return its row.

    ``goal`` completes the message of a timeout: the channel's name, then "to".
    """

    def describe_once() -> tuple[bool, Mapping[str, Any] | None]:
        try:
            info = describe(ref, connection)
        except ChannelNotFound:
            if not may_be_missing:
                raise
            return False, None
        return reached(info), info

    info = _poll_each_second(describe_once, timeout, f"{ref.label!r} to {goal}")
    return channels_frame([info] if info else [])


def wait_until_gone(
    ref: ChannelRef,
    timeout: float,
    connection: Connection,
    *,
    stop_when: Callable[[Mapping[str, Any]], bool] = lambda _: False,
) -> pd.DataFrame:
    """Describe a channel once a second until it is no longer found, and return its row as last seen.

    Waiting ends early if ``stop_when`` returns True for a ChannelInfo.
    """
    last: list[Mapping[str, Any]] = []

    def describe_once() -> tuple[bool, Mapping[str, Any] | None]:
        try:
            last[:] = [describe(ref, connection)]
        except ChannelNotFound:
            return True, None
        return stop_when(last[0]), last[0]

    _poll_each_second(describe_once, timeout, f"{ref.label!r} to be deleted")
    return channels_frame(last)


def _poll_each_second(
    describe_once: Callable[[], tuple[bool, Mapping[str, Any] | None]], timeout: float, awaited: str
) -> Mapping[str, Any] | None:
    """Call ``describe_once`` once a second until it is done, and return its ChannelInfo; raise WaitTimeout after ``timeout``."""
    deadline = time.monotonic() + timeout
    while True:
        done, info = describe_once()
        if done:
            return info
        if time.monotonic() + SECONDS_BETWEEN_DESCRIBES > deadline:
            status = info.get("ChannelStatus") if info else "not found"
            raise WaitTimeout(
                f"Timed out after {timeout:g} s waiting for {awaited} (last status: {status}). Increase timeout=.",
                operation="DescribeSignalingChannel",
            )
        time.sleep(SECONDS_BETWEEN_DESCRIBES)
