"""Count the HTTP requests that botocore makes, and note those whose outcome was not seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SERVER_ERROR = 500


class AttemptTracker:
    """Watch the attempts of a connection's clients.

    Attributes
    ----------
    count
        HTTP requests so far, of all threads.
    """

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()
        self._thread = threading.local()

    def watch(self, client: Any) -> None:
        """Note each attempt of a client from now on."""
        client.meta.events.register_first("response-received.*", self.note)  # others raise

    def begin_call(self) -> None:
        """Reset :attr:`any_unseen` for a new call of this thread."""
        self._thread.unseen = False

    @property
    def any_unseen(self) -> bool:
        """Whether an attempt of this thread's call was sent without its outcome being seen: a lost reply, or a 5xx."""
        return bool(getattr(self._thread, "unseen", False))

    @contextmanager
    def of_another_call(self) -> Iterator[None]:
        """Keep :attr:`any_unseen` as it is through a block that makes a call as a part of this thread's call."""
        unseen = self.any_unseen
        try:
            yield
        finally:
            self._thread.unseen = unseen

    def note(self, response_dict: Mapping[str, Any] | None, exception: Exception | None, **_: Any) -> None:
        """Count an attempt of this thread's call, as botocore's event response-received reports it."""
        from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

        with self._lock:
            self.count += 1
        if response_dict is not None:
            unseen = response_dict["status_code"] >= SERVER_ERROR
        else:
            unseen = not isinstance(exception, (EndpointConnectionError, ConnectTimeoutError))
        if unseen:
            self._thread.unseen = True
