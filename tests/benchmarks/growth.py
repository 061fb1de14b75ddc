"""Growth: whether a channel costs as much in a list of 100,000 as in one of 1,000."""

from __future__ import annotations

import statistics
import time

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.channels.operations import list_channels
from tests.benchmarks.served import Order, Served, served
from tests.benchmarks.table import Benchmark, Finding

FEW, MANY = 1_000, 100_000
ROUNDS = 5
REPEATED = 20
"""Lists of the few in a round, for each one of the many."""

LONGEST_RATIO = 1.2


def measure() -> Finding:
    with served(Order(channels=FEW)) as small, served(Order(channels=MANY)) as large:
        few, many = _unpaced(small), _unpaced(large)
        _seconds_per_channel(few, FEW)  # warms up what is loaded on first use
        ours, beside = [], []
        for _ in range(ROUNDS):
            ours.append(_seconds_per_channel(many, MANY))
            beside.append(statistics.median(_seconds_per_channel(few, FEW) for _ in range(REPEATED)))
    mine, theirs = statistics.median(ours), statistics.median(beside)
    return Finding(
        ours=f"{mine * 1e6:.1f} us a channel",
        beside=f"{theirs * 1e6:.1f} us a channel (at {FEW:,})",
        ratio=mine / theirs,
        holds=mine / theirs <= LONGEST_RATIO,
        note=f"wall time of list_channels, server included, without the pacing's waits between pages; median of {ROUNDS}",
    )


def _unpaced(sandbox: Served) -> Connection:
    """Connect without waits: they are the quota's, 20 us for each channel of a full page, and would hide the work."""
    connection = sandbox.connection()
    connection.rate_limiter = RateLimiter(sleep=lambda _: None)
    return connection


def _seconds_per_channel(connection: Connection, channels: int) -> float:
    began = time.perf_counter()
    frame = list_channels(connection=connection)
    taken = time.perf_counter() - began
    assert len(frame) == channels
    return taken / channels


BENCHMARK = Benchmark(
    name="growth",
    work=f"list_channels at {MANY:,} channels, time a channel",
    bar=f"<= {LONGEST_RATIO}x that at {FEW:,}",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure,
)
