"""Expiry, order and capacity of queued messages."""

from __future__ import annotations

import pytest

from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.signaling import message_queue
from kvs_notebook.sandbox.signaling.message_queue import MASTER, MessageQueue, QueuedMessage

LATEST_ONLY = frozenset({"SDP_OFFER", "SDP_ANSWER"})


class QueueFixture:
    """A message queue with two channels; times are in milliseconds."""

    def __init__(self, backend, capacity=1000):
        self.backend = backend
        self.channels = [backend.service.store.find(*self._key(backend.create(name))).id for name in ("front", "back")]
        self.messages = MessageQueue(backend.store, capacity=capacity, latest_only=LATEST_ONLY)

    def _key(self, arn):
        return self.backend.caller.account_id, self.backend.caller.region, arn.split("/")[1]

    def put(self, text, sender="a", recipient=MASTER, kind="ICE_CANDIDATE", *, at=0, until=1000, channel=0):
        message = QueuedMessage(sender, recipient, kind, text)
        return self.messages.put(self.channels[channel], message, expires_ms=until, now_ms=at)

    def take(self, recipient=MASTER, *, at=0, channel=0):
        """Remove the queued messages, oldest first, and return their payloads."""
        texts = []
        while (waiting := self.messages.first(self.channels[channel], recipient, now_ms=at)) is not None:
            number, message = waiting
            self.messages.remove(number)
            texts.append(message.payload)
        return texts


@pytest.fixture
def queue(backend):
    return QueueFixture(backend)


def test_message_round_trips(queue):
    message = QueuedMessage("a", MASTER, "SDP_OFFER", "eyJ9")
    queue.messages.put(queue.channels[0], message, expires_ms=1000, now_ms=0)
    number, found = queue.messages.first(queue.channels[0], MASTER, now_ms=0)
    assert found == message
    assert queue.messages.first(queue.channels[0], MASTER, now_ms=0) == (number, message), (
        "it waits until it is removed"
    )
    queue.messages.remove(number)
    assert queue.messages.first(queue.channels[0], MASTER, now_ms=0) is None


def test_oldest_message_comes_first_for_all_senders(queue):
    for text, sender in (("1", "a"), ("2", "b"), ("3", "a")):
        queue.put(text, sender)
    assert queue.take() == ["1", "2", "3"]


def test_each_recipient_gets_its_own_messages(queue):
    queue.put("to the master")
    queue.put("to a", MASTER, "a")
    queue.put("to b", MASTER, "b")
    queue.put("to the other channel", channel=1)
    assert queue.take("a") == ["to a"]
    assert queue.take("A") == []
    assert queue.take() == ["to the master"]
    assert queue.take(channel=1) == ["to the other channel"]
    assert queue.take("b") == ["to b"]


@pytest.mark.parametrize(("at", "found"), [(0, ["short", "long"]), (9, ["short", "long"]), (10, ["long"]), (20, [])])
def test_message_waits_until_it_expires(queue, at, found):
    queue.put("short", until=10)
    queue.put("long", until=20)
    assert queue.take(at=at) == found


def test_messages_expire_independently_of_their_order(queue):
    queue.put("1", until=30)
    queue.put("2", until=10)
    queue.put("3", until=20)
    assert queue.take(at=15) == ["1", "3"]


def test_expired_messages_are_deleted_by_the_next_put(queue):
    queue.put("over", until=10)
    queue.put("elsewhere", until=10, channel=1)
    queue.put("new", at=10)
    left = queue.backend.store.db.execute("SELECT payload FROM messages ORDER BY id").fetchall()
    assert left == [("elsewhere",), ("new",)]


@pytest.mark.parametrize("kind", sorted(LATEST_ONLY))
def test_newer_message_replaces_older_and_is_queued_last(queue, kind):
    queue.put("old", kind=kind)
    queue.put("candidate")
    queue.put("new", kind=kind)
    assert queue.take() == ["candidate", "new"]


def test_message_replaces_only_same_sender_recipient_and_type(queue):
    queue.put("a's offer", kind="SDP_OFFER")
    queue.put("a's answer", kind="SDP_ANSWER")
    queue.put("b's offer", "b", kind="SDP_OFFER")
    queue.put("to a", MASTER, "a", kind="SDP_OFFER")
    queue.put("to b", MASTER, "b", kind="SDP_OFFER")
    queue.put("to the other channel", kind="SDP_OFFER", channel=1)
    assert queue.take() == ["a's offer", "a's answer", "b's offer"]
    assert (queue.take("a"), queue.take("b"), queue.take(channel=1)) == (["to a"], ["to b"], ["to the other channel"])


def test_other_types_accumulate(queue):
    for number in range(50):
        assert queue.put(str(number))
    assert queue.take() == [str(number) for number in range(50)]


def test_capacity_counts_per_sender_and_recipient(backend):
    queue = QueueFixture(backend, capacity=2)
    assert [queue.put(text) for text in "123"] == [True, True, False]
    assert [queue.put(text, "b") for text in "456"] == [True, True, False]
    assert [queue.put(text, MASTER, "a") for text in "789"] == [True, True, False]
    assert queue.put("other", MASTER, "b")
    assert queue.put("back", channel=1)
    assert queue.take() == ["1", "2", "4", "5"]
    assert queue.put("again")


def test_expired_messages_do_not_count(backend):
    queue = QueueFixture(backend, capacity=1)
    assert queue.put("1", until=10)
    assert not queue.put("2", at=9)
    assert queue.put("3", at=10)


def test_replacing_message_needs_no_capacity(backend):
    queue = QueueFixture(backend, capacity=2)
    queue.put("old", kind="SDP_OFFER")
    queue.put("candidate")
    assert queue.put("new", kind="SDP_OFFER")
    assert not queue.put("another")
    assert queue.take() == ["candidate", "new"]


def test_capacity_of_zero_keeps_no_message(backend):
    queue = QueueFixture(backend, capacity=0)
    assert not queue.put("offer", kind="SDP_OFFER")
    assert queue.take() == []


def test_messages_are_deleted_with_their_channel(queue):
    old = queue.backend.info(queue.backend("DescribeSignalingChannel", ChannelName="back")["ChannelInfo"]["ChannelARN"])
    queue.put("old", channel=1, until=10**9)
    queue.backend.delete_for_good(old["ChannelARN"])
    assert queue.backend.names() == ["front"]
    queue.channels[1] = queue.backend.store.find(*queue._key(queue.backend.create("back"))).id
    assert queue.take(channel=1) == []


def test_messages_in_a_file_outlive_the_store(open_backend, tmp_path):
    with open_backend(store=Store.open(tmp_path / "state.sqlite")) as backend:
        queue = QueueFixture(backend)
        queue.put("1")
        queue.put("2")
        channel, (number, _) = queue.channels[0], queue.messages.first(queue.channels[0], MASTER, now_ms=0)
        queue.messages.remove(number)
    store = Store.open(tmp_path / "state.sqlite")
    found = MessageQueue(store, capacity=1000, latest_only=LATEST_ONLY).first(channel, MASTER, now_ms=0)
    store.close()
    assert found is not None
    assert found[1].payload == "2"


def test_sender_cannot_fill_the_queue_of_endless_recipients(queue, monkeypatch):
    monkeypatch.setattr(message_queue, "MOST_OF_A_SENDER", 20)
    accepted = [queue.put("1", MASTER, f"viewer-{number}") for number in range(30)]
    assert accepted == [True] * 20 + [False] * 10
    assert queue.put("1", "a")
    assert queue.put("1", MASTER, channel=1)
