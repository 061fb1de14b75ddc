"""Owner: the running part of a sandbox, in the process that serves it."""

from __future__ import annotations

import dataclasses
import socket
import sqlite3

from kvs_notebook.errors import SandboxError
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.aws_profile import profile_of
from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.backend.context import ServiceContext
from kvs_notebook.sandbox.backend.faults import Faults
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.clock import Clock, DerivedIds, RandomIds, SteppedClock, WallClock
from kvs_notebook.sandbox.http.admin_api import AdminApi
from kvs_notebook.sandbox.http.asgi_server import AsgiServer, listen
from kvs_notebook.sandbox.http.control_plane import ControlPlane
from kvs_notebook.sandbox.http.middleware import RequestPipeline
from kvs_notebook.sandbox.http.request_log import RequestLog
from kvs_notebook.sandbox.settings import Settings
from kvs_notebook.sandbox.signaling.relay import Relay
from kvs_notebook.sandbox.state_directory import StateDirectory

DEFAULT_ACCOUNT = "111122223333"
DEFAULT_REGION = "us-east-1"


class Server:
    """Serve a sandbox until stopped.

    Parameters
    ----------
    settings
        How.
    residence
        Where; it must have been taken.

    Raises
    ------
    SandboxError
        When the port is taken or the database cannot be read; the residence is left.
    """

    def __init__(self, settings: Settings, state_directory: StateDirectory) -> None:
        self._state_directory = state_directory
        self._undo = [state_directory.leave]
        try:
            self._start(settings)
        except BaseException:
            self.stop()
            raise

    def _start(self, settings: Settings) -> None:
        store = self._open_store()
        self._undo.append(store.close)
        self.keys = AccessKeys(store.root_secret)
        self.account_id = settings.account_id or store.get("account_id") or DEFAULT_ACCOUNT
        self.region = settings.region or store.get("region") or DEFAULT_REGION
        listener = self._listen(settings.port, remembered=int(store.get("port") or 0))
        port = listener.getsockname()[1]
        self.endpoint_url = f"http://127.0.0.1:{port}"
        for name, value in (("account_id", self.account_id), ("region", self.region), ("port", str(port))):
            store.put(name, value)
        self.profile = profile_of(self._state_directory, self.endpoint_url, self.keys, self.account_id, self.region)
        assumptions = settings.assumptions or Assumptions()
        quotas = settings.quotas is not False
        clock, ids = _clock_of(settings.clock)
        service = ServiceContext(store, clock, ids, assumptions, self._open_data_plane)
        self._store = store
        self._asgi_server = AsgiServer()
        self._undo.append(self._asgi_server.stop)
        self._data_plane: str | None = None
        complete = dataclasses.replace(
            settings,
            port=port,
            account_id=self.account_id,
            region=self.region,
            clock=settings.clock or "real",
            quotas=quotas,
            assumptions=assumptions,
        )
        self._service = service
        self._pipeline = RequestPipeline(
            self.keys, RateLimits(assumptions, enabled=quotas), Faults(), RequestLog(), assumptions
        )
        self._relay = Relay(service, self._pipeline.rate_limits)
        controls = AdminApi(service, self._pipeline.faults, self._pipeline.request_log, self._relay, complete.stated())
        self._asgi_server.serve(ControlPlane(service, self._pipeline, controls), listener)
        if self._state_directory.durable:
            self.profile.write()
            notice = {"endpoint_url": self.endpoint_url, "root_secret": store.root_secret.hex()}
            self._state_directory.announce(notice | {"settings": complete.stated()})

    def _open_store(self) -> Store:
        try:
            return Store(self._state_directory.database)
        except (sqlite3.Error, OSError) as error:
            directory = self._state_directory.directory
            raise SandboxError(
                f"The sandbox can't read its state in {directory}: {error}. Move sandbox.sqlite away to begin "
                "anew, or give another directory as state=."
            ) from error

    def _listen(self, port: int, *, remembered: int) -> socket.socket:
        if port == 0 and remembered != 0:
            try:
                return listen(remembered)
            except OSError:  # someone else has it by now: any other will do
                return listen(0)
        try:
            return listen(port)
        except (OSError, OverflowError) as error:
            raise SandboxError(
                f"The sandbox can't have port {port}: {error}. Stop what uses it, or leave port= out for one that is free."
            ) from error

    def _open_data_plane(self) -> str:
        """Open the TLS port where it is not open yet; called on the host's thread."""
        if self._data_plane is None:
            from kvs_notebook.sandbox.http.data_plane import (
                DataPlane,  # with it a model is read: not before it is needed
            )

            listener = self._listen(0, remembered=int(self._store.get("data_port") or 0))
            port = listener.getsockname()[1]
            self._store.put("data_port", str(port))
            self._data_plane = f"127.0.0.1:{port}"
            data_plane = DataPlane(self._service, self._pipeline, self._relay)
            self._asgi_server.serve_soon(data_plane, listener, self.profile.server_context())
        return self._data_plane

    def stop(self) -> None:
        """Stop serving and give everything back; a second call does nothing."""
        while self._undo:
            self._undo.pop()()


def _clock_of(clock: str | Clock | None) -> tuple[Clock, RandomIds | DerivedIds]:
    """Give the clock that a setting names, and versions that nobody can foretell only where time can't be either."""
    if clock is None or clock == "real":
        return WallClock(), RandomIds()
    return (SteppedClock() if isinstance(clock, str) else clock), DerivedIds()
