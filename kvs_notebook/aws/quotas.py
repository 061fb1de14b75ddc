"""Published quotas of the service: requests a second, messages a second, channels, viewers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kvs_notebook.aws.operation_names import Operation


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests a second that the service allows one operation in one account and region, and on one channel."""

    account: float | None
    channel: float | None = None


QUOTAS: Mapping[Operation, Quota] = {
    "CreateSignalingChannel": Quota(50),
    "DeleteSignalingChannel": Quota(50, 5),
    "DescribeSignalingChannel": Quota(300, 5),
    "GetSignalingChannelEndpoint": Quota(300),
    "ListSignalingChannels": Quota(50),
    "ListTagsForResource": Quota(50, 5),
    "TagResource": Quota(50, 5),
    "UntagResource": Quota(50, 5),
    "UpdateSignalingChannel": Quota(50, 5),
}
"""The published rates (the service's quota page). How large a burst may be is not published."""


SIGNALING_QUOTAS: Mapping[Operation, Quota] = {
    "ConnectAsMaster": Quota(None, 3),
    "ConnectAsViewer": Quota(None, 3),
    "GetIceServerConfig": Quota(100, 5),
}
"""The published rates of the operations of a channel's endpoints (the same page)."""


MESSAGE_RATES: Mapping[str, float] = {"SDP_OFFER": 5, "SDP_ANSWER": 5, "ICE_CANDIDATE": 20}
"""Messages a second that one WebSocket connection may send, by type (the same page)."""


MAX_VIEWERS = 10
"""Viewers connected to one channel at a time (the same page; AWS raises it on request)."""


_ALL: dict[str, Quota] = {
    operation: quota for quotas in (QUOTAS, SIGNALING_QUOTAS) for operation, quota in quotas.items()
}


def quota_of(operation: str) -> Quota | None:
    """Return the published rates of an operation, None if it has none."""
    return _ALL.get(operation)


def channel_quota(region: str) -> int:
    """Return the number of channels that one account may have in a region (the service's quota page)."""
    return 10_000 if region in {"us-east-1", "us-west-2"} else 5_000
