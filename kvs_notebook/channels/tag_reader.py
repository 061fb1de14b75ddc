"""Read the tags of the channels of one account and region: in bulk, or channel by channel.

GetResources of the Resource Groups Tagging API (in bulk) returns the tags of up to 100 channels of the region per call,
ListTagsForResource those of one channel. A channel that GetResources leaves out may have tags: AWS does not document that it
covers channels, nor how long a new tag takes to appear in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from kvs_notebook.aws.botocore_internals import skip_response_parser
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.pagination import read_pages
from kvs_notebook.aws.quotas import channel_quota
from kvs_notebook.channels.tags import tags_of_channel
from kvs_notebook.dataframes.schemas import FAILED, NOT_REQUESTED
from kvs_notebook.errors import AccessDenied, ChannelNotFound, ExpiredCredentials, KVSError, NoCredentials, to_kvs_error

RESOURCE_TYPE = "kinesisvideo:channel"
PAGE_SIZE = 100
SAMPLE_SIZE = 5
"""How many of the channels that GetResources leaves out are read first: if one has tags, its index is out of date."""

CHANNEL = ":channel/"
"""What the ARN of a channel contains."""

BULK, EACH, CHEAPEST = "bulk", "each", "cheapest"

Tags = Mapping[str, Mapping[str, str]]
"""The tags of each channel that has some, by its ARN."""


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
        The ARNs of the channels whose tags could not be read, if those of others could.
    """

    tags: Tags
    source: str
    error: KVSError | None = None
    unread: frozenset[str] = frozenset()

    def sources(self, arns: Sequence[str]) -> list[str]:
        """Return how the tags of each channel were read."""
        return [FAILED if arn in self.unread else self.source for arn in arns]


def read_tags_of(arns: Sequence[str], mode: str, connection: Connection, *, quiet: bool = True) -> TagReading:
    """Return the tags of channels, or why they could not be read.

    Parameters
    ----------
    arns
        The channels.
    mode
        ``"bulk"``: in bulk, and channel by channel if that fails or returns no channel. ``"each"``: channel by channel.
        ``"cheapest"``: channel by channel first for up to 50 channels (100 in us-east-1 and us-west-2), the number of calls
        that a region with its full quota of channels takes in bulk; else in bulk first. ``"none"`` reads no tags.
    connection
        The account and region.
    quiet
        Whether no progress bar is shown.
    """
    if mode == NOT_REQUESTED:
        return TagReading({}, NOT_REQUESTED)
    reader = _TagReader(connection, quiet=quiet)
    first_error: KVSError | None = None
    for read in reader.ways(mode, len(arns)):
        try:
            found = read(arns)
        except (ExpiredCredentials, NoCredentials) as error:
            return TagReading({}, FAILED, error)
        except Exception as error:  # noqa: BLE001 - the other way may work, and without tags the channels are still returned
            first_error = first_error or to_kvs_error(error)
        else:
            if found is not None:
                return found
    return TagReading({}, FAILED, first_error)


class _TagReader:
    """The ways to read the tags of channels of one account and region."""

    def __init__(self, connection: Connection, *, quiet: bool) -> None:
        self._connection = connection
        self._quiet = quiet

    def ways(self, mode: str, count: int) -> Sequence[Callable[[Sequence[str]], TagReading | None]]:
        """Return the methods that read the tags of ``count`` channels, in the order to try them."""
        if mode == EACH:
            return [self.read_each]
        each_first = mode == CHEAPEST and count <= channel_quota(self._connection.region) / PAGE_SIZE
        return [self.read_each, self.read_bulk] if each_first else [self.read_bulk, self.read_each]

    def read_each(self, arns: Sequence[str]) -> TagReading:
        """Read the tags with one ListTagsForResource call per channel; those of a channel deleted meanwhile are unknown."""

        def tags_if_found(arn: str) -> dict[str, str] | None:
            try:
                return tags_of_channel(arn, self._connection)
            except ChannelNotFound:
                return None

        answers = map_concurrent(tags_if_found, arns, description="Reading tags", quiet=self._quiet)
        tags = {arn: answer for arn, answer in zip(arns, answers, strict=True) if answer is not None}
        return TagReading(tags, EACH, unread=frozenset(arns) - tags.keys())

    def read_bulk(self, arns: Sequence[str]) -> TagReading | None:
        """Read the tags of the region in bulk; return None if no channel is returned: its index may not cover channels."""
        found = read_tags_in_bulk(self._connection)
        if arns and not any(CHANNEL in arn for arn in found):
            return None
        tags = {arn: found[arn] for arn in arns if arn in found}
        left_out = sorted((arn for arn in arns if arn not in found), key=_creation_time, reverse=True)
        try:
            others = self._read_left_out(left_out)
        except (ExpiredCredentials, NoCredentials):
            raise
        except AccessDenied:  # rely on what AWS documents: only a resource that never had a tag is left out
            return TagReading(tags, BULK)
        except KVSError:
            return TagReading(tags, BULK, unread=frozenset(left_out))
        return TagReading({**tags, **others.tags}, BULK, unread=others.unread)

    def _read_left_out(self, arns: Sequence[str]) -> TagReading:
        """Read a sample of the channels that GetResources leaves out; if one has tags, its index is out of date: read all."""
        sample = self.read_each(arns[:SAMPLE_SIZE])
        if not any(sample.tags.values()):
            return sample
        try:
            rest = self.read_each(arns[SAMPLE_SIZE:])
        except (ExpiredCredentials, NoCredentials):
            raise
        except KVSError:
            rest = TagReading({}, EACH, unread=frozenset(arns[SAMPLE_SIZE:]))
        return TagReading({**sample.tags, **rest.tags}, EACH, unread=sample.unread | rest.unread)


def _creation_time(arn: str) -> int:
    """Return the last part of an ARN: the newest channels are the most likely to be missing in the index."""
    stamp = arn.rpartition("/")[2]
    return int(stamp) if stamp.isdecimal() else 0


def read_tags_in_bulk(connection: Connection) -> dict[str, dict[str, str]]:
    """Return the tags of all channels by ARN: one GetResources call per 100; a channel that never had a tag is left out."""
    pages = read_pages(
        connection,
        "GetResources",
        {"ResourceTypeFilters": [RESOURCE_TYPE], "ResourcesPerPage": PAGE_SIZE},
        items="ResourceTagMappingList",
        token="PaginationToken",  # noqa: S106 - a member's name
        client=connection.client("resourcegroupstaggingapi", purpose="listing", prepare=skip_response_parser),
    )
    resources = (resource for page in pages for resource in page.get("ResourceTagMappingList") or [])
    return {
        resource["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or []}
        for resource in resources
    }
