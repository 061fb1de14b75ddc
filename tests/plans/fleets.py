"""Channels frames for tests of plans, made in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from hypothesis import Phase, settings
from hypothesis import strategies as st

from kvs_notebook.dataframes.builders import channels_frame, tags_frame
from kvs_notebook.dataframes.tag_pivot import join_tags

ACCOUNT, REGION = "000042000042", "us-east-1"
CREATED = 1_767_603_601


class Seen(NamedTuple):
    """A channel of a fleet."""

    name: str
    tags: Mapping[str, str] = {}
    ttl: int = 60
    status: str = "ACTIVE"
    account_id: str = ACCOUNT
    region: str = REGION

    @property
    def arn(self) -> str:
        return f"arn:aws:kinesisvideo:{self.region}:{self.account_id}:channel/{self.name}/{CREATED}000"


def fleet(channels: Sequence[Seen], keys: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the frame that list_channels(tags=True) returns of channels, or of some keys."""
    infos = [
        {
            "ChannelARN": each.arn,
            "ChannelName": each.name,
            "ChannelType": "SINGLE_MASTER",
            "ChannelStatus": each.status,
            "CreationTime": CREATED,
            "Version": f"v-{each.name}",
            "SingleMasterConfiguration": {"MessageTtlSeconds": each.ttl},
        }
        for each in channels
    ]
    return join_tags(channels_frame(infos), tags_frame({each.arn: each.tags for each in channels}), keys)


KEYS = ("Site", "site", "Owner", "note", "aws:cloudformation:stack-name")
VALUES = ("hq", "annex", "", "0042", "=1")

tag_maps = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
statuses = st.sampled_from(["ACTIVE", "ACTIVE", "ACTIVE", "DELETING"])
names = st.sampled_from(["front-door", "gate", "1E5", "3-4", "dock_7", "007"])
seen_channels = st.tuples(names, tag_maps, st.sampled_from([5, 60, 90]), statuses).map(lambda values: Seen(*values))
fleets = st.lists(seen_channels, unique_by=lambda seen: seen.name, max_size=4)
examples = settings(max_examples=8, phases=[Phase.explicit, Phase.generate])


def full(count: int = 50) -> dict[str, str]:
    """Return as many tags as a channel may have."""
    return {f"key-{number:02}": "x" for number in range(count)}
