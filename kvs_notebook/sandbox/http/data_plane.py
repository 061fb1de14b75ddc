"""Data plane as an ASGI application: WebSocket signaling, and ICE servers over HTTPS."""

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
from kvs_notebook.sandbox.backend.validation import (
    ServiceError,
    constraint_errors,
    input_validator,
    invalid_argument,
)
from kvs_notebook.sandbox.http import wire_format
from kvs_notebook.sandbox.http.application import Application
from kvs_notebook.sandbox.http.middleware import RequestContext, RequestPipeline
from kvs_notebook.sandbox.http.sigv4 import HttpRequest, parse_query
from kvs_notebook.sandbox.http.wire_format import ConnectionCut, Receive, Response, Scope, Send
from kvs_notebook.sandbox.signaling.message_queue import MASTER
from kvs_notebook.sandbox.signaling.relay import Peer, Relay

GET_ICE_SERVERS = "GetIceServerConfig"
PATHS = {signaling_model().operation_model(GET_ICE_SERVERS).http["requestUri"]: GET_ICE_SERVERS}
_validate_ice_request = input_validator(signaling_model(), GET_ICE_SERVERS)

CONNECT_OPERATIONS = {"/m": "ConnectAsMaster", "/v": "ConnectAsViewer"}
"""The action of each path of a WebSocket endpoint: the path states the role, no parameter does [6.1]."""

ICE_TTL_SECONDS = 300
ICE_SERVER_COUNTS: Mapping[str, tuple[int, ...]] = {"one": (1,), "two": (2,), "varies": (2, 1)}
"""Servers in successive replies for a channel [10]."""

MOST_COUNTED = 10_000
"""Channels whose replies are counted; then the counts begin again."""

TURN_URI = "turn{secure}:127.0.0.1:9?transport={transport}"
"""The discard port of loopback: a sandbox relays no media, and peers on one machine do not need a relay."""


class DataPlane(Application):
    """Serve the endpoints that GetSignalingChannelEndpoint returns."""

    def __init__(self, service: ServiceContext, pipeline: RequestPipeline, relay: Relay) -> None:
        self._service = service
        self._pipeline = pipeline
        self._relay = relay
        self._ice_replies: dict[str, int] = {}  # by channel

    # --- HTTPS

    async def respond(self, request: HttpRequest) -> Response:
        """Return ICE servers."""
        operation = PATHS.get(request.path) if request.method == "POST" else None
        if operation is None:
            raise ServiceError("UnknownOperationException", f"The endpoint has no {request.method} {request.path}.")
        context = RequestContext(request, operation)
        with self._pipeline.log_request(context):
            caller = context.caller = self._pipeline.authenticate(request, "kinesisvideo")
            context.payload = wire_format.parse_body(request.body)
            lose_reply = await self._pipeline.admit(caller, operation, context.payload)
            with constraint_errors(self._service.assumptions):
                _validate_ice_request(context.payload, "")
            call = Call(self._service, caller, operation, context.payload)
            arn = call.usable(context.payload["ChannelARN"]).arn
            response = Response(200, wire_format.dump_json({"IceServerList": self._ice_servers(arn)}))
            if lose_reply:
                raise ConnectionCut
            context.status = response.status
        return response

    def _ice_servers(self, arn: str) -> list[dict[str, Any]]:
        """Return servers in the format that the service was observed to use [6.6, 10]; no server answers at these URIs."""
        expires = self._service.now_ms // 1000 + ICE_TTL_SECONDS
        username = f"{expires}:{base64.b64encode(f'v1:{arn}'.encode()).decode()}"
        uris = [
            TURN_URI.format(secure=secure, transport=transport)
            for secure, transport in (("", "udp"), ("s", "udp"), ("s", "tcp"))
        ]
        return [
            {"Password": self._password(username, number), "Ttl": ICE_TTL_SECONDS, "Uris": uris, "Username": username}
            for number in range(self._ice_server_count(arn))
        ]

    def _ice_server_count(self, arn: str) -> int:
        """Return the number of servers in the next reply for a channel, the same in every run."""
        if len(self._ice_replies) >= MOST_COUNTED:
            self._ice_replies.clear()
        before = self._ice_replies.get(arn, 0)
        self._ice_replies[arn] = before + 1
        counts = ICE_SERVER_COUNTS[self._service.assumptions.ice_server_count]
        return counts[before % len(counts)]

    def _password(self, username: str, number: int) -> str:
        digest = hmac.digest(self._service.store.root_secret, f"turn {number} {username}".encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()

    # --- WebSocket

    async def serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit a peer, pass its frames to the relay until it disconnects."""
        protocol = scope[wire_format.TRANSPORT]
        peer = await self._admit_peer(wire_format.read_request_head(scope), _WebSocketConnection(protocol, send))
        await receive()
        await send({"type": "websocket.accept"})
        protocol.on_data = peer.mark_active
        self._relay.connect(peer)
        cleanly = False
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await self._relay.receive(peer, message.get("text"))
            cleanly = "reason" in message  # a broken connection has no reason
        finally:
            self._relay.disconnect(peer, cleanly=cleanly)

    async def _admit_peer(self, head: HttpRequest, connection: _WebSocketConnection) -> Peer:
        """Return the peer of an upgrade; raise ServiceError to reject it before the upgrade [6.1]."""
        operation = CONNECT_OPERATIONS.get(head.path)
        if operation is None:
            raise ServiceError(
                "ResourceNotFoundException", f"No signaling at {head.path}: a WSS endpoint ends in /m or /v."
            )
        context = RequestContext(head, operation)
        with self._pipeline.log_request(context):
            caller = context.caller = self._pipeline.authenticate(head, "kinesisvideo")
            parameters = context.payload = _channel_parameters(head)
            if await self._pipeline.admit(caller, operation, parameters):
                raise ConnectionCut
            arn, client_id = _arn_and_client_id(operation, parameters)
            call = Call(self._service, caller, operation, parameters)
            channel = call.usable(arn)
            self._relay.check_viewer_limit(channel.arn, client_id)
            context.status = 101
        return Peer(call, channel, client_id, connection)


class _WebSocketConnection:
    """Send text over a WebSocket of the ASGI server."""

    def __init__(self, protocol: Any, send: Send) -> None:
        self.writable: asyncio.Event = protocol.writable
        self._protocol = protocol
        self._send = send
        self._closed = False

    async def send(self, text: str) -> bool:
        """Send a frame; return False if the connection is gone."""
        return await self._deliver({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str) -> None:
        """Close the connection; cut it if the peer does not read, because no close frame would reach it."""
        if not self.writable.is_set():
            self._protocol.abort()
        else:
            await self._deliver({"type": "websocket.close", "code": code, "reason": reason})
        self._closed = True

    async def _deliver(self, message: dict[str, Any]) -> bool:
        """Pass a message to the server, which drops it silently if the connection is ending or this message ends it."""
        while not self.writable.is_set():  # here, since the connection may be closed meanwhile
            await self.writable.wait()
        if self._closed or self._protocol.transport.is_closing():
            return False
        self._closed = message["type"] == "websocket.close"
        try:
            await self._send(message)
        except OSError:  # uvicorn raises it if the client has gone
            self._closed = True
        return not (self._closed or self._protocol.transport.is_closing())


def _channel_parameters(head: HttpRequest) -> Mapping[str, str]:
    """Return what the URL states about the channel, under the names of the API."""
    query = dict(parse_query(head.query))
    names = {"X-Amz-ChannelARN": "ChannelARN", "X-Amz-ClientId": "ClientId"}
    return {name: query[parameter] for parameter, name in names.items() if parameter in query}


def _arn_and_client_id(operation: str, parameters: Mapping[str, str]) -> tuple[str, str]:
    """Return the ARN and the client id of a URL; the client id of a MASTER is ignored."""
    required = ["ChannelARN", "ClientId"] if operation == "ConnectAsViewer" else ["ChannelARN"]
    for name in required:
        if name not in parameters:
            raise invalid_argument(f"X-Amz-{name} is required in the URL.")
    try:
        ChannelArn.parse(parameters["ChannelARN"])
        client_id = check_viewer_id(parameters["ClientId"]) if "ClientId" in required else MASTER
    except InvalidInput as error:
        raise invalid_argument(str(error)) from error
    return parameters["ChannelARN"], client_id
