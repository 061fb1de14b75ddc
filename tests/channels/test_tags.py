"""Tags, long and wide, read and set."""

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


def test_tags_are_a_row_each_in_the_order_of_their_keys(channel):
    tags = kvs.list_tags(channel)
    assert dict(tags.dtypes.astype(str)) == dict(TAGS)
    assert pairs(tags) == [["Owner", "ops"], ["Site", "hq"]]
    assert tags["channel_arn"].unique().tolist() == channel["channel_arn"].tolist()
    assert tags["channel_name"].unique().tolist() == ["front-door"]


def test_tags_of_a_channel_may_be_asked_for_by_its_name(channel):
    assert kvs.list_tags("front-door").equals(kvs.list_tags(channel))


def test_a_channel_without_tags_gives_no_row_and_every_dtype(connection):
    tags = kvs.list_tags(kvs.create_channel("bare"))
    assert len(tags) == 0
    assert dict(tags.dtypes.astype(str)) == dict(TAGS)


@pytest.mark.parametrize("empty_tags", ["map", "null", "absent"])
def test_no_tags_may_come_in_every_form(empty_tags):
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(empty_tags=empty_tags)) as sandbox:
        connection = sandbox.connection()
        assert kvs.list_tags(kvs.create_channel("bare", connection=connection), connection=connection).empty


def test_tags_of_a_whole_frame_come_in_its_order_whatever_finished_first(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels()
    tags = kvs.list_tags(channels)
    assert set(tags["channel_name"]) <= set(channels["channel_name"])
    assert tags[["channel_name", "key"]].apply(tuple, axis=1).is_monotonic_increasing
    assert (sandbox.requests["operation"] == "ListTagsForResource").sum() == len(channels)
    assert kvs.list_tags(channels.iloc[:0]).empty


def test_setting_tags_adds_and_changes_and_leaves_the_rest(channel):
    assert pairs(kvs.tag_channel(channel, {"Site": "annex", "Env": ""})) == [
        ["Env", ""],
        ["Owner", "ops"],
        ["Site", "annex"],
    ]


def test_taking_tags_off_leaves_the_rest_and_ignores_what_is_not_there(channel):
    assert pairs(kvs.untag_channel(channel, ["Owner", "NoSuch"])) == [["Site", "hq"]]


def test_tagging_leaves_the_version(channel):
    kvs.tag_channel(channel, {"Env": "prod"})
    assert kvs.describe_channel(channel).equals(channel)


def test_values_of_every_script_and_sign_come_back_as_they_were(channel):
    tags = {"Note": "=1+1", "Stadt": "Zürich Łódź 東京", "Blank": "", "Key with spaces": "a:b/c=d+e-f@g"}
    kvs.tag_channel(channel, tags)
    back = kvs.list_tags(channel)
    assert tags.items() <= dict(zip(back["key"], back["value"], strict=True)).items()


def test_more_than_fifty_in_all_are_refused_and_none_is_set(channel):
    before = kvs.list_tags(channel)
    with pytest.raises(errors.TagLimitExceeded, match="untag_channel") as raised:
        kvs.tag_channel(channel, {f"k{number}": "" for number in range(49)})
    assert raised.value.code == "TagsPerResourceExceededLimitException"
    assert kvs.list_tags(channel).equals(before)
    assert len(kvs.tag_channel(channel, {f"k{number}": "" for number in range(48)})) == 50


def test_a_wide_frame_tells_missing_from_empty(connection):
    kvs.create_channel("a", tags={"Site": "hq"})
    kvs.create_channel("b", tags={"Site": "", "Owner": "ops"})
    wide = kvs.pivot_tags(kvs.list_tags(kvs.list_channels()))
    assert wide.columns.tolist() == ["account_id", "region", "channel_name", "channel_arn", "tag:Owner", "tag:Site"]
    assert wide["tag:Owner"].isna().tolist() == [True, False]
    assert wide["tag:Site"].tolist() == ["hq", ""]


def test_tags_that_are_there_twice_count_once_in_a_wide_frame(connection):
    tags = kvs.list_tags(kvs.create_channel("a", tags={"Site": "hq", "Owner": "ops"}))
    assert kvs.pivot_tags(pd.concat([tags, tags])).equals(kvs.pivot_tags(tags))


def test_a_tag_with_two_values_has_no_place_in_a_wide_frame(connection):
    before = kvs.list_tags(kvs.create_channel("a", tags={"Site": "hq", "Owner": "ops"}))
    after = kvs.tag_channel("a", {"Site": "annex"})
    with pytest.raises(
        errors.InvalidInput, match=r"Tag 'Site' of channel a has 2 values, 'hq' and 'annex': keep the rows of one"
    ):
        kvs.pivot_tags(pd.concat([before, after]))


def test_a_wide_frame_of_no_tags_is_empty(connection):
    wide = kvs.pivot_tags(kvs.list_tags(kvs.create_channel("bare")))
    assert wide.columns.tolist() == ["account_id", "region", "channel_name", "channel_arn"]
    assert len(wide) == 0


def test_reading_many_tags_shows_a_bar_once_it_takes_over_a_second(sandbox, connection, monkeypatch, capsys):
    monkeypatch.setattr("kvs_notebook.aws.concurrency.PROGRESS_AFTER_SECONDS", 0.0)
    sandbox.seed()
    kvs.list_tags(kvs.list_channels())
    assert "Reading tags" in capsys.readouterr().err


def test_reading_few_tags_shows_no_bar(sandbox, connection, capsys):
    sandbox.seed()
    kvs.list_tags(kvs.list_channels().head(3))
    assert capsys.readouterr().err == ""


def test_the_first_failure_ends_the_reading_with_its_own_error(sandbox, connection):
    sandbox.seed()
    channels = kvs.list_channels()
    sandbox.deny("kinesisvideo:ListTagsForResource")
    with pytest.raises(errors.AccessDenied):
        kvs.list_tags(channels)
