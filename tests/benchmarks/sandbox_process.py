"""Run a sandbox in another process, so that its CPU time and memory do not count as the client's.

Run as a module, it is that process: it reads a SandboxSpec (JSON) from its arguments, writes one line (JSON) when it is ready,
and serves until its standard input closes, which also happens if the parent process dies.
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
TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """What a sandbox contains: the number of channels in each region of each account, and the tags of each channel."""

    channels: int
    accounts: tuple[str, ...] = (ACCOUNT,)
    regions: tuple[str, ...] = (REGION,)
    tags: Mapping[str, str] = field(default_factory=dict)
    quotas: bool = False
    burst: float | None = None
    delay_seconds: float = 0.0
    creating_seconds: float = Assumptions().creating_seconds


class SandboxProcess:
    """A sandbox that runs in another process; programs started with ``environment`` connect to it, too."""

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
        """Create a connection of the toolkit."""
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
                    unreachable_hint=lambda: "The sandbox of the benchmark has stopped.",
                ),
            )
        )

    def plain_client(self, account_id: str = ACCOUNT) -> Any:
        """Create a boto3 client without the toolkit."""
        return self.session(account_id).client(
            "kinesisvideo", endpoint_url=self.endpoint_url, config=Config(proxies={})
        )

    def resident_bytes(self) -> int:
        """Return the resident memory of the sandbox's process."""
        return psutil.Process(self.pid).memory_info().rss

    def requests(self) -> pd.DataFrame:
        return requests_frame(
            AdminClient(Address(self.endpoint_url, self.keys, {"account_id": ACCOUNT, "region": REGION})).requests()
        )


@contextmanager
def run_sandbox(spec: SandboxSpec) -> Iterator[SandboxProcess]:
    """Run a sandbox in another process for the duration of the context."""
    command = [sys.executable, "-m", "tests.benchmarks.sandbox_process", json.dumps(asdict(spec))]
    with terminate_after(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("The sandbox exited before it was ready. Its error is on standard error above.")
        ready = json.loads(line)
        keys = AccessKeys(bytes.fromhex(ready["root_secret"]))
        yield SandboxProcess(ready["endpoint_url"], keys, ready["environment"], process.pid)


@contextmanager
def terminate_after(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Stop a process at the end of the context: close its standard input and, if it does not exit, kill it."""
    with process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def serve(spec: Mapping[str, Any]) -> None:
    """Start and fill a sandbox, write its address to standard output, and serve until standard input closes."""
    from kvs_notebook.sandbox.sandbox import Sandbox  # the client's side must not need the sandbox extra

    with ExitStack() as stack:
        state = None
        if spec["tags"]:  # fill a store first: sandbox.seed() cannot set tags in bulk
            state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kvs-notebook-benchmark-")))
            with closing(Store.open(state / "sandbox.sqlite")) as store:
                for account_id, region in product(spec["accounts"], spec["regions"]):
                    seed_numbered(store, spec["channels"], account_id, region, WallClock().now(), tags=spec["tags"])
        assumptions = Assumptions(quota_burst=spec["burst"], creating_seconds=spec["creating_seconds"])
        sandbox = stack.enter_context(
            Sandbox(state, account_id=ACCOUNT, region=REGION, quotas=spec["quotas"], assumptions=assumptions)
        )
        if not spec["tags"]:
            for account_id, region in product(spec["accounts"], spec["regions"]):
                sandbox.seed(spec["channels"], account_id=account_id, region=region)
        if spec["delay_seconds"]:
            sandbox.faults.add("*", "delay", None, seconds=spec["delay_seconds"])
        root_secret = sandbox._address.keys.root_secret
        ready = {
            "endpoint_url": sandbox.endpoint_url,
            "root_secret": root_secret.hex(),
            "environment": sandbox.environment(),
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
