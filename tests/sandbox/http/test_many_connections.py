"""More connections than the process can have: those that are open go on, and the log stays readable."""

from __future__ import annotations

import asyncio
import errno
import logging
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.sandbox.http import asgi_server
from tests.sandbox.raw_client import Target, head

MOST = 6
"""Connections of the sandbox of this file: a Target has none open at first, and check both ports with one each."""


@pytest.fixture
def target(monkeypatch):
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        opened = Target(sandbox)
        monkeypatch.setattr(asgi_server, "most_connections", lambda: MOST)
        yield opened
        opened.close()


@pytest.mark.parametrize("kind", ["HTTP", "HTTPS"])
def test_connection_above_the_limit_is_closed_and_others_go_on(target, kind, caplog):
    first = target.clients["HTTP"]
    with ExitStack() as stack:
        first.request("OPTIONS", "/")
        assert first.getresponse().read() == b""
        for _ in range(3 * MOST):
            with suppress(OSError):  # cut during the TLS handshake
                stack.enter_context(target.open(kind)).sendall(head(b"OPTIONS /"))
        with suppress(OSError), target.open(kind) as late:
            assert late.recv(100) == b""
        first.request("OPTIONS", "/")
        assert first.getresponse().read() == b""
    target.assert_answers()
    assert [each.levelname for each in caplog.records if each.levelno >= logging.ERROR] == []


@given(st.lists(st.sampled_from([errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]), min_size=1, max_size=50))
def test_lack_of_descriptors_is_warned_of_once(codes):
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(f"{record.levelname}: {record.getMessage()}")  # type: ignore[method-assign]
    loggers = [logging.getLogger("asyncio"), logging.getLogger(asgi_server.__name__)]
    for logger in loggers:
        logger.addHandler(handler)
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(asgi_server._ExceptionHandler())
        for code in codes:
            runner.get_loop().call_exception_handler({"message": "accept", "exception": OSError(code, "Too many")})
        runner.get_loop().call_exception_handler({"message": "another", "exception": OSError(errno.EIO, "Broken")})
    for logger in loggers:
        logger.removeHandler(handler)
    assert lines == [
        "WARNING: New connections to the sandbox wait: Too many. Close files or connections.",
        "ERROR: another",
    ]
