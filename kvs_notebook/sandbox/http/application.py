"""Base of the sandbox's ASGI applications: reads requests, answers CORS preflights, and sends responses and errors."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http import wire_format
from kvs_notebook.sandbox.http.sigv4 import HttpRequest
from kvs_notebook.sandbox.http.wire_format import ConnectionCut, Receive, Response, Scope, Send

DISCONNECTED = frozenset({"http.disconnect", "websocket.disconnect"})


class Application(ABC):
    """An ASGI application that answers in the service's own format."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request, or one WebSocket until it ends."""
        websocket = scope["type"] == "websocket"
        try:
            if websocket:
                await self.serve_websocket(scope, receive, send)
                return
            request = await wire_format.read_request(scope, receive)
            preflight = request.method == "OPTIONS"
            response = wire_format.preflight_response() if preflight else await self.respond(request)
        except ServiceError as error:
            response = wire_format.error_response(error)
        except ConnectionCut:
            scope[wire_format.TRANSPORT].abort()
            while (await receive())["type"] not in DISCONNECTED:
                pass  # until the server has seen that the connection is gone
            return
        except asyncio.CancelledError:  # the server stops and has cut the connection: no client is left to answer
            return
        await wire_format.send_response(response, send, websocket=websocket)

    @abstractmethod
    async def respond(self, request: HttpRequest) -> Response:
        """Return the response to a request; raise ServiceError to reject it."""

    @abstractmethod
    async def serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket; raise ServiceError to reject it before the upgrade."""
