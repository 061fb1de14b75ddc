"""Describing: how fast the sandbox answers, beside moto's server, and with many channels beside few."""

from __future__ import annotations

import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore.config import Config

from tests.benchmarks.load import HOST, latencies, signed
from tests.benchmarks.served import ACCOUNT, REGION, Order, Served, ended, served
from tests.benchmarks.table import Benchmark, Finding

DESCRIBE = "/describeSignalingChannel"
CONNECTIONS = 8
ROUNDS = 5
SECONDS = 2.0
"""Of each contender in each round."""

LEAST_RATIO = 10.0

FEW, MANY = 1_000, 100_000
SCALE_ROUNDS = 9
SCALE_SECONDS = 1.0
SAMPLE = 1_000
LONGEST_RATIO = 1.2

STREAMS = 8
PATIENCE_SECONDS = 30.0

MOTO = """
import os, sys, threading
from moto.server import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()  # it ends with its parent
main(sys.argv[1:])
"""


def measure_beside_moto() -> Finding:
    with served(Order(channels=FEW)) as sandbox, moto() as port:
        stream_session = boto3.Session("moto", "moto", region_name=REGION)
        ours, beside = [], []
        for _ in range(ROUNDS):
            ours.append(_rate(sandbox.port, describes(sandbox, FEW, STREAMS)))
            streams = [
                signed(stream_session, port, "/describeStream", {"StreamName": f"stream-{number}"})
                for number in range(STREAMS)
            ]
            beside.append(_rate(port, streams))
    mine, theirs = statistics.median(ours), statistics.median(beside)
    return Finding(
        ours=f"{mine:,.0f} requests/s",
        beside=f"{theirs:,.0f} requests/s (moto server, DescribeStream)",
        ratio=mine / theirs,
        holds=mine / theirs >= LEAST_RATIO,
        note=f"pre-signed raw requests on {CONNECTIONS} connections, median of {ROUNDS} x {SECONDS:g} s; moto knows no "
        "signaling channels, checks no signature, and closes each connection, which is then made anew",
    )


def _rate(port: int, requests: list[bytes]) -> float:
    began = time.perf_counter()
    answered = len(latencies(port, requests, connections=CONNECTIONS, seconds=SECONDS))
    return answered / (time.perf_counter() - began)


def measure_scale() -> Finding:
    with served(Order(channels=FEW)) as small, served(Order(channels=MANY)) as large:
        ours: list[float] = []
        beside: list[float] = []
        for _ in range(SCALE_ROUNDS):
            ours.append(_p50(large, MANY))
            beside.append(_p50(small, FEW))
    mine, theirs = statistics.median(ours), statistics.median(beside)
    return Finding(
        ours=f"{mine * 1e6:.0f} us",
        beside=f"{theirs * 1e6:.0f} us (at {FEW:,})",
        ratio=mine / theirs,
        holds=mine / theirs <= LONGEST_RATIO,
        note=f"p50 of {SAMPLE:,} channels drawn at random, one connection, median of {SCALE_ROUNDS} x {SCALE_SECONDS:g} s",
    )


def _p50(sandbox: Served, channels: int) -> float:
    requests = describes(sandbox, channels, SAMPLE)
    return statistics.median(latencies(sandbox.port, requests, connections=1, seconds=SCALE_SECONDS))


def describes(sandbox: Served, channels: int, count: int) -> list[bytes]:
    """Sign describes of channels drawn at random, the same in every run."""
    session = sandbox.session(ACCOUNT)
    numbers = random.Random(channels).sample(range(channels), count)  # noqa: S311 - a sample, no secret
    return [signed(session, sandbox.port, DESCRIBE, {"ChannelName": f"device-{number:07}"}) for number in numbers]


@contextmanager
def moto() -> Iterator[int]:
    """Serve moto in another process while the context lasts; give its port."""
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", MOTO, "-H", HOST, "-p", str(port)]
    quiet = subprocess.DEVNULL
    with ended(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, text=True)) as process:
        _wait_until_it_listens(port, process)
        client = boto3.Session("moto", "moto", region_name=REGION).client(
            "kinesisvideo", endpoint_url=f"http://{HOST}:{port}", config=Config(proxies={})
        )
        for number in range(STREAMS):
            client.create_stream(StreamName=f"stream-{number}")
        yield port


def _wait_until_it_listens(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("moto's server did not start: python -m moto.server says why.") from None
            time.sleep(0.05)
        else:
            return


BESIDE_MOTO = Benchmark(
    name="sandbox-describe",
    work="describe, sandbox beside moto server",
    bar=f">= {LEAST_RATIO:g}x",
    needs={
        "uvicorn": "pip install 'kvs-notebook[sandbox]'",
        "moto": "pip install 'kvs-notebook[test]'",
        "flask": "pip install 'kvs-notebook[test]'",
    },
    measure=measure_beside_moto,
)
SCALE = Benchmark(
    name="sandbox-scale",
    work=f"p50 of describe at {MANY:,} channels",
    bar=f"<= {LONGEST_RATIO}x that at {FEW:,}",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure_scale,
)
