"""Tests of open_signaling(): who may open it, and on which loop, thread, kernel and process."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import boto3
import pandas as pd
import pytest
from jupyter_client.manager import run_kernel

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.connection import Connection
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.messages import Answer, Offer
from tests.connections import connect_session
from tests.signaling.event_loop import (
    BOUND_SECONDS,
    run_bounded,
)


async def exchange(camera: SignalingClient, tablet: SignalingClient, name: str) -> None:
    """Exchange an offer and its answer."""
    await tablet.send_offer(f"offer {name}")
    assert await anext(camera) == Offer(f"offer {name}", tablet.client_id)
    await camera.send_answer(f"answer {name}", recipient_client_id=str(tablet.client_id))
    assert await anext(tablet) == Answer(f"answer {name}")


# --- arguments and roles


@pytest.mark.parametrize(
    ("channel", "arguments", "because"),
    [
        ("front door", {"client_id": "tablet"}, "' ' is not allowed"),
        ("front-door", {}, "A VIEWER needs a client id"),
        ("front-door", {"client_id": "aws_tablet"}, "has the prefix AWS_, reserved by AWS"),
        ("front-door", {"role": "MASTER", "client_id": "tablet"}, "was given for a MASTER, which has none"),
        ("front-door", {"role": "master"}, "Did you mean 'MASTER'?"),
        (7, {"client_id": "tablet"}, "7 has type int"),
    ],
)
def test_open_signaling_refuses_invalid_arguments_before_any_call(sandbox, connection, channel, arguments, because):
    with pytest.raises(errors.InvalidInput, match=re.escape(because)):
        kvs.open_signaling(channel, **arguments)
    assert sandbox.requests.empty


@pytest.fixture
def real_account(monkeypatch) -> Connection:
    """Return a connection to a real account that fails the test if a call is sent."""
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-east-1")
    made = connect_session(session, "us-east-1", allow_changes=True)
    monkeypatch.setattr(made, "call", lambda *_, **__: pytest.fail("a call was sent"))
    return made


def test_master_on_real_account_needs_take_over(real_account):
    with pytest.raises(errors.ReadOnly, match="displaces the one that is connected.*Pass take_over=True") as raised:
        kvs.open_signaling("front-door", role="MASTER", connection=real_account)
    assert raised.value.operation == "ConnectAsMaster"
    assert repr(kvs.open_signaling("front-door", role="MASTER", take_over=True, connection=real_account)) == (
        "<SignalingClient: MASTER on front-door, not connected>"
    )


def test_viewer_and_sandbox_master_need_no_take_over(real_account, connection):
    assert kvs.open_signaling("front-door", client_id="tablet", connection=real_account).role == "VIEWER"
    assert kvs.open_signaling("front-door", role="MASTER").role == "MASTER"


def test_newest_master_receives_and_older_one_is_not_notified(channel):
    async def main() -> None:
        async with (
            kvs.open_signaling(channel, role="MASTER") as before,
            kvs.open_signaling(channel, role="MASTER", take_over=True) as camera,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
        ):
            await exchange(camera, tablet, "1")
            assert before.messages.empty

    run_bounded(main)


NO_WEBSOCKETS = """
import asyncio, sys
sys.modules["websockets"] = None  # as if it were not installed
import kvs_notebook as kvs
from kvs_notebook.signaling.client import SignalingClient
from kvs_notebook.signaling.probe import probe_channel
for attempt in (
    lambda: kvs.open_signaling("front-door", client_id="tablet"),
    lambda: asyncio.run(probe_channel("front-door", None)),
):
    try:
        attempt()
    except kvs.errors.MissingExtra as error:
        print(error)
"""


def test_missing_websockets_names_the_extra_to_install():
    done = subprocess.run([sys.executable, "-c", NO_WEBSOCKETS], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(said.startswith("Signaling requires optional dependencies") for said in lines)
    assert all(said.endswith("pip install 'kvs-notebook[signaling]'") for said in lines)


# --- event loops, threads, kernels and processes


def test_many_pairs_share_one_event_loop(connection):
    channels = [kvs.create_channel(f"door-{number}") for number in range(4)]

    async def pair(channel: pd.DataFrame) -> None:
        async with (
            kvs.open_signaling(channel, role="MASTER") as camera,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
            kvs.open_signaling(channel, client_id="phone") as phone,
        ):
            for number in range(5):
                await exchange(camera, tablet, f"{camera!r} {number}")
                await exchange(camera, phone, f"{camera!r} {number}")

    async def main() -> None:
        await asyncio.gather(*map(pair, channels))

    run_bounded(main)


def test_pair_on_two_threads_with_own_loops(channel):
    async def camera() -> None:
        async with kvs.open_signaling(channel, role="MASTER") as client:
            for number in range(20):
                offer = await anext(client)
                assert offer == Offer(f"{number}", "tablet")
                await client.send_answer(offer.sdp, recipient_client_id=offer.sender_client_id)

    async def tablet() -> None:
        async with kvs.open_signaling(channel, client_id="tablet") as client:
            for number in range(20):
                await client.send_offer(f"{number}")
                assert await anext(client) == Answer(f"{number}")

    failed: list[BaseException] = []

    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            run_bounded(main)
        except BaseException as error:  # noqa: BLE001 - the test reports it
            failed.append(error)

    threads = [threading.Thread(target=run, args=[main]) for main in (camera, tablet)]
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


def test_notebook_uses_clients_across_cells(tmp_path):
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
        "<SignalingClient: VIEWER tablet on front-door, not connected> 2",
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
                    print("closed", flush=True)
                    return

asyncio.run(main())
"""


def test_camera_and_viewer_in_two_processes_share_a_sandbox(tmp_path):
    with kvs.Sandbox(tmp_path, clock="stepped") as sandbox:
        connection = sandbox.connection()
        kvs.create_channel("front-door", connection=connection)

        async def main() -> list[Any]:
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
            assert (said.split(), camera.returncode) == ([b"closed"], 0)
            return answers

        assert run_bounded(main) == [
            Answer("the first, before the camera is there answered"),
            Answer("the last answered"),
        ]
