"""The headers of a reply are those that http.client reads."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.aws import reply_headers

USUAL = b"x-amzn-RequestId: 1234\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
PIECES = [
    b"Date",
    b":",
    b" ",
    b"\t",
    b"a",
    b"\xe9",
    b"\x85",
    b"\x00",
    b"\r",
    b"\n",
    b"\r\n",
    b"From ",
    b"Set-Cookie: a=b\r\n",
]


def read(parse, content):
    stream = io.BytesIO(content)
    try:
        found = parse(stream)
    except http.client.HTTPException as error:
        return type(error), str(error)
    return found.items(), stream.read()


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_any_headers_are_read_as_http_client_reads_them(head):
    for content in (head, head + USUAL + b"{}", USUAL.replace(b"1234", head) + b"{}"):
        assert read(reply_headers.parse_headers, content) == read(http.client.parse_headers, content)


@pytest.mark.parametrize("content", [b"a: b\r\n" * 101 + b"\r\n", b"a: " + b"b" * 65_537 + b"\r\n\r\n"])
def test_headers_over_the_limits_of_http_client_are_refused(content):
    with pytest.raises(http.client.HTTPException):
        reply_headers.parse_headers(io.BytesIO(content))


def test_replies_of_the_service_need_no_parser_of_email(connection, monkeypatch):
    def refuse(stream):
        raise AssertionError(stream.read())

    kvs.create_channel("front-door", connection=connection)
    monkeypatch.setattr(http.client, "parse_headers", refuse)
    assert list(kvs.list_channels(tags=True, connection=connection)["channel_name"]) == ["front-door"]
    kvs.delete_channel("front-door", connection=connection)
