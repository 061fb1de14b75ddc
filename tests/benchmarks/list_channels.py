"""Measure list_channels() of 10,000 channels, with boto3's paginator and pandas.json_normalize as the baseline."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from kvs_notebook.channels.listing import PAGE_SIZE
from kvs_notebook.channels.operations import list_channels
from tests.benchmarks.sandbox_process import SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result, format_milliseconds

CHANNELS = 10_000
ROUNDS = 9
MIN_RATIO = 5.0

COLUMNS = {
    "ChannelName": "channel_name",
    "ChannelARN": "channel_arn",
    "ChannelType": "channel_type",
    "ChannelStatus": "channel_status",
    "CreationTime": "creation_time",
    "SingleMasterConfiguration.MessageTtlSeconds": "message_ttl_seconds",
    "Version": "version",
}
DTYPES = dict.fromkeys(COLUMNS.values(), "str") | {
    "creation_time": "datetime64[ms, UTC]",
    "message_ttl_seconds": "Int64",
}


def measure() -> Result:
    with run_sandbox(SandboxSpec(channels=CHANNELS)) as sandbox:
        connection, client = sandbox.connection(), sandbox.plain_client()
        _check_same(list_channels(connection=connection), plain_list(client))  # also a warm-up of both
        ours, baseline = [], []
        for _ in range(ROUNDS):
            ours.append(cpu_seconds(lambda: list_channels(connection=connection)))
            baseline.append(cpu_seconds(lambda: plain_list(client)))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=format_milliseconds(mine),
        baseline=f"{format_milliseconds(theirs)} (paginator + json_normalize)",
        ratio=theirs / mine,
        holds=theirs / mine >= MIN_RATIO,
        note=f"CPU of the client's process, median of {ROUNDS}, pages of {PAGE_SIZE:,} on both sides; the baseline leaves "
        "out account_id and region",
    )


def plain_list(client: Any) -> pd.DataFrame:
    """List the channels with boto3 and pandas alone."""
    pages = client.get_paginator("list_signaling_channels").paginate(PaginationConfig={"PageSize": PAGE_SIZE})
    infos = [info for page in pages for info in page["ChannelInfoList"]]
    return pd.json_normalize(infos)[list(COLUMNS)].rename(columns=COLUMNS).astype(DTYPES)


def _check_same(ours: pd.DataFrame, plain: pd.DataFrame) -> None:
    assert len(ours) == CHANNELS
    pd.testing.assert_frame_equal(ours[list(DTYPES)], plain.sort_values("channel_name", ignore_index=True))


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of a call. Garbage is collected before, so that no side pays for what the other has left."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


BENCHMARK = Benchmark(
    name="list",
    work=f"{CHANNELS:,} channels to a frame",
    bar=f">= {MIN_RATIO:g}x less CPU",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure,
)
