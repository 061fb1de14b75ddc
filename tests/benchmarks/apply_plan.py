"""Measure apply_plan() of 3,000 tag changes in 3 account-regions, under the published quotas."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kvs_notebook.aws.rate_limit import DEFAULT_SHARE
from kvs_notebook.channels.operations import list_channels
from kvs_notebook.plans.apply import apply_plan
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.steps import Step
from tests.benchmarks.sandbox_process import SandboxProcess, SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
CHANNELS = 1_000
RATE = 50 * DEFAULT_SHARE
BURST = 5
MIN_RATIO = 0.95
THROTTLED = "ClientLimitExceededException"


def measure() -> Result:
    spec = SandboxSpec(channels=CHANNELS, regions=REGIONS, quotas=True, burst=BURST)
    with run_sandbox(spec) as sandbox:
        steps = [step for region in REGIONS for step in _steps(sandbox, region)]
        third, _ = _apply(sandbox, steps[::3])
        wall, cpu = _apply(sandbox, [step._replace(column="tag:Owner") for step in steps])
        requests = sandbox.requests()
    throttled = int((requests["error_code"] == THROTTLED).sum())
    rate = _slowest_rate(requests[requests["operation"] == "TagResource"].tail(len(steps)))
    ratio = rate / RATE
    return Result(
        ours=f"{wall:.1f} s, {rate:.1f} a second in the slowest region, {throttled} throttled",
        baseline=f"{RATE:g} a second, the toolkit's share of the quota",
        ratio=ratio,
        holds=ratio >= MIN_RATIO and throttled == 0,
        note=f"with the reads before and after; a third of the steps took {third:.1f} s ({wall / third:.1f} times less); "
        f"{cpu / len(steps) * 1000:.1f} ms CPU a step; the server admits bursts of {BURST}",
    )


def _steps(sandbox: SandboxProcess, region: str) -> list[Step]:
    channels = list_channels(connection=sandbox.connection().replace(region=region))
    columns = ["account_id", "region", "channel_name", "channel_arn"]
    return [Step(*row, "tag", "tag:Site", None, "hq") for row in channels[columns].itertuples(index=False, name=None)]


def _apply(sandbox: SandboxProcess, steps: Sequence[Step]) -> tuple[float, float]:
    """Return the seconds and the CPU seconds that a plan takes, from reading to the closing read."""
    plan = Plan(steps, source="the benchmark")
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        applied = apply_plan(plan, Path(folder, "run"), confirm=plan.confirmation, connection=sandbox.connection())
        applied.raise_for_failures()
        return time.perf_counter() - began, time.process_time() - cpu


def _slowest_rate(sent: pd.DataFrame) -> float:
    """Return the changes a second of the region that took longest, from its first change to its last."""
    by_region = sent.groupby("region")["time"]
    seconds = (by_region.max() - by_region.min()).dt.total_seconds()
    return float(((by_region.size() - 1) / seconds).min())


BENCHMARK = Benchmark(
    name="apply-plan",
    work=f"apply {CHANNELS * len(REGIONS):,} tag changes in {len(REGIONS)} account-regions",
    bar=f">= {MIN_RATIO} of the quota's share, 0 throttled",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure,
)
