"""Line: a WebSocket to a channel's endpoint, looked up, signed and opened, again where that is worth it."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
import time
from typing import TYPE_CHECKING

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.error_translation import from_code
from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.channels.reference import ChannelRef
from kvs_notebook.errors import EndpointUnreachable, KVSError, MissingExtra, Throttled
from kvs_notebook.secret import Secret
from kvs_notebook.signaling.endpoints import arn_of, endpoint_of
from kvs_notebook.signaling.presign import signed
from kvs_notebook.version import __version__

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import InvalidStatus

PING_SECONDS = 30.0
"""The service closes a connection after 10 minutes without traffic; a ping counts as traffic."""

OPENING_SECONDS = 10.0
ATTEMPTS = 8
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10.0

BRIEF_SECONDS = 10.0
"""A connection that ends sooner ended for a reason that may still be there: another peer in its place, for one."""

BY_STATUS = {
    400: "InvalidArgumentException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
}
"""What a refusal means where it carries no code."""

NEXT_STEPS: dict[type[KVSError], str] = {
    Throttled: "A channel admits 3 connects a second and 10 viewers at a time: connect again later, or close one that is not "
    "needed. A viewer whose line broke may keep its place for hours.",
}

_QUIET = logging.getLogger("kvs_notebook.signaling.websocket.websockets")
_QUIET.setLevel(logging.WARNING)  # below that the library logs the URL, which is a secret


class Line:
    """Connect to a channel in one role.

    Attributes
    ----------
    target
        The channel.
    connects
        How often it has connected.
    """

    def __init__(self, target: ChannelRef, role: str, client_id: str | None, connection: Connection) -> None:
        self.target = target
        self.connects = 0
        self._operation = "ConnectAsMaster" if role == "MASTER" else "ConnectAsViewer"
        self._role = role
        self._client_id = client_id
        self._connection = connection
        self._arn = target.channel_arn
        self._opened_at = 0.0
        self._brief = 0

    async def open(self, worth_another: tuple[type[KVSError], ...]) -> ClientConnection:
        """Connect, with up to 8 attempts where it fails as ``worth_another`` says, with waits that grow in between."""
        import tenacity

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(worth_another),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            reraise=True,
        )
        return await retrying(self._connect)

    async def reopen(self, worth_another: tuple[type[KVSError], ...]) -> ClientConnection:
        """Connect after a connection has ended, later and later after brief ones; after 8 brief ones in a row no more."""
        self._brief = self._brief + 1 if time.monotonic() - self._opened_at < BRIEF_SECONDS else 0
        if self._brief >= ATTEMPTS:
            raise EndpointUnreachable(
                f"{self._operation} succeeded for {self.target.label}, but {ATTEMPTS} connections in a row ended within "
                f"{BRIEF_SECONDS:g} s. Look whether another peer takes its place again and again, a second MASTER or a viewer "
                "of the same client id; then open it again.",
                operation=self._operation,
            )
        if self._brief > 1:  # the first is an accident
            longest = min(FIRST_WAIT_SECONDS * 2**self._brief, LONGEST_WAIT_SECONDS)
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - jitter, no secret
        return await self.open(worth_another)

    async def _connect(self) -> ClientConnection:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException

        url, endpoint, context = await asyncio.to_thread(self._prepare)
        try:
            socket = await connect(
                url.reveal(),
                ssl=context,
                proxy=None if is_loopback(endpoint) else True,
                compression=None,
                logger=_QUIET,
                open_timeout=OPENING_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                user_agent_header=f"kvs-notebook/{__version__}",
            )
        except InvalidStatus as error:
            problem = self._refusal(error)
        except ImportError as error:
            problem = MissingExtra(
                f"{self._operation} was not sent: {error}. pip install python-socks, or use another proxy."
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            problem = EndpointUnreachable(
                f"{self._operation} failed for {self.target.label}: {endpoint} did not answer ({type(error).__name__}). "
                f"{self._connection.unreachable_hint}",
                operation=self._operation,
            )
        else:
            self.connects += 1
            self._opened_at = time.monotonic()
            return socket
        raise problem  # out here its traceback holds no frame with the signed URL

    def _prepare(self) -> tuple[Secret, str, ssl.SSLContext]:
        """Do what takes AWS calls: the ARN once, the endpoint and the signature each time."""
        connection = self._connection
        if self._arn is None:
            self._arn = arn_of(self.target, connection)
        endpoint = endpoint_of(self._arn, self._role, "WSS", connection)
        connection.rate_limiter.wait(self._operation, self.target.label)
        return signed(endpoint, self._arn, self._client_id, connection), endpoint, connection.tls_context(endpoint)

    def _refusal(self, error: InvalidStatus) -> KVSError:
        """Give the error of a connection that was refused before its upgrade."""
        response = error.response
        code = response.headers.get("x-amzn-errortype", "").partition(":")[0]
        try:
            said = str(json.loads(response.body or b"{}").get("Message") or "")
        except (ValueError, AttributeError):
            said = ""
        return from_code(
            code or BY_STATUS.get(response.status_code, f"HTTP {response.status_code}"),
            said,
            operation=self._operation,
            subject=self.target.label,
            next_steps=NEXT_STEPS,
        )


async def hang_up(socket: ClientConnection) -> None:
    """Close a connection as both sides agree, or at once where the caller is cancelled meanwhile."""
    try:
        await socket.close()
    except asyncio.CancelledError:
        socket.transport.abort()
        raise
