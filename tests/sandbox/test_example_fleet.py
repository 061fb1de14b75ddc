from __future__ import annotations

import time
from collections import Counter

import pytest

from kvs_notebook.aws.validation import check_channel_name, check_message_ttl, check_tags, check_version
from kvs_notebook.sandbox.backend.context import Caller
from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.backend.validation import validate
from kvs_notebook.sandbox.clock import STEPPED_START
from kvs_notebook.sandbox.example_fleet import REGIONS, example_channels, seed_example_fleet, seed_numbered

ACCOUNT = "111122223333"


@pytest.fixture
def store():
    opened = Store.open()
    yield opened
    opened.close()


def everything(store):
    """Each channel of the account with its tags."""
    pages = [store.page(ACCOUNT, region, limit=100_000) for region in REGIONS]
    return [(channel._replace(id=None), channel.arn, store.tags(channel)) for page in pages for channel in page]


def test_example_fleet_is_in_three_regions():
    count = Counter(row.region for row in example_channels())
    assert tuple(count) == REGIONS == ("us-east-1", "eu-west-1", "ap-southeast-2")
    assert sum(count.values()) >= 24
    assert min(count.values()) >= 5


@pytest.mark.parametrize("row", example_channels(), ids=lambda row: f"{row.region}-{row.name}")
def test_every_seeded_channel_is_valid(row):
    check_channel_name(row.name)
    check_message_ttl(row.ttl)
    check_tags(row.tags, allow_none=True)
    pairs = [{"Key": key, "Value": value} for key, value in row.tags.items()]
    validate("CreateSignalingChannel", {"ChannelName": row.name, "Tags": pairs})
    assert row.age_days > 0


def test_example_fleet_has_difficult_names_and_tags():
    rows = example_channels()
    names = Counter(row.name for row in rows)
    values = [value for row in rows for value in row.tags.values()]
    assert len({(row.region, row.name) for row in rows}) == len(rows)
    assert max(names.values()) == 2
    assert any(not row.tags for row in rows)
    assert "" in values
    assert {"+", "=", "@", "-"} <= {value[:1] for value in values}
    assert any(not value.isascii() for value in values)
    assert {"0042", "3.10"} <= set(values)  # text that a spreadsheet would take for a number
    assert len({row.ttl for row in rows}) >= 5
    assert min(row.age_days for row in rows) < 30
    assert max(row.age_days for row in rows) > 3 * 365


def test_example_fleet_is_reproducible(store):
    other = Store.open()
    assert (
        seed_example_fleet(store, ACCOUNT, STEPPED_START)
        == seed_example_fleet(other, ACCOUNT, STEPPED_START)
        == len(example_channels())
    )
    assert everything(store) == everything(other)
    other.close()
    for channel, arn, _ in everything(store):
        check_version(channel.version)
        assert arn.endswith(str(channel.created_ms))
        assert channel.created_ms < STEPPED_START.timestamp() * 1000


def test_seeding_again_changes_nothing(store):
    seed_example_fleet(store, ACCOUNT, STEPPED_START)
    before = everything(store)
    assert seed_example_fleet(store, ACCOUNT, STEPPED_START) == 0
    assert everything(store) == before


def test_seeded_channels_are_active_in_their_account_only(open_backend):
    with open_backend() as backend:
        seed_example_fleet(backend.store, ACCOUNT, backend.clock.now())
        infos = backend("ListSignalingChannels")["ChannelInfoList"]
        assert {info["ChannelStatus"] for info in infos} == {"ACTIVE"}
        assert len(infos) == sum(row.region == "us-east-1" for row in example_channels())
        assert (
            backend("ListSignalingChannels", caller=Caller("444455556666", "us-east-1", "K"))["ChannelInfoList"] == []
        )


def test_large_fleet_is_seeded_in_seconds_reproducibly(store):
    started = time.perf_counter()
    assert seed_numbered(store, 5_000, ACCOUNT, "us-east-1", STEPPED_START, tags={"Env": "bench"}) == 5_000
    assert time.perf_counter() - started < 10
    assert store.count(ACCOUNT, "us-east-1") == 5_000
    first, second = store.page(ACCOUNT, "us-east-1", limit=2)
    assert (first.name, second.name) == ("device-0000000", "device-0000001")
    assert first.created_ms - second.created_ms == 60_000
    assert store.tags(first) == {"Env": "bench"}
    assert seed_numbered(store, 5_001, ACCOUNT, "us-east-1", STEPPED_START) == 1
