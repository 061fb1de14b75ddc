"""One call: a signaling client, the page that carries the media, and the timers between them; all of it on the media loop."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from kvs_notebook.errors import KVSError, NoVideo, to_kvs_error
from kvs_notebook.formatting import MAX_LENGTH
from kvs_notebook.live.call_target import CallTarget
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.page_messages import Beat, PageMessage, PageReport
from kvs_notebook.live.stages import SIGNALING, Stage, no_video, service_lost_sentence
from kvs_notebook.live.timeline import Timeline
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.messages import Message

T = TypeVar("T")

CLEAN_CLOSE = (1000, 1001)
"""Codes with which a service ends a connection on purpose."""

LIFETIME_SECONDS = 40 * 60.0
"""A connection that lasted this long may have reached its maximum duration: 45 minutes, one or two hours were observed."""

_logger = logging.getLogger(__name__)


class TakenOver(KVSError):
    """The service ended a connection on purpose, long before its maximum duration: probably another client has its place."""


class SendToPage(Protocol):
    """Sends messages to the pages that show the widget."""

    def __call__(self, kind: str, **members: object) -> None:
        """Send a message of this kind."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which a call fails.

    Attributes
    ----------
    answer
        From the offer to the answer.
    connect
        From the answer to the connection.
    picture
        From the connection to the first picture.
    beat
        From one message of the page to the next one, which sends one every 5 s.
    """

    answer: float = 15.0
    connect: float = 15.0
    picture: float = 15.0
    beat: float = 20.0

    def of(self, stage: Stage) -> float | None:
        """Return how long a stage may last, None if it has no limit."""
        limits: dict[Stage, float] = {"waiting": self.answer, "negotiating": self.connect, "connected": self.picture}
        return limits.get(stage)


class Ending(NamedTuple):
    """How a call ended: its last stage, and what the user reads about it."""

    stage: Stage
    reason: str


class Session(ABC):
    """A call from its start to its end.

    Parameters
    ----------
    call
        Its id, which every message to and from the page carries.
    target
        The channel, role and client id of the call.
    client
        A signaling client that is not connected; it is replaced by that of the call.
    send
        Sends to the pages.
    timeline
        Receives the phases.
    timeouts
        When the call fails.

    Attributes
    ----------
    status
        The sentence that the user reads.
    rows
        The newest statistics of the page.
    client
        The signaling client, of the call from the moment when the channel is known.
    """

    sentences: ClassVar[Mapping[Stage, str]]
    closed_sentence: ClassVar[str]
    """What the user reads if the service closes the connection on purpose; it does not say why."""

    def __init__(
        self,
        call: str,
        target: CallTarget,
        client: SignalingClient,
        send: SendToPage,
        *,
        timeline: Timeline,
        timeouts: Timeouts,
    ) -> None:
        self.call = call
        self.client = client
        self.status = self.sentences["stopped"]
        self.rows: list[Mapping[str, Any]] = []
        self._target = target
        self._name = target.channel_name
        self._send = partial(send, call=call)
        self._timeline = timeline
        self._timeouts = timeouts
        self._ended = asyncio.Event()
        self._ending = Ending("stopped", "")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._outgoing: asyncio.Queue[Callable[[], Awaitable[object]]] = asyncio.Queue()
        self._stage_timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None

    # --- from the start to the end

    async def run(self) -> None:
        """Run the call until end() is called, by this class or by another."""
        self._await_beat()
        self.enter("looking_up")
        self._start(self._work())
        await self._ended.wait()
        await self._close()

    def end(self, stage: Stage, reason: str = "") -> None:
        """End the call in this stage, unless it has ended already."""
        if not self._ended.is_set():
            self._ending = Ending(stage, reason)
            self._ended.set()

    async def _work(self) -> None:
        arn = await self._target.arn()
        self.client = await asyncio.to_thread(self._target.new_client, arn)
        self.client.before_reconnect = _check_displaced
        await self._open(arn)
        self._start(self._send_outgoing())
        await self._receive_messages()

    async def _close(self) -> None:
        """Send the last state to the page, and close the signaling client."""
        for timer in (self._stage_timer, self._beat_timer):
            if timer is not None:
                timer.cancel()
        self.enter(*self._ending)
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.close()

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine until the call ends; the call ends if it raises an error."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._check_task)
        return task

    def _check_task(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, TakenOver):
            _logger.warning("%s: %s", self._name, safe_line(error))
            self.end("taken_over", self.closed_sentence)
        elif error is not None:
            self.end("failed", _describe(error))

    @abstractmethod
    async def _open(self, arn: str) -> None:
        """Connect, and tell the page what it needs to begin."""

    def enter(self, stage: Stage, reason: str = "") -> None:
        """Begin a stage, or change its sentence; tell the page."""
        status = safe_line(reason) or self.sentences[stage]
        if not self._timeline.enter(stage) and status == self.status:
            return
        self.status = status
        if self._stage_timer is not None:
            self._stage_timer.cancel()
        seconds = self._limit(stage)
        if seconds is not None:
            self._stage_timer = asyncio.get_running_loop().call_later(seconds, self._end_late, stage, seconds)
        _logger.info("%s: %s", self._name, stage)
        self._send("state", state=stage, sentence=status)

    @abstractmethod
    def _limit(self, stage: Stage) -> float | None:
        """Return how long a stage may last, in seconds; None if it has no limit."""

    def _end_late(self, stage: Stage, seconds: float) -> None:
        lost = stage in SIGNALING and not self.client.connected
        self.end("failed", service_lost_sentence(seconds) if lost else str(no_video(stage, self._name, seconds)))

    # --- the page

    def take(self, message: PageMessage) -> None:
        """Process a message of the page that has this call."""
        self._await_beat()
        match message:
            case Beat(rows=rows):
                self.rows = [*rows]
            case PageReport(state="failed", reason=reason):
                self.end("failed", reason or self.sentences["failed"])
            case PageReport():
                self._take_report(message)
            case _:
                self._take_media_message(message)

    def _await_beat(self) -> None:
        """End the call if the page sends nothing for a while: it was closed, or its computer sleeps."""
        if self._beat_timer is not None:
            self._beat_timer.cancel()
        seconds = self._timeouts.beat
        gone = f"Stopped: the page did not report for {seconds:g} s. Open it again and press Start."
        self._beat_timer = asyncio.get_running_loop().call_later(seconds, self.end, "stopped", gone)

    @abstractmethod
    def _take_report(self, report: PageReport) -> None:
        """Process how the page's connection to a peer goes."""

    @abstractmethod
    def _take_media_message(self, message: PageMessage) -> None:
        """Process a description or a candidate of the page."""

    # --- the channel

    def _queue(self, send: Callable[[], Awaitable[object]]) -> None:
        """Send to the channel, in order: the client waits for the service's rate limits."""
        self._outgoing.put_nowait(send)

    async def _send_outgoing(self) -> None:
        while True:
            send = await self._outgoing.get()
            await send()

    async def _receive_messages(self) -> None:
        """Process messages until the client gives up; a refusal of one message ends the call only if it cannot go on without."""
        failure: KVSError | None = None
        while True:
            try:
                message = await anext(self.client)
            except StopAsyncIteration:
                raise failure or NoVideo(f"Signaling with {self._name} ended. Start again.") from failure
            except KVSError as error:
                failure = error
                self._receive_refusal(error)
            else:
                await self._receive(message)

    def _receive_refusal(self, error: KVSError) -> None:
        _logger.warning("%s: %s was refused (%s)", self._name, error.operation, safe_line(error.code, MAX_LENGTH))

    @abstractmethod
    async def _receive(self, message: Message) -> None:
        """Process a message of the remote peer."""


def _check_displaced(close_code: int | None, seconds: float) -> None:
    """Raise TakenOver if the service ended a connection on purpose, so that two clients do not displace each other in turns."""
    if close_code in CLEAN_CLOSE and seconds < LIFETIME_SECONDS:
        raise TakenOver(f"The service closed the connection with code {close_code} after {seconds:.0f} s.")


def _describe(error: BaseException) -> str:
    """Return what the user reads about an error; one that is not ours is a bug, and is logged with its traceback."""
    if not isinstance(error, KVSError):
        _logger.error("Live video failed", exc_info=error)
    return str(to_kvs_error(error))
