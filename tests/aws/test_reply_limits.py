"""A reply that comes byte by byte, or has no end, is given up, without another attempt."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws import reply_limits
from tests.aws.calls import CALLS
from tests.aws.fake_service import FakeService

SECONDS_OF_A_PART = 10.0
"""How much later it is for the client after each part that comes: fewer than four parts are in time."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n"
SLOW: dict[str, tuple[bytes, bytes]] = {
    "status line": (b"", b"H"),
    "header": (b"HTTP/1.1 200 OK\r\nx-header: ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
    "interim responses": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (HEAD, b" "),
    "chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "body without a length": (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", b" "),
    "error": (HEAD.replace(b"200 OK", b"400 Bad"), b" "),
}


class Clock:
    """The time of the limits, which replies put forward: a busy machine makes no other reply late."""

    def __init__(self) -> None:
        self.later = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.later


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reply_limits, "time", clock)
    return clock


@pytest.fixture
def connection(served: kvs.Connection) -> kvs.Connection:
    return served


def drip(first: bytes, each: bytes, given_up: Event, clock: Clock) -> Callable[[Any], None]:
    """Return a reply that writes bytes until the client has closed the connection."""

    def write(request: Any) -> None:
        with contextlib.suppress(OSError):
            request.wfile.write(first)
            while True:
                request.wfile.write(each)
                request.wfile.flush()
                clock.later += SECONDS_OF_A_PART
                time.sleep(0.01)
        request.close_connection = True
        given_up.set()

    return write


@pytest.mark.parametrize("operation", CALLS)
def test_slow_reply_of_each_operation_is_given_up(service, connection, clock, operation):
    check_given_up(service, connection, clock, operation, "body")


@pytest.mark.parametrize("part", SLOW)
def test_slow_part_of_a_reply_is_given_up(service, connection, clock, part):
    check_given_up(service, connection, clock, "DescribeSignalingChannel", part)


def check_given_up(service: FakeService, connection: kvs.Connection, clock: Clock, operation: str, part: str) -> None:
    """Check that a call ends with an error after one attempt, and closes its connection."""
    given_up = Event()
    service.replies[operation] = drip(*SLOW[part], given_up, clock)
    with pytest.raises(errors.KVSError, match=rf"{operation} .*the reply was not complete after 35 s") as raised:
        CALLS[operation](connection)
    assert type(raised.value) in {errors.EndpointUnreachable, errors.OutcomeUnknown}
    assert service.operations().count(operation) == 1
    assert given_up.wait(10)


def test_reply_without_end_is_given_up(service, connection, monkeypatch):
    monkeypatch.setattr(reply_limits, "MAX_REPLY_BYTES", 100_000)
    service.replies["ListSignalingChannels"] = b" " * 200_000
    with pytest.raises(errors.EndpointUnreachable, match="the reply has over 100,000 bytes"):
        kvs.list_channels(connection=connection)


def test_slow_change_may_be_applied(service, connection, clock):
    service.replies["DeleteSignalingChannel"] = drip(*SLOW["body"], Event(), clock)
    with pytest.raises(errors.OutcomeUnknown, match="was not complete after"):
        kvs.delete_channel("gate", connection=connection)


def test_attempts_and_connection_are_as_before(service, connection, clock):
    before = connection.attempts
    service.replies["DescribeSignalingChannel"] = drip(*SLOW["body"], Event(), clock)
    with pytest.raises(errors.EndpointUnreachable):
        kvs.describe_channel("gate", connection=connection)
    service.reset()
    assert len(kvs.describe_channel("gate", connection=connection)) == 1
    assert connection.attempts == before + 2
