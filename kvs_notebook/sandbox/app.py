"""The control plane as an ASGI application: HTTP requests to operations, and what they answer or refuse back to HTTP."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox import control, wire
from kvs_notebook.sandbox.gate import Gate, Passage
from kvs_notebook.sandbox.model import OPERATIONS, ServiceError
from kvs_notebook.sandbox.operations import caller_identity, not_found, perform
from kvs_notebook.sandbox.service import Service
from kvs_notebook.sandbox.signature import Request
from kvs_notebook.sandbox.wire import JSON, XML, Cut, Receive, Reply, Scope, Send

IDENTITY = "GetCallerIdentity"
OUTPUT_IS_EMPTY = frozenset({"UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource"})


class App:
    """Serve the control plane: the nine operations, GetCallerIdentity, and the control of the sandbox itself."""

    def __init__(self, service: Service, gate: Gate, controls: control.Controls) -> None:
        self._service = service
        self._gate = gate
        self._controls = controls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        websocket = scope["type"] == "websocket"
        try:
            if websocket:
                raise not_found()
            reply = await self._answer(await wire.read(scope, receive))
        except ServiceError as error:
            reply = wire.refusal(error)
        except Cut:
            scope[wire.TRANSPORT].abort()
            await receive()  # until the server has seen that the connection is gone
            return
        except asyncio.CancelledError:  # the host ends, and has cut the connection: there is nobody to answer
            return
        await wire.answer(reply, send, websocket=websocket)

    async def _answer(self, request: Request) -> Reply:
        if request.method == "POST" and request.path.startswith(control.PATH):
            return self._control(request)
        passage = Passage(request, _operation_of(request))
        try:
            with self._gate.recorded(passage):
                reply = await self._performed(passage)
                passage.status = reply.status
        except ServiceError as error:
            return wire.refusal(error, XML if passage.operation == IDENTITY else JSON)
        return reply

    async def _performed(self, passage: Passage) -> Reply:
        operation = passage.operation
        caller = passage.caller = self._gate.caller(passage.request, "sts" if operation == IDENTITY else "kinesisvideo")
        passage.payload = None if operation == IDENTITY else wire.parsed(passage.request.body)
        lost = await self._gate.admit(caller, operation, passage.payload)
        if operation == IDENTITY:
            reply = Reply(200, wire.identity_xml(caller_identity(caller)), XML)
        else:
            answer = perform(self._service, caller, operation, passage.payload)
            reply = Reply(200, b"" if operation in OUTPUT_IS_EMPTY else wire.dumped(answer))
        if lost:
            raise Cut
        return reply

    def _control(self, request: Request) -> Reply:
        self._gate.caller(request, control.SERVICE_NAME)
        try:
            answer = self._controls.do(request.path.removeprefix(control.PATH), json.loads(request.body))
        except (InvalidInput, ValueError, TypeError) as error:
            raise ServiceError("InvalidArgumentException", str(error)) from error
        return Reply(200, wire.dumped(answer))


def _operation_of(request: Request) -> str:
    if request.method == "POST":
        if request.path in OPERATIONS:
            return OPERATIONS[request.path]
        if request.path == "/" and parse_qs(request.body.decode("latin-1")).get("Action") == [IDENTITY]:
            return IDENTITY
    raise ServiceError("UnknownOperationException", f"The sandbox has no {request.method} {request.path}.")
