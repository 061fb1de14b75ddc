"""Live video in JupyterLab: a camera and a viewer in one notebook, and everything that ends a call."""

from __future__ import annotations

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, WebSocket, expect

import kvs_notebook as kvs
from tests.browser.lab import DARK, LIGHT, MEDIA, SAVE

pytestmark = pytest.mark.draw_tests(1)

CHANNEL = "import kvs_notebook as kvs\n_ = kvs.create_channel('front-door')"
CAMERA = "camera = kvs.live.camera('front-door', fps=5)\ncamera"
"""Few frames, because coding and painting them takes the processor: 3.5 s for 10 s at 15 frames a second."""
VIEWER = "viewer = kvs.live.viewer('front-door')\nviewer"
SHORT = "from kvs_notebook.live.session import Timeouts\n"
TEN_MORE_VIEWERS = """import json
offers = loud.client.messages.query("message_type == 'SDP_OFFER'")
sdp = json.loads(offers["message_payload"].iloc[0])["sdp"]
for number in range(10):
    async with kvs.open_signaling("front-door", client_id=f"silent-{number}") as silent:
        await silent.send_offer(sdp)
        while not isinstance(await anext(silent), kvs.messages.Answer):
            pass
print(len(camera._session._viewers))"""
"""Each gets an answer and sends nothing; the last one replaces another one of them, not the viewer that plays."""

READ_BAR_CODE = """(video) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const bars = Array.from({ length: 21 }, (_, index) => {
    const x = ((index + 0.5) * canvas.width) / 21;
    const [red, green, blue] = context.getImageData(x, (canvas.height * 15) / 16, 1, 1).data;
    return red + green + blue > 384 ? 1 : 0;
  });
  const bits = bars.slice(2, 18);
  const parity = bits.reduce((sum, bit) => sum + bit, 0) % 2;
  const isBarCode = bars[0] === 1 && bars[1] === 0 && bars[18] === parity && bars[19] === 0 && bars[20] === 1;
  return isBarCode ? parseInt(bits.join(""), 2) : null;
}"""

EXECUTE = """async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code });
  let text = "";
  future.onIOPub = ({ content }) => { text += content.text ?? content.traceback?.join("\\n") ?? ""; };
  await future.done;
  return text;
}"""
RUN_LAST = """async () => {
  const { content } = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = content.widgets.length - 1;
  await window.jupyterapp.commands.execute("notebook:run-cell");
}"""


def view(page: Page, number: int) -> Locator:
    return page.locator(".kvs-live").nth(number)


def press(shown: Locator, name: str = "Start") -> None:
    shown.get_by_role("button", name=name, exact=True).click()


def shows(shown: Locator, sentence: str) -> None:
    expect(shown.get_by_role("status")).to_have_text(sentence)


def moves(shown: Locator) -> None:
    """Wait until the bar code in the picture has counted on, and the video's own time with it."""
    video = shown.locator("video").element_handle()
    first, began = video.evaluate(READ_BAR_CODE), video.evaluate("(video) => video.currentTime")
    shown.page.wait_for_function(
        f"([video, first, began]) => (({READ_BAR_CODE})(video) ?? -1) > first && video.currentTime > began",
        arg=[video, first or 0, began],
    )


def is_accessible(page: Page) -> None:
    violations = Axe().run(page, context=".kvs-live").response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []


def test_viewer_plays_the_camera_in_both_views_and_both_themes(notebook, sandbox):
    page = notebook.run(CHANNEL, "camera = kvs.live.camera('front-door')\ncamera", VIEWER, "viewer")
    camera, first, second = (view(page, number) for number in range(3))
    second.wait_for()
    press(camera)
    shows(camera, "On the channel, waiting for viewers.")
    first.get_by_role("button", name="Start").focus()
    page.keyboard.press("b")  # inserts a cell, if JupyterLab takes the key
    page.keyboard.press("Enter")
    for shown in (first, second):
        shows(shown, "Playing.")
        moves(shown)
        video = shown.locator("video")
        assert video.evaluate("(video) => [video.videoWidth, video.videoHeight, video.paused]") == [640, 360, False]
    shows(camera, "Sending to 1 viewer.")
    expect(page.locator(".jp-Cell")).to_have_count(4)
    expect(first.locator(".kvs-live-statistics")).to_contain_text("VP8 640x360")
    expect(first.locator(".kvs-live-statistics")).to_contain_text("host to host (udp)")
    printed = page.evaluate(
        EXECUTE,
        "import json\nprint(json.dumps([viewer.snapshot().size, viewer.state, viewer.status, [*viewer.timeline['phase']]]))",
    )
    assert json.loads(printed) == [
        [640, 360],
        "playing",
        "Playing.",
        ["looking_up", "waiting", "negotiating", "connected", "playing"],
    ]
    for theme in (DARK, LIGHT):
        notebook.set_theme(theme)
        is_accessible(page)
    page.evaluate(SAVE)
    assert kvs.scan_notebooks(notebook.lab.work).empty
    press(second, "Stop")
    for shown in (first, second):
        shows(shown, "Stopped.")
    shows(camera, "On the channel, waiting for viewers.")


def test_each_notebook_event_ends_call_and_next_call_plays(notebook, sandbox):
    page = notebook.run(CHANNEL, "camera = kvs.live.camera('front-door', source='webcam', fps=5)\ncamera", VIEWER)
    camera, viewer = view(page, 0), view(page, 1)
    viewer.wait_for()
    page.evaluate(EXECUTE, "camera.start()")
    shows(camera, "On the channel, waiting for viewers.")
    press(viewer)
    shows(viewer, "Playing.")
    page.evaluate(RUN_LAST)
    shows(viewer, "Stopped.")
    shows(camera, "On the channel, waiting for viewers.")
    page.evaluate(EXECUTE, "viewer.start()")
    shows(viewer, "Playing.")
    press(camera, "Stop")
    shows(viewer, "The camera of front-door stopped sending. Start again, or restart the camera.")
    press(camera)
    shows(camera, "On the channel, waiting for viewers.")
    press(viewer, "Try again")
    shows(viewer, "Playing.")
    page.evaluate(SAVE)
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    for shown in (camera, viewer):
        shows(shown, "Stopped.")
    press(camera)
    shows(camera, "On the channel, waiting for viewers.")
    page.evaluate(EXECUTE, f"{SHORT}viewer._timeouts = Timeouts(beat=10)")
    press(viewer)
    shows(viewer, "Playing.")
    take_over_in_second_page(notebook, viewer)


def take_over_in_second_page(notebook, viewer: Locator) -> None:
    """Take the call over in a second page, and close it: Jupyter Server may drop its last message."""
    context = viewer.page.context.browser.new_context(permissions=MEDIA)
    other = context.new_page()
    notebook.open_in(other)
    shows(view(other, 1), "In another page: Playing.")
    press(view(other, 1))
    shows(view(other, 1), "Playing.")
    shows(viewer, "In another page: Playing.")
    other.close()
    expect(viewer.get_by_role("status")).to_have_text(re.compile(r"^Stopped(\.|: the page did not report for 10 s\.)"))
    context.close()


def test_restart_of_the_kernel_by_the_menu_ends_the_calls(notebook, sandbox):
    page = notebook.run(CHANNEL, CAMERA, VIEWER)
    camera, viewer = view(page, 0), view(page, 1)
    press(camera)
    shows(camera, "On the channel, waiting for viewers.")
    press(viewer)
    shows(viewer, "Playing.")
    notebook.restart_kernel_by_menu()
    for shown in (camera, viewer):
        shows(shown, "The kernel has stopped or restarted. Run the cell again.")
        expect(shown.get_by_role("button")).to_be_disabled()


def test_reload_ends_the_calls_and_messages_hold_no_secret(notebook, sandbox, connection):
    """Every frame between page and Jupyter Server is read: passwords of TURN servers are only in messages of a call."""
    page = notebook.run(CHANNEL, CAMERA, VIEWER)
    for number, sentence in enumerate(("On the channel, waiting for viewers.", "Playing.")):
        press(view(page, number))
        shows(view(page, number), sentence)
    frames: list[str] = []
    page.on("websocket", lambda socket: record_frames(socket, frames))
    notebook.reload()
    for number, sentence in enumerate(("On the channel, waiting for viewers.", "Playing.")):
        press(view(page, number))
        shows(view(page, number), sentence)
    moves(view(page, 1))
    servers = [frame for frame in frames if '"credential"' in frame]
    passwords = {each for frame in servers for each in re.findall(r'"credential": ?"([^"]+)"', frame)}
    assert len(passwords) >= 2
    for frame in frames:
        assert not [each for each in ("X-Amz-", connection.credentials().secret_key) if each in frame]
        if any(password in frame for password in passwords):
            assert re.search(r'"method": ?"custom"', frame)
            assert re.search(r'"kind": ?"(ready|offer)"', frame)


def record_frames(socket: WebSocket, frames: list[str]) -> None:
    """Record the frames of a WebSocket in both directions as text; binary ones are JSON and pictures."""

    def record(payload: str | bytes) -> None:
        frames.append(payload if isinstance(payload, str) else payload.decode("latin-1"))

    socket.on("framereceived", record)
    socket.on("framesent", record)


def test_sound_is_optional_and_unreachable_camera_is_reported(notebook, sandbox):
    page = notebook.run(
        CHANNEL,
        CAMERA,
        "loud = kvs.live.viewer('front-door', audio=True)\nloud",
        f"{SHORT}relayed = kvs.live.viewer('front-door', relay_only=True)\nrelayed._timeouts = Timeouts(connect=1)\nrelayed",
        "kvs.live.viewer(kvs.create_channel('empty'), answer_timeout=0.5, autoplay=True)",
    )
    camera, loud, relayed, absent = (view(page, number) for number in range(4))
    shows(absent, "No answer from empty within 0.5 s. Check that the camera is on and uses this channel.")
    is_accessible(page)
    press(camera)
    shows(camera, "On the channel, waiting for viewers.")
    for shown in (loud, relayed):
        press(shown)
    shows(loud, "Playing.")
    press(loud, "Turn sound on")
    video = loud.locator("video").element_handle()
    page.wait_for_function("(video) => video.srcObject.getAudioTracks().some((track) => !track.muted)", arg=video)
    assert video.evaluate("(video) => video.muted") is False
    expect(relayed.get_by_role("status")).to_contain_text("No network path to the camera of front-door within ")
    assert page.evaluate(EXECUTE, TEN_MORE_VIEWERS) == "10\n"
    moves(loud)


TEN_VIEWERS = """import contextlib
viewers = contextlib.AsyncExitStack()
for number in range(10):
    await viewers.enter_async_context(kvs.open_signaling("full", client_id=f"viewer-{number}"))"""


def test_late_camera_go_away_and_refusals_are_seen(notebook, sandbox):
    page = notebook.run(CHANNEL, CAMERA, VIEWER, "kvs.live.viewer(kvs.create_channel('full'))")
    camera, viewer, eleventh = (view(page, number) for number in range(3))
    press(viewer)
    shows(viewer, "Calling the camera...")
    press(camera)
    shows(viewer, "Playing.")
    assert sandbox.send_notice("front-door", "GO_AWAY") == 2
    moves(viewer)
    press(viewer, "Stop")
    press(viewer)
    shows(viewer, "Playing.")
    assert page.evaluate(EXECUTE, TEN_VIEWERS) == ""
    press(eleventh)
    expect(eleventh.get_by_role("status")).to_contain_text("The channel has 10 viewers, its limit.")
    assert page.evaluate(EXECUTE, "await viewers.aclose()") == ""
    press(viewer, "Stop")
    sandbox.deny("kinesisvideo:ConnectAsViewer")
    press(viewer)
    expect(viewer.get_by_role("status")).to_contain_text("AccessDenied")
    sandbox.clear_denials()
    press(viewer, "Try again")
    shows(viewer, "Playing.")


TAKE_PICTURE = "print([*kvs.live.take_picture('front-door', timeout=60).size])"
SERVE = "served = kvs.live.serve_test_camera('front-door', codec='H264')\n_ = await served.__aenter__()"


def test_aiortc_sees_the_page_and_the_page_sees_aiortc(notebook, sandbox):
    page = notebook.run(CHANNEL, CAMERA, VIEWER)
    camera, viewer = view(page, 0), view(page, 1)
    viewer.wait_for()
    press(camera)
    shows(camera, "On the channel, waiting for viewers.")
    assert page.evaluate(EXECUTE, TAKE_PICTURE) == "[640, 360]\n"
    press(camera, "Stop")
    assert page.evaluate(EXECUTE, SERVE) == ""
    press(viewer)
    shows(viewer, "Playing.")
    expect(viewer.locator(".kvs-live-statistics")).to_contain_text("H264 640x360")
    assert page.evaluate(EXECUTE, "await served.__aexit__(None, None, None)") == ""
    shows(viewer, "The camera of front-door stopped sending. Start again, or restart the camera.")
