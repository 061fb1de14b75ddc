"""Server of a sandbox: the part that runs in the process that started it."""

from __future__ import annotations

import dataclasses
import os
import socket
import sqlite3
from contextlib import ExitStack, closing

from kvs_notebook.errors import SandboxError
from kvs_notebook.sandbox.address import Address
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.backend.context import ServiceContext
from kvs_notebook.sandbox.backend.faults import Faults
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.certificates import CertificateAuthority
from kvs_notebook.sandbox.clock import Clock, DerivedVersions, RandomVersions, SteppedClock, Versions, WallClock
from kvs_notebook.sandbox.http.admin_api import AdminApi
from kvs_notebook.sandbox.http.asgi_server import LOOPBACK, AsgiServer, listen
from kvs_notebook.sandbox.http.control_plane import ControlPlane
from kvs_notebook.sandbox.http.middleware import RequestPipeline
from kvs_notebook.sandbox.http.request_log import RequestLog
from kvs_notebook.sandbox.settings import Settings
from kvs_notebook.sandbox.signaling.relay import Relay
from kvs_notebook.sandbox.state_directory import StateDirectory

DEFAULT_ACCOUNT = "111122223333"
DEFAULT_REGION = "us-east-1"


class Server:
    """Serve a sandbox from :meth:`start` to :meth:`stop`.

    Parameters
    ----------
    directory
        Where the state is kept; this process must have acquired it.
    certificates
        The CA that signs the certificate of the data plane.
    settings
        The settings that the caller named.
    """

    def __init__(self, directory: StateDirectory, certificates: CertificateAuthority, settings: Settings) -> None:
        self._directory = directory
        self._certificates = certificates
        self._settings = settings
        self._started = ExitStack()
        self._process_id = os.getpid()
        self.asgi_server = AsgiServer()

    def start(self) -> Address:
        """Open the state, listen, serve, and return the address.

        Raises
        ------
        SandboxError
            If the port is taken, the database cannot be read, or a file cannot be written; the directory is released.
        """
        try:
            return self._start()
        except sqlite3.OperationalError as error:
            raise SandboxError(
                f"Cannot write the sandbox's state in {self._directory.path}: {error}. Check that its disk has free space, or "
                "pass another directory as state=."
            ) from error

    def _start(self) -> Address:
        with ExitStack() as started:
            started.callback(self._directory.release)
            self._certificates.create()  # before the address is published, so that no process that joins creates another one
            store = started.enter_context(closing(self._open_store()))
            listener = started.enter_context(_listen(self._settings.port, int(store.get_setting("port") or 0)))
            settings = self._complete(store, port=listener.getsockname()[1])
            self.address = Address(
                f"http://{LOOPBACK}:{settings.port}", AccessKeys(store.root_secret), settings.to_json()
            )
            self.asgi_server.start()
            started.callback(self.asgi_server.stop)
            self.asgi_server.serve(self._control_plane(store, settings), listener)
            if self._directory.durable:
                self._directory.publish(self.address)
            self._started = started.pop_all()
        return self.address

    def stop(self) -> None:
        """Stop serving, close the state and release the directory; a second call does nothing.

        In a forked child nothing is done: it inherits this object, but its parent serves and owns the files.
        """
        if os.getpid() == self._process_id:
            self._started.close()

    def _open_store(self) -> Store:
        try:
            return Store.open(self._directory.database)
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise  # start() says what to do about a full disk
            raise SandboxError(
                f"Cannot read the sandbox's state in {self._directory.path}: {error}. Move sandbox.sqlite away to start with "
                "an empty sandbox, or pass another directory as state=."
            ) from error

    def _complete(self, store: Store, port: int) -> Settings:
        """Return the settings in effect, and store those that the next start takes over."""
        settings = dataclasses.replace(
            self._settings,
            port=port,
            account_id=self._settings.account_id or store.get_setting("account_id") or DEFAULT_ACCOUNT,
            region=self._settings.region or store.get_setting("region") or DEFAULT_REGION,
            clock=self._settings.clock or "real",
            quotas=self._settings.quotas is not False,
            assumptions=self._settings.assumptions or Assumptions(),
        )
        for name in ("account_id", "region", "port"):
            store.put_setting(name, str(getattr(settings, name)))
        return settings

    def _control_plane(self, store: Store, settings: Settings) -> ControlPlane:
        """Assemble the backend and the application that serves it."""
        assumptions = settings.assumptions or Assumptions()
        clock, versions = _clock_and_versions(settings.clock)
        self._service = ServiceContext(store, clock, versions, assumptions, self._open_data_plane)
        rate_limits = RateLimits(assumptions, enabled=bool(settings.quotas))
        self._pipeline = RequestPipeline(self.address.keys, rate_limits, Faults(), RequestLog(), assumptions)
        self.relay = Relay(self._service, rate_limits)
        admin_api = AdminApi(
            self._service, self._pipeline.faults, self._pipeline.request_log, self.relay, self.address.settings
        )
        self._data_plane: str | None = None
        return ControlPlane(self._service, self._pipeline, admin_api)

    def _open_data_plane(self) -> str:
        """Return host and port of the data plane, which opens on first use; called on the server's thread."""
        if self._data_plane is None:
            self._data_plane = self._serve_data_plane()
        return self._data_plane

    def _serve_data_plane(self) -> str:
        """Serve the data plane and return host and port; if anything fails, nothing listens, and the next call tries again."""
        context = self._certificates.server_context()
        with ExitStack() as opened:
            from kvs_notebook.sandbox.http.data_plane import DataPlane  # reads another service model: on first use

            store = self._service.store
            listener = opened.enter_context(_listen(0, int(store.get_setting("data_port") or 0)))
            port = listener.getsockname()[1]
            store.put_setting("data_port", str(port))
            data_plane = DataPlane(self._service, self._pipeline, self.relay)
            self.asgi_server.serve_soon(data_plane, listener, context)
            opened.pop_all()
        return f"{LOOPBACK}:{port}"


def _listen(port: int, remembered: int) -> socket.socket:
    """Listen on a port; 0 takes the one that was used before if it is free, else any."""
    if port == 0 and remembered != 0:
        try:
            return listen(remembered)
        except OSError:  # another program uses it now
            return listen(0)
    try:
        return listen(port)
    except (OSError, OverflowError) as error:
        raise SandboxError(
            f"Cannot listen on port {port}: {error}. Stop the program that uses it, or omit port= to take a free one."
        ) from error


def _clock_and_versions(clock: str | Clock | None) -> tuple[Clock, Versions]:
    """Return the clock of a setting; versions are random only if time is not reproducible either."""
    if clock is None or clock == "real":
        return WallClock(), RandomVersions()
    return (SteppedClock() if isinstance(clock, str) else clock), DerivedVersions()
