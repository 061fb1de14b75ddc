"""Assumptions of the sandbox about undocumented behaviour: each field is a guess that can be changed, never AWS behaviour."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from kvs_notebook.aws.regions import check_region
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

LARGEST = 1_000_000_000
"""Largest number of a field; seconds: 31 years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """How the sandbox behaves where the service's behaviour is unknown.

    It is neither documented nor observed.

    The numbers in brackets are the sections of the service's contract that
    leave the point open.

    Attributes
    ----------
    creating_seconds, updating_seconds, deleting_seconds
        Duration of CREATING, UPDATING and DELETING on the lifecycle clock; 0
        is allowed [2].
    stale_seconds
        How far describe and list lag behind writes: a new channel is not found
        yet, an update not visible yet [2].
    default_page_size, max_page_size
        Channels on a page of the list without MaxResults, and the maximum with
        it [1.3].
    list_order
        Sort the list by name, or in a stable arbitrary order [1.3].
    empty_first_page
        Start every list with an empty page and a token, which the protocol
        allows [1.3].
    prefix_case
        Whether BEGINS_WITH is case-sensitive [1.3].
    malformed_token
        Reject a page token that this list did not issue, or return the first
        page [1.3].
    name_taken_text
        Message of a create if ``{name}`` is taken [1.1].
    full_mesh
        Reject or accept a create with ChannelType FULL_MESH [1.1].
    too_many_tags_on_create
        The error for 51 tags in one create [1.1].
    tagged_create
        Whether a create with tags also requires permission for TagResource, as
        CloudFormation's handler does [7].
    describe_without_channel
        The error for a describe with neither name nor ARN [1.2].
    name_and_arn
        Describe with both: they must agree, the ARN decides, or both together
        are rejected [1.2].
    old_arn
        The ARN of a deleted channel whose name is in use again finds nothing,
        or the new channel [1.5].
    constraint_error
        The error for a value that the service's model does not allow; a
        service engineer named InvalidArgumentException for video streams [10].
    foreign_arn
        The error for an ARN of another account or region.
    same_ttl_update
        An update to the current TTL creates a new version, or changes nothing
        [1.4].
    update_without_ttl
        Reject an update without a TTL, or accept it and change nothing [1.4].
    busy_update
        The error for an update of a channel that is not ACTIVE [1.4].
    second_delete
        The error for a delete of a channel that is DELETING [1.5].
    endpoint_without_role
        Reject GetSignalingChannelEndpoint without a Role, or use VIEWER [1.6].
    endpoint_protocols
        The protocols that are returned if the request names none [1.6].
    use_while_changing, use_while_deleting
        Whether endpoints are returned and tags are set while the channel is
        CREATING or UPDATING, or DELETING [1.6, 1.7].
    duplicate_tag_keys
        Reject a key that occurs twice in a request, or use its last value
        [1.7].
    reserved_tag_key
        The error for a request to set or remove a key that starts with
        ``aws:`` [1.7, 1.8].
    tagging_changes_version
        Whether tagging and untagging create a new version of the channel
        [1.7].
    empty_tags
        What ListTagsForResource returns for an untagged channel: an empty map,
        null, or no member at all [1.9].
    quota_burst
        Requests that an idle quota allows at once; None is what it allows in
        one second [3].
    tagging_api
        Whether the Resource Groups Tagging API finds channels, which is
        likely, or not [5].
    disabled_regions
        Regions that no account of the sandbox has enabled: they reject every
        key as unknown [an account's own].
    role_external_id
        The ExternalId that every role of the sandbox requires, as its trust
        policy would; None requires none [a role's own].
    ice_server_count
        Servers that GetIceServerConfig returns: one or two were observed; by
        default two and one in turn for each channel [10].
    empty_frames
        Whether a peer receives an empty text frame when it has connected, and
        before each message; real clients receive some, when is not known [10].
    displaced_peer
        A connection whose MASTER or client id has connected again stays open
        and receives nothing more, or is closed with 1001 [6.1].
    lingering_viewer_seconds
        How long a viewer whose connection broke without a close still counts
        as connected [6.1].
    stale_master_seconds
        How long messages to a MASTER are lost whose connection broke without a
        close, unless it connects again: the service was seen to go on
        delivering to the broken connection [10].
    absent_viewer
        A message of the MASTER to a client id that is not connected is queued,
        or rejected as not found [6.4].
    queued_candidates
        Undelivered ICE candidates of one sender accumulate, or only the latest
        is kept as of offers and answers [6.4].
    queued_messages
        Maximum number of undelivered messages from a sender to a recipient;
        more are rejected [6.4].
    payload_limit
        Maximum number of characters of a message's payload; the model states
        10,000, a longer one was delivered in 2020 [10].
    malformed_frame
        A frame that is not text or not JSON closes its connection (1003,
        1007), or is ignored [6.2].
    max_connection_seconds, idle_seconds, go_away_seconds
        When GO_AWAY is sent to a connection, how long it may be idle, and how
        long it stays open after GO_AWAY; the quota page states 3,600, 600 and
        60, closes after 7,200 were observed [6.5].

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped", assumptions=kvs.Assumptions(creating_seconds=0))
    >>> kvs.create_channel("front-door", wait=False)["channel_status"].item()
    'ACTIVE'
    """

    creating_seconds: float = 1.0
    updating_seconds: float = 1.0
    deleting_seconds: float = 2.0
    stale_seconds: float = 0.0
    default_page_size: int = 500
    max_page_size: int = 1000
    list_order: Literal["name", "shuffled"] = "name"
    empty_first_page: bool = False
    prefix_case: Literal["sensitive", "insensitive"] = "sensitive"
    malformed_token: Literal["refuse", "first_page"] = "refuse"  # noqa: S105 - a page token is no password
    name_taken_text: str = "The channel {name} already exists."
    full_mesh: Literal["refuse", "accept"] = "refuse"
    too_many_tags_on_create: Literal["invalid_argument", "tags_exceeded"] = "invalid_argument"
    tagged_create: Literal["needs_tag_resource", "as_any_create"] = "needs_tag_resource"
    describe_without_channel: Literal["invalid_argument", "not_found"] = "invalid_argument"
    name_and_arn: Literal["must_agree", "arn_wins", "refuse"] = "must_agree"
    old_arn: Literal["not_found", "finds_namesake"] = "not_found"
    constraint_error: Literal["invalid_argument", "validation"] = "invalid_argument"
    foreign_arn: Literal["access_denied", "not_found"] = "access_denied"
    same_ttl_update: Literal["new_version", "no_change"] = "new_version"
    update_without_ttl: Literal["refuse", "no_change"] = "refuse"
    busy_update: Literal["in_use", "not_found"] = "in_use"
    second_delete: Literal["in_use", "not_found"] = "in_use"
    endpoint_without_role: Literal["refuse", "viewer"] = "refuse"
    endpoint_protocols: tuple[str, ...] = ("HTTPS", "WSS")
    use_while_changing: Literal["accept", "in_use", "not_found"] = "accept"
    use_while_deleting: Literal["not_found", "in_use", "accept"] = "not_found"
    duplicate_tag_keys: Literal["refuse", "last_wins"] = "refuse"
    reserved_tag_key: Literal["invalid_argument", "access_denied"] = "invalid_argument"
    tagging_changes_version: bool = False
    empty_tags: Literal["map", "null", "absent"] = "map"
    quota_burst: float | None = None
    tagging_api: Literal["finds_channels", "finds_none"] = "finds_channels"
    disabled_regions: tuple[str, ...] = ()
    role_external_id: str | None = None
    ice_server_count: Literal["varies", "one", "two"] = "varies"
    empty_frames: bool = False
    displaced_peer: Literal["stays_open", "closed"] = "stays_open"
    lingering_viewer_seconds: float = 0.0
    stale_master_seconds: float = 0.0
    absent_viewer: Literal["keep", "not_found"] = "keep"
    queued_candidates: Literal["accumulate", "latest"] = "accumulate"
    queued_messages: int = 1000
    payload_limit: int = 10_000
    malformed_frame: Literal["close", "ignore"] = "close"
    max_connection_seconds: float = 3600.0
    idle_seconds: float = 600.0
    go_away_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Check each value against its type."""
        hints = _type_hints()
        for field in fields(self):
            value = getattr(self, field.name)
            if not _has_type(value, hints[field.name]):
                raise InvalidInput(
                    f"{field.name}={format_value(value)} is not valid. Expected {_description(hints[field.name])}."
                )
        for region in self.disabled_regions:
            check_region(region, newer=True)
        if self.default_page_size < 1 or self.max_page_size < 1:
            raise InvalidInput("A page size is not valid. Expected default_page_size and max_page_size of 1 or more.")
        if self.quota_burst is not None and self.quota_burst < 1:
            raise InvalidInput(f"quota_burst={self.quota_burst!r} is not valid. Expected 1 or more.")


@cache
def _type_hints() -> dict[str, Any]:
    """Return the type of each field; resolving them would take half of the start of a sandbox."""
    return get_type_hints(Assumptions)


def _has_type(value: object, hint: Any) -> bool:
    """Return whether a value has the type of a field; numbers are 0 or more, and small enough to be added to a time."""
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    if get_args(hint):  # a union
        return any(_has_type(value, each) for each in get_args(hint))
    if hint in (int, float):
        kinds = (int, float) if hint is float else int
        return isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value <= LARGEST
    return isinstance(value, hint)


def _description(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of: {', '.join(map(repr, get_args(hint)))}"
    if get_origin(hint) is tuple:
        return "a tuple of strings"
    if get_args(hint):
        return " or ".join(map(_description, get_args(hint)))
    names = {int: f"a whole number from 0 to {LARGEST:,}", float: f"a number from 0 to {LARGEST:,}", str: "a string"}
    return names.get(hint, "True or False" if hint is bool else "None")
