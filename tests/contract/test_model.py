"""Every reply of the sandbox, compared with botocore's model of the service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

import kvs_notebook as kvs
from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.service_model import service_model

MISSING_ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/missing/1767603600000"
TYPES = {"string": str, "integer": int, "timestamp": datetime}


def misfits(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """Yield each difference between a parsed reply and the model: unknown members, types, enums."""
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            if name not in shape.members:
                yield f"{where}.{name} is not in the model"
            else:
                yield from misfits(member, shape.members[name], f"{where}.{name}")
    elif isinstance(shape, ListShape):
        for index, member in enumerate(value):
            yield from misfits(member, shape.member, f"{where}[{index}]")
    elif isinstance(shape, MapShape):
        for name, member in value.items():
            yield from misfits(member, shape.value, f"{where}[{name}]")
    elif not isinstance(value, TYPES[shape.type_name]):
        yield f"{where} is a {type(value).__name__}"
    elif shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        yield f"{where} {value!r} is not in the enum"


def replies(client: Any) -> dict[str, dict[str, Any]]:
    """Call each of the nine operations once."""
    replies = {"CreateSignalingChannel": client.create_signaling_channel(ChannelName="front-door")}
    arn = replies["CreateSignalingChannel"]["ChannelARN"]
    replies["DescribeSignalingChannel"] = client.describe_signaling_channel(ChannelARN=arn)
    replies["ListSignalingChannels"] = client.list_signaling_channels()
    replies["TagResource"] = client.tag_resource(ResourceARN=arn, Tags=[{"Key": "Site", "Value": "hq"}])
    replies["ListTagsForResource"] = client.list_tags_for_resource(ResourceARN=arn)
    replies["UntagResource"] = client.untag_resource(ResourceARN=arn, TagKeyList=["Site"])
    replies["GetSignalingChannelEndpoint"] = client.get_signaling_channel_endpoint(
        ChannelARN=arn, SingleMasterChannelEndpointConfiguration={"Role": "MASTER", "Protocols": ["WSS", "HTTPS"]}
    )
    version = replies["DescribeSignalingChannel"]["ChannelInfo"]["Version"]
    replies["UpdateSignalingChannel"] = client.update_signaling_channel(
        ChannelARN=arn, CurrentVersion=version, SingleMasterConfiguration={"MessageTtlSeconds": 90}
    )
    client.describe_signaling_channel(ChannelARN=arn)
    replies["DeleteSignalingChannel"] = client.delete_signaling_channel(ChannelARN=arn)
    return replies


def test_every_reply_conforms_to_the_model():
    with kvs.Sandbox(clock="stepped") as sandbox:
        found = replies(sandbox.connection().client())
    assert found.keys() == QUOTAS.keys()
    for operation, reply in found.items():
        assert reply.pop("ResponseMetadata")["HTTPStatusCode"] == 200
        shape = service_model().operation_model(operation).output_shape
        assert list(misfits(reply, shape, operation)) == []
        assert bool(reply) == bool(shape.members), operation
    info = found["DescribeSignalingChannel"]["ChannelInfo"]
    assert info.keys() == set(service_model().shape_for("ChannelInfo").members) - {"FullMeshConfiguration"}


BAD: dict[str, list[dict[str, Any]]] = {
    "create_signaling_channel": [
        {"ChannelName": "a b"}, {"ChannelName": "taken"}, {"ChannelName": "x", "ChannelType": "FULL_MESH"},
        {"ChannelName": "x", "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
        {"ChannelName": "x", "Tags": [{"Key": "aws:k", "Value": ""}]},
    ],
    "describe_signaling_channel": [{}, {"ChannelName": "missing"}, {"ChannelARN": "bad"}],
    "list_signaling_channels": [{"MaxResults": 10_001}, {"NextToken": "bad"}],
    "update_signaling_channel": [
        {"ChannelARN": MISSING_ARN, "CurrentVersion": "v"},
        {"ChannelARN": MISSING_ARN, "CurrentVersion": "v", "SingleMasterConfiguration": {"MessageTtlSeconds": 90}},
    ],
    "delete_signaling_channel": [{"ChannelARN": MISSING_ARN}, {"ChannelARN": "bad"}],
    "get_signaling_channel_endpoint": [{"ChannelARN": MISSING_ARN}],
    "tag_resource": [{"ResourceARN": MISSING_ARN, "Tags": [{"Key": "k", "Value": ""}]}],
    "untag_resource": [{"ResourceARN": MISSING_ARN, "TagKeyList": ["k"]}],
    "list_tags_for_resource": [{"ResourceARN": MISSING_ARN}, {"ResourceARN": MISSING_ARN, "NextToken": "bad"}],
}  # fmt: skip


@pytest.mark.parametrize("method", BAD)
def test_every_error_is_listed_by_the_model_for_the_operation(method):
    with kvs.Sandbox(clock="stepped") as sandbox:
        client = sandbox.connection().client()
        client.create_signaling_channel(ChannelName="taken")
        operation = client.meta.method_to_api_mapping[method]
        listed = {shape.name for shape in service_model().operation_model(operation).error_shapes}
        for request in BAD[method]:
            with pytest.raises(ClientError) as refused:
                getattr(client, method)(**request)
            assert refused.value.response["Error"]["Code"] in listed, request
        for fault, code in (("throttle", "ClientLimitExceededException"), ("denied", "AccessDeniedException")):
            sandbox.faults.add(operation, fault)
            with pytest.raises(ClientError) as refused:
                getattr(client, method)(**BAD[method][-1])
            assert refused.value.response["Error"]["Code"] == code
            assert code in listed
