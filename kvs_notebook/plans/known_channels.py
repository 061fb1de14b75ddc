"""The channels of a frame or an inventory as a plan sees them: what was read of each, and what was not."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kvs_notebook.aws.arns import CHANNEL_ARN, MAX_ARN_LENGTH, ChannelArn
from kvs_notebook.dataframes.files import cell_values
from kvs_notebook.dataframes.frame_check import check_columns, check_values
from kvs_notebook.dataframes.schemas import TAG_PREFIX, TAGS_READ
from kvs_notebook.dataframes.tag_pivot import are_all_tags_read
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.formatting import format_count, format_value
from kvs_notebook.plans.steps import TTL_COLUMN

ChannelsToPlan: TypeAlias = "pd.DataFrame | Inventory"
"""A channels frame with its tag columns, or an Inventory."""

MANAGED_BY = "managed_by"
STACK_NAME_TAG = "aws:cloudformation:stack-name"
CLOUDFORMATION_TAG_PREFIX = "aws:cloudformation:"


class _AllKeys:
    """The tag keys that were read, if all were."""

    def __contains__(self, _key: object) -> bool:
        return True


ALL_KEYS: Container[str] = _AllKeys()


class KnownChannel(NamedTuple):
    """What was read of one channel.

    Attributes
    ----------
    channel_arn, arn
        The ARN, which identifies the channel, and its parts.
    version, status, message_ttl_seconds
        None if they were not read.
    tags
        The tags that it is known to have.
    keys_read
        The tag keys that were read: a key in it that is not in ``tags`` is not on the channel.
    managed_by
        What manages the channel, such as ``CloudFormation stack cameras``; None if nothing is known to.
    is_management_known
        Whether its tags or a column ``managed_by`` say if something manages it.
    """

    channel_arn: str
    arn: ChannelArn
    version: str | None = None
    status: str | None = None
    message_ttl_seconds: int | None = None
    tags: Mapping[str, str] = MappingProxyType({})
    keys_read: Container[str] = ()
    managed_by: str | None = None
    is_management_known: bool = False

    def with_manager(self, managed_by: str) -> KnownChannel:
        """Return the channel as one that is managed."""
        return self._replace(managed_by=managed_by, is_management_known=True)


class KnownChannels:
    """The rows of a channels frame, by position and by ARN.

    Parameters
    ----------
    channels
        A channels frame or an Inventory.
    label
        How messages name it, such as ``channels`` or ``fleet.csv``.

    Raises
    ------
    InvalidInput
        If it is neither, has several rows of one channel, or has tag values that are not text.
    """

    def __init__(self, channels: ChannelsToPlan, label: str) -> None:
        self.label = label
        frame = channels.table() if isinstance(channels, Inventory) else channels
        self.frame = check_columns(frame, ["channel_arn"], "list_channels(tags=True) or inventory()")
        self._keys_read = _keys_read(frame)
        self._tag_columns = {
            name.removeprefix(TAG_PREFIX): self._text_column(name)
            for name in map(str, frame.columns)
            if name.startswith(TAG_PREFIX)
        }
        self._has_tags_source = "tags_source" in frame
        self._has_managers = MANAGED_BY in frame
        self._check_repetitions()

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.frame)))

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each channel by its ARN."""
        return {arn: position for position, arn in enumerate(self.column("channel_arn")) if isinstance(arn, str)}

    @cached_property
    def account_names(self) -> dict[str, str]:
        """The names of accounts by account id, as far as they are known."""
        pairs = zip(self.column("account_id"), self.column("account_name"), strict=True)
        return {str(account_id): str(name) for account_id, name in pairs if account_id and name}

    @property
    def tag_keys(self) -> list[str]:
        """The keys of the tag columns."""
        return [*self._tag_columns]

    def column(self, name: str) -> list[Any]:
        """Return the values of a column, None if missing; all None if there is no such column."""
        if name not in self._lists:
            if name in self.frame:
                check_values(self.frame[name], name)
            self._lists[name] = cell_values(self.frame[name]) if name in self.frame else self._no_values
        return self._lists[name]

    @cached_property
    def _lists(self) -> dict[str, list[Any]]:
        return {}

    @cached_property
    def _no_values(self) -> list[Any]:
        return [None] * len(self.frame)

    def tag_values(self, key: str) -> list[str | None]:
        """Return the values of a tag by position; all None if there is no such column."""
        return self._tag_columns.get(key) or self._no_values

    def keys_read_at(self, position: int) -> Container[str]:
        """Return the tag keys that were read of a channel."""
        if not self._has_tags_source:
            return self._keys_read
        return self._keys_read if self.column("tags_source")[position] in TAGS_READ else ()

    def managed_by_at(self, position: int) -> str | None:
        """Return what manages a channel, None if nothing is known to."""
        named = self.column(MANAGED_BY)[position]
        if named:
            return str(named)
        for key, values in self._cloudformation_tags.items():
            if values[position] is not None:
                return f"CloudFormation stack {values[position]}" if key == STACK_NAME_TAG else "CloudFormation"
        return None

    @cached_property
    def _cloudformation_tags(self) -> dict[str, list[str | None]]:
        keys = [key for key in self._tag_columns if key.startswith(CLOUDFORMATION_TAG_PREFIX)]
        return {key: self._tag_columns[key] for key in sorted(keys, key=lambda key: key != STACK_NAME_TAG)}

    def at(self, position: int) -> KnownChannel:
        """Return the channel at a position.

        Raises
        ------
        InvalidInput
            If its ARN is not a channel's, or its message TTL is not a whole number.
        """
        channel_arn, version, status, ttl = self._records[position]
        keys_read = self.keys_read_at(position)
        return KnownChannel(
            channel_arn,
            ChannelArn.parse(channel_arn),
            None if version is None else str(version),
            status,
            None if ttl is None else _whole_number(ttl),
            {key: values[position] for key, values in self._tag_columns.items() if values[position] is not None},  # type: ignore[misc]
            keys_read,
            self.managed_by_at(position),
            self._has_managers or keys_read is ALL_KEYS,
        )

    @cached_property
    def _records(self) -> list[tuple[Any, ...]]:
        return list(zip(*map(self.column, ("channel_arn", "version", "channel_status", TTL_COLUMN)), strict=True))

    @cached_property
    def parts_of_arns(self) -> pa.StructArray:
        """The parts of each channel's ARN as text, by position; null if it is not valid."""
        texts = [arn if isinstance(arn, str) and arn.isascii() else None for arn in self.column("channel_arn")]
        arns = pa.array(texts, pa.large_string())
        is_short = pc.less_equal(pc.utf8_length(arns), MAX_ARN_LENGTH)
        return pc.if_else(is_short, pc.extract_regex(arns, f"^{CHANNEL_ARN}$"), None)

    def find(self, channel_arn: str) -> KnownChannel | None:
        """Return the channel with an ARN; None if the frame does not have it."""
        position = self.positions.get(channel_arn)
        return None if position is None else self.at(position)

    def _text_column(self, name: str) -> list[str | None]:
        check_values(self.frame[name], name)
        values = cell_values(self.frame[name])
        wrong = next((value for value in values if not isinstance(value, str | None)), None)
        if wrong is not None:
            raise InvalidInput(
                f"Column {name!r} of {self.label} contains {format_value(wrong)}, which is not text. Read the file with "
                "kvs.read_csv(), which keeps zeros and dates as they are."
            )
        return values

    def _check_repetitions(self) -> None:
        arns = [arn for arn in self.column("channel_arn") if arn is not None]
        repeated = len(arns) - len(set(arns))
        if repeated:
            raise InvalidInput(
                f"{self.label} has {format_count(repeated, 'row')} of channels that have another row, as in a frame of "
                'several days. Pass the rows of one day, such as frame[frame["date"] == "2026-01-05"].'
            )


def _keys_read(frame: pd.DataFrame) -> Container[str]:
    """Return the tag keys that were read; of a frame whose source is not known, all if it has a tag column."""
    keys = frozenset(str(name).removeprefix(TAG_PREFIX) for name in frame if str(name).startswith(TAG_PREFIX))
    all_read = are_all_tags_read(frame)
    return ALL_KEYS if all_read or (all_read is None and keys) else keys


def _whole_number(ttl: Any) -> int:
    number: int | None
    try:
        number = int(ttl)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or (not isinstance(ttl, str) and number != ttl):
        raise InvalidInput(f"{TTL_COLUMN} {format_value(ttl)} is not a whole number. Read the channels again.")
    return number
