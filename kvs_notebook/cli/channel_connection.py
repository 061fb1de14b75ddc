"""The connection of a command that is about one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvs_notebook.aws.connection import Connection


def connect_to_channel(channel: str, profile: str | None, region: str | None) -> Connection:
    """Connect to the region that was given, to that of the channel's ARN, or to the profile's."""
    from kvs_notebook.aws.arns import ChannelArn
    from kvs_notebook.aws.default_connection import connect

    if region is None and channel.startswith("arn:"):
        region = ChannelArn.parse(channel).region
    return connect(profile, region=region)
