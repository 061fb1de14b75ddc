"""Pacing: calls leave evenly under a share of each quota, and a throttled one comes again, on a clock that tests move."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from kvs_notebook import errors
from kvs_notebook.aws import concurrency, rate_limit
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.rate_limit import RateLimiter


class Time:
    """Stand still but for sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def paced(time: Time, share=None) -> RateLimiter:
    return RateLimiter(share, clock=time, sleep=time.sleep)


def departures(time: Time, buckets: RateLimiter, operation: str, channels) -> list[float]:
    began, left = time.now, []
    for channel in channels:
        buckets.wait(operation, channel)
        left.append(time.now - began)
    return left


# --- buckets


def test_calls_leave_evenly_at_a_share_of_the_quota(time):
    left = departures(time, paced(time, 0.98), "ListTagsForResource", (f"c{number}" for number in range(100)))
    assert left == pytest.approx([number / 49 for number in range(100)])


def test_the_shares_leave_room_for_devices_that_connect(time):
    assert departures(time, paced(time), "ListSignalingChannels", [None] * 3) == pytest.approx([0, 1 / 45, 2 / 45])
    assert departures(time, paced(time), "GetSignalingChannelEndpoint", "ab") == pytest.approx([0, 1 / 150])
    assert departures(time, paced(time), "DescribeSignalingChannel", "ab") == pytest.approx([0, 1 / 150])


@pytest.mark.parametrize(
    ("operation", "gap"), [("ConnectAsViewer", 1 / 1.5), ("ConnectAsMaster", 1 / 1.5), ("GetIceServerConfig", 1 / 2.5)]
)
def test_connecting_leaves_half_of_a_channels_quota_to_its_devices(time, operation, gap):
    assert departures(time, paced(time), operation, "aaa") == pytest.approx([0, gap, 2 * gap])
    assert departures(time, paced(time, {operation: 1}), operation, "aa") == pytest.approx([0, gap / 2])


def test_channels_do_not_wait_for_each_other_to_be_connected_to(time):
    assert departures(time, paced(time), "ConnectAsViewer", "abc") == [0, 0, 0]


def test_one_channel_has_a_smaller_quota_of_its_own(time):
    buckets = paced(time, 1.0)
    assert departures(time, buckets, "UpdateSignalingChannel", "aab") == pytest.approx([0, 0.2, 0.22])


def test_a_busy_channel_does_not_hold_up_the_others(time):
    buckets = paced(time, 1.0)
    turns: dict[str, float] = {}
    for channel in "aaaa":
        buckets.wait("TagResource", channel)
    before = time.now
    buckets.wait("TagResource", "b")
    turns["b"] = time.now - before
    assert turns["b"] <= 1 / 50 + 1e-9


def test_operations_do_not_share_a_bucket(time):
    buckets = paced(time)
    for operation in QUOTAS:
        assert buckets.wait(operation, "front-door") == 0


def test_what_has_no_quota_never_waits(time):
    assert [paced(time).wait("GetCallerIdentity") for _ in range(5)] == [0] * 5


def test_an_idle_bucket_saves_nothing_up(time):
    buckets = paced(time, 1.0)
    buckets.wait("ListSignalingChannels")
    time.now += 60
    assert departures(time, buckets, "ListSignalingChannels", [None] * 3) == pytest.approx([0, 0.02, 0.04])


def test_who_wakes_late_still_leaves_a_gap_before_the_next(time):
    def oversleep(seconds: float) -> None:
        time.sleep(seconds + 0.2)

    buckets = RateLimiter(0.9, clock=time, sleep=oversleep)
    left = departures(time, buckets, "ListTagsForResource", (f"c{number}" for number in range(40)))
    gaps = [later - earlier for earlier, later in pairwise(left)]
    assert min(gaps) >= 1 / 50 - 1e-9


def test_threads_share_the_buckets():
    lock, now, slept = threading.Lock(), [0.0], []

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(seconds)

    buckets = RateLimiter(1.0, clock=lambda: now[0], sleep=sleep)
    threads = [threading.Thread(target=buckets.wait, args=("ListSignalingChannels",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(slept)) == pytest.approx([number / 50 for number in range(1, 20)])


def test_threads_held_up_past_their_turns_leave_no_faster_than_the_quota():
    now, slept = [0.0], []
    held_up = threading.Barrier(7, action=lambda: now.__setitem__(0, 1.0), timeout=10)

    def sleep(seconds: float) -> None:
        if now[0] == 0.0:
            held_up.wait()
        else:
            slept.append(seconds)

    buckets = RateLimiter(0.9, clock=lambda: now[0], sleep=sleep)
    buckets.wait("ListSignalingChannels")
    threads = [threading.Thread(target=buckets.wait, args=("ListSignalingChannels",)) for _ in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == pytest.approx([number / 50 for number in range(1, 7)])


def test_buckets_that_are_free_are_forgotten(time):
    buckets = paced(time)
    for number in range(rate_limit.MAX_BUCKETS + 10):
        buckets.wait("DescribeSignalingChannel", f"c{number}")
        time.now += 1
    assert max(len(buckets._next_slot), len(buckets._departures)) <= rate_limit.MAX_BUCKETS


@pytest.mark.parametrize("share", [0, -1, 1.01, {"ListTagsForResource": 0}])
def test_a_share_outside_the_quota_is_refused(share):
    with pytest.raises(errors.InvalidInput, match="above 0 and at most 1"):
        RateLimiter(share)


def test_a_share_for_an_operation_that_does_not_exist_is_refused():
    with pytest.raises(errors.InvalidInput, match="Unknown operations in share: ListTags"):
        RateLimiter({"ListTags": 0.5})


def test_a_mapping_of_shares_leaves_the_other_operations_at_their_defaults(time):
    buckets = paced(time, {"ListTagsForResource": 1.0})
    assert departures(time, buckets, "ListTagsForResource", "ab") == pytest.approx([0, 0.02])
    assert departures(time, buckets, "TagResource", "ab") == pytest.approx([0, 1 / 45])


# --- stopped by another thread


def test_stopped_limiter_raises_also_for_a_caller_that_waits(time):
    limiter = RateLimiter(clock=time, sleep=lambda _: limiter.stop(errors.KVSError("Given up.")))
    limiter.wait("ListSignalingChannels")
    for _ in range(2):
        with pytest.raises(errors.KVSError, match="Given up"):
            limiter.wait("ListSignalingChannels")


def test_stopped_limiter_raises_for_an_operation_without_quota(time):
    limiter = paced(time)
    limiter.stop(errors.KVSError("Given up."))
    with pytest.raises(errors.KVSError, match="Given up"):
        limiter.wait("GetCallerIdentity")


# --- side by side


def test_results_come_in_the_order_of_the_items_whatever_finished_first():
    late = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            late.wait(10)
        if item == 5:
            late.set()
        return item * 2

    assert map_concurrent(work, range(20), description="Doubling") == [item * 2 for item in range(20)]


def test_one_item_needs_no_thread():
    assert map_concurrent(lambda _: threading.current_thread(), [1], description="x") == [threading.current_thread()]
    assert map_concurrent(lambda item: item, [], description="x") == []


def test_the_first_error_ends_it_and_drops_what_has_not_begun():
    begun, go_on = [], threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise errors.AccessDenied("No.")
        go_on.wait(10)

    with pytest.raises(errors.AccessDenied):
        map_concurrent(work, range(1000), description="x")
    go_on.set()
    assert len(begun) <= concurrency.THREADS + 1
