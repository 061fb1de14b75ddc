"""One call of a camera by aiortc, as a viewer, which ends with the first whole picture."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from PIL import Image

from kvs_notebook.errors import NoVideo
from kvs_notebook.live.call_target import CallTarget
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.peer_connection import IceServers, PeerConnection, find_ice_servers, new_peer_connection
from kvs_notebook.live.stages import SIGNALING, Stage, no_video, service_lost
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.messages import Answer, Candidate, Message, Unknown

CLOSING_SECONDS = 5.0
"""How long closing a call may take."""

MOST_PIXELS = 50_000_000
"""Of a picture: a camera of 8K sends 33 million. The largest that a codec allows would take 800 MB for each of several calls."""

MOST_OF_REASON = 200
"""Characters of a parser's error that a message shows: it may quote any part of a description."""

_logger = logging.getLogger(__name__)


class PictureCall:
    """A viewer that calls a camera once.

    Parameters
    ----------
    target
        The channel, and the client id on it.

    Attributes
    ----------
    stage
        The last stage that was reached.
    channel_arn
        The ARN of the channel, None until it is known.
    """

    def __init__(self, target: CallTarget) -> None:
        self.stage: Stage = "looking_up"
        self.channel_arn = target.channel.channel_arn
        self._target = target
        self._lost_service = False

    async def picture(self, timeout: float) -> Image.Image:  # noqa: ASYNC109 - the caller's, told in the error
        """Return the first whole picture; the call is closed in every case.

        Raises
        ------
        NoVideo
            If none has come within ``timeout`` seconds, or if the answer cannot be used, or the camera ends the call.
        KVSError
            If the service refuses a call or the connection.
        """
        self._began = time.monotonic()
        try:
            async with asyncio.timeout(timeout) as self._limit:
                return await self._picture()
        except TimeoutError as error:
            if not self._limit.expired():
                raise
            lost = self._lost_service and self.stage in SIGNALING
            raise (service_lost(self.stage, timeout) if lost else self._late(timeout)) from error

    async def _picture(self) -> Image.Image:
        self.channel_arn = arn = await self._target.arn()
        servers = await find_ice_servers(self._target, arn)
        async with _receiving_peer(servers) as peer, self._signaling(arn) as client:
            await client.send_offer(peer.localDescription.sdp)
            self.stage = "waiting"
            answer, candidates = await self._next_answer(client)
            self.stage = "negotiating"
            track = await self._accept(peer, answer)
            for candidate in candidates:
                await self._add(peer, candidate)
            return await self._first_picture(peer, client, track)

    @asynccontextmanager
    async def _signaling(self, arn: str) -> AsyncIterator[SignalingClient]:
        """Yield a connected client that receives no message for an earlier call with its client id."""
        client = await asyncio.to_thread(self._target.new_client, arn)  # it may ask STS for the account
        async with AsyncExitStack() as opened:
            await client.open(retry_throttled=False)
            opened.push_async_callback(within_closing_time, client.close)
            opened.callback(self._note_connection, client)  # called before it is closed
            await client.ping()  # messages that waited for this client id arrive before the reply
            await _discard_received(client)
            yield client

    def _note_connection(self, client: SignalingClient) -> None:
        self._lost_service = not client.connected

    def _late(self, seconds: float) -> NoVideo:
        return no_video(self.stage, self._target.channel_name, seconds)

    async def _next_answer(self, client: SignalingClient) -> tuple[Answer, list[Candidate]]:
        """Return the answer, and the candidates that came before it."""
        candidates: list[Candidate] = []
        async for message in client:
            match message:
                case Answer():
                    return message, candidates
                case Candidate():
                    candidates.append(message)
                case Unknown(message_type="SDP_ANSWER"):
                    raise self._failure("answered with a payload that is not a session description")
                case _:
                    self._log_ignored(message)
        raise self._failure("was not heard: signaling has ended")

    async def _accept(self, peer: RTCPeerConnection, answer: Answer) -> MediaStreamTrack:
        """Apply the answer, and return the track that it promises."""
        try:
            await peer.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        except Exception as error:  # aiortc raises whatever its parser meets
            why = safe_line(f"{type(error).__name__}: {error}", MOST_OF_REASON)
            raise self._failure(f"answered with a description that cannot be used ({why})") from error
        (transceiver,) = peer.getTransceivers()
        if transceiver.currentDirection != "recvonly":
            raise self._failure("answered without video")
        return transceiver.receiver.track

    async def _first_picture(
        self, peer: PeerConnection, client: SignalingClient, track: MediaStreamTrack
    ) -> Image.Image:
        """Return the first whole picture of a track, while candidates may still come."""
        ended = asyncio.get_running_loop().create_future()

        def follow_state() -> None:
            if peer.connectionState == "connected":
                self.stage = "connected"
            elif peer.connectionState in {"failed", "closed"} and not ended.done():
                ended.set_exception(self._disconnection())

        peer.on("connectionstatechange", follow_state)
        follow_state()  # it may have changed already
        picture = asyncio.ensure_future(self._whole_picture(track))
        tasks = {picture, ended, asyncio.ensure_future(self._add_candidates(peer, client))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(tasks)
        first = picture if picture in done else done.pop()
        image: Image.Image = first.result()
        self.stage = "playing"
        return image

    async def _whole_picture(self, track: MediaStreamTrack) -> Image.Image:
        """Return the first frame that was decoded as a whole: no decoder returns one before a key frame."""
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, VideoFrame) and not frame.is_corrupt:
                    if frame.width * frame.height > MOST_PIXELS:
                        raise self._failure(
                            f"sent a picture of {frame.width:,} x {frame.height:,} pixels (maximum {MOST_PIXELS:,})"
                        )
                    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
                    return image
        except MediaStreamError as error:
            raise self._disconnection() from error

    async def _add_candidates(self, peer: PeerConnection, client: SignalingClient) -> None:
        async for message in client:
            if isinstance(message, Candidate):
                await self._add(peer, message)
            else:
                self._log_ignored(message)
        raise self._failure("was not heard: signaling has ended")

    async def _add(self, peer: PeerConnection, message: Candidate) -> None:
        try:
            await peer.add_candidate(message)
        except ValueError as error:  # the camera may have sent others that can be used
            _logger.warning("%s: a candidate was ignored: %s", self._target.channel_name, safe_line(error))

    def _log_ignored(self, message: Message) -> None:
        _logger.info("%s: a message was ignored: %s", self._target.channel_name, type(message).__name__)

    def _disconnection(self) -> NoVideo:
        if self.stage == "negotiating":
            return self._late(round(time.monotonic() - self._began, 1))
        return self._failure("ended the call before its first picture")

    def _failure(self, what: str) -> NoVideo:
        error = NoVideo(
            f"The camera of {self._target.channel_name} {what}. Check the camera's log, and whether it sends video to viewers."
        )
        error.stage = self.stage
        return error


@asynccontextmanager
async def _receiving_peer(servers: IceServers) -> AsyncIterator[PeerConnection]:
    """Yield a connection that offers to receive video, with all its candidates, and close it."""
    peer = new_peer_connection(servers)
    try:
        peer.addTransceiver("video", direction="recvonly")
        await peer.setLocalDescription()
        yield peer
    finally:
        await within_closing_time(peer.close)


async def within_closing_time(close: Callable[[], Awaitable[None]]) -> None:
    """Close a part of a call; if it does not close in time, the picture is kept."""
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await close()
    except TimeoutError:
        _logger.warning("A part of a call did not close within %g s", CLOSING_SECONDS)


async def _discard_received(client: SignalingClient) -> None:
    """Read what has been received so far: an answer to an offer of an earlier call would be taken for the next one's."""
    try:
        async with asyncio.timeout(0):
            async for _ in client:
                pass
    except TimeoutError:
        return


async def _cancel(tasks: set[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
