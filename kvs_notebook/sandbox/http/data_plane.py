"""The data plane as an ASGI application: WebSocket signaling, and ICE servers over HTTPS."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.service_model import signaling_model
from kvs_notebook.aws.validation import check_viewer_id
from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.backend.context import Call, ServiceContext
from kvs_notebook.sandbox.backend.validation import ServiceError, input_validator, invalid_argument
from kvs_notebook.sandbox.http import wire_format
from kvs_notebook.sandbox.http.middleware import RequestContext, RequestPipeline
from kvs_notebook.sandbox.http.sigv4 import HttpRequest, parse_query
from kvs_notebook.sandbox.http.wire_format import ConnectionCut, Receive, Response, Scope, Send
from kvs_notebook.sandbox.signaling.message_queue import MASTER
from kvs_notebook.sandbox.signaling.relay import Peer, Relay

ICE = "GetIceServerConfig"
PATHS = {signaling_model().operation_model(ICE).http["requestUri"]: ICE}
_VALIDATE_ICE = input_validator(signaling_model(), ICE)

ROLES = {"/m": "ConnectAsMaster", "/v": "ConnectAsViewer"}
"""The action that each path of a WebSocket endpoint stands for: the endpoint says the role, no parameter does [6.1]."""

ICE_TTL_SECONDS = 300
ICE_SERVERS = 2
NOBODY = "turn{secure}:127.0.0.1:9?transport={transport}"
"""Loopback's discard port: a sandbox relays no media, and peers on one machine need nobody to."""


class DataPlane:
    """Serve what GetSignalingChannelEndpoint names."""

    def __init__(self, service: ServiceContext, pipeline: RequestPipeline, relay: Relay) -> None:
        self._service = service
        self._pipeline = pipeline
        self._relay = relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTPS request, or carry one WebSocket until it ends."""
        websocket = scope["type"] == "websocket"
        try:
            if websocket:
                await self._signal(scope, receive, send)
                return
            reply = await self._answer(await wire_format.read_request(scope, receive))
        except ServiceError as error:
            reply = wire_format.error_response(error)
        except ConnectionCut:
            scope[wire_format.TRANSPORT].abort()
            while (await receive())["type"] not in {"http.disconnect", "websocket.disconnect"}:
                pass  # until the server has seen that the connection is gone
            return
        except asyncio.CancelledError:  # the host ends, and has cut the connection: there is nobody to answer
            return
        await wire_format.send_response(reply, send, websocket=websocket)

    # --- HTTPS

    async def _answer(self, request: HttpRequest) -> Response:
        if request.method == "OPTIONS":
            return wire_format.preflight_response()
        operation = PATHS.get(request.path) if request.method == "POST" else None
        if operation is None:
            raise ServiceError("UnknownOperationException", f"The endpoint has no {request.method} {request.path}.")
        context = RequestContext(request, operation)
        with self._pipeline.log_request(context):
            caller = context.caller = self._pipeline.caller(request, "kinesisvideo")
            context.payload = wire_format.parse_body(request.body)
            lost = await self._pipeline.admit(caller, operation, context.payload)
            _VALIDATE_ICE(context.payload, "")
            call = Call(self._service, caller, operation, context.payload)
            arn = call.usable(context.payload["ChannelARN"]).arn
            reply = Response(200, wire_format.dump_json({"IceServerList": self._ice_servers(arn)}))
            if lost:
                raise ConnectionCut
            context.status = reply.status
        return reply

    def _ice_servers(self, arn: str) -> list[dict[str, Any]]:
        """Give servers in the form that was seen of the service [6.6]; nobody answers there."""
        expires = self._service.now_ms // 1000 + ICE_TTL_SECONDS
        username = f"{expires}:{base64.b64encode(f'v1:{arn}'.encode()).decode()}"
        uris = [
            NOBODY.format(secure=secure, transport=transport)
            for secure, transport in (("", "udp"), ("s", "udp"), ("s", "tcp"))
        ]
        return [
            {"Uris": uris, "Username": username, "Password": self._password(username, number), "Ttl": ICE_TTL_SECONDS}
            for number in range(ICE_SERVERS)
        ]

    def _password(self, username: str, number: int) -> str:
        digest = hmac.digest(self._service.store.root_secret, f"turn {number} {username}".encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()

    # --- WebSocket

    async def _signal(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = scope[wire_format.TRANSPORT]
        peer = await self._admitted(wire_format.read_request_head(scope), _Line(line, send))
        await receive()
        await send({"type": "websocket.accept"})
        line.on_data = peer.hear
        self._relay.join(peer)
        cleanly = False
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await self._relay.receive(peer, message.get("text"))
            cleanly = "reason" in message  # a connection that breaks off gives none
        finally:
            self._relay.leave(peer, cleanly=cleanly)

    async def _admitted(self, head: HttpRequest, line: _Line) -> Peer:
        """Let a peer in, or refuse it before the upgrade [6.1]."""
        operation = ROLES.get(head.path)
        if operation is None:
            raise ServiceError(
                "ResourceNotFoundException", f"No signaling at {head.path}: a WSS endpoint ends in /m or /v."
            )
        context = RequestContext(head, operation)
        with self._pipeline.log_request(context):
            caller = context.caller = self._pipeline.caller(head, "kinesisvideo")
            parameters = context.payload = _parameters(head)
            if await self._pipeline.admit(caller, operation, parameters):
                raise ConnectionCut
            arn, client_id = _named(operation, parameters)
            call = Call(self._service, caller, operation, parameters)
            channel = call.usable(arn)
            self._relay.check_room(channel.arn, client_id)
            context.status = 101
        return Peer(call, channel, client_id, line)


class _Line:
    """Carry text over a WebSocket of the server's."""

    def __init__(self, protocol: Any, send: Send) -> None:
        self.writable: asyncio.Event = protocol.writable
        self._protocol = protocol
        self._send = send
        self._closed = False

    async def send(self, text: str) -> bool:
        """Send a frame."""
        return await self._sent({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str) -> None:
        """Close the connection; one whose peer does not read would never hear of it, and is cut."""
        if not self.writable.is_set():
            self._protocol.abort()
        else:
            await self._sent({"type": "websocket.close", "code": code, "reason": reason})
        self._closed = True

    async def _sent(self, message: dict[str, Any]) -> bool:
        """Give a message to the server, which drops it without a word where the connection is ending or this ends it."""
        if self._closed or self._protocol.transport.is_closing():
            return False
        try:
            await self._send(message)
        except OSError:  # uvicorn's word for a client that has gone
            self._closed = True
        return not (self._closed or self._protocol.transport.is_closing())


def _parameters(head: HttpRequest) -> Mapping[str, str]:
    """Give what the URL says of the channel, under the names that the API has for it."""
    stated = dict(parse_query(head.query))
    names = {"X-Amz-ChannelARN": "ChannelARN", "X-Amz-ClientId": "ClientId"}
    return {name: stated[parameter] for parameter, name in names.items() if parameter in stated}


def _named(operation: str, parameters: Mapping[str, str]) -> tuple[str, str]:
    """Give the ARN and the client id of a URL; a MASTER's client id counts for nothing."""
    needed = ["ChannelARN", "ClientId"] if operation == "ConnectAsViewer" else ["ChannelARN"]
    for name in needed:
        if name not in parameters:
            raise invalid_argument(f"X-Amz-{name} is required in the URL.")
    try:
        ChannelArn.parse(parameters["ChannelARN"])
        client_id = check_viewer_id(parameters["ClientId"]) if "ClientId" in needed else MASTER
    except InvalidInput as error:
        raise invalid_argument(str(error)) from error
    return parameters["ChannelARN"], client_id
