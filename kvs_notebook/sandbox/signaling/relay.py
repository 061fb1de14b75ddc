"""Relay of signaling messages between the MASTER of a channel and its viewers, independent of the transport.

A viewer sends to the MASTER only; the MASTER sends to the viewer that it names. The last peer to connect as MASTER, or with a
client id, receives from then on. Undelivered messages wait for the TTL that the channel had when they were sent [6].
"""

from __future__ import annotations

import asyncio
import sqlite3
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

CHECK_SECONDS = 0.25
"""Interval at which the deadlines of open connections are checked; they are also checked when lifecycle time is moved."""


class Connection(Protocol):
    """A connection that sends text to a peer."""

    writable: asyncio.Event
    """Set while the peer reads what is sent to it."""

    async def send(self, text: str) -> bool:
        """Send a frame, without pausing if ``writable`` is set; return False if the connection is gone."""

    async def close(self, code: int, reason: str) -> None:
        """Close the connection if it is open."""


class Peer:
    """A MASTER, or a viewer with its client id, on one connection."""

    def __init__(self, call: Call, channel: Channel, client_id: str, connection: Connection) -> None:
        self.arn = channel.arn
        self.client_id = client_id
        self.connection = connection
        self.draining = False
        self.go_away_ms: int | None = None
        self.rate_limit_key = object()  # unlike id(), never that of a later peer
        self.connected_ms = self.active_ms = call.service.now_ms
        self._call = call

    @property
    def recipient_key(self) -> tuple[str, str]:
        """The channel and recipient whose messages the peer receives."""
        return self.arn, self.client_id

    def mark_active(self) -> None:
        """Note that data came from the peer or went to it."""
        self.active_ms = self._call.service.now_ms

    def channel(self) -> Channel:
        """Return the current state of the channel; raise ResourceNotFoundException if it is deleted."""
        channel, _ = self._call.existing(self.arn)
        return channel


class Relay:
    """Deliver messages between the peers of every channel."""

    def __init__(self, service: ServiceContext, rate_limits: RateLimits) -> None:
        assumed = service.assumptions
        latest_only = {"SDP_OFFER", "SDP_ANSWER"} | (
            {"ICE_CANDIDATE"} if assumed.queued_candidates == "latest" else set()
        )
        self._service = service
        self._rate_limits = rate_limits
        self._queue = MessageQueue(service.store, capacity=assumed.queued_messages, latest_only=frozenset(latest_only))
        self.peers: set[Peer] = set()
        self._receiving: dict[tuple[str, str], Peer] = {}
        self._lingering: dict[tuple[str, str], int] = {}  # viewers that broke off, and until when they count
        self._stale_masters: dict[
            str, int
        ] = {}  # channels whose MASTER broke off, and until when its messages are lost
        self._tasks: set[asyncio.Task[None]] = set()
        self._deadlines: asyncio.Task[None] | None = None
        self._check_now = asyncio.Event()

    # --- connecting and disconnecting

    def check_viewer_limit(self, arn: str, client_id: str) -> None:
        """Raise ClientLimitExceededException if the channel already has the maximum number of viewers."""
        now_ms = self._service.now_ms
        self._lingering = {key: until for key, until in self._lingering.items() if until > now_ms}
        keys = {*self._receiving, *self._lingering}
        viewers = [viewer for channel, viewer in keys if channel == arn and viewer != MASTER]
        if client_id != MASTER and client_id not in viewers and len(viewers) >= MAX_VIEWERS:
            raise ServiceError("ClientLimitExceededException", f"The channel has {MAX_VIEWERS} viewers, its limit.")

    def connect(self, peer: Peer) -> None:
        """Add a peer; from now on it receives what is sent to its client id, first what is queued."""
        displaced = self._receiving.get(peer.recipient_key)
        self.peers.add(peer)
        self._receiving[peer.recipient_key] = peer
        self._lingering.pop(peer.recipient_key, None)
        if peer.client_id == MASTER:
            self._stale_masters.pop(peer.arn, None)
        if self._service.assumptions.empty_frames:
            self._start(self._send_empty_frame(peer))
        if displaced is not None and self._service.assumptions.displaced_peer == "closed":
            self._start(displaced.connection.close(GOING_AWAY, "Connected elsewhere"))
        self._start_draining(peer)
        if self._deadlines is None or self._deadlines.done():
            self._deadlines = self._start(self._watch_deadlines())

    def disconnect(self, peer: Peer, *, cleanly: bool) -> None:
        """Remove a peer; a viewer that broke off may count as connected for a while."""
        self.peers.discard(peer)
        self._check_now.set()
        if self._receiving.get(peer.recipient_key) is not peer:
            return
        del self._receiving[peer.recipient_key]
        linger_ms = milliseconds(self._service.assumptions.lingering_viewer_seconds)
        stale_ms = milliseconds(self._service.assumptions.stale_master_seconds)
        if not cleanly and stale_ms and peer.client_id == MASTER:
            self._stale_masters[peer.arn] = self._service.now_ms + stale_ms
        if not cleanly and linger_ms and peer.client_id != MASTER:
            self._lingering[peer.recipient_key] = self._service.now_ms + linger_ms

    # --- messages

    async def receive(self, peer: Peer, text: str | None) -> None:
        """Process a frame from a peer, None for a binary one; an error in it affects no other peer."""
        try:
            members, correlation_id = frames.parse_frame(text)
        except MalformedFrame:
            if self._service.assumptions.malformed_frame == "close":
                code = UNSUPPORTED_DATA if text is None else INVALID_PAYLOAD
                await peer.connection.close(code, "A frame is text, a JSON object")
            return
        try:
            limit = self._service.assumptions.payload_limit
            request = frames.parse_request(members, to_viewer=peer.client_id == MASTER, payload_limit=limit)
            await self._send_or_queue(peer, request)
        except (ServiceError, sqlite3.OperationalError) as raised:
            error = (
                raised if isinstance(raised, ServiceError) else ServiceError("InternalFailure", f"Not kept: {raised}.")
            )
            if correlation_id is not None:
                await peer.connection.send(frames.format_status_response(correlation_id, error))

    async def _send_or_queue(self, peer: Peer, request: frames.SendRequest) -> None:
        self._rate_limits.count_message(peer.rate_limit_key, request.message_type)
        channel = peer.channel()
        message = QueuedMessage(peer.client_id, request.recipient_client_id, request.message_type, request.payload)
        recipient = self._receiving.get((peer.arn, message.recipient))
        if recipient is not None and not recipient.draining and recipient.connection.writable.is_set():
            recipient.mark_active()
            if await self._deliver(recipient, message):
                return
            recipient = None
        if recipient is None and self._is_stale(peer.arn, message.recipient):
            return  # delivered to a connection that is broken
        if recipient is None and message.recipient and self._service.assumptions.absent_viewer == "not_found":
            raise ServiceError("ResourceNotFoundException", f"No viewer {message.recipient} is connected.")
        self._enqueue(channel, message)
        recipient = self._receiving.get((peer.arn, message.recipient))
        if recipient is not None:
            self._start_draining(recipient)

    async def _deliver(self, peer: Peer, message: QueuedMessage) -> bool:
        if self._service.assumptions.empty_frames:
            await peer.connection.send(frames.EMPTY)
        return await peer.connection.send(frames.format_delivery(message))

    async def _send_empty_frame(self, peer: Peer) -> None:
        await peer.connection.send(frames.EMPTY)

    def _is_stale(self, arn: str, recipient: str) -> bool:
        """Return whether a recipient is a MASTER whose connection broke, and which the service still takes for connected."""
        return recipient == MASTER and self._stale_masters.get(arn, 0) > self._service.now_ms

    def _enqueue(self, channel: Channel, message: QueuedMessage) -> None:
        now_ms = self._service.now_ms
        assert channel.id is not None  # noqa: S101 - it comes from the store
        if not self._queue.put(channel.id, message, expires_ms=now_ms + channel.ttl * 1000, now_ms=now_ms):
            raise ServiceError("ClientLimitExceededException", "Too many messages wait for this recipient.")

    def _start_draining(self, peer: Peer) -> None:
        if not peer.draining:
            peer.draining = True
            self._start(self._drain(peer))

    async def _drain(self, peer: Peer) -> None:
        """Send the queued messages of a peer, oldest first, no faster than it reads."""
        try:
            while True:
                await peer.connection.writable.wait()
                # No await from here to the removal: the peer and the message stay what they are.
                if self._receiving.get(peer.recipient_key) is not peer:
                    return
                channel = peer.channel()
                assert channel.id is not None  # noqa: S101 - it comes from the store
                waiting = self._queue.first(channel.id, peer.client_id, now_ms=self._service.now_ms)
                if waiting is None:
                    return
                number, message = waiting
                peer.mark_active()
                if not await self._deliver(peer, message):
                    return  # the message stays queued, with its order and expiry
                self._queue.remove(number)
        except (ServiceError, sqlite3.OperationalError):
            return  # the channel was deleted with its messages, or the disk is full and they stay queued
        finally:
            peer.draining = False

    # --- deadlines

    def check_deadlines(self) -> None:
        """Check the deadlines of every connection soon: lifecycle time was moved."""
        self._check_now.set()

    async def _watch_deadlines(self) -> None:
        while self.peers:
            self._check_now.clear()
            for peer in [*self.peers]:
                await self._check_peer(peer)
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):  # Python 3.11's wait_for() can swallow a cancellation
                    await self._check_now.wait()

    async def _check_peer(self, peer: Peer) -> None:
        assumed, now_ms = self._service.assumptions, self._service.now_ms
        if now_ms - peer.active_ms >= milliseconds(assumed.idle_seconds):
            await peer.connection.close(GOING_AWAY, "Idle")
        elif peer.go_away_ms is not None:
            if now_ms - peer.go_away_ms >= milliseconds(assumed.go_away_seconds):
                await peer.connection.close(GOING_AWAY, "Going away")
        elif now_ms - peer.connected_ms >= milliseconds(assumed.max_connection_seconds):
            await self._notify(peer, "GO_AWAY")

    async def _notify(self, peer: Peer, message_type: str) -> None:
        if message_type == "GO_AWAY" and peer.go_away_ms is None:
            peer.go_away_ms = self._service.now_ms
        if peer.connection.writable.is_set():
            await peer.connection.send(frames.format_notice(message_type))

    # --- admin API

    def send_notice(self, channel_name: str, message_type: str) -> int:
        """Send a notice of the service to every peer of a channel, by its name; return the number of peers."""
        peers = [peer for peer in self.peers if peer.arn.split("/")[1] == channel_name]
        for peer in peers:
            self._start(self._notify(peer, message_type))
        return len(peers)

    def close_all(self) -> None:
        """Close every connection."""
        for peer in [*self.peers]:
            self._start(peer.connection.close(GOING_AWAY, "Going away"))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
