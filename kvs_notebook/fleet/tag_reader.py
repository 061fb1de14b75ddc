"""Read the tags of the channels of one account and region: in bulk, or channel by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.errors import AccessDenied, ChannelNotFound, ExpiredCredentials, KVSError

RESOURCE_TYPE = "kinesisvideo:channel"
PAGE_SIZE = 100

SAMPLE_SIZE = 5
"""Channels whose tags are read one by one if GetResources returns none: AWS does not document that it covers channels."""


def read_tags(
    mode: str, arns: Sequence[str], connection: Connection
) -> tuple[Mapping[str, Mapping[str, str]], str, KVSError | None]:
    """Return the tags by channel ARN, how they were read (``tags_source``), and the error if they could not be.

    Parameters
    ----------
    mode
        ``"bulk"``, ``"each"`` or ``"none"``. Bulk reads channel by channel after all if GetResources fails, or returns
        nothing although one of a few sampled channels has a tag.
    arns
        The channels.
    connection
        The account and region.
    """
    if mode == "none":
        return {}, "none", None
    bulk_error: KVSError | None = None
    if mode == "bulk":
        try:
            tags = read_tags_in_bulk(connection)
            if tags or not _any_is_tagged(_sample(arns, SAMPLE_SIZE), connection):
                return {arn: tags[arn] for arn in arns if arn in tags}, "bulk", None
        except ExpiredCredentials as error:
            return {}, "failed", error
        except KVSError as error:
            bulk_error = error
    try:
        return _read_tags_of_each(arns, connection), "each", None
    except KVSError as error:
        return {}, "failed", bulk_error or error


def read_tags_in_bulk(connection: Connection) -> dict[str, dict[str, str]]:
    """Return the tags of all channels by ARN: one GetResources call per 100; a channel that never had a tag is left out."""
    pages = read_pages(
        connection,
        "GetResources",
        {"ResourceTypeFilters": [RESOURCE_TYPE], "ResourcesPerPage": PAGE_SIZE},
        items="ResourceTagMappingList",
        token="PaginationToken",  # noqa: S106 - a member's name
        client=connection.client("resourcegroupstaggingapi"),
    )
    resources = (resource for page in pages for resource in page.get("ResourceTagMappingList") or [])
    return {
        resource["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or []}
        for resource in resources
    }


def _any_is_tagged(arns: Sequence[str], connection: Connection) -> bool:
    """Return True if one of these channels has a tag; if access is denied, GetResources is believed."""
    try:
        return any(_read_tags_of_each(arns, connection).values())
    except AccessDenied:
        return False


def _sample(arns: Sequence[str], size: int) -> Sequence[str]:
    """Return at most ``size`` channels, evenly spread over the list."""
    return arns[:: max(1, len(arns) // size)][:size]


def _read_tags_of_each(arns: Sequence[str], connection: Connection) -> dict[str, dict[str, str]]:
    """Return the tags by ARN, one ListTagsForResource call per channel; a channel deleted since the list has none."""

    def tags_if_found(arn: str) -> dict[str, str]:
        try:
            return tags_of_channel(arn, connection)
        except ChannelNotFound:
            return {}

    tags = map_concurrent(tags_if_found, arns, description="Reading tags", quiet=True)
    return dict(zip(arns, tags, strict=True))
