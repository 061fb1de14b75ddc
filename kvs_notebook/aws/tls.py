"""TLS trust: the certificates of this machine, or the CA of a local service."""

from __future__ import annotations

import ssl

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
        raise EndpointUnreachable(f"{config.endpoint_url} did not answer. {local_service.unreachable_hint}") from error


def create_tls_context(config: ConnectionConfig, endpoint_url: str) -> ssl.SSLContext:
    """Create the TLS settings for an endpoint that the service named."""
    config.check_destination(endpoint_url)
    return ssl.create_default_context(cafile=trusted_ca_path(config))
