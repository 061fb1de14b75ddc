"""What the service allows: names, ARNs, versions, tags, TTLs and quotas.

Lengths, ranges, patterns and enums are read from botocore's service model, so that they move with it. Rules and quotas that
the model does not state stand here with their source: the service's quota page, or the CloudFormation schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.quotas import MAX_VIEWERS
from kvs_notebook.aws.service_model import bounds, check_choice, check_text
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

MAX_TAGS = 50
"""Tags on one channel (model: the list bounds of TagList and TagOnCreateList)."""

RESERVED_TAG_PREFIX = "aws:"
"""No tag key may begin so (CloudFormation schema of AWS::KinesisVideo::SignalingChannel)."""

RESERVED_CLIENT_ID_PREFIX = "AWS_"
"""No client id may begin so, in any case (developer guide of the service)."""

LONGEST_EXPIRY = 604_800
"""Seconds that a signed URL may be valid at most: SigV4's own bound; the service's is not known."""


def check_channel_name(name: object) -> str:
    """Return a channel name that the service accepts; raise InvalidInput where it would not."""
    return check_text(name, "ChannelName", "Channel name", "Use letters, digits and . _ - only.")


def check_channel(channel: object) -> str:
    """Return a channel's name or ARN that the service accepts; raise InvalidInput where it would not."""
    if isinstance(channel, str) and channel.startswith("arn:"):
        ChannelArn.parse(channel)
        return channel
    return check_channel_name(channel)


def check_version(version: object) -> str:
    """Return a version that the service accepts; raise InvalidInput where it would not."""
    return check_text(version, "Version", "Version", "Take it from describe_channel() as it stands.")


def check_message_ttl(seconds: object) -> int:
    """Return a message TTL in whole seconds, 5 to 120; raise InvalidInput where it is not one."""
    low, high = bounds("MessageTtlSeconds")
    number = _whole_number(seconds)
    if number is None:
        raise InvalidInput(
            f"message_ttl_seconds {format_value(seconds)} is not a whole number: give {low} to {high} seconds."
        )
    if not low <= number <= high:
        raise InvalidInput(
            f"message_ttl_seconds {number} is out of bounds: the service allows {low} to {high} seconds."
        )
    return number


def _whole_number(value: object) -> int | None:
    """Accept what pandas and widgets hand over (numpy integers, 60.0), and nothing that is no number."""
    if isinstance(value, (bool, str, bytes)) or value is None:
        return None
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == value else None


_TAG_LETTERS = "Use letters, digits, spaces and _ . : / = + - @ only."


def check_tag_keys(keys: object) -> list[str]:
    """Return the tag keys as a list, 1 to 50 of them; raise InvalidInput for one that the service would refuse."""
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise InvalidInput(f'Tag keys {format_value(keys)}: give a list of keys, such as ["Owner", "Site"].')
    checked = [check_text(key, "TagKey", "Tag key", _TAG_LETTERS) for key in keys]
    low, high = bounds("TagKeyList")
    if not low <= len(checked) <= high:
        raise InvalidInput(f"{len(checked)} tag keys: the service takes {low} to {high} in one call.")
    return checked


def check_tags(tags: object, *, allow_none: bool = False) -> dict[str, str]:
    """Return the tags as a plain dict; raise InvalidInput for a key or value that the service would refuse.

    ``allow_none`` accepts an empty mapping, as CreateSignalingChannel does and TagResource does not.
    """
    if not isinstance(tags, Mapping):
        raise InvalidInput(f'Tags {format_value(tags)}: give a mapping, such as {{"Owner": "ops", "Site": "hq"}}.')
    for key, value in tags.items():
        check_text(key, "TagKey", "Tag key", _TAG_LETTERS)
        if key.lower().startswith(RESERVED_TAG_PREFIX):
            raise InvalidInput(
                f"Tag key {format_value(key)}: the prefix {RESERVED_TAG_PREFIX} is AWS's own; choose another key."
            )
        check_text(value, "TagValue", f"Value of tag {format_value(key)}", _TAG_LETTERS)
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"{len(tags)} tags: a channel may have {MAX_TAGS}.")
    if not tags and not allow_none:
        raise InvalidInput("No tags were given: name at least one, as a mapping of key to value.")
    return dict(tags)


def check_role(role: object) -> str:
    """Return the role, MASTER or VIEWER; raise InvalidInput where it is neither."""
    return check_choice(role, "ChannelRole", "Role")


def check_client_id(client_id: object, role: str) -> str | None:
    """Return the client id that a role connects with: a VIEWER has one, a MASTER has none."""
    if role == "MASTER":
        if client_id is not None:
            raise InvalidInput(f"Client id {format_value(client_id)}: a MASTER has none, leave client_id= out.")
        return None
    if client_id is None:
        raise InvalidInput(
            'A VIEWER needs a client id, as in client_id="lobby-tablet": choose one and keep it, since a new one for each '
            f"connection takes up one of the channel's {MAX_VIEWERS} places for viewers, which may stay taken for hours."
        )
    return check_viewer_id(client_id)


def check_viewer_id(client_id: object) -> str:
    """Return a viewer's client id that the service accepts; raise InvalidInput where it would not."""
    checked = check_text(client_id, "ClientId", "Client id", "Use letters, digits and . _ - only.")
    if checked.upper().startswith(RESERVED_CLIENT_ID_PREFIX):
        raise InvalidInput(
            f"Client id {format_value(checked)}: the prefix AWS_ is AWS's own, in any case; choose another id."
        )
    return checked


def check_expires(seconds: object) -> int:
    """Return the seconds for which a signed URL can be used to connect, 1 to 604,800; raise InvalidInput otherwise."""
    number = _whole_number(seconds)
    if number is None or not 1 <= number <= LONGEST_EXPIRY:
        raise InvalidInput(f"expires {format_value(seconds)}: give whole seconds, 1 to {LONGEST_EXPIRY} (7 days).")
    return number


def check_channel_type(channel_type: object) -> str:
    """Return the channel type; raise InvalidInput where the model does not list it."""
    return check_choice(channel_type, "ChannelType", "Channel type")


def check_protocols(protocols: object) -> list[str]:
    """Return the protocols as a list without repetitions; raise InvalidInput for one that the model does not list."""
    if isinstance(protocols, str) or not isinstance(protocols, Sequence) or not protocols:
        raise InvalidInput(f'Protocols {format_value(protocols)}: give a list, such as ["WSS", "HTTPS"].')
    return list(dict.fromkeys(check_choice(protocol, "ChannelProtocol", "Protocol") for protocol in protocols))
