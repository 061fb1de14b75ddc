"""List the channels of an account and region as ChannelInfo structures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kvs_notebook.aws.botocore_internals import skip_response_parser
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.aws.validation import check_channel_name

PAGE_SIZE = 1_000
"""Channels per ListSignalingChannels call; the default and the maximum of the service are not documented reliably."""


def channel_pages(prefix: str | None, connection: Connection) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the ChannelInfo structures page by page, with CreationTime as a number of seconds.

    A channel that moves to the next page between two calls is on both pages.

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
    """Return the ChannelInfo structures of all pages; if a channel is on two pages, the later one is kept."""
    infos = {info["ChannelARN"]: info for page in channel_pages(prefix, connection) for info in page}
    return list(infos.values())
