"""Responses that did not come from AWS are rejected."""

from __future__ import annotations

import http.server
import threading
import warnings

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.channels.tag_reader import read_tags_in_bulk

PAGE = b"<!doctype html>\n<html><body>Welcome to the hotel, please sign in</body></html>"
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/gate/1767603601000"
SECRET = b'{"IceServerList":[{"Password":"c2VjcmV0","Tt'


class Portal(http.server.BaseHTTPRequestHandler):
    """Answer each request with the same page, as a captive portal does."""

    status = 200
    body = PAGE

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.status)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture
def portal(monkeypatch):
    class Mine(Portal):
        pass

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))  # how often it looks whether to stop
    thread.start()
    yield Mine, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def connection(portal):
    made = for_profile(None, region="us-east-1", endpoint_url=portal[1], allow_changes=True)
    made.rate_limiter.sleep = lambda _: None
    yield made
    made.close_clients()


READS = {
    "identity": lambda connection: connection.identity(),
    "list": lambda connection: kvs.list_channels(connection=connection),
    "describe": lambda connection: kvs.describe_channel("gate", connection=connection),
    "tags": lambda connection: connection.call("ListTagsForResource", {"ResourceARN": ARN}),
    "endpoints": lambda connection: connection.call("GetSignalingChannelEndpoint", {"ChannelARN": ARN}),
    "bulk tags": read_tags_in_bulk,
}
BODIES = {
    "a page": PAGE,
    "an empty page": b"<html></html>",
    "nothing": b"",
    "half an answer": b'{"ChannelInfoList": [',
    "a list": b"[]",
    "null": b"null",
}


@pytest.mark.parametrize("body", BODIES)
def test_foreign_response_is_endpoint_unreachable(portal, connection, body):
    portal[0].body = BODIES[body]
    for read in READS.values():
        with pytest.raises(
            errors.EndpointUnreachable,
            match="did not come from the service.*Check the region, the network and the proxy",
        ):
            read(connection)


def test_message_shows_html_page(connection):
    with pytest.raises(errors.EndpointUnreachable, match="Welcome to the hotel, please sign in") as raised:
        kvs.list_channels(connection=connection)
    assert raised.value.operation == "ListSignalingChannels"


def test_message_hides_truncated_reply(portal, connection):
    portal[0].body = SECRET
    with pytest.raises(errors.EndpointUnreachable, match=f"{len(SECRET)} bytes that are not HTML or JSON") as raised:
        kvs.list_channels(connection=connection)
    assert "c2VjcmV0" not in str(raised.value)


@pytest.mark.parametrize("body", [b'{"ChannelInfoList": [}', b'{"NextToken": NaN}', b'{"NextToken": "\\ud800"}'])
def test_list_rejects_a_body_that_is_not_json(portal, connection, body):
    portal[0].body = body
    with pytest.raises(errors.EndpointUnreachable, match=f"{len(body)} bytes that are not HTML or JSON") as raised:
        kvs.list_channels(connection=connection)
    assert raised.value.maybe_applied


@pytest.mark.parametrize("body", BODIES)
def test_create_with_foreign_response_is_outcome_unknown(portal, connection, body):
    portal[0].body = BODIES[body]
    with pytest.raises(errors.OutcomeUnknown, match=r"was sent for gate, but its outcome is not known"):
        kvs.create_channel("gate", wait=False, connection=connection)


def test_inventory_reports_foreign_response_as_gap(connection):
    with warnings.catch_warnings(action="error"):
        found = kvs.inventory(connection=connection)
    assert found.coverage["status"].tolist() == ["error"]
    with pytest.raises(errors.InventoryIncomplete, match="did not come from the service"):
        found.raise_for_failures()


@pytest.mark.parametrize("status", [403, 407, 502])
def test_page_with_error_status_is_kvs_error(portal, connection, status):
    portal[0].status = status
    for read in READS.values():
        with pytest.raises(errors.KVSError):
            read(connection)


def test_operation_without_output_accepts_empty_body(portal, connection):
    portal[0].body = b""
    assert "ResponseMetadata" in connection.replace(account_id="111122223333").call(
        "TagResource", {"ResourceARN": ARN, "Tags": [{"Key": "Site", "Value": "hq"}]}
    )
