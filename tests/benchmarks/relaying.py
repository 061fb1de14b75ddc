"""Relaying: how long a message takes from one peer to another, beside a bare echo, and with many peers beside few."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import kvs_notebook as kvs
from kvs_notebook.aws.connection import Connection
from tests.benchmarks.echo import Echo, echoing
from tests.benchmarks.served import Order, Served, served
from tests.benchmarks.table import Benchmark, Finding, milliseconds

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection, connect

PAYLOAD = 2_000
"""Characters, which make a frame of 2 KB."""

ROUNDS = 9
MESSAGES = 1_000
"""In each round, half of them each way."""

LONGEST_RATIO = 1.5

CHANNELS, VIEWERS, FEW_VIEWERS = 20, 10, 9
RATE = 10
"""Messages a second in each channel."""

SPELLS, SPELL_SECONDS = 3, 10
LAST_SECONDS = 5.0
"""What the last messages have until they count as lost."""

EXTRAS = {
    "uvicorn": "pip install 'kvs-notebook[sandbox]'",
    "trustme": "pip install 'kvs-notebook[sandbox]'",
    "websockets": "pip install 'kvs-notebook[signaling]'",
}


# --- one pair, beside an echo


def measure_beside_echo() -> Finding:
    with served(Order(channels=1)) as sandbox, echoing() as echo:
        ours, beside = asyncio.run(_pair_and_echo(sandbox, echo))
    mine, theirs = statistics.median(ours), statistics.median(beside)
    return Finding(
        ours=f"{mine * 1e6:.0f} us one way",
        beside=f"{theirs * 1e6:.0f} us there and back (bare echo)",
        ratio=mine / theirs,
        holds=mine / theirs <= LONGEST_RATIO,
        note=f"medians of {ROUNDS} p50s of {MESSAGES:,} frames of 2 KB, half of them each way; both over TLS on uvicorn, "
        "without compression, in processes of their own",
    )


async def _pair_and_echo(sandbox: Served, echo: Echo) -> tuple[list[float], list[float]]:
    connection = sandbox.connection()
    context = connection.tls_context(sandbox.endpoint_url)
    channel = kvs.list_channels(connection=connection)
    async with (
        _connected(_url(channel, None, connection), context) as master,
        _connected(_url(channel, "tablet", connection), context) as viewer,
        _connected(echo.url, ssl.create_default_context(cafile=echo.ca_bundle)) as bare,
    ):
        frames = [_frame("tablet", number) for number in range(2)]
        ours: list[float] = []
        beside: list[float] = []
        for _ in range(ROUNDS):
            to_master = await _times(viewer, master, frames[0])
            to_viewer = await _times(master, viewer, frames[1])
            ours.append(statistics.median([*to_master, *to_viewer]))
            beside.append(
                statistics.median([*await _times(bare, bare, frames[0]), *await _times(bare, bare, frames[1])])
            )
    return ours, beside


async def _times(sender: ClientConnection, recipient: ClientConnection, frame: str) -> list[float]:
    times = []
    for _ in range(MESSAGES // 2):
        began = time.perf_counter()
        await sender.send(frame)
        await recipient.recv()
        times.append(time.perf_counter() - began)
    return times


# --- many channels, beside one


@dataclass
class Room:
    """One channel with its MASTER and its viewers, who write to each other in turn."""

    viewers: int
    peers: dict[str | None, ClientConnection] = field(default_factory=dict)
    sent: dict[int, float] = field(default_factory=dict)
    """When each message left that has not arrived."""
    times: list[float] = field(default_factory=list)

    async def talk(self, seconds: float, rate: float, chance: random.Random) -> None:
        """Send so many messages a second, evenly spaced, from a viewer to the MASTER and back in turn."""
        loop = asyncio.get_running_loop()
        began = loop.time() + chance.random() / rate
        for number in range(int(seconds * rate)):
            await asyncio.sleep(began + number / rate - loop.time())
            viewer = f"viewer-{chance.randrange(self.viewers)}"
            self.sent[number] = time.perf_counter()
            await self.peers[None if number % 2 else viewer].send(_frame(viewer, number))

    async def listen(self, client_id: str | None) -> None:
        """Note what arrives."""
        async for text in self.peers[client_id]:
            arrived = time.perf_counter()
            payload = json.loads(text)["messagePayload"]
            self.times.append(arrived - self.sent.pop(json.loads(base64.b64decode(payload))["number"]))


def measure_scale() -> Finding:
    with served(Order(channels=CHANNELS + 1)) as sandbox:
        return asyncio.run(_many_beside_one(sandbox))


async def _many_beside_one(sandbox: Served) -> Finding:
    connection = sandbox.connection()
    channels = kvs.list_channels(connection=connection)
    async with _rooms(channels[:1], FEW_VIEWERS, connection) as few:
        before = sandbox.resident_bytes()
        async with _rooms(channels[1:], VIEWERS, connection) as many:
            each = (sandbox.resident_bytes() - before) / (CHANNELS * (1 + VIEWERS))
            ours, beside = [], []
            for _ in range(SPELLS):
                ours.append(await _spell(many))
                beside.append(await _spell(few))
    mine, theirs = statistics.median(ours), statistics.median(beside)
    lost = sum(len(room.sent) for room in [*many, *few])
    sent = CHANNELS * RATE * SPELL_SECONDS * SPELLS
    return Finding(
        ours=f"{milliseconds(mine)}, {sent:,} sent, {lost} lost",
        beside=f"{milliseconds(theirs)} (at {1 + FEW_VIEWERS} connections)",
        ratio=mine / theirs,
        holds=mine / theirs <= LONGEST_RATIO and not lost,
        note=f"p50 one way at {CHANNELS} channels x (1 + {VIEWERS}), {RATE} messages a second in each, median of {SPELLS} spells "
        f"of {SPELL_SECONDS} s; {each / 1024:,.0f} KiB of the sandbox's memory for each connection; run once",
    )


async def _spell(rooms: list[Room]) -> float:
    """Let all talk; give the p50 of what arrived."""
    chance = random.Random(0)  # noqa: S311 - who talks next is no secret
    for room in rooms:
        room.times.clear()
    await asyncio.gather(*(room.talk(SPELL_SECONDS, RATE, chance) for room in rooms))
    deadline = time.monotonic() + LAST_SECONDS
    while any(room.sent for room in rooms) and time.monotonic() < deadline:  # noqa: ASYNC110 - many tell, each its own
        await asyncio.sleep(0.01)
    return statistics.median(taken for room in rooms for taken in room.times)


@asynccontextmanager
async def _rooms(channels: Any, viewers: int, connection: Connection) -> AsyncIterator[list[Room]]:
    """Connect a MASTER and its viewers to each of the channels, and let each of them listen."""
    context = connection.tls_context(connection.endpoint())
    rooms, listening = [], []
    try:
        for _, row in channels.iterrows():
            room = Room(viewers)
            rooms.append(room)
            for client_id in [None, *(f"viewer-{number}" for number in range(viewers))]:
                room.peers[client_id] = await _connected(_url(row, client_id, connection), context)
                listening.append(asyncio.create_task(room.listen(client_id)))
        yield rooms
    finally:
        await asyncio.gather(*(peer.close() for room in rooms for peer in room.peers.values()))
        await asyncio.gather(*listening)


def _connected(url: str, context: ssl.SSLContext) -> connect:
    from websockets.asyncio.client import connect

    return connect(url, ssl=context, proxy=None, compression=None)


def _url(channel: Any, client_id: str | None, connection: Connection) -> str:
    role = "VIEWER" if client_id else "MASTER"
    return kvs.sign_url(channel, role=role, client_id=client_id, connection=connection).reveal()


def _frame(viewer: str, number: int) -> str:
    text = json.dumps({"number": number, "candidate": "x" * (PAYLOAD * 3 // 4 - 40)})
    payload = base64.b64encode(text.encode()).decode()
    return json.dumps({"action": "ICE_CANDIDATE", "recipientClientId": viewer, "messagePayload": payload})


BESIDE_ECHO = Benchmark(
    name="relay",
    work="a message from peer to peer, beside a bare echo",
    bar=f"<= {LONGEST_RATIO}x",
    needs=EXTRAS,
    measure=measure_beside_echo,
)
SCALE = Benchmark(
    name="relay-scale",
    work=f"p50 at {CHANNELS * (1 + VIEWERS)} connections",
    bar=f"<= {LONGEST_RATIO}x that at {1 + FEW_VIEWERS}, none lost",
    needs=EXTRAS,
    measure=measure_scale,
)
