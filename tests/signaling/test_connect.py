"""Signaling: who may open it, on which loop, thread, kernel and process; and nothing of a signed URL comes out."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import boto3
import pandas as pd
import pytest
from IPython.core.ultratb import VerboseTB
from jupyter_client.manager import run_kernel

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.secret import Secret
from kvs_notebook.signaling import websocket
from kvs_notebook.signaling.connect import probe
from kvs_notebook.signaling.messages import Answer, Offer
from tests.connections import connect_session

BOUND_SECONDS = 30


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[kvs.Sandbox, Connection]]:
    """One sandbox for all that is asked here: starting it takes longer than what is asked."""
    with kvs.Sandbox(clock="stepped", quotas=False) as started:
        yield started, started.connection()


@pytest.fixture
def sandbox(shared) -> kvs.Sandbox:
    shared[0].reset()
    return shared[0]


@pytest.fixture
def connection(sandbox, shared, monkeypatch) -> Connection:
    """Its connection, which does not wait for its turn."""
    monkeypatch.setattr(shared[1].rate_limiter, "sleep", lambda _: None)
    set_current(shared[1])
    return shared[1]


@pytest.fixture
def channel(connection) -> pd.DataFrame:
    return kvs.create_channel("front-door")


@pytest.fixture
def quick(monkeypatch) -> None:
    """Let attempts to connect follow each other at once."""
    monkeypatch.setattr(websocket, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(websocket, "LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


@pytest.fixture
def signatures(monkeypatch) -> list[str]:
    """Every signature of a URL that is made to connect with."""
    made: list[str] = []
    sign = websocket.signed

    def signed(*given: Any) -> Secret:
        url = sign(*given)
        made.append(url.reveal().rpartition("=")[2])
        return url

    monkeypatch.setattr(websocket, "signed", signed)
    return made


def play(scene: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Play a scene on a loop of its own, within bounds."""

    async def bounded() -> Any:
        async with asyncio.timeout(BOUND_SECONDS):
            return await scene()

    return asyncio.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - whatever it is, nobody tells
        await asyncio.sleep(0.002)


async def call(camera: kvs.Peer, tablet: kvs.Peer, name: str) -> None:
    """An offer and its answer."""
    await tablet.send_offer(f"offer {name}")
    assert await anext(camera) == Offer(f"offer {name}", tablet.client_id)
    await camera.send_answer(f"answer {name}", recipient_client_id=str(tablet.client_id))
    assert await anext(tablet) == Answer(f"answer {name}")


# --- who


@pytest.mark.parametrize(
    ("channel", "arguments", "because"),
    [
        ("front door", {"client_id": "tablet"}, "' ' is not allowed"),
        ("front-door", {}, "A VIEWER needs a client id"),
        ("front-door", {"client_id": "aws_tablet"}, "the prefix AWS_ is AWS's own"),
        ("front-door", {"role": "MASTER", "client_id": "tablet"}, "a MASTER has none"),
        ("front-door", {"role": "master"}, "Did you mean 'MASTER'?"),
        (7, {"client_id": "tablet"}, "7 is a int"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_a_call(sandbox, connection, channel, arguments, because):
    with pytest.raises(errors.InvalidInput, match=re.escape(because)):
        kvs.open_signaling(channel, **arguments)
    assert sandbox.requests.empty


@pytest.fixture
def real(monkeypatch) -> Connection:
    """A real account, of which nobody is asked anything."""
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-east-1")
    made = connect_session(session, "us-east-1", allow_changes=True)
    monkeypatch.setattr(made, "call", lambda *_, **__: pytest.fail("something was sent"))
    return made


def test_nobody_takes_the_place_of_a_real_camera_without_saying_so(real):
    with pytest.raises(errors.ReadOnly, match="take_over=True where that is meant. Nothing was sent.") as raised:
        kvs.open_signaling("front-door", role="MASTER", connection=real)
    assert raised.value.operation == "ConnectAsMaster"
    assert repr(kvs.open_signaling("front-door", role="MASTER", take_over=True, connection=real)) == (
        "<Peer: MASTER on front-door, not connected>"
    )


def test_viewers_of_a_real_channel_and_masters_of_a_sandbox_need_no_such_word(real, connection):
    assert kvs.open_signaling("front-door", client_id="tablet", connection=real).role == "VIEWER"
    assert kvs.open_signaling("front-door", role="MASTER").role == "MASTER"


def test_the_newest_master_receives_and_the_one_before_is_not_told(channel):
    async def scene() -> None:
        async with (
            kvs.open_signaling(channel, role="MASTER") as before,
            kvs.open_signaling(channel, role="MASTER", take_over=True) as camera,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
        ):
            await call(camera, tablet, "1")
            assert before.messages.empty

    play(scene)


def test_a_probe_connects_once_as_a_viewer_with_an_id_of_its_own_and_leaves(sandbox, connection, channel):
    seconds = [play(lambda: probe("front-door", connection)) for _ in range(2)]
    assert all(0 < second < BOUND_SECONDS for second in seconds)
    served = sandbox.requests.query("operation.str.startswith('Connect')")
    assert served["operation"].tolist() == ["ConnectAsViewer"] * 2
    assert sandbox.send_notice("front-door", "RECONNECT_ICE_SERVER") == 0


NO_WEBSOCKETS = """
import asyncio, sys
sys.modules["websockets"] = None  # as where it is not installed
import kvs_notebook as kvs
from kvs_notebook.signaling.connect import probe
for attempt in (
    lambda: kvs.open_signaling("front-door", client_id="tablet"),
    lambda: asyncio.run(probe("front-door", None)),
):
    try:
        attempt()
    except kvs.errors.MissingExtra as error:
        print(error)
"""


def test_without_websockets_it_says_which_extra_is_missing():
    done = subprocess.run([sys.executable, "-c", NO_WEBSOCKETS], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(said.startswith("Signaling needs more than the core") for said in lines)
    assert all(said.endswith("pip install 'kvs-notebook[signaling]'") for said in lines)


# --- where


def test_many_pairs_talk_side_by_side_on_one_loop(connection):
    channels = [kvs.create_channel(f"door-{number}") for number in range(4)]

    async def pair(channel: pd.DataFrame) -> None:
        async with (
            kvs.open_signaling(channel, role="MASTER") as camera,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
            kvs.open_signaling(channel, client_id="phone") as phone,
        ):
            for number in range(5):
                await call(camera, tablet, f"{camera!r} {number}")
                await call(camera, phone, f"{camera!r} {number}")

    async def scene() -> None:
        await asyncio.gather(*map(pair, channels))

    play(scene)


def test_a_pair_talks_from_two_threads_with_loops_of_their_own(channel):
    async def camera() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as peer:
            for number in range(20):
                offer = await anext(peer)
                assert offer == Offer(f"{number}", "tablet")
                await peer.send_answer(offer.sdp, recipient_client_id=offer.sender_client_id)

    async def tablet() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as peer:
            for number in range(20):
                await peer.send_offer(f"{number}")
                assert await anext(peer) == Answer(f"{number}")

    failed: list[BaseException] = []

    def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            play(scene)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    threads = [threading.Thread(target=run, args=[scene]) for scene in (camera, tablet)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


CELLS = [
    """
import kvs_notebook as kvs
sandbox = kvs.use_sandbox(clock="stepped")
channel = kvs.create_channel("front-door")
camera = await kvs.open_signaling(channel, role="MASTER").open()
tablet = await kvs.open_signaling(channel, client_id="tablet").open()
""",
    "sent = await tablet.send_offer('v=0')",
    "print(await anext(camera))",
    """
sandbox.send_notice("front-door", "GO_AWAY")
await camera.send_answer("v=1", recipient_client_id="tablet")
async for message in tablet:
    print(message)
    break
""",
    """
import asyncio
while tablet.connects < 2:
    await asyncio.sleep(0.01)
await camera.close()
await tablet.close()
print(tablet, len(camera.messages.query("message_type != 'GO_AWAY'")))
""",
]


def test_a_notebook_opens_peers_in_one_cell_and_uses_them_in_others(tmp_path):
    said: list[str] = []
    with run_kernel(stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)}) as kernel:  # it is killed
        for cell in CELLS:
            reply = kernel.execute_interactive(
                cell, timeout=BOUND_SECONDS, output_hook=lambda message: said.append(message["content"].get("text", ""))
            )
            assert reply["content"]["status"] == "ok", reply["content"]
    assert "".join(said).splitlines() == [
        "Offer(sdp='v=0', sender_client_id='tablet')",
        "Answer(sdp='v=1', sender_client_id=None)",
        "<Peer: VIEWER tablet on front-door, not connected> 2",
    ]


CAMERA = """
import asyncio, sys
import kvs_notebook as kvs

async def main():
    with kvs.Sandbox(sys.argv[1]) as sandbox:  # joins the one that runs
        connection = sandbox.connection()
        async with kvs.open_signaling("front-door", role="MASTER", connection=connection) as camera:
            async for offer in camera:
                await camera.send_answer(offer.sdp + " answered", recipient_client_id=offer.sender_client_id)
                if offer.sdp == "the last":
                    print("left", flush=True)
                    return

asyncio.run(main())
"""


def test_two_processes_share_a_durable_sandbox_one_the_camera_and_one_the_viewer(tmp_path):
    with kvs.Sandbox(tmp_path, clock="stepped") as sandbox:
        connection = sandbox.connection()
        kvs.create_channel("front-door", connection=connection)

        async def scene() -> list[Any]:
            async with kvs.open_signaling("front-door", client_id="tablet", connection=connection) as tablet:
                await tablet.send_offer("the first, before the camera is there")
                camera = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", CAMERA, str(tmp_path), stdout=subprocess.PIPE
                )
                try:
                    answers = [await anext(tablet)]
                    await tablet.send_offer("the last")
                    answers.append(await anext(tablet))
                    said, _ = await camera.communicate()
                finally:
                    if camera.returncode is None:
                        camera.kill()
            assert (said.split(), camera.returncode) == ([b"left"], 0)
            return answers

        assert play(scene) == [Answer("the first, before the camera is there answered"), Answer("the last answered")]


# --- neither logs nor tracebacks hold a signed URL

SIGNED = re.compile("X-Amz-Signature=[0-9a-f]{64}")


def shown_by(error: BaseException) -> str:
    """Everything that a traceback with variables shows, IPython's and Python's own."""
    verbose = VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
    return verbose + "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_a_log_of_everything_holds_no_signature(sandbox, channel, quick, signatures, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "websockets.client", "botocore", "kvs_notebook", "asyncio", "urllib3", "uvicorn"):
        caplog.set_level(logging.DEBUG, name)

    async def scene() -> None:
        async with (
            kvs.open_signaling(channel, role="MASTER") as camera,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
        ):
            await call(camera, tablet, "1")
            sandbox.send_notice("front-door", "GO_AWAY")
            await until(lambda: (camera.connects, tablet.connects) == (2, 2))
            sandbox.deny("kinesisvideo:Connect*")
            with pytest.raises(errors.AccessDenied):
                await kvs.open_signaling(channel, client_id="another").open()

    play(scene)
    assert len(signatures) == 5
    assert "CanonicalRequest" in caplog.text
    assert not any(signature in caplog.text for signature in signatures)


def test_the_traceback_of_a_refused_connect_holds_no_signature(sandbox, channel, quick, signatures):
    async def scene(fault: str) -> str:
        sandbox.faults.clear()
        sandbox.faults.add("ConnectAsViewer", fault, times=None)
        with pytest.raises(errors.KVSError) as raised:
            await kvs.open_signaling(channel, client_id="tablet").open()
        return shown_by(raised.value)

    for fault in ("denied", "expired", "error", "reset", "throttle"):
        shown = play(lambda fault=fault: scene(fault))
        assert "websocket.py" in shown
        assert not SIGNED.search(shown)
        assert not any(signature in shown for signature in signatures)


def test_the_traceback_of_a_connect_that_takes_too_long_holds_no_signature(sandbox, channel, signatures):
    sandbox.faults.add("ConnectAsViewer", "delay", seconds=60)

    async def soon(limit: asyncio.Timeout) -> None:
        await until(lambda: signatures)
        limit.reschedule(asyncio.get_running_loop().time() + 0.5)

    async def scene() -> str:
        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(None) as limit:
                limiting = asyncio.create_task(soon(limit))
                await kvs.open_signaling(channel, client_id="tablet").open()
        await limiting
        await until(lambda: len(asyncio.all_tasks()) == 1)
        return shown_by(raised.value)

    shown = play(scene)
    assert "websocket.py" in shown
    assert len(signatures) == 1
    assert signatures[0] not in shown


def test_a_proxy_that_needs_a_package_is_told_without_the_url(channel, signatures, monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setitem(__import__("sys").modules, "python_socks", None)
    monkeypatch.setattr(websocket, "is_loopback", lambda _: False)

    async def scene() -> str:
        with pytest.raises(errors.MissingExtra, match="SOCKS proxy requires python-socks") as raised:
            await kvs.open_signaling(channel, client_id="tablet").open()
        return shown_by(raised.value)

    shown = play(scene)
    assert len(signatures) == 1
    assert signatures[0] not in shown
