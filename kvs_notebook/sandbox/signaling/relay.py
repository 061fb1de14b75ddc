"""Relay: signaling between one MASTER and its viewers, whatever carries it.

Viewers write to the MASTER alone, the MASTER to the viewer that it names. Whoever connects last as MASTER, or with a client id,
receives from then on. What cannot be delivered waits until the channel's TTL of the moment when it was sent [6].
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Protocol

from kvs_notebook.aws.quotas import MAX_VIEWERS
from kvs_notebook.sandbox.backend.context import Call, ServiceContext, milliseconds
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.backend.store import Channel
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.signaling import frames
from kvs_notebook.sandbox.signaling.frames import MalformedFrame
from kvs_notebook.sandbox.signaling.message_queue import MASTER, MessageQueue, QueuedMessage

GOING_AWAY = 1001
UNSUPPORTED_DATA = 1003
INVALID_PAYLOAD = 1007
NOTICES = ("GO_AWAY", "RECONNECT_ICE_SERVER")

LOOK_SECONDS = 0.25
"""How often open connections are looked at, for those whose time is up; as soon as lifecycle time is moved, too."""


class Socket(Protocol):
    """Carry text to a peer."""

    writable: asyncio.Event
    """Set while the peer reads what is sent to it."""

    async def send(self, text: str) -> bool:
        """Send a frame, without a pause where ``writable`` is set; False where the connection is gone."""

    async def close(self, code: int, reason: str) -> None:
        """Close the connection, if it is open."""


class Peer:
    """One connection: a MASTER, or a viewer by its client id."""

    def __init__(self, call: Call, channel: Channel, client_id: str, socket: Socket) -> None:
        self.arn = channel.arn
        self.client_id = client_id
        self.socket = socket
        self.draining = False
        self.told_to_go_ms: int | None = None
        self.budget = object()  # stands for it where messages are counted: no later one is taken for it
        self.opened_ms = self.heard_ms = call.service.now_ms
        self._call = call

    @property
    def place(self) -> tuple[str, str]:
        """Where messages for it are sent to."""
        return self.arn, self.client_id

    def hear(self) -> None:
        """Take note that something came from or went to it."""
        self.heard_ms = self._call.service.now_ms

    def channel(self) -> Channel:
        """Give its channel as it is now; 404 where it is gone."""
        channel, _ = self._call.existing(self.arn)
        return channel


class Relay:
    """Pass messages on between the peers of every channel."""

    def __init__(self, service: ServiceContext, rate_limits: RateLimits) -> None:
        assumed = service.assumptions
        latest_only = {"SDP_OFFER", "SDP_ANSWER"} | (
            {"ICE_CANDIDATE"} if assumed.queued_candidates == "latest" else set()
        )
        self._service = service
        self._rate_limits = rate_limits
        self._queue = MessageQueue(service.store, capacity=assumed.queued_messages, latest_only=frozenset(latest_only))
        self._open: set[Peer] = set()
        self._receiving: dict[tuple[str, str], Peer] = {}
        self._lingering: dict[tuple[str, str], int] = {}  # places of viewers that broke off, until when
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._look = asyncio.Event()

    # --- coming and going

    def check_room(self, arn: str, client_id: str) -> None:
        """Refuse one viewer too many, as ClientLimitExceededException."""
        now_ms = self._service.now_ms
        self._lingering = {place: until for place, until in self._lingering.items() if until > now_ms}
        places = {*self._receiving, *self._lingering}
        viewers = [theirs for channel, theirs in places if channel == arn and theirs != MASTER]
        if client_id != MASTER and client_id not in viewers and len(viewers) >= MAX_VIEWERS:
            raise ServiceError("ClientLimitExceededException", f"The channel has {MAX_VIEWERS} viewers, its limit.")

    def join(self, peer: Peer) -> None:
        """Let a peer in, from now on the one that receives at its place, beginning with what waits for it."""
        displaced = self._receiving.get(peer.place)
        self._open.add(peer)
        self._receiving[peer.place] = peer
        self._lingering.pop(peer.place, None)
        if displaced is not None and self._service.assumptions.displaced_peer == "closed":
            self._soon(displaced.socket.close(GOING_AWAY, "Connected elsewhere"))
        self._drain(peer)
        if self._watching is None or self._watching.done():
            self._watching = self._soon(self._watch())

    def leave(self, peer: Peer, *, cleanly: bool) -> None:
        """Let a peer go; one that broke off may keep its place for a while."""
        self._open.discard(peer)
        self._look.set()
        if self._receiving.get(peer.place) is not peer:
            return
        del self._receiving[peer.place]
        linger_ms = milliseconds(self._service.assumptions.lingering_viewer_seconds)
        if not cleanly and linger_ms and peer.client_id != MASTER:
            self._lingering[peer.place] = self._service.now_ms + linger_ms

    # --- messages

    async def receive(self, peer: Peer, text: str | None) -> None:
        """Take a frame from a peer, None for one that is no text; what is wrong with it concerns nobody else."""
        try:
            members, correlation_id = frames.parse_frame(text)
        except MalformedFrame:
            if self._service.assumptions.malformed_frame == "close":
                code = UNSUPPORTED_DATA if text is None else INVALID_PAYLOAD
                await peer.socket.close(code, "A frame is text, a JSON object")
            return
        try:
            await self._pass_on(peer, frames.parse_request(members, to_viewer=peer.client_id == MASTER))
        except ServiceError as error:
            if correlation_id is not None:
                await peer.socket.send(frames.format_status_response(correlation_id, error))

    async def _pass_on(self, peer: Peer, request: frames.SendRequest) -> None:
        self._rate_limits.count_message(peer.budget, request.message_type)
        channel = peer.channel()
        message = QueuedMessage(peer.client_id, request.recipient_client_id, request.message_type, request.payload)
        recipient = self._receiving.get((peer.arn, message.recipient))
        if recipient is not None and not recipient.draining and recipient.socket.writable.is_set():
            recipient.hear()
            if await recipient.socket.send(frames.format_delivery(message)):
                return
            recipient = None
        if recipient is None and message.recipient and self._service.assumptions.absent_viewer == "not_found":
            raise ServiceError("ResourceNotFoundException", f"No viewer {message.recipient} is connected.")
        self._keep(channel, message)
        recipient = self._receiving.get((peer.arn, message.recipient))
        if recipient is not None:
            self._drain(recipient)

    def _keep(self, channel: Channel, message: QueuedMessage) -> None:
        now_ms = self._service.now_ms
        assert channel.id is not None  # noqa: S101 - it comes from the store
        if not self._queue.put(channel.id, message, expires_ms=now_ms + channel.ttl * 1000, now_ms=now_ms):
            raise ServiceError("ClientLimitExceededException", "Too many messages wait for this recipient.")

    def _drain(self, peer: Peer) -> None:
        if not peer.draining:
            peer.draining = True
            self._soon(self._draining(peer))

    async def _draining(self, peer: Peer) -> None:
        """Send what waits for a peer, oldest first, no faster than it reads."""
        try:
            while True:
                await peer.socket.writable.wait()
                # From here to the removal nothing pauses: nobody else can take the place, or the message.
                if self._receiving.get(peer.place) is not peer:
                    return
                channel = peer.channel()
                assert channel.id is not None  # noqa: S101 - it comes from the store
                waiting = self._queue.first(channel.id, peer.client_id, now_ms=self._service.now_ms)
                if waiting is None:
                    return
                number, message = waiting
                peer.hear()
                if not await peer.socket.send(frames.format_delivery(message)):
                    return  # it goes on waiting, in its order and for its time
                self._queue.remove(number)
        except ServiceError:  # the channel is gone, and what waited in it
            return
        finally:
            peer.draining = False

    # --- time

    def look(self) -> None:
        """Look at every connection's time at once: lifecycle time was moved."""
        self._look.set()

    async def _watch(self) -> None:
        while self._open:
            self._look.clear()
            for peer in [*self._open]:
                await self._look_at(peer)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):  # Python 3.11's wait_for() can swallow a cancellation
                    await self._look.wait()

    async def _look_at(self, peer: Peer) -> None:
        assumed, now_ms = self._service.assumptions, self._service.now_ms
        if now_ms - peer.heard_ms >= milliseconds(assumed.idle_seconds):
            await peer.socket.close(GOING_AWAY, "Idle")
        elif peer.told_to_go_ms is not None:
            if now_ms - peer.told_to_go_ms >= milliseconds(assumed.go_away_seconds):
                await peer.socket.close(GOING_AWAY, "Going away")
        elif now_ms - peer.opened_ms >= milliseconds(assumed.max_connection_seconds):
            await self._tell(peer, "GO_AWAY")

    async def _tell(self, peer: Peer, message_type: str) -> None:
        if message_type == "GO_AWAY" and peer.told_to_go_ms is None:
            peer.told_to_go_ms = self._service.now_ms
        if peer.socket.writable.is_set():
            await peer.socket.send(frames.format_notice(message_type))

    # --- what a sandbox is asked

    def send_notice(self, channel_name: str, message_type: str) -> int:
        """Send a notice of the service's own to every peer of a channel, by its name; give how many there are."""
        peers = [peer for peer in self._open if peer.arn.split("/")[1] == channel_name]
        for peer in peers:
            self._soon(self._tell(peer, message_type))
        return len(peers)

    def close_all(self) -> None:
        """Close every connection."""
        for peer in [*self._open]:
            self._soon(peer.socket.close(GOING_AWAY, "Going away"))

    def _soon(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
