"""A sandbox in a process of its own, so that what it spends is not counted as its client's.

Run as a module it is that process: it reads one order (JSON) from its arguments, answers with one line (JSON), and serves until
its standard input closes, which also happens when whoever ordered it dies.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
from botocore.config import Config

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig, LocalService
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.sandbox.address import Address
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.clock import WallClock
from kvs_notebook.sandbox.example_fleet import seed_numbered
from kvs_notebook.sandbox.http.admin_client import AdminClient
from kvs_notebook.sandbox.http.request_log import requests_frame

if TYPE_CHECKING:
    import pandas as pd

ACCOUNT, OTHER_ACCOUNT = "111122223333", "000000000000"
REGION = "us-east-1"
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What sandbox is wanted: so many channels in each region of each account, each channel with the same tags."""

    channels: int
    accounts: tuple[str, ...] = (ACCOUNT,)
    regions: tuple[str, ...] = (REGION,)
    tags: Mapping[str, str] = field(default_factory=dict)
    quotas: bool = False
    burst: float | None = None
    delay_seconds: float = 0.0
    creating_seconds: float = Assumptions().creating_seconds


class Served:
    """Be a client of a sandbox that runs elsewhere; ``environment`` is for programs that are to find it too."""

    def __init__(self, endpoint_url: str, keys: AccessKeys, environment: Mapping[str, str], pid: int) -> None:
        self.endpoint_url = endpoint_url
        self.keys = keys
        self.environment = environment
        self.pid = pid

    @property
    def port(self) -> int:
        return int(self.endpoint_url.rpartition(":")[2])

    def session(self, account_id: str = ACCOUNT) -> boto3.Session:
        access_key_id = self.keys.access_key_id(account_id)
        return boto3.Session(
            aws_access_key_id=access_key_id,
            aws_secret_access_key=self.keys.secret(access_key_id),
            region_name=REGION,
        )

    def connection(self, account_id: str = ACCOUNT, *, share: Mapping[str, float] | None = None) -> Connection:
        """Connect as the toolkit does."""
        return Connection(
            ConnectionConfig(
                session=SharedSession(self.session(account_id)),
                region=REGION,
                account_id=account_id,
                endpoint_url=self.endpoint_url,
                proxies={},
                share=share,
                local_service=LocalService(
                    now=lambda: datetime.now(UTC),
                    ca_path=lambda: self.environment["AWS_CA_BUNDLE"],
                    unreachable_hint="The sandbox of the benchmark has stopped.",
                ),
            )
        )

    def plain_client(self, account_id: str = ACCOUNT) -> Any:
        """Connect as boto3 does by itself."""
        return self.session(account_id).client(
            "kinesisvideo", endpoint_url=self.endpoint_url, config=Config(proxies={})
        )

    def resident_bytes(self) -> int:
        """Give the memory that its process has."""
        return psutil.Process(self.pid).memory_info().rss

    def requests(self) -> pd.DataFrame:
        return requests_frame(
            AdminClient(Address(self.endpoint_url, self.keys, {"account_id": ACCOUNT, "region": REGION})).requests()
        )


@contextmanager
def served(order: Order) -> Iterator[Served]:
    """Serve a sandbox in another process while the context lasts."""
    command = [sys.executable, "-m", "tests.benchmarks.served", json.dumps(asdict(order))]
    with ended(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("The sandbox's process ended before it answered: its error stands above.")
        answer = json.loads(line)
        keys = AccessKeys(bytes.fromhex(answer["root_secret"]))
        yield Served(answer["endpoint_url"], keys, answer["environment"], process.pid)


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End a process with the context, by closing its standard input and, where that is not enough, by force."""
    with process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def serve(order: Mapping[str, Any]) -> None:
    """Be the process: start, fill, say where, and wait for the end of standard input."""
    from kvs_notebook.sandbox.sandbox import Sandbox  # the client's side does without the extra that it needs

    with ExitStack() as stack:
        state = None
        if order["tags"]:  # only a store takes tags in bulk: it is filled first, then served as a durable sandbox's
            state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kvs-notebook-benchmark-")))
            with closing(Store.open(state / "sandbox.sqlite")) as store:
                for account_id, region in product(order["accounts"], order["regions"]):
                    seed_numbered(store, order["channels"], account_id, region, WallClock().now(), tags=order["tags"])
        assumptions = Assumptions(quota_burst=order["burst"], creating_seconds=order["creating_seconds"])
        sandbox = stack.enter_context(
            Sandbox(state, account_id=ACCOUNT, region=REGION, quotas=order["quotas"], assumptions=assumptions)
        )
        if not order["tags"]:
            for account_id, region in product(order["accounts"], order["regions"]):
                sandbox.seed(order["channels"], account_id=account_id, region=region)
        if order["delay_seconds"]:
            sandbox.faults.add("*", "delay", None, seconds=order["delay_seconds"])
        root_secret = sandbox._address.keys.root_secret
        answer = {
            "endpoint_url": sandbox.endpoint_url,
            "root_secret": root_secret.hex(),
            "environment": sandbox.environment(),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
