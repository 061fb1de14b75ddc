"""A MASTER by aiortc that sends a moving test picture to its viewers: a camera for scripts and CI."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import numpy as np
from aiortc import RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError
from av import VideoFrame

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.quotas import MAX_VIEWERS
from kvs_notebook.channels.reference import Channel, one_channel_ref
from kvs_notebook.errors import InvalidInput, KVSError
from kvs_notebook.formatting import format_count, format_value
from kvs_notebook.live.call_target import CallTarget
from kvs_notebook.live.codecs import check_codec
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.peer_connection import PeerConnection, find_ice_servers, new_peer_connection
from kvs_notebook.live.test_pattern import Pixels, TestPattern
from kvs_notebook.signaling.messages import Candidate, Offer

SMALLEST, LARGEST = 64, 1920
"""Pixels of a side: a bar code must be legible, and a frame drawn within the time of one."""

MOST_FRAMES_PER_SECOND = 60

_logger = logging.getLogger(__name__)


def serve_test_camera(
    channel: Channel,
    *,
    size: tuple[int, int] = (640, 360),
    fps: int = 15,
    codec: str | None = None,
    take_over: bool = False,
    connection: Connection | None = None,
) -> TestCamera:
    """Serve a moving test picture on a channel, as its MASTER.

    It is served inside ``async with``, for scripts and CI.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    size
        Width and height of the picture in pixels: even numbers from 64 to
        1,920.
    fps
        Frames per second, 1 to 60.
    codec
        ``"VP8"`` or ``"H264"``, which most real cameras send; None takes what
        the viewer prefers.
    take_over
        Required on a real account: all further messages go to the newest
        MASTER, and the one that was connected before, usually a camera, is not
        notified.
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    TestCamera
        An async context manager: ``camera.viewers``, ``await
        camera.wait_ended()``.

    Raises
    ------
    InvalidInput
        If the service would refuse the channel, or ``size``, ``fps`` or
        ``codec`` is not valid.
    ReadOnly
        On a real account, if ``take_over`` is not True.
    MissingExtra
        If the extra ``media`` is not installed.

    Notes
    -----
    Entering ``async with`` raises the errors of
    :func:`kvs_notebook.open_signaling`. Up to 10 viewers receive the picture,
    each over a connection of its own; if one fails, the others go on, and the
    failure is logged.

    Spends what open_signaling() does and, on a real account, one
    GetIceServerConfig call per viewer unless the servers of an earlier one are
    usable.

    Examples
    --------
    >>> import asyncio
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> async def look():
    ...     async with kvs.live.serve_test_camera(channel):
    ...         return await asyncio.to_thread(kvs.live.take_picture, channel)
    >>> asyncio.run(look()).size
    (640, 360)
    """
    connection = current_connection(connection)
    pattern, rate = TestPattern(*_check_size(size)), _check_rate(fps)
    check_codec(codec)
    target = CallTarget(one_channel_ref(channel, connection), "MASTER", None, take_over, connection)
    target.check()
    return TestCamera(target, FrameSource(pattern, rate), codec)


def _check_size(size: object) -> tuple[int, int]:
    match size:
        case (int(width), int(height)) if all(
            SMALLEST <= side <= LARGEST and side % 2 == 0 for side in (width, height)
        ):
            return width, height
    raise InvalidInput(
        f"size={format_value(size)} is not valid. Expected (width, height), even numbers from {SMALLEST} to {LARGEST}."
    )


def _check_rate(fps: object) -> int:
    if isinstance(fps, int) and 1 <= fps <= MOST_FRAMES_PER_SECOND:
        return fps
    raise InvalidInput(f"fps={format_value(fps)} is not valid. Expected a number from 1 to {MOST_FRAMES_PER_SECOND}.")


class FrameSource:
    """The frames of a test camera by time: all viewers see the same one, which is drawn once."""

    def __init__(self, pattern: TestPattern, fps: int) -> None:
        self.fps = fps
        self._pattern = pattern
        self._began = time.monotonic()
        self._last: tuple[int, Pixels] | None = None

    async def next_after(self, number: int) -> int:
        """Return the number of the current frame, or of the next one if ``number`` is the current one, when its time has come."""
        elapsed = time.monotonic() - self._began
        if int(elapsed * self.fps) > number:
            return int(elapsed * self.fps)
        await asyncio.sleep((number + 1) / self.fps - elapsed)
        return number + 1

    def draw(self, number: int) -> Pixels:
        """Return the pixels of a frame."""
        if self._last is None or self._last[0] != number:
            self._last = number, self._pattern.draw(number)
        return self._last[1]


class TestPictureTrack(VideoStreamTrack):
    """The frames of a source, for one viewer."""

    __test__ = False  # not a class of tests

    def __init__(self, source: FrameSource) -> None:
        super().__init__()
        self._source = source
        self._number = -1

    async def recv(self) -> VideoFrame:
        """Return the next frame when its time has come."""
        if self.readyState != "live":
            raise MediaStreamError
        self._number = await self._source.next_after(self._number)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(self._source.draw(self._number)), format="rgb24")
        frame.pts, frame.time_base = self._number * VIDEO_CLOCK_RATE // self._source.fps, VIDEO_TIME_BASE
        return frame


class _Viewer:
    """The connection to one viewer."""

    def __init__(self, peer: PeerConnection, track: VideoStreamTrack, codec: str | None) -> None:
        self.peer = peer
        self._track = track
        self._described = asyncio.Event()
        self._closed = False
        sender = peer.addTransceiver(track, direction="sendonly")
        if codec is not None:
            known = RTCRtpSender.getCapabilities("video").codecs
            sender.setCodecPreferences([each for each in known if each.mimeType == f"video/{codec}"])

    async def answer(self, offer: Offer) -> str:
        """Return the answer to an offer, with all candidates of this side."""
        await self.peer.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        self._described.set()
        await self.peer.setLocalDescription()
        sdp: str = self.peer.localDescription.sdp
        return sdp

    async def add(self, candidate: Candidate) -> None:
        """Use a candidate of the viewer, once its offer is known."""
        await self._described.wait()
        if not self._closed:
            await self.peer.add_candidate(candidate)

    async def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self._described.set()  # candidates that wait for it are not used
        self._track.stop()
        await self.peer.close()


class TestCamera:
    """A MASTER that sends a test picture, connected while inside ``async with``; created by serve_test_camera()."""

    __test__ = False  # not a class of tests

    def __init__(self, target: CallTarget, source: FrameSource, codec: str | None) -> None:
        self._target = target
        self._source = source
        self._codec = codec
        self._viewers: dict[str, _Viewer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<TestCamera on {self._target.channel_name}: {format_count(len(self.viewers), 'viewer')}>"

    @property
    def viewers(self) -> list[str]:
        """The client ids of the viewers that are connected."""
        return [name for name, viewer in self._viewers.items() if viewer.peer.connectionState == "connected"]

    async def __aenter__(self) -> Self:
        arn = await self._target.arn()
        self._client = await asyncio.to_thread(self._target.new_client, arn)  # it may ask STS for the account
        await self._client.open()
        self._serving = asyncio.create_task(self._serve(arn))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._serving.cancel()
            await asyncio.wait([self._serving])
        finally:
            viewers, self._viewers = self._viewers, {}
            await asyncio.gather(self._client.close(), *(viewer.close() for viewer in viewers.values()))
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks)
        if error is None and not self._serving.cancelled():
            self._serving.result()  # raises what ended it before

    async def wait_ended(self) -> None:
        """Wait until signaling ends, and raise the error that ended it: for a program that serves until it is interrupted."""
        await asyncio.shield(self._serving)

    async def _serve(self, arn: str) -> None:
        """Answer offers and pass on candidates, in their order, until signaling ends."""
        refused: KVSError | None = None
        while True:
            try:
                message = await anext(self._client)
            except StopAsyncIteration:
                if refused is not None:
                    raise refused from None
                return
            except KVSError as error:  # of one message, or the last thing before the end
                refused = error
                self._log("%s", error)
                continue
            match message:
                case Offer(sender_client_id=str(client_id)):
                    await self._take_viewer(client_id, message, arn)
                case Candidate(sender_client_id=str(client_id)) if client_id in self._viewers:
                    self._start(self._viewers[client_id].add(message), client_id)
                case _:
                    self._log("a message was ignored: %s", type(message).__name__)

    async def _take_viewer(self, client_id: str, offer: Offer, arn: str) -> None:
        """Start to answer an offer, over a new connection also if the viewer has one."""
        try:
            servers = await find_ice_servers(self._target, arn)
        except KVSError as error:
            self._log("viewer %s was not answered: %s", client_id, error)
            return
        if client_id in self._viewers:
            self._drop(client_id)
        elif len(self._viewers) == MAX_VIEWERS:
            self._drop(self._oldest())  # the service has let another one in, so one has left
        viewer = _Viewer(new_peer_connection(servers), TestPictureTrack(self._source), self._codec)
        self._viewers[client_id] = viewer

        def follow_state() -> None:
            if viewer.peer.connectionState in {"failed", "closed"} and self._viewers.get(client_id) is viewer:
                self._drop(client_id)

        viewer.peer.on("connectionstatechange", follow_state)
        self._start(self._answer(client_id, viewer, offer), client_id)

    def _oldest(self) -> str:
        """Return the viewer that has called first, of those that are not connected if there are some."""
        connected = {*self.viewers}
        return next((name for name in self._viewers if name not in connected), next(iter(self._viewers)))

    async def _answer(self, client_id: str, viewer: _Viewer, offer: Offer) -> None:
        """Answer an offer; one that cannot be answered keeps no place."""
        try:
            sdp = await viewer.answer(offer)
            await self._client.send_answer(sdp, recipient_client_id=client_id)
        except Exception:
            if self._viewers.get(client_id) is viewer:
                self._drop(client_id)
            raise

    def _drop(self, client_id: str) -> None:
        self._start(self._viewers.pop(client_id).close(), client_id)

    def _start(self, work: Coroutine[Any, Any, None], client_id: str) -> None:
        """Run work for a viewer; its failure is logged, and ends neither the camera nor another viewer."""

        async def run_guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                return
            except Exception as error:  # noqa: BLE001 - a viewer may send anything
                self._log("viewer %s: %s", client_id, f"{type(error).__name__}: {error}")

        task = asyncio.create_task(run_guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _log(self, what: str, *values: object) -> None:
        _logger.warning("%s: " + what, self._target.channel_name, *map(safe_line, values))  # noqa: G003 - the texts are of this module
