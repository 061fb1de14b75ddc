"""Rejected calls: the error says what to do next, keeps the service's code, and nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from botocore.exceptions import ClientError

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.error_translation import NEXT_STEP

MISSING_ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/missing/1767603600000"


def state(connection: kvs.Connection) -> tuple[str, str]:
    """Return all channels and tags as text, to compare them."""
    channels = kvs.list_channels(connection=connection)
    return channels.to_csv(), kvs.list_tags(channels, connection=connection).to_csv()


def changes_sent(sandbox: kvs.Sandbox) -> int:
    return int(sandbox.requests["operation"].str.contains("Create|Update|Delete|TagResource").sum())


@pytest.fixture
def channel(connection: kvs.Connection) -> pd.DataFrame:
    return kvs.create_channel("front-door", tags={"Site": "hq"})


# --- rejected before any call

BEFORE: dict[str, tuple[Callable[[Any], object], str]] = {
    "ttl 4": (
        lambda _: kvs.create_channel("new", message_ttl_seconds=4),
        "4 is out of range: 5 to 120 seconds",
    ),
    "ttl 121": (
        lambda c: kvs.update_channel(c, message_ttl_seconds=121),
        "121 is out of range: 5 to 120 seconds",
    ),
    "ttl text": (lambda c: kvs.update_channel(c, message_ttl_seconds="x"), "'x'"),  # type: ignore[arg-type]
    "ttl half": (lambda c: kvs.update_channel(c, message_ttl_seconds=7.5), "7.5"),  # type: ignore[arg-type]
    "name with a space": (lambda _: kvs.create_channel("front door"), "'front door'"),
    "name empty": (lambda _: kvs.create_channel(""), "''"),
    "name too long": (lambda _: kvs.create_channel("a" * 257), "257 characters"),
    "51 tags": (lambda c: kvs.tag_channel(c, {f"k{n}": "" for n in range(51)}), "Too many tags: 51 (maximum 50)."),
    "aws: key": (lambda c: kvs.tag_channel(c, {"aws:x": "y"}), "'aws:x' has the prefix aws:, reserved by AWS"),
    "no tags": (lambda c: kvs.tag_channel(c, {}), "No tags were given"),
    "tag key too long": (lambda c: kvs.tag_channel(c, {"k" * 129: "v"}), "129 characters"),
    "tag value too long": (lambda c: kvs.tag_channel(c, {"k": "v" * 257}), "257 characters"),
    "tag value with a sign": (lambda c: kvs.tag_channel(c, {"k": "a*b"}), "'a*b'"),
    "tag value no text": (lambda c: kvs.tag_channel(c, {"k": 1}), "1"),  # type: ignore[dict-item]
    "keys as text": (lambda c: kvs.untag_channel(c, "Site"), 'Pass a list of keys, such as ["Owner", "Site"]'),
    "no keys": (lambda c: kvs.untag_channel(c, []), "Number of tag keys is out of range: 0 (allowed: 1 to 50)"),
    "row of another account": (
        lambda c: kvs.delete_channel(c.assign(channel_arn=c["channel_arn"].str.replace("1111", "9999"))),
        "is in account 999922223333, us-east-1, but this connection is to account 111122223333",
    ),
    "row of another region": (
        lambda c: kvs.delete_channel(c.assign(channel_arn=c["channel_arn"].str.replace("us-east", "eu-west"))),
        "eu-west-1",
    ),
    "row that contradicts itself": (
        lambda c: kvs.delete_channel(c.assign(account_id="999922223333")),
        "Column 'account_id' is 999922223333, but the ARN has 111122223333",
    ),
    "ARN of a stream": (
        lambda _: kvs.describe_channel(MISSING_ARN.replace(":channel/", ":stream/")),
        "names a stream. Expected a signaling channel's",
    ),
    "ARN cut short": (lambda _: kvs.describe_channel(MISSING_ARN.rpartition("/")[0]), "It has the form arn:aws:"),
    "a number as channel": (lambda _: kvs.describe_channel(7), "7 has type int. Pass a name"),  # type: ignore[arg-type]
    "no row": (lambda c: kvs.delete_channel(c.iloc[:0]), "Expected one channel, got a frame of 0 rows"),
    "two rows": (lambda c: kvs.delete_channel(pd.concat([c, c])), "or make a plan: kvs.plans.delete(channels)."),
    "two rows to update": (
        lambda c: kvs.update_channel(pd.concat([c, c]), message_ttl_seconds=90),
        "Expected one channel, got a frame of 2 rows. Pass one row, or make a plan: kvs.plans.set_message_ttl(channels, 90).",
    ),
    "two rows to tag": (
        lambda c: kvs.tag_channel(pd.concat([c, c]), {"Site": "hq"}),
        "or make a plan: kvs.plans.tag(channels, {'Site': 'hq'}).",
    ),
    "two rows to untag": (
        lambda c: kvs.untag_channel(pd.concat([c, c]), ["Site"]),
        "or make a plan: kvs.plans.tag(channels, remove=['Site']).",
    ),
    "a row without its ARN": (
        lambda c: kvs.delete_channel(c.drop(columns="channel_arn")),
        "Missing column 'channel_arn'. Pass a row returned by list_channels().",
    ),
    "an unknown status": (
        lambda c: kvs.wait_for_channel(c, "READY"),
        "'READY' is not valid. Expected one of: CREATING, ACTIVE",
    ),
}


def test_invalid_argument_is_rejected_before_any_call(sandbox, connection, channel):
    _ = connection.account_id
    before = len(sandbox.requests)
    for case, (act, because) in BEFORE.items():
        with pytest.raises(errors.InvalidInput, match=re.escape(because)) as raised:
            act(channel)
        assert raised.value.__cause__ is None, case
    assert sandbox.requests["operation"].iloc[before:].tolist() == []


# --- rejected by the service

AFTER: dict[str, tuple[Callable[[Any], object], type[errors.KVSError], str]] = {
    "unknown channel": (
        lambda _: kvs.describe_channel("missing"), errors.ChannelNotFound, "ResourceNotFoundException"),
    "unknown ARN": (lambda _: kvs.describe_channel(MISSING_ARN), errors.ChannelNotFound, "ResourceNotFoundException"),
    "tags of an unknown channel": (
        lambda _: kvs.list_tags(MISSING_ARN), errors.ChannelNotFound, "ResourceNotFoundException"),
    "endpoints of an unknown channel": (
        lambda _: kvs.get_endpoints(MISSING_ARN), errors.ChannelNotFound, "ResourceNotFoundException"),
    "name taken": (lambda _: kvs.create_channel("front-door"), errors.ChannelExists, "ResourceInUseException"),
    "wrong version on update": (
        lambda c: kvs.update_channel(c.assign(version="old"), message_ttl_seconds=90),
        errors.VersionMismatch, "VersionMismatchException"),
    "wrong version on delete": (
        lambda c: kvs.delete_channel(c.assign(version="old")), errors.VersionMismatch, "VersionMismatchException"),
    "51 tags in all": (
        lambda c: kvs.tag_channel(c, {f"k{n}": "" for n in range(50)}),
        errors.TagLimitExceeded, "TagsPerResourceExceededLimitException"),
    "malformed page token": (
        lambda _: kvs.current_connection().call("ListSignalingChannels", {"NextToken": "bad"}),
        errors.InvalidInput, "InvalidArgumentException"),
}  # fmt: skip


def test_service_error_keeps_code_and_cause(connection, channel):
    before = state(connection)
    for case, (act, kind, code) in AFTER.items():
        with pytest.raises(kind) as raised:
            act(channel)
        assert raised.value.code == code, case
        assert isinstance(raised.value.__cause__, ClientError), case
        assert code in str(raised.value), case
        assert NEXT_STEP[kind].removesuffix(".") in str(raised.value), case
    assert state(connection) == before


@pytest.mark.draw(2, of_each=("fault",))
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("throttle", errors.Throttled),
        ("denied", errors.AccessDenied),
        ("expired", errors.ExpiredCredentials),
        ("revoked", errors.ExpiredCredentials),
        ("error", errors.OutcomeUnknown),
        ("reset", errors.OutcomeUnknown),
    ],
)
@pytest.mark.parametrize(
    ("operation", "act"),
    [
        ("UpdateSignalingChannel", lambda c: kvs.update_channel(c, message_ttl_seconds=90)),
        ("DeleteSignalingChannel", kvs.delete_channel),
        ("TagResource", lambda c: kvs.tag_channel(c, {"a": "b"})),
        ("UntagResource", lambda c: kvs.untag_channel(c, ["Site"])),
    ],
)
def test_failed_call_changes_nothing(sandbox, connection, channel, monkeypatch, fault, kind, operation, act):
    monkeypatch.setattr(connection.rate_limiter, "sleep", lambda _: None)
    if operation.endswith("tagResource") or operation == "TagResource":
        kind = {"error": errors.ServiceFault, "reset": errors.EndpointUnreachable}.get(fault, kind)
    before = state(connection)
    sandbox.faults.add(operation, fault, times=None)
    with pytest.raises(kind) as raised:
        act(channel)
    assert raised.value.operation == operation
    assert state(connection) == before


def test_name_of_deleting_channel_is_taken(connection, channel):
    kvs.delete_channel(channel)
    with pytest.raises(errors.ChannelExists, match='wait_for_channel\\(name, "DELETED"\\) first'):
        kvs.create_channel("front-door")


def test_deleted_channel_accepts_no_tags(connection, channel):
    kvs.delete_channel(channel)
    with pytest.raises(errors.ChannelNotFound):
        kvs.tag_channel(channel, {"Site": "annex"})
    kvs.wait_for_channel(channel, "DELETED")
    with pytest.raises(errors.ChannelNotFound):
        kvs.tag_channel(channel, {"Site": "annex"})
    with pytest.raises(errors.ChannelNotFound):
        kvs.untag_channel(channel, ["Site"])


def test_busy_channel_error_says_what_to_do():
    with kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=600)) as sandbox:
        connection = sandbox.connection()
        young = kvs.create_channel("front-door", wait=False, connection=connection)
        for act in (lambda: kvs.update_channel(young, message_ttl_seconds=90, connection=connection),
                    lambda: kvs.delete_channel(young, connection=connection)):  # fmt: skip
            with pytest.raises(errors.ChannelBusy, match=r"wait_for_channel\(\) until it is ACTIVE") as raised:
                act()
            assert raised.value.code == "ResourceInUseException"


def test_channel_limit_error_says_what_to_do():
    with kvs.Sandbox(region="eu-west-1", quotas=False) as sandbox:
        sandbox.seed(5_000)
        with pytest.raises(errors.ChannelLimitExceeded, match="ask AWS to raise the quota") as raised:
            kvs.create_channel("one-more", connection=sandbox.connection())
        assert raised.value.code == "AccountChannelLimitExceededException"


# --- read-only connection


@pytest.fixture
def read_only(sandbox: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch) -> kvs.Connection:
    """A connection to the sandbox that takes it for a real account."""
    monkeypatch.setattr("kvs_notebook.aws.identity.SANDBOX_USER", "alice")
    return sandbox.connection().replace(local_service=None)


@pytest.mark.parametrize(
    "act",
    [
        lambda connection: kvs.create_channel("new", connection=connection),
        lambda connection: kvs.update_channel("front-door", message_ttl_seconds=90, connection=connection),
        lambda connection: kvs.delete_channel("front-door", connection=connection),
        lambda connection: kvs.tag_channel("front-door", {"a": "b"}, connection=connection),
        lambda connection: kvs.untag_channel("front-door", ["a"], connection=connection),
    ],
)
def test_read_only_connection_sends_no_change(sandbox, channel, read_only, act):
    before = changes_sent(sandbox)
    with pytest.raises(
        errors.ReadOnly,
        match=r"kvs\.connect\(region='us-east-1', endpoint_url='http://127\.0\.0\.1:\d+', allow_changes=True\)",
    ):
        act(read_only)
    assert changes_sent(sandbox) == before


def test_read_only_connection_reads(channel, read_only):
    assert kvs.list_channels(tags=True, connection=read_only)["tag:Site"].tolist() == ["hq"]
    assert len(kvs.get_endpoints("front-door", connection=read_only)) == 2
