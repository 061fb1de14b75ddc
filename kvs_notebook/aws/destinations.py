"""Check the endpoints that the service names, before anything is signed for them or sent there."""

from __future__ import annotations

import re
from functools import cache

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.aws.regions import dns_suffixes
from kvs_notebook.errors import ServiceFault
from kvs_notebook.formatting import format_value

SCHEMES = {"WSS": "wss", "HTTPS": "https", "WEBRTC": "https"}
"""The scheme of each protocol of GetSignalingChannelEndpoint."""

# Stricter than a URL, so that no two parsers find two hosts in it: no user, no query, no escapes.
_ENDPOINT = re.compile(
    r"([a-z]+)://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)


def check_endpoint(endpoint: str, protocol: str, connection: Connection) -> str:
    """Return an endpoint that the service named for a protocol; raise ServiceFault if nothing may be sent to it.

    It has to be https or wss, on a host of Kinesis Video Streams in the connection's region (under a domain that botocore's
    data name as AWS's), or on the host of the connection's own endpoint; a sandbox may use any name of the loopback interface.
    """
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None or found[1] != SCHEMES[protocol]:
        raise _refusal(endpoint, f"an endpoint of the form {SCHEMES[protocol]}://HOST")
    host = found[2].strip("[]").lower()
    if host.endswith(_service_hosts(connection.region)) or host == _host_of(connection.endpoint()):
        return endpoint
    if is_loopback(endpoint) and is_loopback(connection.endpoint()) and connection.is_sandbox():
        return endpoint
    raise _refusal(endpoint, f"a host of the service in {connection.region}, or that of {connection.endpoint()}")


@cache
def _service_hosts(region: str) -> tuple[str, ...]:
    """Return the suffixes of the service's hosts; customers' machines and buckets are on AWS's domains, too."""
    services = ("kinesisvideo", "kinesisvideo-fips")
    return tuple(f".{service}.{region}.{suffix}" for service in services for suffix in dns_suffixes())


def _host_of(url: str) -> str:
    from urllib.parse import urlsplit

    return (urlsplit(url).hostname or "").lower()


def _refusal(endpoint: str, expected: str) -> ServiceFault:
    return ServiceFault(
        f"GetSignalingChannelEndpoint returned {format_value(endpoint)}, to which nothing was sent: expected {expected}. Check "
        "whether a proxy or another program answers in place of AWS.",
        operation="GetSignalingChannelEndpoint",
    )
