"""How list_channels() reads tags: in bulk, or one by one for few channels; a tag that was not read is never missing."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook.channels import operations, tag_reader
from kvs_notebook.errors import AccessDenied, ExpiredCredentials, InvalidInput

MANY = 12
REGION = "eu-west-1"


@pytest.fixture(scope="module")
def running():
    with kvs.Sandbox(quotas=False) as sandbox:
        yield sandbox, sandbox.connection(region=REGION)


@pytest.fixture
def far(running, monkeypatch):
    """A connection to a region of channels that all have the tag Site; it does not wait for its rate limit."""
    sandbox, connection = running
    sandbox.reset()
    sandbox.clear_denials()
    monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
    monkeypatch.setattr("kvs_notebook.aws.retry.LONGEST_WAIT_SECONDS", 0.01)
    sandbox.seed(MANY, region=REGION, tags={"Site": "hq"})
    return connection


@pytest.fixture
def server(running):
    return running[0]


def sites(connection, prefix=None):
    channels = kvs.list_channels(prefix, tags=["Site"], connection=connection)
    assert "tags_source" not in channels
    return channels.set_index("channel_name")["tag:Site"].fillna("-").to_dict()


def spent(server):
    operations = server.requests["operation"]
    return operations[~operations.isin(["GetCallerIdentity", "CreateSignalingChannel"])].value_counts().to_dict()


def test_tags_of_a_region_are_read_in_bulk(server, far):
    assert set(sites(far).values()) == {"hq"}
    assert spent(server) == {"ListSignalingChannels": 1, "GetResources": 1}


def test_few_channels_of_a_prefix_are_read_one_by_one(server, far):
    assert sites(far, "device-000000") == {f"device-000000{number}": "hq" for number in range(10)}
    assert spent(server) == {"ListSignalingChannels": 1, "ListTagsForResource": 10}


def test_channels_that_bulk_does_not_name_are_asked(server, far):
    kvs.create_channel("bare", wait=False, connection=far)
    assert sites(far) == {"bare": "-", **{f"device-{number:07}": "hq" for number in range(MANY)}}
    assert spent(server)["ListTagsForResource"] == 1


def test_only_sample_of_untagged_channels_is_asked(server, far):
    for number in range(2 * tag_reader.SAMPLE_SIZE):
        kvs.create_channel(f"bare-{number}", wait=False, connection=far)
    assert list(sites(far).values()).count("-") == 2 * tag_reader.SAMPLE_SIZE
    assert spent(server)["ListTagsForResource"] == tag_reader.SAMPLE_SIZE


def let_index_be_outdated(monkeypatch, names):
    """Leave channels that have tags out of GetResources, as an outdated index does; the sandbox's is never outdated."""
    read = tag_reader.read_tags_in_bulk

    def read_without(connection):
        return {arn: tags for arn, tags in read(connection).items() if arn.split("/")[1] not in names}

    monkeypatch.setattr(tag_reader, "read_tags_in_bulk", read_without)


def test_all_left_out_channels_are_read_if_index_is_outdated(server, far, monkeypatch):
    let_index_be_outdated(monkeypatch, {f"device-{number:07}" for number in range(8)})
    assert set(sites(far).values()) == {"hq"}
    assert spent(server)["ListTagsForResource"] == 8


def test_channels_that_outdated_index_leaves_unread_are_marked(server, far, monkeypatch):
    let_index_be_outdated(monkeypatch, {f"device-{number:07}" for number in range(8)})
    monkeypatch.setattr(tag_reader, "SAMPLE_SIZE", 1)
    read = tag_reader.tags_of_channel

    def read_then_deny_others(arn, connection):
        tags = read(arn, connection)
        server.deny("kinesisvideo:ListTagsForResource")
        return tags

    monkeypatch.setattr(tag_reader, "tags_of_channel", read_then_deny_others)
    channels = kvs.list_channels(tags=True, connection=far)
    unread = channels["tags_source"] == "failed"
    assert unread.sum() == 7
    assert channels["tag:Site"].isna().equals(unread)


@pytest.mark.parametrize("denied", ["tag:GetResources", "kinesisvideo:ListTagsForResource"])
@pytest.mark.parametrize("prefix", [None, "device-000000"])
def test_other_method_is_used_if_one_is_denied(server, far, denied, prefix):
    expected = sites(far, prefix)
    server.deny(denied)
    assert sites(far, prefix) == expected


@pytest.mark.parametrize("prefix", [None, "device-000000"])
def test_list_without_readable_tags_raises(server, far, prefix):
    for action in ("tag:GetResources", "kinesisvideo:ListTagsForResource"):
        server.deny(action)
    with pytest.raises(AccessDenied):
        kvs.list_channels(prefix, tags=True, connection=far)
    assert len(kvs.list_channels(prefix, connection=far)) in {10, MANY}


def test_expired_credentials_end_reading(server, far):
    server.faults.add("GetResources", "expired", times=None)
    with pytest.raises(ExpiredCredentials):
        kvs.list_channels(tags=True, connection=far)
    assert "ListTagsForResource" not in spent(server)


def test_untagged_channel_is_unread_if_throttled_but_not_if_denied(server, far):
    kvs.create_channel("bare", wait=False, connection=far)
    server.faults.add("ListTagsForResource", "throttle", times=None)
    channels = kvs.list_channels(tags=True, connection=far).set_index("channel_name")
    assert channels["tags_source"].to_dict() == {
        name: "failed" if name == "bare" else "bulk" for name in channels.index
    }
    server.faults.clear()
    server.deny("kinesisvideo:ListTagsForResource")
    assert sites(far)["bare"] == "-"


def test_channel_deleted_after_list_has_unread_tags(server, far, monkeypatch):
    listed = operations.channel_pages

    def list_then_delete(*args):
        pages = list(listed(*args))
        kvs.delete_channel("device-0000003", wait=True, connection=far)
        return pages

    monkeypatch.setattr(operations, "channel_pages", list_then_delete)
    channels = kvs.list_channels("device-000000", tags=True, connection=far).set_index("channel_name", drop=False)
    assert channels["tags_source"].drop("device-0000003").eq("each").all()
    assert channels.loc["device-0000003", "tags_source"] == "failed"
    problems = kvs.reports.tag_problems(channels.reset_index(drop=True), {"Site": None})
    assert problems[["channel_name", "problem"]].to_numpy().tolist() == [["device-0000003", "unknown"]]
    with pytest.raises(InvalidInput, match=r"tags of device-0000003 were not read\. Read them with list_tags"):
        kvs.create_channel("copy", tags=channels.loc["device-0000003"], connection=far)


def test_inventory_of_one_channel_reads_no_whole_region(server, far):
    found = kvs.inventory(prefix="device-0000007", connection=far)
    assert found.coverage[["tags_source", "channels"]].to_numpy().tolist() == [["each", 1]]
    assert found.tags["value"].tolist() == ["hq"]
    assert "GetResources" not in spent(server)
