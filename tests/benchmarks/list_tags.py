"""Measure list_tags() of 1,000 channels, one call each, under a quota of 50 per second."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
from botocore.exceptions import ClientError

from kvs_notebook.channels.operations import list_channels
from kvs_notebook.channels.tags import list_tags
from kvs_notebook.errors import KVSError
from tests.benchmarks.sandbox_process import ACCOUNT, OTHER_ACCOUNT, SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result

CHANNELS = 1_000
TAGS = {"Site": "hq", "Owner": "ops", "Env": "prod"}
BURST = 5
ROUNDS = 3
RATE, SHARE = 50, 0.98
MAX_RATIO = 1.03
PLAIN_THREADS = 8
THROTTLED = "ClientLimitExceededException"


def measure() -> Result:
    spec = SandboxSpec(channels=CHANNELS, accounts=(ACCOUNT, OTHER_ACCOUNT), tags=TAGS, quotas=True, burst=BURST)
    ours, baseline, failures = [], [], []
    with run_sandbox(spec) as sandbox:
        connection = sandbox.connection(share={"ListTagsForResource": SHARE})
        client = sandbox.plain_client(OTHER_ACCOUNT)
        channels = list_channels(connection=connection)
        others = list_channels(connection=sandbox.connection(OTHER_ACCOUNT))["channel_arn"]
        for _ in range(ROUNDS):
            began = time.perf_counter()
            try:
                tags = list_tags(channels, connection=connection)
            except KVSError as error:
                return Result(ours="failed", holds=False, note=str(error))
            ours.append(time.perf_counter() - began)
            assert len(tags) == CHANNELS * len(TAGS)
            began = time.perf_counter()
            failures.append(count_plain_failures(client, others))
            baseline.append(time.perf_counter() - began)
        throttled = _count_throttled(sandbox.requests())
    wall = statistics.median(ours)
    ratio = wall / (CHANNELS / (RATE * SHARE))
    return Result(
        ours=f"{wall:.2f} s, none failed, {throttled} throttled",
        baseline=f"{statistics.median(failures) / CHANNELS:.0%} failed in {statistics.median(baseline):.1f} s "
        f"(boto3, {PLAIN_THREADS} threads)",
        ratio=ratio,
        holds=ratio <= MAX_RATIO and throttled == 0,
        note=f"ratio of the wall time to N/{RATE * SHARE:g}, median of {ROUNDS}; the server admits bursts of {BURST}; "
        "each side has its own account",
    )


def count_plain_failures(client: Any, arns: pd.Series[str]) -> int:
    """Read tags on a few threads without a rate limit, and return how many calls failed."""

    def fails(arn: str) -> bool:
        try:
            client.list_tags_for_resource(ResourceARN=arn)
        except ClientError:
            return True
        return False

    with ThreadPoolExecutor(PLAIN_THREADS) as pool:
        return sum(pool.map(fails, arns))


def _count_throttled(requests: pd.DataFrame) -> int:
    ours = requests[(requests["account_id"] == ACCOUNT) & (requests["operation"] == "ListTagsForResource")]
    assert len(ours) >= CHANNELS * ROUNDS
    return int((ours["error_code"] == THROTTLED).sum())


BENCHMARK = Benchmark(
    name="tags",
    work=f"tags of {CHANNELS:,} channels, one call each at {RATE}/s",
    bar=f"<= {MAX_RATIO} x N/{RATE * SHARE:g}, none throttled",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure,
)
