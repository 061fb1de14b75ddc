"""Measure fresh processes: the sandbox's start, the first table, and the import of the package."""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.benchmarks.kernel import KERNEL, run_in_kernel
from tests.benchmarks.process_cpu import cpu_seconds_of
from tests.benchmarks.table import Benchmark, Result, format_milliseconds

ROUNDS = 5
MAX_START_SECONDS = 0.5
MAX_FIRST_TABLE_RATIO = 1.5

IMPORT_ROUNDS = 15
MAX_IMPORT_SECONDS = 0.050

NEEDS = {"uvicorn": "pip install 'kvs-notebook[sandbox]'"}

START_PROGRAM = """
import time
began = time.perf_counter()
import kvs_notebook as kvs
sandbox = kvs.Sandbox()
sandbox.advance(0)
print(time.perf_counter() - began)
"""

FIRST_TABLE_PROGRAM = """
import time
began = time.perf_counter()
import kvs_notebook as kvs
kvs.use_sandbox().seed()
table = kvs.list_channels(tags=True)
seconds = time.perf_counter() - began
assert "tag:Site" in table
print(seconds)
"""


IMPORTS_PROGRAM = """
import time
began = time.perf_counter()
import boto3, pandas
print(time.perf_counter() - began)
"""


def measure_start() -> Result:
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(float(run_in_kernel(START_PROGRAM)))
        bare.append(_run_in_process(START_PROGRAM))
    seconds = statistics.median(ours)
    return Result(
        ours=format_milliseconds(seconds),
        baseline=f"{format_milliseconds(statistics.median(bare))} (in plain Python)",
        ratio=seconds / MAX_START_SECONDS,
        holds=seconds <= MAX_START_SECONDS,
        note=f"a fresh kernel each time, imports included, until one request is answered; median of {ROUNDS}; ratio to the "
        "bar; plain Python also imports what a kernel has imported already",
    )


def measure_first_table() -> Result:
    ours, baseline = [], []
    for _ in range(ROUNDS):
        ours.append(_run_in_process(FIRST_TABLE_PROGRAM))
        baseline.append(_run_in_process(IMPORTS_PROGRAM))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=format_milliseconds(mine),
        baseline=f"{format_milliseconds(theirs)} (import boto3, pandas)",
        ratio=mine / theirs,
        holds=mine / theirs <= MAX_FIRST_TABLE_RATIO,
        note=f"use_sandbox, seed, list_channels(tags=True) in a fresh process, imports included; wall time, median of {ROUNDS}",
    )


def _run_in_process(program: str) -> float:
    completed = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    return float(completed.stdout)


def measure_import() -> Result:
    ours, bare = [], []
    for _ in range(IMPORT_ROUNDS):
        ours.append(cpu_seconds_of([sys.executable, "-c", "import kvs_notebook"]))
        bare.append(cpu_seconds_of([sys.executable, "-c", "pass"]))
    seconds = statistics.median(ours) - statistics.median(bare)
    return Result(
        ours=format_milliseconds(seconds),
        baseline=f"{format_milliseconds(statistics.median(bare))} (Python alone)",
        ratio=seconds / MAX_IMPORT_SECONDS,
        holds=seconds <= MAX_IMPORT_SECONDS,
        note=f"CPU of fresh processes, minus Python's own start; medians of {IMPORT_ROUNDS}; ratio to the bar",
    )


SANDBOX_START = Benchmark(
    name="sandbox-start",
    work="sandbox started in a cold kernel",
    bar=f"<= {MAX_START_SECONDS:g} s",
    needs=NEEDS | KERNEL,
    measure=measure_start,
)
FIRST_TABLE = Benchmark(
    name="first-table",
    work="first table of the sandbox, cold",
    bar=f"<= {MAX_FIRST_TABLE_RATIO:g}x import boto3, pandas",
    needs=NEEDS,
    measure=measure_first_table,
)
IMPORT = Benchmark(
    name="import",
    work="import kvs_notebook, CPU",
    bar=f"<= {MAX_IMPORT_SECONDS * 1000:g} ms",
    needs={},
    measure=measure_import,
)
