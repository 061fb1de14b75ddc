"""Measure list_channels() per channel at 100,000 channels, compared with 1,000."""

from __future__ import annotations

import statistics
import time

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.channels.operations import list_channels
from tests.benchmarks.sandbox_process import SandboxProcess, SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result

FEW, MANY = 1_000, 100_000
ROUNDS = 5
LISTS_OF_FEW = 20
"""Lists of the few channels in a round, for each list of the many."""

MAX_RATIO = 1.2


def measure() -> Result:
    with run_sandbox(SandboxSpec(channels=FEW)) as small, run_sandbox(SandboxSpec(channels=MANY)) as large:
        few, many = _connect_without_waits(small), _connect_without_waits(large)
        _seconds_per_channel(few, FEW)  # loads what is imported on first use
        ours, baseline = [], []
        for _ in range(ROUNDS):
            ours.append(_seconds_per_channel(many, MANY))
            baseline.append(statistics.median(_seconds_per_channel(few, FEW) for _ in range(LISTS_OF_FEW)))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=f"{mine * 1e6:.1f} us per channel",
        baseline=f"{theirs * 1e6:.1f} us per channel (at {FEW:,})",
        ratio=mine / theirs,
        holds=mine / theirs <= MAX_RATIO,
        note=f"wall time, including the server, without the rate limiter's waits between pages; median of {ROUNDS}",
    )


def _connect_without_waits(sandbox: SandboxProcess) -> Connection:
    """Return a connection without a rate limit, whose waits (20 us per channel of a full page) would hide the work."""
    connection = sandbox.connection()
    connection.rate_limiter = RateLimiter(sleep=lambda _: None)
    return connection


def _seconds_per_channel(connection: Connection, channels: int) -> float:
    began = time.perf_counter()
    frame = list_channels(connection=connection)
    seconds = time.perf_counter() - began
    assert len(frame) == channels
    return seconds / channels


BENCHMARK = Benchmark(
    name="list-scale",
    work=f"list_channels at {MANY:,} channels, time per channel",
    bar=f"<= {MAX_RATIO}x that at {FEW:,}",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure,
)
