"""A call of each operation over HTTP, by the public function that makes it if there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import kvs_notebook as kvs
from kvs_notebook.aws.operation_names import Operation
from tests.aws.fake_service import ARN

WEBSOCKETS = {"ConnectAsMaster", "ConnectAsViewer"}
"""The operations that open a WebSocket, which tests/signaling is about."""

OVER_HTTP = set(get_args(Operation)) - WEBSOCKETS


def call_by_name(operation: Operation, params: dict[str, Any], service: str | None = None) -> Callable[..., Any]:
    """Return a function that calls an operation that no public function is for, or only with other calls after it."""

    def call(at: kvs.Connection) -> Any:
        return at.call(operation, params, client=at.client(service) if service else None)

    return call


def ask_for_ice_servers(at: kvs.Connection) -> Any:
    """Call GetIceServerConfig at the fake service: the endpoints that it names have to be https."""
    client = at.client("kinesis-video-signaling", endpoint_url=at.endpoint_url)
    return at.call("GetIceServerConfig", {"ChannelARN": ARN}, client=client)


CALLS: dict[str, Callable[[kvs.Connection], Any]] = {
    "GetCallerIdentity": lambda at: at.replace(session=at.config.session).identity(),
    "ListSignalingChannels": lambda at: kvs.list_channels(connection=at),
    "DescribeSignalingChannel": lambda at: kvs.describe_channel("gate", connection=at),
    "CreateSignalingChannel": call_by_name("CreateSignalingChannel", {"ChannelName": "gate"}),
    "UpdateSignalingChannel": lambda at: kvs.update_channel(ARN, message_ttl_seconds=90, wait=False, connection=at),
    "DeleteSignalingChannel": lambda at: kvs.delete_channel(ARN, connection=at),
    "TagResource": lambda at: kvs.tag_channel(ARN, {"Site": "hq"}, connection=at),
    "UntagResource": lambda at: kvs.untag_channel(ARN, ["Site"], connection=at),
    "ListTagsForResource": lambda at: kvs.list_tags(ARN, connection=at),
    "GetSignalingChannelEndpoint": lambda at: kvs.sign_url(ARN, client_id="tablet", connection=at),
    "GetIceServerConfig": ask_for_ice_servers,
    "GetResources": call_by_name("GetResources", {}, "resourcegroupstaggingapi"),
    "ListRegions": call_by_name("ListRegions", {}, "account"),
    "ListAccountAliases": call_by_name("ListAccountAliases", {}, "iam"),
}
