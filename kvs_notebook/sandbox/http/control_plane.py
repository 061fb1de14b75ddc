"""The control plane as an ASGI application: HTTP requests to operations, and what they answer or refuse back to HTTP."""

from __future__ import annotations

import asyncio
import json

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.backend import account_api, sts
from kvs_notebook.sandbox.backend.access_keys import unrecognized
from kvs_notebook.sandbox.backend.context import ServiceContext, not_found
from kvs_notebook.sandbox.backend.operations import perform
from kvs_notebook.sandbox.backend.validation import OPERATIONS, ServiceError
from kvs_notebook.sandbox.http import admin_api, wire_format
from kvs_notebook.sandbox.http.middleware import RequestContext, RequestPipeline
from kvs_notebook.sandbox.http.sigv4 import HttpRequest
from kvs_notebook.sandbox.http.wire_format import JSON_1_1, XML, ConnectionCut, Receive, Response, Scope, Send

TAGGING = "GetResources"
REGIONS = "ListRegions"
SIGNED_FOR = {TAGGING: "tagging", REGIONS: "account"}
OUTPUT_IS_EMPTY = frozenset({"UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource"})


class ControlPlane:
    """Serve the control plane: the nine operations, GetCallerIdentity, and the control of the sandbox itself."""

    def __init__(self, service: ServiceContext, pipeline: RequestPipeline, controls: admin_api.AdminApi) -> None:
        self._service = service
        self._pipeline = pipeline
        self._admin_api = controls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        websocket = scope["type"] == "websocket"
        try:
            if websocket:
                raise not_found()
            reply = await self._answer(await wire_format.read_request(scope, receive))
        except ServiceError as error:
            reply = wire_format.error_response(error)
        except ConnectionCut:
            scope[wire_format.TRANSPORT].abort()
            await receive()  # until the server has seen that the connection is gone
            return
        except asyncio.CancelledError:  # the host ends, and has cut the connection: there is nobody to answer
            return
        await wire_format.send_response(reply, send, websocket=websocket)

    async def _answer(self, request: HttpRequest) -> Response:
        if request.method == "OPTIONS":
            return wire_format.preflight_response()
        if request.method == "POST" and request.path.startswith(admin_api.PATH):
            return self._control(request)
        context = RequestContext(request, _operation_of(request))
        try:
            with self._pipeline.log_request(context):
                reply = await self._performed(context)
                context.status = reply.status
        except ServiceError as error:
            if context.operation in sts.OPERATIONS:
                return Response(error.status, sts.error_response(error), XML, error.code)
            return (
                wire_format.json_1_1_error_response(error)
                if context.operation == TAGGING
                else wire_format.error_response(error)
            )
        return reply

    async def _performed(self, context: RequestContext) -> Response:
        operation, body = context.operation, context.request.body
        of_sts = operation in sts.OPERATIONS
        signed_for = "sts" if of_sts else SIGNED_FOR.get(operation, "kinesisvideo")
        caller = context.caller = self._pipeline.caller(context.request, signed_for)
        if caller.region in self._service.assumptions.disabled_regions:
            raise unrecognized()
        payload = context.payload = sts.parameters(body) if of_sts else wire_format.parse_body(body)
        lost = await self._pipeline.admit(caller, operation, payload)
        if of_sts:
            external_id = self._service.assumptions.role_external_id
            reply = Response(200, sts.perform(operation, payload, caller, self._pipeline.keys, external_id), XML)
        elif operation == REGIONS:
            disabled = self._service.assumptions.disabled_regions
            reply = Response(200, wire_format.dump_json(account_api.perform(caller.region, disabled)))
        elif operation == TAGGING:
            from kvs_notebook.sandbox.backend import (
                resource_tagging,  # with it a model is read: not before it is needed
            )

            reply = Response(
                200, wire_format.dump_json(resource_tagging.perform(self._service, caller, payload)), JSON_1_1
            )
        else:
            answer = perform(self._service, caller, operation, payload)
            reply = Response(200, b"" if operation in OUTPUT_IS_EMPTY else wire_format.dump_json(answer))
        if lost:
            raise ConnectionCut
        return reply

    def _control(self, request: HttpRequest) -> Response:
        self._pipeline.caller(request, admin_api.SERVICE_NAME)
        try:
            answer = self._admin_api.perform(request.path.removeprefix(admin_api.PATH), json.loads(request.body))
        except (InvalidInput, ValueError, TypeError) as error:
            raise ServiceError("InvalidArgumentException", str(error)) from error
        return Response(200, wire_format.dump_json(answer))


def _operation_of(request: HttpRequest) -> str:
    if request.method == "POST":
        if request.path in OPERATIONS:
            return OPERATIONS[request.path]
        if request.path == account_api.PATH:
            return REGIONS
        if request.path == "/" and request.headers.get("x-amz-target", "").endswith(f".{TAGGING}"):
            return TAGGING
        action = sts.parameters(request.body).get("Action") if request.path == "/" else None
        if action in sts.OPERATIONS:
            return action
    raise ServiceError("UnknownOperationException", f"The sandbox has no {request.method} {request.path}.")
