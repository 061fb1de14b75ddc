"""Measure inventories of many accounts and regions, with boto3 scripts as the baseline.

Run as a module, it reads one inventory, so that the memory of its process can be measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from botocore.config import Config

import kvs_notebook as kvs
from kvs_notebook.aws.regions import regions_in_partition_of
from tests.benchmarks.peak_memory import peak_bytes
from tests.benchmarks.sandbox_process import REGION, SandboxProcess, SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result

TAGS = {"Site": "hq", "Owner": "ops", "Env": "prod"}
NEEDS = {"uvicorn": "pip install 'kvs-notebook[sandbox]'"}

TAGGED = 2_000

ACCOUNTS, REGIONS, CHANNELS = 5, 20, 10
DELAY_SECONDS = 0.05
MIN_RATIO_EACH, MIN_RATIO_BULK = 8.0, 20.0

FEW_UNITS, MANY_UNITS = 100, 1_000
UNIT_REGIONS = 20
MAX_RATIO = 1.1


# --- how many calls


def measure_calls() -> Result:
    with run_sandbox(SandboxSpec(channels=TAGGED, tags=TAGS)) as sandbox:
        found = kvs.inventory(connection=sandbox.connection())
        requests = sandbox.requests()
    assert len(found.tags) == TAGGED * len(TAGS)
    calls = int((requests["operation"] == "GetResources").sum())
    one_by_one = int((requests["operation"] == "ListTagsForResource").sum())
    most = TAGGED // 100 + 1
    return Result(
        ours=f"{calls} calls",
        baseline=f"{TAGGED:,} calls (ListTagsForResource)",
        ratio=calls / most,
        holds=calls <= most and one_by_one == 0,
        note="counted by the sandbox",
    )


# --- how long


def measure_each() -> Result:
    return _beside_the_loop("each", MIN_RATIO_EACH)


def measure_bulk() -> Result:
    return _beside_the_loop("bulk", MIN_RATIO_BULK)


def _beside_the_loop(tags: str, least: float) -> Result:
    seconds = _seconds()
    ratio = seconds["loop"] / seconds[tags]
    return Result(
        ours=f"{seconds[tags]:.2f} s",
        baseline=f"{seconds['loop']:.1f} s (boto3, one call after the other)",
        ratio=ratio,
        holds=ratio >= least,
        note=f"run once; every reply comes {DELAY_SECONDS * 1000:.0f} ms late, for both",
    )


@cache
def _seconds() -> dict[str, float]:
    """Measure the loop and both inventories, once for the rows that show them."""
    accounts, regions = _accounts(ACCOUNTS), regions_in_partition_of("us-east-1")[:REGIONS]
    order = SandboxSpec(
        channels=CHANNELS, accounts=accounts, regions=tuple(regions), tags=TAGS, delay_seconds=DELAY_SECONDS
    )
    seconds = {}
    with run_sandbox(order) as sandbox:
        for tags in ("bulk", "each"):
            began = time.perf_counter()
            found = kvs.inventory(
                role_arns=_roles(accounts), regions=regions, tags=tags, connection=sandbox.connection(accounts[0])
            )
            seconds[tags] = time.perf_counter() - began
            found.raise_for_failures()
            assert set(found.coverage["tags_source"]) == {tags}
            assert len(found.tags) == ACCOUNTS * REGIONS * CHANNELS * len(TAGS)
        began = time.perf_counter()
        assert _loop(sandbox, accounts, regions) == len(found.tags)
        seconds["loop"] = time.perf_counter() - began
    return seconds


def _loop(sandbox: SandboxProcess, accounts: Sequence[str], regions: Sequence[str]) -> int:
    """Do as a script over boto3 does; give how many tags it has read."""
    tags = 0
    for account_id in accounts:
        session = sandbox.session(account_id)
        for region in regions:
            client: Any = session.client(
                "kinesisvideo", region_name=region, endpoint_url=sandbox.endpoint_url, config=Config(proxies={})
            )
            for page in client.get_paginator("list_signaling_channels").paginate():
                for channel in page["ChannelInfoList"]:
                    tags += len(client.list_tags_for_resource(ResourceARN=channel["ChannelARN"])["Tags"])
            client.close()
    return tags


def _accounts(count: int) -> tuple[str, ...]:
    return tuple(f"{number:012}" for number in range(1, count + 1))


def _roles(accounts: Sequence[str]) -> list[str]:
    return [f"arn:aws:iam::{account_id}:role/Reader" for account_id in accounts]


# --- how much memory


def measure_memory() -> Result:
    accounts = _accounts(MANY_UNITS // UNIT_REGIONS)
    regions = tuple(regions_in_partition_of("us-east-1")[:UNIT_REGIONS])
    with run_sandbox(SandboxSpec(channels=1, accounts=accounts, regions=regions, tags=TAGS)) as sandbox:
        few = _peak_bytes(sandbox, FEW_UNITS)
        many = _peak_bytes(sandbox, MANY_UNITS)
    return Result(
        ours=f"{many / 2**20:,.0f} MiB",
        baseline=f"{few / 2**20:,.0f} MiB (at {FEW_UNITS} units)",
        ratio=many / few,
        holds=many / few <= MAX_RATIO,
        note="peak resident memory of a process that reads one inventory; run once",
    )


def _peak_bytes(sandbox: SandboxProcess, units: int) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.fleet", str(units)]
    environment = {**os.environ, **sandbox.environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The inventory of {units} units failed: {done.stderr[-2_000:]}")
    return int(done.stdout)


def read_units(units: int) -> int:
    """Be the process: read so many units by the environment's profile; give the peak of resident bytes."""
    accounts = _accounts(units // UNIT_REGIONS)
    kvs.connect(region=REGION)
    found = kvs.inventory(role_arns=_roles(accounts), regions=regions_in_partition_of("us-east-1")[:UNIT_REGIONS])
    found.raise_for_failures()
    assert len(found.coverage) == len(found.channels) == units
    return peak_bytes()


CALLS = Benchmark(
    name="fleet-calls",
    work=f"tags of {TAGGED:,} channels in bulk",
    bar="<= N/100 + 1 calls",
    needs=NEEDS,
    measure=measure_calls,
)
EACH = Benchmark(
    name="fleet-each",
    work=f"{ACCOUNTS} accounts x {REGIONS} regions x {CHANNELS} channels at 50 ms, tags one by one",
    bar=f">= {MIN_RATIO_EACH:g}x faster",
    needs=NEEDS,
    measure=measure_each,
)
BULK = Benchmark(
    name="fleet-bulk",
    work=f"{ACCOUNTS} accounts x {REGIONS} regions x {CHANNELS} channels at 50 ms, tags in bulk",
    bar=f">= {MIN_RATIO_BULK:g}x faster",
    needs=NEEDS,
    measure=measure_bulk,
)
MEMORY = Benchmark(
    name="fleet-memory",
    work=f"memory of an inventory of {MANY_UNITS:,} units",
    bar=f"<= {MAX_RATIO}x that of {FEW_UNITS}",
    needs=NEEDS,
    measure=measure_memory,
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read_units(int(sys.argv[1]))))
