"""Wire: HTTP requests as they come in, and answers and refusals as they go out, over ASGI."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http.sigv4 import HttpRequest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRANSPORT = "kvs_notebook.transport"
"""Key in the scope: the connection's transport, which cuts it. ASGI has no word for it: the server has to put it there."""

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST_BODY = 1_048_576
"""Bytes; a request with 50 tags of the longest kind has a fifth of it."""

JSON = b"application/json"
JSON_1_1 = b"application/x-amz-json-1.1"
XML = b"text/xml"

ERROR_TYPE_SUFFIX: Mapping[str, str] = {
    "AccessDeniedException": ":http://internal.amazon.com/coral/com.amazon.coral.service/"
}
DEFAULT_SUFFIX = ":https://kinesisvideo.amazonaws.com/doc/2017-09-30/"
"""Real replies carry one of these after the code [4, likely]; a client that takes the header as it is breaks on them."""

FOR_BROWSERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-amzn-errortype,x-amzn-requestid,date"),
)
"""A page of any origin may read an answer: who has signed is who may ask, and no browser signs by itself."""

ALLOWED_HEADERS = (
    b"*,authorization,content-type,date,x-amz-date,x-amz-security-token,x-amz-target,x-amz-content-sha256,"
    b"x-amz-user-agent,amz-sdk-invocation-id,amz-sdk-request"
)
"""What a page's AWS SDK may send; the service was seen to allow these (aws-sdk-js-v3 issue 1962)."""

PREFLIGHT = (
    (b"access-control-allow-headers", ALLOWED_HEADERS),
    (b"access-control-allow-methods", b"GET,POST,OPTIONS,PUT,PATCH,DELETE"),
    (b"access-control-max-age", b"172800"),
)

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Response(NamedTuple):
    """An answer on its way to the wire."""

    status: int
    body: bytes
    content_type: bytes = JSON
    error_code: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


class ConnectionCut(Exception):
    """Cut the connection in place of an answer."""


class InvalidJson(NamedTuple):
    """Stand for a body that is no JSON, until its turn to be refused has come."""

    why: str


async def read_request(scope: Scope, receive: Receive) -> HttpRequest:
    """Read a request whole; refuse one that was meant for another host, or that has no end."""
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
    """Read what stands before a request's body; a WebSocket's upgrade is no more than that."""
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
    """Refuse a name that is not loopback's: a web page's own name may have been made to point here."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        name = None
    if name not in LOOPBACK_NAMES:
        raise ServiceError(
            "AccessDeniedException",
            f"This sandbox answers on loopback, not as {host!r}: use http://127.0.0.1.",
            status=421,
        )


def parse_body(body: bytes) -> Any:
    """Take a body apart."""
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        return InvalidJson(f"The body is not JSON: {error}")


def attempt_number(request: HttpRequest) -> int:
    """Give the number that an AWS SDK counts its attempts by, in ``amz-sdk-request: attempt=2; max=3``."""
    stated = request.headers.get("amz-sdk-request", "").partition("attempt=")[2].partition(";")[0]
    return int(stated) if stated.isascii() and stated.isdigit() else 1


def dump_json(send_response: Mapping[str, Any]) -> bytes:
    """Give an answer as compact JSON."""
    return _COMPACT.encode(send_response).encode()


def error_response(error: ServiceError) -> Response:
    """Give a refusal in the service's own format."""
    return Response(error.status, dump_json({"Message": error.message}), JSON, error.code)


def json_1_1_error_response(error: ServiceError) -> Response:
    """Give a refusal in the format of the services that speak JSON 1.1."""
    return Response(error.status, dump_json({"__type": error.code, "message": error.message}), JSON_1_1, error.code)


def preflight_response() -> Response:
    """Give the answer to a browser that asks what a page may send."""
    return Response(200, b"", headers=PREFLIGHT)


def _headers(reply: Response) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
        *FOR_BROWSERS,
        *reply.headers,
    ]
    if reply.error_code is not None:
        suffix = ERROR_TYPE_SUFFIX.get(reply.error_code, DEFAULT_SUFFIX)
        headers.append((b"x-amzn-errortype", f"{reply.error_code}{suffix}".encode()))
    return headers


async def send_response(reply: Response, send: Send, *, websocket: bool = False) -> None:
    """Send an answer; a WebSocket's upgrade is refused by one."""
    kind = "websocket.http.response" if websocket else "http.response"
    await send({"type": f"{kind}.start", "status": reply.status, "headers": _headers(reply)})
    await send({"type": f"{kind}.body", "body": reply.body})
