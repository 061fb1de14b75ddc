"""Starting: from a cold Python to a sandbox that answers, to its first table, and to the imported package."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from tests.benchmarks.kernel import KERNEL, said_in_kernel
from tests.benchmarks.table import Benchmark, Finding, milliseconds

ROUNDS = 5
LONGEST_START_SECONDS = 0.5

IMPORT_ROUNDS = 15
LONGEST_IMPORT_SECONDS = 0.050

SANDBOX = {"uvicorn": "pip install 'kvs-notebook[sandbox]'"}

START = """
import time
began = time.perf_counter()
from kvs_notebook.sandbox.server import Sandbox
sandbox = Sandbox()
sandbox.advance(0)
print(time.perf_counter() - began)
"""

FIRST_TABLE = """
import time
began = time.perf_counter()
import kvs_notebook as kvs
kvs.use_sandbox().seed()
table = kvs.list_channels(tags=True)
seconds = time.perf_counter() - began
assert "tag:Site" in table
print(seconds)
"""


def measure_start() -> Finding:
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(float(said_in_kernel(START)))
        bare.append(_said_by(START))
    seconds = statistics.median(ours)
    return Finding(
        ours=milliseconds(seconds),
        beside=f"{milliseconds(statistics.median(bare))} (in a bare Python)",
        ratio=seconds / LONGEST_START_SECONDS,
        holds=seconds <= LONGEST_START_SECONDS,
        note=f"a fresh kernel each time, imports included, until one request is answered; median of {ROUNDS}; ratio to the "
        "bar; a bare Python has to import what a kernel has already",
    )


def measure_first_table() -> Finding:
    seconds = statistics.median(_said_by(FIRST_TABLE) for _ in range(ROUNDS))
    return Finding(
        ours=milliseconds(seconds),
        note=f"use_sandbox, seed, list_channels(tags=True) in a fresh process, imports included; median of {ROUNDS}",
    )


def _said_by(program: str) -> float:
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def measure_import() -> Finding:
    ours, bare = [], []
    for _ in range(IMPORT_ROUNDS):
        ours.append(_cpu_of("import kvs_notebook"))
        bare.append(_cpu_of("pass"))
    seconds = statistics.median(ours) - statistics.median(bare)
    return Finding(
        ours=milliseconds(seconds),
        beside=f"{milliseconds(statistics.median(bare))} (Python alone)",
        ratio=seconds / LONGEST_IMPORT_SECONDS,
        holds=seconds <= LONGEST_IMPORT_SECONDS,
        note=f"CPU of fresh processes, Python's own start taken off; medians of {IMPORT_ROUNDS}; ratio to the bar",
    )


def _cpu_of(program: str) -> float:
    """Give the CPU seconds of one fresh Python."""
    process = os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise RuntimeError(f"python -c {program!r} failed: its error stands above.")
    return usage.ru_utime + usage.ru_stime


START_BENCHMARK = Benchmark(
    name="sandbox-start",
    work="sandbox started in a cold kernel",
    bar=f"<= {LONGEST_START_SECONDS:g} s",
    needs=SANDBOX | KERNEL,
    measure=measure_start,
)
FIRST_TABLE_BENCHMARK = Benchmark(
    name="first-table",
    work="first table of the sandbox, cold",
    bar="reported",
    needs=SANDBOX,
    measure=measure_first_table,
)
IMPORT_BENCHMARK = Benchmark(
    name="import",
    work="import kvs_notebook, CPU",
    bar=f"<= {LONGEST_IMPORT_SECONDS * 1000:g} ms",
    needs={},
    measure=measure_import,
)
