"""The programs that the fleet benchmarks run, each in its own process and in the environment of a sandbox.

``python -m tests.benchmarks.fleet_programs NAME ACCOUNTS REGIONS`` runs one program on the first ACCOUNTS accounts and REGIONS
regions, and prints what it measured as one line of JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import product
from typing import Any

import boto3
import pandas as pd
import psutil

import kvs_notebook as kvs
from kvs_notebook.aws.regions import regions_in_partition_of
from kvs_notebook.fleet.inventory import Inventory, inventory
from tests.benchmarks.peak_memory import peak_bytes

REGION = "us-east-1"
THREADS = 32
"""Of the boto3 script and of each Dask worker; the inventory's own number."""

DASK_WORKERS, DASK_ROUNDS = 2, 3
WARM_UP_ACCOUNTS = 2


def account_ids(count: int) -> tuple[str, ...]:
    return tuple(f"{number:012}" for number in range(1, count + 1))


def region_codes(count: int) -> tuple[str, ...]:
    return tuple(regions_in_partition_of(REGION)[:count])


def role_arns(accounts: Sequence[str]) -> list[str]:
    return [f"arn:aws:iam::{account_id}:role/Reader" for account_id in accounts]


# --- the toolkit


def read_bulk(accounts: Sequence[str], regions: Sequence[str]) -> dict[str, Any]:
    """Read an inventory with tags in bulk."""
    return _measure(lambda: _counts(_read_inventory(accounts, regions)))


def read_each(accounts: Sequence[str], regions: Sequence[str]) -> dict[str, Any]:
    """Read an inventory with one tag call per channel."""
    return _measure(lambda: _counts(_read_inventory(accounts, regions, tags="each")))


def _read_inventory(
    accounts: Sequence[str], regions: Sequence[str], *, tags: str = "bulk", executor: Executor | None = None
) -> Inventory:
    kvs.connect(region=REGION)
    found = inventory(role_arns=role_arns(accounts), regions=regions, tags=tags, executor=executor)
    found.raise_for_failures()
    assert set(found.coverage["tags_source"]) == {tags}
    return found


def _counts(found: Inventory) -> tuple[int, int]:
    return len(found.channels), len(found.tags)


def _measure(work: Callable[[], tuple[int, int]]) -> dict[str, Any]:
    began, cpu_began = time.perf_counter(), time.process_time()
    channels, tags = work()
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "channels": channels,
        "tags": tags,
        "peak_bytes": peak_bytes(),
    }


# --- boto3 alone


def boto3_threads(accounts: Sequence[str], regions: Sequence[str]) -> dict[str, Any]:
    """Read the same as a competent boto3 script: on threads, with tags in bulk, one session per account."""
    return _measure(lambda: _read_on_threads(accounts, regions))


def _read_on_threads(accounts: Sequence[str], regions: Sequence[str]) -> tuple[int, int]:
    sessions = {account_id: _assume_role(account_id) for account_id in accounts}
    locks = {account_id: threading.Lock() for account_id in accounts}  # a session is not safe for threads

    def read(place: tuple[str, str]) -> tuple[list[Any], list[Any]]:
        account_id, region = place
        with locks[account_id]:
            video: Any = sessions[account_id].client("kinesisvideo", region_name=region)
            tagging: Any = sessions[account_id].client("resourcegroupstaggingapi", region_name=region)
        channel_pages = video.get_paginator("list_signaling_channels").paginate(PaginationConfig={"PageSize": 1_000})
        tag_pages = tagging.get_paginator("get_resources").paginate(
            ResourceTypeFilters=["kinesisvideo:channel"], ResourcesPerPage=100
        )
        channels = [channel for page in channel_pages for channel in page["ChannelInfoList"]]
        tags = [
            (mapping["ResourceARN"], tag["Key"], tag["Value"])
            for page in tag_pages
            for mapping in page["ResourceTagMappingList"]
            for tag in mapping["Tags"]
        ]
        return channels, tags

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(read, product(accounts, regions)))
    channels_frame = pd.json_normalize([channel for channels, _ in answers for channel in channels])
    tags_frame = pd.DataFrame([tag for _, tags in answers for tag in tags], columns=["channel_arn", "key", "value"])
    return len(channels_frame), len(tags_frame)


def boto3_loop(accounts: Sequence[str], regions: Sequence[str]) -> dict[str, Any]:
    """Read the same as a simple boto3 script: one call after the other, one tag call per channel."""
    return _measure(lambda: _read_in_a_loop(accounts, regions))


def _read_in_a_loop(accounts: Sequence[str], regions: Sequence[str]) -> tuple[int, int]:
    channels = tags = 0
    for account_id in accounts:
        session = _assume_role(account_id)
        for region in regions:
            client: Any = session.client("kinesisvideo", region_name=region)
            for page in client.get_paginator("list_signaling_channels").paginate():
                for channel in page["ChannelInfoList"]:
                    channels += 1
                    tags += len(client.list_tags_for_resource(ResourceARN=channel["ChannelARN"])["Tags"])
    return channels, tags


def _assume_role(account_id: str) -> boto3.Session:
    sts = boto3.client("sts", region_name=REGION)
    [role_arn] = role_arns([account_id])
    credentials = sts.assume_role(RoleArn=role_arn, RoleSessionName="benchmark")["Credentials"]
    return boto3.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


# --- the toolkit on Dask


def dask_workers(accounts: Sequence[str], regions: Sequence[str]) -> dict[str, Any]:
    """Read the same inventory in this process and on Dask workers, in turn, after a warm-up of both.

    Of each, the wall time is returned, and the CPU time of the busiest process.
    """
    from distributed import Client, LocalCluster

    measured: dict[str, list[dict[str, float]]] = {"process": [], "workers": []}
    with (
        LocalCluster(
            n_workers=DASK_WORKERS,
            threads_per_worker=THREADS,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
        client.get_executor(pure=False) as workers,
    ):
        executors: Mapping[str, Executor | None] = {"process": None, "workers": workers}
        for executor in executors.values():
            _read_inventory(accounts[:WARM_UP_ACCOUNTS], regions, executor=executor)
        for _ in range(DASK_ROUNDS):
            for name, executor in executors.items():
                began, cpu_began = time.perf_counter(), _cpu_seconds()
                found = _read_inventory(accounts, regions, executor=executor)
                seconds, cpu = time.perf_counter() - began, _cpu_seconds()
                busiest = max(cpu[process] - cpu_began[process] for process in cpu)
                measured[name].append({"seconds": seconds, "busiest_cpu_seconds": busiest})
                assert len(found.coverage) == len(accounts) * len(regions)
    return measured


def _cpu_seconds() -> dict[psutil.Process, float]:
    """Return the CPU time of this process and of each of its children so far."""
    here = psutil.Process()
    return {process: sum(process.cpu_times()[:2]) for process in (here, *here.children(recursive=True))}


PROGRAMS: Mapping[str, Callable[[Sequence[str], Sequence[str]], dict[str, Any]]] = {
    program.__name__: program for program in (read_bulk, read_each, boto3_threads, boto3_loop, dask_workers)
}


if __name__ == "__main__":
    _, name, accounts, regions = sys.argv
    measured = PROGRAMS[name](account_ids(int(accounts)), region_codes(int(regions)))
    sys.stdout.write(json.dumps(measured) + "\n")
