"""The signaling client: a MASTER or a viewer that exchanges offers, answers and candidates over a channel."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.validation import check_client_id, check_role, check_viewer_id
from kvs_notebook.channels.reference import Channel, one_channel_ref
from kvs_notebook.errors import InvalidInput, KVSError, ReadOnly
from kvs_notebook.keyword_hints import with_method_hints
from kvs_notebook.signaling.correlation import MASTER, RefusalCorrelator, new_correlation_id
from kvs_notebook.signaling.frames import (
    SDP,
    build_frame,
    decode_frame,
    decode_payload_or_keep,
    encode_candidate,
    encode_sdp,
    parse_frame,
    parse_message,
    parse_refusal,
    text_member,
)
from kvs_notebook.signaling.message_log import MessageLog
from kvs_notebook.signaling.messages import Candidate, Message, Unknown
from kvs_notebook.signaling.rate_limit import MessageRateLimiter
from kvs_notebook.signaling.supervisor import ReconnectSupervisor
from kvs_notebook.signaling.websocket import WebSocketConnector, require_websockets

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

INBOX_CAPACITY = 1_000
"""Received messages that wait to be read: as many as a sandbox keeps for one sender, and as 10 viewers can send in 10 s."""

_logger = logging.getLogger(__name__)


def open_signaling(
    channel: Channel,
    *,
    role: str = "VIEWER",
    client_id: str | None = None,
    take_over: bool = False,
    connection: Connection | None = None,
) -> SignalingClient:
    """Open signaling on a channel as a MASTER or a VIEWER, in ``async with``.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    role
        VIEWER or MASTER.
    client_id
        Required for a viewer, which should keep it: 1 to 256 letters, digits
        and ``. _ -``. A MASTER has none.
    take_over
        Required for a MASTER on a real account: all further messages go to the
        newest MASTER, and the one that was connected before, usually a camera,
        is not notified.
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    SignalingClient
        An async context manager: ``send_offer``, ``send_answer``,
        ``send_candidate``, ``async for message in client``,
        ``client.messages`` (a DataFrame).

    Raises
    ------
    InvalidInput
        If the service would refuse the channel, role or client id.
    ReadOnly
        If ``role`` is MASTER on a real account and ``take_over`` is not True.
    MissingExtra
        If the extra ``signaling`` is not installed.

    Notes
    -----
    Entering ``async with`` raises ChannelNotFound, ChannelBusy, AccessDenied
    or ExpiredCredentials if the service refuses the connection, Throttled if
    it does so 8 times (too many connects a second, or too many viewers), and
    EndpointUnreachable if it does not answer.

    Each connection spends one GetSignalingChannelEndpoint call and one
    ConnectAsMaster or ConnectAsViewer, of which a channel accepts 3 a second
    each; one DescribeSignalingChannel call if only a name is given. Messages:
    5 offers, 5 answers and 20 candidates a second for a connection.

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
    require_websockets()
    connection = current_connection(connection)
    role = check_role(role)
    client_id = check_client_id(client_id, role)
    displaces = role == "MASTER" and not connection.is_sandbox()
    if displaces and not take_over:
        raise ReadOnly(
            "ConnectAsMaster was not sent: on a real account a new MASTER displaces the one that is connected, usually a "
            "camera, which is not notified. Pass take_over=True if you intend that.",
            operation="ConnectAsMaster",
        )
    client = SignalingClient(channel, role, client_id, connection)
    if displaces:
        _logger.warning("take_over=True: connecting as MASTER displaces any MASTER of %s", client.channel_name)
    return client


@with_method_hints
class SignalingClient:
    """A MASTER or a viewer on a channel, connected while inside ``async with``; created by open_signaling().

    Iterating yields each received message: :class:`~kvs_notebook.signaling.messages.Offer`, ``Answer``, ``Candidate``,
    ``ReconnectIceServer``, or ``Unknown``. If the service refuses a message that was sent, iterating raises the error and may
    go on after it; with ``refusal_timeout`` the send raises it instead. Neither the API nor signaling tells whether the remote
    peer is connected: a message waits for it for the channel's TTL, and is dropped then.

    Sends are rate-limited: 5 offers, 5 answers and 20 candidates leave at once, further ones at that rate a second. The
    connection is kept alive by pings, replaced when the service sends GO_AWAY, and opened again when it breaks (8 attempts,
    with growing waits). After 8 connections in a row that lasted less than 10 s, however they ended, the client gives up.
    GO_AWAY loses no message; a message in transit when a connection breaks may be lost, since the service confirms no message.

    Up to 1,000 received messages and refusals wait for the iteration. If more come, the oldest are dropped: they are counted in
    ``dropped``, a warning is logged once, and ``messages`` still has them.

    Attributes
    ----------
    role
        MASTER or VIEWER.
    client_id
        The viewer's id, None for a MASTER.
    dropped
        Received messages and refusals that were dropped because they were not read.
    before_reconnect
        If set, it is called when a connection has ended without GO_AWAY, with the WebSocket's close code (None if there was
        none) and the seconds that the connection lasted. If it raises an error, the client does not connect again, and the calls
        that send and iterate raise that error.
    """

    def __init__(self, channel: Channel, role: str, client_id: str | None, connection: Connection) -> None:
        self.role = role
        self.client_id = client_id
        self._connector = WebSocketConnector(one_channel_ref(channel, connection), role, client_id, connection)
        self._refusals = RefusalCorrelator()
        self._log = MessageLog()
        self.dropped = 0
        self.before_reconnect: Callable[[int | None, float], None] | None = None
        self._start_anew()

    def _start_anew(self) -> None:
        """Create the state of one open(), whose event loop may be another one than before."""
        self._supervisor = ReconnectSupervisor(self._connector, self._receive, self._end, self._check_reconnect)
        self._rate_limiter = MessageRateLimiter()
        self._inbox: asyncio.Queue[Message | Exception | None] = asyncio.Queue()

    @property
    def connects(self) -> int:
        """How many connections it has opened: one, and one more after each GO_AWAY and each break."""
        return self._connector.connects

    @property
    def connected(self) -> bool:
        """True while a connection is open."""
        return self._supervisor.is_connected

    @property
    def channel_name(self) -> str:
        """The name of its channel."""
        return self._connector.channel.label

    def __repr__(self) -> str:
        state = "failed" if self._supervisor.failure else "connected" if self.connected else "not connected"
        client_id = f" {self.client_id}" if self.client_id else ""
        return f"<SignalingClient: {self.role}{client_id} on {self.channel_name}, {state}>"

    # --- opening and closing

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self, *, retry_throttled: bool = True) -> Self:
        """Connect, as ``async with`` does: for a client that stays open over several notebook cells, until :meth:`close`.

        With ``retry_throttled=False``, Throttled is raised at the first refusal: a channel that has its 10 viewers may have them
        for hours.
        """
        if self._supervisor.is_open:
            raise InvalidInput("The signaling client is already connected. Call close() first, or open another client.")
        self._start_anew()
        await self._supervisor.open(retry_throttled=retry_throttled)
        return self

    async def close(self) -> None:
        """Close the connection and end the iteration; a second call does nothing."""
        await self._supervisor.close()

    def _check_reconnect(self, close_code: int | None, seconds: float) -> None:
        if self.before_reconnect is not None:
            self.before_reconnect(close_code, seconds)

    def _end(self, error: Exception | None) -> None:
        """Raise an error at the calls that wait for a refusal and in the iteration, and end the iteration."""
        if error is not None:
            self._refusals.fail_all(error)
            self._inbox.put_nowait(error)
        self._inbox.put_nowait(None)

    # --- sending

    async def send_offer(
        self, sdp: SDP, *, recipient_client_id: str | None = None, refusal_timeout: float = 0.0
    ) -> str:
        """Send an SDP offer: a viewer to the MASTER, a MASTER to the viewer that it names.

        Parameters
        ----------
        sdp
            The SDP's text, or a description: ``{"type": "offer", "sdp": "..."}``, or a received Offer.
        recipient_client_id
            The viewer, required for a MASTER; a viewer leaves it out.
        refusal_timeout
            Seconds to wait for a refusal, which is then raised here. The service never confirms a success: with 0, a
            refusal is raised by the iteration over the messages.

        Returns
        -------
        str
            The correlation id of the message.

        Raises
        ------
        InvalidInput
            If ``sdp`` is not a valid SDP offer, has over 10,000 characters in base64, or the recipient does not fit the role;
            nothing was sent.
        KVSError
            If the service refuses the message within ``refusal_timeout``, or the client could not connect again.
        """
        return await self._send("SDP_OFFER", encode_sdp("SDP_OFFER", sdp), recipient_client_id, refusal_timeout)

    async def send_answer(
        self, sdp: SDP, *, recipient_client_id: str | None = None, refusal_timeout: float = 0.0
    ) -> str:
        """Send an SDP answer; see :meth:`send_offer`."""
        return await self._send("SDP_ANSWER", encode_sdp("SDP_ANSWER", sdp), recipient_client_id, refusal_timeout)

    async def send_candidate(
        self,
        candidate: str | Mapping[str, Any] | Candidate,
        *,
        recipient_client_id: str | None = None,
        refusal_timeout: float = 0.0,
    ) -> str:
        """Send an ICE candidate: its line, or a mapping with the members of RTCIceCandidateInit; see :meth:`send_offer`."""
        return await self._send("ICE_CANDIDATE", encode_candidate(candidate), recipient_client_id, refusal_timeout)

    async def ping(self) -> float:
        """Return the seconds that a ping to the service and its reply take."""

        async def wait_for_pong(socket: ClientConnection) -> float:
            return await (await socket.ping())

        return await self._supervisor.run(wait_for_pong)

    async def _send(self, message_type: str, payload: str, recipient: str | None, refusal_timeout: float) -> str:
        self._check_recipient(recipient)
        correlation_id = new_correlation_id()
        frame = build_frame(message_type, payload, recipient, correlation_id)
        refused = asyncio.get_running_loop().create_future() if refusal_timeout > 0 else None
        self._refusals.register(correlation_id, message_type, recipient or MASTER, refused)

        async def send_frame(socket: ClientConnection) -> None:
            await self._rate_limiter.wait(message_type)
            await socket.send(frame)

        await self._supervisor.run(send_frame)
        self._log.add(
            "sent",
            message_type,
            sender_client_id=self.client_id,
            recipient_client_id=recipient,
            correlation_id=correlation_id,
            message_payload=payload,
        )
        if refused is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(refused, refusal_timeout)
        return correlation_id

    def _check_recipient(self, recipient: str | None) -> None:
        if self.role != "MASTER":
            if recipient is not None:
                raise InvalidInput("A viewer sends to the MASTER only. Leave recipient_client_id= out.")
        elif recipient is None:
            raise InvalidInput("A MASTER needs recipient_client_id=. Pass the sender_client_id of an offer.")
        else:
            check_viewer_id(recipient)

    # --- receiving

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._inbox.empty():
            self._supervisor.check_running()
        item = await self._inbox.get()
        if item is None:
            self._inbox.put_nowait(item)  # for other tasks that iterate
            raise StopAsyncIteration
        if isinstance(item, Exception):
            raise item
        return item

    @property
    def messages(self) -> pd.DataFrame:
        """The newest 10,000 messages that it sent and received, oldest first.

        Columns: time (datetime64[ms, UTC]), direction (sent, received), message_type, sender_client_id, recipient_client_id,
        correlation_id, message_payload (the JSON text, up to 20,000 characters of it), error_code (str).
        """
        return self._log.to_frame()

    def ordered_messages(self) -> list[dict[str, Any]]:
        """Return the rows of ``messages`` as dicts, each with its ``order`` among the messages of all clients of this process."""
        return self._log.entries()

    def _receive(self, frame: str | bytes) -> bool:
        """Process a frame; return True if the service asks to connect again."""
        text = decode_frame(frame)
        if not text.strip():
            return False  # the service sends empty frames now and then
        members = parse_frame(text)
        if members is None:
            self._log.add("received", "", recipient_client_id=self.client_id, message_payload=text)
            self._deliver(Unknown("", text))
            return False
        message_type = text_member(members, "messageType")
        if message_type == "STATUS_RESPONSE":
            self._receive_status(members)
            return False
        self._log.add(
            "received",
            message_type,
            sender_client_id=text_member(members, "senderClientId") or None,
            recipient_client_id=self.client_id,
            message_payload=decode_payload_or_keep(text_member(members, "messagePayload")),
        )
        if message_type == "GO_AWAY":
            return True
        self._deliver(parse_message(members))
        return False

    def _receive_status(self, members: Mapping[str, Any]) -> None:
        refusal = parse_refusal(members)
        if refusal is None:
            return
        self._log.add(
            "received",
            "STATUS_RESPONSE",
            recipient_client_id=self.client_id,
            correlation_id=refusal.correlation_id,
            message_payload=refusal.description,
            error_code=refusal.code,
        )
        error = self._refusals.resolve(refusal)
        if error is not None:
            self._deliver(error)

    def _deliver(self, item: Message | KVSError) -> None:
        """Put a message or a refusal where the iteration finds it, in place of the oldest if that is full."""
        if self._inbox.qsize() >= INBOX_CAPACITY:
            self._inbox.get_nowait()
            if not self.dropped:
                _logger.warning(
                    "%s on %s: %d messages were not read, the oldest are dropped",
                    self.role,
                    self.channel_name,
                    INBOX_CAPACITY,
                )
            self.dropped += 1
        self._inbox.put_nowait(item)
