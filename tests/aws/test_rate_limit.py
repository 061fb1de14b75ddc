"""Rate limits: calls are spaced at a share of each quota, on a clock that tests move."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from kvs_notebook import errors
from kvs_notebook.aws import rate_limit
from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.rate_limit import RateLimiter


class Time:
    """A clock that only sleeping moves."""

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


def limiter_at(time: Time, share=None) -> RateLimiter:
    return RateLimiter(share, clock=time, sleep=time.sleep)


def sent_at(time: Time, limiter: RateLimiter, operation: str, channels) -> list[float]:
    began, sent = time.now, []
    for channel in channels:
        limiter.wait(operation, channel)
        sent.append(time.now - began)
    return sent


# --- buckets


def test_calls_are_evenly_spaced_at_share_of_quota(time):
    sent = sent_at(time, limiter_at(time, 0.98), "ListTagsForResource", (f"c{number}" for number in range(100)))
    assert sent == pytest.approx([number / 49 for number in range(100)])


def test_default_shares_reserve_quota_for_devices(time):
    assert sent_at(time, limiter_at(time), "ListSignalingChannels", [None] * 3) == pytest.approx([0, 1 / 45, 2 / 45])
    assert sent_at(time, limiter_at(time), "GetSignalingChannelEndpoint", "ab") == pytest.approx([0, 1 / 150])
    assert sent_at(time, limiter_at(time), "DescribeSignalingChannel", "ab") == pytest.approx([0, 1 / 150])


@pytest.mark.parametrize(
    ("operation", "gap"), [("ConnectAsViewer", 1 / 1.5), ("ConnectAsMaster", 1 / 1.5), ("GetIceServerConfig", 1 / 2.5)]
)
def test_connecting_uses_half_of_channel_quota(time, operation, gap):
    assert sent_at(time, limiter_at(time), operation, "aaa") == pytest.approx([0, gap, 2 * gap])
    assert sent_at(time, limiter_at(time, {operation: 1}), operation, "aa") == pytest.approx([0, gap / 2])


def test_connecting_to_several_channels_does_not_wait(time):
    assert sent_at(time, limiter_at(time), "ConnectAsViewer", "abc") == [0, 0, 0]


def test_channel_quota_is_smaller_than_account_quota(time):
    limiter = limiter_at(time, 1.0)
    assert sent_at(time, limiter, "UpdateSignalingChannel", "aab") == pytest.approx([0, 0.2, 0.22])


def test_busy_channel_does_not_delay_other_channels(time):
    limiter = limiter_at(time, 1.0)
    for channel in "aaaa":
        limiter.wait("TagResource", channel)
    before = time.now
    limiter.wait("TagResource", "b")
    assert time.now - before <= 1 / 50 + 1e-9


def test_operations_have_separate_buckets(time):
    limiter = limiter_at(time)
    for operation in QUOTAS:
        assert limiter.wait(operation, "front-door") == 0


def test_operation_without_quota_never_waits(time):
    assert [limiter_at(time).wait("GetCallerIdentity") for _ in range(5)] == [0] * 5


def test_idle_bucket_allows_no_burst(time):
    limiter = limiter_at(time, 1.0)
    limiter.wait("ListSignalingChannels")
    time.now += 60
    assert sent_at(time, limiter, "ListSignalingChannels", [None] * 3) == pytest.approx([0, 0.02, 0.04])


def test_late_wakeup_delays_next_call(time):
    def oversleep(seconds: float) -> None:
        time.sleep(seconds + 0.2)

    limiter = RateLimiter(0.9, clock=time, sleep=oversleep)
    sent = sent_at(time, limiter, "ListTagsForResource", (f"c{number}" for number in range(40)))
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert min(gaps) >= 1 / 50 - 1e-9


def test_threads_share_buckets():
    lock, now, slept = threading.Lock(), [0.0], []

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(seconds)

    limiter = RateLimiter(1.0, clock=lambda: now[0], sleep=sleep)
    threads = [threading.Thread(target=limiter.wait, args=("ListSignalingChannels",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(slept)) == pytest.approx([number / 50 for number in range(1, 20)])


def test_delayed_threads_stay_under_quota():
    now, slept = [0.0], []
    all_wait = threading.Barrier(7, action=lambda: now.__setitem__(0, 1.0), timeout=10)

    def sleep(seconds: float) -> None:
        if now[0] == 0.0:
            all_wait.wait()
        else:
            slept.append(seconds)

    limiter = RateLimiter(0.9, clock=lambda: now[0], sleep=sleep)
    limiter.wait("ListSignalingChannels")
    threads = [threading.Thread(target=limiter.wait, args=("ListSignalingChannels",)) for _ in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == pytest.approx([number / 50 for number in range(1, 7)])


def test_unused_buckets_are_dropped(time):
    limiter = limiter_at(time)
    for number in range(rate_limit.MAX_BUCKETS + 10):
        limiter.wait("DescribeSignalingChannel", f"c{number}")
        time.now += 1
    assert max(len(limiter._next_slot), len(limiter._departures)) <= rate_limit.MAX_BUCKETS


@pytest.mark.parametrize("share", [0, -1, 1.01, {"ListTagsForResource": 0}])
def test_share_out_of_range_is_rejected(share):
    with pytest.raises(errors.InvalidInput, match="above 0 and at most 1"):
        RateLimiter(share)


def test_share_for_unknown_operation_is_rejected():
    with pytest.raises(errors.InvalidInput, match="Unknown operations in share: ListTags"):
        RateLimiter({"ListTags": 0.5})


def test_mapping_of_shares_keeps_other_defaults(time):
    limiter = limiter_at(time, {"ListTagsForResource": 1.0})
    assert sent_at(time, limiter, "ListTagsForResource", "ab") == pytest.approx([0, 0.02])
    assert sent_at(time, limiter, "TagResource", "ab") == pytest.approx([0, 1 / 45])


# --- stopped by another thread


def test_stopped_limiter_raises_for_waiting_caller(time):
    limiter = RateLimiter(clock=time, sleep=lambda _: limiter.stop(errors.KVSError("Given up.")))
    limiter.wait("ListSignalingChannels")
    for _ in range(2):
        with pytest.raises(errors.KVSError, match="Given up"):
            limiter.wait("ListSignalingChannels")


def test_stopped_limiter_raises_for_operation_without_quota(time):
    limiter = limiter_at(time)
    limiter.stop(errors.KVSError("Given up."))
    with pytest.raises(errors.KVSError, match="Given up"):
        limiter.wait("GetCallerIdentity")
