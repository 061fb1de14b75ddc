"""Changes whose reply was lost: their own success is recognized, the change of another client is not claimed."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.channels.lost_replies import send_warnings_to


def sent(sandbox: kvs.Sandbox, operation: str) -> int:
    return int((sandbox.requests["operation"] == operation).sum())


# --- create


@pytest.mark.parametrize("times", [1, 2, None])
def test_create_with_lost_reply_succeeds_with_warning(sandbox, connection, times):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply", times=times)
    with pytest.warns(errors.ReconciledWarning, match="CreateSignalingChannel for front-door: a reply was lost"):
        channel = kvs.create_channel("front-door", message_ttl_seconds=30, tags={"Site": "hq"})
    assert channel["channel_status"].item() == "ACTIVE"
    assert channel["message_ttl_seconds"].item() == 30
    assert len(kvs.list_channels()) == 1
    assert kvs.list_tags(channel)["value"].tolist() == ["hq"]


def test_warning_points_at_callers_line(sandbox, connection):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    with pytest.warns(errors.ReconciledWarning) as caught:
        kvs.create_channel("front-door", wait=False)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "other", [{"message_ttl_seconds": 31}, {"tags": {"Site": "annex"}}, {"tags": None}], ids=["ttl", "tags", "no-tags"]
)
def test_create_does_not_claim_channel_with_other_settings(sandbox, connection, other):
    asked = {"message_ttl_seconds": 30, "tags": {"Site": "hq"}}
    there = kvs.create_channel("front-door", **(asked | other))
    sandbox.faults.add("CreateSignalingChannel", "error")
    with pytest.raises(errors.ChannelExists, match="and was created before this call or has other settings") as raised:
        kvs.create_channel("front-door", **asked)
    assert raised.value.code == "ResourceInUseException"
    assert kvs.describe_channel("front-door").equals(there)
    assert sent(sandbox, "CreateSignalingChannel") == 3


def test_create_does_not_claim_equal_older_channel(sandbox, connection):
    kvs.create_channel("front-door")
    sandbox.advance(3600)
    sandbox.faults.add("CreateSignalingChannel", "error")
    with pytest.raises(errors.ChannelExists):
        kvs.create_channel("front-door")


def test_create_without_effect_is_outcome_unknown(sandbox, connection):
    sandbox.faults.add("CreateSignalingChannel", "reset", times=None)
    with pytest.raises(errors.OutcomeUnknown, match=r"kvs\.describe_channel\('front-door'\)") as raised:
        kvs.create_channel("front-door")
    assert raised.value.operation == "CreateSignalingChannel"
    assert isinstance(raised.value.__cause__, errors.EndpointUnreachable)


@pytest.mark.parametrize("blind", ["DescribeSignalingChannel", "ListTagsForResource"])
def test_create_is_outcome_unknown_if_channel_cannot_be_read(sandbox, connection, blind):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    sandbox.deny(f"kinesisvideo:{blind}")
    with pytest.raises(errors.OutcomeUnknown, match="front-door"):
        kvs.create_channel("front-door")
    sandbox.clear_denials()
    assert kvs.describe_channel("front-door")["channel_status"].item() == "ACTIVE"


def test_refused_first_attempt_is_not_reconciled(sandbox, connection, recwarn):
    kvs.create_channel("front-door")
    before = sent(sandbox, "DescribeSignalingChannel")
    with pytest.raises(errors.ChannelExists, match="Choose another name"):
        kvs.create_channel("front-door")
    assert sent(sandbox, "DescribeSignalingChannel") == before
    assert not recwarn.list


# --- update


@pytest.mark.parametrize("times", [1, None])
def test_update_with_lost_reply_succeeds_with_warning(sandbox, connection, times):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("UpdateSignalingChannel", "lost_reply", times=times)
    with pytest.warns(errors.ReconciledWarning, match="its message TTL is 90 s as requested"):
        updated = kvs.update_channel(channel, message_ttl_seconds=90)
    assert updated["message_ttl_seconds"].item() == 90
    assert updated["version"].item() != channel["version"].item()


def test_update_after_other_client_is_version_mismatch(sandbox, connection):
    channel = kvs.create_channel("front-door")
    kvs.update_channel(channel, message_ttl_seconds=45)
    sandbox.faults.add("UpdateSignalingChannel", "error")
    with pytest.raises(errors.VersionMismatch):
        kvs.update_channel(channel, message_ttl_seconds=90)
    assert kvs.describe_channel(channel)["message_ttl_seconds"].item() == 45


def test_update_without_effect_is_outcome_unknown(sandbox, connection):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("UpdateSignalingChannel", "error", times=None)
    # One advice: that of the lost call, to call again, might change the channel twice.
    with pytest.raises(
        errors.OutcomeUnknown, match=r"not known \(UpdateSignal[^.]*\)\. Check with kvs\.describe"
    ) as raised:
        kvs.update_channel(channel, message_ttl_seconds=90)
    assert raised.value.code == "InternalFailure"


# --- delete


@pytest.mark.parametrize("times", [1, None])
def test_delete_with_lost_reply_succeeds_with_warning(sandbox, connection, times):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("DeleteSignalingChannel", "lost_reply", times=times)
    with pytest.warns(errors.ReconciledWarning, match="the channel is DELETING or deleted"):
        deleted = kvs.delete_channel(channel)
    assert deleted["channel_status"].item() == "DELETING"
    kvs.wait_for_channel(channel, "DELETED")


def test_delete_succeeds_if_channel_is_not_found_after_lost_reply():
    assumptions = kvs.Assumptions(deleting_seconds=0)
    with kvs.Sandbox(clock="stepped", assumptions=assumptions) as sandbox:
        connection = sandbox.connection()
        channel = kvs.create_channel("front-door", connection=connection)
        sandbox.faults.add("DeleteSignalingChannel", "lost_reply")
        with pytest.warns(errors.ReconciledWarning):
            kvs.delete_channel(channel, connection=connection)
        assert kvs.list_channels(connection=connection).empty


def test_delete_without_effect_is_outcome_unknown(sandbox, connection):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("DeleteSignalingChannel", "reset", times=None)
    with pytest.raises(errors.OutcomeUnknown):
        kvs.delete_channel(channel)
    assert kvs.describe_channel(channel).equals(channel)


def test_delete_of_missing_channel_is_not_reconciled(sandbox, connection, recwarn):
    channel = kvs.create_channel("front-door")
    kvs.delete_channel(channel, wait=True)
    with pytest.raises(errors.ChannelNotFound):
        kvs.delete_channel(channel)
    assert not recwarn.list


# --- tags, which need no reconciliation: setting them twice has the same result


@pytest.mark.parametrize("fault", ["lost_reply", "reset", "error"])
def test_tags_change_through_lost_reply_without_warning(sandbox, connection, fault, recwarn):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("TagResource", fault)
    assert kvs.tag_channel(channel, {"Site": "hq"})["value"].tolist() == ["hq"]
    sandbox.faults.add("UntagResource", fault)
    assert kvs.untag_channel(channel, ["Site"]).empty
    assert not recwarn.list


# --- listeners


def test_listener_receives_text_instead_of_warning(sandbox, connection):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    told: list[str] = []
    with send_warnings_to(told.append):
        kvs.create_channel("front-door")
    assert [message.partition(":")[0] for message in told] == ["CreateSignalingChannel for front-door"]
