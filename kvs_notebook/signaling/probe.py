"""Check whether a viewer can connect to a channel."""

from __future__ import annotations

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.reference import Channel, one_channel_ref
from kvs_notebook.errors import EndpointUnreachable
from kvs_notebook.signaling.websocket import WebSocketConnector, close_websocket, require_websockets

PROBE_CLIENT_ID = "kvs-notebook-probe"
"""Fixed: with a new id for each probe, probes would use up the viewers that a channel accepts."""


async def probe_channel(channel: Channel, connection: Connection) -> float:
    """Connect once as a viewer, disconnect, and return the seconds that a ping and its reply took."""
    require_websockets()
    from websockets.exceptions import ConnectionClosed

    connector = WebSocketConnector(one_channel_ref(channel, connection), "VIEWER", PROBE_CLIENT_ID, connection)
    socket = await connector.open(retry_on=())
    try:
        return await (await socket.ping())
    except ConnectionClosed as error:
        raise EndpointUnreachable(
            f"ConnectAsViewer succeeded for {connector.channel.label}, but the connection ended before the reply to a ping. "
            "Try again.",
            operation="ConnectAsViewer",
        ) from error
    finally:
        await close_websocket(socket)
