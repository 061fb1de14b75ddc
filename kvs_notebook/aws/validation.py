"""Check names, versions, tags, TTLs and client ids before they are sent.

Lengths, ranges, patterns and enums are read from botocore's service model, so that they follow its updates. Rules that the
model does not contain are constants of this module, each with its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.quotas import MAX_VIEWERS
from kvs_notebook.aws.service_model import bounds, check_choice, check_text
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

Key = TypeVar("Key")
Value = TypeVar("Value")

MAX_TAGS = 50
"""Tags on one channel (model: the list bounds of TagList and TagOnCreateList)."""

RESERVED_TAG_PREFIX = "aws:"
"""A prefix that no tag key may have, in any case (CloudFormation schema of AWS::KinesisVideo::SignalingChannel)."""

RESERVED_CLIENT_ID_PREFIX = "AWS_"
"""A prefix that no client id may have, in any case (developer guide of the service)."""

LONGEST_EXPIRY = 604_800
"""Maximum validity of a signed URL: the limit of SigV4; the limit of the service is not documented."""


def check_channel_name(name: object) -> str:
    """Return a channel name; raise InvalidInput if the service does not accept it."""
    return check_text(name, "ChannelName", "Channel name", "Use letters, digits and . _ - only.")


def check_channel(channel: object) -> str:
    """Return a channel's name or ARN; raise InvalidInput if the service does not accept it."""
    if isinstance(channel, str) and channel.startswith("arn:"):
        ChannelArn.parse(channel)
        return channel
    return check_channel_name(channel)


def check_version(version: object) -> str:
    """Return a channel's version; raise InvalidInput if the service does not accept it."""
    return check_text(version, "Version", "Version", "Pass the version that describe_channel() returns.")


def check_message_ttl(seconds: object) -> int:
    """Return a message TTL as an int; raise InvalidInput if it is not a whole number of 5 to 120 seconds."""
    low, high = bounds("MessageTtlSeconds")
    number = _whole_number(seconds)
    if number is None:
        raise InvalidInput(
            f"message_ttl_seconds {format_value(seconds)} is not a whole number. Expected {low} to {high} seconds."
        )
    if not low <= number <= high:
        raise InvalidInput(f"message_ttl_seconds {number} is out of range: {low} to {high} seconds.")
    return number


def _whole_number(value: object) -> int | None:
    """Return the int for a whole number of any type (numpy's integers, 60.0), None for any other value."""
    if isinstance(value, (bool, str, bytes)) or value is None:
        return None
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == value else None


def is_reserved_tag_key(key: object) -> bool:
    """Return whether a tag key has the prefix of the tags that only AWS sets and removes; they do not count toward 50."""
    return isinstance(key, str) and key.lower().startswith(RESERVED_TAG_PREFIX)


def own_tags(tags: Mapping[Key, Value]) -> dict[Key, Value]:
    """Return the tags that a user can set and remove: those that AWS has not reserved."""
    return {key: value for key, value in tags.items() if not is_reserved_tag_key(key)}


_TAG_HINT = "Use letters, digits, spaces and _ . : / = + - @ only."


def check_tag_keys(keys: object) -> list[str]:
    """Return 1 to 50 tag keys as a list; raise InvalidInput if the service does not accept one, or their number."""
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise InvalidInput(
            f'Tag keys {format_value(keys)} is not a list. Pass a list of keys, such as ["Owner", "Site"].'
        )
    checked = [check_text(key, "TagKey", "Tag key", _TAG_HINT) for key in keys]
    low, high = bounds("TagKeyList")
    if not low <= len(checked) <= high:
        raise InvalidInput(f"Number of tag keys is out of range: {len(checked)} (allowed: {low} to {high}).")
    return checked


def check_tags(tags: object, *, allow_none: bool = False) -> dict[str, str]:
    """Return the tags as a dict; raise InvalidInput if the service does not accept a key, a value, or their number.

    ``allow_none`` accepts an empty mapping: CreateSignalingChannel does, TagResource does not.
    """
    if not isinstance(tags, Mapping):
        raise InvalidInput(
            f'Tags {format_value(tags)} is not a mapping. Pass a mapping, such as {{"Owner": "ops", "Site": "hq"}}.'
        )
    for key, value in tags.items():
        check_text(key, "TagKey", "Tag key", _TAG_HINT)
        if is_reserved_tag_key(key):
            raise InvalidInput(
                f"Tag key {format_value(key)} has the prefix {RESERVED_TAG_PREFIX}, reserved by AWS. Choose another key."
            )
        check_tag_value(key, value)
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"Too many tags: {len(tags)} (maximum {MAX_TAGS}).")
    if not tags and not allow_none:
        raise InvalidInput("No tags were given. Pass at least one, as a mapping of key to value.")
    return dict(tags)


def check_tag_value(key: object, value: object) -> str:
    """Return a tag's value; raise InvalidInput if the service does not accept it."""
    return check_text(value, "TagValue", f"Value of tag {format_value(key)}", _TAG_HINT)


def check_role(role: object) -> str:
    """Return the role; raise InvalidInput if it is not MASTER or VIEWER."""
    return check_choice(role, "ChannelRole", "Role")


def check_client_id(client_id: object, role: str) -> str | None:
    """Return the client id for a role; raise InvalidInput if a VIEWER has none, or a MASTER has one."""
    if role == "MASTER":
        if client_id is not None:
            raise InvalidInput(
                f"Client id {format_value(client_id)} was given for a MASTER, which has none. Omit client_id=."
            )
        return None
    if client_id is None:
        raise InvalidInput(
            'A VIEWER needs a client id, as in client_id="lobby-tablet". Use the same id each time: every new id counts '
            f"toward the channel's maximum of {MAX_VIEWERS} viewers, possibly for hours after its connection was lost."
        )
    return check_viewer_id(client_id)


def check_viewer_id(client_id: object) -> str:
    """Return a viewer's client id; raise InvalidInput if the service does not accept it."""
    checked = check_text(client_id, "ClientId", "Client id", "Use letters, digits and . _ - only.")
    if checked.upper().startswith(RESERVED_CLIENT_ID_PREFIX):
        raise InvalidInput(
            f"Client id {format_value(checked)} has the prefix {RESERVED_CLIENT_ID_PREFIX}, reserved by AWS. Choose another id."
        )
    return checked


def check_expires(seconds: object) -> int:
    """Return the validity of a signed URL; raise InvalidInput if it is not a whole number of 1 to 604,800 seconds."""
    number = _whole_number(seconds)
    if number is None or not 1 <= number <= LONGEST_EXPIRY:
        raise InvalidInput(
            f"expires {format_value(seconds)} is out of range: 1 to {LONGEST_EXPIRY} whole seconds (7 days)."
        )
    return number


def check_channel_type(channel_type: object) -> str:
    """Return the channel type; raise InvalidInput if the service does not know it."""
    return check_choice(channel_type, "ChannelType", "Channel type")


def check_protocols(protocols: object) -> list[str]:
    """Return the protocols as a list without repetitions; raise InvalidInput if the service does not know one."""
    if isinstance(protocols, str) or not isinstance(protocols, Sequence) or not protocols:
        raise InvalidInput(f'Protocols {format_value(protocols)} is not a list. Pass a list, such as ["WSS", "HTTPS"].')
    return list(dict.fromkeys(check_choice(protocol, "ChannelProtocol", "Protocol") for protocol in protocols))
