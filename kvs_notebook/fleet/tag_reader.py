"""Read the tags of one account and region: in bulk, or channel by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.errors import (
    AccessDenied,
    ChannelNotFound,
    ExpiredCredentials,
    KVSError,
)

RESOURCE_TYPE = "kinesisvideo:channel"


PAGE = 100


SAMPLE = 5
"""Channels that are asked for their tags one by one, where the Tagging API names no channel: nobody has shown that it
finds channels of this service."""


def read_tags(
    mode: str, arns: Sequence[str], connection: Connection
) -> tuple[Mapping[str, Mapping[str, str]], str, KVSError | None]:
    """Give the tags of the channels that were listed, how they were read, and what went wrong on the way."""
    if mode == "none":
        return {}, "none", None
    problem: KVSError | None = None
    if mode == "bulk":
        try:
            found = _bulk(connection)
            if found or not _is_tagged(_spread(arns, SAMPLE), connection):
                return {arn: found[arn] for arn in arns if arn in found}, "bulk", None
        except ExpiredCredentials as error:
            return {}, "failed", error
        except KVSError as error:
            problem = error
    try:
        return _each(arns, connection), "each", None
    except KVSError as error:
        return {}, "failed", problem or error


def _bulk(connection: Connection) -> dict[str, dict[str, str]]:
    """Read those of all channels with the Resource Groups Tagging API: a call for 100, those that never had a tag left out."""
    pages = read_pages(
        connection,
        "GetResources",
        {"ResourceTypeFilters": [RESOURCE_TYPE], "ResourcesPerPage": PAGE},
        items="ResourceTagMappingList",
        token="PaginationToken",  # noqa: S106 - a member's name
        client=connection.client("resourcegroupstaggingapi"),
    )
    return {
        each["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in each.get("Tags") or []}
        for page in pages
        for each in page.get("ResourceTagMappingList") or []
    }


def _is_tagged(arns: Sequence[str], connection: Connection) -> bool:
    """Tell whether one of these channels has a tag, as far as they may be asked."""
    try:
        return any(_each(arns, connection).values())
    except AccessDenied:
        return False


def _spread(arns: Sequence[str], number: int) -> Sequence[str]:
    """Give at most so many of them, from all over the list."""
    return arns[:: max(1, len(arns) // number)][:number]


def _each(arns: Sequence[str], connection: Connection) -> dict[str, dict[str, str]]:
    """Read them channel by channel; one that was deleted since the list has none."""

    def tags_if_there(arn: str) -> dict[str, str]:
        try:
            return tags_of_channel(arn, connection)
        except ChannelNotFound:
            return {}

    found = map_concurrent(tags_if_there, arns, description="Reading tags", quiet=True)
    return dict(zip(arns, found, strict=True))
