"""Ctrl-C ends an inventory and returns what was read."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import kvs_notebook as kvs
from kvs_notebook.aws import concurrency
from kvs_notebook.fleet import collector, discovery
from kvs_notebook.fleet.frame_buffer import FrameBuffer
from tests.fleet.inventories import OTHER, REGIONS, ROLE, check_only_gap, join_threads


@pytest.fixture
def ctrl_c():
    """Restore the SIGINT handler of a terminal: a shell starts background processes with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_during_discovery_returns_coverage(fleet_of_two_accounts, connection, monkeypatch):
    account_details = discovery._account_details

    def pressed(*arguments):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        deadline = time.monotonic() + 20
        while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # it was recorded
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return account_details(*arguments)

    monkeypatch.setattr(concurrency, "THREADS", 1)
    monkeypatch.setattr(discovery, "_account_details", pressed)
    found = kvs.inventory(role_arns=[ROLE.replace(OTHER, f"{number:012}") for number in range(20)])
    assert set(found.coverage["error_code"]) == {"Interrupted"}
    assert len(found.coverage) == 20
    assert sum(found.coverage["region"].isna()) == 19


def test_ctrl_c_returns_what_was_read(fleet, connection, monkeypatch):
    fleet.faults.add("ListSignalingChannels", "delay", times=None, seconds=20, region="eu-west-1")
    waited = collector.wait

    def interrupted(futures, *args):
        done = waited(futures, *args)
        if len(futures) - len(done.done) == 1 and not done.done:  # all but the one that hangs have finished
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(collector, "wait", interrupted)
    found = kvs.inventory(regions=REGIONS)
    check_only_gap(found, "111122223333", "eu-west-1", "error")
    assert found.gaps["error_code"].item() == "Interrupted"


def test_ctrl_c_during_tags_keeps_channels_and_stops_calls(sandbox, connection, monkeypatch):
    for number in range(20):
        kvs.create_channel(f"camera-{number:02}", wait=False)
    sandbox.faults.add("ListTagsForResource", "delay", times=None, seconds=2)
    waited = collector.wait

    def interrupted(*args):
        if any(thread.name.startswith("kvs-notebook_") for thread in threading.enumerate()):  # those that read tags
            raise KeyboardInterrupt
        return waited(*args)

    monkeypatch.setattr(collector, "wait", interrupted)
    found = kvs.inventory(tags="each")
    row = found.coverage[["status", "error_code", "tags_source", "channels"]]
    assert row.to_numpy().tolist() == [["ok", "Interrupted", "failed", 20]]
    assert len(found.channels) == 20
    join_threads("kvs-inventory_", "kvs-notebook_")
    assert sandbox.requests["operation"].tolist().count("ListTagsForResource") <= concurrency.THREADS


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_channels_and_coverage_consistent(fleet, connection, monkeypatch):
    append = FrameBuffer.append

    def press_and_append(buffer, key, items):
        if not pressed:
            pressed.append(os.kill(os.getpid(), signal.SIGINT))
        append(buffer, key, items)

    pressed: list[None] = []
    monkeypatch.setattr(FrameBuffer, "append", press_and_append)
    monkeypatch.setattr(collector, "THREADS", 1)
    found = kvs.inventory(regions=REGIONS)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert found.coverage["region"].tolist() == sorted(REGIONS)
    read = found.coverage.query("status == 'ok'")
    assert 0 < len(read) < len(REGIONS)
    assert read["channels"].sum() == len(found.channels) > 0
    assert set(found.gaps["error_code"]) == {"Interrupted"}


def test_ctrl_c_keeps_finished_account_regions(fleet, connection, monkeypatch):
    waited = collector.wait

    def until_all_have_answered(futures, *_):
        waited(futures)
        raise KeyboardInterrupt

    monkeypatch.setattr(collector, "wait", until_all_have_answered)
    found = kvs.inventory(regions=REGIONS)
    found.raise_for_failures()
    assert len(found.channels) == 26
