"""The wire: HTTP requests to operations, and what they answer or refuse back to HTTP, as an ASGI application."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox import control, signature
from kvs_notebook.sandbox.faults import Fault, Faults
from kvs_notebook.sandbox.journal import Entry, Journal
from kvs_notebook.sandbox.model import OPERATIONS, ServiceError
from kvs_notebook.sandbox.operations import access_denied, caller_identity, channel_of, not_found, perform
from kvs_notebook.sandbox.quotas import Quotas
from kvs_notebook.sandbox.service import Caller, Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ABORT = "kvs_notebook.abort"
"""Key in the scope: what cuts the connection. A server has to put it there, ASGI has no word for it."""

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST_BODY = 1_048_576
"""Bytes; a request with 50 tags of the longest kind has a fifth of it."""

JSON = b"application/json"
XML = b"text/xml"
IDENTITY = "GetCallerIdentity"
OUTPUT_IS_EMPTY = frozenset({"UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource"})

ERROR_TYPE_SUFFIX: Mapping[str, str] = {
    "AccessDeniedException": ":http://internal.amazon.com/coral/com.amazon.coral.service/"
}
DEFAULT_SUFFIX = ":https://kinesisvideo.amazonaws.com/doc/2017-09-30/"
"""Real replies carry one of these after the code [4, likely]; a client that takes the header as it is breaks on them."""

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

STS = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'


class Reply(NamedTuple):
    """An answer on its way to the wire."""

    status: int
    body: bytes
    content_type: bytes = JSON
    error_code: str | None = None


class _Cut(Exception):
    """Cut the connection in place of an answer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, as far as it has been understood."""

    request: signature.Request
    operation: str
    payload: Any = None
    caller: Caller | None = None


class App:
    """Serve the control plane: the nine operations, GetCallerIdentity, and the control of the sandbox itself."""

    def __init__(self, service: Service, keys: signature.Keys, quotas: Quotas, controls: control.Controls) -> None:
        self._service = service
        self._keys = keys
        self._quotas = quotas
        self._controls = controls
        self._faults: Faults = controls.faults
        self._journal: Journal = controls.journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] == "websocket":
            await refuse_websocket(receive, send)
            return
        try:
            request = await _read(scope, receive)
            reply = await self._answer(request)
        except ServiceError as error:
            reply = _refusal(error, JSON)
        except _Cut:
            scope[ABORT]()
            await receive()  # until the server has seen that the connection is gone
            return
        except asyncio.CancelledError:  # the host ends, and has cut the connection: there is nobody to answer
            return
        await _send(reply, send)

    async def _answer(self, request: signature.Request) -> Reply:
        if request.method == "POST" and request.path.startswith(control.PATH):
            return self._control(request)
        operation = _operation_of(request)
        return await self._serve(Exchange(request, operation))

    # --- the service

    async def _serve(self, exchange: Exchange) -> Reply:
        """Serve one operation and write it down, whatever comes of it."""
        began = time.perf_counter()
        content_type = XML if exchange.operation == IDENTITY else JSON
        status, code = 0, None
        try:
            exchange = self._understood(exchange)
            reply = await self._performed(exchange)
            status = reply.status
        except ServiceError as error:
            status, code = error.status, error.code
            reply = _refusal(error, content_type)
        finally:
            self._write_down(exchange, status, code, time.perf_counter() - began)
        return reply

    def _understood(self, exchange: Exchange) -> Exchange:
        """Find out who calls, and take the body apart where it is JSON."""
        wanted = "sts" if exchange.operation == IDENTITY else "kinesisvideo"
        signer = self._verified(exchange.request, wanted)
        caller = Caller(signer.account_id, signer.region, signer.access_key_id)
        return replace(exchange, caller=caller, payload=_payload(exchange))

    def _verified(self, request: signature.Request, service_name: str) -> signature.Signer:
        signer = signature.verify(request, self._keys, datetime.now(UTC))
        if signer.service_name != service_name:
            raise ServiceError(
                "InvalidSignatureException", f"Credential should be scoped to correct service: '{service_name}'."
            )
        return signer

    async def _performed(self, exchange: Exchange) -> Reply:
        caller, operation = exchange.caller, exchange.operation
        assert caller is not None  # noqa: S101 - set by _understood
        lost = False
        for fault in self._faults.take(operation):
            lost = fault.kind == "lost_reply"
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif not lost:
                _strike(fault, exchange, caller)
        if self._faults.is_denied(operation):
            raise access_denied(caller, operation, exchange.payload)
        self._quotas.spend(caller, operation, channel_of(operation, exchange.payload))
        if isinstance(exchange.payload, _Unreadable):
            raise ServiceError("SerializationException", exchange.payload.why)
        if operation == IDENTITY:
            reply = Reply(200, _identity_xml(caller_identity(caller)), XML)
        else:
            answer = perform(self._service, caller, operation, exchange.payload)
            reply = Reply(200, b"" if operation in OUTPUT_IS_EMPTY else _dumped(answer))
        if lost:
            raise _Cut
        return reply

    def _write_down(self, exchange: Exchange, status: int, code: str | None, seconds: float) -> None:
        caller = exchange.caller
        self._journal.add(
            Entry(
                time.time(),
                caller.account_id if caller else None,
                caller.region if caller else None,
                exchange.operation,
                channel_of(exchange.operation, exchange.payload),
                status,
                code,
                _attempt(exchange.request),
                seconds,
            )
        )

    # --- the sandbox itself

    def _control(self, request: signature.Request) -> Reply:
        self._verified(request, control.SERVICE_NAME)
        try:
            answer = self._controls.do(request.path.removeprefix(control.PATH), json.loads(request.body))
        except (InvalidInput, ValueError, TypeError) as error:
            raise ServiceError("InvalidArgumentException", str(error)) from error
        return Reply(200, _dumped(answer))


class DataPlane:
    """Stand on the TLS port that GetSignalingChannelEndpoint names, and know no channel yet: refuse all."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse one request or one WebSocket."""
        if scope["type"] == "websocket":
            await refuse_websocket(receive, send)
        else:
            await _send(_refusal(not_found(), JSON), send)


# --- from the wire


async def _read(scope: Scope, receive: Receive) -> signature.Request:
    """Read a request whole; refuse one that was meant for another host, or that has no end."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    _check_host(headers.get("host", ""))
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Cut
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LONGEST_BODY:
            raise ServiceError(
                "RequestEntityTooLargeException", f"The body has more than {LONGEST_BODY} bytes.", status=413
            )
    return signature.Request(
        scope["method"], scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1"), headers, body
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


def _operation_of(request: signature.Request) -> str:
    if request.method == "POST":
        if request.path in OPERATIONS:
            return OPERATIONS[request.path]
        if request.path == "/" and parse_qs(request.body.decode("latin-1")).get("Action") == [IDENTITY]:
            return IDENTITY
    raise ServiceError("UnknownOperationException", f"The sandbox has no {request.method} {request.path}.")


class _Unreadable(NamedTuple):
    """Stand for a body that is no JSON, until its turn to be refused has come."""

    why: str


def _payload(exchange: Exchange) -> Any:
    if exchange.operation == IDENTITY:
        return None
    try:
        return json.loads(exchange.request.body or b"{}")
    except (ValueError, RecursionError) as error:
        return _Unreadable(f"The body is not JSON: {error}")


def _attempt(request: signature.Request) -> int:
    """Give the number that an AWS SDK counts its attempts by, in ``amz-sdk-request: attempt=2; max=3``."""
    stated = request.headers.get("amz-sdk-request", "").partition("attempt=")[2].partition(";")[0]
    return int(stated) if stated.isascii() and stated.isdigit() else 1


def _strike(fault: Fault, exchange: Exchange, caller: Caller) -> None:
    """Let a fault take the place of the answer."""
    if fault.kind == "throttle":
        raise ServiceError(
            "ClientLimitExceededException", f"Limit exceeded on number of requests for {exchange.operation} API"
        )
    if fault.kind == "denied":
        raise access_denied(caller, exchange.operation, exchange.payload)
    if fault.kind == "expired":
        raise ServiceError("ExpiredTokenException", "The security token included in the request is expired")
    if fault.kind == "error":
        raise ServiceError("InternalFailure", "The service failed, as this sandbox was told to.")
    raise _Cut


# --- to the wire


def _dumped(answer: Mapping[str, Any]) -> bytes:
    return _COMPACT.encode(answer).encode()


def _refusal(error: ServiceError, content_type: bytes) -> Reply:
    if content_type == XML:
        body = (
            f"<ErrorResponse {STS}><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error></ErrorResponse>"
        ).encode()
    else:
        body = _dumped({"Message": error.message})
    return Reply(error.status, body, content_type, error.code)


def _identity_xml(identity: Mapping[str, str]) -> bytes:
    members = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in identity.items())
    result = f"<GetCallerIdentityResult>{members}</GetCallerIdentityResult>"
    return f"<GetCallerIdentityResponse {STS}>{result}</GetCallerIdentityResponse>".encode()


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
    ]
    if reply.error_code is not None:
        suffix = ERROR_TYPE_SUFFIX.get(reply.error_code, DEFAULT_SUFFIX)
        headers.append((b"x-amzn-errortype", f"{reply.error_code}{suffix}".encode()))
    return headers


async def _send(reply: Reply, send: Send) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
    await send({"type": "http.response.body", "body": reply.body})


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Refuse an upgrade as the service refuses a channel that it does not know."""
    await receive()
    reply = _refusal(not_found(), JSON)
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": _headers(reply)})
    await send({"type": "websocket.http.response.body", "body": reply.body})
