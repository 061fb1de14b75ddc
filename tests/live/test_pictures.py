"""take_picture() on a real sandbox, with an aiortc camera that works, or that fails in one of many ways."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import re
import signal
import threading
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.live.call_target import CallTarget
from kvs_notebook.live.client_ids import client_ids
from kvs_notebook.live.test_pattern import read_frame_number
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.messages import Offer
from tests.benchmarks import picture_memory
from tests.live.scripted_cameras import (
    FPS,
    SIZE,
    JoinedStream,
    SilentTrack,
    WatchedCall,
    cameras_in_background,
    clients_of,
    describe,
    look,
    moving_track,
    run,
    scripted_camera,
    wait_call,
    without_candidates,
)
from tests.signaling.event_loop import wait_until

THREAD_NAME = "kvs-notebook-video"
HANGS_SECONDS = 4
DESCRIPTORS = Path("/proc/self/fd")
MOST_BYTES, MOST_BLOCKS = 200_000, 2_500
"""Of growth over 8 pictures, each of which has a decoder."""


@pytest.fixture(autouse=True)
def watched_calls(monkeypatch):
    """Let tests see the stage of a call, and end its time."""
    monkeypatch.setattr("kvs_notebook.live.pictures.PictureCall", WatchedCall)
    monkeypatch.setattr(WatchedCall, "calls", [])


@pytest.fixture(autouse=True)
def nothing_lingers():
    """Fail a test that leaves the thread of a call, or a client id that no call uses."""
    yield
    assert [each.name for each in threading.enumerate() if each.name == THREAD_NAME] == []
    assert client_ids._in_use == set()


async def fails(channel, *, stage):
    """Return the NoVideo of a picture whose time ends when its call has reached a stage."""
    picture = asyncio.create_task(look(channel))
    (await wait_call(stage)).end_time()
    with pytest.raises(errors.NoVideo) as raised:
        await picture
    assert raised.value.stage == stage
    return str(raised.value)


# --- a camera that works


def test_picture_is_a_whole_frame_of_the_camera(sandbox, channel):
    async def main():
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS) as camera:
            first, second = await asyncio.gather(look("front-door"), look(channel.iloc[0]))
            await wait_until(lambda: not camera._viewers)
            assert clients_of(sandbox) == 1
        return first, second

    for image in run(main):
        assert (image.size, image.mode) == (SIZE, "RGB")
        assert read_frame_number(image) is not None


def h264_only(sdp):
    """Return an offer without VP8, whose lines have the first two payload types."""
    vp8, rtx = re.search(r"m=video \d+ \S+ (\d+) (\d+)", sdp).groups()
    kept = [line for line in sdp.split("\r\n") if not re.match(rf"a=\w[\w-]*:({vp8}|{rtx}) ", line)]
    return "\r\n".join(kept).replace(f"SAVPF {vp8} {rtx} ", "SAVPF ")


@pytest.mark.parametrize(
    ("codec", "options", "offered"),
    [
        ("libvpx", {"deadline": "realtime", "lag-in-frames": "0"}, str),
        ("libx264", {"tune": "zerolatency", "preset": "ultrafast", "x264-params": "scenecut=0"}, h264_only),
    ],
)
def test_frames_before_a_key_frame_are_no_picture(channel, codec, options, offered):
    stream = JoinedStream(codec, options)

    async def script(client, offer, peer):
        sdp = await describe(Offer(offered(offer.sdp)), peer, stream)
        await client.send_answer(sdp, recipient_client_id=offer.sender_client_id)

    async def main():
        async with scripted_camera(channel, script):
            return await look(channel)

    assert read_frame_number(run(main)) in {20, 40}


def test_picture_is_taken_while_the_loop_of_the_notebook_runs(channel):
    async def main():
        with pytest.raises(errors.NoVideo):
            kvs.live.take_picture(channel, timeout=0.1)  # without await: it blocks the loop, as in a cell

    run(main)


def test_candidates_are_used_before_and_after_the_answer(sandbox, channel):
    async def script(client, offer, peer):
        sdp, candidates = without_candidates(await describe(offer, peer, moving_track()))
        here = {"recipient_client_id": offer.sender_client_id}
        await client.send_candidate({"candidate": "candidate:of another kind", "sdpMid": "0"}, **here)
        await client.send_candidate({"candidate": candidates[0], "sdpMid": "0"}, **here)
        await client.send_answer(sdp, **here)
        for candidate in candidates[1:]:
            await client.send_candidate({"candidate": candidate, "sdpMLineIndex": 0}, **here)
        await client.send_candidate({"candidate": "", "sdpMid": "0"}, **here)

    async def main():
        async with scripted_camera(channel, script):
            return await look(channel)

    assert read_frame_number(run(main)) is not None


def test_go_away_during_call_to_camera_does_not_end_it(sandbox, channel):
    async def script(client, offer, peer):
        sdp = await describe(offer, peer, moving_track())
        assert await asyncio.to_thread(sandbox.send_notice, "front-door", "GO_AWAY") == 2
        await wait_until(lambda: client.connects == 2 and client.connected)
        await client.send_answer(sdp, recipient_client_id=offer.sender_client_id)

    async def main():
        async with scripted_camera(channel, script):
            return await look(channel)

    assert read_frame_number(run(main)) is not None


def test_answer_to_earlier_call_is_not_used_for_next(channel):
    late = asyncio.Event()

    async def answer_late(client, offer, peer):
        sdp = await describe(offer, peer, moving_track())
        await late.wait()  # until the viewer has given up; the answer waits for its client id then
        await client.send_answer(sdp, recipient_client_id=offer.sender_client_id)

    async def main():
        async with scripted_camera(channel, answer_late) as client:
            await fails(channel, stage="waiting")
            late.set()
            await wait_until(lambda: "SDP_ANSWER" in [*client.messages["message_type"]])
            await client.ping()
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS):
            return await look(channel)

    assert read_frame_number(run(main)) is not None


def test_signaling_is_created_off_the_event_loop(channel, monkeypatch):
    """It asks STS if the account is not known: a hanging request would hold every other call, and the timeout of this one."""
    new_client, on_a_loop = CallTarget.new_client, []

    def watch(target, arn):
        on_a_loop.append(asyncio._get_running_loop() is not None)
        return new_client(target, arn)

    async def main():
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS) as camera:
            await look(channel)
            await wait_until(lambda: not camera._viewers)

    monkeypatch.setattr(CallTarget, "new_client", watch)
    run(main)
    assert on_a_loop == [True, False, False, False]  # serve_test_camera() checks its arguments where it is called


# --- each way to fail


def test_absent_camera(sandbox, channel):
    assert run(lambda: fails(channel, stage="waiting")) == (
        "No answer from front-door within 15 s. Check that the camera is on and uses this channel."
    )
    assert clients_of(sandbox) == 0


def test_camera_is_not_called_absent_while_service_is_unreachable(channel, monkeypatch):
    monkeypatch.setattr(SignalingClient, "connected", False)
    assert run(lambda: fails(channel, stage="waiting")) == (
        "The connection to the service ended, and did not come back within 15 s. Check the network, then start again."
    )


def test_camera_that_never_answers(sandbox, channel):
    offered = asyncio.Event()

    async def script(client, offer, peer):
        offered.set()

    async def main():
        async with scripted_camera(channel, script):
            error = await fails(channel, stage="waiting")
            await offered.wait()
            assert clients_of(sandbox) == 1
        return error

    assert run(main).startswith("No answer from front-door within 15 s")


def test_no_network_path(sandbox, channel):
    async def script(client, offer, peer):
        blind = Offer(
            without_candidates(offer.sdp)[0]
        )  # with candidates of one side, the other one would learn its own
        sdp, _ = without_candidates(await describe(blind, peer, moving_track()))
        await client.send_answer(sdp, recipient_client_id=offer.sender_client_id)

    async def main():
        async with scripted_camera(channel, script):
            return await fails(channel, stage="negotiating")

    assert run(main).startswith("No network path to the camera of front-door within 15 s.")


def test_camera_that_sends_no_frame(sandbox, channel):
    async def main():
        async with scripted_camera(channel, answer_without_frames):
            return await fails(channel, stage="connected")

    assert run(main) == "The camera of front-door connected, but sent no picture within 15 s. Check its encoder."


async def answer_without_frames(client, offer, peer):
    sdp = await describe(offer, peer, SilentTrack())
    await client.send_answer(sdp, recipient_client_id=offer.sender_client_id)


async def answer_junk(client, offer, peer):
    await client.send_answer("v=0 junk", recipient_client_id=offer.sender_client_id)


async def answer_another_type(client, offer, peer):
    payload = base64.b64encode(b"[1, 2]").decode()
    await client._send("SDP_ANSWER", payload, offer.sender_client_id, 0.0)


async def answer_without_video(client, offer, peer):
    sdp = (await describe(offer, peer, moving_track())).replace("a=sendonly", "a=inactive")
    await client.send_answer(sdp, recipient_client_id=offer.sender_client_id)


async def answer_that_ends_candidates(client, offer, peer):
    blind = Offer(without_candidates(offer.sdp)[0])
    sdp, _ = without_candidates(await describe(blind, peer, moving_track()))
    await client.send_answer(f"{sdp}a=end-of-candidates\r\n", recipient_client_id=offer.sender_client_id)


async def leave_when_connected(client, offer, peer):
    await answer_without_frames(client, offer, peer)
    await wait_call("connected")
    await wait_until(lambda: peer.connectionState == "connected")  # else it does not take leave
    await peer.close()


@pytest.mark.parametrize(
    ("script", "stage", "reason"),
    [
        (answer_junk, "negotiating", "answered with a description that cannot be used"),
        (answer_another_type, "waiting", "answered with a payload that is not a session description"),
        (answer_without_video, "negotiating", "answered without video"),
        (answer_that_ends_candidates, "negotiating", "No network path to the camera of front-door"),
        (leave_when_connected, "connected", "The camera of front-door ended the call before its first picture."),
    ],
)
def test_call_that_can_lead_to_no_picture_ends_at_once(sandbox, channel, script, stage, reason):
    async def main():
        async with scripted_camera(channel, script):
            with pytest.raises(errors.NoVideo, match=reason) as raised:
                await look(channel, timeout=60)
            assert clients_of(sandbox) == 1
        assert raised.value.stage == stage

    run(main)


def test_picture_above_the_limit_is_refused_before_it_is_converted(channel, monkeypatch):
    monkeypatch.setattr("kvs_notebook.live.picture_call.MOST_PIXELS", SIZE[0] * SIZE[1] - 1)

    async def main():
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS) as camera:
            with pytest.raises(
                errors.NoVideo, match=r"sent a picture of 160 x 96 pixels \(maximum 15,359\)\. Check the"
            ):
                await look(channel)
            await wait_until(lambda: not camera._viewers)

    run(main)


def test_missing_channel(connection):
    with pytest.raises(errors.ChannelNotFound, match="front-door"):
        kvs.live.take_picture("front-door")


@pytest.mark.parametrize("action", ["DescribeSignalingChannel", "GetSignalingChannelEndpoint", "ConnectAsViewer"])
def test_denied_action(sandbox, channel, action):
    sandbox.deny(f"kinesisvideo:{action}")
    with pytest.raises(errors.AccessDenied) as raised:
        kvs.live.take_picture("front-door")
    sandbox.clear_denials()
    assert raised.value.operation == action


def test_full_channel_is_refused_at_once(channel):
    async def main():
        async with AsyncExitStack() as viewers:
            for number in range(10):
                await viewers.enter_async_context(kvs.open_signaling(channel, client_id=f"tablet-{number}"))
            with pytest.raises(errors.Throttled, match="10 viewers"):
                await look(channel)

    run(main)


@pytest.mark.parametrize("operation", ["DescribeSignalingChannel", "ConnectAsViewer"])
def test_timeout_does_not_wait_for_a_call_that_hangs(sandbox, channel, operation):
    sandbox.faults.add(operation, "delay", seconds=HANGS_SECONDS)
    began = time.monotonic()
    assert run(lambda: fails("front-door", stage="looking_up")).startswith(
        "front-door could not be looked up within 15 s"
    )
    assert time.monotonic() - began < HANGS_SECONDS
    assert clients_of(sandbox) == 0


def test_interrupt_closes_the_call_before_it_is_raised(sandbox, channel):
    def interrupt():
        while clients_of(sandbox) == 0:
            time.sleep(0.002)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell disables it for programs in the background
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            kvs.live.take_picture(channel, timeout=20)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert clients_of(sandbox) == 0


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ({"channel": "front door"}, "' ' is not allowed"),
        ({"channel": 7}, "7 has type int"),
        ({"timeout": 0}, "timeout=0 is not valid"),
        ({"timeout": float("inf")}, "timeout=inf is not valid"),
        ({"client_id": "aws_x"}, "reserved by AWS"),
    ],
)
def test_invalid_argument_is_refused_before_any_call(sandbox, connection, arguments, because):
    with pytest.raises(errors.InvalidInput, match=because):
        kvs.live.take_picture(**{"channel": "front-door", **arguments})
    assert sandbox.requests.empty


# --- secrets and resources


def test_debug_logs_hold_no_password_of_the_call(channel, caplog):
    passwords = []

    async def script(client, offer, peer):
        sdp = await describe(offer, peer, moving_track())
        passwords.extend(line.partition(":")[2] for line in [*offer.sdp.split(), *sdp.split()] if "ice-pwd" in line)
        await client.send_answer(sdp, recipient_client_id=offer.sender_client_id)

    async def main():
        async with scripted_camera(channel, script):
            await look(channel)

    with caplog.at_level(logging.DEBUG, "aiortc"), caplog.at_level(logging.DEBUG, "aioice"):
        run(main)
    assert len(passwords) == 2
    assert "ice-pwd:[redacted]" in caplog.text
    assert "'USERNAME': [redacted]" in caplog.text
    assert not any(password in caplog.text for password in passwords)


def test_part_that_does_not_close_costs_no_picture(channel, monkeypatch, caplog):
    close = SignalingClient.close

    async def main():
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS) as camera:
            with monkeypatch.context() as patch:

                async def hang(client):
                    patch.undo()  # the other parts of the call have their usual time
                    try:
                        await asyncio.Event().wait()
                    finally:
                        await close(client)

                patch.setattr(SignalingClient, "close", hang)
                patch.setattr("kvs_notebook.live.picture_call.CLOSING_SECONDS", 0.01)
                image = await look(channel)
            await wait_until(lambda: not camera._viewers)
        return image

    assert read_frame_number(run(main)) is not None
    assert "A part of a call did not close within" in caplog.text


def resources() -> tuple[int, list[str]]:
    """Return how many descriptors are open, and the threads without those that this test's loop keeps for its own calls."""
    gc.collect()
    names = [each.name for each in threading.enumerate() if not each.name.startswith("asyncio_")]
    return len([*DESCRIPTORS.iterdir()]), sorted(names)


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="counts descriptors in /proc")
def test_pictures_leave_no_descriptor_and_no_thread(channel):
    async def main():
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS) as camera:
            await look(channel)
            await wait_until(lambda: not camera._viewers and not camera._tasks)
            descriptors, threads = resources()
            for _ in range(4):
                await look(channel)
            await wait_until(lambda: not camera._viewers and not camera._tasks)
            await wait_until(lambda: resources()[0] <= descriptors and not Counter(resources()[1]) - Counter(threads))

    run(main)


@pytest.mark.skipif(not picture_memory.can_measure(), reason="asks glibc for its memory in use")
def test_memory_in_use_is_flat_once_everything_is_loaded(sandbox, connection):
    """The benchmark live-memory measures it up to the 200th picture."""
    channels = [kvs.create_channel(f"camera-{number}") for number in range(4)]
    with cameras_in_background(channels, connection):
        grown = picture_memory.growth(sandbox.environment(), 8, 16)
    assert grown["bytes"] < MOST_BYTES
    assert grown["blocks"] < MOST_BLOCKS
