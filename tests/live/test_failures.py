"""Every way in which a call fails, ends or is taken over: what the user reads, and that the place on the channel is free then."""

from __future__ import annotations

import logging

import pytest

import kvs_notebook as kvs
from kvs_notebook.live.session import Timeouts
from tests.live.fake_page import SECONDS, Page, answer_call, play
from tests.signaling.event_loop import wait_until

SHORT = 0.05


def clients_of(sandbox: kvs.Sandbox) -> int:
    """Return how many clients are connected to the channel."""
    return sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER")


def wait_free(page: Page) -> None:
    """Wait until a call that has ended has left the channel."""
    page.view._loop.run(wait_until(lambda: page.view._session is None), SECONDS)


# --- the camera


def test_absent_camera_is_named_and_the_next_start_reaches_it(sandbox, camera, new_page):
    viewer = new_page(answer_timeout=SHORT)
    viewer.start().wait("ready")
    assert viewer.wait_state("failed") == (
        "No answer from front-door within 0.05 s. Check that the camera is on and uses this channel."
    )
    assert [*viewer.view.timeline["phase"]] == ["looking_up", "waiting", "failed"]
    wait_free(viewer)
    assert clients_of(sandbox) == 0
    viewer.view._timeouts = Timeouts()
    play(camera, viewer)


@pytest.mark.parametrize(
    ("timeouts", "reports", "sentence"),
    [
        (Timeouts(connect=SHORT), [], "No network path to the camera of front-door within 0.05 s."),
        (Timeouts(), ["lost"], "No network path to the camera of front-door within "),
        (Timeouts(picture=SHORT), ["connected"], "connected, but sent no picture within 0.05 s."),
        (Timeouts(), ["connected", "playing", "stalled", "lost"], "The camera of front-door stopped sending."),
        (Timeouts(), ["failed"], "No WebRTC in this browser."),
    ],
)
def test_failure_of_media_is_told_by_the_last_stage(sandbox, camera, new_page, timeouts, reports, sentence):
    viewer = new_page(timeouts=timeouts)
    camera.start().wait("ready")
    viewer.start().wait("ready")
    answer_call(camera, viewer)
    for state in reports:
        viewer.send("state", state=state, reason="No WebRTC in this browser.")
    assert sentence in viewer.wait_state("failed")
    wait_free(viewer)
    assert clients_of(sandbox) == 1


def test_camera_waits_for_viewers_without_a_limit(new_page):
    """It also goes on if a viewer does not connect; the page hangs up on that one."""
    short = Timeouts(answer=SHORT, connect=SHORT, picture=SHORT)
    camera = new_page(kvs.live.camera, timeouts=short)
    camera.start().wait_state("waiting")
    first, second = new_page(timeouts=short), new_page(timeouts=short)
    first.start().wait_state("failed")  # its time ended after that of a camera with limits would have
    camera.view._loop.submit(camera.view._session.enter, "negotiating")
    second.start().wait_state("failed")
    assert camera.wait_state("negotiating")
    assert camera.view.state == "negotiating"


# --- the service


@pytest.mark.parametrize(
    ("function", "denied"),
    [
        (kvs.live.viewer, "ConnectAsViewer"),
        (kvs.live.viewer, "GetIceServerConfig"),
        (kvs.live.viewer, "GetSignalingChannelEndpoint"),
        (kvs.live.camera, "ConnectAsMaster"),
    ],
)
def test_denied_call_shows_the_error_and_frees_the_place(sandbox, new_page, function, denied):
    page = new_page(function)
    sandbox.deny(f"kinesisvideo:{denied}")
    sentence = page.start().wait_state("failed")
    assert denied in sentence
    assert "AccessDenied" in sentence
    wait_free(page)
    assert clients_of(sandbox) == 0
    sandbox.clear_denials()
    page.start().wait("ready")


def test_denied_ice_servers_end_a_camera_at_the_first_call(sandbox, camera, viewer):
    camera.start().wait("ready")
    viewer.start().wait("ready")
    sandbox.deny("kinesisvideo:GetIceServerConfig")
    viewer.send("description", sdp="v=0 offer")
    assert "GetIceServerConfig" in camera.wait_state("failed")
    sandbox.clear_denials()


FAULTS = ("denied", "error", "expired", "revoked", "reset")


@pytest.mark.draw(2)
@pytest.mark.parametrize("fault", FAULTS)
def test_refresh_of_ice_servers_that_fails_leaves_playing_video(sandbox, camera, viewer, fault, caplog):
    """Credentials that expire in the middle of a call, for instance: the media do not need them."""
    play(camera, viewer)
    sandbox.advance(290)  # the servers of the first call are too old for a second one
    sandbox.faults.add("GetIceServerConfig", fault, None)
    sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER")
    loop, session = camera.view._loop, camera.view._session
    loop.submit(session._start, session._pass_on_offer("late-viewer", "v=0 offer"))
    loop.run(wait_until(lambda: len(logged_of_ice(caplog)) == 2), SECONDS)
    sandbox.faults.clear()
    assert (camera.view.state, viewer.view.state) == ("playing", "playing")
    assert any(
        each.startswith("front-door: late-viewer was not answered (GetIceServerConfig") for each in caplog.messages
    )
    assert any(each.startswith("front-door: no new call was made: GetIceServerConfig") for each in caplog.messages)
    sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER")
    assert viewer.wait("ready")["servers"]


def logged_of_ice(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each for each in caplog.messages if "was not answered" in each or "no new call was made" in each]


def test_unknown_channel_is_named(new_page):
    page = new_page(of="back-door")
    assert "back-door" in page.start().wait_state("failed")


def test_eleventh_viewer_is_refused_at_once_and_may_try_again(sandbox, new_page):
    first, *others = [new_page() for _ in range(10)]
    for page in (first, *others):
        page.start()
    for page in (first, *others):
        page.wait_state("waiting")
    late = new_page()
    assert "The channel has 10 viewers, its limit." in late.start().wait_state("failed")
    asked = sandbox.requests
    assert (asked["operation"] == "ConnectAsViewer").sum() == 11
    first.view.stop()
    late.start().wait_state("waiting")


def test_offer_that_is_too_long_fails_with_its_length(viewer):
    viewer.start().wait("ready")
    viewer.send("description", sdp="v=0 " + "a" * 10_000)
    assert "SDP_OFFER too long" in viewer.wait_state("failed")


def test_answer_that_is_too_long_ends_one_call_only(camera, viewer, new_page):
    play(camera, viewer)
    other = new_page()
    other.start().wait("ready")
    other.send("description", sdp="v=0 other")
    name = camera.wait("offer", sdp="v=0 other")["viewer"]
    camera.send("description", viewer=name, sdp="v=0 " + "a" * 10_000)
    assert camera.wait("leave")["viewer"] == name
    assert camera.view.state == "playing"


# --- other clients


def test_newer_camera_of_this_process_takes_over(camera, new_page, viewer):
    play(camera, viewer)
    newer = new_page(kvs.live.camera)
    newer.start().wait("ready")
    assert "Another MASTER took over the channel" in camera.wait_state("taken_over")
    wait_free(camera)
    answer_call(newer, viewer)


@pytest.fixture
def closing_sandbox():
    """Yield a sandbox that closes the connection of a client that another one displaces."""
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(displaced_peer="closed", creating_seconds=0)) as started:
        yield started


@pytest.mark.parametrize(
    ("function", "other"),
    [(kvs.live.camera, "another MASTER"), (kvs.live.viewer, "another viewer with this client id")],
)
def test_displaced_client_does_not_displace_the_newer_one(closing_sandbox, function, other):
    connection = closing_sandbox.connection()
    channel = kvs.create_channel("front-door", connection=connection)
    page = Page(function(channel, connection=connection))
    page.start().wait_state("waiting")
    role, client_id = page.view.client.role, page.view.client.client_id
    newer = kvs.open_signaling(channel, role=role, client_id=client_id, connection=connection)
    page.view._loop.run(newer.open(), SECONDS)
    assert page.wait_state("taken_over").startswith(f"The service closed the connection: {other} has connected, or ")
    wait_free(page)
    assert (clients_of(closing_sandbox), newer.connects) == (1, 1)
    page.view._loop.run(newer.close(), SECONDS)


@pytest.mark.parametrize("function", [kvs.live.camera, kvs.live.viewer])
def test_service_that_stops_is_told_as_such(closing_sandbox, function, monkeypatch):
    monkeypatch.setattr("kvs_notebook.signaling.websocket.LONGEST_WAIT_SECONDS", 0)
    connection = closing_sandbox.connection()
    page = Page(function(kvs.create_channel("front-door", connection=connection), connection=connection))
    page.start().wait_state("waiting")
    closing_sandbox.stop()
    assert "Could not connect" in page.wait_state("failed")
    wait_free(page)


def test_camera_is_not_called_absent_while_service_is_unreachable(viewer, monkeypatch):
    viewer.start().wait_state("waiting")
    session = viewer.view._session
    monkeypatch.setattr(type(session.client), "connected", False)
    viewer.view._loop.submit(session._end_late, "waiting", 15.0)
    assert viewer.wait_state("failed") == (
        "The connection to the service ended, and did not come back within 15 s. Check the network, then start again."
    )


def test_camera_without_notice_of_newer_master_claims_nothing(sandbox, channel, camera):
    """The service may leave a displaced connection open: the camera is on the channel, and no viewer calls it."""
    camera.start().wait_state("waiting")
    newer, viewer = kvs.open_signaling(channel, role="MASTER"), kvs.open_signaling(channel, client_id="tablet")

    async def call_newer():
        async with newer, viewer:
            await viewer.send_offer("v=0")
            assert (await anext(newer)).sdp == "v=0"

    camera.view._loop.run(call_newer(), SECONDS)
    assert camera.view.status == "On the channel, waiting for viewers."


# --- pages


def test_start_in_a_second_page_takes_the_call_over(sandbox, camera, viewer):
    play(camera, viewer)
    second = Page(viewer.view, viewer.pages)
    second.start()
    viewer.wait_state("stopped")
    second.wait("ready")
    viewer.send("description", sdp="v=0 of the page that lost the call")
    answer_call(camera, second)
    assert clients_of(sandbox) == 2


def test_start_from_python_reaches_one_page_only(camera, viewer):
    camera.start().wait("ready")
    viewer.view.start()
    invitation = viewer.pages.wait("invite")["invitation"]
    late = Page(viewer.view, viewer.pages)
    viewer.start(invitation)
    late.start(invitation)
    viewer.wait("ready")
    answer_call(camera, viewer)
    assert viewer.view._session.call == viewer.call


def test_autoplay_starts_with_the_first_page_that_shows_it(new_page):
    page = new_page(autoplay=True)
    assert page.view.status == "Not started: display this in a cell, the browser carries the video."
    page.send("hello")
    page.start(page.pages.wait("invite")["invitation"]).wait("ready")
    page.wait_state("waiting")
    page.send("hello")
    assert page.wait_state("waiting") == "Calling the camera..."


def test_silent_page_ends_the_call(sandbox, new_page):
    viewer = new_page(timeouts=Timeouts(beat=SHORT))
    viewer.start()
    assert viewer.wait_state("stopped") == (
        "Stopped: the page did not report for 0.05 s. Open it again and press Start."
    )
    wait_free(viewer)
    assert clients_of(sandbox) == 0


def test_closed_widget_frees_its_place(sandbox, viewer):
    viewer.start().wait("ready")
    viewer.view.close()
    assert clients_of(sandbox) == 0


def test_malformed_message_is_logged_and_ignored(viewer, caplog):
    viewer.start().wait_state("waiting")
    for content in ({"kind": "dance", "call": "x"}, "text", {"kind": "state", "call": viewer.call, "state": "happy"}):
        viewer.view._handle_custom_msg(content, [])
    viewer.send("hello")
    assert viewer.wait_state("waiting")
    logged = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(logged) == 3
    assert all(each.startswith("front-door: ignored a message of the page (") for each in logged)
