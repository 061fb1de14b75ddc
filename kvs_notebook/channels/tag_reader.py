"""Read the tags of the channels of one account and region: in bulk, or channel by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.errors import ChannelNotFound, ExpiredCredentials, KVSError, NoCredentials, to_kvs_error

RESOURCE_TYPE = "kinesisvideo:channel"
PAGE_SIZE = 100

CHANNEL = ":channel/"
"""What the ARN of a channel contains."""


class TagReading(NamedTuple):
    """The tags of the channels of one account and region.

    Attributes
    ----------
    tags
        The tags of each channel that has some, by its ARN.
    source
        The ``tags_source`` of coverage.
    error
        Why they could not be read, if the source is ``failed``.
    unread
        The ARNs of channels whose tags are unknown although the others' were read.
    """

    tags: Mapping[str, Mapping[str, str]]
    source: str
    error: KVSError | None = None
    unread: frozenset[str] = frozenset()


def read_tags(mode: str, arns: Sequence[str], connection: Connection) -> TagReading:
    """Return the tags of channels, or why they could not be read.

    Parameters
    ----------
    mode
        ``"bulk"``, ``"each"`` or ``"none"``. Bulk reads channel by channel after all if GetResources fails or names no channel:
        AWS does not document that it covers channels, so its silence does not tell that they have no tags.
    arns
        The channels.
    connection
        The account and region.
    """
    if mode == "none":
        return TagReading({}, "none")
    bulk_error: KVSError | None = None
    if mode == "bulk":
        try:
            tags = read_tags_in_bulk(connection)
            if not arns or any(CHANNEL in arn for arn in tags):
                return TagReading({arn: tags[arn] for arn in arns if arn in tags}, "bulk")
        except (ExpiredCredentials, NoCredentials) as error:
            return TagReading({}, "failed", error)
        except Exception as error:  # noqa: BLE001 - whatever the Tagging API replies, the channels can still be asked
            bulk_error = to_kvs_error(error)
    try:
        return _read_tags_of_each(arns, connection)
    except Exception as error:  # noqa: BLE001 - whatever is replied: the channels are kept, their tags are unknown
        return TagReading({}, "failed", bulk_error or to_kvs_error(error))


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


def _read_tags_of_each(arns: Sequence[str], connection: Connection) -> TagReading:
    """Read the tags with one ListTagsForResource call per channel; those of a channel deleted since the list are unknown."""

    def tags_if_found(arn: str) -> dict[str, str] | None:
        try:
            return tags_of_channel(arn, connection)
        except ChannelNotFound:
            return None

    answers = map_concurrent(tags_if_found, arns, description="Reading tags", quiet=True)
    tags = {arn: answer for arn, answer in zip(arns, answers, strict=True) if answer is not None}
    return TagReading(tags, "each", unread=frozenset(arns) - tags.keys())
