"""Measure inventories of many accounts and regions, with boto3 scripts as the baseline; fleet_programs has what is run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import kvs_notebook as kvs
from tests.benchmarks.fleet_programs import (
    DASK_ROUNDS,
    DASK_WORKERS,
    THREADS,
    account_ids,
    boto3_loop,
    boto3_threads,
    dask_workers,
    read_bulk,
    read_each,
    region_codes,
)
from tests.benchmarks.sandbox_process import SandboxProcess, SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result, format_milliseconds

TAGS = {"Site": "hq", "Owner": "ops", "Env": "prod"}
NEEDS = {"uvicorn": "pip install 'kvs-notebook[sandbox]'"}

TAGGED = 2_000

ACCOUNTS, REGIONS, CHANNELS = 5, 20, 10
DELAY_SECONDS = 0.05
ROUNDS = 3
MIN_RATIO_EACH, MIN_RATIO_BULK, MIN_RATIO_COMPETENT = 8.0, 20.0, 4.0
MAX_CPU_SECONDS = 0.010

LARGE_FLEET_ACCOUNTS = 25
MIN_RATIO_DASK = 1.6

FEW_ACCOUNTS, MANY_ACCOUNTS = 5, 50
MAX_RATIO_MEMORY = 1.1


def _spec(accounts: int) -> SandboxSpec:
    return SandboxSpec(
        channels=CHANNELS,
        accounts=account_ids(accounts),
        regions=region_codes(REGIONS),
        tags=TAGS,
        delay_seconds=DELAY_SECONDS,
    )


def _run(program: Any, sandbox: SandboxProcess, accounts: int) -> Any:
    """Run one of fleet_programs in its own process, and return what it measured."""
    command = [sys.executable, "-m", "tests.benchmarks.fleet_programs", program.__name__, str(accounts), str(REGIONS)]
    environment = {**os.environ, **sandbox.environment}
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise RuntimeError(f"{program.__name__} failed: {completed.stderr[-2_000:]}")
    return json.loads(completed.stdout)


# --- number of calls


def measure_calls() -> Result:
    with run_sandbox(SandboxSpec(channels=TAGGED, tags=TAGS)) as sandbox:
        found = kvs.inventory(connection=sandbox.connection())
        requests = sandbox.requests()
    assert len(found.tags) == TAGGED * len(TAGS)
    calls = int((requests["operation"] == "GetResources").sum())
    calls_per_channel = int((requests["operation"] == "ListTagsForResource").sum())
    max_calls = TAGGED // 100 + 1
    return Result(
        ours=f"{calls} calls",
        baseline=f"{TAGGED:,} calls (ListTagsForResource)",
        ratio=calls / max_calls,
        holds=calls <= max_calls and calls_per_channel == 0,
        note="counted by the sandbox",
    )


# --- time


def measure_each() -> Result:
    measured = _measurements()
    return _compared_with_loop(measured["read_each"]["seconds"], measured, MIN_RATIO_EACH)


def measure_bulk() -> Result:
    measured = _measurements()
    return _compared_with_loop(measured["read_bulk"]["seconds"], measured, MIN_RATIO_BULK)


def _compared_with_loop(seconds: float, measured: Mapping[str, Any], min_ratio: float) -> Result:
    loop_seconds = measured["boto3_loop"]["seconds"]
    return Result(
        ours=f"{seconds:.2f} s",
        baseline=f"{loop_seconds:.1f} s (boto3, one call after the other)",
        ratio=loop_seconds / seconds,
        holds=loop_seconds / seconds >= min_ratio,
        note=f"the baseline, run once, is what a simple script does: see fleet-competent for a good one; every reply takes "
        f"{DELAY_SECONDS * 1000:.0f} ms, for both",
    )


def measure_competent() -> Result:
    measured = _measurements()
    mine, theirs = measured["read_bulk"]["seconds"], measured["boto3_threads"]["seconds"]
    return Result(
        ours=f"{mine:.2f} s",
        baseline=f"{theirs:.2f} s (boto3, {THREADS} threads, tags in bulk)",
        ratio=theirs / mine,
        holds=theirs / mine >= MIN_RATIO_COMPETENT,
        note=f"each in its own process, without imports; median of {ROUNDS}; both assume a role per account and build frames; "
        "the baseline opens a session per account and two clients per account-region, and gives up at the first error",
    )


def measure_cpu() -> Result:
    with run_sandbox(_spec(LARGE_FLEET_ACCOUNTS)) as sandbox:
        mine, theirs = (
            _run(program, sandbox, LARGE_FLEET_ACCOUNTS)["cpu_seconds"] / (LARGE_FLEET_ACCOUNTS * REGIONS)
            for program in (read_bulk, boto3_threads)
        )
    return Result(
        ours=format_milliseconds(mine),
        baseline=f"{format_milliseconds(theirs)} (boto3, {THREADS} threads, tags in bulk)",
        ratio=mine / MAX_CPU_SECONDS,
        holds=mine <= MAX_CPU_SECONDS,
        note=f"CPU of the process in an inventory of {LARGE_FLEET_ACCOUNTS * REGIONS} account-regions of {CHANNELS} channels, "
        "imports left out; run once; ratio to the bar",
    )


@cache
def _measurements() -> dict[str, Mapping[str, Any]]:
    """Run each program, once for all rows that show it: the fast ones in turn, of which the median counts."""
    with run_sandbox(_spec(ACCOUNTS)) as sandbox:
        rounds = [[_run(program, sandbox, ACCOUNTS) for program in (read_bulk, boto3_threads)] for _ in range(ROUNDS)]
        bulk, competent = zip(*rounds, strict=True)
        measured = {
            "read_bulk": _medians(bulk),
            "boto3_threads": _medians(competent),
            "read_each": _run(read_each, sandbox, ACCOUNTS),
            "boto3_loop": _run(boto3_loop, sandbox, ACCOUNTS),
        }
    for counts in measured.values():
        assert counts["channels"] == ACCOUNTS * REGIONS * CHANNELS
        assert counts["tags"] == counts["channels"] * len(TAGS)
    return measured


def _medians(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in measured) for name in measured[0]}


def measure_dask() -> Result:
    with run_sandbox(_spec(LARGE_FLEET_ACCOUNTS)) as sandbox:
        measured = _run(dask_workers, sandbox, LARGE_FLEET_ACCOUNTS)
    mine, theirs = _medians(measured["workers"]), _medians(measured["process"])
    ratio = theirs["seconds"] / mine["seconds"]
    of_cpu = theirs["busiest_cpu_seconds"] / mine["busiest_cpu_seconds"]
    return Result(
        ours=f"{mine['seconds']:.2f} s",
        baseline=f"{theirs['seconds']:.2f} s (the same inventory on threads of one process)",
        ratio=ratio,
        holds=ratio >= MIN_RATIO_DASK,
        note=f"a LocalCluster of {DASK_WORKERS} processes with {THREADS} threads each, already started; median of {DASK_ROUNDS} "
        f"after a warm-up; every reply takes {DELAY_SECONDS * 1000:.0f} ms; the sandbox and Dask's scheduler share the "
        f"{os.cpu_count()} cores; the CPU time of the busiest process is {of_cpu:.2f} times less",
    )


# --- memory


def measure_memory() -> Result:
    accounts, regions = account_ids(MANY_ACCOUNTS), region_codes(REGIONS)
    with run_sandbox(SandboxSpec(channels=1, accounts=accounts, regions=regions, tags=TAGS)) as sandbox:
        few, many = (_run(read_bulk, sandbox, count)["peak_bytes"] for count in (FEW_ACCOUNTS, MANY_ACCOUNTS))
    return Result(
        ours=f"{many / 2**20:,.0f} MiB",
        baseline=f"{few / 2**20:,.0f} MiB (at {FEW_ACCOUNTS * REGIONS})",
        ratio=many / few,
        holds=many / few <= MAX_RATIO_MEMORY,
        note="peak resident memory of a process that reads one inventory; run once",
    )


FLEET = f"{ACCOUNTS} accounts x {REGIONS} regions x {CHANNELS} channels at {DELAY_SECONDS * 1000:.0f} ms"

CALLS = Benchmark(
    name="fleet-calls",
    work=f"tags of {TAGGED:,} channels in bulk",
    bar="<= N/100 + 1 calls",
    needs=NEEDS,
    measure=measure_calls,
)
EACH = Benchmark(
    name="fleet-each",
    work=f"{FLEET}, one tag call per channel",
    bar=f">= {MIN_RATIO_EACH:g}x faster",
    needs=NEEDS,
    measure=measure_each,
)
BULK = Benchmark(
    name="fleet-bulk",
    work=f"{FLEET}, tags in bulk",
    bar=f">= {MIN_RATIO_BULK:g}x faster",
    needs=NEEDS,
    measure=measure_bulk,
)
COMPETENT = Benchmark(
    name="fleet-competent",
    work=f"{FLEET}, tags in bulk",
    bar=f">= {MIN_RATIO_COMPETENT:g}x faster",
    needs=NEEDS,
    measure=measure_competent,
)
CPU = Benchmark(
    name="fleet-cpu",
    work="CPU of an inventory per account-region",
    bar=f"<= {MAX_CPU_SECONDS * 1000:g} ms",
    needs=NEEDS,
    measure=measure_cpu,
)
DASK = Benchmark(
    name="fleet-dask",
    work=f"{LARGE_FLEET_ACCOUNTS * REGIONS} account-regions on {DASK_WORKERS} Dask workers",
    bar=f">= {MIN_RATIO_DASK:g}x faster",
    needs=NEEDS | {"distributed": "pip install 'kvs-notebook[dask]'"},
    measure=measure_dask,
)
MEMORY = Benchmark(
    name="fleet-memory",
    work=f"memory of an inventory of {MANY_ACCOUNTS * REGIONS:,} account-regions",
    bar=f"<= {MAX_RATIO_MEMORY}x that of {FEW_ACCOUNTS * REGIONS}",
    needs=NEEDS,
    measure=measure_memory,
)
