"""Certificate authority of a sandbox, and the TLS settings of its data plane."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.sandbox.state_directory import StateDirectory

if TYPE_CHECKING:
    import trustme

HOSTS = ("127.0.0.1", "localhost")
CERTIFICATE_FILE, KEY_FILE = "ca.pem", "ca-key.pem"


class CertificateAuthority:
    """A sandbox's own certificate authority, created on first use; a durable state directory keeps it."""

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory
        self._ca: trustme.CA | None = None
        self._lock = threading.Lock()

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
        self._load_or_create().issue_cert(*HOSTS).configure_cert(context)
        return context

    def _load_or_create(self) -> trustme.CA:
        """Return the CA that a durable directory keeps, else a new one; it stays in memory until its file is needed."""
        import trustme

        with self._lock:
            if self._ca is None and self._directory.durable and (self._directory.path / CERTIFICATE_FILE).exists():
                certificate, key = ((self._directory.path / name).read_bytes() for name in (CERTIFICATE_FILE, KEY_FILE))
                self._ca = trustme.CA.from_pem(certificate, key)
            elif self._ca is None:
                self._ca = trustme.CA(organization_name="kvs-notebook sandbox")
                if self._directory.durable:
                    self._save(self._ca)
            return self._ca

    def _save(self, ca: trustme.CA) -> None:
        self._directory.write(KEY_FILE, ca.private_key_pem.bytes())
        self._directory.write(CERTIFICATE_FILE, ca.cert_pem.bytes())  # last: its presence means that both exist
