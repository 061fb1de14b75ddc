"""Names of the API operations that the toolkit calls."""

from __future__ import annotations

from typing import Literal, TypeAlias

Operation: TypeAlias = Literal[
    "ConnectAsMaster",
    "ConnectAsViewer",
    "CreateSignalingChannel",
    "DeleteSignalingChannel",
    "DescribeSignalingChannel",
    "GetCallerIdentity",
    "GetIceServerConfig",
    "GetResources",
    "GetSignalingChannelEndpoint",
    "ListAccountAliases",
    "ListRegions",
    "ListSignalingChannels",
    "ListTagsForResource",
    "TagResource",
    "UntagResource",
    "UpdateSignalingChannel",
]
"""An operation of Kinesis Video Streams, of STS, of IAM, of the Resource Groups Tagging API or of the Account API."""

MUTATING: frozenset[Operation] = frozenset(
    {"CreateSignalingChannel", "UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource"}
)
"""Operations that change a channel or its tags."""
