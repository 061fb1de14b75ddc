"""Every bound of the model, just inside and just outside, answered by the service and not by boto3's own checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.aws.service_model import service_model

INVALID = "InvalidArgumentException"
MISSING = "ResourceNotFoundException"
WRONG_VERSION = "VersionMismatchException"
FINE = None


def bound(shape: str, edge: str) -> int:
    limit: int = service_model().shape_for(shape).metadata[edge]
    return limit


@cache
def shared_session() -> boto3.Session:
    """Return one session for the file: each new one reads the models of the service again."""
    return boto3.Session()


@pytest.fixture
def ask(service) -> Callable[..., str | None]:
    """Call an operation without boto3's validation; return its error code."""
    meta = service.client.meta
    credentials = service.client._request_signer._credentials
    client = shared_session().client(
        meta.service_model.service_name,
        region_name=meta.region_name,
        endpoint_url=meta.endpoint_url,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(parameter_validation=False, retries={"mode": "standard"}),
    )

    def _ask(method: str, **request: Any) -> str | None:
        try:
            reply = getattr(client, method)(**request)
        except client.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        if "ChannelARN" in reply:
            service.made(reply["ChannelARN"])
        return None

    return _ask


def padded(service, length: int) -> str:
    return service.name().ljust(length, "x")[:length] if length else ""


def arn_of_length(service, length: int) -> str:
    head, tail = f"arn:aws:kinesisvideo:{service.region}:{service.account_id}:channel/", "/1767603600000"
    return head + "x" * (length - len(head) - len(tail)) + tail


def tags(count: int, key: int = 4, value: int = 0) -> list[dict[str, str]]:
    return [{"Key": f"{number:0{min(key, 4)}}".ljust(key, "k"), "Value": "v" * value} for number in range(count)]


@pytest.mark.parametrize(("off", "code"), [(0, FINE), (1, INVALID)])
def test_channel_name_length_is_limited(service, ask, off, code):
    assert ask("create_signaling_channel", ChannelName=padded(service, bound("ChannelName", "max") + off)) == code


def test_empty_channel_name_is_rejected(ask):
    assert ask("create_signaling_channel", ChannelName="") == INVALID
    assert ask("create_signaling_channel") == INVALID


@pytest.mark.parametrize(
    ("edge", "off", "code"), [("min", 0, FINE), ("min", -1, INVALID), ("max", 0, FINE), ("max", 1, INVALID)]
)
def test_message_ttl_range_is_limited(service, ask, edge, off, code):
    ttl = {"MessageTtlSeconds": bound("MessageTtlSeconds", edge) + off}
    assert ask("create_signaling_channel", ChannelName=service.name(), SingleMasterConfiguration=ttl) == code


@pytest.mark.parametrize(("count", "code"), [(0, FINE), (50, FINE)])
def test_number_of_tags_at_creation_is_limited(service, ask, count, code):
    assert ask("create_signaling_channel", ChannelName=service.name(), Tags=tags(count)) == code


@pytest.mark.parametrize(
    ("key", "value", "code"), [(128, 256, FINE), (129, 0, INVALID), (4, 257, INVALID), (4, 0, FINE)]
)
def test_length_of_tag_keys_and_values_is_limited(service, ask, key, value, code):
    assert ask("create_signaling_channel", ChannelName=service.name(), Tags=tags(1, key, value)) == code


@pytest.mark.parametrize(("count", "code"), [(0, INVALID), (1, FINE), (50, FINE)])
def test_number_of_tags_in_one_call_is_limited(service, ask, count, code):
    assert ask("tag_resource", ResourceARN=service.create(), Tags=tags(count)) == code


@pytest.mark.parametrize(("count", "code"), [(0, INVALID), (1, FINE), (50, FINE), (51, INVALID)])
def test_number_of_tag_keys_in_one_call_is_limited(service, ask, count, code):
    assert ask("untag_resource", ResourceARN=service.create(), TagKeyList=[f"k{n}" for n in range(count)]) == code


@pytest.mark.parametrize(("size", "code"), [(0, INVALID), (1, FINE), (10_000, FINE), (10_001, INVALID)])
def test_page_size_is_limited(ask, size, code):
    assert ask("list_signaling_channels", MaxResults=size) == code


@pytest.mark.parametrize(("length", "code"), [(0, INVALID), (1, FINE), (256, FINE), (257, INVALID)])
def test_prefix_length_is_limited(ask, length, code):
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "x" * length}
    assert ask("list_signaling_channels", ChannelNameCondition=condition) == code


@pytest.mark.parametrize(("length", "code"), [(0, INVALID), (1, WRONG_VERSION), (64, WRONG_VERSION), (65, INVALID)])
def test_version_length_is_limited(service, ask, length, code):
    assert ask("delete_signaling_channel", ChannelARN=service.create(), CurrentVersion="v" * length) == code


@pytest.mark.parametrize(("length", "code"), [(1025, INVALID), (1024, MISSING)])
def test_arn_length_is_limited(service, ask, length, code):
    assert ask("describe_signaling_channel", ChannelARN=arn_of_length(service, length)) == code


@pytest.mark.parametrize(
    ("protocols", "code"), [([], INVALID), (["WSS"], FINE), (["WSS"] * 6, INVALID), (["WS"], INVALID)]
)
def test_number_of_protocols_is_limited(service, ask, protocols, code):
    configuration = {"Role": "VIEWER", "Protocols": protocols}
    arn = service.create()
    assert (
        ask("get_signaling_channel_endpoint", ChannelARN=arn, SingleMasterChannelEndpointConfiguration=configuration)
        == code
    )


def test_channel_type_outside_the_model_is_rejected(service, ask):
    assert ask("create_signaling_channel", ChannelName=service.name(), ChannelType="BOGUS") == INVALID


# --- anything inside the bounds comes back as it was


@pytest.fixture(scope="module")
def sandbox_client():
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        yield sandbox, sandbox.connection().client()


tag_texts = st.from_regex(r"[\w .:/=+\-@]*", fullmatch=True).filter(lambda text: not text.lower().startswith("aws:"))
KEYS = tag_texts.filter(lambda key: 0 < len(key) <= bound("TagKey", "max"))
VALUES = tag_texts.filter(lambda value: len(value) <= bound("TagValue", "max"))
names = st.from_regex(r"[a-zA-Z0-9_.-]{1,40}", fullmatch=True)


@settings(max_examples=40)
@given(
    name=names,
    ttl=st.integers(5, 120),
    tags=st.dictionaries(KEYS, VALUES, max_size=8),
)
def test_names_ttls_and_tags_round_trip(sandbox_client, name, ttl, tags):
    sandbox, client = sandbox_client
    sandbox.reset()
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    arn = client.create_signaling_channel(
        ChannelName=name, SingleMasterConfiguration={"MessageTtlSeconds": ttl}, Tags=pairs
    )["ChannelARN"]
    info = client.describe_signaling_channel(ChannelARN=arn)["ChannelInfo"]
    assert (info["ChannelName"], info["SingleMasterConfiguration"]) == (name, {"MessageTtlSeconds": ttl})
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags


@settings(max_examples=25)
@given(channels=st.sets(names, max_size=12), page_size=st.integers(1, 14), prefix=st.sampled_from(["", "a", "Z", "0"]))
def test_list_is_complete_at_every_page_size(sandbox_client, channels, page_size, prefix):
    sandbox, client = sandbox_client
    sandbox.reset()
    for name in channels:
        client.create_signaling_channel(ChannelName=name)
    pages = client.get_paginator("list_signaling_channels").paginate(
        MaxResults=page_size,
        **(
            {"ChannelNameCondition": {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix}} if prefix else {}
        ),
    )
    listed = [[info["ChannelName"] for info in page["ChannelInfoList"]] for page in pages]
    assert sorted(name for page in listed for name in page) == sorted(
        name for name in channels if name.startswith(prefix)
    )
    assert all(len(page) <= page_size for page in listed)
