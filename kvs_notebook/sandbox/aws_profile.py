"""The sandbox as an AWS profile: a directory, and the environment in which other programs find the sandbox and nothing else."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.state_directory import StateDirectory

if TYPE_CHECKING:
    import trustme

NAME = "sandbox"
"""The profile's name."""

OURS_ALONE = 0o600
DIRECTORY_OURS_ALONE = 0o700
HOSTS = ("127.0.0.1", "localhost")
LOOPBACK = ("127.0.0.1", "localhost", "::1")

SYSTEM_BUNDLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name the bundle in force, the one that wins first."""


class AwsProfile:
    """Keep the files of a sandbox's profile in its residence, readable by their owner alone.

    Parameters
    ----------
    residence
        Where they are.
    endpoint_url, region, access_key_id, secret_access_key
        What the profile says.
    """

    def __init__(
        self,
        state_directory: StateDirectory,
        *,
        endpoint_url: str,
        region: str,
        access_key_id: str,
        secret_access_key: str,
    ) -> None:
        self._state_directory = state_directory
        self._endpoint_url = endpoint_url
        self._region = region
        self._settings = {
            "endpoint_url": endpoint_url,
            "region": region,
            "aws_access_key_id": access_key_id,
            "aws_secret_access_key": secret_access_key,
        }
        self._ca: trustme.CA | None = None
        self._ca_lock = threading.Lock()

    def write(self) -> None:
        """Write the config file, and a credentials file that is empty, so that the user's own is not read."""
        lines = [f"[profile {NAME}]", *(f"{name} = {value}" for name, value in self._settings.items())]
        _write(self._file("config"), "\n".join(lines) + "\n")
        _write(self._file("credentials"), "")

    def _file(self, name: str) -> Path:
        return self._state_directory.directory / name

    # --- trust

    @property
    def ca_path(self) -> Path:
        """The certificate of the sandbox's own CA, made on first use."""
        ca = self._made_ca()
        with self._ca_lock:
            if not self._file("ca.pem").exists():
                self._keep(ca)
        return self._file("ca.pem")

    def server_context(self) -> ssl.SSLContext:
        """Give the TLS settings of a server on loopback: HTTP/1.1, a certificate of the CA for 127.0.0.1 and localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        self._made_ca().issue_cert(*HOSTS).configure_cert(context)
        return context

    def _made_ca(self) -> trustme.CA:
        """Give the CA: the one that a durable residence keeps, else a new one, in memory until its file is asked for."""
        import trustme

        with self._ca_lock:
            if self._ca is None and self._state_directory.durable and self._file("ca.pem").exists():
                self._ca = trustme.CA.from_pem(self._file("ca.pem").read_bytes(), self._file("ca-key.pem").read_bytes())
            elif self._ca is None:
                self._ca = trustme.CA(organization_name="kvs-notebook sandbox")
                if self._state_directory.durable:
                    self._keep(self._ca)
            return self._ca

    def _keep(self, ca: trustme.CA) -> None:
        _write(self._file("ca-key.pem"), ca.private_key_pem.bytes().decode())
        _write(self._file("ca.pem"), ca.cert_pem.bytes().decode())  # last: it says that both are there

    # --- for other programs

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Give a copy of an environment in which AWS programs find this sandbox, and no way to a real account."""
        kept = {name: value for name, value in base.items() if not _leads_elsewhere(name)}
        self.write()
        bundle = self._file("bundle.pem")
        _write(bundle, _certificates_in_force(base) + self.ca_path.read_text())
        return kept | {
            "AWS_CONFIG_FILE": str(self._file("config")),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._file("credentials")),
            "AWS_PROFILE": NAME,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ENDPOINT_URL": self._endpoint_url,
            "AWS_CA_BUNDLE": str(bundle),
            "SSL_CERT_FILE": str(bundle),
            "NODE_EXTRA_CA_CERTS": str(self.ca_path),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": _with_loopback(base.get("NO_PROXY") or base.get("no_proxy")),
            "no_proxy": _with_loopback(base.get("no_proxy") or base.get("NO_PROXY")),
        }


def profile_of(
    state_directory: StateDirectory, endpoint_url: str, keys: AccessKeys, account_id: str, region: str
) -> AwsProfile:
    """Give the profile that stands in a residence."""
    access_key_id = keys.access_key_id(account_id)
    return AwsProfile(
        state_directory,
        endpoint_url=endpoint_url,
        region=region,
        access_key_id=access_key_id,
        secret_access_key=keys.secret(access_key_id),
    )


def _leads_elsewhere(name: str) -> bool:
    """Tell whether a variable may hold credentials, an endpoint or a switch that outranks the profile's own."""
    words = (
        "ACCESS_KEY",
        "TOKEN",
        "CREDENTIAL",
        "ROLE",
        "PROFILE",
        "REGION",
        "ENDPOINT",
        "IGNORE",
        "CONTAINER",
        "WEB_IDENTITY",
    )
    return name.startswith("AWS_") and any(word in name for word in words)


def _certificates_in_force(base: Mapping[str, str]) -> str:
    """Give the certificates that the environment trusts so far: a bundle of the sandbox's CA alone would cut all other hosts."""
    named = [base[variable] for variable in SYSTEM_BUNDLES if base.get(variable)]
    paths = [*named, ssl.get_default_verify_paths().cafile, _certifi()]
    found = next((path for path in paths if path and os.path.isfile(path)), None)  # noqa: PTH113 - a variable's own text
    return "" if found is None else Path(found).read_text(errors="replace").rstrip() + "\n"


def _certifi() -> str | None:
    """Give certifi's bundle where it is installed, botocore's own otherwise: what boto3 trusts by default."""
    try:
        import certifi
    except ImportError:
        import botocore

        return str(Path(botocore.__file__).parent / "cacert.pem")
    return certifi.where()


def _with_loopback(hosts: str | None) -> str:
    listed = [host for host in (hosts or "").split(",") if host.strip()]
    return ",".join(dict.fromkeys([*listed, *LOOPBACK]))


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OURS_ALONE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), OURS_ALONE)
        file.write(text)
