"""AWS profile of a sandbox: config files and environment variables that lead other programs to it and nowhere else."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from kvs_notebook.sandbox.address import Address
from kvs_notebook.sandbox.certificates import CertificateAuthority
from kvs_notebook.sandbox.state_directory import BUNDLE_FILE, CONFIG_FILE, CREDENTIALS_FILE, StateDirectory

PROFILE_NAME = "sandbox"
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

BUNDLE_VARIABLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name the CA bundle in effect, in order of precedence."""

REMOVED_WORDS = (
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
"""An AWS_ variable with one of these words may hold credentials, an endpoint or a switch that outranks the profile."""


class AwsProfile:
    """The files of a sandbox's AWS profile, readable by their owner alone.

    Parameters
    ----------
    directory
        Where the files are written.
    certificates
        The CA that other programs have to trust.
    address
        The server that the profile names.
    """

    def __init__(self, directory: StateDirectory, certificates: CertificateAuthority, address: Address) -> None:
        self._directory = directory
        self._certificates = certificates
        self._address = address

    def write(self) -> None:
        """Write the config file, and an empty credentials file so that the user's own is not read."""
        access_key_id = self._address.keys.access_key_id(self._address.account_id)
        values = {
            "endpoint_url": self._address.endpoint_url,
            "region": self._address.region,
            "aws_access_key_id": access_key_id,
            "aws_secret_access_key": self._address.keys.secret(access_key_id),
        }
        lines = [f"[profile {PROFILE_NAME}]", *(f"{name} = {value}" for name, value in values.items()), ""]
        self._directory.write(CONFIG_FILE, "\n".join(lines).encode())
        self._directory.write(CREDENTIALS_FILE, b"")

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return a copy of an environment in which AWS programs find this sandbox and no real account."""
        kept = {name: value for name, value in base.items() if not _is_removed(name)}
        self.write()
        ca_path = self._certificates.path
        bundle = self._directory.path / BUNDLE_FILE
        self._directory.write(bundle.name, (_trusted_certificates(base) + ca_path.read_text()).encode())
        return kept | {
            "AWS_CONFIG_FILE": str(self._directory.path / CONFIG_FILE),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._directory.path / CREDENTIALS_FILE),
            "AWS_PROFILE": PROFILE_NAME,
            "AWS_REGION": self._address.region,
            "AWS_DEFAULT_REGION": self._address.region,
            "AWS_ENDPOINT_URL": self._address.endpoint_url,
            "AWS_CA_BUNDLE": str(bundle),
            "SSL_CERT_FILE": str(bundle),
            "NODE_EXTRA_CA_CERTS": str(ca_path),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": _with_loopback(base.get("NO_PROXY") or base.get("no_proxy")),
            "no_proxy": _with_loopback(base.get("no_proxy") or base.get("NO_PROXY")),
        }


def _is_removed(name: str) -> bool:
    return name.startswith("AWS_") and any(word in name for word in REMOVED_WORDS)


def _trusted_certificates(base: Mapping[str, str]) -> str:
    """Return the certificates that an environment trusts: with the sandbox's CA alone, no other host could be reached."""
    named = [base[variable] for variable in BUNDLE_VARIABLES if base.get(variable)]
    paths = [*named, ssl.get_default_verify_paths().cafile, _default_bundle()]
    found = next((path for path in paths if path and os.path.isfile(path)), None)  # noqa: PTH113 - a variable's own text
    return "" if found is None else Path(found).read_text(errors="replace").rstrip() + "\n"


def _default_bundle() -> str:
    """Return the bundle that boto3 trusts by default: certifi's if it is installed, else botocore's."""
    try:
        import certifi
    except ImportError:
        import botocore

        return str(Path(botocore.__file__).parent / "cacert.pem")
    return certifi.where()


def _with_loopback(hosts: str | None) -> str:
    listed = [host for host in (hosts or "").split(",") if host.strip()]
    return ",".join(dict.fromkeys([*listed, *LOOPBACK_HOSTS]))
