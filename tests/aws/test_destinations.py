"""Nothing is signed for, or sent to, an endpoint that is neither AWS's nor on the host that was asked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.destinations import SCHEMES, check_endpoint
from tests.aws.calls import CALLS
from tests.aws.fake_service import ARN

SUFFIXES = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
]
HOSTS = ["m-3ac1.kinesisvideo.us-east-1", "v-3ac1.kinesisvideo-fips.us-east-1", "R-3AC1.KinesisVideo.us-east-1"]

FOREIGN = [
    "evil.example",
    "amazonaws.com.evil.example",
    "evilamazonaws.com",
    "amazonaws.com",
    "169.254.169.254",
    "127.0.0.2",
    "localhost",
    "[::1]",
    "m-1.kinesisvideo.us-east-1.amazonaws.com@evil.example",
    "evil.example\\.amazonaws.com",
    "evil.example#.amazonaws.com",
    "evil.example?.amazonaws.com",
    "evil.example/.amazonaws.com",
    "evil.example\n.amazonaws.com",
    "evil.example%2f.amazonaws.com",
    "m-1.amazonaws.com.",
    "\uff0eamazonaws.com",
    "m-1.kinesisvideo.eu-west-1.amazonaws.com",
    "kinesisvideo.us-east-1.amazonaws.com.evil.example",
    "ec2-203-0-113-7.us-east-1.compute.amazonaws.com",
    "evil-1.elb.us-east-1.amazonaws.com",
    "evil.kinesisvideo.s3.us-east-1.amazonaws.com",
    "evil.kinesisvideo.us-east-1.s3.amazonaws.com",
    "evil-kinesisvideo.us-east-1.amazonaws.com",
    "",
]


@pytest.fixture
def connection(served: kvs.Connection) -> kvs.Connection:
    """Return the connection to the service that a test sets the replies of."""
    return served


@pytest.mark.parametrize("protocol", SCHEMES)
def test_endpoint_on_a_domain_of_aws_is_accepted(connection, protocol):
    for host, suffix, rest in product(HOSTS, SUFFIXES, ["", ":443", "/v", ":8443/m/a-1"]):
        endpoint = f"{SCHEMES[protocol]}://{host}.{suffix}{rest}"
        assert check_endpoint(endpoint, protocol, connection) == endpoint


@pytest.mark.parametrize("protocol", SCHEMES)
def test_endpoint_on_the_host_that_was_asked_is_accepted(connection, protocol):
    endpoint = f"{SCHEMES[protocol]}://127.0.0.1:4433/v"
    assert check_endpoint(endpoint, protocol, connection) == endpoint


@pytest.mark.parametrize("protocol", SCHEMES)
def test_endpoint_on_another_host_is_refused(connection, protocol):
    for host, rest in product(FOREIGN, ["", ":443/v"]):
        endpoint = f"{SCHEMES[protocol]}://{host}{rest}"
        with pytest.raises(errors.ServiceFault, match="to which nothing was sent: expected"):
            check_endpoint(endpoint, protocol, connection)


@pytest.mark.parametrize("protocol", SCHEMES)
def test_endpoint_of_another_scheme_is_refused(connection, protocol):
    schemes = ["http", "ws", "ftp", "file", "HTTPS", "", "javascript"]
    for scheme, host in product(schemes, ["m-1.kinesisvideo.us-east-1.amazonaws.com", "127.0.0.1:4433"]):
        with pytest.raises(errors.ServiceFault, match="expected an endpoint of the form"):
            check_endpoint(f"{scheme}://{host}", protocol, connection)


def test_each_protocol_has_its_own_scheme(connection):
    for protocol, scheme in (("WSS", "https"), ("HTTPS", "wss"), ("WEBRTC", "wss")):
        with pytest.raises(errors.ServiceFault):
            check_endpoint(f"{scheme}://m-1.kinesisvideo.us-east-1.amazonaws.com", protocol, connection)


def test_sandbox_is_on_loopback_by_any_of_its_names():
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        connection = sandbox.connection()
        for host in ("127.0.0.1", "localhost", "[::1]", "127.0.0.2"):
            assert check_endpoint(f"wss://{host}:4433/v", "WSS", connection) == f"wss://{host}:4433/v"


USES: dict[str, Callable[[kvs.Connection], Any]] = {
    "endpoints": lambda at: kvs.get_endpoints(ARN, connection=at),
    "ICE servers": lambda at: kvs.get_ice_servers(ARN, connection=at),
    "signed URL": lambda at: kvs.sign_url(ARN, client_id="tablet", connection=at),
}


@pytest.mark.parametrize("use", USES)
def test_nothing_is_signed_for_another_host(service, connection, use, monkeypatch):
    monkeypatch.setattr(connection, "credentials", lambda: pytest.fail("something was signed"))
    service.replies["GetSignalingChannelEndpoint"] = {
        "ResourceEndpointList": [
            {"Protocol": "HTTPS", "ResourceEndpoint": service.url},
            {"Protocol": "WSS", "ResourceEndpoint": "wss://169.254.169.254/v"},
        ]
    }
    with pytest.raises(errors.ServiceFault, match="to which nothing was sent"):
        USES[use](connection)
    assert service.operations() == ["GetSignalingChannelEndpoint"]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_redirect_of_no_call_is_followed(service, connection, status):
    def redirect(request: Any) -> None:
        request.send_response(status)
        request.send_header("location", f"{service.url}/elsewhere")
        request.send_header("content-length", "0")
        request.end_headers()

    for operation, call in CALLS.items():
        service.reset()
        service.replies |= {operation: redirect, "Elsewhere": service.replies[operation]}
        with pytest.raises(errors.KVSError):
            call(connection)
        assert service.operations().count(operation) == 1
        assert "Elsewhere" not in service.operations()
