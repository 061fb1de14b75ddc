"""Measure how long a submit blocks the kernel, and how long the first form takes to open, in real kernels."""

from __future__ import annotations

import json
import statistics

from tests.benchmarks.kernel import KERNEL, run_in_kernel
from tests.benchmarks.sandbox_process import SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result, format_milliseconds

KERNELS = 5
CHANNELS = 10

BEAT_SECONDS = 0.002
WARM_UP_SUBMITS = 3
SUBMITS = 20
MAX_GAP_SECONDS = 0.050

MAX_OPENING_SECONDS = 0.250

IMMEDIATELY_ACTIVE = SandboxSpec(channels=CHANNELS, creating_seconds=0)
"""New channels are ACTIVE at the first poll; otherwise a submit mostly sleeps for a second."""

CONNECT = """
import time
import kvs_notebook as kvs
kvs.connect(share=1)
assert len(kvs.list_channels())
"""

HEARTBEAT_PROGRAM = (
    f"""
import asyncio, json, os
BEAT_SECONDS, WARM_UP_SUBMITS, SUBMITS = {BEAT_SECONDS}, {WARM_UP_SUBMITS}, {SUBMITS}
"""
    """
async def beat(gaps):
    before = time.perf_counter()
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        now = time.perf_counter()
        gaps.append(now - before)
        before = now

async def longest_gap_during(work):
    gaps = []
    heartbeat = asyncio.create_task(beat(gaps))
    await asyncio.sleep(0)
    began = time.perf_counter()
    await work
    seconds = time.perf_counter() - began
    await asyncio.sleep(2 * BEAT_SECONDS)  # a beat delayed by the end of the work counts too
    heartbeat.cancel()
    return max(gaps), seconds

async def submits(count):
    for number in range(count):
        form.name.value = f"new-{os.getpid()}-{count}-{number}"
        form.submit.click()
        row = await asyncio.wrap_future(form.future)
        assert row["channel_status"].item() == "ACTIVE"

form = kvs.forms.create_channel()
await submits(WARM_UP_SUBMITS)
busy, seconds = await longest_gap_during(submits(SUBMITS))
idle, _ = await longest_gap_during(asyncio.sleep(seconds))
print(json.dumps([busy, idle, seconds]))
"""
)

OPENING_PROGRAM = """
began = time.perf_counter()
form = kvs.forms.create_channel()
seconds = time.perf_counter() - began
assert not form.submit.disabled
print(seconds)
"""

PLAIN_OPENING_PROGRAM = """
began = time.perf_counter()
import ipywidgets
def create(name, message_ttl_seconds):
    return kvs.create_channel(name, message_ttl_seconds=message_ttl_seconds)
form = ipywidgets.interact_manual(create, name="", message_ttl_seconds=60)
print(time.perf_counter() - began)
"""


def measure_heartbeat() -> Result:
    with run_sandbox(IMMEDIATELY_ACTIVE) as sandbox:
        gaps = [json.loads(run_in_kernel(CONNECT + HEARTBEAT_PROGRAM, sandbox.environment)) for _ in range(KERNELS)]
    busy, idle, seconds = map(statistics.median, zip(*gaps, strict=True))
    return Result(
        ours=format_milliseconds(busy),
        baseline=f"{format_milliseconds(idle)} (idle kernel, same duration)",
        ratio=busy / MAX_GAP_SECONDS,
        holds=busy <= MAX_GAP_SECONDS,
        note=f"longest gap between the beats, {BEAT_SECONDS * 1000:g} ms apart, of a task on the kernel's event loop during "
        f"{SUBMITS} submits ({format_milliseconds(seconds)}) after {WARM_UP_SUBMITS}; median of {KERNELS} kernels, the "
        f"longest of all {format_milliseconds(max(gap for gap, _, _ in gaps))}; share=1 and a sandbox whose "
        "channels are ACTIVE immediately, so that less of the time is waiting; ratio to the bar",
    )


def measure_opening() -> Result:
    ours, baseline = [], []
    with run_sandbox(IMMEDIATELY_ACTIVE) as sandbox:
        for _ in range(KERNELS):
            ours.append(float(run_in_kernel(CONNECT + OPENING_PROGRAM, sandbox.environment)))
            baseline.append(float(run_in_kernel(CONNECT + PLAIN_OPENING_PROGRAM, sandbox.environment)))
    seconds = statistics.median(ours)
    return Result(
        ours=format_milliseconds(seconds),
        baseline=f"{format_milliseconds(statistics.median(baseline))} (ipywidgets.interact_manual)",
        ratio=seconds / MAX_OPENING_SECONDS,
        holds=seconds <= MAX_OPENING_SECONDS,
        note="the first create_channel() form of a fresh kernel in which connect() and list_channels() have run, with imports "
        f"of ipywidgets and of the forms; median of {KERNELS} kernels; ratio to the bar; the baseline has two plain inputs "
        "and a button",
    )


NEEDS = {"uvicorn": "pip install 'kvs-notebook[sandbox]'", "ipywidgets": "pip install 'kvs-notebook[lab]'"}

HEARTBEAT = Benchmark(
    name="form-heartbeat",
    work=f"longest gap of the kernel's heartbeat in {SUBMITS} submits",
    bar=f"<= {MAX_GAP_SECONDS * 1000:g} ms",
    needs=NEEDS | KERNEL,
    measure=measure_heartbeat,
)
OPENING = Benchmark(
    name="form-open",
    work="first form of a kernel, opened",
    bar=f"<= {MAX_OPENING_SECONDS * 1000:g} ms",
    needs=NEEDS | KERNEL,
    measure=measure_opening,
)
