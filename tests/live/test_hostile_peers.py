"""Whatever a peer, a page or the service sends: one bounded line for the user, no secret in it, and the other calls go on."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kvs_notebook.aws.error_translation import BY_CODE, from_code
from kvs_notebook.aws.quotas import MAX_VIEWERS
from kvs_notebook.dataframes.schemas import LIVE_STATISTICS
from kvs_notebook.errors import KVSError, NoVideo
from kvs_notebook.formatting import MAX_LINE
from kvs_notebook.live import test_camera
from kvs_notebook.live.call_target import usable_urls
from kvs_notebook.live.page_messages import MAX_ROWS, PageReport, parse_page_message
from kvs_notebook.live.peer_connection import MAX_CANDIDATES, new_peer_connection
from kvs_notebook.live.picture_call import PictureCall
from kvs_notebook.live.pictures import Shot, picture_row
from kvs_notebook.live.session import TakenOver, Timeouts
from kvs_notebook.live.statistics import statistics_frame
from kvs_notebook.live.test_camera import FrameSource, TestCamera
from kvs_notebook.live.test_pattern import TestPattern
from kvs_notebook.live.timeline import Timeline
from kvs_notebook.live.view_widget import LiveView
from kvs_notebook.live.viewer_session import ViewerSession
from kvs_notebook.signaling.messages import Answer, Candidate, Offer, Unknown
from tests.hostile_texts import HOSTILE
from tests.live.scripted_cameras import FPS, SIZE, describe, moving_track, run
from tests.signaling.event_loop import run_bounded

BOUND = MAX_LINE + 300
"""Characters of a message that quotes another one."""

PARTS = [*HOSTILE.values(), "9" * 400, "-1", "65536", "NaN", "a" * 9_000, "", " ", "a=ice-pwd:s3cret"]
HOST = "candidate:1 1 udp 2122260223 127.0.0.1 {port} typ host"

texts = st.sampled_from(PARTS) | st.text(max_size=40)


@pytest.fixture(scope="module")
def description() -> str:
    """Return the answer of a camera that works."""

    async def main() -> str:
        viewer, camera = new_peer_connection(None), new_peer_connection(None)
        viewer.addTransceiver("video", direction="recvonly")
        await viewer.setLocalDescription()
        sdp = await describe(Offer(viewer.localDescription.sdp), camera, moving_track())
        await asyncio.gather(viewer.close(), camera.close())
        return sdp

    return str(run(main))


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[int, str, str]]:
    """Return edits of a description: the line by number, what happens to it, and a text."""
    kinds = st.sampled_from(["drop", "repeat", "replace", "replace a word", "cut", "insert"])
    return draw(st.lists(st.tuples(st.integers(0, 99), kinds, texts), min_size=1, max_size=3))


def edited(sdp: str, changes: list[tuple[int, str, str]]) -> str:
    lines = sdp.split("\r\n")
    for number, kind, text in changes:
        at = number % len(lines)
        words = lines[at].split(" ")
        replacements = {
            "drop": [],
            "repeat": [lines[at]] * 2,
            "replace": [text],
            "replace a word": [" ".join([*words[:-1], text])],
            "cut": [lines[at][: len(lines[at]) // 2]],
            "insert": [lines[at], text],
        }
        lines[at : at + 1] = replacements[kind]
        lines = lines or [""]
    return "\r\n".join(lines)


def is_safe_line(text: str) -> bool:
    """Return whether a text is one bounded line without a secret."""
    return text.isprintable() and len(text) <= BOUND and "s3cret" not in text


@contextmanager
def safe_logs() -> Iterator[list[str]]:
    """Yield the lines that the package logs meanwhile; fail if one of them is not a safe line."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("kvs_notebook")
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
    assert all(map(is_safe_line, lines)), lines


def target() -> Any:
    """Return the target of a call whose channel is never found."""
    channel = SimpleNamespace(channel_arn=None)
    return SimpleNamespace(channel=channel, channel_name="front-door", arn=lambda: asyncio.Event().wait())


# --- a picture


@given(changes=edits())
def test_any_answer_is_used_or_is_one_line(description, changes):
    refused: list[str] = []

    async def main() -> None:
        peer = new_peer_connection(None)
        peer.addTransceiver("video", direction="recvonly")
        await peer.setLocalDescription()
        try:
            await PictureCall(target())._accept(peer, Answer(edited(description, changes)))
        except NoVideo as error:
            refused.append(str(error))
        finally:
            await peer.close()

    run(main)
    assert all(map(is_safe_line, refused)), refused


@given(st.lists(st.tuples(texts, st.none() | texts, st.none() | st.integers()), max_size=5), st.integers(-1, 70_000))
def test_any_candidate_is_used_or_one_logged_line(candidates, port):
    async def main() -> None:
        peer = new_peer_connection(None)
        call = PictureCall(target())
        for line, mid, index in [(HOST.format(port=port), "0", 0), *candidates]:
            await call._add(peer, Candidate(line, mid, index))
        await peer.close()

    with safe_logs() as lines:
        run_bounded(main)
    assert any("port" in line for line in lines) == (not 1 <= port <= 65_535)


def test_candidates_of_one_peer_are_bounded_and_told_once(monkeypatch):
    added = []

    async def add(candidate: object) -> None:
        added.append(candidate)

    async def main() -> None:
        peer, call = new_peer_connection(None), PictureCall(target())
        monkeypatch.setattr(peer, "addIceCandidate", add)
        for port in range(1, 3 * MAX_CANDIDATES):
            await call._add(peer, Candidate(HOST.format(port=port), "0", 0))
        await peer.close()

    with safe_logs() as lines:
        run_bounded(main)
    assert len(added) == MAX_CANDIDATES
    assert lines == [f"front-door: a candidate was ignored: over {MAX_CANDIDATES} candidates"]


@given(texts, st.sampled_from([*BY_CODE, "Other"]) | texts)
def test_error_column_is_one_line(said, code):
    camera: Any = SimpleNamespace(channel_name="front-door", region="us-east-1", account_id="1", channel_arn="arn")
    for error in (from_code(code, said, operation="ConnectAsViewer", subject="front-door"), KVSError(f"X: {said}")):
        row = picture_row(camera, Shot(None, 0.0, "waiting", error))
        shown = [each for each in row if isinstance(each, str)]
        assert all(each.isprintable() and len(each) <= BOUND for each in shown), shown


@given(texts, texts)
def test_refusal_of_the_service_is_one_line(code, said):
    error = from_code(code, said, operation="SendSDPOffer", subject="the MASTER")
    assert str(error).isprintable()
    assert len(str(error)) <= BOUND
    assert len(error.code or "") <= MAX_LINE


# --- the test camera


class FakeClient:
    """A client that receives some messages and keeps what it sends."""

    def __init__(self, received: list[Any]) -> None:
        self._received = iter(received)
        self.answered: list[str] = []

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        for message in self._received:
            if isinstance(message, Exception):
                raise message
            return message
        raise StopAsyncIteration

    async def send_answer(self, _sdp: str, *, recipient_client_id: str) -> None:
        self.answered.append(recipient_client_id)


def serve(received: list[Any], monkeypatch: pytest.MonkeyPatch, viewers: Any = ()) -> tuple[FakeClient, list[str]]:
    """Run a test camera with these viewers and received messages; return its client and the viewers that are left."""

    async def no_servers(*_: object) -> None:
        return None

    async def main() -> tuple[FakeClient, list[str]]:
        camera = TestCamera(target(), FrameSource(TestPattern(*SIZE), FPS), None)
        camera._viewers.update(viewers)
        camera._client = client = FakeClient(received)
        await camera._serve("arn")
        while camera._tasks:
            await asyncio.gather(*camera._tasks)
        names = [*camera._viewers]
        await asyncio.gather(*(viewer.close() for viewer in camera._viewers.values()))
        return client, names

    with monkeypatch.context() as patch:
        patch.setattr(test_camera, "find_ice_servers", no_servers)
        return run_bounded(main)


names = st.sampled_from(["tablet", "phone", *HOSTILE.values()])
messages = st.one_of(
    st.builds(Offer, texts, names),
    st.builds(Candidate, texts, st.none() | texts, st.none() | st.integers(), names),
    st.builds(Unknown, texts, texts, names),
    st.builds(lambda code, said: from_code(code, said, operation="SendSDPAnswer"), texts, texts),
)


@given(received=st.lists(messages, max_size=12))
def test_test_camera_keeps_no_viewer_whose_offer_is_junk(received):
    with pytest.MonkeyPatch.context() as patch, safe_logs():
        try:
            client, viewers = serve(received, patch)
        except KVSError:
            assert any(isinstance(each, KVSError) for each in received)  # the last refusal, when signaling has ended
        else:
            assert viewers == client.answered


class IdleViewer:
    """A viewer in a state of its connection."""

    def __init__(self, state: str) -> None:
        self.peer = SimpleNamespace(connectionState=state)

    async def close(self) -> None:
        """Close nothing."""


@given(st.permutations(range(MAX_VIEWERS)), st.integers(1, 30))
def test_viewers_that_do_not_connect_displace_no_connected_one(order, strangers):
    states = ["connected", *["connecting"] * (MAX_VIEWERS - 1)]
    before = {f"viewer-{number}": IdleViewer(states[number]) for number in order}
    offers = [Offer("v=0 junk", f"stranger-{number}") for number in range(strangers)]
    with pytest.MonkeyPatch.context() as patch, safe_logs():
        _, after = serve(offers, patch, before)
    assert "viewer-0" in after
    assert len(after) == MAX_VIEWERS - 1


# --- ICE servers of the service


@given(
    st.sampled_from(["stun", "turn", "turns", "http", ""]),
    st.sampled_from(["192.0.2.9", "a.b", "[::1]", "", "a b", "a?b"]) | texts,
    st.sampled_from(["", ":0", ":443", ":70000", ":x"]),
    st.sampled_from(["", "?transport=udp", "?transport=tcp", "?transport=tls", "?x"]),
)
def test_each_url_of_an_ice_server_is_usable_or_ignored(scheme, host, port, transport):
    url = f"{scheme}:{host}{port}{transport}"
    with safe_logs() as lines:
        usable = usable_urls([url], "front-door")
    assert len(usable) + len(lines) == 1

    async def main() -> None:
        servers = [{"urls": each, "username": "user", "credential": "s3cret"} for each in usable]
        peer = new_peer_connection(servers)
        peer.addTransceiver("video", direction="recvonly")
        await peer.close()

    run_bounded(main)


# --- a view


@given(kind=st.sampled_from(["failed", "refused", "late"]), said=texts, code=texts)
def test_sentence_of_a_view_is_one_line(kind, said, code):
    sent: list[dict[str, Any]] = []

    async def main() -> None:
        session = ViewerSession(
            "call",
            target(),
            SimpleNamespace(close=lambda: asyncio.sleep(0), connected=False),
            lambda name, **members: sent.append({"kind": name, **members}),
            timeline=Timeline(),
            timeouts=Timeouts(),
        )
        if kind == "failed":
            session.take(PageReport("call", "failed", said, None))
        elif kind == "refused":
            with suppress(KVSError):
                session._receive_refusal(from_code(code, said, operation="SendSDPOffer"))
            session._start(fail(KVSError(said, code=code)))
        else:
            session._start(fail(TakenOver(said)))
        await session.run()
        assert is_safe_line(session.status)

    async def fail(error: Exception) -> None:
        raise error

    with safe_logs():
        run_bounded(main)
    assert all(is_safe_line(each["sentence"]) for each in sent)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(LIVE_STATISTICS, texts | st.sampled_from([10**400, 1e308, True])))))
def test_any_statistics_of_a_page_are_a_frame(rows):
    frame = statistics_frame(parse_page_message({"kind": "stats", "call": "c", "rows": rows}).rows)
    assert all(is_safe_line(each) for name in frame for each in frame[name] if isinstance(each, str))
    assert len(frame) == min(len(rows), MAX_ROWS)


@given(data=st.binary(max_size=60), cut=st.integers(0, 400), damage=st.tuples(st.integers(0, 200), st.integers(0, 255)))
def test_each_picture_of_a_page_is_image_or_no_video(data, cut, damage):
    png = io.BytesIO()
    Image.effect_noise((20, 20), 50).save(png, "PNG")
    at, value = damage
    damaged = bytearray(png.getvalue()[:cut])
    damaged[at : at + 1] = bytes([value])
    view: Any = SimpleNamespace(_channel_name="front-door", state="playing")
    for content in (data, bytes(damaged)):
        with suppress(NoVideo):
            assert LiveView._decode(view, content).size
