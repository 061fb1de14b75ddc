"""TLS trust: the CA bundle that AWS programs use, the certificates of this machine, or the CA of a local service."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

from kvs_notebook.aws.botocore_internals import config_variable
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.errors import EndpointUnreachable


def trusted_ca_path(config: ConnectionConfig) -> str | None:
    """Return the path of the CA of a local service, None for the certificates that this machine trusts.

    Raises
    ------
    EndpointUnreachable
        If the local service has stopped, and its CA certificate is gone.
    """
    local_service = config.local_service
    if local_service is None:
        return None
    try:
        return local_service.ca_path()
    except OSError as error:
        raise EndpointUnreachable(
            f"{config.endpoint_url} did not answer. {local_service.unreachable_hint()}"
        ) from error


def configured_ca_bundle(config: ConnectionConfig) -> str | None:
    """Return the CA bundle of the AWS configuration, as boto3 finds it: AWS_CA_BUNDLE, ca_bundle, REQUESTS_CA_BUNDLE."""
    if config.local_service is not None:
        return None
    bundle: str | None = config_variable(config.session.open(), "ca_bundle")
    return os.environ.get("REQUESTS_CA_BUNDLE") if bundle is None else bundle


def check_ca_bundle(config: ConnectionConfig) -> None:
    """Raise EndpointUnreachable if the CA bundle of the AWS configuration is not a file with certificates."""
    bundle = configured_ca_bundle(config)
    if bundle is None:
        return
    try:
        state = os.stat(bundle)  # noqa: PTH116 - an empty text is not the current directory
        _load_bundle(bundle, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise EndpointUnreachable(
            f"The CA bundle {bundle!r} cannot be used: {error}. Set AWS_CA_BUNDLE, or ca_bundle in the profile, to a PEM file, "
            "or remove it, then call kvs.connect() again."
        ) from error


@lru_cache(maxsize=16)
def _load_bundle(path: str, mtime_ns: int, size: int) -> None:  # noqa: ARG001 - a file that was changed is loaded again
    """Load a bundle once, since each client of a fleet asks: it has some 150 certificates."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)


def create_tls_context(config: ConnectionConfig, endpoint_url: str) -> ssl.SSLContext:
    """Create the TLS settings for an endpoint that the service named; it trusts what HTTPS calls trust.

    Raises
    ------
    EndpointUnreachable
        If the CA bundle of the AWS configuration cannot be used.
    """
    config.check_destination(endpoint_url)
    check_ca_bundle(config)
    requests_bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    bundle = configured_ca_bundle(config)
    if bundle is None or bundle != requests_bundle:
        return ssl.create_default_context(cafile=bundle or trusted_ca_path(config))
    # REQUESTS_CA_BUNDLE is for HTTPS in general: it must not hide the certificates that SSL_CERT_FILE adds.
    context = ssl.create_default_context()
    context.load_verify_locations(bundle)
    return context
