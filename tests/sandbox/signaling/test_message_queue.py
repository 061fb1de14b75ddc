"""What waits for a peer: how long, in what order, and how much of it."""

from __future__ import annotations

import pytest

from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.signaling.message_queue import MASTER, MessageQueue, QueuedMessage

LATEST_ONLY = frozenset({"SDP_OFFER", "SDP_ANSWER"})


class Post:
    """A mailbox with two channels, its times in milliseconds."""

    def __init__(self, backend, capacity=1000):
        self.backend = backend
        self.channels = [backend.service.store.find(*self._key(backend.create(name))).id for name in ("door", "gate")]
        self.queue = MessageQueue(backend.store, capacity=capacity, latest_only=LATEST_ONLY)

    def _key(self, arn):
        return self.backend.caller.account_id, self.backend.caller.region, arn.split("/")[1]

    def put(self, text, sender="a", recipient=MASTER, kind="ICE_CANDIDATE", *, at=0, until=1000, channel=0):
        message = QueuedMessage(sender, recipient, kind, text)
        return self.queue.put(self.channels[channel], message, expires_ms=until, now_ms=at)

    def take(self, recipient=MASTER, *, at=0, channel=0):
        """Take what waits, oldest first; give its texts."""
        texts = []
        while (waiting := self.queue.first(self.channels[channel], recipient, now_ms=at)) is not None:
            number, message = waiting
            self.queue.remove(number)
            texts.append(message.payload)
        return texts


@pytest.fixture
def post(backend):
    return Post(backend)


def test_a_message_comes_out_as_it_went_in(post):
    message = QueuedMessage("a", MASTER, "SDP_OFFER", "eyJ9")
    post.queue.put(post.channels[0], message, expires_ms=1000, now_ms=0)
    number, found = post.queue.first(post.channels[0], MASTER, now_ms=0)
    assert found == message
    assert post.queue.first(post.channels[0], MASTER, now_ms=0) == (number, message), "it waits until it is removed"
    post.queue.remove(number)
    assert post.queue.first(post.channels[0], MASTER, now_ms=0) is None


def test_the_oldest_comes_first_whoever_sent_it(post):
    for text, sender in (("1", "a"), ("2", "b"), ("3", "a")):
        post.put(text, sender)
    assert post.take() == ["1", "2", "3"]


def test_each_gets_only_what_is_theirs(post):
    post.put("to the master")
    post.put("to a", MASTER, "a")
    post.put("to b", MASTER, "b")
    post.put("at the gate", channel=1)
    assert post.take("a") == ["to a"]
    assert post.take("A") == []
    assert post.take() == ["to the master"]
    assert post.take(channel=1) == ["at the gate"]
    assert post.take("b") == ["to b"]


@pytest.mark.parametrize(("at", "found"), [(0, ["short", "long"]), (9, ["short", "long"]), (10, ["long"]), (20, [])])
def test_a_message_waits_until_its_time_is_up(post, at, found):
    post.put("short", until=10)
    post.put("long", until=20)
    assert post.take(at=at) == found


def test_a_later_message_may_outlast_an_earlier_one_or_be_outlasted(post):
    post.put("1", until=30)
    post.put("2", until=10)
    post.put("3", until=20)
    assert post.take(at=15) == ["1", "3"]


def test_what_is_over_leaves_the_database_with_the_next_message_of_its_channel(post):
    post.put("over", until=10)
    post.put("elsewhere", until=10, channel=1)
    post.put("new", at=10)
    left = post.backend.store.db.execute("SELECT payload FROM messages ORDER BY id").fetchall()
    assert left == [("elsewhere",), ("new",)]


@pytest.mark.parametrize("kind", sorted(LATEST_ONLY))
def test_a_newer_message_of_such_a_type_takes_an_older_ones_place_and_goes_to_the_end(post, kind):
    post.put("old", kind=kind)
    post.put("candidate")
    post.put("new", kind=kind)
    assert post.take() == ["candidate", "new"]


def test_it_takes_the_place_of_none_but_the_same_senders_to_the_same_recipient_of_the_same_type(post):
    post.put("a's offer", kind="SDP_OFFER")
    post.put("a's answer", kind="SDP_ANSWER")
    post.put("b's offer", "b", kind="SDP_OFFER")
    post.put("to a", MASTER, "a", kind="SDP_OFFER")
    post.put("to b", MASTER, "b", kind="SDP_OFFER")
    post.put("at the gate", kind="SDP_OFFER", channel=1)
    assert post.take() == ["a's offer", "a's answer", "b's offer"]
    assert (post.take("a"), post.take("b"), post.take(channel=1)) == (["to a"], ["to b"], ["at the gate"])


def test_other_types_accumulate(post):
    for number in range(50):
        assert post.put(str(number))
    assert post.take() == [str(number) for number in range(50)]


def test_a_sender_has_so_much_room_for_each_recipient_and_nobody_loses_any_to_others(backend):
    post = Post(backend, capacity=2)
    assert [post.put(text) for text in "123"] == [True, True, False]
    assert [post.put(text, "b") for text in "456"] == [True, True, False]
    assert [post.put(text, MASTER, "a") for text in "789"] == [True, True, False]
    assert post.put("other", MASTER, "b")
    assert post.put("gate", channel=1)
    assert post.take() == ["1", "2", "4", "5"]
    assert post.put("room again")


def test_what_is_over_takes_up_no_room(backend):
    post = Post(backend, capacity=1)
    assert post.put("1", until=10)
    assert not post.put("2", at=9)
    assert post.put("3", at=10)


def test_a_message_that_takes_an_older_ones_place_needs_no_room(backend):
    post = Post(backend, capacity=2)
    post.put("old", kind="SDP_OFFER")
    post.put("candidate")
    assert post.put("new", kind="SDP_OFFER")
    assert not post.put("another")
    assert post.take() == ["candidate", "new"]


def test_no_room_at_all_keeps_nothing(backend):
    post = Post(backend, capacity=0)
    assert not post.put("offer", kind="SDP_OFFER")
    assert post.take() == []


def test_a_channels_messages_go_with_it_and_never_reach_its_namesake(post):
    old = post.backend.info(post.backend("DescribeSignalingChannel", ChannelName="gate")["ChannelInfo"]["ChannelARN"])
    post.put("old", channel=1, until=10**9)
    post.backend.delete_for_good(old["ChannelARN"])
    assert post.backend.names() == ["door"]
    post.channels[1] = post.backend.store.find(*post._key(post.backend.create("gate"))).id
    assert post.take(channel=1) == []


def test_what_waits_in_a_file_outlives_the_store(open_backend, tmp_path):
    with open_backend(store=Store.open(tmp_path / "state.sqlite")) as backend:
        post = Post(backend)
        post.put("1")
        post.put("2")
        channel, (number, _) = post.channels[0], post.queue.first(post.channels[0], MASTER, now_ms=0)
        post.queue.remove(number)
    store = Store.open(tmp_path / "state.sqlite")
    found = MessageQueue(store, capacity=1000, latest_only=LATEST_ONLY).first(channel, MASTER, now_ms=0)
    store.close()
    assert found is not None
    assert found[1].payload == "2"
