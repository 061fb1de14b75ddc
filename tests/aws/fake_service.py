"""A service over HTTP on loopback whose replies a test sets, one by operation."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3

from kvs_notebook.aws.connection import Connection
from tests.connections import connect_session

SECRET_KEY = "SuPerSecretKey0123456789abcdefghijklmnop"
TURN_PASSWORD = "turn-PassWord-0123456789"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjSESSIONTOKEN" * 4

ACCOUNT, REGION, NAME = "111122223333", "us-east-1", "gate"
ARN = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:channel/{NAME}/1767603601000"
INFO: dict[str, Any] = {
    "ChannelName": NAME,
    "ChannelARN": ARN,
    "ChannelType": "SINGLE_MASTER",
    "ChannelStatus": "ACTIVE",
    "CreationTime": 1767603601.5,
    "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
    "FullMeshConfiguration": None,
    "Version": "v1",
}
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Arn>arn:aws:iam::{ACCOUNT}:user/me</Arn><UserId>AIDAX</UserId><Account>{ACCOUNT}</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
ALIASES = (
    '<ListAccountAliasesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListAccountAliasesResult>'
    "<AccountAliases><member>acme-prod</member></AccountAliases><IsTruncated>false</IsTruncated>"
    "</ListAccountAliasesResult></ListAccountAliasesResponse>"
)


def valid_replies(url: str) -> dict[str, Any]:
    """Return a reply for each operation, as AWS writes it; ``url`` is of the fake service, without its scheme."""
    return {
        "ListSignalingChannels": {"ChannelInfoList": [INFO], "NextToken": None},
        "DescribeSignalingChannel": {"ChannelInfo": INFO},
        "CreateSignalingChannel": {"ChannelARN": ARN},
        "UpdateSignalingChannel": {},
        "DeleteSignalingChannel": {},
        "TagResource": {},
        "UntagResource": {},
        "ListTagsForResource": {"Tags": {"Site": "hq"}, "NextToken": None},
        "GetSignalingChannelEndpoint": {
            "ResourceEndpointList": [
                {"Protocol": "HTTPS", "ResourceEndpoint": f"https://{url}"},
                {"Protocol": "WSS", "ResourceEndpoint": f"wss://{url}"},
            ]
        },
        "GetIceServerConfig": {
            "IceServerList": [
                {"Password": TURN_PASSWORD, "Ttl": 300, "Uris": ["turn:a", "turns:a"], "Username": "user"},
            ]
        },
        "GetResources": {
            "PaginationToken": "",
            "ResourceTagMappingList": [{"ResourceARN": ARN, "Tags": [{"Key": "Site", "Value": "hq"}]}],
        },
        "ListRegions": {"Regions": [{"RegionName": REGION, "RegionOptStatus": "ENABLED"}], "NextToken": None},
        "GetCallerIdentity": IDENTITY,
        "ListAccountAliases": ALIASES,
    }


class FakeService:
    """Replies by operation: a JSON value, a text, bytes, or a function that writes the response itself.

    Attributes
    ----------
    replies
        What each operation returns; a test changes it.
    status
        The status of every response.
    asked
        The operation, headers and body of each request.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.url = f"http://{address}"
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.reset()

    def reset(self) -> None:
        """Return to valid replies, and forget the requests."""
        self.replies: dict[str, Any] = valid_replies(self.address)
        self.status = 200
        self.asked.clear()

    def connect(self, **options: Any) -> Connection:
        """Return a connection that does not wait for a rate limit."""
        session = boto3.Session("AKIDEXAMPLE", SECRET_KEY, SESSION_TOKEN, region_name=REGION)
        connection = connect_session(session, REGION, endpoint_url=self.url, allow_changes=True, **options)
        connection.rate_limiter.wait = lambda *_: None  # type: ignore[method-assign]
        return connection

    def operations(self) -> list[str]:
        """Return the operations that were asked for, in their order."""
        return [operation for operation, _, _ in self.asked]


def _operation_of(path: str, target: str, body: bytes) -> str:
    if path == "/":
        return target.rpartition(".")[2] or body.split(b"Action=")[1].split(b"&")[0].decode()
    if path == "/v1/get-ice-server-config":
        return "GetIceServerConfig"
    name = path.strip("/")
    return name[:1].upper() + name[1:]


def _handler_of(service: FakeService) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            operation = _operation_of(self.path, self.headers.get("x-amz-target", ""), body)
            service.asked.append((operation, dict(self.headers), body))
            reply = service.replies[operation]
            if isinstance(reply, Callable):  # type: ignore[arg-type]
                reply(self)
                return
            content = reply if isinstance(reply, bytes) else reply.encode() if isinstance(reply, str) else dump(reply)
            self.send_response(service.status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    return Handler


def dump(reply: object) -> bytes:
    """Return the JSON of a reply, lone surrogates escaped."""
    return json.dumps(reply).encode()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Write no traceback if a client closes its connection."""


@contextlib.contextmanager
def fake_service() -> Iterator[FakeService]:
    """Yield a service that answers until the block ends."""
    with _Server(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        service = FakeService(f"127.0.0.1:{server.server_port}")
        server.RequestHandlerClass = _handler_of(service)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join(10)


@contextlib.contextmanager
def connected_service() -> Iterator[tuple[FakeService, Connection]]:
    """Yield a service, and a connection to it that knows its account."""
    with fake_service() as service:
        connection = service.connect()
        connection.identity()
        yield service, connection
        connection.close_clients()
