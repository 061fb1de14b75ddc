from __future__ import annotations

import pytest

from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend import rate_limits
from kvs_notebook.sandbox.backend.context import Caller
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.backend.validation import ServiceError

US = Caller("111122223333", "us-east-1", "KVSX")
EU = Caller("111122223333", "eu-west-1", "KVSX")
OTHER = Caller("444455556666", "us-east-1", "KVSY")


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch():
    return Stopwatch()


@pytest.fixture
def quotas(stopwatch):
    return RateLimits(Assumptions(), stopwatch)


def admitted(quotas, operation, count, caller=US, channel=None):
    """Send a number of requests at once; return how many were allowed."""
    passed = 0
    refused: set[tuple[str, int]] = set()
    for number in range(count):
        try:
            quotas.count_request(caller, operation, channel if channel is None else channel.format(number))
        except ServiceError as error:
            refused.add((error.code, error.status))
        else:
            passed += 1
    assert refused <= {("ClientLimitExceededException", 400)}
    return passed


@pytest.mark.parametrize("operation", QUOTAS)
def test_idle_account_may_send_one_second_of_requests_at_once(quotas, operation):
    assert admitted(quotas, operation, 400, channel="channel-{}") == QUOTAS[operation].account


@pytest.mark.parametrize("operation", [name for name, quota in QUOTAS.items() if quota.channel])
def test_idle_channel_may_send_five_requests_at_once(quotas, operation):
    assert admitted(quotas, operation, 20, channel="front-door") == 5
    assert admitted(quotas, operation, 20, channel="back-door") == 5


def test_quota_refills_at_the_published_rate(quotas, stopwatch):
    admitted(quotas, "ListSignalingChannels", 50)
    total = 0
    for _ in range(100):
        stopwatch.seconds += 0.1
        total += admitted(quotas, "ListSignalingChannels", 20)
    assert total == pytest.approx(500, abs=1)


def test_idle_quota_allows_no_more_than_its_burst(quotas, stopwatch):
    stopwatch.seconds += 3600
    assert admitted(quotas, "ListSignalingChannels", 200) == 50


def test_regions_accounts_and_operations_have_separate_quotas(quotas):
    assert admitted(quotas, "ListSignalingChannels", 60) == 50
    assert admitted(quotas, "ListSignalingChannels", 60, caller=EU) == 50
    assert admitted(quotas, "ListSignalingChannels", 60, caller=OTHER) == 50
    assert admitted(quotas, "CreateSignalingChannel", 60) == 50


def test_request_over_the_channel_quota_spares_the_account_quota(quotas):
    admitted(quotas, "TagResource", 1000, channel="front-door")
    assert admitted(quotas, "TagResource", 100, channel="channel-{}") == 45


def test_error_names_the_exceeded_quota(quotas):
    with pytest.raises(ServiceError) as of_account:
        for _ in range(51):
            quotas.count_request(US, "ListSignalingChannels", None)
    assert of_account.value.message == "Limit exceeded on number of requests for ListSignalingChannels API"
    with pytest.raises(ServiceError) as of_channel:
        for _ in range(6):
            quotas.count_request(US, "DeleteSignalingChannel", "front-door")
    assert of_channel.value.message == (
        "Limit exceeded on number of requests for DeleteSignalingChannel API for resource 'front-door'"
    )


@pytest.mark.parametrize("burst", [1, 5, 80])
def test_burst_is_an_assumption(burst, stopwatch):
    quotas = RateLimits(Assumptions(quota_burst=burst), stopwatch)
    assert admitted(quotas, "ListSignalingChannels", 200) == burst


def test_disabled_quotas_and_unknown_operations_are_not_limited(stopwatch):
    assert admitted(RateLimits(Assumptions(), stopwatch, enabled=False), "ListSignalingChannels", 500) == 500
    assert admitted(RateLimits(Assumptions(), stopwatch), "GetCallerIdentity", 500) == 500


def test_idle_channels_use_no_memory(quotas, stopwatch, monkeypatch):
    monkeypatch.setattr(rate_limits, "SWEEP_ABOVE", 100)
    quotas._sweep_above = 100
    for number in range(5_000):
        stopwatch.seconds += 0.1
        quotas.count_request(US, "DescribeSignalingChannel", f"channel-{number}")
        assert len(quotas._full_again) <= 101
