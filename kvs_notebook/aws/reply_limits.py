"""Bound the time and the size of a reply: botocore's read timeout starts anew with every byte that comes."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.error_translation import NO_NETWORK
from kvs_notebook.aws.reply_headers import with_parser
from kvs_notebook.errors import EndpointUnreachable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

REPLY_SECONDS = 35.0
"""For a whole reply, from the end of the request: a page of 1,000 channels has 400 KB, which AWS sends in under a second."""

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""For a whole reply, headers included."""


class ReplyOverLimit(Exception):
    """A reply takes too long, or is too large; the text completes "the reply"."""


class BoundedReader(io.RawIOBase):
    """Read a socket until a deadline, and at most a number of bytes.

    Parameters
    ----------
    raw
        The socket's own reader.
    sock
        The socket, whose timeout is shortened if the deadline comes before it.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._seconds = REPLY_SECONDS
        self._deadline = time.monotonic() + self._seconds
        self._bytes_left = MAX_REPLY_BYTES

    def readable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor of the socket."""
        return self._raw.fileno()

    def close(self) -> None:
        """Close the socket's own reader."""
        self._raw.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Read what has come; raise ReplyOverLimit if the deadline has passed or the reply is too large."""
        timeout = self._sock.gettimeout()
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._too_slow()
        shortened = timeout is None or left < timeout
        if shortened:
            self._sock.settimeout(left)
        try:
            size: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            if shortened:
                raise self._too_slow() from None
            raise
        finally:
            if shortened:
                self._sock.settimeout(timeout)
        self._bytes_left -= size or 0
        if self._bytes_left < 0:
            raise ReplyOverLimit(f"has over {MAX_REPLY_BYTES:,} bytes")
        return size

    def _too_slow(self) -> ReplyOverLimit:
        return ReplyOverLimit(f"was not complete after {self._seconds:g} s")


class BoundedResponse(http.client.HTTPResponse):
    """A response of http.client that is read through a BoundedReader, from its status line to its last byte."""

    begin = with_parser(http.client.HTTPResponse.begin)  # benchmark: apply-plan

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = io.BufferedReader(BoundedReader(self.fp.detach(), sock))


def watch(client: Any) -> None:
    """Configure a boto3 client to raise EndpointUnreachable for a reply over the limits, without another attempt."""
    client.meta.events.register("response-received.*", _raise_over_limit, unique_id="kvs-notebook-reply-limits")


def _raise_over_limit(exception: Exception | None, event_name: str, **_: Any) -> None:
    reason = getattr(exception, "kwargs", {}).get("error")
    if not isinstance(reason, ReplyOverLimit):
        return
    operation = event_name.rpartition(".")[2]
    error = EndpointUnreachable(f"{operation} failed: the reply {reason}. {NO_NETWORK}", operation=operation)
    error.maybe_applied = True
    raise error
