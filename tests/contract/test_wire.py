"""The HTTP responses of the sandbox, requested without an SDK."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest

import kvs_notebook as kvs
from kvs_notebook.sandbox.backend.validation import OPERATIONS


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str:
        return self.headers.get("x-amzn-ErrorType", "").split(":")[0]


class Wire:
    """Send HTTP requests to a sandbox."""

    def __init__(self, sandbox: kvs.Sandbox) -> None:
        self.sandbox = sandbox
        self.connection = sandbox.connection()
        self.credentials = self.connection.client()._request_signer._credentials
        self.host = urlsplit(sandbox.endpoint_url).netloc

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        client = http.client.HTTPConnection(self.host, timeout=20)
        try:
            client.request(method, path, body, headers or {})
            response = client.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            client.close()

    def signed(
        self,
        path: str,
        body: bytes = b"{}",
        *,
        service: str = "kinesisvideo",
        region: str = "us-east-1",
        **headers: str,
    ) -> dict[str, str]:
        request = AWSRequest("POST", f"{self.sandbox.endpoint_url}{path}", data=body, headers=headers)
        SigV4Auth(self.credentials, service, region).add_auth(request)
        return dict(request.headers.items())

    def call(self, path: str, request: object, **signing: str) -> Answer:
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return self.send("POST", path, body, self.signed(path, body, **signing))


@pytest.fixture
def wire() -> Iterator[Wire]:
    with kvs.Sandbox(clock="stepped") as sandbox:
        yield Wire(sandbox)


# --- responses


def test_response_is_json_with_request_id_and_no_server_header(wire):
    answer = wire.call("/listSignalingChannels", {})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-amzn-RequestId"]) == 36
    assert answer.headers["date"].endswith("GMT")
    assert "server" not in answer.headers
    assert json.loads(answer.body) == {"ChannelInfoList": [], "NextToken": None}


def test_unset_members_are_explicit_nulls_and_times_are_epoch_seconds(wire):
    kvs.create_channel("front-door", connection=wire.connection)
    info = json.loads(wire.call("/describeSignalingChannel", {"ChannelName": "front-door"}).body)["ChannelInfo"]
    assert info["FullMeshConfiguration"] is None
    assert info["CreationTime"] == 1767603601.0


def test_operations_without_output_answer_with_an_empty_body(wire):
    channel = kvs.create_channel("front-door", connection=wire.connection)
    arn, version = channel["channel_arn"].item(), channel["version"].item()
    ttl = {"SingleMasterConfiguration": {"MessageTtlSeconds": 90}}
    for path, request in (
        ("/TagResource", {"ResourceARN": arn, "Tags": [{"Key": "k", "Value": "v"}]}),
        ("/UntagResource", {"ResourceARN": arn, "TagKeyList": ["k"]}),
        ("/updateSignalingChannel", {"ChannelARN": arn, "CurrentVersion": version, **ttl}),
    ):
        answer = wire.call(path, request)
        assert (answer.status, answer.body) == (200, b"")
    kvs.wait_for_channel("front-door", connection=wire.connection)
    answer = wire.call("/deleteSignalingChannel", {"ChannelARN": arn})
    assert (answer.status, answer.body) == (200, b"")


# --- errors


@pytest.mark.parametrize(
    ("path", "request_", "status", "header"),
    [
        (
            "/describeSignalingChannel", {"ChannelName": "missing"}, 404,
            "ResourceNotFoundException:https://kinesisvideo.amazonaws.com/doc/2017-09-30/",
        ),
        (
            "/describeSignalingChannel", {}, 400,
            "InvalidArgumentException:https://kinesisvideo.amazonaws.com/doc/2017-09-30/",
        ),
        (
            "/ListTagsForResource",
            {"ResourceARN": "arn:aws:kinesisvideo:us-east-1:999988887777:channel/front-door/1767603600000"}, 403,
            "AccessDeniedException:http://internal.amazon.com/coral/com.amazon.coral.service/",
        ),
    ],
)  # fmt: skip
def test_error_code_is_in_header_and_message_in_body(wire, path, request_, status, header):
    answer = wire.call(path, request_)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (status, header)
    assert json.loads(answer.body).keys() == {"Message"}


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"a":' * 100_000, b"not json"], ids=["cut", "bytes", "deep", "words"]
)
def test_invalid_json_body_is_a_serialization_error(wire, body):
    answer = wire.call("/listSignalingChannels", body)
    assert (answer.status, answer.code) == (400, "SerializationException")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"7"])
def test_json_body_other_than_object_is_invalid_argument(wire, body):
    assert wire.call("/listSignalingChannels", body).code == "InvalidArgumentException"


def test_empty_body_is_an_empty_request(wire):
    assert wire.call("/listSignalingChannels", b"").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ListSignalingChannels"),
        ("POST", "/tagResource"),
        ("GET", "/listSignalingChannels"),
        ("POST", "/v1/get-ice-server-config"),
        ("POST", "/"),
        ("GET", "/"),
        ("GET", "/_sandbox/settings"),
        ("DELETE", "/../listSignalingChannels"),
    ],
)
def test_paths_are_case_sensitive_and_others_unknown(wire, method, path):
    answer = wire.send(method, path, b"{}", wire.signed("/listSignalingChannels"))
    assert (answer.status, answer.code) == (404, "UnknownOperationException")


def test_paths_are_the_models():
    assert len(OPERATIONS) == 9
    assert {"/TagResource", "/UntagResource", "/ListTagsForResource", "/createSignalingChannel"} <= set(OPERATIONS)


def test_body_above_the_size_limit_is_rejected(wire):
    answer = wire.call("/listSignalingChannels", b" " * 1_048_577)
    assert (answer.status, answer.code) == (413, "RequestEntityTooLargeException")
    assert wire.call("/listSignalingChannels", b" " * 1_048_000 + b"{}").status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "[bad"])
def test_host_other_than_loopback_is_rejected_first(wire, host):
    answer = wire.send("POST", "/listSignalingChannels", b"{}", {"Host": host})
    assert (answer.status, answer.code) == (421, "AccessDeniedException")
    assert wire.sandbox.requests.empty


def test_bytes_that_are_not_http_do_no_harm(wire):
    host, port = wire.host.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"\x16\x03\x01nonsense\r\n\r\n")
        assert b"400" in raw.recv(1000)
    assert wire.call("/listSignalingChannels", {}).status == 200


# --- signatures


def test_unsigned_request_is_rejected(wire):
    answer = wire.send("POST", "/listSignalingChannels", b"{}")
    assert (answer.status, answer.code) == (403, "MissingAuthenticationTokenException")
    assert wire.sandbox.requests["error_code"].tolist() == ["MissingAuthenticationTokenException"]


def test_body_changed_after_signing_is_rejected(wire):
    answer = wire.send("POST", "/listSignalingChannels", b'{"MaxResults":1}', wire.signed("/listSignalingChannels"))
    assert (answer.status, answer.code) == (403, "InvalidSignatureException")


def test_credential_scope_selects_the_region(wire):
    kvs.create_channel("front-door", connection=wire.sandbox.connection(region="eu-west-1"))
    assert json.loads(wire.call("/listSignalingChannels", {}).body)["ChannelInfoList"] == []
    listed = json.loads(wire.call("/listSignalingChannels", {}, region="eu-west-1").body)["ChannelInfoList"]
    assert [info["ChannelName"] for info in listed] == ["front-door"]


@pytest.mark.parametrize(("path", "scope"), [("/listSignalingChannels", "sts"), ("/_sandbox/reset", "kinesisvideo")])
def test_signature_for_another_service_is_rejected(wire, path, scope):
    answer = wire.call(path, {}, service=scope)
    assert (answer.status, answer.code) == (403, "InvalidSignatureException")
    assert "correct service" in json.loads(answer.body)["message"]


def test_url_may_carry_the_signature(wire):
    request = AWSRequest("POST", f"{wire.sandbox.endpoint_url}/listSignalingChannels")
    SigV4QueryAuth(wire.credentials, "kinesisvideo", "us-east-1", expires=60).add_auth(request)
    parts = urlsplit(request.url)
    assert wire.send("POST", f"{parts.path}?{parts.query}").status == 200


# --- identity


def test_sts_answers_in_its_own_format(wire):
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    answer = wire.call("/", body, service="sts")
    assert answer.headers["content-type"] == "text/xml"
    found = {element.tag.rpartition("}")[2]: element.text for element in ET.fromstring(answer.body).iter()}  # noqa: S314
    assert found["Account"] == "111122223333"
    refused = wire.send("POST", "/", body)
    assert refused.status == 403
    assert b"<Code>MissingAuthenticationTokenException</Code>" in refused.body


# --- control


def test_admin_requests_must_be_signed(wire):
    for path in ("/_sandbox/reset", "/_sandbox/settings"):
        assert wire.send("POST", path, b"{}").code == "MissingAuthenticationTokenException"
    answer = wire.call("/_sandbox/explode", {}, service="kvs-notebook-sandbox")
    assert (answer.status, answer.code) == (400, "InvalidArgumentException")
    for body in (b"[]", b"{", b'{"seconds": "x"}', b'{"unheard": 1}'):
        assert wire.call("/_sandbox/advance", body, service="kvs-notebook-sandbox").code == "InvalidArgumentException"
    assert wire.call("/_sandbox/advance", {"seconds": 1}, service="kvs-notebook-sandbox").status == 200
