"""The signaling client: a MASTER or a viewer that exchanges offers, answers and candidates over a channel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.error_translation import from_code
from kvs_notebook.aws.validation import check_viewer_id
from kvs_notebook.channels.reference import Channel, one_channel_ref
from kvs_notebook.dataframes.builders import milliseconds, rows_frame
from kvs_notebook.dataframes.schemas import MESSAGES
from kvs_notebook.errors import ChannelNotFound, EndpointUnreachable, InvalidInput, KVSError, ServiceFault, Throttled
from kvs_notebook.signaling.messages import (
    SDP,
    Candidate,
    Message,
    build_frame,
    decode_payload_or_keep,
    encode_candidate,
    encode_sdp,
    parse_message,
)
from kvs_notebook.signaling.rate_limit import MessageRateLimiter
from kvs_notebook.signaling.websocket import WebSocketConnector, close_websocket

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

Result = TypeVar("Result")

REMEMBERED = 10_000
"""Messages in the frame of what was sent and received, and sends whose refusal is still recognised."""

ORDER = count()
"""Numbers what the peers of this program note: within a millisecond, the times do not tell which came first."""

AGAIN = (Throttled, EndpointUnreachable, ServiceFault)
"""What a peer that was connected tries again after."""

SENDS = {"SDP_OFFER": "SendSDPOffer", "SDP_ANSWER": "SendSDPAnswer", "ICE_CANDIDATE": "SendICECandidate"}
"""What the quota page calls each type."""


NEXT_STEPS: dict[type[KVSError], str] = {
    ChannelNotFound: "No viewer of that client id is connected, or the channel is gone.",
    InvalidInput: "Correct it and send again; the connection goes on.",
    Throttled: "A connection may send 5 offers, 5 answers and 20 candidates a second: send again later.",
}


class _End:
    """Stand in the inbox for the end of all messages."""


class SignalingClient:
    """Be a MASTER or a viewer on a channel, from ``async with`` to its end; made by open_signaling().

    Iterating gives each message as it comes: :class:`~kvs_notebook.signaling.messages.Offer`, ``Answer``, ``Candidate``,
    ``ReconnectIceServer``, or ``Unknown``. What the service refuses of what was sent is raised there too, or at the send
    itself with ``refusal_timeout``; iterating may go on after it. Neither the API nor signaling tells whether the other side
    is there: a message waits for it for the channel's TTL, and is dropped then.

    Sends are spaced out: 5 offers, 5 answers and 20 candidates leave at once, more of them at that rate a second. The
    connection is kept alive by pings, made anew when the service says GO_AWAY or the line breaks (8 attempts, with growing
    waits; no more after 8 connections in a row that lasted less than 10 s), and closed at the end. GO_AWAY loses nothing; what
    was on its way when a line broke may be lost, since the service confirms no message.

    Attributes
    ----------
    role, client_id
        What it is.
    """

    def __init__(self, channel: Channel, role: str, client_id: str | None, connection: Connection) -> None:
        self.role = role
        self.client_id = client_id
        self._connector = WebSocketConnector(one_channel_ref(channel, connection), role, client_id, connection)
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._sent: OrderedDict[str, tuple[str, str, asyncio.Future[None] | None]] = OrderedDict()
        self._log: deque[tuple[int, tuple[Any, ...]]] = deque(maxlen=REMEMBERED)
        self._begin()

    def _begin(self) -> None:
        """Be as new, on whatever loop connects next."""
        self._up = asyncio.Event()
        self._rate_limiter = MessageRateLimiter()
        self._failure: Exception | None = None
        self._inbox: asyncio.Queue[Message | Exception | _End] = asyncio.Queue()

    @property
    def connects(self) -> int:
        """How often it has connected: once, and once more for each GO_AWAY and each line that broke."""
        return self._connector.connects

    @property
    def connected(self) -> bool:
        """True while a connection is open."""
        return self._reader is not None and self._socket is not None and self._socket.state.name == "OPEN"

    @property
    def channel_name(self) -> str:
        """The name of the channel that it is on."""
        return self._connector.channel.label

    def __repr__(self) -> str:
        state = "failed" if self._failure else "connected" if self.connected else "not connected"
        who = f" {self.client_id}" if self.client_id else ""
        return f"<SignalingClient: {self.role}{who} on {self.channel_name}, {state}>"

    # --- coming and going

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> Self:
        """Connect, as ``async with`` does; in a notebook, for a peer that stays over several cells, until :meth:`close`."""
        if self._reader is not None:
            raise InvalidInput("The peer is connected already: close() it first, or open another.")
        self._begin()
        self._socket = await self._connector.open((Throttled,))
        self._up.set()
        self._reader = asyncio.create_task(self._stay_connected())
        return self

    async def close(self) -> None:
        """Close the connection and end the iteration; a second call does nothing."""
        if self._reader is None:
            return
        reader, self._reader = self._reader, None
        reader.cancel()
        try:
            await asyncio.wait([reader])
        finally:
            self._inbox.put_nowait(_End())
            self._up.set()  # whoever waits to send learns of it
            if self._socket is not None:
                await close_websocket(self._socket)

    async def _stay_connected(self) -> None:
        """Read what comes, and connect again whenever the connection ends."""
        try:
            while True:
                socket = self._socket
                assert socket is not None  # noqa: S101 - set on the way in
                if await self._told_to_go(socket):
                    await self._move(socket)
                else:
                    self._up.clear()
                    self._socket = await self._connector.reopen(AGAIN)
                    self._up.set()
        except Exception as error:  # noqa: BLE001 - whoever iterates or sends is told
            self._failure = error
            for _, _, refused in self._sent.values():
                if refused is not None and not refused.done():
                    refused.set_exception(error)
            self._up.set()
            self._inbox.put_nowait(error)
            self._inbox.put_nowait(_End())

    async def _move(self, old: ClientConnection) -> None:
        """Take a new connection, while the old one still brings and carries messages, then read that to its end."""
        reading = asyncio.create_task(self._read_out(old))
        try:
            self._socket = await self._connector.open(AGAIN)
            self._up.clear()  # what is sent from here on follows what the old one carries
            await close_websocket(old)
            self._up.set()
            await reading
        finally:
            reading.cancel()

    async def _read_out(self, socket: ClientConnection) -> None:
        while await self._told_to_go(socket):
            pass

    async def _told_to_go(self, socket: ClientConnection) -> bool:
        """Read from a connection; True at GO_AWAY, False at its end."""
        from websockets.exceptions import ConnectionClosed

        try:
            async for text in socket:
                if self._take(str(text)) == "GO_AWAY":
                    return True
        except ConnectionClosed:
            return False
        return False

    # --- sending

    async def send_offer(
        self, sdp: SDP, *, recipient_client_id: str | None = None, refusal_timeout: float = 0.0
    ) -> str:
        """Send an SDP offer: a viewer to the MASTER, a MASTER to the viewer that it names.

        Parameters
        ----------
        sdp
            The SDP's text, or a description: ``{"type": "offer", "sdp": "..."}``, or an Offer that was received.
        recipient_client_id
            The viewer, which a MASTER has to name; a viewer names nobody.
        refusal_timeout
            Seconds to wait for a refusal, which then is raised here. The service never confirms a success: with 0, a
            refusal is raised where the messages are iterated over.

        Returns
        -------
        str
            The correlation id that it was sent with.

        Raises
        ------
        InvalidInput
            For what is no SDP, over 10,000 characters in base64, or not addressed as its role has to; nothing was sent.
        KVSError
            As the service refused it, within ``refusal_timeout``; or as the connection was lost for good.
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
        """Give the seconds that a ping to the service and back takes."""

        async def there_and_back(socket: ClientConnection) -> float:
            return await (await socket.ping())

        return await self._carried(there_and_back)

    async def _send(self, message_type: str, payload: str, recipient: str | None, refusal_timeout: float) -> str:
        if self.role == "MASTER":
            if recipient is None:
                raise InvalidInput(
                    "A MASTER says to whom: give recipient_client_id=, the sender_client_id of an offer."
                )
            check_viewer_id(recipient)
        elif recipient is not None:
            raise InvalidInput("A viewer writes to the MASTER alone: leave recipient_client_id= out.")
        correlation_id = secrets.token_hex(8)
        text = build_frame(message_type, payload, recipient, correlation_id)
        refused = asyncio.get_running_loop().create_future() if refusal_timeout > 0 else None
        self._sent[correlation_id] = (message_type, recipient or "the MASTER", refused)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

        async def in_turn(socket: ClientConnection) -> None:
            await self._rate_limiter.wait(message_type)
            await socket.send(text)

        await self._carried(in_turn)
        self._note(
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

    async def _carried(self, act: Callable[[ClientConnection], Awaitable[Result]]) -> Result:
        """Do something with the connection, or with the next one where this one has ended."""
        from websockets.exceptions import ConnectionClosed

        while True:
            socket = await self._open_socket()
            try:
                return await act(socket)
            except ConnectionClosed:
                if self._socket is socket:
                    self._up.clear()  # until the reader, which learns of it too, has connected again

    async def _open_socket(self) -> ClientConnection:
        self._check_connected()
        await self._up.wait()
        self._check_connected()
        assert self._socket is not None  # noqa: S101 - it is up
        return self._socket

    def _check_connected(self) -> None:
        if self._reader is None or self._reader.done():
            raise self._failure or InvalidInput("The peer is not connected: use it inside 'async with', or open() it.")

    # --- receiving

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._inbox.empty():
            self._check_connected()
        item = await self._inbox.get()
        if isinstance(item, _End):
            self._inbox.put_nowait(item)  # for whoever iterates beside or after
            raise StopAsyncIteration
        if isinstance(item, Exception):
            raise item
        return item

    @property
    def messages(self) -> pd.DataFrame:
        """What was sent and received, oldest first, 10,000 at most.

        Columns: time (datetime64[ms, UTC]), direction (sent, received), message_type, sender_client_id, recipient_client_id,
        correlation_id, message_payload (the JSON text), error_code (str).
        """
        return rows_frame([row for _, row in self._log], MESSAGES)

    def ordered_messages(self) -> list[dict[str, Any]]:
        """Return the rows of ``messages`` as dicts, each with its ``order`` among the messages of all peers of this process."""
        return [{"order": order, **dict(zip(MESSAGES, row, strict=True))} for order, row in self._log]

    def _take(self, text: str) -> str:
        """Take a frame in; give its type."""
        try:
            members = json.loads(text)
        except (ValueError, RecursionError):
            members = {}
        members = members if isinstance(members, dict) else {}
        message_type = str(members.get("messageType") or "")
        if message_type == "STATUS_RESPONSE":
            status = members.get("statusResponse")
            self._take_refusal(status if isinstance(status, dict) else {})
            return message_type
        payload = str(members.get("messagePayload") or "")
        sender = members.get("senderClientId") or None
        self._note(
            "received",
            message_type,
            sender_client_id=sender,
            recipient_client_id=self.client_id,
            message_payload=decode_payload_or_keep(payload),
        )
        if message_type != "GO_AWAY":
            self._inbox.put_nowait(parse_message(members))
        return message_type

    def _take_refusal(self, status: Mapping[str, Any]) -> None:
        correlation_id, code = str(status.get("correlationId")), str(status.get("errorType") or "")
        if str(status.get("statusCode")) == "200":
            return
        message_type, recipient, refused = self._sent.pop(correlation_id, ("message", "another peer", None))
        said = str(status.get("description") or "")
        self._note(
            "received",
            "STATUS_RESPONSE",
            recipient_client_id=self.client_id,
            correlation_id=correlation_id,
            message_payload=said,
            error_code=code,
        )
        operation = SENDS.get(message_type, message_type)
        error = from_code(code, said, operation=operation, subject=recipient, next_steps=NEXT_STEPS)
        if refused is not None and not refused.done():
            refused.set_exception(error)
        else:
            self._inbox.put_nowait(error)

    def _note(self, direction: str, message_type: str, **columns: str | None) -> None:
        now_ms = milliseconds(datetime.now(UTC))
        row = {"time": now_ms, "direction": direction, "message_type": message_type, **columns}
        self._log.append((next(ORDER), tuple(row.get(column) for column in MESSAGES)))
