"""Measure list_channels(tags=True) of 5,000 channels and the time that one call for each takes by the quota alone."""

from __future__ import annotations

import statistics
import time

from kvs_notebook.channels.operations import list_channels
from tests.benchmarks.sandbox_process import SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result

CHANNELS = 5_000
TAGS = {"Site": "hq", "Owner": "ops", "Env": "prod"}
ROUNDS = 3
MAX_SECONDS = 3.0
QUOTA = 50
"""ListTagsForResource calls a second."""


def measure() -> Result:
    seconds, cpu = [], []
    with run_sandbox(SandboxSpec(channels=CHANNELS, tags=TAGS, quotas=True)) as sandbox:
        connection = sandbox.connection()
        for _ in range(ROUNDS):
            began, cpu_began = time.perf_counter(), time.process_time()
            channels = list_channels(tags=True, connection=connection)
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - cpu_began)
            assert (channels["tag:Site"] == "hq").sum() == CHANNELS
    ours, each = statistics.median(seconds), CHANNELS / QUOTA
    return Result(
        ours=f"{ours:.2f} s ({statistics.median(cpu):.2f} s CPU)",
        baseline=f"{each:.0f} s (one ListTagsForResource call each at {QUOTA:g}/s, computed)",
        ratio=each / ours,
        holds=ours <= MAX_SECONDS,
        note=f"median of {ROUNDS}",
    )


BENCHMARK = Benchmark(
    name="list-tags",
    work=f"list_channels(tags=True) of {CHANNELS:,} channels",
    bar=f"<= {MAX_SECONDS:g} s",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure,
)
