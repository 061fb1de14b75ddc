from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.regions import partition_of
from kvs_notebook.sandbox.backend.store import Channel, Store

ACCOUNT, REGION = "111122223333", "us-east-1"
NAMES = st.from_regex(r"[a-cA-C_.-]{1,4}", fullmatch=True)


def channel(name="front-door", *, account_id=ACCOUNT, region=REGION, created_ms=1000, **more):
    return Channel(account_id, region, name, "SINGLE_MASTER", 60, "V1", created_ms, **more)


@pytest.fixture
def store():
    opened = Store.open()
    yield opened
    opened.close()


def add(store, name="front-door", tags=(), **more):
    store.add(channel(name, **more), dict(tags))
    found = store.find(more.get("account_id", ACCOUNT), more.get("region", REGION), name)
    assert found is not None
    return found


def names(store, **how):
    return [found.name for found in store.page(ACCOUNT, REGION, **{"limit": 1000, **how})]


def test_channel_round_trips(store):
    found = add(store, tags={"Site": "hq"})
    assert found._replace(id=None) == channel()
    assert store.tags(found) == {"Site": "hq"}


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("eu-west-1", "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/1000"),
        ("cn-north-1", "arn:aws-cn:kinesisvideo:cn-north-1:111122223333:channel/front-door/1000"),
        ("us-gov-west-1", "arn:aws-us-gov:kinesisvideo:us-gov-west-1:111122223333:channel/front-door/1000"),
    ],
)
def test_arn_has_partition_and_creation_time(region, arn):
    assert channel(region=region).arn == str(ChannelArn.build(region, ACCOUNT, "front-door", 1000)) == arn
    assert arn.startswith(f"arn:{partition_of(region)}:")


def test_name_is_taken_in_one_account_and_region_only(store):
    first = add(store)
    for elsewhere in ({"region": "eu-west-1"}, {"account_id": "444455556666"}):
        assert add(store, **elsewhere).id != first.id
    assert store.find(ACCOUNT, "ap-southeast-2", "front-door") is None
    assert store.count(ACCOUNT, REGION) == 1


def test_add_many_skips_taken_names_and_their_tags(store):
    kept = add(store, tags={"Site": "hq"})
    added = store.add_many([(channel(), {"Site": "annex"}), (channel("back-door"), {"Site": "yard"})])
    assert added == 1
    assert store.tags(kept) == {"Site": "hq"}
    found = store.find(ACCOUNT, REGION, "back-door")
    assert found is not None
    assert store.tags(found) == {"Site": "yard"}
    assert store.add_many([]) == 0


def test_update_keeps_the_previous_values(store):
    store.update(add(store), ttl=90, version="V2", at_ms=5000)
    found = store.find(ACCOUNT, REGION, "front-door")
    assert found is not None
    assert (found.ttl, found.version, found.updated_ms) == (90, "V2", 5000)
    assert (found.ttl_before, found.version_before) == (60, "V1")
    store.set_version(found, "V3")
    assert store.find(ACCOUNT, REGION, "front-door") == found._replace(version="V3")


def test_removing_a_channel_removes_its_tags(store):
    store.remove(add(store, tags={"Site": "hq"}))
    assert store.find(ACCOUNT, REGION, "front-door") is None
    assert store.tags(add(store)) == {}
    assert store.db.execute("SELECT COUNT(*) FROM tags").fetchone() == (0,)


def test_purge_removes_channels_deleted_by_then(store):
    for number, deleted_ms in enumerate([1000, 2000, 3000]):
        store.delete(add(store, f"gone-{number}", tags={"a": "b"}), at_ms=deleted_ms)
    add(store, "stays")
    store.purge(2000)
    assert names(store) == ["gone-2", "stays"]
    assert store.db.execute("SELECT COUNT(*) FROM tags").fetchone() == (1,)


def test_page_excludes_deleted_and_future_channels(store):
    store.delete(add(store, "gone"), at_ms=2000)
    add(store, "young", created_ms=5000)
    add(store, "there")
    assert names(store, gone_ms=1999) == ["gone", "there", "young"]
    assert names(store, gone_ms=2000) == ["there", "young"]
    assert names(store, gone_ms=2000, at_ms=4999) == ["there"]


@given(
    stored=st.sets(NAMES, max_size=20),
    prefix=st.just("") | NAMES,
    size=st.integers(1, 5),
    ignore_case=st.booleans(),
    shuffled=st.booleans(),
)
def test_pages_of_any_size_give_each_channel_once(stored, prefix, size, ignore_case, shuffled):
    store = Store.open()
    store.add_many([(channel(name), {}) for name in stored])
    store.add_many([(channel(name, region="eu-west-1"), {}) for name in ("a", "b", "c")])
    how = {"prefix": prefix, "ignore_case": ignore_case, "shuffled": shuffled, "limit": size}
    paged, after = [], None
    while page := names(store, after=after, **how):
        assert len(page) <= size
        paged += page
        after = page[-1]
    store.close()
    fits = str.lower if ignore_case else str
    expected = sorted(name for name in stored if fits(name).startswith(fits(prefix)))
    assert sorted(paged) == expected
    if not shuffled:
        assert paged == expected


@given(stored=st.sets(NAMES, min_size=3, max_size=20), deleted=st.sets(NAMES), shuffled=st.booleans())
def test_deleting_between_pages_neither_skips_nor_repeats(stored, deleted, shuffled):
    store = Store.open()
    store.add_many([(channel(name), {}) for name in stored])
    first = names(store, limit=2, shuffled=shuffled)
    for name in deleted & stored:
        found = store.find(ACCOUNT, REGION, name)
        assert found is not None
        store.remove(found)
    rest = names(store, after=first[-1], shuffled=shuffled)
    store.close()
    assert sorted(rest) == sorted(stored - deleted - set(first))


def test_empty_start_precedes_every_name(store):
    for name in ("-", ".", "0", "A", "_", "z"):
        add(store, name)
    assert names(store, after="") == names(store)
    assert names(store, after="", prefix="A") == ["A"]
    assert names(store, after="", shuffled=True) == names(store, shuffled=True)


@pytest.mark.parametrize("shuffled", [False, True])
def test_page_query_uses_an_index_and_never_sorts(store, shuffled):
    seen = []
    store.db.set_trace_callback(seen.append)
    names(store, after="m", shuffled=shuffled)
    store.db.set_trace_callback(None)
    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {seen[-1]}")]
    assert len(plan) == 1
    assert "USING INDEX channels_" in plan[0]


def test_two_creations_of_one_name_never_share_a_time(store):
    taken = set()
    for now_ms in [1000, 1000, 1000, 1001, 1002, 1002, 5000, 5000]:
        created_ms = store.creation_ms(ACCOUNT, REGION, "front-door", now_ms)
        assert created_ms >= now_ms
        store.remove(add(store, created_ms=created_ms))
        taken.add(created_ms)
    assert len(taken) == 8
    assert store.creation_ms(ACCOUNT, REGION, "back-door", 5000) == 5000


def test_tags_are_overwritten_sorted_and_removed(store):
    found = add(store, tags={"b": "1", "a": "2"})
    store.put_tags(found, {"b": "3", "ä": ""})
    assert list(store.tags(found).items()) == [("a", "2"), ("b", "3"), ("ä", "")]
    store.remove_tags(found, ["a", "unknown"])
    assert store.tags(found) == {"b": "3", "ä": ""}


def test_reset_empties_channels_and_keeps_settings(store):
    secret = store.root_secret
    store.put_setting("account_id", ACCOUNT)
    store.put_setting("account_id", "444455556666")
    add(store, tags={"Site": "hq"})
    store.reset()
    assert names(store) == []
    assert store.latest_ms == 0
    assert store.get_setting("account_id") == "444455556666"
    assert store.root_secret == secret
    assert store.tags(add(store)) == {}


def test_every_store_has_its_own_secret(store):
    other = Store.open()
    assert len(store.root_secret) == 32
    assert store.root_secret == store.root_secret != other.root_secret
    other.close()
    assert store.get_setting("never-set") is None


def test_latest_time_of_all_writes_is_kept(store):
    assert store.latest_ms == 0
    found = add(store, created_ms=3000)
    assert store.latest_ms == 3000
    store.update(found, ttl=5, version="V2", at_ms=7000)
    store.delete(found, at_ms=9000)
    store.remove(found)
    store.record_time(8000)
    assert store.latest_ms == 9000


def test_failed_transaction_changes_nothing(store):
    found = add(store, tags={"a": "1"})
    with pytest.raises(sqlite3.Error):
        store.put_tags(found, {"a": "2", "b": None})
    assert store.tags(found) == {"a": "1"}


def test_file_keeps_everything_and_is_private(tmp_path):
    path = tmp_path / "state.sqlite"
    store = Store.open(path)
    secret = store.root_secret
    add(store, tags={"Site": "hq"})
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    store.close()
    again = Store.open(path)
    found = again.find(ACCOUNT, REGION, "front-door")
    assert found is not None
    assert again.tags(found) == {"Site": "hq"}
    assert again.root_secret == secret
    again.close()
    assert modes == {0o600}


def test_file_that_is_not_a_database_is_rejected_unchanged(tmp_path):
    path = tmp_path / "state.sqlite"
    path.write_text("not a database, but some notes")
    with pytest.raises(sqlite3.DatabaseError):
        Store.open(path)
    assert path.read_text() == "not a database, but some notes"


WRITER = """
    import sys
    from kvs_notebook.sandbox.backend.store import Channel, Store

    store = Store.open(sys.argv[1])
    number = 0
    while True:
        name = f"channel-{number}"
        store.add(Channel("111122223333", "us-east-1", name, "SINGLE_MASTER", 60, "V1", number + 1), {"n": str(number)})
        print(number, flush=True)
        number += 1
"""


def test_acknowledged_writes_survive_a_killed_process(tmp_path):
    path = tmp_path / "state.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer.stdout as acknowledged:
        seen = [int(acknowledged.readline()) for _ in range(300)]
        os.kill(writer.pid, signal.SIGKILL)
        seen += [int(line) for line in acknowledged if line.endswith("\n")]
    writer.wait()
    store = Store.open(path)
    assert store.count(ACCOUNT, REGION) >= len(seen)
    for number in seen:
        found = store.find(ACCOUNT, REGION, f"channel-{number}")
        assert found is not None
        assert store.tags(found) == {"n": str(number)}
    store.close()
