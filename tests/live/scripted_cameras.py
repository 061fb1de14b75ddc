"""Cameras by aiortc that misbehave in one way each, and what a test asks about a call."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from fractions import Fraction
from typing import Any, ClassVar

import av
import pandas as pd
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook.live.peer_connection import new_peer_connection
from kvs_notebook.live.picture_call import PictureCall
from kvs_notebook.live.test_camera import FrameSource, TestPictureTrack
from kvs_notebook.live.test_pattern import TestPattern
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.messages import Offer
from tests.signaling.event_loop import run_bounded, wait_until

Script = Callable[[SignalingClient, Offer, RTCPeerConnection], Awaitable[None]]

SIZE, FPS = (160, 96), 30
"""Small and quick: most of the time of a picture would be the camera's encoder."""


async def look(channel: Any, **arguments: Any) -> Image.Image:
    """Take a picture as a script does, while the camera of the test runs on this loop."""
    return await asyncio.to_thread(kvs.live.take_picture, channel, **arguments)


class WatchedCall(PictureCall):
    """A call of take_picture() whose time a test can end, in place of waiting until it is over."""

    calls: ClassVar[list[WatchedCall]] = []

    async def picture(self, timeout: float) -> Image.Image:  # noqa: ASYNC109
        """Take the picture as usual."""
        self._loop = asyncio.get_running_loop()
        self.calls.append(self)
        return await super().picture(timeout)

    def end_time(self) -> None:
        """End the call's time now."""
        self._loop.call_soon_threadsafe(lambda: self._limit.reschedule(self._loop.time()))


async def wait_call(stage: str) -> WatchedCall:
    """Return the newest call when it has reached a stage."""
    await wait_until(lambda: WatchedCall.calls and WatchedCall.calls[-1].stage == stage)
    return WatchedCall.calls[-1]


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """Return the result of a coroutine; fail if it leaves a task behind: those of aiortc end within 20 ms."""

    async def run_to_end() -> Any:
        result = await main()
        await wait_until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        return result

    return run_bounded(run_to_end)


def clients_of(sandbox: kvs.Sandbox, name: str = "front-door") -> int:
    """Return how many clients are connected to a channel."""
    return sandbox.send_notice(name, "RECONNECT_ICE_SERVER")


def moving_track() -> VideoStreamTrack:
    """Return a track with the test picture."""
    return TestPictureTrack(FrameSource(TestPattern(*SIZE), FPS))


class SilentTrack(VideoStreamTrack):
    """A track whose first frame never comes."""

    async def recv(self) -> Any:
        """Wait forever."""
        await asyncio.Event().wait()


@asynccontextmanager
async def scripted_camera(channel: pd.DataFrame, script: Script) -> AsyncIterator[SignalingClient]:
    """Yield a MASTER that runs a script for each offer, on a connection over loopback."""
    peers: list[RTCPeerConnection] = []

    async def serve(client: SignalingClient) -> None:
        async for message in client:
            if isinstance(message, Offer):
                peers.append(new_peer_connection(None))
                await script(client, message, peers[-1])

    async with kvs.open_signaling(channel, role="MASTER") as client:
        serving = asyncio.create_task(serve(client))
        try:
            yield client
        finally:
            serving.cancel()
            done, _ = await asyncio.wait([serving])
            await asyncio.gather(*(peer.close() for peer in peers))
        if not serving.cancelled():
            done.pop().result()


async def describe(offer: Offer, peer: RTCPeerConnection, track: VideoStreamTrack) -> str:
    """Return the answer to an offer."""
    await peer.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
    peer.addTrack(track)
    await peer.setLocalDescription()
    sdp: str = peer.localDescription.sdp
    return sdp


def without_candidates(sdp: str) -> tuple[str, list[str]]:
    """Return a description without its candidates and its end of candidates, and those candidates."""
    return re.sub(r"a=(?:candidate|end-of-candidates).*\r\n", "", sdp), re.findall(r"a=(candidate.*)\r\n", sdp)


@contextmanager
def cameras_in_background(channels: Iterable[Any], connection: kvs.Connection) -> Iterator[None]:
    """Serve test cameras on a loop of a thread, for code that blocks."""
    ready, stopped = threading.Event(), threading.Event()

    async def serve() -> None:
        async with AsyncExitStack() as cameras:
            for channel in channels:
                camera = kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS, connection=connection)
                await cameras.enter_async_context(camera)
            ready.set()
            await asyncio.to_thread(stopped.wait)

    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(asyncio.run, serve())
        try:
            while not ready.wait(0.01):
                assert not serving.done(), serving.exception()
            yield
        finally:
            stopped.set()
            serving.result(30)


class JoinedStream(VideoStreamTrack):
    """Encoded test pictures of a camera that serves others already: those that come first need an earlier one."""

    FIRST, KEY_FRAME, LAST = 3, 20, 60

    def __init__(self, codec: str, options: dict[str, str]) -> None:
        super().__init__()
        encoder = av.CodecContext.create(codec, "w")
        encoder.width, encoder.height = SIZE
        encoder.pix_fmt, encoder.time_base, encoder.gop_size = "yuv420p", Fraction(1, FPS), self.KEY_FRAME
        encoder.options = options
        pattern, packets = TestPattern(*SIZE), []
        for number in range(self.LAST):
            frame = av.VideoFrame.from_ndarray(pattern.draw(number), format="rgb24")
            frame.pts = number
            packets += encoder.encode(frame)
        assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == [0, 20, 40]
        self._packets = iter(packets[self.FIRST :])

    async def recv(self) -> av.Packet:
        """Return the next packet when its time has come."""
        await self.next_timestamp()
        return next(self._packets)
