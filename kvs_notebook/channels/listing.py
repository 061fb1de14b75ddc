"""List the channels of an account and region as the service returns them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kvs_notebook.aws.botocore_internals import skip_response_parser
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.aws.validation import check_channel_name

PAGE_SIZE = 1_000
"""Channels of one ListSignalingChannels call: the service's own default and maximum are not known for sure."""


def channel_pages(prefix: str | None, connection: Connection) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the ChannelInfo structures page by page, as they come over the wire: CreationTime is a number.

    A channel that moves from one page to the next between two calls is on both.

    Raises
    ------
    InvalidInput
        If no channel's name can begin with the prefix.
    ServiceFault
        If the pages do not end.
    """
    params: dict[str, Any] = {"MaxResults": PAGE_SIZE}
    if prefix is not None:
        params["ChannelNameCondition"] = {
            "ComparisonOperator": "BEGINS_WITH",
            "ComparisonValue": check_channel_name(prefix),
        }
    client = connection.client(purpose="listing", prepare=skip_response_parser)
    pages = read_pages(connection, "ListSignalingChannels", params, items="ChannelInfoList", client=client)
    return (page.get("ChannelInfoList") or [] for page in pages)


def channel_infos(prefix: str | None, connection: Connection) -> list[Mapping[str, Any]]:
    """Return the ChannelInfo structures of all pages; a channel that is on two pages counts once, as last seen."""
    infos = {info["ChannelARN"]: info for page in channel_pages(prefix, connection) for info in page}
    return list(infos.values())
