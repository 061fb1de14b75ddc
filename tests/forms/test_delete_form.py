"""The form that deletes: it shows what will be deleted and asks for the name."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors


@pytest.fixture
def channel(connection):
    return kvs.create_channel("front-door", tags={"Site": "hq"})


def test_form_shows_what_will_be_deleted(sandbox, channel):
    sandbox.advance(3.8 * 86_400)
    form = kvs.forms.delete_channel("front-door")
    form.future.result()
    for shown in (
        "front-door",
        channel["channel_arn"].item(),
        channel["version"].item(),
        "3 days",
        "Site=hq",
        "ACTIVE",
    ):
        assert shown in form.details.value
    assert "cannot be restored" in form.details.value


@pytest.mark.parametrize("typed", ["", "front", "Front-Door", "front-door "])
def test_wrong_confirmation_deletes_nothing(sandbox, channel, submit, typed):
    form = kvs.forms.delete_channel("front-door")
    form.future.result()
    form.confirmation.value = "x"
    form.confirmation.value = typed
    assert isinstance(submit(form), errors.InvalidInput)
    assert form.submit.disabled
    assert "Type front-door to delete it" in form.confirmation.find_problem()
    assert kvs.describe_channel("front-door").equals(channel)
    assert not (sandbox.requests["operation"] == "DeleteSignalingChannel").any()


def test_delete_follows_channel_until_gone(channel, submit):
    form = kvs.forms.delete_channel("front-door")
    form.future.result()
    assert form.submit.disabled
    form.confirmation.value = "front-door"
    assert not form.submit.disabled
    row = submit(form)
    assert row["channel_status"].item() == "DELETING"
    assert form.status.text.endswith("it is gone.")
    assert len(kvs.list_channels()) == 0
    assert form.confirmation.value == ""
    assert form.details.value == ""
    assert form.submit.disabled


def test_confirmation_typed_before_load_is_checked(channel):
    form = kvs.forms.delete_channel("front-door")
    form.confirmation.value = "gate"
    form.submit.click()
    assert isinstance(form.future.exception(), errors.InvalidInput)
    assert len(kvs.list_channels()) == 1


def test_delete_rejects_stale_version(channel, submit):
    form = kvs.forms.delete_channel("front-door")
    form.future.result()
    theirs = kvs.update_channel("front-door", message_ttl_seconds=33)
    form.confirmation.value = "front-door"
    assert isinstance(submit(form), errors.VersionMismatch)
    assert "is there now" in form.details.value
    assert kvs.describe_channel("front-door").equals(theirs)


def test_recreated_channel_is_not_deleted(channel, submit):
    form = kvs.forms.delete_channel("front-door")
    form.future.result()
    kvs.delete_channel("front-door", wait=True)
    kvs.create_channel("front-door")
    form.confirmation.value = "front-door"
    assert isinstance(submit(form), errors.ChannelNotFound)
    assert len(kvs.list_channels()) == 1
