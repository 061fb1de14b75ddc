"""Waiting for a status, on clocks that tests move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.channels import waiters
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.sandbox.clock import ManualClock


class Clocks:
    """A clock for the waiter that advances the sandbox's clock, too."""

    def __init__(self, sandbox: kvs.Sandbox) -> None:
        self._sandbox = sandbox
        self._now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds
        self._sandbox.advance(seconds)


@pytest.fixture(autouse=True)
def polls_each_second(short_polls: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll as users do: these tests move the clock that the waiter reads."""
    monkeypatch.setattr(waiters, "SECONDS_BETWEEN_DESCRIBES", 1.0)


@pytest.fixture
def service() -> Iterator[kvs.Sandbox]:
    """A service whose changes take seconds, on a clock that only tests move; no call waits for a rate limit."""
    slow = kvs.Assumptions(creating_seconds=3, updating_seconds=4, deleting_seconds=5)
    with kvs.Sandbox(clock=ManualClock(), assumptions=slow, quotas=False) as sandbox:
        connection = sandbox.connection()
        connection.rate_limiter.sleep = lambda _: None
        set_current(connection)
        yield sandbox


@pytest.fixture
def clocks(service: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    made = Clocks(service)
    monkeypatch.setattr(waiters, "time", made)
    return made


def describes(sandbox: kvs.Sandbox) -> int:
    return int((sandbox.requests["operation"] == "DescribeSignalingChannel").sum())


def test_wait_describes_once_a_second_until_status(service, clocks):
    channel = kvs.create_channel("front-door", wait=False)
    before = describes(service)
    active = kvs.wait_for_channel(channel)
    assert active["channel_status"].item() == "ACTIVE"
    assert clocks.slept == [1.0, 1.0, 1.0]
    assert describes(service) - before == 4


def test_wait_for_current_status_does_not_sleep(service, clocks):
    channel = kvs.create_channel("front-door")
    clocks.slept.clear()
    assert kvs.wait_for_channel(channel).equals(channel)
    assert clocks.slept == []


def test_create_update_and_delete_wait(service, clocks):
    channel = kvs.create_channel("front-door")
    assert sum(clocks.slept) == 3
    changed = kvs.update_channel(channel, message_ttl_seconds=90)
    assert (changed["channel_status"].item(), sum(clocks.slept)) == ("ACTIVE", 7)
    kvs.delete_channel(changed, wait=True)
    assert sum(clocks.slept) == 12
    assert kvs.list_channels().empty


def test_timeout_error_has_last_status_and_what_to_do(service, clocks):
    with pytest.raises(errors.WaitTimeout) as raised:
        kvs.create_channel("front-door", timeout=2)
    assert str(raised.value).endswith(
        "Timed out after 2 s waiting for 'front-door' to become ACTIVE (last status: CREATING). Increase timeout=."
    )
    assert isinstance(raised.value, TimeoutError)
    assert sum(clocks.slept) <= 2
    kvs.wait_for_channel("front-door")


def test_timeout_of_zero_describes_once(service, clocks):
    kvs.create_channel("front-door", wait=False)
    with pytest.raises(errors.WaitTimeout):
        kvs.wait_for_channel("front-door", timeout=0)
    assert clocks.slept == []


def test_wait_accepts_each_status(service, clocks):
    channel = kvs.create_channel("front-door")
    kvs.update_channel(channel, message_ttl_seconds=90, wait=False)
    assert kvs.wait_for_channel("front-door", "UPDATING")["channel_status"].item() == "UPDATING"
    kvs.wait_for_channel("front-door")
    kvs.delete_channel("front-door")
    assert kvs.wait_for_channel("front-door", "DELETING")["channel_status"].item() == "DELETING"


def test_wait_for_deleted_ends_when_channel_is_not_found(service, clocks):
    channel = kvs.create_channel("front-door")
    kvs.delete_channel(channel)
    last = kvs.wait_for_channel(channel, "DELETED")
    assert last["channel_status"].item() == "DELETING"
    gone = kvs.wait_for_channel(channel, "DELETED")
    assert len(gone) == 0
    assert dict(gone.dtypes.astype(str)) == dict(CHANNELS)


def test_wait_for_missing_channel_raises_at_once(service, clocks):
    with pytest.raises(errors.ChannelNotFound):
        kvs.wait_for_channel("missing")
    assert clocks.slept == []


def test_create_waits_for_channel_not_found_yet(monkeypatch):
    with kvs.Sandbox(clock=ManualClock(), assumptions=kvs.Assumptions(stale_seconds=2)) as sandbox:
        clocks = Clocks(sandbox)
        monkeypatch.setattr(waiters, "time", clocks)
        channel = kvs.create_channel("front-door", connection=sandbox.connection())
        assert channel["channel_status"].item() == "ACTIVE"
        assert sum(clocks.slept) == 3


def test_watch_yields_time_and_status_until_active(service, clocks):
    channel = kvs.create_channel("front-door", wait=False)
    started = kvs.current_connection().now()
    seen = [((time - started).total_seconds(), status) for time, status in kvs.watch_channel(channel)]
    assert [status for _, status in seen] == ["CREATING", "CREATING", "CREATING", "ACTIVE"]
    assert [round(seconds) for seconds, _ in seen] == [0, 1, 2, 3]


def test_watch_until_deleted_ends_with_none(service, clocks):
    channel = kvs.create_channel("front-door")
    kvs.delete_channel(channel)
    assert [status for _, status in kvs.watch_channel(channel, "DELETED")] == ["DELETING"] * 5 + [None]
    assert [status for _, status in kvs.watch_channel(channel, "DELETED")] == [None]


def test_watch_observes_as_often_as_asked(service, clocks):
    channel = kvs.create_channel("front-door", wait=False)
    before = describes(service)
    seen = [*kvs.watch_channel(channel, interval=0.5)]
    assert (len(seen), clocks.slept) == (7, [0.5] * 6)
    assert describes(service) - before == 7


def test_watch_times_out_after_yielding_what_it_saw(service, clocks):
    channel = kvs.create_channel("front-door", wait=False)
    seen = []
    with pytest.raises(errors.WaitTimeout, match=r"to become ACTIVE \(last status: CREATING\)"):
        seen.extend(kvs.watch_channel(channel, timeout=2))
    assert [status for _, status in seen] == ["CREATING"] * 3


@pytest.mark.parametrize("wrong", [{"until": "GONE"}, {"interval": 0.1}, {"interval": float("nan")}])
def test_watch_rejects_wrong_arguments_before_the_first_call(service, clocks, wrong):
    kvs.create_channel("front-door")
    before = describes(service)
    with pytest.raises(errors.InvalidInput):
        kvs.watch_channel("front-door", **wrong)
    assert describes(service) == before


def test_watch_of_missing_channel_raises_when_iterated(service, clocks):
    watch = kvs.watch_channel("missing")
    with pytest.raises(errors.ChannelNotFound):
        next(watch)
