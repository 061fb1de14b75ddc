"""take_pictures() and contact_sheet(): many cameras at a time, of which some fail, in several accounts and regions."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.dataframes.schemas import PICTURES
from kvs_notebook.live.cameras import Reach, find_cameras
from kvs_notebook.live.client_ids import client_ids
from kvs_notebook.live.codecs import CODECS
from kvs_notebook.live.peer_connection import LOOPBACK, new_peer_connection
from kvs_notebook.live.picture_files import FAILURES, SHEET, picture_file_names
from kvs_notebook.live.picture_sheet import TILE
from kvs_notebook.live.test_pattern import TestPattern, read_frame_number
from tests.live.scripted_cameras import FPS, SIZE, WatchedCall, cameras_in_background, clients_of, run, scripted_camera
from tests.signaling.event_loop import wait_until

SECONDS = 60


@pytest.fixture(autouse=True)
def watched_calls(monkeypatch):
    """Let tests see the stage of each call, and end its time."""
    monkeypatch.setattr("kvs_notebook.live.pictures.PictureCall", WatchedCall)
    monkeypatch.setattr(WatchedCall, "calls", [])


async def take(channels, stages, **arguments) -> pd.DataFrame:
    """Return the pictures of channels; once each stage has its number of calls, the time of those that wait is over."""
    taking = asyncio.create_task(asyncio.to_thread(kvs.live.take_pictures, channels, timeout=SECONDS, **arguments))
    await wait_until(lambda: Counter(call.stage for call in WatchedCall.calls) == stages)
    for call in WatchedCall.calls:
        if call.stage == "waiting":
            call.end_time()
    return await taking


async def answer_junk(client, offer, peer):
    await client.send_answer("v=0 junk", recipient_client_id=offer.sender_client_id)


def test_twelve_cameras_of_which_half_fail(sandbox, connection, tmp_path):
    for number in range(12):
        kvs.create_channel(f"camera-{number:02}")
    channels = kvs.list_channels()
    alive, junk, deleted = channels[0:12:2], channels[1:6:4], channels[7:10:2]
    kvs.delete_channel(deleted.iloc[0])
    kvs.delete_channel(deleted.iloc[1])

    async def main() -> pd.DataFrame:
        async with AsyncExitStack() as cameras:
            for _, row in alive.iterrows():
                await cameras.enter_async_context(kvs.live.serve_test_camera(row, size=SIZE, fps=FPS))
            for _, row in junk.iterrows():
                await cameras.enter_async_context(scripted_camera(row, answer_junk))
            stages = {"playing": len(alive), "negotiating": len(junk), "looking_up": len(deleted), "waiting": 2}
            return await take(channels, stages, concurrency=12)

    pictures = run(main)
    assert [*pictures["channel_name"]] == [*channels["channel_name"]]
    assert dict(pictures.dtypes) == dict(
        pd.DataFrame({name: pd.Series(dtype=each) for name, each in PICTURES.items()}).dtypes
    )
    taken = pictures[pictures["image"].notna()]
    assert [*taken["channel_name"]] == [*alive["channel_name"]]
    assert all(read_frame_number(image) is not None for image in taken["image"])
    assert set(taken["stage"]) == {"playing"}
    assert taken["error"].isna().all()
    reasons = pictures.set_index("channel_name")["error"]
    assert reasons[junk["channel_name"]].str.contains("cannot be used").all()
    assert reasons[deleted["channel_name"]].str.contains("does not exist|DELETING|not found").all()
    absent = pictures[pictures["stage"] == "waiting"]
    assert (
        absent["error"].str.contains(f" within {SECONDS} s. Check that the camera is on and uses this channel.").all()
    )
    assert len(absent) == 12 - len(alive) - len(junk) - len(deleted)
    assert client_ids._in_use == set()
    assert sum(clients_of(sandbox, name) for name in [*alive["channel_name"], *absent["channel_name"]]) == 0

    sheet = kvs.live.contact_sheet(pictures)
    red = np.all(np.asarray(sheet) == np.array([0xF3, 0xE4, 0xE2]), axis=2).sum()
    assert red > 6 * TILE[0] * TILE[1] * 0.5
    sheet.save(tmp_path / "sheet.png")


def test_channels_of_other_accounts_are_called_with_their_connections(sandbox, connection):
    europe, other = sandbox.connection(region="eu-west-1"), sandbox.connection("444455556666")
    for each in (connection, europe, other):
        kvs.create_channel("front-door", connection=each)
    channels = pd.concat(
        [kvs.list_channels(connection=each) for each in (other, connection, europe)], ignore_index=True
    )
    role = "arn:aws:iam::444455556666:role/reader"
    with cameras_in_background(["front-door"], europe), cameras_in_background(["front-door"], other):
        alone = run(lambda: take(channels, {"waiting": 1, "playing": 1}))
        reached = kvs.live.take_pictures(channels[:1], timeout=SECONDS, role_arns=[role])
    assert [*alone["account_id"]] == [*channels["account_id"]]
    assert [*alone["region"]] == [*channels["region"]]
    assert [*alone["stage"]] == ["looking_up", "waiting", "playing"]
    assert alone["error"][0].startswith("No connection reaches account 444455556666")
    assert [*reached["stage"]] == ["playing"]


def test_empty_frame_gives_an_empty_frame_with_the_same_dtypes(sandbox, connection):
    calls = connection.calls
    pictures = kvs.live.take_pictures(kvs.list_channels()[:0])
    assert (pictures.dtypes.astype(str).to_dict(), len(pictures)) == (dict(PICTURES), 0)
    assert connection.calls <= calls + 1


def test_name_gets_its_arn_once_it_is_looked_up(channel):
    (picture,) = kvs.live.take_pictures("front-door", timeout=0.5).to_dict("records")
    assert picture["channel_arn"] == channel["channel_arn"][0]
    assert picture["account_id"] == channel["account_id"][0]


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ({"concurrency": 0}, "concurrency=0 is not valid"),
        ({"concurrency": 65}, "Expected a number from 1 to 64"),
        ({"timeout": -1}, "timeout=-1 is not valid"),
        ({"channels": pd.DataFrame({"channel_name": ["front-door"]})}, "Missing column 'channel_arn'"),
        ({"role_name": "reader"}, "role_name= needs accounts="),
    ],
)
def test_invalid_argument_is_refused_before_any_call(sandbox, connection, arguments, because):
    channels = pd.DataFrame({"channel_arn": ["arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1"]})
    with pytest.raises(errors.InvalidInput, match=because):
        kvs.live.take_pictures(**{"channels": channels, **arguments})
    assert sandbox.requests.empty


# --- the sheet


def sheet_of(names, image=None, error="No answer."):
    rows = [
        (name, "us-east-1", image, 1.0, "waiting", None if image else error, "111122223333", "arn") for name in names
    ]
    return kvs.live.contact_sheet(pd.DataFrame(rows, columns=[*PICTURES]))


@settings(max_examples=15)
@given(
    st.lists(st.text("abcXYZ019_.-", min_size=1, max_size=256), min_size=1, max_size=5),
    st.text(max_size=400),
    st.tuples(st.integers(1, 400), st.integers(1, 400)),
)
def test_sheet_has_a_place_for_every_name_reason_and_shape(names, error, shape):
    columns = int(np.ceil(np.sqrt(len(names))))
    rows = -(-len(names) // columns)
    size = (columns * (TILE[0] + 8) + 8, rows * (TILE[1] + 24 + 8) + 8)
    assert sheet_of(names, error=error).size == size
    assert sheet_of(names, Image.new("L", shape, 200)).size == size


def test_sheet_of_many_pictures_has_small_tiles():
    assert sheet_of([f"camera-{number}" for number in range(101)]).size[0] < 11 * TILE[0]


@pytest.mark.parametrize(
    ("frame", "because"),
    [
        (pd.DataFrame({"channel_name": ["front-door"]}), "has no column .region."),
        (pd.DataFrame(columns=[*PICTURES]), "has no row"),
    ],
)
def test_sheet_of_another_frame_is_refused(frame, because):
    with pytest.raises(errors.InvalidInput, match=because):
        kvs.live.contact_sheet(frame)


# --- the test picture


@settings(max_examples=30)
@given(st.integers(0, 2**16 - 1), st.integers(32, 200).map(lambda n: 2 * n), st.integers(32, 200).map(lambda n: 2 * n))
def test_frame_number_survives_compression(number, width, height):
    picture = Image.fromarray(TestPattern(width, height).draw(number))
    stored = BytesIO()
    picture.save(stored, "JPEG", quality=40)
    assert read_frame_number(picture) == number
    assert read_frame_number(Image.open(stored)) == number


def test_picture_without_bar_code_has_no_frame_number():
    assert read_frame_number(Image.new("RGB", (640, 360), "grey")) is None


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ({"size": (63, 64)}, "even numbers from 64 to 1920"),
        ({"size": (64, 65)}, "even numbers from 64 to 1920"),
        ({"size": 640}, "size=640 is not valid"),
        ({"fps": 0}, "fps=0 is not valid"),
        ({"fps": 61}, "fps=61 is not valid"),
        ({"codec": "AV1"}, "VP8, H264"),
    ],
)
def test_test_camera_refuses_what_it_cannot_draw(channel, arguments, because):
    with pytest.raises(errors.InvalidInput, match=because):
        kvs.live.serve_test_camera(channel, **arguments)


# --- the test camera


def test_test_camera_serves_viewers_and_survives_bad_ones(sandbox, channel):
    async def main():
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS) as camera:
            assert repr(camera) == "<TestCamera on front-door: 0 viewers>"
            async with kvs.open_signaling(channel, client_id="bad") as bad:
                await bad.send_offer("v=0 junk")
                await bad.send_candidate("candidate:junk")
                await bad.ping()
                looks = [asyncio.to_thread(kvs.live.take_picture, channel) for _ in range(3)]
                images = await asyncio.gather(*looks)
            await wait_until(lambda: not camera._viewers)
            assert camera.viewers == []
        return images

    assert all(read_frame_number(image) is not None for image in run(main))
    assert clients_of(sandbox) == 0


@pytest.mark.parametrize("codec", CODECS)
def test_test_camera_sends_its_codec_only(channel, codec):
    answers = []

    async def main():
        async with kvs.live.serve_test_camera(channel, size=SIZE, fps=FPS, codec=codec) as camera:
            image = await asyncio.to_thread(kvs.live.take_picture, channel)
            sent = camera._client.messages.query("message_type == 'SDP_ANSWER'")
            answers.extend(sent["message_payload"])
        return image

    assert read_frame_number(run(main)) is not None
    assert {match for answer in answers for match in re.findall(r"rtpmap:\d+ (\w+)", answer)} == {codec}


def test_test_camera_raises_the_error_that_ended_signaling(channel, monkeypatch):
    async def main():
        async with kvs.live.serve_test_camera(channel) as camera:
            camera._client._end(errors.EndpointUnreachable("gone"))
            with pytest.raises(errors.EndpointUnreachable, match="gone"):
                await camera.wait_ended()

    with pytest.raises(errors.EndpointUnreachable, match="gone"):
        run(main)


# --- ICE


def test_loopback_is_gathered_for_a_sandbox_only():
    async def gather(peer):
        peer.addTransceiver("video", direction="recvonly")
        await peer.setLocalDescription()
        lines = [line.split() for line in peer.localDescription.sdp.split("\r\n") if line.startswith("a=candidate")]
        await peer.close()
        return {words[4] for words in lines}

    async def main():
        others = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        return [await gather(peer) for peer in (new_peer_connection(None), new_peer_connection([]), others)]

    of_sandbox, of_account, of_others = run(main)
    assert LOOPBACK in of_sandbox
    assert LOOPBACK not in of_account | of_others
    assert of_account == of_others == of_sandbox - {LOOPBACK}


def test_servers_of_an_account_are_used_for_ice():
    servers = [
        {"urls": "stun:stun.kinesisvideo.us-east-1.amazonaws.com:443"},
        {"urls": "turn:192.0.2.9:443?transport=udp", "username": "user", "credential": "password"},
    ]

    async def main():
        peer = new_peer_connection(servers)
        ice = peer.addTransceiver("video").receiver.transport.transport.iceGatherer._connection
        await peer.close()
        return ice

    ice = run(main)
    assert ice.stun_server == ("stun.kinesisvideo.us-east-1.amazonaws.com", 443)
    assert (ice.turn_server, ice.turn_username, ice.turn_password) == (("192.0.2.9", 443), "user", "password")


# --- file names


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["111122223333", "444455556666"]),
            st.sampled_from(["us-east-1", "eu-west-1"]),
            st.text("aA._-9", min_size=1, max_size=256)
            | st.sampled_from(["contact-sheet", "..", "CON", "nul.x", "a-2"]),
        ),
        max_size=30,
    )
)
def test_file_names_are_safe_and_differ_on_every_file_system(places):
    cameras = [SimpleNamespace(account_id=a, region=r, channel_name=name) for a, r, name in places]
    names = picture_file_names(cameras)
    assert len({name.casefold() for name in names} | {SHEET, FAILURES}) == len(names) + 2
    for name in names:
        assert name.endswith(".jpg")
        assert len(name.encode()) <= 255
        assert not name.startswith(".")
        assert "/" not in name
        assert name.split(".")[0].casefold() not in {"con", "nul"}


def test_frame_of_channels_is_checked_before_anything_is_connected(connection):
    cameras = find_cameras("front-door", Reach(), connection)
    assert [(each.channel_name, each.region, each.channel_arn) for each in cameras] == [
        ("front-door", "us-east-1", None)
    ]
