"""Endpoints: where a channel's peers and data-plane clients connect."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kvs_notebook.connection import Connection
from kvs_notebook.current import current_connection
from kvs_notebook.frames import ENDPOINTS, concat, endpoints_frame
from kvs_notebook.limits import check_protocols, check_role
from kvs_notebook.pacing import side_by_side
from kvs_notebook.target import Channel, Target, describe, targets


def get_endpoints(
    channel: Channel,
    *,
    role: str = "VIEWER",
    protocols: Sequence[str] = ("WSS", "HTTPS"),
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Get the endpoints of a channel, or of every channel of a frame, for one role.

    Parameters
    ----------
    channel
        A name, an ARN, a row, or a channels frame of any length.
    role
        VIEWER or MASTER: what the WSS endpoint lets its client be.
    protocols
        WSS (signaling), HTTPS (ICE servers), WEBRTC (media ingestion, only on a channel that stores media).
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        One row per channel and protocol, in the order asked for: channel_arn, role, protocol, endpoint (str).

    Raises
    ------
    InvalidInput
        For a role or protocol that the service does not know, and for WEBRTC on a channel that stores no media.
    ChannelNotFound, ChannelBusy
        When the channel is not there, or not yet available.

    Notes
    -----
    Spends one GetSignalingChannelEndpoint call for each channel (300 a second for an account and region, shared with every
    device that connects), and one DescribeSignalingChannel call where only a name is given. Endpoints may be kept until
    a connection to them fails.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="lesson")
    >>> channel = kvs.create_channel("front-door")
    >>> kvs.get_endpoints(channel, role="MASTER")[["role", "protocol"]]
         role protocol
    0  MASTER      WSS
    1  MASTER    HTTPS
    """
    connection = current_connection(connection)
    role = check_role(role)
    wanted = check_protocols(protocols)

    def of_one(target: Target) -> pd.DataFrame:
        arn = target.channel_arn or describe(target, connection)["ChannelARN"]
        reply = connection.call(
            "GetSignalingChannelEndpoint",
            {
                "ChannelARN": arn,
                "SingleMasterChannelEndpointConfiguration": {"Protocols": wanted, "Role": role},
            },
            channel=target.label,
        )
        return endpoints_frame(arn, role, reply.get("ResourceEndpointList") or [], wanted)

    found = side_by_side(of_one, targets(channel, connection), description="Getting endpoints")
    return concat(found, ENDPOINTS)
