"""Tags: list, set, remove and pivot."""

from __future__ import annotations

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.dataframes.schemas import TAGS


@pytest.fixture
def channel(connection):
    return kvs.create_channel("front-door", tags={"Site": "hq", "Owner": "ops"})


def pairs(tags):
    return tags[["key", "value"]].to_numpy().tolist()


def test_list_tags_has_row_per_tag_sorted_by_key(channel):
    tags = kvs.list_tags(channel)
    assert dict(tags.dtypes.astype(str)) == dict(TAGS)
    assert pairs(tags) == [["Owner", "ops"], ["Site", "hq"]]
    assert tags["channel_arn"].unique().tolist() == channel["channel_arn"].tolist()
    assert tags["channel_name"].unique().tolist() == ["front-door"]


def test_list_tags_accepts_name(channel):
    assert kvs.list_tags("front-door").equals(kvs.list_tags(channel))


def test_list_tags_without_tags_has_dtypes(connection):
    tags = kvs.list_tags(kvs.create_channel("bare"))
    assert len(tags) == 0
    assert dict(tags.dtypes.astype(str)) == dict(TAGS)


@pytest.mark.parametrize("empty_tags", ["map", "null", "absent"])
def test_list_tags_accepts_each_form_of_no_tags(empty_tags):
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(empty_tags=empty_tags)) as sandbox:
        connection = sandbox.connection()
        assert kvs.list_tags(kvs.create_channel("bare", connection=connection), connection=connection).empty


def test_list_tags_of_frame_is_sorted(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels()
    tags = kvs.list_tags(channels)
    assert set(tags["channel_name"]) <= set(channels["channel_name"])
    assert tags[["channel_name", "key"]].apply(tuple, axis=1).is_monotonic_increasing
    assert (sandbox.requests["operation"] == "ListTagsForResource").sum() == len(channels)
    assert kvs.list_tags(channels.iloc[:0]).empty


def test_tag_channel_adds_and_replaces(channel):
    assert pairs(kvs.tag_channel(channel, {"Site": "annex", "Env": ""})) == [
        ["Env", ""],
        ["Owner", "ops"],
        ["Site", "annex"],
    ]


def test_untag_channel_ignores_missing_keys(channel):
    assert pairs(kvs.untag_channel(channel, ["Owner", "NoSuch"])) == [["Site", "hq"]]


def test_changes_without_reading_return_only_what_is_known(sandbox, channel):
    before = len(sandbox.requests)
    tagged = kvs.tag_channel(channel, {"Site": "annex", "Note": ""}, read=False)
    untagged = kvs.untag_channel(channel, ["Owner"], read=False)
    assert sandbox.requests["operation"].tolist()[before:] == ["TagResource", "UntagResource"]
    assert tagged.filter(like="tag:").to_dict("records") == [{"tag:Site": "annex", "tag:Note": ""}]
    assert untagged.filter(like="tag:").isna().to_dict("records") == [{"tag:Owner": True}]
    assert pairs(kvs.list_tags(tagged)) == [["Note", ""], ["Site", "annex"]]


def test_tag_channel_keeps_version(channel):
    kvs.tag_channel(channel, {"Env": "prod"})
    assert kvs.describe_channel(channel).equals(channel)


def test_tags_of_any_script_are_kept(channel):
    tags = {"Note": "=1+1", "Stadt": "Zürich Łódź 東京", "Blank": "", "Key with spaces": "a:b/c=d+e-f@g"}
    kvs.tag_channel(channel, tags)
    back = kvs.list_tags(channel)
    assert tags.items() <= dict(zip(back["key"], back["value"], strict=True)).items()


def test_tag_channel_rejects_more_than_fifty_in_total(channel):
    before = kvs.list_tags(channel)
    with pytest.raises(errors.TagLimitExceeded, match="untag_channel") as raised:
        kvs.tag_channel(channel, {f"k{number}": "" for number in range(49)})
    assert raised.value.code == "TagsPerResourceExceededLimitException"
    assert kvs.list_tags(channel).equals(before)
    assert len(kvs.tag_channel(channel, {f"k{number}": "" for number in range(48)})) == 50


def test_pivot_tags_distinguishes_missing_from_empty(connection):
    kvs.create_channel("a", tags={"Site": "hq"})
    kvs.create_channel("b", tags={"Site": "", "Owner": "ops"})
    wide = kvs.pivot_tags(kvs.list_tags(kvs.list_channels()))
    columns = ["channel_name", "region", "account_id", "tag:Owner", "tag:Site", "channel_arn"]
    assert wide.columns.tolist() == columns
    assert wide["tag:Owner"].isna().tolist() == [True, False]
    assert wide["tag:Site"].tolist() == ["hq", ""]


def test_pivot_tags_ignores_repeated_rows(connection):
    tags = kvs.list_tags(kvs.create_channel("a", tags={"Site": "hq", "Owner": "ops"}))
    assert kvs.pivot_tags(pd.concat([tags, tags])).equals(kvs.pivot_tags(tags))


def test_pivot_tags_rejects_tag_with_two_values(connection):
    before = kvs.list_tags(kvs.create_channel("a", tags={"Site": "hq", "Owner": "ops"}))
    after = kvs.tag_channel("a", {"Site": "annex"})
    with pytest.raises(
        errors.InvalidInput, match=r"Tag 'Site' of channel a has 2 values: 'hq' and 'annex'\. Keep the rows of one"
    ):
        kvs.pivot_tags(pd.concat([before, after]))


def test_pivot_tags_of_no_tags_is_empty(connection):
    wide = kvs.pivot_tags(kvs.list_tags(kvs.create_channel("bare")))
    assert wide.columns.tolist() == ["channel_name", "region", "account_id", "channel_arn"]
    assert len(wide) == 0


def test_quick_reading_shows_no_progress_bar(sandbox, connection, capsys):
    sandbox.seed()
    kvs.list_tags(kvs.list_channels().head(3))
    assert capsys.readouterr().err == ""


def test_first_failure_stops_list_tags(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels()
    sandbox.deny("kinesisvideo:ListTagsForResource")
    with pytest.raises(errors.AccessDenied):
        kvs.list_tags(channels)
