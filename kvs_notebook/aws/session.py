"""Session: boto3 sessions that threads may use together, and that share what botocore has read of its services."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3


class SharedSession:
    """Hold a boto3 session, opened at first use, for every connection made of it: it is not safe for threads, so it is locked."""

    def __init__(self, session: boto3.Session | Callable[[], boto3.Session]) -> None:
        self._session = session
        self._lock = threading.RLock()

    def opened(self) -> boto3.Session:
        """Give the session."""
        with self._lock:
            if callable(self._session):
                self._session = self._session()
            return self._session

    def client(self, service_name: str, **options: Any) -> Any:
        """Make a client."""
        with self._lock:
            return self.opened().client(service_name, **options)  # type: ignore[call-overload]
