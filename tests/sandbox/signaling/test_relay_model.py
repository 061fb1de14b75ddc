"""The relay against a plain model: whatever happens in whatever order, nobody gets what is not theirs, twice, or too late."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.sandbox.backend.context import Call
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.clock import ManualClock
from kvs_notebook.sandbox.signaling.message_queue import MASTER
from kvs_notebook.sandbox.signaling.relay import Peer, Relay
from tests.sandbox.websocket_peer import ANSWER, CANDIDATE, OFFER, ChannelSignaling, RawPeer, payload, run, said

VIEWERS = ("a", "b", "c")
PLACES = (MASTER, *VIEWERS)
ENDLESS = {"creating_seconds": 0, "updating_seconds": 0, "idle_seconds": 10**9, "max_connection_seconds": 10**9}

place = st.sampled_from(PLACES)
which = st.integers(0, 2)  # among the connections of a place, those that were displaced too
connects = st.tuples(st.just("connect"), place)
kinds = st.sampled_from([OFFER, ANSWER, CANDIDATE, CANDIDATE])
sends = st.tuples(st.just("send"), place, which, st.sampled_from(VIEWERS), kinds)
waits = st.tuples(st.just("wait"), st.sampled_from([1, 4, 5, 9, 10, 30, 60, 120]))
steps = st.one_of(
    connects,
    sends,
    sends,
    sends,
    waits,
    st.tuples(st.just("drop"), place, which, st.booleans()),
    st.tuples(st.just("lose"), place, which),
    st.tuples(st.just("stop_reading"), place, which),
    st.tuples(st.just("read_on"), place, which),
    st.tuples(st.just("set_ttl"), st.sampled_from([5, 10, 60, 120])),
    st.tuples(st.just("settle")),
)


@dataclass
class Sent:
    """A message as the model knows it."""

    sender: str
    recipient: str
    kind: str
    until: int
    delivered: bool = False
    replaced: bool = False


class Ledger:
    """The model: all that was ever sent, and what became of it; a message's text is its number."""

    def __init__(self, latest_only: set[str]) -> None:
        self.now = 0
        self.ttl = 60
        self.wrong: list[str] = []
        self._latest_only = latest_only
        self._sent: list[Sent] = []
        self._last: dict[tuple[str, str], int] = {}

    def send(self, sender: str, viewer: str, kind: str) -> dict[str, Any]:
        """Note a message; give its frame, in which a viewer too names somebody."""
        sent = Sent(sender, viewer if sender == MASTER else MASTER, kind, self.now + self.ttl)
        for older in self.waiting(sent.recipient):
            if kind in self._latest_only and (older.sender, older.kind) == (sender, kind):
                older.replaced = True
        self._sent.append(sent)
        return {"action": kind, "messagePayload": payload(str(len(self._sent) - 1)), "recipientClientId": viewer}

    def deliver(self, recipient: str, frame: dict[str, Any]) -> None:
        """Note a delivery, at the moment when it happens, and what is wrong with it."""
        kind, text = said(frame)
        number, sent = int(text), self._sent[int(text)]
        found = {
            "not as it was sent": (sent.sender, sent.kind) != (frame.get("senderClientId", MASTER), kind),
            "to somebody else": sent.recipient != recipient,
            "twice": sent.delivered,
            "though a newer one had taken its place": sent.replaced,
            "after its TTL": self.now >= sent.until,
            "after one that was sent later": number <= self._last.get((sent.sender, recipient), -1),
        }
        self.wrong += [f"{text} {what}" for what, is_so in found.items() if is_so]
        self._last[sent.sender, recipient] = number
        sent.delivered = True

    def waiting(self, recipient: str) -> list[Sent]:
        """Give what the recipient has yet to get."""
        return [
            sent
            for sent in self._sent
            if sent.recipient == recipient and not sent.delivered and not sent.replaced and self.now < sent.until
        ]


class Recorder:
    """A connection's other end: what comes goes to the model at once, while it is open."""

    def __init__(self, ledger: Ledger, place: str) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.open = True
        self._ledger = ledger
        self._place = place

    async def send(self, text: str) -> bool:
        assert self.writable.is_set(), "sent to a peer that does not read"
        if self.open:
            self._ledger.deliver(self._place, json.loads(text))
        return self.open

    async def close(self, code: int, reason: str) -> None:
        self.open = False


class World:
    """A relay, and who is connected to it."""

    def __init__(self, backend: Any) -> None:
        assumed = backend.service.assumptions
        latest = {OFFER, ANSWER} | ({CANDIDATE} if assumed.queued_candidates == "latest" else set())
        self.backend = backend
        self.ledger = Ledger(latest)
        self.relay = Relay(backend.service, RateLimits(assumed, enabled=False))
        self.arn = backend.create()
        self.there: dict[str, list[tuple[Peer, Recorder]]] = {place: [] for place in PLACES}
        self.newest: dict[str, Recorder | None] = dict.fromkeys(PLACES)

    async def play(self, script: list[Any]) -> None:
        for action, *details in script:
            await getattr(self, action)(*details)
        for each in PLACES:  # whoever comes within the TTL gets what has waited
            await self.connect(each)
        await self.settle()
        assert not self.ledger.wrong

    def _pick(self, place: str, which: int) -> list[tuple[Peer, Recorder]]:
        """Give a connection, as a list of one; of none where nobody is there."""
        return [self.there[place][which % len(self.there[place])]] if self.there[place] else []

    async def connect(self, place: str) -> None:
        recorder = self.newest[place] = Recorder(self.ledger, place)
        call = Call(self.backend.service, self.backend.caller, "ConnectAsMaster", {})
        peer = Peer(call, call.usable(self.arn), place, recorder)
        self.there[place].append((peer, recorder))
        self.relay.connect(peer)

    async def drop(self, place: str, which: int, cleanly: bool) -> None:  # noqa: FBT001
        for peer, recorder in self._pick(place, which):
            self.there[place].remove((peer, recorder))
            if self.newest[place] is recorder:
                self.newest[place] = None
            recorder.open = False
            recorder.writable.set()  # as the server does for a connection that is lost
            self.relay.disconnect(peer, cleanly=cleanly)

    async def lose(self, place: str, which: int) -> None:
        """Lose a connection before the relay is told."""
        for _, recorder in self._pick(place, which):
            recorder.open = False

    async def send(self, place: str, which: int, viewer: str, kind: str) -> None:
        for peer, recorder in self._pick(place, which):
            if recorder.open:
                await self.relay.receive(peer, json.dumps(self.ledger.send(place, viewer, kind)))

    async def stop_reading(self, place: str, which: int) -> None:
        for _, recorder in self._pick(place, which):
            recorder.writable.clear()

    async def read_on(self, place: str, which: int) -> None:
        for _, recorder in self._pick(place, which):
            recorder.writable.set()

    async def wait(self, seconds: int) -> None:
        self.ledger.now += seconds
        self.backend.service.advance(seconds)

    async def set_ttl(self, seconds: int) -> None:
        self.ledger.ttl = seconds
        self.backend.update(self.arn, seconds)

    async def settle(self) -> None:
        """Let the relay do what it can do now: then nothing waits for whom it could reach."""
        for _ in range(10):
            await asyncio.sleep(0)
        for place, recorder in self.newest.items():
            if recorder is not None and recorder.open and recorder.writable.is_set():
                assert not self.ledger.waiting(place), place


@settings(max_examples=200)
@given(
    script=st.lists(steps, min_size=10, max_size=60),
    displaced_peer=st.sampled_from(["stays_open", "closed"]),
    queued_candidates=st.sampled_from(["accumulate", "latest"]),
)
def test_each_message_reaches_its_recipient_once_in_its_order_and_in_its_time(open_backend, script, **assumed):
    with open_backend(**ENDLESS, **assumed) as backend:

        async def play() -> None:
            await World(backend).play(script)

        asyncio.run(play())


def test_a_lost_connection_changes_neither_the_order_nor_the_time_of_what_waits(open_backend):
    script = [("connect", MASTER), ("connect", "a"), ("lose", MASTER, 0)]
    script += [("send", "a", 0, "a", kind) for kind in (OFFER, CANDIDATE, ANSWER)]
    script += [("wait", 30), ("send", "a", 0, "a", OFFER), ("settle",), ("wait", 29), ("settle",)]
    script += [("drop", MASTER, 0, False)]
    for late in (0, 1):
        with open_backend(**ENDLESS) as backend:

            async def play(late: int, backend: Any) -> None:
                await World(backend).play([*script, ("wait", late)])

            asyncio.run(play(late, backend))


def test_a_connection_does_not_pay_for_one_that_is_gone(open_backend):
    with open_backend(**ENDLESS) as backend:

        async def play() -> None:
            world = World(backend)
            world.relay = Relay(backend.service, RateLimits(backend.service.assumptions, lambda: 0.0))
            for _ in range(10):
                await world.connect("a")
                for _ in range(5):  # an offer's rate
                    await world.send("a", 0, "", OFFER)
                await world.drop("a", 0, cleanly=True)
                gc.collect()  # the next one may be made where this one was
                assert [each.delivered for each in world.ledger._sent[-5:]] == [False] * 5
                await world.connect(MASTER)
                await world.settle()
                await world.drop(MASTER, 0, cleanly=True)

        asyncio.run(play())


# --- the same over real WebSockets


PATIENCE = 200
"""Times that a peer asks for what has to come at once."""


class Street:
    """A channel of a running sandbox, and who is connected to it."""

    def __init__(self, sandbox: kvs.Sandbox) -> None:
        self.signaling = ChannelSignaling(sandbox)
        self.signaling.connection.rate_limiter = RateLimiter(
            sleep=lambda _: None
        )  # as fast as a sandbox without quotas admits it
        self.ledger = Ledger({OFFER, ANSWER})
        self._there: dict[str, list[RawPeer]] = {place: [] for place in PLACES}
        self._newest: dict[str, RawPeer | None] = dict.fromkeys(PLACES)

    async def play(self, script: list[Any]) -> None:
        async with AsyncExitStack() as self._open:
            for action, *details in script:
                await getattr(self, action)(*details)
                await self.settle()  # what is on its way at the next step is the other test's concern
            for each in PLACES:
                await self.connect(each)
                await self.settle()
        assert not self.ledger.wrong

    async def connect(self, place: str) -> None:
        peer = await self._open.enter_async_context(self.signaling.peer(place or None))
        self._there[place].append(peer)
        self._newest[place] = peer
        await self._hear(place, peer)

    async def drop(self, place: str, which: int, cleanly: bool) -> None:  # noqa: FBT001
        if not self._there[place]:
            return
        peer = self._there[place].pop(which % len(self._there[place]))
        if self._newest[place] is peer:
            self._newest[place] = None
        if cleanly:
            await peer.socket.close()
        else:
            peer.socket.transport.abort()
            await peer.socket.wait_closed()
        there = sum(map(len, self._there.values()))
        while (
            self.signaling.sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER") > there
        ):  # until it has seen that
            await self.settle()

    async def send(self, place: str, which: int, viewer: str, kind: str) -> None:
        if self._there[place]:
            peer = self._there[place][which % len(self._there[place])]
            await peer.socket.send(json.dumps(self.ledger.send(place, viewer, kind)))
            await self._hear(place, peer)

    async def wait(self, seconds: int) -> None:
        self.ledger.now += seconds
        self.signaling.sandbox.advance(seconds)

    async def set_ttl(self, seconds: int) -> None:
        self.ledger.ttl = seconds
        await asyncio.to_thread(
            kvs.update_channel,
            self.signaling.arn,
            message_ttl_seconds=seconds,
            wait=False,
            connection=self.signaling.connection,
        )

    async def settle(self) -> None:
        """Read until nothing waits for whom it could reach."""
        for place, peer in self._newest.items():
            tries = 0
            while peer is not None and self.ledger.waiting(place) and not self.ledger.wrong:
                await self._hear(place, peer)
                tries += 1
                assert tries < PATIENCE, place

    async def _hear(self, place: str, peer: RawPeer) -> None:
        """Note what came to a peer before the answer to a question that nobody else hears of."""
        await peer.socket.send('{"action": "ASK", "correlationId": "asked"}')
        while (frame := await peer.receive())["messageType"] != "STATUS_RESPONSE":
            if frame["messageType"] != "RECONNECT_ICE_SERVER":
                self.ledger.deliver(place, frame)


@settings(max_examples=15)
@given(
    script=st.lists(
        st.one_of(
            connects,
            sends,
            sends,
            waits,
            st.tuples(st.just("drop"), place, which, st.booleans()),
            st.tuples(st.just("set_ttl"), st.sampled_from([5, 10, 60, 120])),
        ),
        min_size=10,
        max_size=30,
    )
)
def test_it_does_so_over_websockets_too(script):
    with kvs.Sandbox(clock=ManualClock(), quotas=False, assumptions=kvs.Assumptions(**ENDLESS)) as sandbox:
        run(Street(sandbox).play(script))
