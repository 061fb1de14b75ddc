"""The widget that shows live video: the page carries the media, this class the signaling."""

from __future__ import annotations

import asyncio
import contextvars
import io
import logging
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import pandas as pd
import traitlets

from kvs_notebook.errors import InvalidInput, NoVideo
from kvs_notebook.live.call_target import CallTarget
from kvs_notebook.live.camera_session import CameraSession
from kvs_notebook.live.client_ids import client_ids
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.media_loop import CLOSING_SECONDS, media_loop
from kvs_notebook.live.page_messages import Hello, Picture, Start, Stop, parse_page_message
from kvs_notebook.live.session import Session, Timeouts
from kvs_notebook.live.stages import Stage
from kvs_notebook.live.statistics import statistics_frame
from kvs_notebook.live.timeline import Timeline
from kvs_notebook.live.viewer_session import ViewerSession
from kvs_notebook.signaling.client import SignalingClient

if TYPE_CHECKING:
    from PIL.Image import Image

FOLDER = Path(__file__).parent

PICTURE_SECONDS = 5.0
"""How long a page may take to return a picture."""

NOT_SHOWN = "Not started: display this in a cell, the browser carries the video."

_logger = logging.getLogger(__name__)


class LiveView(anywidget.AnyWidget):  # type: ignore[misc]
    """A viewer or a camera in a notebook, returned by kvs.live.viewer() and kvs.live.camera().

    The page that shows it and presses Start, or that shows it first after :meth:`start`, has the call. Other pages show its
    state, and take the call over if their user presses Start.
    """

    _esm = FOLDER / "page.js"
    _css = FOLDER / "page.css"
    _settings = traitlets.Dict().tag(sync=True)
    _session: Session | None = None  # read by close(), which ipywidgets also calls if creating a widget has failed

    def __init__(
        self,
        new_target: Callable[[str | None], CallTarget],
        client_id: str | None,
        settings: Mapping[str, Any],
        timeouts: Timeouts,
        *,
        autoplay: bool,
    ) -> None:
        target = new_target(client_id)
        super().__init__(_settings={**settings, "channel": target.channel_name})
        self._new_target = new_target
        self._client = target.idle_client()
        self._client_id = client_id
        self._role = target.role
        self._channel_name = target.channel_name
        self._timeouts = timeouts
        self._timeline = Timeline()
        self._status = NOT_SHOWN if autoplay else "Stopped."
        self._invitation = secrets.token_hex(8) if autoplay else ""
        self._pictures: dict[str, Future[bytes]] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None
        self._context = contextvars.copy_context()
        self._loop = media_loop()
        self.on_msg(lambda _, content, buffers: self._loop.submit(self._take, content, buffers))

    def __repr__(self) -> str:
        return f"<LiveView: {'camera' if self._role == 'MASTER' else 'viewer'} of {self._channel_name}, {self.state}>"

    # --- what users call

    def start(self) -> None:
        """Ask the page that shows the view to start; return at once."""
        self._loop.submit(self._invite)

    def stop(self) -> None:
        """Stop, and wait until the place on the channel is free."""
        self._loop.run(self._end_session(), CLOSING_SECONDS)

    @property
    def state(self) -> Stage:
        """The stage: stopped, looking_up, waiting, negotiating, connected, playing, stalled, failed or taken_over."""
        return self._timeline.stage

    @property
    def status(self) -> str:
        """The sentence that the page shows: what happens, or why there is no video."""
        return self._session.status if self._session else self._status

    @property
    def stats(self) -> pd.DataFrame:
        """The newest statistics, at most 5 s old: one row for each peer that is connected.

        Columns: client_id (str, the viewer; missing for the camera), codec (str), width, height (Int64, pixels),
        frames_per_second (float64), bits_per_second (Int64), round_trip_seconds (float64), packets_lost (Int64),
        local_candidate, remote_candidate (str: host, srflx, prflx or relay), protocol (str: udp or tcp).
        """
        return statistics_frame(self._session.rows if self._session else [])

    @property
    def timeline(self) -> pd.DataFrame:
        """The phases since the last start, oldest first.

        Columns: phase (str, a stage), began (datetime64[ms, UTC]), seconds (float64: how long it lasted, or has lasted so far;
        missing for stopped, failed and taken_over).
        """
        return self._timeline.to_frame()

    @property
    def client(self) -> SignalingClient:
        """The client of the newest call: ``kvs.diagrams.conversation(camera.client, viewer.client)`` draws its messages."""
        return self._session.client if self._session else self._client

    def snapshot(self) -> Image:
        """Return the current picture as a PIL image, in the size in which it was sent.

        Raises
        ------
        InvalidInput
            If no video is playing.
        NoVideo
            If the page returns no picture within 5 s, for instance because ipykernel 6 processes its reply after the cell, or one
            that is not an image.
        """
        if self.state not in {"playing", "stalled"}:
            raise InvalidInput(
                f"There is no picture of {self._channel_name}: it is {self.state}. Start it, and wait until it plays."
            )
        future: Future[bytes] = Future()
        self._loop.submit(self._ask_for_picture, future)
        try:
            content = future.result(PICTURE_SECONDS)
        except TimeoutError:
            error = NoVideo(
                f"The page returned no picture of {self._channel_name} within {PICTURE_SECONDS:g} s. Show the page, or take the "
                "picture in a cell of its own."
            )
            error.stage = self.state
            raise error from None
        return self._decode(content)

    def _decode(self, content: bytes) -> Image:
        """Return the image in a file of the page; raise NoVideo if it is not one."""
        from PIL import Image

        try:
            image = Image.open(io.BytesIO(content), formats=["PNG"])
            image.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            problem = NoVideo(
                f"The page returned a picture of {self._channel_name} that cannot be read ({type(error).__name__}). Reload the "
                "page, start again, and take the picture again."
            )
            problem.stage = self.state
            raise problem from error
        return image

    def close(self) -> None:
        """Stop, and remove the widget from all pages."""
        if self._session is not None:
            self.stop()
        super().close()

    # --- on the media loop

    def _send_to_pages(self, kind: str, **members: object) -> None:
        """Send to all pages, as a reply to the last message of one: another thread's context does not know the kernel."""
        self._context.copy().run(self.send, {"kind": kind, **members})

    def _take(self, content: object, buffers: list[memoryview]) -> None:
        """Process a message of a page."""
        self._context = contextvars.copy_context()
        try:
            message = parse_page_message(content, buffers)
        except InvalidInput as error:
            _logger.warning("%s: ignored a message of the page (%s)", self._channel_name, safe_line(error))
            return
        session = self._session
        match message:
            case Hello():
                self._greet()
            case Start():
                self._start_call(message)
            case Picture():
                self._take_picture(message)
            case _ if session is None or session.call != message.call:
                _logger.debug("%s: ignored a message of an earlier call", self._channel_name)
            case Stop():
                session.end("stopped")
            case _:
                session.take(message)

    def _greet(self) -> None:
        """Send the current state to a page that has just shown the view; invite it to start if start() was called before."""
        if self._invitation:
            self._send_to_pages("invite", invitation=self._invitation)
        else:
            call = self._session.call if self._session else ""
            self._send_to_pages("state", call=call, state=self.state, sentence=self.status)

    def _invite(self) -> None:
        self._invitation = secrets.token_hex(8)
        self._status = NOT_SHOWN
        self._send_to_pages("invite", invitation=self._invitation)

    def _start_call(self, start: Start) -> None:
        """Start a call for a page; of several pages that follow one invitation the first one gets it."""
        if start.invitation is not None and start.invitation != self._invitation:
            return
        self._invitation = ""
        task = asyncio.get_running_loop().create_task(self._run_session(start.call))
        self._starting.add(task)  # the loop itself keeps only weak references to tasks
        task.add_done_callback(self._starting.discard)

    async def _run_session(self, call: str) -> None:
        """End the call before, and run this one."""
        await self._end_session()
        self._running = asyncio.current_task()
        client_id = self._client_id
        if client_id is None and self._role == "VIEWER":
            client_id = client_ids.take(self._channel_name)
        session_class = CameraSession if self._role == "MASTER" else ViewerSession
        self._timeline.clear()
        target = self._new_target(client_id)
        session = session_class(
            call, target, self._client, self._send_to_pages, timeline=self._timeline, timeouts=self._timeouts
        )
        self._session = session
        self._loop.close_at_exit(self._end_session)
        try:
            await session.run()
        finally:
            self._session, self._status, self._client = None, session.status, session.client
            self._loop.forget(self._end_session)
            if client_id is not None and self._client_id is None:
                client_ids.release(self._channel_name, client_id)

    async def _end_session(self) -> None:
        """End the call, and wait until its place on the channel is free."""
        while self._session is not None and self._running is not None:
            self._session.end("stopped")
            await asyncio.wait([self._running])

    def _ask_for_picture(self, future: Future[bytes]) -> None:
        request = secrets.token_hex(8)
        self._pictures = {name: other for name, other in self._pictures.items() if not other.done()} | {request: future}
        self._send_to_pages("snapshot", call=self._session.call if self._session else "", request=request)

    def _take_picture(self, picture: Picture) -> None:
        future = self._pictures.pop(picture.request, None)
        if future is None or future.done():
            return
        if picture.image:
            future.set_result(picture.image)
        else:
            error = NoVideo(
                f"The page has no picture of {self._channel_name}: {picture.reason or 'it gave no reason'}."
            )
            error.stage = self.state
            future.set_exception(error)
