"""The published quotas over HTTP, and how boto3 handles throttling."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import kvs_notebook as kvs
from kvs_notebook.sandbox.backend.context import Caller
from kvs_notebook.sandbox.backend.rate_limits import RateLimits

BURST_OF_FIVE = kvs.Assumptions(quota_burst=5)


def outcomes(call: Callable[..., Any], times: int, **request: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(times):
        try:
            call(**request)
        except ClientError as error:
            found[error.response["Error"]["Message"]] += 1
        else:
            found["passed"] += 1
    return found


def test_requests_above_the_rate_are_throttled():
    with kvs.Sandbox(assumptions=BURST_OF_FIVE) as sandbox:
        client = sandbox.connection().client()
        found = outcomes(client.list_tags_for_resource, 40, ResourceARN=_a_channel(client))
        assert 5 <= found["passed"] < 40
        assert found.keys() - {"passed"} <= {
            "Limit exceeded on number of requests for ListTagsForResource API",
            "Limit exceeded on number of requests for ListTagsForResource API for resource 'front-door'",
        }


def test_one_channel_has_a_quota_of_its_own():
    with kvs.Sandbox() as sandbox:
        client = sandbox.connection().client()
        arn = _a_channel(client)
        found = outcomes(client.update_signaling_channel, 12, ChannelARN=arn, CurrentVersion="x",
                         SingleMasterConfiguration={"MessageTtlSeconds": 90})  # fmt: skip
        assert (
            found["Limit exceeded on number of requests for UpdateSignalingChannel API for resource 'front-door'"] >= 3
        )
        client.create_signaling_channel(ChannelName="other")


def test_accounts_and_regions_have_separate_quotas():
    with kvs.Sandbox(assumptions=kvs.Assumptions(quota_burst=1)) as sandbox:
        for account_id in ("111122223333", "444455556666"):
            for region in ("us-east-1", "eu-west-1"):
                client = sandbox.connection(account_id, region=region).client()
                assert client.list_signaling_channels()["ChannelInfoList"] == []


def test_no_request_is_throttled_without_quotas():
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(quota_burst=1)) as sandbox:
        client = sandbox.connection().client()
        assert outcomes(client.list_signaling_channels, 30) == {"passed": 30}


@pytest.mark.parametrize("mode", [None, "legacy", "standard", "adaptive"])
def test_boto3_does_not_retry_client_errors_in_any_mode(sandbox, mode):
    """When this fails, botocore has begun to retry the code: kvs_notebook.aws.rate_limit retries it on top."""
    credentials = sandbox.connection().client()._request_signer._credentials
    client = boto3.Session().client(
        "kinesisvideo",
        region_name="us-east-1",
        endpoint_url=sandbox.endpoint_url,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=Config(retries={"mode": mode, "max_attempts": 5} if mode else None),
    )
    sandbox.faults.add("ListSignalingChannels", "throttle", times=None)
    with pytest.raises(client.exceptions.ClientLimitExceededException) as refused:
        client.list_signaling_channels()
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert len(sandbox.requests) == 1


WORK = {
    "tags": lambda connection: kvs.list_tags(kvs.list_channels(connection=connection), connection=connection),
    "descriptions": lambda connection: kvs.describe_channel(
        kvs.list_channels(connection=connection), connection=connection
    ),
    "an inventory": lambda connection: kvs.inventory(tags="each", connection=connection).raise_for_failures(),
}


@pytest.mark.parametrize("work", WORK)
def test_toolkit_send_times_fit_a_bucket_of_five(work):
    """The moments are the client's own: a busy machine may hand requests that left in time to the server in a heap."""
    sent: list[tuple[float, str, str | None]] = []

    def note(request: Any, event_name: str, **_: Any) -> None:
        asked = json.loads(request.body)
        arn = asked.get("ResourceARN") or asked.get("ChannelARN")
        sent.append((time.monotonic(), event_name.rpartition(".")[2], arn and arn.split("/")[1]))

    with kvs.Sandbox(assumptions=BURST_OF_FIVE) as sandbox:
        sandbox.seed(50)
        connection = sandbox.connection()
        connection.config.session.open().events.register("before-send.kinesis-video", note)
        WORK[work](connection)
        caller = Caller(connection.account_id, connection.region, "any key of that account")
    assert len(sent) > 50
    sent.sort(key=itemgetter(0))
    moments = iter([moment for moment, _, _ in sent])
    replayed = RateLimits(BURST_OF_FIVE, lambda: next(moments))
    for _, operation, channel in sent:
        replayed.count_request(caller, operation, channel)


def _a_channel(client: Any) -> str:
    arn: str = client.create_signaling_channel(ChannelName="front-door")["ChannelARN"]
    return arn
