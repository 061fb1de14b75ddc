"""Get the endpoints of channels, and the TURN servers that their clients use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.destinations import check_endpoint
from kvs_notebook.aws.validation import check_protocols, check_role, check_viewer_id
from kvs_notebook.channels.reference import Channel, ChannelRef, channel_refs, one_channel_ref, resolve_arn
from kvs_notebook.dataframes.builders import empty, endpoints_frame, ice_frame
from kvs_notebook.dataframes.schemas import ENDPOINTS
from kvs_notebook.errors import ServiceFault
from kvs_notebook.signaling.ice_cache import IceServerCache, IceServersKey


def get_endpoints(
    channel: Channel,
    *,
    role: str = "VIEWER",
    protocols: Sequence[str] = ("WSS", "HTTPS"),
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Get the endpoints of channels for one role.

    Parameters
    ----------
    channel
        A name, an ARN, a row, or a channels frame of any length.
    role
        VIEWER or MASTER: the role of the client that connects to the WSS
        endpoint.
    protocols
        WSS (signaling), HTTPS (ICE servers), WEBRTC (media ingestion, only on
        a channel that stores media).
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        One row per channel and protocol, in the order of ``protocols``:
        channel_name, region, role, protocol, endpoint, account_id, channel_arn
        (str).

    Raises
    ------
    InvalidInput
        If the service does not know the role or a protocol, and for WEBRTC on
        a channel that stores no media.
    ChannelNotFound
        If a channel does not exist.
    ChannelBusy
        If a channel is not yet ACTIVE.
    ServiceFault
        If the reply lacks a protocol, or names an endpoint that is neither
        AWS's nor on the host of ``endpoint_url``.

    Notes
    -----
    Spends one GetSignalingChannelEndpoint call for each channel (300 a second
    for an account and region, shared with every device that connects), and one
    DescribeSignalingChannel call if only a name is given. Endpoints may be
    kept until a connection to them fails.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> kvs.get_endpoints(channel, role="MASTER")[["role", "protocol"]]
         role protocol
    0  MASTER      WSS
    1  MASTER    HTTPS
    """
    connection = current_connection(connection)
    role = check_role(role)
    wanted = check_protocols(protocols)

    def read(ref: ChannelRef) -> pd.DataFrame:
        arn = resolve_arn(ref, connection)
        return endpoints_frame(arn, role, _request_endpoints(arn, role, wanted, connection))

    found = map_concurrent(read, channel_refs(channel, connection), description="Getting endpoints")
    return pd.concat(found, ignore_index=True) if found else empty(ENDPOINTS)


_ice_servers = IceServerCache()


def get_ice_servers(
    channel: Channel, *, client_id: str | None = None, refresh: bool = False, connection: Connection | None = None
) -> pd.DataFrame:
    """Get the TURN servers of a channel.

    They relay media if the peers cannot reach each other.

    They are kept for the connection, channel and client id, and returned again
    until 30 s before the end of their lifetime.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    client_id
        The id of the viewer that will use them; optional.
    refresh
        Request them from the service even if those of an earlier call are
        still usable, for instance when a peer is told RECONNECT_ICE_SERVER.
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        One row per URI: channel_name, region, uri (str), username, password
        (Secret: ``.reveal()`` returns it), ttl_seconds (Int64, the lifetime
        that is left; 5 minutes at first on a real account), account_id,
        channel_arn (str). The STUN server,
        ``stun:stun.kinesisvideo.REGION.amazonaws.com:443``, is not among them:
        it needs no password and is the same for every channel.

    Raises
    ------
    InvalidInput
        If the service would refuse the client id.
    ChannelNotFound
        If the channel does not exist.
    ChannelBusy
        If the channel is not yet ACTIVE.
    Throttled
        If the service refuses the call 8 times because of its rate.

    Notes
    -----
    Spends one GetIceServerConfig call (5 a second for a channel, 100 for an
    account and region) and, for the endpoint, one GetSignalingChannelEndpoint
    call, or neither if the servers of an earlier call are usable; one
    DescribeSignalingChannel call if only a name is given. A sandbox relays no
    media: its URIs name a port of loopback without a server, since peers on
    one machine need no relay.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> kvs.get_ice_servers(channel)[["uri", "password"]].head(2)
                                   uri                 password
    0   turn:127.0.0.1:9?transport=udp  <Secret: use .reveal()>
    1  turns:127.0.0.1:9?transport=udp  <Secret: use .reveal()>
    """
    connection = current_connection(connection)
    params: dict[str, Any] = {"Service": "TURN"}
    if client_id is not None:
        params["ClientId"] = check_viewer_id(client_id)
    ref = one_channel_ref(channel, connection)
    arn = resolve_arn(ref, connection)
    key = IceServersKey(arn, client_id)
    kept = None if refresh else _ice_servers.get(connection, key)
    if kept is not None:
        return ice_frame(arn, kept)
    client = connection.client(
        "kinesis-video-signaling", endpoint_url=request_endpoint(arn, "VIEWER", "HTTPS", connection)
    )
    requested_at = connection.now()
    reply = connection.call("GetIceServerConfig", {"ChannelARN": arn, **params}, channel=ref.label, client=client)
    servers = reply.get("IceServerList") or []
    _ice_servers.put(connection, key, servers, requested_at)
    return ice_frame(arn, servers)


def request_endpoint(arn: str, role: str, protocol: str, connection: Connection) -> str:
    """Return one endpoint of a channel, checked: one GetSignalingChannelEndpoint call."""
    return _request_endpoints(arn, role, [protocol], connection)[protocol]


def _request_endpoints(arn: str, role: str, protocols: list[str], connection: Connection) -> dict[str, str]:
    """Return the endpoint of each protocol; raise ServiceFault if one is missing, or names a place where nothing is sent."""
    name = ChannelArn.parse(arn).channel_name
    reply = connection.call(
        "GetSignalingChannelEndpoint",
        {
            "ChannelARN": arn,
            "SingleMasterChannelEndpointConfiguration": {"Protocols": protocols, "Role": role},
        },
        channel=name,
    )
    found = {item["Protocol"]: item["ResourceEndpoint"] for item in reply["ResourceEndpointList"]}
    missing = [protocol for protocol in protocols if protocol not in found]
    if missing:
        raise ServiceFault(
            f"GetSignalingChannelEndpoint returned no {' and no '.join(missing)} endpoint for {name}. Call again "
            "in a moment; if it still fails, report it to AWS with the region.",
            operation="GetSignalingChannelEndpoint",
        )
    return {protocol: check_endpoint(found[protocol], protocol, connection) for protocol in protocols}
