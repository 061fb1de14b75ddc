"""Diagrams: what was seen of a channel and of its peers, and nothing that was not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook.errors import InvalidInput, KVSError

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
LIFE = [(0, "CREATING"), (1, "CREATING"), (2, "ACTIVE"), (5, "UPDATING"), (7, "ACTIVE"), (8, "DELETING"), (11, None)]


def drawn(*looks):
    return kvs.diagrams.lifecycle([(BEGIN + timedelta(seconds=seconds), status) for seconds, status in looks])


def texts(chart):
    return [text.get_text() for axes in chart.figure.axes for text in axes.texts if text.get_text()]


def arrows(chart):
    """Where each arrow of a conversation begins and ends, left to right, from the top down."""
    axes = chart.figure.axes[0]
    return [
        (text.xyann[0], text.xy[0])
        for text in sorted(axes.texts, key=lambda text: -text.get_position()[1])
        if getattr(text, "arrow_patch", None) is not None
    ]


def is_a_picture(chart):
    with Image.open(BytesIO(chart._repr_png_())) as picture:
        return picture.size[0] == 700 and len(picture.convert("RGB").getcolors(100_000)) > 10


# --- the life of a channel


def test_a_life_is_drawn_with_the_seconds_between_what_was_seen():
    chart = drawn(*LIFE)
    assert chart.title == "CREATING, ACTIVE, UPDATING, ACTIVE, DELETING, gone: 11 s"
    said = [text.replace("\n", ", ") for text in texts(chart)]
    assert [text for text in said if "after" in text or text == "create"] == [
        "create",
        "after 2 s",
        "update, after 3 s",
        "after 2 s",
        "delete, after 1 s",
        "after 3 s",
    ]
    assert is_a_picture(chart)


def test_the_strip_below_is_as_long_as_each_status_was_seen():
    strip = drawn(*LIFE).figure.axes[1]
    assert [(bar.get_x(), bar.get_width()) for bar in strip.patches] == [(0, 2), (2, 3), (5, 2), (7, 1), (8, 3)]
    assert [label.get_text() for label in strip.get_xticklabels()] == ["0 s", "2 s", "5 s", "7 s", "8 s", "11 s"]


def test_what_happened_twice_is_one_arrow_with_both_times():
    chart = drawn((0, "ACTIVE"), (1, "UPDATING"), (4, "ACTIVE"), (5, "UPDATING"), (7, "ACTIVE"))
    assert "after 3 s and 2 s" in texts(chart)
    assert "create" not in texts(chart)


def test_no_arrow_leads_to_a_status_that_was_not_seen():
    chart = drawn((0, "CREATING"))
    assert [text for text in texts(chart) if "after" in text] == []
    assert chart.title == "CREATING: 0 s"
    assert is_a_picture(chart)


def test_a_change_of_status_that_nobody_expects_is_drawn_as_it_was_seen():
    assert "after 4 s" in texts(drawn((0, "DELETING"), (4, "ACTIVE")))


@pytest.mark.parametrize(
    ("looks", "said"), [([], "no look to draw"), ([(0, "BROKEN")], "Status 'BROKEN': a channel is")]
)
def test_what_is_no_life_is_refused(looks, said):
    with pytest.raises(InvalidInput, match=said):
        drawn(*looks)


def test_a_life_in_the_sandbox_is_drawn_as_long_as_the_sandbox_says():
    with kvs.Sandbox(
        clock="stepped", assumptions=kvs.Assumptions(creating_seconds=5, updating_seconds=1, deleting_seconds=2)
    ) as sandbox:
        here = sandbox.connection()
        row = kvs.create_channel("front-door", wait=False, connection=here)
        looks = [(here.now(), row["channel_status"].item())]
        while looks[-1][1] == "CREATING":
            row = kvs.describe_channel(row, connection=here)
            looks.append((here.now(), row["channel_status"].item()))
    assert kvs.diagrams.lifecycle(looks).title == "CREATING, ACTIVE: 4 s"  # the describe of create took the first


# --- a conversation


@pytest.fixture
def door(connection):
    return kvs.create_channel("front-door")


def play(scene):
    async def bounded():
        async with asyncio.timeout(30):
            return await scene()

    return asyncio.run(bounded())


async def offer_and_answer(door):
    async with (
        kvs.open_signaling(door, role="MASTER") as camera,
        kvs.open_signaling(door, client_id="tablet") as tablet,
    ):
        await tablet.send_offer("v=0")
        await anext(camera)
        await camera.send_answer("v=0", recipient_client_id="tablet")
        await anext(tablet)
        return kvs.diagrams.conversation(camera, tablet)


def test_a_call_is_drawn_from_whom_to_whom(door):
    chart = play(lambda: offer_and_answer(door))
    assert chart.title == "2 peers on front-door, 2 messages"
    assert arrows(chart) == [(2, 0), (0, 2)]
    assert texts(chart).count("connected") == 2
    assert {"MASTER", "VIEWER", "tablet", "front-door", "offer", "answer"} <= set(texts(chart))
    assert "not received" not in texts(chart)
    assert is_a_picture(chart)


def test_what_went_within_one_millisecond_is_drawn_in_the_order_of_sending(door, monkeypatch):
    monkeypatch.setattr("kvs_notebook.signaling.message_log.milliseconds", lambda moment: 1_767_603_600_000)
    assert arrows(play(lambda: offer_and_answer(door))) == [(2, 0), (0, 2)]


def test_a_message_that_none_of_them_has_received_ends_at_the_channel(door):
    async def scene():
        camera = kvs.open_signaling(door, role="MASTER")
        async with kvs.open_signaling(door, client_id="tablet") as tablet:
            await tablet.send_offer("v=0")
            return kvs.diagrams.conversation(camera, tablet)

    chart = play(scene)
    assert chart.title == "2 peers on front-door, 1 message, 1 not received"
    assert arrows(chart) == [(2, 1)]
    assert {"connected", "not connected", "not received"} <= set(texts(chart))


def test_of_two_masters_the_one_that_got_a_message_is_shown_to_have_it(door):
    async def scene():
        async with (
            kvs.open_signaling(door, role="MASTER") as first,
            kvs.open_signaling(door, role="MASTER") as second,
            kvs.open_signaling(door, client_id="tablet") as tablet,
        ):
            await tablet.send_offer("v=0")
            await anext(second)
            return kvs.diagrams.conversation(first, second, tablet)

    assert arrows(play(scene)) == [(3, 1)]


def test_a_message_goes_to_the_viewer_that_it_names(door):
    async def scene():
        async with (
            kvs.open_signaling(door, role="MASTER") as camera,
            kvs.open_signaling(door, client_id="tablet") as tablet,
            kvs.open_signaling(door, client_id="phone") as phone,
        ):
            await camera.send_offer("v=0", recipient_client_id="phone")
            await anext(phone)
            return kvs.diagrams.conversation(camera, tablet, phone)

    assert arrows(play(scene)) == [(0, 3)]


def test_one_side_alone_shows_what_it_got_as_coming_from_the_channel(sandbox, door):
    async def scene():
        async with (
            kvs.open_signaling(door, role="MASTER") as camera,
            kvs.open_signaling(door, client_id="tablet") as tablet,
        ):
            await tablet.send_offer("v=0")
            await anext(camera)
            return kvs.diagrams.conversation(camera)

    chart = play(scene)
    assert chart.title == "1 peer on front-door, 1 message"
    assert arrows(chart) == [(1, 0)]


def test_a_refusal_is_named_where_the_message_ended(door):
    async def scene():
        async with kvs.open_signaling(door, client_id="tablet") as tablet:
            kvs.delete_channel(door, wait=True)
            with pytest.raises(KVSError):
                await tablet.send_offer("v=0", refusal_timeout=5)
            return kvs.diagrams.conversation(tablet)

    chart = play(scene)
    assert "ResourceNotFoundException" in texts(chart)
    assert len(arrows(chart)) == 1


def test_peers_that_have_said_nothing_are_drawn_too(door):
    chart = kvs.diagrams.conversation(kvs.open_signaling(door, role="MASTER"))
    assert chart.title == "1 peer on front-door, 0 messages"
    assert is_a_picture(chart)


def test_a_conversation_is_on_one_channel(door, connection):
    other = kvs.create_channel("back-door")
    with pytest.raises(InvalidInput, match="on 0: give peers of one"):
        kvs.diagrams.conversation()
    with pytest.raises(InvalidInput, match="on 2: give peers of one"):
        kvs.diagrams.conversation(
            kvs.open_signaling(door, client_id="tablet"), kvs.open_signaling(other, client_id="tablet")
        )
