"""A throttled call is retried, a bounded number of times."""

from __future__ import annotations

import pytest

from kvs_notebook import errors
from kvs_notebook.aws.retry import retry_throttled


@pytest.fixture
def slept() -> list[float]:
    """Return the list that the waits are appended to, in place of waiting."""
    return []


def throttled_times(count: int):
    left = [count]

    def call() -> str:
        if left[0]:
            left[0] -= 1
            raise errors.Throttled("Slow down.")
        return "done"

    return call


def test_throttled_call_is_retried(slept):
    assert retry_throttled(throttled_times(7), "ListSignalingChannels", slept.append) == "done"


def test_retries_end_after_eight_attempts(slept):
    with pytest.raises(errors.Throttled, match="Slow down"):
        retry_throttled(throttled_times(8), "ListSignalingChannels", slept.append)


def test_waits_are_random_below_a_bound_that_doubles(slept, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    with pytest.raises(errors.Throttled):
        retry_throttled(throttled_times(99), "GetCallerIdentity", slept.append)
    assert slept == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


@pytest.mark.parametrize(
    "kind", [errors.ChannelLimitExceeded, errors.TagLimitExceeded, errors.AccessDenied, ValueError]
)
def test_other_errors_are_not_retried(slept, kind):
    calls = []

    def call() -> None:
        calls.append(1)
        raise kind("No.")

    with pytest.raises(kind):
        retry_throttled(call, "CreateSignalingChannel", slept.append)
    assert len(calls) == 1
