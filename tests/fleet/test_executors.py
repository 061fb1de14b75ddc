"""Inventories on executors: the same rows as on threads, without credentials in what is pickled."""

from __future__ import annotations

import logging
import os
import signal
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.connection import Connection
from kvs_notebook.fleet import collector
from kvs_notebook.fleet.account_region import AccountRegion
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory
from kvs_notebook.fleet.credential_failures import CredentialFailures
from kvs_notebook.fleet.dask_worker import PROFILER_MAY_DEADLOCK
from kvs_notebook.fleet.discovery import discover_account_regions

OTHER = "444455556666"
ROLES = [f"arn:aws:iam::{account}:role/Reader" for account in ("111122223333", OTHER, "777788889999")]
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2"]


@pytest.fixture
def sandbox():
    with kvs.Sandbox(quotas=False) as started:
        for account in ("111122223333", OTHER, "777788889999"):
            started.seed(account_id=account)
            for region in REGIONS:
                started.seed(20, account_id=account, region=region)
        yield started


@pytest.fixture
def environment(sandbox, monkeypatch):
    """The sandbox's environment variables, in this process and those that it starts."""
    for name, value in sandbox.environment({}).items():
        if name.startswith(("AWS_", "NO_PROXY", "no_proxy")):
            monkeypatch.setenv(name, value)


@pytest.fixture
def client(environment, tmp_path):
    """A client of a cluster of one process, with the sandbox's environment variables.

    If the process dies it is started again. The cluster would give it up if that takes 15 s.
    """
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    options = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with (
        dask.config.set({"temporary-directory": str(tmp_path), "distributed.deploy.lost-worker-timeout": "10 minutes"}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=True, **options) as cluster,
        distributed.Client(cluster) as made,
    ):
        yield made


def without_times(coverage):
    return coverage.drop(columns=["seconds", "calls", "retries"])


def test_dask_returns_rows_of_threads_although_a_worker_dies(sandbox, client, monkeypatch):
    connection = kvs.connect()
    sandbox.faults.add("ListSignalingChannels", "delay", times=None, seconds=0.2)
    monkeypatch.setattr(collector, "WINDOW", 4)
    [victim] = client.run(os.getpid).values()
    listed = threading.Event()

    def kill_when_it_works():
        while not (sandbox.requests["operation"] == "ListSignalingChannels").any():
            listed.wait(0.02)
        os.kill(victim, signal.SIGKILL)
        listed.set()

    killer = threading.Thread(target=kill_when_it_works)
    killer.start()
    executor = client.get_executor(pure=False)  # not in a with statement: after a failure, its end would wait for ever
    there = kvs.inventory(role_arns=ROLES, regions=REGIONS, connection=connection, executor=executor)
    killer.join(20)
    assert listed.is_set()
    [is_profiled] = client.run(lambda dask_worker: dask_worker.periodic_callbacks["profile"].is_running()).values()
    assert is_profiled is not PROFILER_MAY_DEADLOCK  # workers on Python 3.11 hung in it
    sandbox.faults.clear()
    here = kvs.inventory(role_arns=ROLES, regions=REGIONS, connection=connection)
    assert len(there.channels) == 3 * (26 + 60)
    assert there.channels.equals(here.channels)
    assert there.tags.equals(here.tags)
    assert without_times(there.coverage).equals(without_times(here.coverage))


def clients(connections: weakref.WeakSet[Connection]) -> int:
    """Return how many of some connections have a client for listing."""
    return sum(any("listing" in key for key in each._clients._clients) for each in [*connections])


class Counting(ThreadPoolExecutor):
    """Count futures that are alive, and boto3 clients, each time work is submitted."""

    def __init__(self, connections: weakref.WeakSet[Connection]) -> None:
        super().__init__(1)
        self.connections = connections
        self.sent: list[weakref.ref[Future[Any]]] = []
        self.most = self.most_clients = 0

    def submit(self, *work: Any, **options: Any) -> Future[Any]:
        future = super().submit(*work, **options)
        self.sent.append(weakref.ref(future))
        self.most = max(self.most, sum(each() is not None for each in self.sent))
        self.most_clients = max(self.most_clients, clients(self.connections))
        return future


@pytest.fixture
def connections(monkeypatch):
    """The connections that are made and alive; asking the garbage collector for them takes 0.1 s each time."""
    alive = weakref.WeakSet()
    create = Connection.__init__

    def note(connection, config):
        create(connection, config)
        alive.add(connection)

    monkeypatch.setattr(Connection, "__init__", note)
    return alive


@pytest.mark.draw(1)
@pytest.mark.parametrize("tasks", [12, 3])
def test_executor_has_few_futures_and_clients_at_a_time(sandbox, environment, connections, monkeypatch, tasks):
    connection = kvs.connect()
    monkeypatch.setattr(collector, "WINDOW", 3)
    monkeypatch.setattr(collector, "FEWEST_TASKS", tasks)
    with Counting(connections) as executor:
        found = kvs.inventory(
            role_arns=ROLES, regions=[*REGIONS, "us-west-2"], connection=connection, executor=executor
        )
    found.raise_for_failures()
    assert len(found.coverage) == 12
    assert len(executor.sent) == tasks
    assert executor.most <= 3
    assert executor.most_clients <= 2 * 12 / tasks  # of the task that runs, and of one whose clients are being closed


@pytest.mark.parametrize(("regions", "largest", "sizes"), [(20, 24, [20]), (34, 24, [17, 17]), (5, 1, [1] * 5)])
def test_task_has_regions_of_one_account(regions: int, largest: int, sizes: list[int]) -> None:
    names = [f"region-{number}" for number in range(regions)]
    account_regions = [
        AccountRegion(Account(role_arn=role), role.split(":")[4], name, None, "bulk")
        for role in ROLES
        for name in names
    ]
    batches = [*collector._batches(account_regions, largest)]
    assert [len(batch) for batch in batches] == sizes * len(ROLES)
    assert all(len({each.account for each in batch}) == 1 for batch in batches)
    assert {each for batch in batches for each in batch} == {*account_regions}


def test_pickled_work_contains_no_secret(environment, sandbox):
    import pickle

    connection = kvs.connect()
    secret = sandbox._address.keys.secret(sandbox._address.keys.access_key_id("111122223333"))
    failures = CredentialFailures(ConnectionFactory.in_process(connection))
    (account_region,), _, _ = discover_account_regions(
        [Account()], failures, None, None, "bulk", interrupted=threading.Event()
    )
    sent = pickle.dumps((account_region, ConnectionFactory.for_workers(connection)))
    assert secret.encode() not in sent
    assert b"KVSB" not in sent
