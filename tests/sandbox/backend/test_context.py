from __future__ import annotations

from datetime import timedelta

import pytest

from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.context import Caller, ServiceContext
from kvs_notebook.sandbox.backend.operations import perform
from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.clock import STEPPED_START, DerivedVersions, SteppedClock, WallClock

CALLER = Caller("111122223333", "us-east-1", "KVSB111122223333ABCD")


@pytest.fixture
def store():
    opened = Store.open()
    yield opened
    opened.close()


def start(store, clock):
    return ServiceContext(store, clock, DerivedVersions(), Assumptions(), lambda: "127.0.0.1:4433")


def create(service, name):
    return perform(service, CALLER, "CreateSignalingChannel", {"ChannelName": name})["ChannelARN"]


def test_new_service_does_not_move_the_clock(store):
    assert start(store, SteppedClock()).clock.now() == STEPPED_START


def test_stepped_time_does_not_go_back_after_restart(store):
    first = start(store, SteppedClock())
    arn = create(first, "front-door")
    first.advance(1)
    perform(first, CALLER, "DeleteSignalingChannel", {"ChannelARN": arn})
    first.advance(5)
    again = start(store, SteppedClock())
    assert first.clock.now() < again.clock.now() < first.clock.now() + timedelta(seconds=2)
    assert again.clock.now().microsecond == 0
    assert create(again, "front-door") != arn


def test_time_that_was_advanced_stays_advanced_after_a_restart(store):
    first = start(store, WallClock())
    first.advance(3600)
    assert start(store, WallClock()).clock.now() >= first.clock.now() - timedelta(minutes=1)


def test_service_recreated_on_running_clock_does_not_move_it(store):
    clock = SteppedClock()
    create(start(store, clock), "front-door")
    before = clock.now()
    start(store, clock)
    assert clock.now() == before
