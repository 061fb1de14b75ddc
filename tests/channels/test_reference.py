"""Channel arguments: names, ARNs, rows and frames."""

from __future__ import annotations

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.channels.reference import ChannelRef, channel_refs, one_channel_ref

ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"
ROW = {
    "account_id": "111122223333",
    "region": "us-east-1",
    "channel_name": "front-door",
    "channel_arn": ARN,
    "version": "V1",
}


def test_name_is_reference_by_name(connection):
    assert channel_refs("front-door", connection) == [ChannelRef(channel_name="front-door")]
    assert channel_refs("front-door", connection)[0].params == {"ChannelName": "front-door"}


def test_arn_is_reference_by_arn(connection):
    (ref,) = channel_refs(ARN, connection)
    assert (ref.label, ref.params) == ("front-door", {"ChannelARN": ARN})


@pytest.mark.parametrize("form", [dict, pd.Series, lambda row: pd.DataFrame([row])], ids=["mapping", "row", "frame"])
def test_row_keeps_its_version(connection, form):
    assert channel_refs(form(ROW), connection) == [ChannelRef("front-door", ARN, "V1")]


def test_row_may_have_other_columns(connection):
    row = pd.Series({**ROW, "tag:Site": None, "mine": 7, "message_ttl_seconds": pd.NA, "servers": [1, 2]})
    assert channel_refs(row, connection) == [ChannelRef("front-door", ARN, "V1")]


def test_row_without_version_has_none(connection):
    for missing in ({"version": None}, {"version": float("nan")}):
        assert channel_refs({**ROW, **missing}, connection) == [ChannelRef("front-door", ARN, None)]


def test_row_of_tags_frame_is_reference(sandbox, connection):
    kvs.create_channel("front-door", tags={"Site": "hq"})
    tags = kvs.list_tags("front-door")
    assert kvs.describe_channel(tags.iloc[0])["channel_name"].item() == "front-door"


def test_frame_is_reference_per_row(connection):
    frame = pd.DataFrame([ROW, {**ROW, "channel_arn": ARN.replace("front", "back"), "channel_name": "back-door"}])
    assert [ref.label for ref in channel_refs(frame, connection)] == ["front-door", "back-door"]
    with pytest.raises(errors.InvalidInput, match=r"Pass one row, such as frame\.iloc\[0\]"):
        one_channel_ref(frame, connection)


def test_invalid_version_is_rejected(connection):
    with pytest.raises(errors.InvalidInput, match="Version 'v-1'"):
        channel_refs({**ROW, "version": "v-1"}, connection)
