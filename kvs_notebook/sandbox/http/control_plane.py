"""Control plane as an ASGI application: routes HTTP requests to operations and encodes what they return."""

from __future__ import annotations

import sqlite3
from typing import Any

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.backend import account_api, iam, query_protocol, sts
from kvs_notebook.sandbox.backend.access_keys import unrecognized
from kvs_notebook.sandbox.backend.context import Caller, ServiceContext, not_found
from kvs_notebook.sandbox.backend.operations import perform
from kvs_notebook.sandbox.backend.validation import OPERATIONS, ServiceError
from kvs_notebook.sandbox.http import wire_format
from kvs_notebook.sandbox.http.admin_api import AdminApi
from kvs_notebook.sandbox.http.admin_client import ADMIN_PATH, ADMIN_SERVICE
from kvs_notebook.sandbox.http.application import Application
from kvs_notebook.sandbox.http.middleware import RequestContext, RequestPipeline, storage_failure
from kvs_notebook.sandbox.http.sigv4 import HttpRequest
from kvs_notebook.sandbox.http.wire_format import JSON_1_1, XML, ConnectionCut, Receive, Response, Scope, Send

GET_RESOURCES = "GetResources"
LIST_REGIONS = "ListRegions"
SIGNED_FOR = {
    GET_RESOURCES: "tagging",
    LIST_REGIONS: "account",
    **dict.fromkeys(sts.OPERATIONS, "sts"),
    **dict.fromkeys(iam.OPERATIONS, "iam"),
}
"""The service that a request is signed for, unless it is Kinesis Video Streams."""

NAMESPACES = {**dict.fromkeys(sts.OPERATIONS, sts.NAMESPACE), **dict.fromkeys(iam.OPERATIONS, iam.NAMESPACE)}
"""The operations of the query protocol, and the namespaces of their XML."""

WITHOUT_OUTPUT = frozenset({"UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource"})


class ControlPlane(Application):
    """Serve the nine channel operations, the STS, IAM, Account and tagging operations of the toolkit, and the admin API."""

    def __init__(self, service: ServiceContext, pipeline: RequestPipeline, admin_api: AdminApi) -> None:
        self._service = service
        self._pipeline = pipeline
        self._admin_api = admin_api

    async def serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - rejected
        """Reject the upgrade: signaling is on the data plane."""
        raise not_found()

    async def respond(self, request: HttpRequest) -> Response:
        """Return the response to a request of any of the APIs."""
        if request.method == "POST" and request.path.startswith(ADMIN_PATH):
            return self._administer(request)
        context = RequestContext(request, _operation_of(request))
        try:
            with self._pipeline.log_request(context):
                response = await self._perform(context)
                context.status = response.status
        except ServiceError as error:
            return _error_response(context.operation, error)
        return response

    async def _perform(self, context: RequestContext) -> Response:
        operation, body = context.operation, context.request.body
        signed_for = SIGNED_FOR.get(operation, "kinesisvideo")
        caller = context.caller = self._pipeline.authenticate(context.request, signed_for)
        if caller.region in self._service.assumptions.disabled_regions:
            raise unrecognized()
        parse = query_protocol.parse_form if operation in NAMESPACES else wire_format.parse_body
        payload = context.payload = parse(body)
        lose_reply = await self._pipeline.admit(caller, operation, payload)
        response = self._dispatch(caller, operation, payload)
        if lose_reply:
            raise ConnectionCut
        return response

    def _dispatch(self, caller: Caller, operation: str, payload: Any) -> Response:
        assumptions = self._service.assumptions
        if operation in sts.OPERATIONS:
            body = sts.perform(operation, payload, caller, self._pipeline.keys, assumptions.role_external_id)
            return Response(200, body, XML)
        if operation in iam.OPERATIONS:
            return Response(200, iam.perform(operation, payload, caller, self._service.store), XML)
        if operation == LIST_REGIONS:
            answer = account_api.list_regions(caller.region, assumptions.disabled_regions)
            return Response(200, wire_format.dump_json(answer))
        if operation == GET_RESOURCES:
            from kvs_notebook.sandbox.backend import resource_tagging  # reads another service model: on first use

            answer = resource_tagging.get_resources(self._service, caller, payload)
            return Response(200, wire_format.dump_json(answer), JSON_1_1)
        answer = perform(self._service, caller, operation, payload)
        return Response(200, b"" if operation in WITHOUT_OUTPUT else wire_format.dump_json(answer))

    def _administer(self, request: HttpRequest) -> Response:
        self._pipeline.authenticate(request, ADMIN_SERVICE)
        arguments = wire_format.parse_body(request.body)
        if not isinstance(arguments, dict):
            raise ServiceError("InvalidArgumentException", "The body is not a JSON object.")
        try:
            answer = self._admin_api.perform(request.path.removeprefix(ADMIN_PATH), arguments)
        except InvalidInput as error:
            raise ServiceError("InvalidArgumentException", str(error)) from error
        except sqlite3.OperationalError as error:
            raise storage_failure(error) from error
        return Response(200, wire_format.dump_json(answer))


def _error_response(operation: str, error: ServiceError) -> Response:
    """Return an error in the protocol of the operation's service."""
    if operation in NAMESPACES:
        return Response(error.status, query_protocol.error_response(error, NAMESPACES[operation]), XML, error.code)
    if operation == GET_RESOURCES:
        return wire_format.json_1_1_error_response(error)
    return wire_format.error_response(error)


def _operation_of(request: HttpRequest) -> str:
    """Return the operation that a request names by its path, its target header or its form."""
    if request.method == "POST":
        if request.path in OPERATIONS:
            return OPERATIONS[request.path]
        if request.path == account_api.PATH:
            return LIST_REGIONS
        if request.path == "/" and request.headers.get("x-amz-target", "").endswith(f".{GET_RESOURCES}"):
            return GET_RESOURCES
        action = query_protocol.parse_form(request.body).get("Action") if request.path == "/" else None
        if action in NAMESPACES:
            return action
    raise ServiceError("UnknownOperationException", f"The sandbox has no {request.method} {request.path}.")
