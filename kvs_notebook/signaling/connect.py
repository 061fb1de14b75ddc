"""Signaling: to take part in a channel as its MASTER or as a viewer."""

from __future__ import annotations

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.validation import check_client_id, check_role
from kvs_notebook.channels.reference import Channel, one_channel_ref
from kvs_notebook.errors import EndpointUnreachable, MissingExtra, ReadOnly
from kvs_notebook.signaling.client import Peer
from kvs_notebook.signaling.websocket import Line, hang_up

PROBE_CLIENT_ID = "kvs-notebook-probe"
"""Fixed: a new id for each probe would use up the places of a channel's viewers."""


def open_signaling(
    channel: Channel,
    *,
    role: str = "VIEWER",
    client_id: str | None = None,
    take_over: bool = False,
    connection: Connection | None = None,
) -> Peer:
    """Open signaling on a channel as a MASTER or as a viewer, to be used with ``async with``.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    role
        VIEWER or MASTER.
    client_id
        A viewer's id, which it needs and should keep: 1 to 256 letters, digits and ``. _ -``. A MASTER has none.
    take_over
        A MASTER on a real account needs it: the newest MASTER silently takes the place of the camera that is connected.
    connection
        Where the channel is; None takes the current connection.

    Returns
    -------
    Peer
        An async context manager: ``send_offer``, ``send_answer``, ``send_candidate``, ``async for message in peer``,
        ``peer.messages`` (a frame).

    Raises
    ------
    InvalidInput
        For a channel, role or client id that the service would refuse.
    ReadOnly
        For a MASTER on a real account without ``take_over=True``.
    MissingExtra
        When the extra ``signaling`` is not installed.

    On the way in: ChannelNotFound, ChannelBusy, AccessDenied, ExpiredCredentials as the service refuses it, Throttled where
    it does so after 8 attempts (too many connects a second, or too many viewers), EndpointUnreachable.

    Notes
    -----
    A connection, each one anew, spends one GetSignalingChannelEndpoint call and one ConnectAsMaster or ConnectAsViewer, of
    which a channel admits 3 a second each; one DescribeSignalingChannel call where only a name is given. Messages: 5 offers,
    5 answers and 20 candidates a second for a connection.

    Examples
    --------
    >>> import asyncio
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> async def call():
    ...     async with (
    ...         kvs.open_signaling(channel, role="MASTER") as camera,
    ...         kvs.open_signaling(channel, client_id="tablet") as tablet,
    ...     ):
    ...         _ = await tablet.send_offer("v=0 ...")
    ...         return await anext(camera)
    >>> asyncio.run(call())
    Offer(sdp='v=0 ...', sender_client_id='tablet')
    """
    _need_websockets()
    connection = current_connection(connection)
    role = check_role(role)
    client_id = check_client_id(client_id, role)
    if role == "MASTER" and not take_over and not connection.is_sandbox():
        raise ReadOnly(
            "A new MASTER takes the place of the camera that is connected, which is not told: on a real account pass "
            "take_over=True where that is meant. Nothing was sent.",
            operation="ConnectAsMaster",
        )
    return Peer(channel, role, client_id, connection)


async def probe(channel: Channel, connection: Connection) -> float:
    """Connect once as a viewer, with an id of its own, and leave; give the seconds that a ping took there and back."""
    _need_websockets()
    from websockets.exceptions import ConnectionClosed

    line = Line(one_channel_ref(channel, connection), "VIEWER", PROBE_CLIENT_ID, connection)
    socket = await line.open(())  # once: a channel that is full is not knocked at again and again
    try:
        return await (await socket.ping())
    except ConnectionClosed as error:
        raise EndpointUnreachable(
            f"ConnectAsViewer succeeded for {line.target.label}, but the connection ended before a ping came back. Try again.",
            operation="ConnectAsViewer",
        ) from error
    finally:
        await hang_up(socket)


def _need_websockets() -> None:
    try:
        import websockets  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingExtra(
            f"Signaling needs more than the core ({error}): pip install 'kvs-notebook[signaling]'"
        ) from error
