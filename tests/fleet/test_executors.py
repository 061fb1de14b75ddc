"""Inventories on Dask: the same rows from processes that were given no credentials, and nothing lost with one of them."""

from __future__ import annotations

import gc
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
from kvs_notebook.fleet import inventory as room
from kvs_notebook.fleet.account_region import Origin
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.credential_failures import Expiry
from kvs_notebook.fleet.discovery import units_of

OTHER = "444455556666"
ROLES = [f"arn:aws:iam::{account}:role/Reader" for account in ("111122223333", OTHER, "777788889999")]
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2"]

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


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
    """The sandbox's, in this process and in those that it starts."""
    for name, value in sandbox.environment({}).items():
        if name.startswith(("AWS_", "NO_PROXY", "no_proxy")):
            monkeypatch.setenv(name, value)


@pytest.fixture
def client(environment, tmp_path):
    """A cluster of 2 processes that find the sandbox in their environment, as this process does."""
    options = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with (
        dask.config.set({"temporary-directory": str(tmp_path)}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, **options) as cluster,
        distributed.Client(cluster) as made,
    ):
        yield made


def without_times(coverage):
    return coverage.drop(columns=["seconds", "calls", "retries"])


def test_dask_gives_the_rows_that_threads_give(client):
    connection = kvs.connect()
    here = kvs.inventory(role_arns=ROLES, regions=REGIONS, connection=connection)
    with client.get_executor(pure=False) as executor:
        there = kvs.inventory(role_arns=ROLES, regions=REGIONS, connection=connection, executor=executor)
    assert len(there.channels) == 3 * (26 + 60)
    assert there.channels.equals(here.channels)
    assert there.tags.equals(here.tags)
    assert without_times(there.coverage).equals(without_times(here.coverage))


def test_a_worker_that_is_killed_takes_nothing_along(sandbox, client, monkeypatch):
    connection = kvs.connect()
    sandbox.faults.add("ListSignalingChannels", "delay", times=None, seconds=0.2)
    monkeypatch.setattr(room, "WINDOW", 4)
    victim = next(iter(client.run(os.getpid).values()))
    listed = threading.Event()

    def kill_when_it_works():
        while not (sandbox.requests["operation"] == "ListSignalingChannels").any():
            listed.wait(0.02)
        os.kill(victim, signal.SIGKILL)
        listed.set()

    killer = threading.Thread(target=kill_when_it_works)
    killer.start()
    with client.get_executor(pure=False) as executor:
        found = kvs.inventory(role_arns=ROLES, regions=REGIONS, connection=connection, executor=executor)
    killer.join(20)
    assert listed.is_set()
    found.raise_for_failures()
    assert len(found.channels) == 3 * (26 + 60)


class Counting(ThreadPoolExecutor):
    """Count the units that were sent there and not yet taken, and the clients that are alive, each time one comes."""

    def __init__(self) -> None:
        super().__init__(1)
        self.sent: list[weakref.ref[Future[Any]]] = []
        self.most = self.most_clients = 0

    def submit(self, *work: Any, **options: Any) -> Future[Any]:
        future = super().submit(*work, **options)
        self.sent.append(weakref.ref(future))
        self.most = max(self.most, sum(each() is not None for each in self.sent))
        self.most_clients = max(self.most_clients, len(clients()))
        return future


def clients() -> list[Connection]:
    """Give the connections that have a client for listing."""
    alive = [each for each in gc.get_objects() if type(each) is Connection]
    return [each for each in alive if any("listing" in key for key in each._clients._clients)]


def test_few_units_are_under_way_at_a_time_and_their_clients_go_with_them(sandbox, environment, monkeypatch):
    connection = kvs.connect()
    monkeypatch.setattr(room, "WINDOW", 3)
    gc.collect()
    before = len(clients())
    with Counting() as executor:
        found = kvs.inventory(
            role_arns=ROLES, regions=[*REGIONS, "us-west-2"], connection=connection, executor=executor
        )
    found.raise_for_failures()
    assert len(executor.sent) == 12
    assert executor.most <= 3
    assert executor.most_clients - before <= 2  # that of the unit which is read, and one whose end is near


def test_what_is_sent_to_an_executor_holds_no_secret(client, sandbox):
    import pickle

    connection = kvs.connect()
    secret = sandbox._keys.secret(sandbox._keys.access_key_id("111122223333"))
    expiry = Expiry(Origin(None, "us-east-1", None, connection))
    (unit,), _, _ = units_of([Account()], expiry, None, None, "bulk", interrupted=threading.Event())
    sent = pickle.dumps((unit, Origin.elsewhere(connection)))
    assert secret.encode() not in sent
    assert b"KVSB" not in sent
