"""The poller of a console: it lists the channels when it is asked to, and while one of them is in transition."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pandas as pd

from kvs_notebook.errors import EndpointUnreachable, ServiceFault, Throttled
from kvs_notebook.forms.executor import ContextExecutor

SECONDS_BETWEEN_LISTS = 1.0
STUCK_AFTER_SECONDS = 300.0
"""A transition takes seconds: after five minutes without any change, the poller stops until the next request."""

TRANSITIONAL_STATUSES = ("CREATING", "UPDATING", "DELETING")

TRANSIENT_ERRORS = (Throttled, ServiceFault, EndpointUnreachable)
"""Errors after which a listing may succeed a second later: the poller goes on."""


def count_in_transition(frame: pd.DataFrame) -> int:
    """Return the number of channels that are in transition."""
    return int(frame["channel_status"].isin(TRANSITIONAL_STATUSES).sum())


class ChannelPoller:
    """List channels on another thread, at most once a second, until none is in transition.

    Attributes
    ----------
    future
        The future of the listing that was requested last.
    """

    def __init__(
        self,
        list_channels: Callable[[], pd.DataFrame],
        report_failure: Callable[[Exception], None],
        executor: ContextExecutor,
    ) -> None:
        self.future: Future[pd.DataFrame] = Future()
        self._list_channels = list_channels
        self._report_failure = report_failure
        self._executor = executor
        self._requested: Future[pd.DataFrame] | None = None
        self._is_running = False
        self._is_closed = False
        self._pause = threading.Event()
        self._last_start = -SECONDS_BETWEEN_LISTS
        # A request must not come between the moment when the thread finds none and the one when it ends.
        self._lock = threading.Lock()

    @property
    def paused(self) -> bool:
        """True from pause() until the next request."""
        return self._pause.is_set()

    def request(self) -> Future[pd.DataFrame]:
        """Return the future of a listing that starts after now; requests made before it starts share it."""
        with self._lock:
            if self._is_closed:
                self.future = Future()
                self.future.cancel()
                return self.future
            self._pause.clear()
            if self._requested is None:
                self._requested = self.future = Future()
            if not self._is_running:
                self._is_running = True
                self._executor.submit(self._poll)
            return self._requested

    def pause(self) -> None:
        """Stop listing until the next request."""
        self._pause.set()

    def close(self) -> None:
        """Stop listing for good."""
        with self._lock:
            self._is_closed = True
        self.pause()

    def _poll(self) -> None:
        changed_at, previous, in_transition = time.monotonic(), None, False
        while True:
            self._pause.wait(max(0.0, self._last_start + SECONDS_BETWEEN_LISTS - time.monotonic()))
            with self._lock:
                requested, self._requested = self._requested, None
                if requested is None and (not in_transition or self._pause.is_set()):
                    self._is_running = False
                    return
            self._last_start = time.monotonic()
            try:
                frame = self._list_for(requested)
            except Exception as error:  # noqa: BLE001 - the console shows it, and it is the future's exception
                in_transition &= isinstance(error, TRANSIENT_ERRORS)
            else:
                if previous is None or not frame.equals(previous):
                    changed_at, previous = time.monotonic(), frame
                in_transition = count_in_transition(frame) > 0
            in_transition &= time.monotonic() - changed_at < STUCK_AFTER_SECONDS

    def _list_for(self, requested: Future[pd.DataFrame] | None) -> pd.DataFrame:
        try:
            frame = self._list_channels()
        except Exception as error:
            self._report_failure(error)
            if requested is not None:
                requested.set_exception(error)
            raise
        if requested is not None:
            requested.set_result(frame)
        return frame
