"""Control: what a sandbox is asked beside the service, by the process that runs it and by those that joined it alike."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from kvs_notebook.errors import InvalidInput, SandboxError
from kvs_notebook.sandbox import example_fleet
from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.backend.context import ServiceContext
from kvs_notebook.sandbox.backend.faults import Faults, Scope
from kvs_notebook.sandbox.http.request_log import LoggedRequest, RequestLog
from kvs_notebook.sandbox.http.sigv4 import HttpRequest, Signer, sign
from kvs_notebook.sandbox.signaling.relay import NOTICES, Relay

PATH = "/_sandbox/"
SERVICE_NAME = "kvs-notebook-sandbox"
"""The service that control requests are signed for: a signature for the service itself controls nothing."""

PATIENCE_SECONDS = 120.0
"""As long as seeding a million channels may take."""

GONE = (
    "Call Sandbox() or use_sandbox() again with the same arguments (in a walkthrough: run its first code cell), then what you "
    "wanted: the same state= is taken over as it was left."
)


@dataclass(frozen=True, slots=True)
class AdminApi:
    """Do what is asked of a sandbox; ``settings`` is what it was started with."""

    service: ServiceContext
    faults: Faults
    request_log: RequestLog
    relay: Relay
    settings: Mapping[str, Any]

    def perform(self, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do one thing and give its answer.

        Raises
        ------
        InvalidInput, ValueError, TypeError
            For a verb or an argument that means nothing here; nothing was changed.
        """
        verbs: dict[str, Callable[..., dict[str, Any]]] = {
            "settings": self._settings,
            "seed": self._seed,
            "reset": self._reset,
            "advance": self._advance,
            "send_notice": self._send_notice,
            "requests": self._requests,
            "add_fault": self._add_fault,
            "clear_faults": self._clear_faults,
            "deny": self._deny,
            "clear_denials": self._clear_denials,
        }
        if verb not in verbs:
            raise InvalidInput(f"A sandbox knows {', '.join(verbs)}, not {verb!r}.")
        return verbs[verb](**arguments)

    def _settings(self) -> dict[str, Any]:
        return {**self.settings, "now_ms": self.service.now_ms}

    def _seed(self, *, count: int | None, account_id: str, region: str) -> dict[str, Any]:
        self.service.purge()
        store, now = self.service.store, self.service.clock.now()
        if count is None:
            return {"added": example_fleet.seed_example_fleet(store, account_id, now)}
        return {"added": example_fleet.seed_numbered(store, count, account_id, region, now)}

    def _reset(self) -> dict[str, Any]:
        self.service.store.reset()
        self.service.store.note(self.service.now_ms)
        self.relay.close_all()
        self.faults.clear()
        self.request_log.clear()
        return {}

    def _advance(self, *, seconds: float) -> dict[str, Any]:
        self.service.advance(seconds)
        self.relay.look()
        return {}

    def _send_notice(self, *, channel_name: str, message_type: str) -> dict[str, Any]:
        if message_type not in NOTICES:
            raise InvalidInput(f"Notice {message_type!r}: the service sends {' and '.join(NOTICES)}.")
        return {"peers": self.relay.send_notice(channel_name, message_type)}

    def _requests(self) -> dict[str, Any]:
        return {"requests": self.request_log.requests()}

    def _add_fault(
        self, *, operation: str, kind: str, times: int | None, seconds: float, **scope: str | None
    ) -> dict[str, Any]:
        self.faults.add(operation, kind, times, seconds, Scope(**scope))
        return {}

    def _clear_faults(self) -> dict[str, Any]:
        self.faults.clear()
        return {}

    def _deny(self, *, pattern: str, **scope: str | None) -> dict[str, Any]:
        self.faults.deny(pattern, Scope(**scope))
        return {}

    def _clear_denials(self) -> dict[str, Any]:
        self.faults.clear_denials()
        return {}


class AdminClient:
    """Ask a sandbox over its own wire, signed with its own keys.

    Parameters
    ----------
    endpoint_url
        Where it answers.
    keys
        Its keys.
    account_id, region
        Whose key signs.
    """

    def __init__(self, endpoint_url: str, keys: AccessKeys, account_id: str, region: str) -> None:
        self._host = urlsplit(endpoint_url).netloc
        self._keys = keys
        self.secret_signer = Signer(account_id, region, SERVICE_NAME, keys.access_key_id(account_id))

    def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask for one thing and give the answer.

        Raises
        ------
        InvalidInput
            Where the sandbox refuses an argument; nothing was changed.
        SandboxError
            Where nobody answers, or somebody else does.
        """
        request = HttpRequest("POST", PATH + verb, "", {"host": self._host}, json.dumps(arguments).encode())
        headers = sign(request, self._keys, self.secret_signer, datetime.now(UTC))
        connection = http.client.HTTPConnection(self._host, timeout=PATIENCE_SECONDS)
        try:
            connection.request(request.method, request.path, request.body, headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise SandboxError(f"The sandbox on http://{self._host} has gone ({error}). {GONE}") from error
        finally:
            connection.close()
        if response.status == http.client.OK:
            reply: dict[str, Any] = json.loads(body)
            return reply
        if response.status >= http.client.INTERNAL_SERVER_ERROR:
            raise SandboxError(f"The sandbox on http://{self._host} failed to {verb}: the log of its process says why.")
        if response.getheader("x-amzn-ErrorType", "").startswith("InvalidArgumentException"):
            raise InvalidInput(str(json.loads(body)["Message"]))
        raise SandboxError(
            f"Another sandbox answers on http://{self._host} now: it does not know this one's keys. {GONE}"
        )

    def requests(self) -> list[LoggedRequest]:
        """Give what the sandbox has served."""
        return [LoggedRequest(*row) for row in self.call("requests")["requests"]]
