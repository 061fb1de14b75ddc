"""Measure the CPU of the inventory command, with one call of the AWS CLI as the baseline."""

from __future__ import annotations

import statistics
import sys

from tests.benchmarks.process_cpu import cpu_seconds_of
from tests.benchmarks.sandbox_process import SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result, format_milliseconds

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
CHANNELS = 10
TAGS = {"Site": "hq", "Owner": "ops", "Env": "prod"}
ROUNDS = 5
MAX_RATIO = 2.0

INVENTORY = [
    sys.executable,
    "-m",
    "kvs_notebook",
    "inventory",
    "--table",
    *(f"--region={region}" for region in REGIONS),
]
AWS_CLI = [sys.executable, "-m", "awscli", "kinesisvideo", "list-signaling-channels"]


def measure() -> Result:
    ours, baseline = [], []
    with run_sandbox(SandboxSpec(channels=CHANNELS, regions=REGIONS, tags=TAGS)) as sandbox:
        for _ in range(ROUNDS):
            ours.append(cpu_seconds_of(INVENTORY, sandbox.environment))
            baseline.append(cpu_seconds_of(AWS_CLI, sandbox.environment))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=format_milliseconds(mine),
        baseline=f"{format_milliseconds(theirs)} (aws kinesisvideo list-signaling-channels)",
        ratio=mine / theirs,
        holds=mine / theirs <= MAX_RATIO,
        note=f"CPU of the whole process, Python's start included; median of {ROUNDS}; {CHANNELS} channels per region; the AWS "
        "CLI makes one call, in one region and without tags",
    )


BENCHMARK = Benchmark(
    name="command",
    work=f"kvs-notebook inventory of {len(REGIONS)} regions with tags, CPU",
    bar=f"<= {MAX_RATIO:g}x one call of the AWS CLI",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'", "awscli": "pip install 'kvs-notebook[test]'"},
    measure=measure,
)
