"""Tests of sign_url(): signed as AWS's own clients sign."""

from __future__ import annotations

import datetime as dt
import re
import ssl

import boto3
import pytest
from websockets.sync.client import connect

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.signaling import presign
from tests.connections import connect_session
from tests.signaling.event_loop import (
    query_parameters,
)

# --- signed URLs

VECTORS: dict[str, tuple[str, dict[str, object]]] = {
    "with a session token": ("fc268038be276315822b4f73eafd28ee3a5632a2a35fdb0a88db9a42b13d6c92", {}),
    "without": ("be1e78950d956a8a9a1997417099ddbd7455619f3d08c4ad20e1e272179ca695", {"token": None}),
    "with a path": ("0bf3df6ca23d8d82f688e8dbfb90d69e74843d40038541b1721c545eef7612a4", {"path": "/path/path/path"}),
    "for a day": ("b62a078631a8f1e31ad09bce25d251611a22b65eac8836f6d700cee50a04e9e1", {"expires": 86_400}),
    "of another service": (
        "f15308513d21a381d38b7607a0439f25fc2e6c9f5ff56a48c1664b486e6234d5", {"service": "firehose"}),
}  # fmt: skip


@pytest.mark.parametrize("case", VECTORS)
def test_presigned_url_equals_that_of_awss_own_clients(monkeypatch, case):
    signature, given = VECTORS[case]
    token, path, expires, service = (
        given.get(name, usual)
        for name, usual in {"token": "FakeSessionToken", "path": "", "expires": 299, "service": "kinesisvideo"}.items()
    )
    session = boto3.Session("AKIA4F7WJQR7FMMWMNXI", "FakeSecretKey", token, region_name="us-west-2")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: dt.datetime(2019, 12, 1, tzinfo=dt.UTC))
    monkeypatch.setattr(presign, "SERVICE_NAME", service)
    url = presign.presign_url(
        f"wss://kvs.awsamazon.com{path}",
        {"X-Amz-TestParam": "test-param-value"},
        connect_session(session, "us-west-2"),
        expires,
    )
    assert url.reveal().partition("?")[0] == f"wss://kvs.awsamazon.com{path}"
    assert query_parameters(url) == {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"AKIA4F7WJQR7FMMWMNXI/20191201/us-west-2/{service}/aws4_request",
        "X-Amz-Date": "20191201T000000Z",
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": "host",
        "X-Amz-TestParam": "test-param-value",
        "X-Amz-Signature": signature,
    } | ({"X-Amz-Security-Token": token} if token else {})


def test_presigned_url_names_channel_and_client_id(connection):
    channel = kvs.create_channel("front-door_1.a")
    url = kvs.sign_url(channel, client_id="a.b_c-D.9", expires=60)
    stated = query_parameters(url)
    assert stated["X-Amz-ChannelARN"] == channel["channel_arn"].item()
    assert (stated["X-Amz-ClientId"], stated["X-Amz-Expires"]) == ("a.b_c-D.9", "60")
    assert "X-Amz-ChannelARN=arn%3Aaws%3Akinesisvideo%3A" in url.reveal()
    assert "%2Ffront-door_1.a%2F" in url.reveal()
    master = query_parameters(kvs.sign_url(channel, role="MASTER"))
    assert "X-Amz-ClientId" not in master
    assert master["X-Amz-Expires"] == "299"


@pytest.mark.parametrize(
    "arguments",
    [
        {"role": "MASTER"},
        {"client_id": "tablet", "expires": 60.0},
        {"client_id": "a.b_c-D.9" + "x" * 247, "expires": 604_800},
    ],
)
def test_presigned_url_connects_without_credentials(sandbox, connection, arguments):
    url = kvs.sign_url(kvs.create_channel("front-door"), **arguments)
    trust = ssl.create_default_context(cafile=sandbox.environment()["AWS_CA_BUNDLE"])
    with connect(url.reveal(), ssl=trust, proxy=None) as socket:
        assert socket.ping().wait(10)


CANNOT_BE_SIGNED: list[tuple[dict[str, object], str]] = [
    (
        {"role": "MASTER", "client_id": "tablet"},
        "Client id 'tablet' was given for a MASTER, which has none. Omit client_id=.",
    ),
    ({}, "A VIEWER needs a client id"),
    ({"client_id": ""}, "Client id '' has 0 characters"),
    ({"client_id": "a" * 257}, "has 257 characters (allowed: 1 to 256)"),
    ({"client_id": "my tablet"}, "' ' is not allowed. Use letters, digits and . _ - only."),
    ({"client_id": "tablet\n"}, "is not allowed"),
    ({"client_id": 7}, "Client id 7 has type int"),
    ({"client_id": "AWS_tablet"}, "has the prefix AWS_, reserved by AWS"),
    ({"client_id": "aWs_tablet"}, "has the prefix AWS_, reserved by AWS"),
    ({"client_id": "tablet", "role": "viewer"}, "Did you mean 'VIEWER'?"),
    ({"client_id": "tablet", "expires": 0}, "expires 0 is out of range: 1 to 604800 whole seconds (7 days)."),
    ({"client_id": "tablet", "expires": 604_801}, "expires 604801 is out of range"),
    ({"client_id": "tablet", "expires": 1.5}, "expires 1.5"),
    ({"client_id": "tablet", "expires": "299"}, "expires '299'"),
    ({"client_id": "tablet", "expires": True}, "expires True"),
    ({"client_id": "tablet", "expires": None}, "expires None"),
]


def test_sign_url_refuses_invalid_arguments_before_any_call(sandbox, connection):
    for arguments, because in CANNOT_BE_SIGNED:
        with pytest.raises(errors.InvalidInput, match=re.escape(because)):
            kvs.sign_url("front-door", **arguments)
    assert sandbox.requests.empty


def test_sign_url_of_unknown_channel_is_not_found(connection):
    with pytest.raises(errors.ChannelNotFound):
        kvs.sign_url("unknown", client_id="tablet")


@pytest.mark.parametrize("named", [[], [{"Protocol": "HTTPS", "ResourceEndpoint": "https://127.0.0.1:1"}]])
def test_missing_endpoint_in_a_reply_is_a_service_fault(connection, monkeypatch, named):
    channel = kvs.create_channel("front-door")
    monkeypatch.setattr(connection, "call", lambda *_, **__: {"ResourceEndpointList": named})
    with pytest.raises(errors.ServiceFault, match="returned no WSS endpoint for front-door"):
        kvs.sign_url(channel, client_id="tablet")


def test_presign_without_credentials_raises(sandbox):
    session = boto3.Session(region_name="us-east-1")
    connection = connect_session(session, "us-east-1", endpoint_url=sandbox.endpoint_url)
    with pytest.raises(errors.NoCredentials):
        presign.presign_url("wss://127.0.0.1:1", {}, connection, 299)
