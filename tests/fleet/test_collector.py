"""Account-regions that hang are given up, and an executor that fails loses nothing that was read."""

from __future__ import annotations

import gc
import re
import threading
import time
import weakref
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import pytest

import kvs_notebook as kvs
from kvs_notebook.aws import concurrency
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet import collector, connection_factory
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory
from tests.conftest import connection, sandbox
from tests.fleet.inventories import REGIONS, check_only_gap, join_threads, write_accounts

__all__ = ["connection", "sandbox"]  # fixtures: calls that hang end with a private sandbox


def test_session_is_released_after_last_account_region(fleet_of_two_accounts, connection, tmp_path, monkeypatch):
    factories, connections = [], []
    in_process, connection_to = ConnectionFactory.in_process, connection_factory.connection_to

    def kept(base):
        factories.append(in_process(base))  # so that the connections do not go with the factory
        return factories[-1]

    def observed(account, base, shared_clients):
        made = connection_to(account, base, shared_clients)
        connections.append(weakref.ref(made))
        return made

    monkeypatch.setattr(ConnectionFactory, "in_process", kept)
    monkeypatch.setattr(connection_factory, "connection_to", observed)
    kvs.inventory(accounts=write_accounts(tmp_path), regions=REGIONS).raise_for_failures()
    gc.collect()
    assert len(factories) == 1
    assert [each() for each in connections] == [None]


def test_hanging_account_region_is_given_up(fleet, connection):
    fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=20, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS, unit_timeout=2)
    check_only_gap(found, "111122223333", "eu-west-1", "error")
    assert found.gaps["error_code"].item() == "TimedOut"


def test_pages_that_never_end_are_given_up(sandbox, connection):
    sandbox.seed(10_000)
    sandbox.faults.add("ListSignalingChannels", "delay", times=None, seconds=0.3)
    found = kvs.inventory(unit_timeout=1.5)  # each page comes in time
    check_only_gap(found, "111122223333", "us-east-1", "error")
    assert re.search("ListSignalingChannels was not at its last page after 1.5 s", found.gaps["message"].item())
    assert sandbox.requests["operation"].tolist().count("ListSignalingChannels") < 10


def test_slow_account_region_that_replies_is_read(fleet, connection):
    fleet.faults.add("ListTagsForResource", "delay", times=None, seconds=2)
    began = time.monotonic()
    found = kvs.inventory(tags="each", unit_timeout=3)  # 11 channels, 8 at a time
    assert time.monotonic() - began > 3
    found.raise_for_failures()
    assert found.tags.equals(kvs.inventory(tags="bulk").tags)


def test_account_region_with_hanging_tags_keeps_channels(fleet, connection):
    fleet.faults.add("GetResources", "delay", times=None, seconds=20, region="eu-west-1")
    found = kvs.inventory(regions=REGIONS, unit_timeout=2)
    row = found.coverage.query("region == 'eu-west-1'")
    assert row[["status", "error_code", "tags_source", "channels"]].to_numpy().tolist() == [
        ["ok", "TimedOut", "failed", 9]
    ]
    assert row["calls"].item() == 2
    assert row["seconds"].item() > 2
    assert len(found.channels.query("region == 'eu-west-1'")) == 9
    assert found.gaps["region"].tolist() == ["eu-west-1"]


def test_given_up_account_region_makes_no_further_calls(sandbox, connection):
    for number in range(20):
        kvs.create_channel(f"camera-{number:02}", wait=False)
    sandbox.faults.add("ListTagsForResource", "delay", times=None, seconds=2)
    found = kvs.inventory(tags="each", unit_timeout=1)
    assert found.gaps["error_code"].tolist() == ["TimedOut"]
    join_threads("kvs-inventory_", "kvs-notebook_")
    assert sandbox.requests["operation"].tolist().count("ListTagsForResource") == concurrency.THREADS


def test_session_is_released_after_giving_up(fleet, connection, monkeypatch):
    released = []
    monkeypatch.setattr(ConnectionFactory, "release", lambda _, account: released.append(account))
    fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=3)
    kvs.inventory(unit_timeout=1)
    assert released == [Account()]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), None, "300"])
def test_unit_timeout_not_above_zero_is_rejected(sandbox, connection, seconds):
    with pytest.raises(InvalidInput, match=r"unit_timeout=.* is not valid. Expected seconds, more than 0\."):
        kvs.inventory(unit_timeout=seconds)
    assert len(sandbox.requests) == 0


def test_hanging_account_regions_do_not_block_others(fleet, connection, monkeypatch):
    monkeypatch.setattr(collector, "THREADS", 2)
    slow = ["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"]
    for region in slow:
        fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=20, region=region)
    found = kvs.inventory(regions=[*slow, "us-east-1", "us-west-2", "ap-southeast-2"], unit_timeout=1.5)
    assert set(found.gaps["region"]) == set(slow)
    assert set(found.gaps["error_code"]) == {"TimedOut"}
    assert len(found.channels.query("region == 'us-east-1'")) == 11


def test_broken_executor_keeps_what_was_read(fleet, connection, monkeypatch):
    class Broken(ThreadPoolExecutor):
        left = 1

        def submit(self, *arguments):
            if not self.left:
                raise BrokenExecutor("A child process terminated abruptly.")
            self.left -= 1
            return super().submit(*arguments)

    monkeypatch.setattr(ConnectionFactory, "for_workers", ConnectionFactory.in_process)
    with Broken(1) as pool:
        found = kvs.inventory(regions=REGIONS, executor=pool)
    assert sorted(found.coverage["error_code"].fillna("none")) == ["BrokenExecutor", "BrokenExecutor", "none"]
    assert len(found.channels) > 0


def test_executor_rejects_connection_with_local_credentials(fleet, connection):
    with ThreadPoolExecutor(1) as pool, pytest.raises(InvalidInput, match="credentials stay in this process"):
        kvs.inventory(executor=pool)


def test_inventory_leaves_no_thread(fleet, connection):
    kvs.inventory(regions=REGIONS)
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("kvs-inventory") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
