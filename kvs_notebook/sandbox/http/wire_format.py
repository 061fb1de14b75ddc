"""Wire format of the service over ASGI: reading requests, encoding responses and errors, CORS headers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from kvs_notebook.aws.json_text import parse_json
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http.sigv4 import NUMBER, HttpRequest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRANSPORT = "kvs_notebook.transport"
"""Key of the connection's transport in the scope. ASGI has no message that cuts a connection, so the server adds it."""

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST_BODY = 1_048_576
"""Bytes; a request with 50 tags of maximum length has a fifth of it."""

JSON = b"application/json"
JSON_1_1 = b"application/x-amz-json-1.1"
XML = b"text/xml"

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
"""The response to bytes that are not a request."""

ERROR_TYPE_SUFFIX: Mapping[str, str] = {
    "AccessDeniedException": ":http://internal.amazon.com/coral/com.amazon.coral.service/"
}
DEFAULT_SUFFIX = ":https://kinesisvideo.amazonaws.com/doc/2017-09-30/"
"""Real replies carry one of these after the code [4, likely]; a client must not compare the header as a whole."""

AUTHENTICATION_FAILURES = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredTokenException",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
    }
)
"""Codes of the errors that AWS's front end returns before the service is asked."""

FOR_BROWSERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-amzn-errortype,x-amzn-requestid,date"),
)
"""A page of any origin may read a response: requests are authorized by their signature, which no browser adds by itself."""

ALLOWED_HEADERS = (
    b"*,authorization,content-type,date,x-amz-date,x-amz-security-token,x-amz-target,x-amz-content-sha256,"
    b"x-amz-user-agent,amz-sdk-invocation-id,amz-sdk-request"
)
"""Headers that an AWS SDK in a page may send; the service was observed to allow these (aws-sdk-js-v3 issue 1962)."""

PREFLIGHT = (
    (b"access-control-allow-headers", ALLOWED_HEADERS),
    (b"access-control-allow-methods", b"GET,POST,OPTIONS,PUT,PATCH,DELETE"),
    (b"access-control-max-age", b"172800"),
)

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Response(NamedTuple):
    """A response before it is sent."""

    status: int
    body: bytes
    content_type: bytes = JSON
    error_code: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


class ConnectionCut(Exception):
    """The connection is cut instead of sending a response."""


class InvalidJson(NamedTuple):
    """A body that is not JSON; it is rejected after the checks that come first."""

    reason: str


async def read_request(scope: Scope, receive: Receive) -> HttpRequest:
    """Read a whole request; raise ServiceError if it is meant for another host or is too large."""
    head = read_request_head(scope)
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionCut
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LONGEST_BODY:
            raise ServiceError(
                "RequestEntityTooLargeException", f"The body has more than {LONGEST_BODY} bytes.", status=413
            )
    return head._replace(body=body)


def read_request_head(scope: Scope) -> HttpRequest:
    """Read a request without its body, such as the upgrade of a WebSocket."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    _check_host(headers.get("host", ""))
    return HttpRequest(
        scope.get("method", "GET"),
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        headers,
    )


def _check_host(host: str) -> None:
    """Reject a Host that is not loopback, to prevent DNS rebinding by a web page."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        name = None
    if name not in LOOPBACK_NAMES:
        raise ServiceError(
            "AccessDeniedException",
            f"Host {host!r} is not served. Use http://127.0.0.1: the sandbox answers on loopback only.",
            status=421,
        )


def parse_body(body: bytes) -> Any:
    """Parse a JSON body; an empty one is an empty object."""
    try:
        return parse_json(body or b"{}")
    except ValueError as error:
        return InvalidJson(f"The body is not JSON: {error}")


def attempt_number(request: HttpRequest) -> int:
    """Return the attempt that an AWS SDK states in ``amz-sdk-request: attempt=2; max=3``; 1 if it states none."""
    stated = request.headers.get("amz-sdk-request", "").partition("attempt=")[2].partition(";")[0]
    return int(stated) if NUMBER.fullmatch(stated) else 1


def dump_json(answer: Mapping[str, Any]) -> bytes:
    """Return an answer as compact JSON."""
    try:
        return orjson.dumps(answer)
    except TypeError:  # orjson refuses a lone surrogate, of which a message may quote one, and integers over 64 bits
        return _COMPACT.encode(answer).encode(errors="replace")


def error_response(error: ServiceError) -> Response:
    """Return an error in the service's own format: those of authentication have a ``message``, others a ``Message`` [10]."""
    member = "message" if error.code in AUTHENTICATION_FAILURES else "Message"
    return Response(error.status, dump_json({member: error.message}), JSON, error.code)


def json_1_1_error_response(error: ServiceError) -> Response:
    """Return an error in the format of services that use JSON 1.1."""
    return Response(error.status, dump_json({"__type": error.code, "message": error.message}), JSON_1_1, error.code)


def preflight_response() -> Response:
    """Return the response to a CORS preflight request."""
    return Response(200, b"", headers=PREFLIGHT)


def _headers(response: Response) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", response.content_type),
        (b"content-length", str(len(response.body)).encode()),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
        *FOR_BROWSERS,
        *response.headers,
    ]
    if response.error_code is not None:
        suffix = ERROR_TYPE_SUFFIX.get(response.error_code, DEFAULT_SUFFIX)
        headers.append((b"x-amzn-errortype", f"{response.error_code}{suffix}".encode()))
    return headers


async def send_response(response: Response, send: Send, *, websocket: bool = False) -> None:
    """Send a response; a WebSocket's upgrade is rejected by one."""
    kind = "websocket.http.response" if websocket else "http.response"
    await send({"type": f"{kind}.start", "status": response.status, "headers": _headers(response)})
    await send({"type": f"{kind}.body", "body": response.body})
