"""Signaling between a MASTER and its viewers over real WebSockets."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys

import pytest

import kvs_notebook as kvs
from kvs_notebook.sandbox.clock import ManualClock
from kvs_notebook.sandbox.signaling.message_queue import MASTER
from tests.sandbox.websocket_peer import ANSWER, CANDIDATE, OFFER, ChannelSignaling, payload, run


def sandbox_with(**assumed):
    assumptions = kvs.Assumptions(creating_seconds=0, updating_seconds=0, deleting_seconds=0, **assumed)
    return kvs.Sandbox(clock=ManualClock(), quotas=False, assumptions=assumptions)


@pytest.fixture(scope="module")
def shared():
    """Yield a channel of a sandbox for the file: starting one with TLS takes longer than most tests."""
    with sandbox_with() as started:
        yield ChannelSignaling(started)


@pytest.fixture
def signaling(shared):
    shared.begin_again()
    return shared


def server_of(sandbox):
    """Return the server of a sandbox in this process."""
    _, stop, _, _ = sandbox._stop.peek()
    return stop.__self__


def relay_and_loop(sandbox):
    """Return the relay of a sandbox in this process, and its event loop."""
    server = server_of(sandbox)
    return server.relay, server.asgi_server.loop


# --- recipients


def test_viewer_message_reaches_the_master_with_its_sender(signaling):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            await tablet.send(OFFER, "a question")
            frame = await camera.receive()
            assert frame == {"messagePayload": payload("a question"), "messageType": OFFER, "senderClientId": "tablet"}
            await camera.send(ANSWER, "an answer", to="tablet")
            assert await tablet.receive() == {"messagePayload": payload("an answer"), "messageType": ANSWER}

    run(talk())


def test_master_reaches_only_the_named_viewer(signaling):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet, signaling.peer("phone") as phone:
            await camera.send(OFFER, "to the phone", to="phone")
            await camera.send(OFFER, "to the tablet", to="tablet")
            assert await tablet.receive_many(1) == [(OFFER, "to the tablet")]
            assert await phone.receive_many(1) == [(OFFER, "to the phone")]

    run(talk())


@pytest.mark.parametrize("recipient", ["", "tablet", "phone", "MASTER"])
def test_recipient_named_by_a_viewer_is_ignored(signaling, recipient):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet, signaling.peer("phone") as phone:
            await tablet.send(OFFER, "hello", to=recipient)
            assert await camera.receive_many(1) == [(OFFER, "hello")]
            await camera.send(ANSWER, "first", to="phone")
            assert await phone.receive_many(1) == [(ANSWER, "first")]

    run(talk())


def test_c_client_spelling_and_unknown_members_are_accepted(signaling):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            frame = {"action": OFFER, "RecipientClientId": "", "MessagePayload": payload("c"), "CorrelationId": "1"}
            await tablet.socket.send(json.dumps(frame | {"IceServerList": [{"Uris": []}]}))
            assert await camera.receive_many(1) == [(OFFER, "c")]
            frame = {"action": ANSWER, "RecipientClientId": "tablet", "MessagePayload": payload("d")}
            await camera.socket.send(json.dumps(frame))
            assert await tablet.receive_many(1) == [(ANSWER, "d")]

    run(talk())


def test_payload_is_delivered_unchanged(signaling):
    async def talk():
        text = "gICAgA=="  # bytes that are no text in any encoding of ours
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            await tablet.socket.send(json.dumps({"action": CANDIDATE, "messagePayload": text}))
            assert (await camera.receive())["messagePayload"] == text

    run(talk())


def test_only_the_newest_master_receives_messages(signaling):
    async def talk():
        async with signaling.peer("tablet") as tablet, signaling.master() as first, signaling.master() as second:
            await tablet.send(OFFER, "to the newest")
            assert await second.receive_many(1) == [(OFFER, "to the newest")]
            await (await first.socket.ping())  # it stays open
            await second.socket.close()
            await first.send(CANDIDATE, "still here", to="tablet")
            assert await tablet.receive_many(1) == [(CANDIDATE, "still here")]

    run(talk())


def test_only_the_newest_peer_of_a_client_id_receives(signaling):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet"), signaling.peer("tablet") as second:
            await camera.send(OFFER, "to the newest", to="tablet")
            assert await second.receive_many(1) == [(OFFER, "to the newest")]

    run(talk())


def test_displaced_peer_can_be_closed():
    with sandbox_with(displaced_peer="closed") as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def talk():
            async with signaling.master() as first, signaling.master():
                assert await first.closed() == 1001

        run(talk())


# --- queued messages


def test_messages_sent_before_the_master_connects_keep_their_order(signaling):
    async def talk():
        async with signaling.peer("tablet") as tablet, signaling.peer("phone") as phone:
            await tablet.send(OFFER, "1")
            await tablet.send(CANDIDATE, "2")
            await (await tablet.socket.ping())
            await phone.send(OFFER, "3")
            await (await phone.socket.ping())
            async with signaling.master() as camera:
                assert await camera.receive_many(3) == [(OFFER, "1"), (CANDIDATE, "2"), (OFFER, "3")]
            async with signaling.master() as camera:  # each is delivered once
                await tablet.send(CANDIDATE, "4")
                assert await camera.receive_many(1) == [(CANDIDATE, "4")]

    run(talk())


def test_message_expires_by_the_ttl_when_it_was_sent(signaling):
    async def talk():
        async with signaling.peer("tablet") as tablet:
            await tablet.send(CANDIDATE, "sent at 60")
            await (await tablet.socket.ping())
            kvs.update_channel("front-door", message_ttl_seconds=10, connection=signaling.connection)
            await tablet.send(CANDIDATE, "sent at 10")
            await (await tablet.socket.ping())
            signaling.sandbox.advance(59)
            async with signaling.master() as camera:
                assert await camera.receive_many(1) == [(CANDIDATE, "sent at 60")]
            await tablet.send(CANDIDATE, "late")
            await (await tablet.socket.ping())
            signaling.sandbox.advance(10)
            async with signaling.master() as camera:
                await tablet.send(CANDIDATE, "new")
                assert await camera.receive_many(1) == [(CANDIDATE, "new")]

    run(talk())


@pytest.mark.parametrize("kind", [OFFER, ANSWER])
def test_newer_offer_or_answer_replaces_a_queued_one(signaling, kind):
    async def talk():
        async with signaling.peer("tablet") as tablet, signaling.peer("phone") as phone:
            await phone.send(kind, "from the phone")
            await (await phone.socket.ping())
            for text in ("old", "new"):
                await tablet.send(kind, text)
                await tablet.send(CANDIDATE, f"with {text}")
            await (await tablet.socket.ping())
            async with signaling.master() as camera:
                expected = [(kind, "from the phone"), (CANDIDATE, "with old"), (kind, "new"), (CANDIDATE, "with new")]
                assert await camera.receive_many(4) == expected

    run(talk())


def test_queue_may_keep_only_the_latest_candidate():
    with sandbox_with(queued_candidates="latest") as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def talk():
            async with signaling.peer("tablet") as tablet:
                for text in ("old", "new"):
                    await tablet.send(CANDIDATE, text)
                await tablet.send(OFFER, "last")
                await (await tablet.socket.ping())
                async with signaling.master() as camera:
                    assert await camera.receive_many(2) == [(CANDIDATE, "new"), (OFFER, "last")]

        run(talk())


def test_message_waits_for_a_viewer_that_never_connected(signaling):
    async def talk():
        async with signaling.master() as camera:
            await camera.send(OFFER, "when you come", to="later")
            await (await camera.socket.ping())
            async with signaling.peer("later") as later:
                assert await later.receive_many(1) == [(OFFER, "when you come")]

    run(talk())


SERVE = """
import sys, kvs_notebook as kvs
sandbox = kvs.Sandbox(sys.argv[1], quotas=False, assumptions=kvs.Assumptions(creating_seconds=0))
print("up", flush=True)
sys.stdin.read()
"""


def test_message_to_a_just_broken_connection_is_queued(signaling, caplog):
    async def talk():
        relay, loop = relay_and_loop(signaling.sandbox)

        async def break_and_send():
            there = {peer.client_id: peer for peer in relay.peers}
            there["tablet"].connection._protocol.transport.abort()
            for number in range(8):  # before the relay is told
                frame = {"action": CANDIDATE, "messagePayload": payload(str(number)), "recipientClientId": "tablet"}
                await relay.receive(there[MASTER], json.dumps(frame))

        async with signaling.master(), signaling.peer("tablet") as tablet:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(break_and_send(), loop))
            await tablet.closed()
            async with signaling.peer("tablet") as again:
                assert await again.receive_many(8) == [(CANDIDATE, str(number)) for number in range(8)]

    run(talk())
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_queued_messages_survive_a_kill_until_their_ttl(tmp_path):
    state = tmp_path / "state"
    serving = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert serving.stdin is not None
    assert serving.stdout is not None
    assert serving.stdout.readline() == "up\n"
    with kvs.Sandbox(state) as joined:

        async def send(signaling):
            async with signaling.peer("tablet") as tablet:
                await tablet.send(OFFER, "1")
                await tablet.send(CANDIDATE, "2")
                await (await tablet.socket.ping())

        run(send(ChannelSignaling(joined)))
        serving.kill()
        serving.wait(20)
        serving.stdin.close()
        serving.stdout.close()
    left = shutil.copytree(state, tmp_path / "copy")
    for found, later, kept in ((state, 0, [(OFFER, "1"), (CANDIDATE, "2")]), (left, 61, [])):
        with kvs.Sandbox(found, quotas=False) as sandbox:
            sandbox.advance(later)

            async def receive(signaling, kept):
                async with signaling.master() as camera, signaling.peer("phone") as phone:
                    await phone.send(OFFER, "after all")
                    assert await camera.receive_many(len(kept) + 1) == [*kept, (OFFER, "after all")]

            signaling = ChannelSignaling(sandbox)
            run(receive(signaling, kept))


# --- errors


REFUSED = {
    "10,001 characters": ({"messagePayload": "A" * 10_001}, "InvalidArgumentException"),
    "no base64": ({"messagePayload": "not base64!"}, "InvalidArgumentException"),
    "base64 cut short": ({"messagePayload": "abcde"}, "InvalidArgumentException"),
    "no payload": ({"messagePayload": None}, "InvalidArgumentException"),
    "an empty payload": ({"messagePayload": ""}, "InvalidArgumentException"),
    "an unknown action": ({"action": "SDP_QUESTION"}, "InvalidArgumentException"),
    "no action": ({"action": None}, "InvalidArgumentException"),
    "no recipient": ({"recipientClientId": None}, "InvalidArgumentException"),
    "an invalid recipient": ({"recipientClientId": "a b"}, "InvalidArgumentException"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_rejected_message_is_reported_to_its_sender_only(signaling, why):
    wrong, code = REFUSED[why]
    frame = {"action": OFFER, "messagePayload": payload(), "recipientClientId": "tablet"} | wrong

    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            await camera.socket.send(json.dumps(frame))  # without correlation id: no response
            await camera.socket.send(json.dumps(frame | {"correlationId": "mine-1"}))
            status = await camera.status()
            assert (status["correlationId"], status["errorType"], status["statusCode"]) == ("mine-1", code, "400")
            assert 0 < len(status["description"]) <= 1024
            await camera.send(ANSWER, "all is well", to="tablet", correlationId="mine-2")
            assert await tablet.receive_many(1) == [(ANSWER, "all is well")]

    run(talk())


def test_longest_payload_is_delivered(signaling):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            await tablet.socket.send(json.dumps({"action": OFFER, "messagePayload": "A" * 10_000}))
            assert len((await camera.receive())["messagePayload"]) == 10_000

    run(talk())


@pytest.mark.parametrize(("kind", "rate"), [(OFFER, 5), (ANSWER, 5), (CANDIDATE, 20)])
def test_connection_is_limited_per_message_type(kind, rate):
    with kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def talk():
            async with signaling.master() as camera, signaling.peer("tablet") as tablet:
                for number in range(3 * rate):
                    await tablet.send(kind, str(number), correlationId=f"n-{number}")
                status = await tablet.status()
                assert (status["errorType"], status["statusCode"]) == ("ClientLimitExceededException", "400")
                assert int(status["correlationId"].removeprefix("n-")) >= rate
                assert [text for _, text in await camera.receive_many(rate)] == [str(number) for number in range(rate)]

        run(talk())


def test_full_queue_rejects_its_sender_only():
    with sandbox_with(queued_messages=3) as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def talk():
            async with signaling.peer("tablet") as tablet, signaling.peer("phone") as phone:
                for number in range(4):
                    await tablet.send(CANDIDATE, str(number), correlationId=f"n-{number}")
                status = await tablet.status()
                assert (status["correlationId"], status["errorType"]) == ("n-3", "ClientLimitExceededException")
                await phone.send(CANDIDATE, "from the phone")
                await (await phone.socket.ping())
                async with signaling.master() as camera:
                    assert [text for _, text in await camera.receive_many(4)] == ["0", "1", "2", "from the phone"]

        run(talk())


def test_message_to_an_absent_viewer_can_be_rejected():
    with sandbox_with(absent_viewer="not_found") as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def talk():
            async with signaling.master() as camera:
                await camera.send(OFFER, to="absent", correlationId="x")
                status = await camera.status()
                assert (status["errorType"], status["statusCode"]) == ("ResourceNotFoundException", "404")

        run(talk())


def test_deleted_channel_rejects_messages(signaling):
    async def talk():
        async with signaling.peer("tablet") as tablet:
            kvs.delete_channel(signaling.channel, connection=signaling.connection)
            await tablet.send(OFFER, correlationId="x")
            assert (await tablet.status())["errorType"] == "ResourceNotFoundException"

    run(talk())


def test_recreated_channel_rejects_peers_of_the_old_one(signaling):
    async def talk():
        async with signaling.peer("tablet") as tablet:
            kvs.delete_channel(signaling.channel, connection=signaling.connection)
            signaling.sandbox.advance(60)
            kvs.create_channel("front-door", connection=signaling.connection)
            await tablet.send(OFFER, correlationId="x")
            assert (await tablet.status())["errorType"] == "ResourceNotFoundException"

    run(talk())


# --- time


def test_idle_connection_is_closed_unless_it_pings(signaling):
    async def talk():
        async with signaling.peer("silent") as silent, signaling.peer("pinging") as pinging:
            signaling.sandbox.advance(599)
            await (await pinging.socket.ping())
            signaling.sandbox.advance(1)
            assert await silent.closed() == 1001
            await (await pinging.socket.ping())

    run(talk())


def test_go_away_is_followed_by_a_close_after_one_minute(signaling):
    async def talk():
        async with signaling.peer("tablet") as tablet:
            for _ in range(7):
                await (await tablet.socket.ping())
                signaling.sandbox.advance(3600 / 7 + 1)
            assert await tablet.receive() == {"messageType": "GO_AWAY"}
            signaling.sandbox.advance(59)
            await (await tablet.socket.ping())
            signaling.sandbox.advance(1)
            assert await tablet.closed() == 1001

    run(talk())


@pytest.mark.parametrize("notice", ["GO_AWAY", "RECONNECT_ICE_SERVER"])
def test_send_notice_reaches_every_peer(signaling, notice):
    async def talk():
        async with signaling.master() as camera, signaling.peer("tablet") as tablet:
            assert signaling.sandbox.send_notice("front-door", notice) == 2
            assert await camera.receive() == await tablet.receive() == {"messageType": notice}

    run(talk())
    assert signaling.sandbox.send_notice("back-door", notice) == 0
    with pytest.raises(kvs.errors.InvalidInput, match="Expected one of: GO_AWAY, RECONNECT_ICE_SERVER"):
        signaling.sandbox.send_notice("front-door", "HELLO")


def test_reset_closes_connections_and_deletes_messages(signaling):
    async def talk():
        async with signaling.peer("tablet") as tablet:
            await tablet.send(OFFER)
            await (await tablet.socket.ping())
            signaling.sandbox.reset()
            assert await tablet.closed() == 1001

    run(talk())
    assert kvs.list_channels(connection=signaling.connection).empty
    again = ChannelSignaling(signaling.sandbox)

    async def nothing_waits():
        async with again.master() as camera, again.peer("tablet") as tablet:
            await tablet.send(CANDIDATE, "first")
            assert await camera.receive_many(1) == [(CANDIDATE, "first")]

    run(nothing_waits())


def test_status_response_has_only_the_services_members(signaling):
    async def talk():
        async with signaling.master() as camera:
            await camera.send("SDP_QUESTION", to="a", correlationId="x")
            frame = await camera.receive()
            assert set(frame) == {"messageType", "statusResponse"}
            assert set(frame["statusResponse"]) == {
                "correlationId",
                "errorType",
                "statusCode",
                "success",
                "description",
            }

    run(talk())
