"""Certificate authority of a sandbox, and the TLS settings of its data plane."""

from __future__ import annotations

import ssl
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.errors import SandboxError
from kvs_notebook.sandbox.state_directory import CERTIFICATE_FILE, KEY_FILE, StateDirectory, advice, reason

if TYPE_CHECKING:
    import trustme

HOSTS = ("127.0.0.1", "localhost")

MOST_BYTES = 65_536
"""For a certificate or a key, which have under 2,000."""


class CertificateAuthority:
    """A sandbox's own certificate authority; a durable state directory keeps it.

    The process that serves a durable directory creates it with :meth:`create`, others read it. Without one, it is created on
    first use.
    """

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory
        self._ca: trustme.CA | None = None
        self._lock = threading.Lock()

    def create(self) -> None:
        """Create the CA of a durable directory if it has none; only the process that has locked the directory may call it."""
        if self._directory.durable and not (self._directory.path / CERTIFICATE_FILE).exists():
            with self._lock:
                self._ca = _new_ca()
                self._save(self._ca)

    @property
    def path(self) -> Path:
        """The file with the CA's certificate, written on first use."""
        ca = self._load_or_create()
        path = self._directory.path / CERTIFICATE_FILE
        with self._lock:
            if not path.exists():
                self._save(ca)
        return path

    def server_context(self) -> ssl.SSLContext:
        """Return TLS settings for a server on loopback: HTTP/1.1 and a certificate for 127.0.0.1 and localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        certificate = self._load_or_create().issue_cert(*HOSTS)
        try:
            certificate.configure_cert(context)
        except OSError as error:  # OpenSSL reads it from a temporary file
            folder = tempfile.gettempdir()
            raise SandboxError(
                f"Cannot write a certificate to {folder}: {reason(error)}. {advice(error, folder)}, then call again."
            ) from error
        return context

    def _load_or_create(self) -> trustme.CA:
        """Return the CA that a durable directory keeps, else a new one; it stays in memory until its file is needed."""
        with self._lock:
            if self._ca is None:
                self._ca = self._load() if self._directory.durable else _new_ca()
            return self._ca

    def _load(self) -> trustme.CA:
        import trustme

        try:
            certificate, key = (_read(self._directory.path / name) for name in (CERTIFICATE_FILE, KEY_FILE))
            return trustme.CA.from_pem(certificate, key)
        except (OSError, ValueError) as error:
            raise SandboxError(
                f"Cannot read the CA of the sandbox in {self._directory.path}: {error}. Stop the sandbox, remove "
                f"{CERTIFICATE_FILE} and {KEY_FILE}, and start it again to create a new one."
            ) from error

    def _save(self, ca: trustme.CA) -> None:
        self._directory.write(KEY_FILE, ca.private_key_pem.bytes())
        self._directory.write(CERTIFICATE_FILE, ca.cert_pem.bytes())  # last: its presence means that both exist


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path.name} has over {MOST_BYTES:,} bytes")
    return content


def _new_ca() -> trustme.CA:
    import trustme

    return trustme.CA(organization_name="kvs-notebook sandbox")
