"""Diagrams draw what was observed of a channel and its peers, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook.errors import InvalidInput, KVSError

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
OBSERVATIONS = [
    (0, "CREATING"),
    (1, "CREATING"),
    (2, "ACTIVE"),
    (5, "UPDATING"),
    (7, "ACTIVE"),
    (8, "DELETING"),
    (11, None),
]


def lifecycle(*observations):
    return kvs.diagrams.lifecycle([(BEGIN + timedelta(seconds=seconds), status) for seconds, status in observations])


def texts(chart):
    return [text.get_text() for axes in chart.figure.axes for text in axes.texts if text.get_text()]


def arrows(chart):
    """Return the columns that each arrow of a conversation begins and ends at, from the top down."""
    axes = chart.figure.axes[0]
    return [
        (text.xyann[0], text.xy[0])
        for text in sorted(axes.texts, key=lambda text: -text.get_position()[1])
        if getattr(text, "arrow_patch", None) is not None
    ]


def is_a_picture(chart):
    with Image.open(BytesIO(chart._repr_png_())) as picture:
        return picture.size[0] == 700 and len(picture.convert("RGB").getcolors(100_000)) > 10


# --- lifecycle of a channel


def test_lifecycle_labels_arrows_with_seconds():
    chart = lifecycle(*OBSERVATIONS)
    assert chart.title == "CREATING, ACTIVE, UPDATING, ACTIVE, DELETING, gone: 11 s"
    labels = [text.replace("\n", ", ") for text in texts(chart)]
    assert [text for text in labels if "after" in text or text == "create"] == [
        "create",
        "after 2 s",
        "update, after 3 s",
        "after 2 s",
        "delete, after 1 s",
        "after 3 s",
    ]
    assert is_a_picture(chart)


def test_lifecycle_strip_is_as_long_as_each_status():
    strip = lifecycle(*OBSERVATIONS).figure.axes[1]
    assert [(bar.get_x(), bar.get_width()) for bar in strip.patches] == [(0, 2), (2, 3), (5, 2), (7, 1), (8, 3)]
    assert [label.get_text() for label in strip.get_xticklabels()] == ["0 s", "2 s", "5 s", "7 s", "8 s", "11 s"]


def test_repeated_change_is_one_arrow_with_both_times():
    chart = lifecycle((0, "ACTIVE"), (1, "UPDATING"), (4, "ACTIVE"), (5, "UPDATING"), (7, "ACTIVE"))
    assert "after 3 s and 2 s" in texts(chart)
    assert "create" not in texts(chart)


def test_status_not_observed_has_no_arrow():
    chart = lifecycle((0, "CREATING"))
    assert [text for text in texts(chart) if "after" in text] == []
    assert chart.title == "CREATING: 0 s"
    assert is_a_picture(chart)


def test_unexpected_change_is_drawn_as_observed():
    assert "after 4 s" in texts(lifecycle((0, "DELETING"), (4, "ACTIVE")))


@pytest.mark.parametrize(
    ("observations", "message"),
    [([], "no observation to draw"), ([(0, "BROKEN")], "'BROKEN' is not a channel_status. Expected one of CREATING")],
)
def test_lifecycle_rejects_invalid_observations(observations, message):
    with pytest.raises(InvalidInput, match=message):
        lifecycle(*observations)


def test_lifecycle_in_sandbox_has_configured_seconds():
    with kvs.Sandbox(
        clock="stepped", assumptions=kvs.Assumptions(creating_seconds=5, updating_seconds=1, deleting_seconds=2)
    ) as sandbox:
        here = sandbox.connection()
        row = kvs.create_channel("front-door", wait=False, connection=here)
        observations = [(here.now(), row["channel_status"].item())]
        while observations[-1][1] == "CREATING":
            row = kvs.describe_channel(row, connection=here)
            observations.append((here.now(), row["channel_status"].item()))
    assert (
        kvs.diagrams.lifecycle(observations).title == "CREATING, ACTIVE: 4 s"
    )  # the describe of create took the first


# --- a conversation


@pytest.fixture
def channel(connection):
    return kvs.create_channel("front-door")


def run(scenario):
    async def bounded():
        async with asyncio.timeout(30):
            return await scenario()

    return asyncio.run(bounded())


async def offer_and_answer(channel):
    async with (
        kvs.open_signaling(channel, role="MASTER") as camera,
        kvs.open_signaling(channel, client_id="tablet") as tablet,
    ):
        await tablet.send_offer("v=0")
        await anext(camera)
        await camera.send_answer("v=0", recipient_client_id="tablet")
        await anext(tablet)
        return kvs.diagrams.conversation(camera, tablet)


def test_conversation_draws_sender_and_receiver(channel):
    chart = run(lambda: offer_and_answer(channel))
    assert chart.title == "2 peers on front-door, 2 messages"
    assert arrows(chart) == [(2, 0), (0, 2)]
    assert texts(chart).count("connected") == 2
    assert {"MASTER", "VIEWER", "tablet", "front-door", "offer", "answer"} <= set(texts(chart))
    assert "not received" not in texts(chart)
    assert is_a_picture(chart)


def test_messages_of_one_millisecond_keep_order_of_sending(channel, monkeypatch):
    monkeypatch.setattr("kvs_notebook.signaling.message_log.milliseconds", lambda moment: 1_767_603_600_000)
    assert arrows(run(lambda: offer_and_answer(channel))) == [(2, 0), (0, 2)]


def test_message_not_received_ends_at_channel(channel):
    async def scenario():
        camera = kvs.open_signaling(channel, role="MASTER")
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            await tablet.send_offer("v=0")
            return kvs.diagrams.conversation(camera, tablet)

    chart = run(scenario)
    assert chart.title == "2 peers on front-door, 1 message, 1 not received"
    assert arrows(chart) == [(2, 1)]
    assert {"connected", "not connected", "not received"} <= set(texts(chart))


def test_message_goes_to_master_that_received_it(channel):
    async def scenario():
        async with (
            kvs.open_signaling(channel, role="MASTER") as first,
            kvs.open_signaling(channel, role="MASTER") as second,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
        ):
            await tablet.send_offer("v=0")
            await anext(second)
            return kvs.diagrams.conversation(first, second, tablet)

    assert arrows(run(scenario)) == [(3, 1)]


def test_message_goes_to_viewer_it_names(channel):
    async def scenario():
        async with (
            kvs.open_signaling(channel, role="MASTER") as camera,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
            kvs.open_signaling(channel, client_id="phone") as phone,
        ):
            await camera.send_offer("v=0", recipient_client_id="phone")
            await anext(phone)
            return kvs.diagrams.conversation(camera, tablet, phone)

    assert arrows(run(scenario)) == [(0, 3)]


def test_message_of_unknown_sender_comes_from_channel(sandbox, channel):
    async def scenario():
        async with (
            kvs.open_signaling(channel, role="MASTER") as camera,
            kvs.open_signaling(channel, client_id="tablet") as tablet,
        ):
            await tablet.send_offer("v=0")
            await anext(camera)
            return kvs.diagrams.conversation(camera)

    chart = run(scenario)
    assert chart.title == "1 peer on front-door, 1 message"
    assert arrows(chart) == [(1, 0)]


def test_refused_message_ends_with_error_code(channel):
    async def scenario():
        async with kvs.open_signaling(channel, client_id="tablet") as tablet:
            kvs.delete_channel(channel, wait=True)
            with pytest.raises(KVSError):
                await tablet.send_offer("v=0", refusal_timeout=5)
            return kvs.diagrams.conversation(tablet)

    chart = run(scenario)
    assert "ResourceNotFoundException" in texts(chart)
    assert len(arrows(chart)) == 1


def test_peers_without_messages_are_lifecycle(channel):
    chart = kvs.diagrams.conversation(kvs.open_signaling(channel, role="MASTER"))
    assert chart.title == "1 peer on front-door, 0 messages"
    assert is_a_picture(chart)


def test_conversation_rejects_peers_of_several_channels(channel, connection):
    other = kvs.create_channel("back-door")
    with pytest.raises(InvalidInput, match="on 0 channels. Pass at least one peer"):
        kvs.diagrams.conversation()
    with pytest.raises(InvalidInput, match="on 2 channels. Pass at least one peer"):
        kvs.diagrams.conversation(
            kvs.open_signaling(channel, client_id="tablet"), kvs.open_signaling(other, client_id="tablet")
        )
