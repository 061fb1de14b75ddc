"""Published quotas: one for each operation that has one."""

from __future__ import annotations

from kvs_notebook.aws.quotas import MESSAGE_RATES, QUOTAS, SIGNALING_QUOTAS, channel_quota, quota_of
from kvs_notebook.aws.service_model import bounds, service_model, signaling_model


def test_nine_operations_have_quotas():
    assert len(QUOTAS) == 9
    assert set(QUOTAS) <= set(service_model().operation_names)


def test_operations_of_channel_endpoints_have_own_quotas():
    assert set(SIGNALING_QUOTAS) & set(signaling_model().operation_names) == {"GetIceServerConfig"}
    assert not set(SIGNALING_QUOTAS) & set(QUOTAS)
    assert [(quota.account, quota.channel) for quota in SIGNALING_QUOTAS.values()] == [(None, 3), (None, 3), (100, 5)]
    assert quota_of("ListTagsForResource") is QUOTAS["ListTagsForResource"]
    assert quota_of("GetCallerIdentity") is None
    assert set(MESSAGE_RATES) == {"SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE"}
    assert bounds("MessagePayload") == (1, 10_000)


def test_two_regions_have_larger_channel_quota():
    assert [channel_quota(region) for region in ("us-east-1", "us-west-2", "eu-west-1")] == [10_000, 10_000, 5_000]
