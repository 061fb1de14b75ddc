"""The form that changes a message TTL, and never overwrites another client's change."""

from __future__ import annotations

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors


@pytest.fixture
def channel(connection):
    return kvs.create_channel("front-door")


def test_load_proposes_current_ttl(channel):
    form = kvs.forms.update_channel("front-door")
    assert form.future.result().equals(kvs.describe_channel("front-door"))
    assert form.message_ttl_seconds.value == "60"
    assert channel["version"].item() in form.details.value


@pytest.mark.parametrize("named", ["name", "arn", "row", "frame"])
def test_channel_accepts_name_arn_row_and_frame(channel, named, submit):
    ways = {
        "name": "front-door",
        "arn": channel["channel_arn"].item(),
        "row": channel.iloc[0],
        "frame": channel,
    }
    form = kvs.forms.update_channel(ways[named])
    form.message_ttl_seconds.value = 90
    assert submit(form)["message_ttl_seconds"].item() == 90
    assert form.status.text.endswith("its message TTL is 90 s, it is ACTIVE.")


def test_frame_of_many_channels_is_refused(channel):
    with pytest.raises(errors.InvalidInput, match="one channel"):
        kvs.forms.update_channel(pd.concat([channel, channel]))


def test_update_needs_loaded_channel(sandbox, channel, submit):
    form = kvs.forms.update_channel()
    form.channel.value, form.message_ttl_seconds.value = "front-door", 90
    assert isinstance(submit(form), errors.InvalidInput)
    assert "front-door is not loaded. Press Load" in form.status.text
    assert kvs.describe_channel("front-door").equals(channel)
    submit(form, "load")
    assert form.message_ttl_seconds.value == "90", "what was typed is not lost"


def test_another_channel_proposes_its_own_ttl(channel, submit):
    kvs.create_channel("gate", message_ttl_seconds=30)
    form = kvs.forms.update_channel("front-door")
    form.future.result()
    form.message_ttl_seconds.value = 90
    form.channel.value = "gate"
    assert "not applied" in str(submit(form, "load"))
    submit(form, "load")
    assert form.message_ttl_seconds.value == "30"


def test_update_rejects_stale_version(sandbox, channel, submit):
    form = kvs.forms.update_channel("front-door")
    form.future.result()
    theirs = kvs.update_channel("front-door", message_ttl_seconds=33)
    form.message_ttl_seconds.value = 91
    assert isinstance(submit(form), errors.VersionMismatch)
    assert form.status.role == "alert"
    assert form.status.text.startswith("Nothing was changed.")
    for shown in ("you saw", "60 s", "is there now", "33 s", theirs["version"].item(), "you wanted", "91 s"):
        assert shown in form.details.value
    assert kvs.describe_channel("front-door").equals(theirs)
    assert isinstance(submit(form), errors.InvalidInput), "nothing is sent until it was loaded again"
    submit(form, "load")
    assert form.message_ttl_seconds.value == "91", "what was wanted is kept"
    assert submit(form)["message_ttl_seconds"].item() == 91


def test_unchanged_ttl_is_not_sent(sandbox, channel, submit):
    form = kvs.forms.update_channel("front-door")
    form.future.result()
    submit(form)
    assert form.status.text == "front-door has a message TTL of 60 s already: nothing was sent."
    assert not (sandbox.requests["operation"] == "UpdateSignalingChannel").any()


def test_second_update_sends_version_of_first(channel, submit):
    form = kvs.forms.update_channel("front-door")
    for ttl in (90, 91):
        form.message_ttl_seconds.value = ttl
        assert submit(form)["message_ttl_seconds"].item() == ttl


def test_missing_channel_is_shown(connection, submit):
    form = kvs.forms.update_channel("missing-door")
    assert isinstance(form.future.exception(), errors.ChannelNotFound)
    assert form.status.role == "alert"
    assert "Check the name and the region;" in form.status.text
    assert "list_channels()" in form.status.value
    assert not form.load.disabled
