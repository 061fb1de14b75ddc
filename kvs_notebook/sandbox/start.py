"""Start of a sandbox: run a server in a state directory, or join the one that runs there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kvs_notebook.errors import MissingExtra, SandboxError
from kvs_notebook.sandbox.address import Address
from kvs_notebook.sandbox.certificates import CertificateAuthority
from kvs_notebook.sandbox.http.admin_client import AdminClient
from kvs_notebook.sandbox.settings import Settings
from kvs_notebook.sandbox.state_directory import StateDirectory

if TYPE_CHECKING:
    from kvs_notebook.sandbox.server import Server

JOIN_TIMEOUT_SECONDS = 10.0
"""How long the server of a locked directory may take until it answers."""


class Running(NamedTuple):
    """A server that answers: its address, and what this process calls when it has finished with it."""

    address: Address
    stop: Callable[[], None]


def start_or_join(directory: StateDirectory, certificates: CertificateAuthority, settings: Settings) -> Running:
    """Start a server in a state directory; if one runs there already, join it.

    Raises
    ------
    SandboxError
        If the directory or the port cannot be used, if the directory is locked but no server answers, or if the server that
        runs in it has other settings.
    MissingExtra
        If the extra ``sandbox`` is not installed.
    """
    directory.create()
    deadline = time.monotonic() + JOIN_TIMEOUT_SECONDS
    while not directory.acquire():
        address = directory.read_address()
        if address is not None and _answers(address):
            _check_settings(directory, address, settings)
            return Running(address, _leave_running)
        if time.monotonic() > deadline:
            raise SandboxError(
                f"Another process has locked {directory.path} but no sandbox answers. End that process, or pass another state=."
            )
        time.sleep(0.02)
    server = _new_server(directory, certificates, settings)
    return Running(server.start(), server.stop)


def _new_server(directory: StateDirectory, certificates: CertificateAuthority, settings: Settings) -> Server:
    try:
        from kvs_notebook.sandbox.server import Server  # only a process that serves needs the extra
    except ImportError as error:
        directory.release()
        raise MissingExtra(
            f"A sandbox requires optional dependencies ({error}). Run: pip install 'kvs-notebook[sandbox]'"
        ) from error
    return Server(directory, certificates, settings)


def _answers(address: Address) -> bool:
    try:
        AdminClient(address).call("settings")
    except SandboxError:
        return False
    return True


def _check_settings(directory: StateDirectory, address: Address, settings: Settings) -> None:
    """Raise SandboxError if a running server has other settings than those that the caller named."""
    for name, value in settings.to_json().items():
        actual = address.settings[name]
        if actual != value:
            raise SandboxError(
                f"A sandbox already runs in {directory.path} with {name}={actual!r}, not {value!r}. "
                f"Omit {name}= to join it, or stop it first."
            )


def _leave_running() -> None:
    """Do nothing: the process that started a server stops it."""
