"""What leaves the kernel and what is kept: passwords of TURN servers go to the page that calls, no other secret goes anywhere."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import comm
import pytest

import kvs_notebook as kvs
from kvs_notebook.live.view_widget import LiveView
from kvs_notebook.signaling import websocket
from tests.live.fake_page import CANDIDATE, Page, Pages, answer_call, play

WITH_SERVERS = {"ready", "offer"}
"""The kinds of messages that carry ICE servers."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Record every message that a widget sends through its comm: its model, changes of the model, and its own messages."""
    recorded: list[dict[str, Any]] = []

    class RecordingComm(comm.DummyComm):
        def publish_msg(self, msg_type: str, data: Mapping[str, Any] | None = None, **_: Any) -> None:
            recorded.append({"type": msg_type, "data": json.loads(json.dumps(data, default=repr))})

    monkeypatch.setattr(comm, "create_comm", RecordingComm)  # a test that ran before may have imported the kernel's
    return recorded


@pytest.fixture
def signed_urls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the signed URLs with which clients connect."""
    recorded: list[str] = []
    presign = websocket.presign_websocket_url

    def record(*arguments: Any) -> Any:
        url = presign(*arguments)
        recorded.append(url.reveal())
        return url

    monkeypatch.setattr(websocket, "presign_websocket_url", record)
    return recorded


class RealSend(Pages):
    """Pages that receive what the view really sends."""

    def __init__(self, view: LiveView) -> None:
        send = view.send
        super().__init__(view)
        receive = view.send

        def send_and_receive(content: dict[str, Any], buffers: Any = None) -> None:
            send(content, buffers)
            receive(content, buffers)

        view.send = send_and_receive


@pytest.fixture
def pages(sandbox, channel) -> Iterator[tuple[Page, Page]]:
    """Yield the pages of a camera and of a viewer."""
    views = [kvs.live.camera("front-door"), kvs.live.viewer("front-door")]
    yield Page(views[0], RealSend(views[0])), Page(views[1], RealSend(views[1]))
    for view in views:
        view.close()


def passwords_of(sent: list[dict[str, Any]]) -> set[str]:
    """Return the passwords of all ICE servers that were sent."""
    contents = [each["data"].get("content", {}) for each in sent if each["data"].get("method") == "custom"]
    return {server["credential"] for each in contents for server in each.get("servers", []) if "credential" in server}


def whole_call(camera: Page, viewer: Page) -> None:
    """Play, exchange candidates and statistics, call again, and stop."""
    name = play(camera, viewer)
    viewer.send("candidate", candidate=CANDIDATE)
    camera.wait("candidate", viewer=name)
    viewer.send("stats", rows=[{"codec": "VP8"}])
    viewer.start().wait("ready")
    answer_call(camera, viewer)
    for page in (camera, viewer):
        page.view.stop()


def test_only_messages_that_carry_servers_hold_a_password(sent, signed_urls, pages, connection):
    whole_call(*pages)
    passwords, secret_key = (
        passwords_of(sent),
        connection.credentials().secret_key,
    )
    signatures = [url.partition("X-Amz-Signature=")[2][:64] for url in signed_urls]
    assert len(passwords) >= 2
    assert len(signatures) == 3
    for message in sent:
        text = json.dumps(message)
        assert not [each for each in (secret_key, *signatures, "X-Amz-") if each in text]
        if any(password in text for password in passwords):
            content = message["data"]["content"]
            assert (message["data"]["method"], content["kind"] in WITH_SERVERS, bool(content["call"])) == (
                "custom",
                True,
                True,
            )


def test_nothing_that_is_saved_or_shown_holds_a_password(sent, pages):
    camera, viewer = pages
    play(camera, viewer)
    passwords = passwords_of(sent)
    assert passwords
    for view in (camera.view, viewer.view):
        kept = (
            view.get_state(),
            view._repr_mimebundle_(),
            repr(view),
            view.status,
            view.stats,
            view.timeline,
            view.client,
        )
        assert not [each for each in passwords if each in repr(kept)]
        assert not [each for each in passwords if each in view.client.messages.to_csv()]


def test_debug_logs_of_all_libraries_hold_no_secret(sent, signed_urls, pages, connection, caplog):
    with caplog.at_level(logging.DEBUG):
        whole_call(*pages)
    logged = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    loggers = {record.name.partition(".")[0] for record in caplog.records}
    secret_key = connection.credentials().secret_key
    signatures = re.findall("X-Amz-Signature=([0-9a-f]{64})", " ".join(signed_urls))
    assert {"botocore", "kvs_notebook"} <= loggers
    assert len(signatures) == 3
    assert not [each for each in (secret_key, *signatures, *passwords_of(sent)) if each in logged]
