"""What becomes of a change whose reply was lost: its own success is recognised, another's is not claimed."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.channels.lost_replies import reconciled_to


def sent(sandbox: kvs.Sandbox, operation: str) -> int:
    return int((sandbox.requests["operation"] == operation).sum())


# --- create


@pytest.mark.parametrize("times", [1, 2, None])
def test_a_create_that_meets_its_own_success_returns_it_with_a_warning(sandbox, connection, times):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply", times=times)
    with pytest.warns(errors.ReconciledWarning, match="CreateSignalingChannel for front-door: a reply was lost"):
        channel = kvs.create_channel("front-door", message_ttl_seconds=30, tags={"Site": "hq"})
    assert channel["channel_status"].item() == "ACTIVE"
    assert channel["message_ttl_seconds"].item() == 30
    assert len(kvs.list_channels()) == 1
    assert kvs.list_tags(channel)["value"].tolist() == ["hq"]


def test_the_warning_points_at_the_line_that_called(sandbox, connection):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    with pytest.warns(errors.ReconciledWarning) as caught:
        kvs.create_channel("front-door", wait=False)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "other", [{"message_ttl_seconds": 31}, {"tags": {"Site": "annex"}}, {"tags": None}], ids=["ttl", "tags", "no-tags"]
)
def test_a_create_whose_name_was_taken_by_another_does_not_claim_it(sandbox, connection, other):
    asked = {"message_ttl_seconds": 30, "tags": {"Site": "hq"}}
    there = kvs.create_channel("front-door", **(asked | other))
    sandbox.faults.add("CreateSignalingChannel", "error")
    with pytest.raises(errors.ChannelExists, match="with other settings or from before this call") as raised:
        kvs.create_channel("front-door", **asked)
    assert raised.value.code == "ResourceInUseException"
    assert kvs.describe_channel("front-door").equals(there)
    assert sent(sandbox, "CreateSignalingChannel") == 3


def test_an_equal_channel_that_is_older_than_the_call_is_not_claimed(sandbox, connection):
    kvs.create_channel("front-door")
    sandbox.advance(3600)
    sandbox.faults.add("CreateSignalingChannel", "error")
    with pytest.raises(errors.ChannelExists):
        kvs.create_channel("front-door")


def test_a_create_that_never_took_effect_is_unknown_and_says_how_to_settle_it(sandbox, connection):
    sandbox.faults.add("CreateSignalingChannel", "reset", times=None)
    with pytest.raises(errors.OutcomeUnknown, match=r"kvs\.describe_channel\('front-door'\)") as raised:
        kvs.create_channel("front-door")
    assert raised.value.operation == "CreateSignalingChannel"
    assert isinstance(raised.value.__cause__, errors.EndpointUnreachable)


@pytest.mark.parametrize("blind", ["DescribeSignalingChannel", "ListTagsForResource"])
def test_a_create_is_unknown_where_the_channel_cannot_be_looked_at(sandbox, connection, blind):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    sandbox.deny(f"kinesisvideo:{blind}")
    with pytest.raises(errors.OutcomeUnknown, match="front-door"):
        kvs.create_channel("front-door")
    sandbox.clear_denials()
    assert kvs.describe_channel("front-door")["channel_status"].item() == "ACTIVE"


def test_a_first_attempts_refusal_is_simply_that(sandbox, connection, recwarn):
    kvs.create_channel("front-door")
    before = sent(sandbox, "DescribeSignalingChannel")
    with pytest.raises(errors.ChannelExists, match="Choose another name"):
        kvs.create_channel("front-door")
    assert sent(sandbox, "DescribeSignalingChannel") == before
    assert not recwarn.list


# --- update


@pytest.mark.parametrize("times", [1, None])
def test_an_update_that_meets_its_own_success_returns_it_with_a_warning(sandbox, connection, times):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("UpdateSignalingChannel", "lost_reply", times=times)
    with pytest.warns(errors.ReconciledWarning, match="its message TTL is 90 s, as asked for"):
        updated = kvs.update_channel(channel, message_ttl_seconds=90)
    assert updated["message_ttl_seconds"].item() == 90
    assert updated["version"].item() != channel["version"].item()


def test_an_update_that_lost_to_another_client_is_a_version_mismatch(sandbox, connection):
    channel = kvs.create_channel("front-door")
    kvs.update_channel(channel, message_ttl_seconds=45)
    sandbox.faults.add("UpdateSignalingChannel", "error")
    with pytest.raises(errors.VersionMismatch):
        kvs.update_channel(channel, message_ttl_seconds=90)
    assert kvs.describe_channel(channel)["message_ttl_seconds"].item() == 45


def test_an_update_that_never_took_effect_is_unknown(sandbox, connection):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("UpdateSignalingChannel", "error", times=None)
    with pytest.raises(errors.OutcomeUnknown, match="describe_channel") as raised:
        kvs.update_channel(channel, message_ttl_seconds=90)
    assert raised.value.code == "InternalFailure"


# --- delete


@pytest.mark.parametrize("times", [1, None])
def test_a_delete_that_meets_its_own_success_returns_the_row_with_a_warning(sandbox, connection, times):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("DeleteSignalingChannel", "lost_reply", times=times)
    with pytest.warns(errors.ReconciledWarning, match="the channel is going or gone"):
        deleted = kvs.delete_channel(channel)
    assert deleted["channel_status"].item() == "DELETING"
    kvs.wait_for_channel(channel, "DELETED")


def test_a_delete_that_finds_nothing_after_a_lost_reply_is_a_success():
    assumptions = kvs.Assumptions(deleting_seconds=0)
    with kvs.Sandbox(clock="stepped", assumptions=assumptions) as sandbox:
        connection = sandbox.connection()
        channel = kvs.create_channel("front-door", connection=connection)
        sandbox.faults.add("DeleteSignalingChannel", "lost_reply")
        with pytest.warns(errors.ReconciledWarning):
            kvs.delete_channel(channel, connection=connection)
        assert kvs.list_channels(connection=connection).empty


def test_a_delete_that_never_took_effect_is_unknown_and_the_channel_is_there(sandbox, connection):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("DeleteSignalingChannel", "reset", times=None)
    with pytest.raises(errors.OutcomeUnknown):
        kvs.delete_channel(channel)
    assert kvs.describe_channel(channel).equals(channel)


def test_a_delete_of_what_is_not_there_is_not_found_at_the_first_attempt(sandbox, connection, recwarn):
    channel = kvs.create_channel("front-door")
    kvs.delete_channel(channel, wait=True)
    with pytest.raises(errors.ChannelNotFound):
        kvs.delete_channel(channel)
    assert not recwarn.list


# --- tags need none of it: setting them twice is setting them once


@pytest.mark.parametrize("fault", ["lost_reply", "reset", "error"])
def test_tags_are_set_and_taken_off_through_a_lost_reply(sandbox, connection, fault, recwarn):
    channel = kvs.create_channel("front-door")
    sandbox.faults.add("TagResource", fault)
    assert kvs.tag_channel(channel, {"Site": "hq"})["value"].tolist() == ["hq"]
    sandbox.faults.add("UntagResource", fault)
    assert kvs.untag_channel(channel, ["Site"]).empty
    assert not recwarn.list


# --- who is told


def test_a_listener_is_told_in_place_of_a_warning(sandbox, connection):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    told: list[str] = []
    with reconciled_to(told.append):
        kvs.create_channel("front-door")
    assert [message.partition(":")[0] for message in told] == ["CreateSignalingChannel for front-door"]
