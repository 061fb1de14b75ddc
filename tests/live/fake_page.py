"""A page without a browser: it receives what the kernel sends to a view, and sends what a page would."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from kvs_notebook.live.view_widget import LiveView

SECONDS = 15
"""How long a message may take on a busy machine."""

CANDIDATE = {"candidate": "candidate:1 1 udp 2122260223 127.0.0.1 50000 typ host", "sdpMid": "0", "sdpMLineIndex": 0}

_calls = itertools.count(1)


class Pages:
    """All pages that show a view; each of them receives every message."""

    def __init__(self, view: LiveView) -> None:
        self.view = view
        self.received: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        view.send = self._receive

    def _receive(self, content: dict[str, Any], buffers: object = None) -> None:
        with self._changed:
            self.received.append(content)
            self._changed.notify_all()

    def wait(self, kind: str, **members: object) -> dict[str, Any]:
        """Return the first message of this kind with these members, and forget it and those before it."""
        return self.wait_for(lambda each: each["kind"] == kind and members.items() <= each.items(), f"{kind} {members}")

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], name: str) -> dict[str, Any]:
        def index() -> int:
            return next((at + 1 for at, each in enumerate(self.received) if wanted(each)), 0)

        with self._changed:
            found = self._changed.wait_for(index, SECONDS)
            assert found, f"{name} did not come; after it came {self.received}"
            message = self.received[found - 1]
            del self.received[:found]
            return message

    def send(self, kind: str, **members: object) -> None:
        """Send a message, as the only page or in the name of a call."""
        self.view._handle_custom_msg({"kind": kind, **members}, [])


class Page:
    """One page with a call."""

    def __init__(self, view: LiveView, pages: Pages | None = None) -> None:
        self.view = view
        self.pages = pages or Pages(view)
        self.call = ""

    def start(self, invitation: str | None = None) -> Page:
        self.call = f"call-{next(_calls)}"
        self.send("start", invitation=invitation)
        return self

    def send(self, kind: str, buffers: list[bytes] | None = None, **members: object) -> None:
        self.view._handle_custom_msg({"kind": kind, "call": self.call, **members}, buffers or [])

    def wait(self, kind: str, **members: object) -> dict[str, Any]:
        return self.pages.wait(kind, call=self.call, **members)

    def wait_state(self, state: str) -> str:
        """Return the sentence of this state when it is reached."""
        return str(self.wait("state", state=state)["sentence"])


def answer_call(camera: Page, viewer: Page) -> str:
    """Exchange offer and answer between two pages that are ready; return the viewer's client id."""
    viewer.send("description", sdp="v=0 offer")
    name = str(camera.wait("offer", sdp="v=0 offer")["viewer"])
    camera.send("state", state="connecting", viewer=name)
    camera.send("description", viewer=name, sdp="v=0 answer")
    assert viewer.wait("answer")["sdp"] == "v=0 answer"
    return name


def play(camera: Page, viewer: Page) -> str:
    """Start both pages, and connect them until video plays; return the viewer's client id."""
    camera.start().wait("ready")
    viewer.start().wait("ready")
    name = answer_call(camera, viewer)
    for page, members in ((camera, {"viewer": name}), (viewer, {})):
        page.send("state", state="connected", **members)
        page.send("state", state="playing", **members)
        page.wait_state("playing")
    return name
