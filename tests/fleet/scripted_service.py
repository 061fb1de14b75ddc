"""An HTTP server that replies as the service does, except where a test scripts another reply."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, str, bytes]
"""Status, content type and body."""

BASE = "111122223333"


def as_json(value: object, status: int = 200) -> Reply:
    return status, "application/json", json.dumps(value).encode()


def channel_info(account: str, region: str, name: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "ChannelARN": f"arn:aws:kinesisvideo:{region}:{account}:channel/{name}/1767603600000",
        "ChannelType": "SINGLE_MASTER",
        "ChannelStatus": "ACTIVE",
        "CreationTime": 1767603600.0,
        "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
        "Version": "aB3",
    }


class ScriptedService:
    """Two channels, the first of them tagged, in every account and region that is asked for.

    Attributes
    ----------
    url
        The endpoint.
    script
        Other replies, by operation, account and region.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.script: dict[tuple[str, str, str], Reply] = {}
        self.enabled = ["us-east-1"]

    def reply(self, operation: str, account: str, region: str, body: str) -> Reply:
        if operation == "AssumeRole":
            account = re.findall(r"\d{12}", body)[0]  # of the role, and not of who assumes it
        scripted = self.script.get((operation, account, region))
        if scripted is not None:
            return scripted
        replies: Mapping[str, Callable[[], Reply]] = {
            "GetCallerIdentity": lambda: (200, "text/xml", identity_of(account)),
            "AssumeRole": lambda: _assumed_role(account),
            "listSignalingChannels": lambda: as_json({"ChannelInfoList": self.infos(account, region)}),
            "GetResources": lambda: as_json({"ResourceTagMappingList": self._resources(account, region)}),
            "ListTagsForResource": lambda: as_json({"Tags": {"Site": "hq"} if "/a/" in body else {}}),
            "listRegions": lambda: as_json(
                {"Regions": [{"RegionName": each, "RegionOptStatus": "ENABLED"} for each in self.enabled]}
            ),
        }
        return replies[operation]()

    def infos(self, account: str, region: str) -> list[dict[str, Any]]:
        return [channel_info(account, region, name) for name in ("a", "b")]

    def _resources(self, account: str, region: str) -> list[dict[str, Any]]:
        arn = self.infos(account, region)[0]["ChannelARN"]
        return [{"ResourceARN": arn, "Tags": [{"Key": "Site", "Value": "hq"}]}]


def identity_of(account: str) -> bytes:
    """Return STS's reply for a user of an account."""
    arn = f"<Arn>arn:aws:iam::{account}:user/me</Arn><UserId>AIDA</UserId><Account>{account}</Account>"
    return _of_sts("GetCallerIdentity", arn)


def _assumed_role(account: str) -> Reply:
    """Return credentials whose access key holds the account's digits."""
    keys = f"<AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    return (
        200,
        "text/xml",
        _of_sts("AssumeRole", f"<Credentials>{keys}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"),
    )


def _of_sts(operation: str, content: str) -> bytes:
    return f"<{operation}Response><{operation}Result>{content}</{operation}Result></{operation}Response>".encode()


@contextmanager
def scripted_service() -> Iterator[ScriptedService]:
    """Yield a service that listens on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            action = re.search(r"Action=(\w+)", body)
            target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            operation = action[1] if action else target or self.path.strip("/")
            key, _, region, *_ = self.headers["Authorization"].partition("Credential=")[2].split("/")
            digits = re.search(r"\d{12}", key)
            status, kind, content = service.reply(operation, digits[0] if digits else BASE, region, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        service = ScriptedService(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
