"""Open WebSockets to a channel's endpoint: look it up, sign its URL, connect, and retry."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.error_translation import UNTRUSTED, from_code, is_certificate_error
from kvs_notebook.aws.json_text import parse_json
from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.channels.reference import ChannelRef, resolve_arn
from kvs_notebook.errors import EndpointUnreachable, KVSError, MissingExtra, Throttled
from kvs_notebook.secret import Secret
from kvs_notebook.signaling.endpoints import request_endpoint
from kvs_notebook.signaling.frames import text_member
from kvs_notebook.signaling.presign import presign_websocket_url
from kvs_notebook.version import __version__

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import InvalidStatus

PING_SECONDS = 30.0
"""The service closes a connection after 10 minutes without traffic; a ping counts as traffic."""

OPENING_SECONDS = 10.0
MAX_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10.0

CODE_BY_STATUS = {
    400: "InvalidArgumentException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
}
"""The error code of a refusal without one, by its HTTP status."""

MAX_FRAME_BYTES = 128 * 1024
"""A message of the service has 14 KB at most; a longer frame than this closes the connection."""

NEXT_STEPS: dict[str, dict[type[KVSError], str]] = {
    "ConnectAsMaster": {Throttled: "A channel accepts 3 connects of a MASTER a second: connect again later."},
    "ConnectAsViewer": {
        Throttled: "A channel accepts 3 connects a second and 10 viewers at a time: connect again later, or close a connection "
        "that is not needed. A viewer that lost its connection may count for hours.",
    },
}

_logger = logging.getLogger(__name__)

_library_logger = _logger.getChild("websockets")
_library_logger.setLevel(logging.WARNING)  # at INFO and DEBUG the library logs the signed URL and every frame


class WebSocketConnector:
    """Connect to one channel in one role, with a freshly signed URL each time.

    Attributes
    ----------
    channel
        The channel.
    operation
        ConnectAsMaster or ConnectAsViewer.
    connects
        How many connections were opened.
    """

    def __init__(self, channel: ChannelRef, role: str, client_id: str | None, connection: Connection) -> None:
        self.channel = channel
        self.operation = "ConnectAsMaster" if role == "MASTER" else "ConnectAsViewer"
        self.connects = 0
        self._role = role
        self._client_id = client_id
        self._connection = connection
        self._arn = channel.channel_arn

    async def open(self, retry_on: tuple[type[KVSError], ...]) -> ClientConnection:
        """Open a connection, in at most 8 attempts if they fail with an error of ``retry_on``."""
        import tenacity

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(retry_on),
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            wait=lambda state: backoff_seconds(state.attempt_number - 1),
            before_sleep=self._log_retry,
            reraise=True,
        )
        socket: ClientConnection = await retrying(self._connect)
        self.connects += 1
        _logger.info("%s succeeded for %s (connection %d)", self.operation, self.channel.label, self.connects)
        return socket

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _logger.info(
            "%s failed for %s in attempt %d of %d (%s), next attempt in %.1f s",
            self.operation,
            self.channel.label,
            state.attempt_number,
            MAX_ATTEMPTS,
            type(error).__name__,
            state.upcoming_sleep,
        )

    async def _connect(self) -> ClientConnection:
        from websockets.exceptions import InvalidStatus, WebSocketException

        connect = _connect_class()
        url, endpoint, tls_context = await asyncio.to_thread(self._prepare)
        problem: KVSError | None = None
        try:
            socket = await connect(
                url.reveal(),
                ssl=tls_context,
                proxy=None if is_loopback(endpoint) else True,
                compression=None,
                max_size=MAX_FRAME_BYTES,
                logger=_library_logger,
                open_timeout=OPENING_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                user_agent_header=f"kvs-notebook/{__version__}",
            )
        except InvalidStatus as error:
            problem = self._refusal(error)
        except ImportError as error:
            problem = MissingExtra(
                f"{self.operation} was not sent: {error}. Run: pip install python-socks, or use another proxy."
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            reason = _reason(endpoint, error)
            advice = UNTRUSTED if is_certificate_error(error) and not self._is_local() else None
        else:
            _end_keepalive_if_lost(socket)
            return socket
        if problem is None:  # its hint may try to connect to a sandbox
            problem = await asyncio.to_thread(self._unreachable, reason, advice)
        raise problem  # outside of the handlers its traceback holds no frame with the signed URL

    def _prepare(self) -> tuple[Secret, str, ssl.SSLContext]:
        """Return a signed URL, its endpoint and the TLS settings; this makes the AWS calls, so it runs on a thread."""
        connection = self._connection
        if self._arn is None:
            self._arn = resolve_arn(self.channel, connection)
        endpoint = request_endpoint(self._arn, self._role, "WSS", connection)
        connection.rate_limiter.wait(self.operation, self.channel.label)
        url = presign_websocket_url(endpoint, self._arn, self._client_id, connection)
        return url, endpoint, connection.tls_context(endpoint)

    def _is_local(self) -> bool:
        """Return whether a sandbox of this machine is the service."""
        return self._connection.config.local_service is not None

    def _unreachable(self, reason: str, advice: str | None) -> EndpointUnreachable:
        """Return the error of an endpoint that cannot be used; without ``advice``, with that of the connection."""
        return EndpointUnreachable(
            f"{self.operation} failed for {self.channel.label}: {reason}. {advice or self._connection.unreachable_hint}",
            operation=self.operation,
        )

    def _refusal(self, error: InvalidStatus) -> KVSError:
        """Return the error of a connection that was refused before its upgrade."""
        response = error.response
        codes = response.headers.get_all("x-amzn-errortype")  # a proxy may add a second one
        code = codes[0].partition(":")[0] if codes else ""
        message = _message_of(bytes(response.body or b""))
        return from_code(
            code or CODE_BY_STATUS.get(response.status_code, f"HTTP {response.status_code}"),
            message,
            operation=self.operation,
            subject=self.channel.label,
            next_steps=NEXT_STEPS[self.operation],
        )


def _reason(endpoint: str, error: Exception) -> str:
    """Return why an endpoint cannot be used: it does not answer, or its certificate is not trusted."""
    if is_certificate_error(error):
        return f"the certificate of {endpoint} is not trusted ({error})"
    return f"{endpoint} did not answer ({type(error).__name__})"


def _message_of(body: bytes) -> str:
    """Return the message in the body of a refusal: ``message`` of failed authentication, ``Message`` of the service."""
    try:
        members = parse_json(body)
    except ValueError:
        return ""
    if not isinstance(members, dict):
        return ""
    texts = (text_member(members, name) for name in ("message", "Message"))
    return next(filter(None, texts), "")


@cache
def _connect_class() -> Callable[..., connect]:
    """Return the library's client, without its redirects: the signed URL is for the endpoint that was looked up.

    It reads nothing from a server that does not read: pongs for it would fill the memory.
    """
    from websockets.asyncio.client import ClientConnection, connect

    class BoundedConnection(ClientConnection):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.paused and not self.transport.is_closing():
                self.transport.pause_reading()

        def resume_writing(self) -> None:
            super().resume_writing()
            if not self.recv_messages.paused and not self.transport.is_closing():
                self.transport.resume_reading()

    class ConnectWithoutRedirects(connect):
        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    return partial(ConnectWithoutRedirects, create_connection=BoundedConnection)


def backoff_seconds(failures: int) -> float:
    """Return a random wait before the next attempt, up to a bound that doubles with each failure (full jitter)."""
    longest = min(FIRST_WAIT_SECONDS * 2**failures, LONGEST_WAIT_SECONDS)
    return random.uniform(0, longest)  # noqa: S311 - jitter, no secret


def _end_keepalive_if_lost(socket: ClientConnection) -> None:
    """End the pings of a connection that was lost during its handshake: the library starts them, and logs an ERROR later."""
    if socket.state.name == "CLOSED" and socket.keepalive_task is not None:
        socket.keepalive_task.cancel()


async def close_websocket(socket: ClientConnection) -> None:
    """Close a connection with the closing handshake, or at once if the caller is cancelled."""
    try:
        await socket.close()
    except asyncio.CancelledError:
        socket.transport.abort()
        raise


def require_websockets() -> None:
    """Raise MissingExtra if the extra ``signaling`` is not installed."""
    try:
        import websockets  # noqa: F401 - only whether it is installed
    except ImportError as error:
        raise MissingExtra(
            f"Signaling requires optional dependencies ({error}). Run: pip install 'kvs-notebook[signaling]'"
        ) from error
