"""The relay against a model: in any order of events, no message goes to a wrong recipient, twice, or too late."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.sandbox.backend.context import Call
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.clock import ManualClock
from kvs_notebook.sandbox.signaling.message_queue import MASTER
from kvs_notebook.sandbox.signaling.relay import Peer, Relay
from tests.sandbox.websocket_peer import ANSWER, CANDIDATE, OFFER, ChannelSignaling, RawPeer, payload, run, sent_text

VIEWERS = ("a", "b", "c")
CLIENT_IDS = (MASTER, *VIEWERS)
ENDLESS = {"creating_seconds": 0, "updating_seconds": 0, "idle_seconds": 10**9, "max_connection_seconds": 10**9}

client_id = st.sampled_from(CLIENT_IDS)
which = st.integers(0, 2)  # among the connections of a client id, displaced ones included
connects = st.tuples(st.just("connect"), client_id)
kinds = st.sampled_from([OFFER, ANSWER, CANDIDATE, CANDIDATE])
sends = st.tuples(st.just("send"), client_id, which, st.sampled_from(VIEWERS), kinds)
waits = st.tuples(st.just("wait"), st.sampled_from([1, 4, 5, 9, 10, 30, 60, 120]))
steps = st.one_of(
    connects,
    sends,
    sends,
    sends,
    waits,
    st.tuples(st.just("drop"), client_id, which, st.booleans()),
    st.tuples(st.just("lose"), client_id, which),
    st.tuples(st.just("stop_reading"), client_id, which),
    st.tuples(st.just("read_on"), client_id, which),
    st.tuples(st.just("set_ttl"), st.sampled_from([5, 10, 60, 120])),
    st.tuples(st.just("settle")),
)


@dataclass
class Sent:
    """A message of the model."""

    sender: str
    recipient: str
    kind: str
    until: int
    delivered: bool = False
    replaced: bool = False


class DeliveryModel:
    """The model: every message sent, and whether it was delivered; the text of a message is its number."""

    def __init__(self, latest_only: set[str]) -> None:
        self.now = 0
        self.ttl = 60
        self.wrong: list[str] = []
        self._latest_only = latest_only
        self._sent: list[Sent] = []
        self._last: dict[tuple[str, str], int] = {}

    def send(self, sender: str, viewer: str, kind: str) -> dict[str, Any]:
        """Record a message and return its frame; a viewer names a recipient too."""
        sent = Sent(sender, viewer if sender == MASTER else MASTER, kind, self.now + self.ttl)
        for older in self.waiting(sent.recipient):
            if kind in self._latest_only and (older.sender, older.kind) == (sender, kind):
                older.replaced = True
        self._sent.append(sent)
        return {"action": kind, "messagePayload": payload(str(len(self._sent) - 1)), "recipientClientId": viewer}

    def deliver(self, recipient: str, frame: dict[str, Any]) -> None:
        """Record a delivery when it happens, and what is wrong with it."""
        kind, text = sent_text(frame)
        number, sent = int(text), self._sent[int(text)]
        found = {
            "not as it was sent": (sent.sender, sent.kind) != (frame.get("senderClientId", MASTER), kind),
            "to another recipient": sent.recipient != recipient,
            "twice": sent.delivered,
            "although a newer one had replaced it": sent.replaced,
            "after its TTL": self.now >= sent.until,
            "after one that was sent later": number <= self._last.get((sent.sender, recipient), -1),
        }
        self.wrong += [f"{text} {what}" for what, is_so in found.items() if is_so]
        self._last[sent.sender, recipient] = number
        sent.delivered = True

    def waiting(self, recipient: str) -> list[Sent]:
        """Return the messages that the recipient has yet to receive."""
        return [
            sent
            for sent in self._sent
            if sent.recipient == recipient and not sent.delivered and not sent.replaced and self.now < sent.until
        ]


class Recorder:
    """The other end of a connection, which passes deliveries to the model while it is open."""

    def __init__(self, model: DeliveryModel, client_id: str) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.open = True
        self._model = model
        self._client_id = client_id

    async def send(self, text: str) -> bool:
        assert self.writable.is_set(), "sent to a peer that does not read"
        if self.open:
            self._model.deliver(self._client_id, json.loads(text))
        return self.open

    async def close(self, code: int, reason: str) -> None:
        self.open = False


class RelayHarness:
    """A relay and the peers that are connected to it."""

    def __init__(self, backend: Any) -> None:
        assumed = backend.service.assumptions
        latest = {OFFER, ANSWER} | ({CANDIDATE} if assumed.queued_candidates == "latest" else set())
        self.backend = backend
        self.model = DeliveryModel(latest)
        self.relay = Relay(backend.service, RateLimits(assumed, enabled=False))
        self.arn = backend.create()
        self.peers: dict[str, list[tuple[Peer, Recorder]]] = {client_id: [] for client_id in CLIENT_IDS}
        self.newest: dict[str, Recorder | None] = dict.fromkeys(CLIENT_IDS)

    async def play(self, script: list[Any]) -> None:
        for action, *details in script:
            await getattr(self, action)(*details)
        for each in CLIENT_IDS:  # peers that connect within the TTL receive queued messages
            await self.connect(each)
        await self.settle()
        assert not self.model.wrong

    def _pick(self, client_id: str, which: int) -> list[tuple[Peer, Recorder]]:
        """Return one connection as a list; an empty list if there is none."""
        return [self.peers[client_id][which % len(self.peers[client_id])]] if self.peers[client_id] else []

    async def connect(self, client_id: str) -> None:
        recorder = self.newest[client_id] = Recorder(self.model, client_id)
        call = Call(self.backend.service, self.backend.caller, "ConnectAsMaster", {})
        peer = Peer(call, call.usable(self.arn), client_id, recorder)
        self.peers[client_id].append((peer, recorder))
        self.relay.connect(peer)

    async def drop(self, client_id: str, which: int, cleanly: bool) -> None:  # noqa: FBT001
        for peer, recorder in self._pick(client_id, which):
            self.peers[client_id].remove((peer, recorder))
            if self.newest[client_id] is recorder:
                self.newest[client_id] = None
            recorder.open = False
            recorder.writable.set()  # as the server does for a connection that is lost
            self.relay.disconnect(peer, cleanly=cleanly)

    async def lose(self, client_id: str, which: int) -> None:
        """Break a connection before the relay is told."""
        for _, recorder in self._pick(client_id, which):
            recorder.open = False

    async def send(self, client_id: str, which: int, viewer: str, kind: str) -> None:
        for peer, recorder in self._pick(client_id, which):
            if recorder.open:
                await self.relay.receive(peer, json.dumps(self.model.send(client_id, viewer, kind)))

    async def stop_reading(self, client_id: str, which: int) -> None:
        for _, recorder in self._pick(client_id, which):
            recorder.writable.clear()

    async def read_on(self, client_id: str, which: int) -> None:
        for _, recorder in self._pick(client_id, which):
            recorder.writable.set()

    async def wait(self, seconds: int) -> None:
        self.model.now += seconds
        self.backend.service.advance(seconds)

    async def set_ttl(self, seconds: int) -> None:
        self.model.ttl = seconds
        self.backend.update(self.arn, seconds)

    async def settle(self) -> None:
        """Run the relay until it is idle; then no message waits for a peer that it can reach."""
        for _ in range(10):
            await asyncio.sleep(0)
        for client_id, recorder in self.newest.items():
            if recorder is not None and recorder.open and recorder.writable.is_set():
                assert not self.model.waiting(client_id), client_id


@settings(max_examples=60)
@given(
    script=st.lists(steps, min_size=10, max_size=60),
    displaced_peer=st.sampled_from(["stays_open", "closed"]),
    queued_candidates=st.sampled_from(["accumulate", "latest"]),
)
def test_each_message_arrives_once_in_order_and_before_expiry(open_backend, script, **assumed):
    with open_backend(**ENDLESS, **assumed) as backend:

        async def play() -> None:
            await RelayHarness(backend).play(script)

        asyncio.run(play())


def test_lost_connection_keeps_order_and_expiry_of_queued_messages(open_backend):
    script = [("connect", MASTER), ("connect", "a"), ("lose", MASTER, 0)]
    script += [("send", "a", 0, "a", kind) for kind in (OFFER, CANDIDATE, ANSWER)]
    script += [("wait", 30), ("send", "a", 0, "a", OFFER), ("settle",), ("wait", 29), ("settle",)]
    script += [("drop", MASTER, 0, False)]
    for late in (0, 1):
        with open_backend(**ENDLESS) as backend:

            async def play(late: int, backend: Any) -> None:
                await RelayHarness(backend).play([*script, ("wait", late)])

            asyncio.run(play(late, backend))


def test_message_limit_starts_anew_with_each_connection(open_backend):
    with open_backend(**ENDLESS) as backend:

        async def play() -> None:
            harness = RelayHarness(backend)
            harness.relay = Relay(backend.service, RateLimits(backend.service.assumptions, lambda: 0.0))
            for _ in range(10):
                await harness.connect("a")
                for _ in range(5):  # an offer's rate
                    await harness.send("a", 0, "", OFFER)
                await harness.drop("a", 0, cleanly=True)
                gc.collect()  # the next peer may get the same id()
                assert [each.delivered for each in harness.model._sent[-5:]] == [False] * 5
                await harness.connect(MASTER)
                await harness.settle()
                await harness.drop(MASTER, 0, cleanly=True)

        asyncio.run(play())


# --- the same over real WebSockets


MAX_READS = 200
"""Attempts to read a frame that must arrive at once."""


class WebSocketHarness:
    """A channel of a running sandbox and the peers that are connected to it."""

    def __init__(self, signaling: ChannelSignaling) -> None:
        self.signaling = signaling
        self.model = DeliveryModel({OFFER, ANSWER})
        self._peers: dict[str, list[RawPeer]] = {client_id: [] for client_id in CLIENT_IDS}
        self._newest: dict[str, RawPeer | None] = dict.fromkeys(CLIENT_IDS)

    async def play(self, script: list[Any]) -> None:
        async with AsyncExitStack() as self._open:
            for action, *details in script:
                await getattr(self, action)(*details)
                await self.settle()  # messages in flight are covered by the other test
            for each in CLIENT_IDS:
                await self.connect(each)
                await self.settle()
        assert not self.model.wrong

    async def connect(self, client_id: str) -> None:
        peer = await self._open.enter_async_context(self.signaling.peer(client_id or None))
        self._peers[client_id].append(peer)
        self._newest[client_id] = peer
        await self._read_until_answered(client_id, peer)

    async def drop(self, client_id: str, which: int, cleanly: bool) -> None:  # noqa: FBT001
        if not self._peers[client_id]:
            return
        peer = self._peers[client_id].pop(which % len(self._peers[client_id]))
        if self._newest[client_id] is peer:
            self._newest[client_id] = None
        if cleanly:
            await peer.socket.close()
        else:
            peer.socket.transport.abort()
            await peer.socket.wait_closed()
        peers = sum(map(len, self._peers.values()))
        while (
            self.signaling.sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER") > peers
        ):  # until the sandbox has noticed
            await self.settle()

    async def send(self, client_id: str, which: int, viewer: str, kind: str) -> None:
        if self._peers[client_id]:
            peer = self._peers[client_id][which % len(self._peers[client_id])]
            await peer.socket.send(json.dumps(self.model.send(client_id, viewer, kind)))
            await self._read_until_answered(client_id, peer)

    async def wait(self, seconds: int) -> None:
        self.model.now += seconds
        self.signaling.sandbox.advance(seconds)

    async def set_ttl(self, seconds: int) -> None:
        self.model.ttl = seconds
        await asyncio.to_thread(
            kvs.update_channel,
            self.signaling.arn,
            message_ttl_seconds=seconds,
            wait=False,
            connection=self.signaling.connection,
        )

    async def settle(self) -> None:
        """Read until no message waits for a peer that can be reached."""
        for client_id, peer in self._newest.items():
            tries = 0
            while peer is not None and self.model.waiting(client_id) and not self.model.wrong:
                await self._read_until_answered(client_id, peer)
                tries += 1
                assert tries < MAX_READS, client_id

    async def _read_until_answered(self, client_id: str, peer: RawPeer) -> None:
        """Record the frames that a peer receives before the response to an invalid request."""
        await peer.socket.send('{"action": "ASK", "correlationId": "asked"}')
        while (frame := await peer.receive())["messageType"] != "STATUS_RESPONSE":
            if frame["messageType"] != "RECONNECT_ICE_SERVER":
                self.model.deliver(client_id, frame)


@pytest.fixture(scope="module")
def signaling() -> Iterator[ChannelSignaling]:
    with kvs.Sandbox(clock=ManualClock(), quotas=False, assumptions=kvs.Assumptions(**ENDLESS)) as sandbox:
        yield ChannelSignaling(sandbox)


@settings(max_examples=10)
@given(
    script=st.lists(
        st.one_of(
            connects,
            sends,
            sends,
            waits,
            st.tuples(st.just("drop"), client_id, which, st.booleans()),
            st.tuples(st.just("set_ttl"), st.sampled_from([5, 10, 60, 120])),
        ),
        min_size=10,
        max_size=30,
    )
)
def test_relay_model_holds_over_websockets(signaling, script):
    signaling.begin_again()
    run(WebSocketHarness(signaling).play(script))
