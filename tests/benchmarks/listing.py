"""Listing: 10,000 channels as a frame, beside boto3's paginator and pandas' own way to flatten it."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from kvs_notebook.channels.listing import PAGE_SIZE
from kvs_notebook.channels.operations import list_channels
from tests.benchmarks.served import Order, served
from tests.benchmarks.table import Benchmark, Finding, milliseconds

CHANNELS = 10_000
ROUNDS = 9
LEAST_RATIO = 5.0

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


def measure() -> Finding:
    with served(Order(channels=CHANNELS)) as sandbox:
        connection, client = sandbox.connection(), sandbox.plain_client()
        _check_same(list_channels(connection=connection), plain_list(client))  # which also warms both up
        ours, beside = [], []
        for _ in range(ROUNDS):
            ours.append(cpu_seconds(lambda: list_channels(connection=connection)))
            beside.append(cpu_seconds(lambda: plain_list(client)))
    mine, theirs = statistics.median(ours), statistics.median(beside)
    return Finding(
        ours=milliseconds(mine),
        beside=f"{milliseconds(theirs)} (paginator + json_normalize)",
        ratio=theirs / mine,
        holds=theirs / mine >= LEAST_RATIO,
        note=f"CPU of the client's process, median of {ROUNDS}, pages of {PAGE_SIZE:,} on both sides; the peer leaves "
        "account_id and region out",
    )


def plain_list(client: Any) -> pd.DataFrame:
    """List as anybody would who has boto3 and pandas."""
    pages = client.get_paginator("list_signaling_channels").paginate(PaginationConfig={"PageSize": PAGE_SIZE})
    infos = [info for page in pages for info in page["ChannelInfoList"]]
    return pd.json_normalize(infos)[list(COLUMNS)].rename(columns=COLUMNS).astype(DTYPES)


def _check_same(ours: pd.DataFrame, plain: pd.DataFrame) -> None:
    assert len(ours) == CHANNELS
    pd.testing.assert_frame_equal(ours[list(DTYPES)], plain.sort_values("channel_name", ignore_index=True))


def cpu_seconds(work: Callable[[], object]) -> float:
    """Give the CPU seconds of some work, begun with no garbage: else one contender collects what the other has left."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


BENCHMARK = Benchmark(
    name="list",
    work=f"{CHANNELS:,} channels to a frame",
    bar=f">= {LEAST_RATIO:g}x less CPU",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure,
)
