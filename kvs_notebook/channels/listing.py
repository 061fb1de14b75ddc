"""Listing: every page of ListSignalingChannels, read without botocore's parser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kvs_notebook.aws.botocore_internals import skip_response_parser
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import check_channel_name
from kvs_notebook.errors import ServiceFault

PAGE_SIZE = 1_000
"""Channels asked for in one ListSignalingChannels call: the service's own default and cap are not known for sure."""


def channel_pages(prefix: str | None, connection: Connection) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Give the ChannelInfo structures page by page, as they come over the wire: CreationTime is a number.

    A channel that moves between two pages is on both.
    """
    params: dict[str, Any] = {"MaxResults": PAGE_SIZE}
    if prefix is not None:
        params["ChannelNameCondition"] = {
            "ComparisonOperator": "BEGINS_WITH",
            "ComparisonValue": check_channel_name(prefix),
        }
    client = connection.client(purpose="listing", prepare=skip_response_parser)
    seen: set[str] = set()
    token: str | None = None
    while True:
        page = connection.call(
            "ListSignalingChannels", {**params, **({"NextToken": token} if token else {})}, client=client
        )
        yield page.get("ChannelInfoList") or []
        token = page.get("NextToken")
        if not token:
            return
        if token in seen:
            raise ServiceFault(
                "ListSignalingChannels gave the same NextToken twice: stopped, since the list would never end. "
                "Call again; if it stays, report it to AWS with the region.",
                operation="ListSignalingChannels",
            )
        seen.add(token)


def channel_infos(prefix: str | None, connection: Connection) -> list[Mapping[str, Any]]:
    """Give the ChannelInfo structures of all pages; a channel that moved between two counts once, as last seen."""
    infos = {info["ChannelARN"]: info for page in channel_pages(prefix, connection) for info in page}
    return list(infos.values())
