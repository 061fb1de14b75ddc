"""boto3 clients that the accounts of a fleet share; each call is signed with the credentials of its caller.

A client takes botocore 3 ms, as long as a call, and a connection of its own to the endpoint. Clients for one region and endpoint
differ in their credentials only. Benchmark: fleet-cpu.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.attempts import AttemptTracker
from kvs_notebook.aws.session import SharedSession

if TYPE_CHECKING:
    from botocore.credentials import CredentialProvider


@dataclass(frozen=True, slots=True)
class Caller:
    """The connection that makes a call: its credentials, and the tracker that counts its attempts."""

    session: SharedSession
    attempts: AttemptTracker


_caller: ContextVar[Caller] = ContextVar("_caller")
"""Without a caller nothing is signed: reading it raises LookupError."""


class BoundClient:
    """The operations of a shared client, for one caller."""

    def __init__(self, client: Any, caller: Caller, release: Callable[[], None]) -> None:
        self.meta = client.meta
        self._client = client
        self._caller = caller
        self._release = release

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self.meta.method_to_api_mapping:
            raise AttributeError(f"{type(self._client).__name__} has no operation {name!r} that callers share.")
        return partial(self._call, getattr(self._client, name))

    def _call(self, method: Callable[..., Any], **params: Any) -> Any:
        token = _caller.set(self._caller)
        try:
            return method(**params)
        finally:
            _caller.reset(token)

    def close(self) -> None:
        """Stop using the client; its other callers keep it."""
        self._release()


class SharedClients:
    """Clients by service, region and endpoint, made on first use.

    Their connections to the endpoints are kept open until no caller has a client.

    Parameters
    ----------
    session
        The session that creates them, with :func:`provide_credentials_of_callers` as the provider of its credentials.
    """

    def __init__(self, session: SharedSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._clients: dict[Hashable, Any] = {}
        self._bound = 0

    def bind(self, key: Hashable, create: Callable[[SharedSession], Any], caller: Caller) -> BoundClient:
        """Return the client of a key for a caller. If the key has no client yet, ``create(session)`` creates it."""
        with self._lock:
            if key not in self._clients:
                self._clients[key] = create(self._session)
            self._bound += 1
            return BoundClient(self._clients[key], caller, self._release)

    def _release(self) -> None:
        with self._lock:
            self._bound -= 1
            if self._bound:
                return
            for client in self._clients.values():
                client.close()  # its connections; it opens new ones if it is used again


def note_attempts_of_callers(client: Any) -> None:
    """Configure a shared client so that each caller counts its own attempts."""
    client.meta.events.register("response-received.*", _note_attempt)


def _note_attempt(**response: Any) -> None:
    _caller.get().attempts.note(**response)


def provide_credentials_of_callers() -> CredentialProvider:
    """Return a provider of credentials that are those of the caller each time a request is signed."""
    from botocore.credentials import CredentialProvider, Credentials

    class CallersCredentials(Credentials):
        """Read the caller's credentials, which renew themselves."""

        def get_frozen_credentials(self) -> Any:
            credentials = _caller.get().session.load_credentials()
            return credentials and credentials.get_frozen_credentials()

    class Callers(CredentialProvider):
        """Provide the same credentials to each client."""

        METHOD = "caller"

        def load(self) -> Credentials:
            return CallersCredentials("unused", "unused", method=self.METHOD)

    return Callers()
