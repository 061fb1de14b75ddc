"""Transport of a TLS connection that can be used after it has closed."""

from __future__ import annotations

import asyncio
from typing import Any


class TlsTransport:
    """Close a TLS connection once, however often it is asked to.

    asyncio's transport forgets its connection when it is closed a second time, as uvicorn closes one that is lost. After
    that, each write and each pause of reading raises an AttributeError, where the transport of a TCP connection does nothing.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Close the connection, unless it is closing or lost already."""
        if not self._transport.is_closing():
            self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
