"""The control plane as an ASGI application: HTTP requests to operations, and what they answer or refuse back to HTTP."""

from __future__ import annotations

import asyncio
import json

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.backend import account, sts
from kvs_notebook.sandbox.backend.access_keys import unrecognized
from kvs_notebook.sandbox.backend.context import Service
from kvs_notebook.sandbox.backend.operations import not_found, perform
from kvs_notebook.sandbox.backend.validation import OPERATIONS, ServiceError
from kvs_notebook.sandbox.http import admin_api, wire_format
from kvs_notebook.sandbox.http.middleware import Gate, Passage
from kvs_notebook.sandbox.http.sigv4 import Request
from kvs_notebook.sandbox.http.wire_format import JSON_1_1, XML, Cut, Receive, Reply, Scope, Send

TAGGING = "GetResources"
REGIONS = "ListRegions"
SIGNED_FOR = {TAGGING: "tagging", REGIONS: "account"}
OUTPUT_IS_EMPTY = frozenset({"UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource"})


class App:
    """Serve the control plane: the nine operations, GetCallerIdentity, and the control of the sandbox itself."""

    def __init__(self, service: Service, gate: Gate, controls: admin_api.Controls) -> None:
        self._service = service
        self._gate = gate
        self._controls = controls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        websocket = scope["type"] == "websocket"
        try:
            if websocket:
                raise not_found()
            reply = await self._answer(await wire_format.read(scope, receive))
        except ServiceError as error:
            reply = wire_format.refusal(error)
        except Cut:
            scope[wire_format.TRANSPORT].abort()
            await receive()  # until the server has seen that the connection is gone
            return
        except asyncio.CancelledError:  # the host ends, and has cut the connection: there is nobody to answer
            return
        await wire_format.answer(reply, send, websocket=websocket)

    async def _answer(self, request: Request) -> Reply:
        if request.method == "OPTIONS":
            return wire_format.preflight()
        if request.method == "POST" and request.path.startswith(admin_api.PATH):
            return self._control(request)
        passage = Passage(request, _operation_of(request))
        try:
            with self._gate.recorded(passage):
                reply = await self._performed(passage)
                passage.status = reply.status
        except ServiceError as error:
            if passage.operation in sts.OPERATIONS:
                return Reply(error.status, sts.refusal(error), XML, error.code)
            return wire_format.refusal_1_1(error) if passage.operation == TAGGING else wire_format.refusal(error)
        return reply

    async def _performed(self, passage: Passage) -> Reply:
        operation, body = passage.operation, passage.request.body
        of_sts = operation in sts.OPERATIONS
        signed_for = "sts" if of_sts else SIGNED_FOR.get(operation, "kinesisvideo")
        caller = passage.caller = self._gate.caller(passage.request, signed_for)
        if caller.region in self._service.assumptions.disabled_regions:
            raise unrecognized()
        payload = passage.payload = sts.parameters(body) if of_sts else wire_format.parsed(body)
        lost = await self._gate.admit(caller, operation, payload)
        if of_sts:
            external_id = self._service.assumptions.role_external_id
            reply = Reply(200, sts.perform(operation, payload, caller, self._gate.keys, external_id), XML)
        elif operation == REGIONS:
            disabled = self._service.assumptions.disabled_regions
            reply = Reply(200, wire_format.dumped(account.perform(caller.region, disabled)))
        elif operation == TAGGING:
            from kvs_notebook.sandbox.backend import (
                resource_tagging,  # with it a model is read: not before it is needed
            )

            reply = Reply(200, wire_format.dumped(resource_tagging.perform(self._service, caller, payload)), JSON_1_1)
        else:
            answer = perform(self._service, caller, operation, payload)
            reply = Reply(200, b"" if operation in OUTPUT_IS_EMPTY else wire_format.dumped(answer))
        if lost:
            raise Cut
        return reply

    def _control(self, request: Request) -> Reply:
        self._gate.caller(request, admin_api.SERVICE_NAME)
        try:
            answer = self._controls.do(request.path.removeprefix(admin_api.PATH), json.loads(request.body))
        except (InvalidInput, ValueError, TypeError) as error:
            raise ServiceError("InvalidArgumentException", str(error)) from error
        return Reply(200, wire_format.dumped(answer))


def _operation_of(request: Request) -> str:
    if request.method == "POST":
        if request.path in OPERATIONS:
            return OPERATIONS[request.path]
        if request.path == account.PATH:
            return REGIONS
        if request.path == "/" and request.headers.get("x-amz-target", "").endswith(f".{TAGGING}"):
            return TAGGING
        action = sts.parameters(request.body).get("Action") if request.path == "/" else None
        if action in sts.OPERATIONS:
            return action
    raise ServiceError("UnknownOperationException", f"The sandbox has no {request.method} {request.path}.")
