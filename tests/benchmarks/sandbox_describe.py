"""Measure how fast the sandbox answers, with moto's server as the baseline, and with many channels compared with few."""

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

from tests.benchmarks.http_load import HOST, measure_latencies, sign_request
from tests.benchmarks.sandbox_process import ACCOUNT, REGION, SandboxProcess, SandboxSpec, run_sandbox, terminate_after
from tests.benchmarks.table import Benchmark, Result

DESCRIBE = "/describeSignalingChannel"
CONNECTIONS = 8
ROUNDS = 5
SECONDS = 2.0
"""Duration of each measurement in each round."""

MIN_RATIO = 10.0

FEW, MANY = 1_000, 100_000
SCALE_ROUNDS = 9
SCALE_SECONDS = 1.0
SAMPLE = 1_000
MAX_RATIO = 1.2

STREAMS = 8
TIMEOUT_SECONDS = 30.0

MOTO = """
import os, sys, threading
from moto.server import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()  # exits with its parent
main(sys.argv[1:])
"""


def measure_compared_with_moto() -> Result:
    with run_sandbox(SandboxSpec(channels=FEW)) as sandbox, run_moto() as port:
        stream_session = boto3.Session("moto", "moto", region_name=REGION)
        ours, baseline = [], []
        for _ in range(ROUNDS):
            ours.append(_rate(sandbox.port, describe_requests(sandbox, FEW, STREAMS)))
            streams = [
                sign_request(stream_session, port, "/describeStream", {"StreamName": f"stream-{number}"})
                for number in range(STREAMS)
            ]
            baseline.append(_rate(port, streams))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=f"{mine:,.0f} requests/s",
        baseline=f"{theirs:,.0f} requests/s (moto server, DescribeStream)",
        ratio=mine / theirs,
        holds=mine / theirs >= MIN_RATIO,
        note=f"pre-signed raw requests on {CONNECTIONS} connections, median of {ROUNDS} x {SECONDS:g} s; moto has no "
        "signaling channels, checks no signature, and closes each connection after one request",
    )


def _rate(port: int, requests: list[bytes]) -> float:
    began = time.perf_counter()
    answers = len(measure_latencies(port, requests, connections=CONNECTIONS, seconds=SECONDS))
    return answers / (time.perf_counter() - began)


def measure_scale() -> Result:
    with run_sandbox(SandboxSpec(channels=FEW)) as small, run_sandbox(SandboxSpec(channels=MANY)) as large:
        ours: list[float] = []
        baseline: list[float] = []
        for _ in range(SCALE_ROUNDS):
            ours.append(_p50(large, MANY))
            baseline.append(_p50(small, FEW))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=f"{mine * 1e6:.0f} us",
        baseline=f"{theirs * 1e6:.0f} us (at {FEW:,})",
        ratio=mine / theirs,
        holds=mine / theirs <= MAX_RATIO,
        note=f"p50 of {SAMPLE:,} channels drawn at random, one connection, median of {SCALE_ROUNDS} x {SCALE_SECONDS:g} s",
    )


def _p50(sandbox: SandboxProcess, channels: int) -> float:
    requests = describe_requests(sandbox, channels, SAMPLE)
    return statistics.median(measure_latencies(sandbox.port, requests, connections=1, seconds=SCALE_SECONDS))


def describe_requests(sandbox: SandboxProcess, channels: int, count: int) -> list[bytes]:
    """Return signed DescribeSignalingChannel requests for channels drawn at random, the same in every run."""
    session = sandbox.session(ACCOUNT)
    numbers = random.Random(channels).sample(range(channels), count)  # noqa: S311 - not a secret
    return [sign_request(session, sandbox.port, DESCRIBE, {"ChannelName": f"device-{number:07}"}) for number in numbers]


@contextmanager
def run_moto() -> Iterator[int]:
    """Run moto's server in another process for the duration of the context; yield its port."""
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", MOTO, "-H", HOST, "-p", str(port)]
    silent = subprocess.DEVNULL
    with terminate_after(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=silent, stderr=silent, text=True)
    ) as process:
        _wait_until_listening(port, process)
        client = boto3.Session("moto", "moto", region_name=REGION).client(
            "kinesisvideo", endpoint_url=f"http://{HOST}:{port}", config=Config(proxies={})
        )
        for number in range(STREAMS):
            client.create_stream(StreamName=f"stream-{number}")
        yield port


def _wait_until_listening(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("moto's server did not start. Run python -m moto.server to see why.") from None
            time.sleep(0.05)
        else:
            return


COMPARED_WITH_MOTO = Benchmark(
    name="sandbox-describe",
    work="describe, sandbox and moto server",
    bar=f">= {MIN_RATIO:g}x",
    needs={
        "uvicorn": "pip install 'kvs-notebook[sandbox]'",
        "moto": "pip install 'kvs-notebook[test]'",
        "flask": "pip install 'kvs-notebook[test]'",
    },
    measure=measure_compared_with_moto,
)
SCALE = Benchmark(
    name="sandbox-scale",
    work=f"p50 of describe at {MANY:,} channels",
    bar=f"<= {MAX_RATIO}x that at {FEW:,}",
    needs={"uvicorn": "pip install 'kvs-notebook[sandbox]'"},
    measure=measure_scale,
)
