"""The lifecycle of channels through the public functions, on a sandbox."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.dataframes.builders import channels_frame
from kvs_notebook.dataframes.schemas import CHANNELS

READ_FIRST, READ_LAST = [*CHANNELS][:-3], ["channel_type", "version", "channel_arn"]
NAMES = st.text(st.sampled_from("abcXYZ019_.-"), min_size=1, max_size=8)


def operations(sandbox: kvs.Sandbox) -> list[str]:
    served = sandbox.requests["operation"]
    return served[served != "GetCallerIdentity"].tolist()


# --- list


def test_empty_list_has_columns_and_dtypes(connection):
    channels = kvs.list_channels()
    assert len(channels) == 0
    assert dict(channels.dtypes.astype(str)) == dict(CHANNELS)


def test_list_is_sorted_by_name(sandbox, connection):
    for name in ("b", "a", "C", "a-1"):
        kvs.create_channel(name, wait=False)
    channels = kvs.list_channels()
    assert channels["channel_name"].tolist() == ["C", "a", "a-1", "b"]
    assert set(channels["account_id"]) == {"111122223333"}
    assert set(channels["region"]) == {"us-east-1"}
    assert channels.index.tolist() == [0, 1, 2, 3]


def test_list_filters_by_prefix(sandbox, connection):
    sandbox.seed()
    assert kvs.list_channels("front-")["channel_name"].tolist() == ["front-door-hq", "front-door-lab"]
    assert kvs.list_channels("Front-").empty


@pytest.mark.parametrize(
    "assumptions", [{"max_page_size": 3}, {"empty_first_page": True}, {"list_order": "shuffled"}], ids=str
)
def test_list_is_complete_for_any_paging(assumptions):
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(**assumptions)) as sandbox:
        sandbox.seed(20)
        channels = kvs.list_channels(connection=sandbox.connection())
        assert channels["channel_name"].tolist() == [f"device-{number:07}" for number in range(20)]


@settings(max_examples=8)
@given(names=st.sets(NAMES, max_size=6), ttl=st.integers(5, 120))
def test_list_equals_result_of_botocores_parser(names, ttl, many):
    sandbox, connection = many
    sandbox.reset()
    for name in names:
        kvs.create_channel(name, message_ttl_seconds=ttl, wait=False, connection=connection)
    parsed = connection.client().list_signaling_channels(MaxResults=1000)["ChannelInfoList"]
    assert kvs.list_channels(connection=connection).equals(channels_frame(parsed))


@pytest.fixture(scope="module")
def many():
    with kvs.Sandbox(quotas=False) as sandbox:
        yield sandbox, sandbox.connection()


def test_list_with_tags_has_column_per_key(sandbox, connection):
    kvs.create_channel("a", tags={"Site": "hq", "Owner": ""})
    kvs.create_channel("b")
    channels = kvs.list_channels(tags=True)
    assert channels.columns.tolist() == [*READ_FIRST, "tag:Owner", "tag:Site", *READ_LAST]
    assert channels["tag:Site"].tolist()[0] == "hq"
    assert channels["tag:Owner"].tolist()[0] == ""
    assert channels["tag:Owner"].isna().tolist() == [False, True]


def test_list_with_keys_has_their_columns_in_order(sandbox, connection):
    kvs.create_channel("a", tags={"Site": "hq", "Owner": "ops"})
    channels = kvs.list_channels(tags=["Site", "Env"])
    assert channels.columns.tolist() == [*READ_FIRST, "tag:Site", "tag:Env", *READ_LAST]
    assert channels["tag:Env"].isna().all()
    assert kvs.list_channels("nothing", tags=["Site"]).columns.tolist() == [*READ_FIRST, "tag:Site", *READ_LAST]


def test_repeated_key_is_one_column(connection):
    kvs.create_channel("a", tags={"Site": "hq"})
    assert kvs.list_channels(tags=["Site", "Site"]).columns.tolist() == [*READ_FIRST, "tag:Site", *READ_LAST]
    assert kvs.list_channels(tags=[]).columns.tolist() == [*CHANNELS]


@pytest.mark.parametrize("tags", ["Site", {"Site": "hq"}, None, [None], b"Site", pd.DataFrame({"Site": ["hq"]})])
def test_list_refuses_tags_that_are_no_list_of_keys(tags, sandbox, connection):
    with pytest.raises(errors.InvalidInput, match=r"^tags (is not a list: .+ such as \['Site'\]|contains None)"):
        kvs.list_channels(tags=tags)
    assert sandbox.requests.empty


def test_list_is_complete_despite_throttling(sandbox, connection):
    sandbox.seed()
    sandbox.faults.add("ListTagsForResource", "throttle", times=5)
    before = connection.throttles
    assert len(kvs.list_channels(tags=True)) == 11
    assert connection.throttles - before == 5


def test_shared_client_returns_datetimes_after_list(sandbox, connection):
    kvs.create_channel("a")
    kvs.list_channels()
    infos = connection.client().list_signaling_channels()["ChannelInfoList"]
    assert infos[0]["CreationTime"].tzinfo is not None


@pytest.mark.parametrize("fault", ["denied", "expired", "error"])
def test_refused_list_raises_error_of_service(sandbox, connection, fault):
    sandbox.faults.add("ListSignalingChannels", fault, times=None)
    kinds = {"denied": errors.AccessDenied, "expired": errors.ExpiredCredentials, "error": errors.ServiceFault}
    with pytest.raises(kinds[fault]) as raised:
        kvs.list_channels()
    assert raised.value.operation == "ListSignalingChannels"


# --- describe


def test_describe_accepts_name_arn_row_and_frame(sandbox, connection):
    channel = kvs.create_channel("front-door")
    arn = channel["channel_arn"].item()
    for named in ("front-door", arn, channel, channel.iloc[0], channel.iloc[0].to_dict()):
        assert kvs.describe_channel(named).equals(channel)


def test_describe_accepts_frame_of_any_length(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels()
    assert kvs.describe_channel(channels).equals(channels)
    assert kvs.describe_channel(channels.iloc[:0]).equals(channels.iloc[:0])


# --- create


def test_create_waits_until_active(sandbox, connection):
    channel = kvs.create_channel("front-door", message_ttl_seconds=30, tags={"Site": "hq"})
    assert channel[["channel_name", "channel_type", "channel_status", "message_ttl_seconds"]].to_numpy().tolist() == [
        ["front-door", "SINGLE_MASTER", "ACTIVE", 30]
    ]
    created_ms = int(channel["channel_arn"].item().rsplit("/", 1)[1])
    assert channel["creation_time"].item().timestamp() * 1000 == created_ms
    assert kvs.list_tags(channel)["value"].tolist() == ["hq"]


def test_create_without_wait_returns_current_status():
    with kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=600)) as sandbox:
        channel = kvs.create_channel("front-door", wait=False, connection=sandbox.connection())
        assert channel["channel_status"].item() == "CREATING"
        assert dict(channel.dtypes.astype(str)) == dict(CHANNELS)


def test_create_tolerates_channel_not_found_yet():
    assumptions = kvs.Assumptions(stale_seconds=2)
    with kvs.Sandbox(clock="stepped", assumptions=assumptions) as sandbox:
        connection = sandbox.connection()
        young = kvs.create_channel("young", wait=False, connection=connection)
        assert young["channel_status"].item() == "CREATING"
        assert young["channel_arn"].item().rsplit("/", 2)[1] == "young"
        assert kvs.create_channel("awaited", connection=connection)["channel_status"].item() == "ACTIVE"


def test_name_can_be_reused_after_delete(sandbox, connection):
    first = kvs.create_channel("front-door")
    kvs.delete_channel(first, wait=True)
    second = kvs.create_channel("front-door")
    assert second["channel_arn"].item() != first["channel_arn"].item()
    with pytest.raises(errors.ChannelNotFound):
        kvs.describe_channel(first)


# --- update


def test_error_after_accepted_change_says_so(sandbox, connection):
    sandbox.deny("kinesisvideo:Describe*")
    with pytest.raises(
        errors.AccessDenied, match=r"^gate was created \(arn:.*\), but a later step failed: DescribeSig"
    ) as raised:
        kvs.create_channel("gate")
    assert raised.value.accepted
    sandbox.clear_denials()
    sandbox.deny("kinesisvideo:ListTags*")
    with pytest.raises(
        errors.AccessDenied, match="^The tags of gate were set, but a later step failed: ListTags"
    ) as raised:
        kvs.tag_channel("gate", {"Site": "hq"})
    assert raised.value.accepted
    with pytest.raises(errors.AccessDenied, match="^ListTags") as raised:
        kvs.list_tags("gate")
    assert not raised.value.accepted


def test_update_changes_ttl_and_version(sandbox, connection):
    channel = kvs.create_channel("front-door")
    updated = kvs.update_channel(channel, message_ttl_seconds=90)
    assert updated["message_ttl_seconds"].item() == 90
    assert updated["channel_status"].item() == "ACTIVE"
    assert updated["version"].item() != channel["version"].item()
    assert updated["channel_arn"].item() == channel["channel_arn"].item()


def test_update_waits_for_new_version():
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(stale_seconds=1)) as sandbox:
        connection = sandbox.connection()
        kvs.create_channel("front-door", connection=connection)
        before = kvs.describe_channel("front-door", connection=connection)
        after = kvs.update_channel(before, message_ttl_seconds=90, connection=connection)
        assert after["message_ttl_seconds"].item() == 90
        assert after["version"].item() != before["version"].item()


def test_update_to_same_ttl_sends_no_change(sandbox, connection):
    channel = kvs.create_channel("front-door", message_ttl_seconds=90)
    assert kvs.update_channel(channel, message_ttl_seconds=90).equals(channel)
    assert "UpdateSignalingChannel" not in operations(sandbox)


def test_update_by_name_sends_version_it_read(sandbox, connection):
    kvs.create_channel("front-door")
    assert kvs.update_channel("front-door", message_ttl_seconds=90)["message_ttl_seconds"].item() == 90


# --- delete


def test_delete_returns_row_as_deleting(sandbox, connection):
    channel = kvs.create_channel("front-door")
    deleted = kvs.delete_channel(channel)
    assert deleted.drop(columns="channel_status").equals(channel.drop(columns="channel_status"))
    assert deleted["channel_status"].item() == "DELETING"
    assert kvs.list_channels()["channel_status"].tolist() == ["DELETING"]


def test_delete_waits_until_channel_is_gone(sandbox, connection):
    kvs.delete_channel(kvs.create_channel("front-door"), wait=True)
    assert kvs.list_channels().empty


def test_delete_rejects_stale_version(sandbox, connection):
    stale = kvs.create_channel("front-door")
    kvs.update_channel(stale, message_ttl_seconds=90)
    with pytest.raises(errors.VersionMismatch, match="describe_channel"):
        kvs.delete_channel(stale)
    assert kvs.describe_channel("front-door")["channel_status"].item() == "ACTIVE"
    kvs.delete_channel("front-door")


def test_delete_of_old_row_keeps_recreated_channel(sandbox, connection):
    first = kvs.create_channel("front-door")
    kvs.delete_channel(first, wait=True)
    kvs.create_channel("front-door")
    with pytest.raises(errors.ChannelNotFound):
        kvs.delete_channel(first)
    assert kvs.describe_channel("front-door")["channel_status"].item() == "ACTIVE"
