"""Forms: how long a submit holds the kernel up, and how long the first form takes to open, in real kernels."""

from __future__ import annotations

import json
import statistics

from tests.benchmarks.kernel import KERNEL, said_in_kernel
from tests.benchmarks.served import Order, served
from tests.benchmarks.table import Benchmark, Finding, milliseconds

KERNELS = 5
CHANNELS = 10

BEAT_SECONDS = 0.002
WARMING_UP = 3
SUBMITS = 20
LONGEST_GAP_SECONDS = 0.050

LONGEST_OPENING_SECONDS = 0.250

AT_ONCE = Order(channels=CHANNELS, creating_seconds=0)
"""A channel is ACTIVE when it is first looked at: else a submit is mostly a wait of one second, in which nothing happens."""

UNDER_WAY = """
import time
import kvs_notebook as kvs
kvs.connect(share=1)
assert len(kvs.list_channels())
"""

HEARTBEAT = (
    f"""
import asyncio, json, os
BEAT_SECONDS, WARMING_UP, SUBMITS = {BEAT_SECONDS}, {WARMING_UP}, {SUBMITS}
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
    heart = asyncio.create_task(beat(gaps))
    await asyncio.sleep(0)
    began = time.perf_counter()
    await work
    seconds = time.perf_counter() - began
    await asyncio.sleep(2 * BEAT_SECONDS)  # a beat that the end of the work has held up counts too
    heart.cancel()
    return max(gaps), seconds

async def submits(count):
    for number in range(count):
        form.name.value = f"new-{os.getpid()}-{count}-{number}"
        form.submit.click()
        row = await asyncio.wrap_future(form.future)
        assert row["channel_status"].item() == "ACTIVE"

form = kvs.forms.create_channel()
await submits(WARMING_UP)
busy, seconds = await longest_gap_during(submits(SUBMITS))
idle, _ = await longest_gap_during(asyncio.sleep(seconds))
print(json.dumps([busy, idle, seconds]))
"""
)

OPENING = """
began = time.perf_counter()
form = kvs.forms.create_channel()
seconds = time.perf_counter() - began
assert not form.submit.disabled
print(seconds)
"""

PLAIN_OPENING = """
began = time.perf_counter()
import ipywidgets
def create(name, message_ttl_seconds):
    return kvs.create_channel(name, message_ttl_seconds=message_ttl_seconds)
form = ipywidgets.interact_manual(create, name="", message_ttl_seconds=60)
print(time.perf_counter() - began)
"""


def measure_heartbeat() -> Finding:
    with served(AT_ONCE) as sandbox:
        each = [json.loads(said_in_kernel(UNDER_WAY + HEARTBEAT, sandbox.environment)) for _ in range(KERNELS)]
    busy, idle, taken = map(statistics.median, zip(*each, strict=True))
    return Finding(
        ours=milliseconds(busy),
        beside=f"{milliseconds(idle)} (idle, as long)",
        ratio=busy / LONGEST_GAP_SECONDS,
        holds=busy <= LONGEST_GAP_SECONDS,
        note=f"longest gap between two beats, {BEAT_SECONDS * 1000:g} ms apart, of a task on the kernel's loop during "
        f"{SUBMITS} submits ({milliseconds(taken)}) after {WARMING_UP}; median of {KERNELS} kernels' longest, the worst "
        f"{milliseconds(max(gap for gap, _, _ in each))}; share=1 and a sandbox whose "
        "channels are ACTIVE at once, so that less of it is waiting; ratio to the bar",
    )


def measure_opening() -> Finding:
    ours, beside = [], []
    with served(AT_ONCE) as sandbox:
        for _ in range(KERNELS):
            ours.append(float(said_in_kernel(UNDER_WAY + OPENING, sandbox.environment)))
            beside.append(float(said_in_kernel(UNDER_WAY + PLAIN_OPENING, sandbox.environment)))
    seconds = statistics.median(ours)
    return Finding(
        ours=milliseconds(seconds),
        beside=f"{milliseconds(statistics.median(beside))} (ipywidgets.interact_manual)",
        ratio=seconds / LONGEST_OPENING_SECONDS,
        holds=seconds <= LONGEST_OPENING_SECONDS,
        note="the first create_channel() form of a fresh kernel in which connect() and list_channels() have run, imports of "
        f"ipywidgets and of the forms included; median of {KERNELS} kernels; ratio to the bar; the peer has two bare inputs "
        "and a button",
    )


FORMS = {"uvicorn": "pip install 'kvs-notebook[sandbox]'", "ipywidgets": "pip install 'kvs-notebook[lab]'"}

HEARTBEAT_BENCHMARK = Benchmark(
    name="form-heartbeat",
    work=f"longest gap of the kernel's heartbeat in {SUBMITS} submits",
    bar=f"<= {LONGEST_GAP_SECONDS * 1000:g} ms",
    needs=FORMS | KERNEL,
    measure=measure_heartbeat,
)
OPENING_BENCHMARK = Benchmark(
    name="form-open",
    work="first form of a kernel, opened",
    bar=f"<= {LONGEST_OPENING_SECONDS * 1000:g} ms",
    needs=FORMS | KERNEL,
    measure=measure_opening,
)
