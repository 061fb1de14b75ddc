"""Measure the sandbox's relay of signaling messages, with an echo server as the baseline, and with many peers."""

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
from tests.benchmarks.sandbox_process import SandboxProcess, SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result, format_milliseconds
from tests.benchmarks.websocket_echo import Echo, run_echo

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection, connect

PAYLOAD = 2_000
"""Characters of each frame."""

ROUNDS = 9
MESSAGES = 1_000
"""In each round, half of them each way."""

MAX_RATIO = 1.5

CHANNELS, VIEWERS, FEW_VIEWERS = 20, 10, 9
RATE = 10
"""Messages a second in each channel."""

PERIODS, PERIOD_SECONDS = 3, 10
ARRIVAL_SECONDS = 5.0
"""How long after a period its last messages may arrive before they count as lost."""

EXTRAS = {
    "uvicorn": "pip install 'kvs-notebook[sandbox]'",
    "trustme": "pip install 'kvs-notebook[sandbox]'",
    "websockets": "pip install 'kvs-notebook[signaling]'",
}


# --- one MASTER and one viewer


def measure_compared_with_echo() -> Result:
    with run_sandbox(SandboxSpec(channels=1)) as sandbox, run_echo() as echo:
        ours, baseline = asyncio.run(_pair_and_echo(sandbox, echo))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=f"{mine * 1e6:.0f} us one way",
        baseline=f"{theirs * 1e6:.0f} us there and back (echo server)",
        ratio=mine / theirs,
        holds=mine / theirs <= MAX_RATIO,
        note=f"medians of {ROUNDS} p50s of {MESSAGES:,} frames of 2 KB, half of them each way; both over TLS on uvicorn, "
        "without compression, each in its own process",
    )


async def _pair_and_echo(sandbox: SandboxProcess, echo: Echo) -> tuple[list[float], list[float]]:
    connection = sandbox.connection()
    context = connection.tls_context(sandbox.endpoint_url)
    channel = kvs.list_channels(connection=connection)
    async with (
        _connect(_url(channel, None, connection), context) as master,
        _connect(_url(channel, "tablet", connection), context) as viewer,
        _connect(echo.url, ssl.create_default_context(cafile=echo.ca_bundle)) as echo_connection,
    ):
        frames = [_frame("tablet", number) for number in range(2)]
        ours: list[float] = []
        baseline: list[float] = []
        for _ in range(ROUNDS):
            to_master = await _travel_times(viewer, master, frames[0])
            to_viewer = await _travel_times(master, viewer, frames[1])
            ours.append(statistics.median([*to_master, *to_viewer]))
            echoes = [await _travel_times(echo_connection, echo_connection, frame) for frame in frames]
            baseline.append(statistics.median([*echoes[0], *echoes[1]]))
    return ours, baseline


async def _travel_times(sender: ClientConnection, recipient: ClientConnection, frame: str) -> list[float]:
    times = []
    for _ in range(MESSAGES // 2):
        began = time.perf_counter()
        await sender.send(frame)
        await recipient.recv()
        times.append(time.perf_counter() - began)
    return times


# --- many channels, compared with one


@dataclass
class Traffic:
    """The connections of one channel, and the messages between its MASTER and its viewers."""

    viewers: int
    peers: dict[str | None, ClientConnection] = field(default_factory=dict)
    sent: dict[int, float] = field(default_factory=dict)
    """The time of sending of each message that has not arrived."""
    times: list[float] = field(default_factory=list)

    async def send(self, seconds: float, rate: float, rng: random.Random) -> None:
        """Send ``rate`` messages a second, evenly spaced, alternately from a viewer to the MASTER and back."""
        loop = asyncio.get_running_loop()
        began = loop.time() + rng.random() / rate
        for number in range(int(seconds * rate)):
            await asyncio.sleep(began + number / rate - loop.time())
            viewer = f"viewer-{rng.randrange(self.viewers)}"
            self.sent[number] = time.perf_counter()
            await self.peers[None if number % 2 else viewer].send(_frame(viewer, number))

    async def receive(self, client_id: str | None) -> None:
        """Record the travel time of each message that arrives at one peer."""
        async for text in self.peers[client_id]:
            arrived = time.perf_counter()
            payload = json.loads(text)["messagePayload"]
            self.times.append(arrived - self.sent.pop(json.loads(base64.b64decode(payload))["number"]))


def measure_scale() -> Result:
    with run_sandbox(SandboxSpec(channels=CHANNELS + 1)) as sandbox:
        return asyncio.run(_many_compared_with_one(sandbox))


async def _many_compared_with_one(sandbox: SandboxProcess) -> Result:
    connection = sandbox.connection()
    channels = kvs.list_channels(connection=connection)
    async with _open_channels(channels[:1], FEW_VIEWERS, connection) as few:
        before = sandbox.resident_bytes()
        async with _open_channels(channels[1:], VIEWERS, connection) as many:
            bytes_per_connection = (sandbox.resident_bytes() - before) / (CHANNELS * (1 + VIEWERS))
            ours, baseline = [], []
            for _ in range(PERIODS):
                ours.append(await _p50(many))
                baseline.append(await _p50(few))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    lost = sum(len(channel.sent) for channel in [*many, *few])
    sent = CHANNELS * RATE * PERIOD_SECONDS * PERIODS
    return Result(
        ours=f"{format_milliseconds(mine)}, {sent:,} sent, {lost} lost",
        baseline=f"{format_milliseconds(theirs)} (at {1 + FEW_VIEWERS} connections)",
        ratio=mine / theirs,
        holds=mine / theirs <= MAX_RATIO and not lost,
        note=f"p50 one way at {CHANNELS} channels x (1 + {VIEWERS}), {RATE} messages a second in each, median of {PERIODS} "
        f"periods of {PERIOD_SECONDS} s; {bytes_per_connection / 1024:,.0f} KiB of the sandbox's memory per connection; run once",
    )


async def _p50(channels: list[Traffic]) -> float:
    """Send messages in all channels for one period, and return the median travel time."""
    rng = random.Random(0)  # noqa: S311 - not a secret
    for channel in channels:
        channel.times.clear()
    await asyncio.gather(*(channel.send(PERIOD_SECONDS, RATE, rng) for channel in channels))
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while any(channel.sent for channel in channels) and time.monotonic() < deadline:  # noqa: ASYNC110 - many senders
        await asyncio.sleep(0.01)
    return statistics.median(seconds for channel in channels for seconds in channel.times)


@asynccontextmanager
async def _open_channels(channels: Any, viewers: int, connection: Connection) -> AsyncIterator[list[Traffic]]:
    """Connect a MASTER and its viewers to each of the channels, and receive on each connection."""
    context = connection.tls_context(connection.endpoint())
    opened, receiving = [], []
    try:
        for _, row in channels.iterrows():
            channel = Traffic(viewers)
            opened.append(channel)
            for client_id in [None, *(f"viewer-{number}" for number in range(viewers))]:
                channel.peers[client_id] = await _connect(_url(row, client_id, connection), context)
                receiving.append(asyncio.create_task(channel.receive(client_id)))
        yield opened
    finally:
        await asyncio.gather(*(peer.close() for channel in opened for peer in channel.peers.values()))
        await asyncio.gather(*receiving)


def _connect(url: str, context: ssl.SSLContext) -> connect:
    from websockets.asyncio.client import connect

    return connect(url, ssl=context, proxy=None, compression=None)


def _url(channel: Any, client_id: str | None, connection: Connection) -> str:
    role = "VIEWER" if client_id else "MASTER"
    return kvs.sign_url(channel, role=role, client_id=client_id, connection=connection).reveal()


def _frame(viewer: str, number: int) -> str:
    text = json.dumps({"number": number, "candidate": "x" * (PAYLOAD * 3 // 4 - 40)})
    payload = base64.b64encode(text.encode()).decode()
    return json.dumps({"action": "ICE_CANDIDATE", "recipientClientId": viewer, "messagePayload": payload})


COMPARED_WITH_ECHO = Benchmark(
    name="relay",
    work="one message from peer to peer, and one echo",
    bar=f"<= {MAX_RATIO}x",
    needs=EXTRAS,
    measure=measure_compared_with_echo,
)
SCALE = Benchmark(
    name="relay-scale",
    work=f"p50 at {CHANNELS * (1 + VIEWERS)} connections",
    bar=f"<= {MAX_RATIO}x that at {1 + FEW_VIEWERS}, none lost",
    needs=EXTRAS,
    measure=measure_scale,
)
