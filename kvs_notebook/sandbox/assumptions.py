"""What the sandbox assumes where nobody outside AWS knows: each field is a guess that can be changed, never AWS behaviour."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin, get_type_hints

from kvs_notebook.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Say how the sandbox answers where the service's behaviour is undocumented and was not observed.

    The numbers in brackets are the sections of the service's contract that leave the point open.

    Attributes
    ----------
    creating_seconds, updating_seconds, deleting_seconds
        How long CREATING, UPDATING and DELETING last on the lifecycle clock; 0 is allowed [2].
    stale_seconds
        How far describe and list lag behind what was written: a fresh channel is not found, an update not yet seen [2].
    default_page_size, max_page_size
        Channels on a page of the list when MaxResults is not given, and the most whatever it says [1.3].
    list_order
        Sort the list by name, or by something stable that nobody can rely on [1.3].
    empty_first_page
        Begin every list with an empty page and a token, which the protocol allows [1.3].
    prefix_case
        Whether BEGINS_WITH tells upper from lower case [1.3].
    malformed_token
        Refuse a page token that this list did not give, or begin at the first page [1.3].
    name_taken_text
        What a create says when ``{name}`` is taken [1.1].
    full_mesh
        Refuse or accept a create with ChannelType FULL_MESH [1.1].
    too_many_tags_on_create
        The error for 51 tags in one create [1.1].
    tagged_create
        Whether a create with tags needs the permission of TagResource beside its own, as CloudFormation's handler asks for [7].
    describe_without_channel
        The error for a describe that names nothing [1.2].
    name_and_arn
        Describe with both: they must agree, the ARN decides, or both together are refused [1.2].
    old_arn
        The ARN of a deleted channel whose name was taken again finds nothing, or the new one [1.5].
    foreign_arn
        The error for an ARN of another account or region.
    same_ttl_update
        An update to the TTL that the channel has already gives a new version, or changes nothing [1.4].
    update_without_ttl
        Refuse an update that names no TTL, or accept it and change nothing [1.4].
    busy_update
        The error for an update of a channel that is not ACTIVE [1.4].
    second_delete
        The error for a delete of a channel that is DELETING [1.5].
    endpoint_without_role
        Refuse GetSignalingChannelEndpoint without a Role, or take VIEWER [1.6].
    endpoint_protocols
        The protocols that are answered where none is asked for [1.6].
    use_while_changing, use_while_deleting
        Whether endpoints are given and tags are set while the channel is CREATING or UPDATING, or is DELETING [1.6, 1.7].
    duplicate_tag_keys
        Refuse one key twice in a request, or let the last one win [1.7].
    reserved_tag_key
        The error for a key that begins with ``aws:`` [1.7].
    tagging_changes_version
        Whether tagging and untagging give the channel a new version [1.7].
    empty_tags
        What ListTagsForResource answers for an untagged channel: an empty map, null, or no member at all [1.9].
    quota_burst
        Requests that an idle quota admits at once; None is what it admits in one second [3].
    tagging_api
        Whether the Resource Groups Tagging API finds channels, as it is likely to, or knows nothing of them [5].
    disabled_regions
        Regions that no account of the sandbox has enabled: they refuse every key as unknown [an account's own].
    role_external_id
        The ExternalId that every role of the sandbox asks for, as its trust policy would; None asks for none [a role's own].
    displaced_peer
        What becomes of a connection whose MASTER or client id has connected again: it stays open and receives nothing
        more, or is closed with 1001 [6.1].
    lingering_viewer_seconds
        How long a viewer whose connection broke without a close still takes up a place [6.1].
    absent_viewer
        A message of the MASTER to a client id that is not connected is kept for it, or refused as not found [6.4].
    queued_candidates
        Undelivered ICE candidates of one sender accumulate, or only the latest is kept as of offers and answers [6.4].
    queued_messages
        Undelivered messages that a sender may have waiting for a recipient; more are refused [6.4].
    malformed_frame
        A frame that is no text or no JSON closes its connection (1003, 1007), or is ignored [6.2].
    max_connection_seconds, idle_seconds, go_away_seconds
        After how long a connection is told to go away, how long it may be silent, and how long it is left after GO_AWAY; the
        quota page says 3,600, 600 and 60, closes after 7,200 were observed [6.5].

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
    displaced_peer: Literal["stays_open", "closed"] = "stays_open"
    lingering_viewer_seconds: float = 0.0
    absent_viewer: Literal["keep", "not_found"] = "keep"
    queued_candidates: Literal["accumulate", "latest"] = "accumulate"
    queued_messages: int = 1000
    malformed_frame: Literal["close", "ignore"] = "close"
    max_connection_seconds: float = 3600.0
    idle_seconds: float = 600.0
    go_away_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a value that no code would read as meant."""
        hints = get_type_hints(type(self))
        for field in fields(self):
            value, hint = getattr(self, field.name), hints[field.name]
            if get_origin(hint) is Literal and value not in get_args(hint):
                choices = ", ".join(map(repr, get_args(hint)))
                raise InvalidInput(f"Assumption {field.name}={value!r}: choose one of {choices}.")
            if hint in (int, float) and value < 0:
                raise InvalidInput(f"Assumption {field.name}={value!r}: give a number that is not negative.")
        if self.default_page_size < 1 or self.max_page_size < 1:
            raise InvalidInput("A page of the list holds at least 1 channel: give page sizes of 1 or more.")
        if self.quota_burst is not None and self.quota_burst < 1:
            raise InvalidInput(f"Assumption quota_burst={self.quota_burst!r}: a burst is at least 1 request.")
