"""What the service allows: names, ARNs, versions, tags, TTLs and quotas.

Lengths, ranges, patterns and enums are read from botocore's service model, so that they move with it. Rules and quotas that
the model does not state stand here with their source: the service's quota page, or the CloudFormation schema.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import regex

from kvs_notebook.errors import InvalidInput

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape

MAX_TAGS = 50
"""Tags on one channel (model: the list bounds of TagList and TagOnCreateList)."""

RESERVED_TAG_PREFIX = "aws:"
"""No tag key may begin so (CloudFormation schema of AWS::KinesisVideo::SignalingChannel)."""

RESERVED_CLIENT_ID_PREFIX = "AWS_"
"""No client id may begin so, in any case (developer guide of the service)."""

LONGEST_EXPIRY = 604_800
"""Seconds that a signed URL may be valid at most: SigV4's own bound; the service's is not known."""

LONGEST_SHOWN = 90
"""Characters of a value that an error message shows whole."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests a second that the service allows one operation in one account and region, and on one channel."""

    account: float | None
    channel: float | None = None


QUOTAS: Mapping[str, Quota] = {
    "CreateSignalingChannel": Quota(50),
    "DeleteSignalingChannel": Quota(50, 5),
    "DescribeSignalingChannel": Quota(300, 5),
    "GetSignalingChannelEndpoint": Quota(300),
    "ListSignalingChannels": Quota(50),
    "ListTagsForResource": Quota(50, 5),
    "TagResource": Quota(50, 5),
    "UntagResource": Quota(50, 5),
    "UpdateSignalingChannel": Quota(50, 5),
}
"""The published rates (the service's quota page). How large a burst may be is not published."""

MUTATING = frozenset(
    {"CreateSignalingChannel", "UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource"}
)

SIGNALING_QUOTAS: Mapping[str, Quota] = {
    "ConnectAsMaster": Quota(None, 3),
    "ConnectAsViewer": Quota(None, 3),
    "GetIceServerConfig": Quota(100, 5),
}
"""The published rates of what a channel's endpoints are asked (the same page)."""

MESSAGE_RATES: Mapping[str, float] = {"SDP_OFFER": 5, "SDP_ANSWER": 5, "ICE_CANDIDATE": 20}
"""Messages a second that one WebSocket connection may send, by type (the same page)."""

MAX_VIEWERS = 10
"""Viewers connected to one channel at a time (the same page; AWS raises it on request)."""


def quota_of(operation: str) -> Quota | None:
    """Give the published rates of an operation, None for one that has none."""
    return QUOTAS.get(operation) or SIGNALING_QUOTAS.get(operation)


def channel_quota(region: str) -> int:
    """Give the number of channels that one account may have in a region (the service's quota page)."""
    return 10_000 if region in {"us-east-1", "us-west-2"} else 5_000


@cache
def service_model() -> ServiceModel:
    """Load botocore's model of Kinesis Video, without a session or a client."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("kinesisvideo", "service-2"), "kinesisvideo")


@cache
def signaling_model() -> ServiceModel:
    """Load botocore's model of what a channel's HTTPS endpoint is asked."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    name = "kinesis-video-signaling"
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


@cache
def _shape(name: str) -> Shape:
    models = (service_model, signaling_model)
    return next(model().shape_for(name) for model in models if name in model().shape_names)


@cache
def _pattern(shape_name: str) -> regex.Pattern[str]:
    return regex.compile(_shape(shape_name).metadata["pattern"])


def bounds(shape_name: str) -> tuple[int, int]:
    """Give the least and the most that the service's model allows: a length, or a number."""
    metadata: dict[str, Any] = _shape(shape_name).metadata
    return metadata.get("min", 0), metadata["max"]


def shown(value: object) -> str:
    """Give a value as an error message may show it: quoted, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:70]}...{text[-15:]} ({len(text) - 2} long)"


def _check_text(value: object, shape_name: str, what: str, letters: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} {shown(value)} is a {type(value).__name__}: give it as a string.")
    low, high = bounds(shape_name)
    if not low <= len(value) <= high:
        raise InvalidInput(f"{what} {shown(value)} has {len(value)} characters: the service allows {low} to {high}.")
    if not _pattern(shape_name).fullmatch(value):
        bad = sorted({letter for letter in value if not _pattern(shape_name).fullmatch(letter)})
        because = f"{', '.join(map(repr, bad))} is not allowed" if bad else "the form is not right"
        raise InvalidInput(f"{what} {shown(value)}: {because}. {letters}")
    return value


def check_channel_name(name: object) -> str:
    """Return a channel name that the service accepts; raise InvalidInput where it would not."""
    return _check_text(name, "ChannelName", "Channel name", "Use letters, digits and . _ - only.")


def check_channel(channel: object) -> str:
    """Return a channel's name or ARN that the service accepts; raise InvalidInput where it would not."""
    if isinstance(channel, str) and channel.startswith("arn:"):
        ChannelArn.parse(channel)
        return channel
    return check_channel_name(channel)


def check_version(version: object) -> str:
    """Return a version that the service accepts; raise InvalidInput where it would not."""
    return _check_text(version, "Version", "Version", "Take it from describe_channel() as it stands.")


def check_message_ttl(seconds: object) -> int:
    """Return a message TTL in whole seconds, 5 to 120; raise InvalidInput where it is not one."""
    low, high = bounds("MessageTtlSeconds")
    number = _whole_number(seconds)
    if number is None:
        raise InvalidInput(f"message_ttl_seconds {shown(seconds)} is not a whole number: give {low} to {high} seconds.")
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
        raise InvalidInput(f'Tag keys {shown(keys)}: give a list of keys, such as ["Owner", "Site"].')
    checked = [_check_text(key, "TagKey", "Tag key", _TAG_LETTERS) for key in keys]
    low, high = bounds("TagKeyList")
    if not low <= len(checked) <= high:
        raise InvalidInput(f"{len(checked)} tag keys: the service takes {low} to {high} in one call.")
    return checked


def check_tags(tags: object, *, allow_none: bool = False) -> dict[str, str]:
    """Return the tags as a plain dict; raise InvalidInput for a key or value that the service would refuse.

    ``allow_none`` accepts an empty mapping, as CreateSignalingChannel does and TagResource does not.
    """
    if not isinstance(tags, Mapping):
        raise InvalidInput(f'Tags {shown(tags)}: give a mapping, such as {{"Owner": "ops", "Site": "hq"}}.')
    for key, value in tags.items():
        _check_text(key, "TagKey", "Tag key", _TAG_LETTERS)
        if key.lower().startswith(RESERVED_TAG_PREFIX):
            raise InvalidInput(
                f"Tag key {shown(key)}: the prefix {RESERVED_TAG_PREFIX} is AWS's own; choose another key."
            )
        _check_text(value, "TagValue", f"Value of tag {shown(key)}", _TAG_LETTERS)
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"{len(tags)} tags: a channel may have {MAX_TAGS}.")
    if not tags and not allow_none:
        raise InvalidInput("No tags were given: name at least one, as a mapping of key to value.")
    return dict(tags)


def check_role(role: object) -> str:
    """Return the role, MASTER or VIEWER; raise InvalidInput where it is neither."""
    return _check_choice(role, "ChannelRole", "Role")


def check_client_id(client_id: object, role: str) -> str | None:
    """Return the client id that a role connects with: a VIEWER has one, a MASTER has none."""
    if role == "MASTER":
        if client_id is not None:
            raise InvalidInput(f"Client id {shown(client_id)}: a MASTER has none, leave client_id= out.")
        return None
    if client_id is None:
        raise InvalidInput(
            'A VIEWER needs a client id, as in client_id="lobby-tablet": choose one and keep it, since a new one for each '
            f"connection takes up one of the channel's {MAX_VIEWERS} places for viewers, which may stay taken for hours."
        )
    return check_viewer_id(client_id)


def check_viewer_id(client_id: object) -> str:
    """Return a viewer's client id that the service accepts; raise InvalidInput where it would not."""
    checked = _check_text(client_id, "ClientId", "Client id", "Use letters, digits and . _ - only.")
    if checked.upper().startswith(RESERVED_CLIENT_ID_PREFIX):
        raise InvalidInput(f"Client id {shown(checked)}: the prefix AWS_ is AWS's own, in any case; choose another id.")
    return checked


def check_expires(seconds: object) -> int:
    """Return the seconds for which a signed URL can be used to connect, 1 to 604,800; raise InvalidInput otherwise."""
    number = _whole_number(seconds)
    if number is None or not 1 <= number <= LONGEST_EXPIRY:
        raise InvalidInput(f"expires {shown(seconds)}: give whole seconds, 1 to {LONGEST_EXPIRY} (7 days).")
    return number


def check_channel_type(channel_type: object) -> str:
    """Return the channel type; raise InvalidInput where the model does not list it."""
    return _check_choice(channel_type, "ChannelType", "Channel type")


def check_protocols(protocols: object) -> list[str]:
    """Return the protocols as a list without repetitions; raise InvalidInput for one that the model does not list."""
    if isinstance(protocols, str) or not isinstance(protocols, Sequence) or not protocols:
        raise InvalidInput(f'Protocols {shown(protocols)}: give a list, such as ["WSS", "HTTPS"].')
    return list(dict.fromkeys(_check_choice(protocol, "ChannelProtocol", "Protocol") for protocol in protocols))


def choices(shape_name: str) -> list[str]:
    """Give the values that the service's model lists for one of its enums."""
    listed: list[str] = _shape(shape_name).metadata["enum"]
    return listed


def _check_choice(value: object, shape_name: str, what: str) -> str:
    known = choices(shape_name)
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value).upper(), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InvalidInput(f"{what} {shown(value)}: the service knows {', '.join(known)}.{hint}")


class ChannelArn(NamedTuple):
    """The parts of a channel's ARN: partition, region, account, name, and the creation time in epoch milliseconds."""

    partition: str
    region: str
    account_id: str
    channel_name: str
    created_ms: int

    @classmethod
    def parse(cls, text: object) -> ChannelArn:
        """Take an ARN apart; raise InvalidInput where it is not a signaling channel's."""
        _check_text(
            text,
            "ResourceARN",
            "Channel ARN",
            "It has the form arn:aws:kinesisvideo:REGION:ACCOUNT:channel/NAME/NUMBER.",
        )
        _, partition, _, region, account_id, resource = str(text).split(":", 5)
        kind, name, created = resource.split("/")
        if kind != "channel":
            raise InvalidInput(
                f"ARN {shown(text)} names a {kind}: give a signaling channel's (arn:...:channel/NAME/NUMBER)."
            )
        return cls(partition, region, account_id, name, int(created))

    def __str__(self) -> str:
        return (
            f"arn:{self.partition}:kinesisvideo:{self.region}:{self.account_id}"
            f":channel/{self.channel_name}/{self.created_ms}"
        )
