"""What the service allows: bounds equal to botocore's model, and messages that name value, bound and fix."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.quotas import MESSAGE_RATES, QUOTAS, SIGNALING_QUOTAS, channel_quota, quota_of
from kvs_notebook.aws.service_model import bounds, service_model, signaling_model
from kvs_notebook.aws.validation import (
    LONGEST_EXPIRY,
    MAX_TAGS,
    check_channel_name,
    check_channel_type,
    check_client_id,
    check_expires,
    check_message_ttl,
    check_protocols,
    check_role,
    check_tag_keys,
    check_tags,
    check_version,
    check_viewer_id,
)
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"


def metadata(shape: str) -> dict:
    return service_model().shape_for(shape).metadata


def problem(check, value, **options) -> str:
    with pytest.raises(InvalidInput) as refused:
        check(value, **options)
    return str(refused.value)


def test_the_nine_operations_have_quotas_and_are_in_the_model():
    assert len(QUOTAS) == 9
    assert set(QUOTAS) <= set(service_model().operation_names)


def test_what_endpoints_are_asked_has_quotas_of_its_own():
    assert set(SIGNALING_QUOTAS) & set(signaling_model().operation_names) == {"GetIceServerConfig"}
    assert not set(SIGNALING_QUOTAS) & set(QUOTAS)
    assert [(quota.account, quota.channel) for quota in SIGNALING_QUOTAS.values()] == [(None, 3), (None, 3), (100, 5)]
    assert quota_of("ListTagsForResource") is QUOTAS["ListTagsForResource"]
    assert quota_of("GetCallerIdentity") is None
    assert set(MESSAGE_RATES) == {"SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE"}
    assert bounds("MessagePayload") == (1, 10_000)


def test_two_regions_have_room_for_more_channels():
    assert [channel_quota(region) for region in ("us-east-1", "us-west-2", "eu-west-1")] == [10_000, 10_000, 5_000]


@given(st.text(max_size=300) | st.from_regex(r"[a-zA-Z0-9_.-]{1,256}", fullmatch=True))
def test_a_name_is_taken_exactly_where_the_model_takes_it(name):
    rule = metadata("ChannelName")
    fits = rule["min"] <= len(name) <= rule["max"] and re.fullmatch(rule["pattern"], name)
    if fits:
        assert check_channel_name(name) == name
    else:
        assert problem(check_channel_name, name)


@given(st.integers(-10, 200))
def test_a_ttl_is_taken_exactly_where_the_model_takes_it(seconds):
    rule = metadata("MessageTtlSeconds")
    if rule["min"] <= seconds <= rule["max"]:
        assert check_message_ttl(seconds) == seconds
    else:
        assert problem(check_message_ttl, seconds) == (
            f"message_ttl_seconds {seconds} is out of bounds: the service allows 5 to 120 seconds."
        )


@pytest.mark.parametrize("seconds", [60, 60.0, np.int64(60), pd.Series([60], dtype="Int64")[0]])
def test_a_ttl_may_be_any_whole_number_that_pandas_gives(seconds):
    checked = check_message_ttl(seconds)
    assert (type(checked), checked) == (int, 60)


@pytest.mark.parametrize("seconds", ["60", None, True, 60.5, float("nan"), pd.NA, [60]])
def test_what_is_no_whole_number_is_no_ttl(seconds):
    assert "is not a whole number: give 5 to 120 seconds" in problem(check_message_ttl, seconds)


@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("front door", "Channel name 'front door': ' ' is not allowed. Use letters, digits and . _ - only."),
        ("türöffner", "'ö', 'ü' is not allowed"),
        ("", "has 0 characters (allowed: 1 to 256)."),
        ("a" * 257, "has 257 characters (allowed: 1 to 256)."),
        ("a\n", r"'\n' is not allowed"),
        (7, "7 is a int. Expected a string."),
    ],
)
def test_a_name_that_is_refused_is_shown_with_its_reason(name, because):
    assert because in problem(check_channel_name, name)


def test_a_long_value_is_cut_in_a_message():
    message = problem(check_channel_name, "x" * 5000)
    assert len(message) < 250
    assert "(5000 long)" in message
    assert format_value("short") == "'short'"


# --- tags


def test_tags_of_every_script_are_taken():
    tags = {"Stadt": "Zürich", "Москва": "東京", "k _.:/=+-@": "", "k" * 128: "v" * 256}
    assert check_tags(tags) == tags


@pytest.mark.parametrize(
    ("tags", "because"),
    [
        ({}, "No tags were given"),
        ([("a", "b")], "give a mapping, such as"),
        ({"": "v"}, "Tag key '' has 0 characters (allowed: 1 to 128)."),
        ({"k" * 129: "v"}, "has 129 characters"),
        ({"k": "v" * 257}, "Value of tag 'k'"),
        ({"k!": "v"}, "'!' is not allowed"),
        ({"k": "a\tb"}, r"'\t' is not allowed"),
        ({"aws:k": "v"}, "the prefix aws: is AWS's own; choose another key."),
        ({"AWS:k": "v"}, "the prefix aws: is AWS's own; choose another key."),
        ({"k": None}, "None is a NoneType. Expected a string."),
        ({1: "v"}, "Tag key 1 is a int. Expected a string."),
        ({f"k{number}": "" for number in range(51)}, "51 tags: a channel may have 50."),
    ],
    ids=str,
)
def test_tags_that_are_refused_are_named_with_their_reason(tags, because):
    assert because in problem(check_tags, tags)


def test_create_takes_no_tags_at_all():
    assert check_tags({}, allow_none=True) == {}


def test_the_number_of_tags_is_the_models():
    assert metadata("TagList")["max"] == metadata("TagOnCreateList")["max"] == MAX_TAGS


@pytest.mark.parametrize(
    ("keys", "because"),
    [
        ("Site", 'give a list of keys, such as ["Owner", "Site"].'),
        (None, "give a list of keys"),
        ([], "0 tag keys: the service takes 1 to 50 in one call."),
        ([f"k{number}" for number in range(51)], "51 tag keys"),
        (["a b!"], "'!' is not allowed"),
    ],
    ids=str,
)
def test_keys_that_are_refused_are_named_with_their_reason(keys, because):
    assert because in problem(check_tag_keys, keys)


def test_keys_may_come_from_anything_that_gives_them():
    assert check_tag_keys(pd.Series(["a", "b"])) == check_tag_keys({"a": 1, "b": 2}) == ["a", "b"]


# --- choices


@pytest.mark.parametrize(
    ("check", "shape"),
    [(check_role, "ChannelRole"), (check_channel_type, "ChannelType")],
)
def test_a_choice_is_taken_exactly_where_the_model_lists_it(check, shape):
    for choice in metadata(shape)["enum"]:
        assert check(choice) == choice
        assert f"Did you mean {choice!r}?" in problem(check, choice.lower())
    assert "Expected one of: " in problem(check, "X")
    assert "Expected one of: " in problem(check, None)


def test_protocols_lose_their_repetitions_and_keep_their_order():
    assert check_protocols(["WSS", "HTTPS", "WSS"]) == ["WSS", "HTTPS"]


def test_a_version_is_letters_and_digits():
    assert check_version("Ws0fZvFGXzEpuZ2CE1s9") == "Ws0fZvFGXzEpuZ2CE1s9"
    assert "Take it from describe_channel()" in problem(check_version, "v-1")


# --- those who connect


@given(
    st.text(max_size=300) | st.from_regex(r"[a-zA-Z0-9_.-]{1,256}", fullmatch=True) | st.just("aws") | st.just("AWS-x")
)
def test_a_viewers_id_is_taken_exactly_where_the_model_takes_it_and_awss_own_never(client_id):
    rule = signaling_model().shape_for("ClientId").metadata
    fits = rule["min"] <= len(client_id) <= rule["max"] and re.fullmatch(rule["pattern"], client_id)
    if fits and not client_id.upper().startswith("AWS_"):
        assert check_viewer_id(client_id) == check_client_id(client_id, "VIEWER") == client_id
    else:
        assert problem(check_viewer_id, client_id)


def test_a_viewer_has_an_id_and_a_master_has_none():
    assert check_client_id(None, "MASTER") is None
    assert "a MASTER has none" in problem(lambda id_: check_client_id(id_, "MASTER"), "tablet")
    assert "one of the channel's 10 places for viewers" in problem(lambda id_: check_client_id(id_, "VIEWER"), None)


@pytest.mark.parametrize("client_id", ["AWS_x", "aws_x", "aWs_", "AWS_"])
def test_a_prefix_of_awss_own_is_refused_in_any_case(client_id):
    assert f"Client id {client_id!r}: the prefix AWS_ is AWS's own" in problem(check_viewer_id, client_id)


@pytest.mark.parametrize("seconds", [1, 299, LONGEST_EXPIRY, 60.0, np.int64(60)])
def test_a_url_may_be_valid_for_a_second_to_seven_days(seconds):
    checked = check_expires(seconds)
    assert (checked, type(checked)) == (seconds, int)


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_EXPIRY + 1, 1.5, "60", None, True, float("nan"), float("inf")])
def test_a_url_may_not_be_valid_for_less_or_longer(seconds):
    assert "give whole seconds, 1 to 604800 (7 days)" in problem(check_expires, seconds)


# --- ARNs


def test_an_arn_is_taken_apart_and_put_together_again():
    arn = ChannelArn.parse(ARN)
    assert arn == ("aws", "us-east-1", "111122223333", "front-door", 1767603600000)
    assert str(arn) == ARN
    assert ChannelArn.parse(ARN.replace("arn:aws:", "arn:aws-cn:")).partition == "aws-cn"


@pytest.mark.parametrize(
    ("arn", "because"),
    [
        (
            ARN.replace(":channel/", ":stream/"),
            "names a stream. Expected a signaling channel's (arn:...:channel/NAME/NUMBER).",
        ),
        (ARN.rpartition("/")[0], "It has the form arn:aws:kinesisvideo:REGION:ACCOUNT:channel/NAME/NUMBER."),
        (ARN + "\n", "It has the form"),
        ("arn:aws:s3:::bucket", "It has the form"),
        (1.11122e11, "is a float. Expected a string."),
    ],
)
def test_an_arn_that_is_none_of_a_channel_is_named_with_its_reason(arn, because):
    assert because in problem(ChannelArn.parse, arn)
