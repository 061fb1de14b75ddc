"""Client of the admin API, which the process that serves a sandbox and those that joined it use alike."""

from __future__ import annotations

import http.client
import json
import socket
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from kvs_notebook.errors import InvalidInput, SandboxError
from kvs_notebook.sandbox.address import Address
from kvs_notebook.sandbox.advice import START_AGAIN
from kvs_notebook.sandbox.http.request_log import LoggedRequest
from kvs_notebook.sandbox.http.sigv4 import HttpRequest, Signer, sign

ADMIN_PATH = "/_sandbox/"
ADMIN_SERVICE = "kvs-notebook-sandbox"
"""The service that admin requests are signed for: a signature for Kinesis Video Streams does not admit its sender."""

TIMEOUT_SECONDS = 120.0
"""Long enough to seed a million channels."""

LISTENING_SECONDS = 2.0


class AdminClient:
    """Call the admin API of a sandbox, signed with the sandbox's own keys."""

    def __init__(self, address: Address) -> None:
        self._host = urlsplit(address.endpoint_url).netloc
        self._keys = address.keys
        access_key_id = address.keys.access_key_id(address.account_id)
        self._signer = Signer(address.account_id, address.region, ADMIN_SERVICE, access_key_id)

    def call(self, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Call one operation and return its answer.

        Raises
        ------
        InvalidInput
            If the sandbox rejects an argument; nothing was changed.
        SandboxError
            If no server answers, or another sandbox does.
        """
        try:
            body = json.dumps(arguments).encode()
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"An argument of {operation} is not valid: {error}. Expected strings, numbers and None."
            ) from error
        request = HttpRequest("POST", ADMIN_PATH + operation, "", {"host": self._host}, body)
        headers = sign(request, self._keys, self._signer, datetime.now(UTC))
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(request.method, request.path, request.body, headers)
            response = connection.getresponse()
            reply = response.read()
        except (OSError, http.client.HTTPException) as error:
            if self.is_listening():
                raise SandboxError(
                    f"The sandbox on http://{self._host} is running, but did not answer ({error}). Call again later."
                ) from error
            raise SandboxError(f"The sandbox on http://{self._host} has stopped ({error}). {START_AGAIN}") from error
        finally:
            connection.close()
        if response.status == http.client.OK:
            answer: dict[str, Any] = json.loads(reply)
            return answer
        if response.status >= http.client.INTERNAL_SERVER_ERROR:
            raise SandboxError(
                f"{operation} failed in the sandbox on http://{self._host}. {_message(reply) or 'See the log of its process.'}"
            )
        if response.getheader("x-amzn-ErrorType", "").startswith("InvalidArgumentException"):
            raise InvalidInput(str(json.loads(reply)["Message"]))
        raise SandboxError(f"Another sandbox, which has other keys, answers on http://{self._host}. {START_AGAIN}")

    def is_listening(self) -> bool:
        """Return whether the server accepts connections."""
        host, _, port = self._host.rpartition(":")
        try:
            socket.create_connection((host, int(port)), LISTENING_SECONDS).close()
        except OSError:
            return False
        return True

    def requests(self) -> list[LoggedRequest]:
        """Return the requests that the sandbox has served."""
        return [LoggedRequest(*row) for row in self.call("requests")["requests"]]


def _message(reply: bytes) -> str:
    """Return the message of an error; an empty string if the server failed without one."""
    try:
        return str(json.loads(reply)["Message"])
    except (ValueError, KeyError, TypeError):
        return ""
