"""CORS: what a browser requests before an AWS SDK in a page calls another origin; and how errors are encoded."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import kvs_notebook as kvs
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http import wire_format

ORIGIN = {"Origin": "http://localhost:3001"}
ASKED = {
    **ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,x-amz-date",
}


@pytest.fixture
def sandbox() -> Iterator[kvs.Sandbox]:
    with kvs.Sandbox(clock="stepped") as sandbox:
        yield sandbox


def opened(url: str, *, context: ssl.SSLContext | None = None, **options: Any) -> Any:
    return urlopen(Request(url, **options), context=context, timeout=20)  # noqa: S310 - the sandbox's own addresses


def test_preflight_allows_the_sdks_headers_on_both_ports(sandbox):
    connection = sandbox.connection()
    channel = kvs.create_channel("front-door", connection=connection)
    endpoint = kvs.get_endpoints(channel, protocols=("HTTPS",), connection=connection)["endpoint"].item()
    for url, context in (
        (f"{sandbox.endpoint_url}/describeSignalingChannel", None),
        (f"{endpoint}/v1/get-ice-server-config", connection.tls_context(endpoint)),
    ):
        with opened(url, context=context, headers=ASKED, method="OPTIONS") as response:
            assert response.status == 200
            assert response.headers["access-control-allow-origin"] == "*"
            allowed = response.headers["access-control-allow-headers"].split(",")
            assert set(ASKED["Access-Control-Request-Headers"].split(",")) <= set(allowed)
            assert "POST" in response.headers["access-control-allow-methods"].split(",")


def test_preflight_is_not_logged_as_a_request(sandbox):
    opened(f"{sandbox.endpoint_url}/describeSignalingChannel", headers=ASKED, method="OPTIONS").close()
    assert sandbox.requests.empty


def test_page_may_read_an_error_and_its_code(sandbox):
    with pytest.raises(HTTPError) as refused:
        opened(f"{sandbox.endpoint_url}/describeSignalingChannel", headers=ORIGIN, data=b"{}", method="POST")
    with refused.value as response:
        assert response.code == 403
        assert response.headers["access-control-allow-origin"] == "*"
        assert "x-amzn-errortype" in response.headers["access-control-expose-headers"].split(",")


def test_preflight_for_a_rebound_host_is_rejected(sandbox):
    with pytest.raises(HTTPError) as refused:
        opened(sandbox.endpoint_url, headers={**ASKED, "Host": "rebound.example"}, method="OPTIONS")
    with refused.value as response:
        assert response.code == 421
        assert "access-control-allow-headers" not in response.headers


@pytest.mark.parametrize(
    ("code", "member"),
    [
        ("UnrecognizedClientException", "message"),
        ("InvalidSignatureException", "message"),
        ("ExpiredTokenException", "message"),
        ("MissingAuthenticationTokenException", "message"),
        ("AccessDeniedException", "Message"),
        ("ResourceNotFoundException", "Message"),
    ],
)
def test_authentication_failures_name_their_message_in_lower_case(code, member):
    response = wire_format.error_response(ServiceError(code, "why"))
    assert json.loads(response.body) == {member: "why"}
    assert (response.status == 403) == (code != "ResourceNotFoundException")
