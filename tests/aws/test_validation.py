"""Validation: limits equal to botocore's model, and messages with the value, the limit and what to do."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.service_model import service_model, signaling_model
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


def metadata(shape: str) -> dict:
    return service_model().shape_for(shape).metadata


def problem(check, value, **options) -> str:
    with pytest.raises(InvalidInput) as refused:
        check(value, **options)
    return str(refused.value)


@given(st.text(max_size=300) | st.from_regex(r"[a-zA-Z0-9_.-]{1,256}", fullmatch=True))
def test_channel_name_follows_model(name):
    rule = metadata("ChannelName")
    fits = rule["min"] <= len(name) <= rule["max"] and re.fullmatch(rule["pattern"], name)
    if fits:
        assert check_channel_name(name) == name
    else:
        assert problem(check_channel_name, name)


@given(st.integers(-10, 200))
def test_message_ttl_follows_model(seconds):
    rule = metadata("MessageTtlSeconds")
    if rule["min"] <= seconds <= rule["max"]:
        assert check_message_ttl(seconds) == seconds
    else:
        assert problem(check_message_ttl, seconds) == (
            f"message_ttl_seconds {seconds} is out of range: 5 to 120 seconds."
        )


@pytest.mark.parametrize("seconds", [60, 60.0, np.int64(60), pd.Series([60], dtype="Int64")[0]])
def test_message_ttl_accepts_whole_number_of_any_type(seconds):
    checked = check_message_ttl(seconds)
    assert (type(checked), checked) == (int, 60)


@pytest.mark.parametrize("seconds", ["60", None, True, 60.5, float("nan"), pd.NA, [60]])
def test_message_ttl_rejects_other_values(seconds):
    assert "is not a whole number. Expected 5 to 120 seconds." in problem(check_message_ttl, seconds)


@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("front door", "Channel name 'front door': ' ' is not allowed. Use letters, digits and . _ - only."),
        ("türöffner", "'ö', 'ü' is not allowed"),
        ("", "has 0 characters (allowed: 1 to 256)."),
        ("a" * 257, "has 257 characters (allowed: 1 to 256)."),
        ("a\n", r"'\n' is not allowed"),
        (7, "7 has type int. Expected a string."),
    ],
)
def test_invalid_channel_name_is_shown_with_reason(name, because):
    assert because in problem(check_channel_name, name)


# --- tags


def test_tags_of_any_script_are_accepted():
    tags = {"Stadt": "Zürich", "Москва": "東京", "k _.:/=+-@": "", "k" * 128: "v" * 256}
    assert check_tags(tags) == tags


@pytest.mark.parametrize(
    ("tags", "because"),
    [
        ({}, "No tags were given"),
        ([("a", "b")], "is not a mapping. Pass a mapping, such as"),
        ({"": "v"}, "Tag key '' has 0 characters (allowed: 1 to 128)."),
        ({"k" * 129: "v"}, "has 129 characters"),
        ({"k": "v" * 257}, "Value of tag 'k'"),
        ({"k!": "v"}, "'!' is not allowed"),
        ({"k": "a\tb"}, r"'\t' is not allowed"),
        ({"aws:k": "v"}, "has the prefix aws:, reserved by AWS. Choose another key."),
        ({"AWS:k": "v"}, "has the prefix aws:, reserved by AWS. Choose another key."),
        ({"k": None}, "None has type NoneType. Expected a string."),
        ({1: "v"}, "Tag key 1 has type int. Expected a string."),
        ({f"k{number}": "" for number in range(51)}, "Too many tags: 51 (maximum 50)."),
    ],
    ids=str,
)
def test_invalid_tags_are_shown_with_reason(tags, because):
    assert because in problem(check_tags, tags)


def test_empty_tags_are_accepted_on_create():
    assert check_tags({}, allow_none=True) == {}


def test_maximum_number_of_tags_follows_model():
    assert metadata("TagList")["max"] == metadata("TagOnCreateList")["max"] == MAX_TAGS


@pytest.mark.parametrize(
    ("keys", "because"),
    [
        ("Site", 'is not a list. Pass a list of keys, such as ["Owner", "Site"].'),
        (None, "Pass a list of keys"),
        ([], "Number of tag keys is out of range: 0 (allowed: 1 to 50)."),
        ([f"k{number}" for number in range(51)], "is out of range: 51 (allowed: 1 to 50)"),
        (["a b!"], "'!' is not allowed"),
    ],
    ids=str,
)
def test_invalid_tag_keys_are_shown_with_reason(keys, because):
    assert because in problem(check_tag_keys, keys)


def test_tag_keys_accept_any_iterable():
    assert check_tag_keys(pd.Series(["a", "b"])) == check_tag_keys({"a": 1, "b": 2}) == ["a", "b"]


# --- choices


@pytest.mark.parametrize(
    ("check", "shape"),
    [(check_role, "ChannelRole"), (check_channel_type, "ChannelType")],
)
def test_choices_follow_model(check, shape):
    for choice in metadata(shape)["enum"]:
        assert check(choice) == choice
        assert f"Did you mean {choice!r}?" in problem(check, choice.lower())
    assert "Expected one of: " in problem(check, "X")
    assert "Expected one of: " in problem(check, None)


def test_protocols_are_unique_and_keep_order():
    assert check_protocols(["WSS", "HTTPS", "WSS"]) == ["WSS", "HTTPS"]


def test_version_follows_model():
    assert check_version("Ws0fZvFGXzEpuZ2CE1s9") == "Ws0fZvFGXzEpuZ2CE1s9"
    assert "Pass the version that describe_channel() returns." in problem(check_version, "v-1")


# --- clients


@given(
    st.text(max_size=300) | st.from_regex(r"[a-zA-Z0-9_.-]{1,256}", fullmatch=True) | st.just("aws") | st.just("AWS-x")
)
def test_viewer_id_follows_model_without_reserved_prefix(client_id):
    rule = signaling_model().shape_for("ClientId").metadata
    fits = rule["min"] <= len(client_id) <= rule["max"] and re.fullmatch(rule["pattern"], client_id)
    if fits and not client_id.upper().startswith("AWS_"):
        assert check_viewer_id(client_id) == check_client_id(client_id, "VIEWER") == client_id
    else:
        assert problem(check_viewer_id, client_id)


def test_viewer_needs_id_and_master_has_none():
    assert check_client_id(None, "MASTER") is None
    assert "was given for a MASTER, which has none" in problem(lambda id_: check_client_id(id_, "MASTER"), "tablet")
    assert "maximum of 10 viewers" in problem(lambda id_: check_client_id(id_, "VIEWER"), None)


@pytest.mark.parametrize("client_id", ["AWS_x", "aws_x", "aWs_", "AWS_"])
def test_reserved_client_id_prefix_is_rejected_in_any_case(client_id):
    assert f"Client id {client_id!r} has the prefix AWS_, reserved by AWS" in problem(check_viewer_id, client_id)


@pytest.mark.parametrize("seconds", [1, 299, LONGEST_EXPIRY, 60.0, np.int64(60)])
def test_expires_accepts_one_second_to_seven_days(seconds):
    checked = check_expires(seconds)
    assert (checked, type(checked)) == (seconds, int)


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_EXPIRY + 1, 1.5, "60", None, True, float("nan"), float("inf")])
def test_expires_rejects_other_values(seconds):
    assert "is out of range: 1 to 604800 whole seconds (7 days)" in problem(check_expires, seconds)
