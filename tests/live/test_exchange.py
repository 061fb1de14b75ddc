"""A viewer and a camera exchange descriptions and candidates between their pages, over a sandbox."""

from __future__ import annotations

import io

import boto3
import pytest
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.dataframes.schemas import LIVE_STATISTICS
from tests.connections import connect_session
from tests.live.fake_page import CANDIDATE, SECONDS, answer_call, play
from tests.signaling.event_loop import break_connection, wait_until


def test_viewer_and_camera_connect_play_and_stop(sandbox, camera, viewer):
    assert repr(viewer.view.client).endswith("viewer on front-door, not connected>")
    name = play(camera, viewer)
    sent = viewer.view.client.messages
    assert [*sent["message_type"]] == ["SDP_OFFER", "SDP_ANSWER"]
    assert camera.view.status == "Sending to 1 viewer."
    assert [*viewer.view.timeline["phase"]] == ["looking_up", "waiting", "negotiating", "connected", "playing"]
    assert [*camera.view.timeline["phase"]] == ["looking_up", "waiting", "negotiating", "connected", "playing"]
    assert sandbox.send_notice("front-door", "GO_AWAY") == 2
    viewer.view.stop()
    assert (viewer.view.state, viewer.view.status) == ("stopped", "Stopped.")
    camera.send("state", state="gone", viewer=name)
    assert camera.wait_state("waiting") == "On the channel, waiting for viewers."
    camera.send("stop")
    camera.wait_state("stopped")
    camera.view.stop()
    assert sandbox.send_notice("front-door", "GO_AWAY") == 0


def test_candidates_wait_for_the_description_of_their_sender(camera, viewer):
    camera.start().wait("ready")
    viewer.start().wait("ready")
    viewer.send("candidate", candidate={**CANDIDATE, "sdpMid": "early"})
    viewer.send("description", sdp="v=0 offer")
    name = camera.wait("offer")["viewer"]
    assert camera.wait("candidate", viewer=name)["candidate"]["sdpMid"] == "early"
    camera.send("candidate", viewer=name, candidate={**CANDIDATE, "sdpMid": "before the answer"})
    camera.send("description", viewer=name, sdp="v=0 answer")
    camera.send("candidate", viewer=name, candidate={**CANDIDATE, "sdpMid": "after it"})
    assert viewer.wait("answer")["sdp"] == "v=0 answer"
    for expected in ("before the answer", "after it"):
        assert viewer.wait("candidate")["candidate"] == {**CANDIDATE, "sdpMid": expected}
    viewer.send("candidate", candidate={**CANDIDATE, "sdpMid": "late"})
    assert camera.wait("candidate", viewer=name)["candidate"]["sdpMid"] == "late"


def test_camera_that_comes_late_answers_the_waiting_viewer(camera, viewer):
    viewer.start().wait("ready")
    viewer.send("description", sdp="v=0 offer")
    camera.start().wait("ready")
    name = camera.wait("offer")["viewer"]
    camera.send("description", viewer=name, sdp="v=0 answer")
    viewer.wait("answer")


def test_go_away_and_a_break_leave_the_call_alone(sandbox, camera, viewer):
    play(camera, viewer)
    client, loop = viewer.view._session.client, viewer.view._loop
    sandbox.send_notice("front-door", "GO_AWAY")
    loop.run(wait_until(lambda: client.connects == 2 and camera.view._session.client.connects == 2), SECONDS)
    loop.run(break_connection(client), SECONDS)
    loop.run(wait_until(lambda: client.connects == 3), SECONDS)
    assert viewer.view.state == "playing"
    viewer.send("description", sdp="v=0 again")
    assert camera.wait("offer", sdp="v=0 again")


def test_new_ice_servers_start_the_call_again(sandbox, camera, viewer):
    play(camera, viewer)
    sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER")
    assert viewer.wait("ready")["servers"]
    answer_call(camera, viewer)
    assert viewer.view.state == "negotiating"


def test_second_answer_is_ignored(camera, viewer, caplog):
    name = play(camera, viewer)
    camera.send("description", viewer=name, sdp="v=0 another")
    camera.send("candidate", viewer=name, candidate=CANDIDATE)
    viewer.wait("candidate")
    assert not [each for each in viewer.pages.received if each["kind"] == "answer"]
    assert "front-door: ignored a second answer" in caplog.messages


def test_statistics_have_exact_columns_and_drop_other_types(camera, viewer):
    assert viewer.view.stats.dtypes.astype(str).to_dict() == LIVE_STATISTICS
    play(camera, viewer)
    viewer.send(
        "stats", rows=[{"codec": "VP8", "width": 640, "height": True, "frames_per_second": 15.2, "protocol": 7}]
    )
    viewer.send("state", state="stalled")
    viewer.wait_state("stalled")
    frame = viewer.view.stats
    assert frame.dtypes.astype(str).to_dict() == LIVE_STATISTICS
    shown = frame[["codec", "width", "frames_per_second"]].iloc[0].tolist()
    assert shown == ["VP8", 640, 15.2]
    assert frame[["height", "protocol", "client_id"]].isna().all(axis=None)


def test_snapshot_returns_the_page_picture(camera, viewer):
    with pytest.raises(errors.InvalidInput, match="front-door: it is stopped"):
        viewer.view.snapshot()
    play(camera, viewer)
    file = io.BytesIO()
    Image.new("RGB", (64, 36), "red").save(file, "PNG")

    def reply(content, buffers=None):
        if content["kind"] == "snapshot":
            viewer.send("picture", [memoryview(file.getvalue())], request=content["request"])

    viewer.view.send = reply
    picture = viewer.view.snapshot()
    assert (picture.size, picture.getpixel((1, 1))) == ((64, 36), (255, 0, 0))


def test_snapshot_fails_if_the_page_has_none_or_is_silent(camera, viewer, monkeypatch):
    play(camera, viewer)
    answering = viewer.view.send

    def refuse(content, buffers=None):
        viewer.send("picture", request=content["request"], reason="the video is empty")

    viewer.view.send = refuse
    with pytest.raises(errors.NoVideo, match="no picture of front-door: the video is empty") as raised:
        viewer.view.snapshot()
    assert raised.value.stage == "playing"
    viewer.view.send = answering
    monkeypatch.setattr("kvs_notebook.live.view_widget.PICTURE_SECONDS", 0.05)
    with pytest.raises(errors.NoVideo, match=r"within 0\.05 s"):
        viewer.view.snapshot()


@pytest.mark.parametrize(
    ("function", "arguments", "problem"),
    [
        ("viewer", {"codec": "VP9"}, "VP8, H264"),
        (
            "viewer",
            {"answer_timeout": 0},
            "answer_timeout=0 is not valid. Expected seconds, more than 0 and at most 600",
        ),
        ("viewer", {"answer_timeout": float("nan")}, "answer_timeout=nan"),
        ("viewer", {"client_id": "a b"}, "Client id"),
        ("camera", {"source": "film"}, "test picture, webcam"),
        ("camera", {"size": (641, 360)}, "even numbers"),
        ("camera", {"size": (640, 1082)}, "1920 and 1080"),
        ("camera", {"fps": 31}, "1 to 30"),
        ("camera", {"fps": True}, "1 to 30"),
    ],
)
def test_argument_out_of_range_is_rejected_before_any_call(connection, function, arguments, problem):
    with pytest.raises(errors.InvalidInput, match=problem):
        getattr(kvs.live, function)("front-door", **arguments)


def test_camera_on_a_real_account_needs_take_over():
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-east-1")
    real = connect_session(session, "us-east-1", allow_changes=True)
    with pytest.raises(errors.ReadOnly, match="Pass take_over=True"):
        kvs.live.camera("front-door", connection=real)
    assert repr(kvs.live.camera("front-door", take_over=True, connection=real)) == (
        "<LiveView: camera of front-door, stopped>"
    )
    assert real.calls == 0
