"""The nine channel operations: what each changes in the store, returns and rejects.

Numbers in brackets are sections of the service's contract. ``assumptions`` decide what the contract leaves open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kvs_notebook.aws.validation import MAX_TAGS, RESERVED_TAG_PREFIX, is_reserved_tag_key, own_tags
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.backend import page_tokens
from kvs_notebook.sandbox.backend.context import (
    Call,
    Caller,
    ServiceContext,
    access_denied,
    milliseconds,
    not_found,
    not_now,
)
from kvs_notebook.sandbox.backend.store import Channel
from kvs_notebook.sandbox.backend.validation import ServiceError, constraint_errors, invalid_argument, validate

DEFAULT_TTL = 60
"""Seconds, if a create names none [1.1, sure]."""

LONGEST_NAME = 256
"""Characters of a channel's name [1.1, sure]."""

Reply = dict[str, Any]


def perform(service: ServiceContext, caller: Caller, operation: str, request: Mapping[str, Any]) -> Reply:
    """Perform one of the nine operations; return its reply as JSON values, times in epoch seconds.

    Validates the request against the model first. Moves the lifecycle clock by one request, also if the request is rejected.

    Raises
    ------
    ServiceError
        If the service would reject the request; nothing was changed.
    """
    service.clock.tick()
    call = Call(service, caller, operation, request)
    if operation == "CreateSignalingChannel" and service.assumptions.too_many_tags_on_create == "tags_exceeded":
        tags = request.get("Tags")
        if isinstance(tags, list) and len(tags) > MAX_TAGS:
            raise _too_many_tags(len(tags))
    with constraint_errors(service.assumptions):
        validate(operation, request)
    return _OPERATIONS[operation](call)


def channel_of(operation: str, request: object) -> str | None:
    """Return the name of the channel that a request names, for per-channel quotas and the request log; None if it names none.

    Accepts any request, valid or not. A name that is longer than one can be is cut, because the log and the quotas keep it.
    """
    if operation == "ListSignalingChannels" or not isinstance(request, dict):
        return None
    arn = request.get("ChannelARN") or request.get("ResourceARN")
    if isinstance(arn, str):
        parts = arn.split("/")
        name = parts[1] if len(parts) == 3 else None  # noqa: PLR2004 - channel/NAME/NUMBER
    else:
        name = request.get("ChannelName")
    if not isinstance(name, str):
        return None
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}..."
    return name.encode(errors="replace").decode()  # JSON allows lone surrogates


# --- operations


def _create(call: Call) -> Reply:
    """[1.1]."""
    store, assumed = call.store, call.assumptions
    account_id, region, name = call.caller.account_id, call.caller.region, call.request["ChannelName"]
    channel_type = call.request.get("ChannelType") or "SINGLE_MASTER"
    if channel_type == "FULL_MESH" and assumed.full_mesh == "refuse":
        raise invalid_argument("ChannelType FULL_MESH is not supported.")
    tags = _tags_of(call)
    now_ms = call.service.now_ms
    call.service.purge()
    namesake = store.find(account_id, region, name)
    if namesake is not None:
        if call.status(namesake, now_ms) is not None:
            raise ServiceError("ResourceInUseException", assumed.name_taken_text.replace("{name}", name))
        store.remove(namesake)
    if call.service.channel_quota is not None:
        most = call.service.channel_quota(region)
        if store.count(account_id, region) >= most:
            raise ServiceError(
                "AccountChannelLimitExceededException", f"The account has {most} channels in {region}, its limit."
            )
    ttl = call.inner("SingleMasterConfiguration", "MessageTtlSeconds") or DEFAULT_TTL
    created_ms = store.creation_ms(account_id, region, name, now_ms)
    channel = Channel(account_id, region, name, channel_type, ttl, version="", created_ms=created_ms)
    store.add(channel._replace(version=call.service.versions.next(channel.arn, None)), tags)
    return {"ChannelARN": channel.arn}


def _describe(call: Call) -> Reply:
    """[1.2]."""
    name, arn = call.request.get("ChannelName"), call.request.get("ChannelARN")
    assumed = call.assumptions
    if name is None and arn is None:
        if assumed.describe_without_channel == "not_found":
            raise not_found()
        raise invalid_argument("Neither ChannelName nor ChannelARN was given. Expected one of them.")
    if arn is not None:
        if name is not None and assumed.name_and_arn == "refuse":
            raise invalid_argument("Both ChannelName and ChannelARN were given. Expected one of them.")
        channel: Channel | None = call.by_arn(arn)
        if name is not None and channel is not None and name != channel.name and assumed.name_and_arn == "must_agree":
            raise invalid_argument(
                f"ChannelName {format_value(name)} and ChannelARN {format_value(arn)} name different channels."
            )
    else:
        channel = call.store.find(call.caller.account_id, call.caller.region, name or "")
    info = None if channel is None else _info(call, channel, call.seen_ms())
    if info is None:
        raise not_found()
    return {"ChannelInfo": info}


def _list(call: Call) -> Reply:
    """[1.3]."""
    assumed, caller = call.assumptions, call.caller
    limit = min(call.request.get("MaxResults") or assumed.default_page_size, assumed.max_page_size)
    prefix = call.inner("ChannelNameCondition", "ComparisonValue") or ""
    scope = f"{caller.account_id} {caller.region} {prefix} {assumed.prefix_case} {assumed.list_order}"
    after = _continue_after(call, scope)
    if assumed.empty_first_page and after is None:
        return {"ChannelInfoList": [], "NextToken": page_tokens.encode_token("", call.store.root_secret, scope)}
    seen_ms = call.seen_ms()
    gone_ms = seen_ms - milliseconds(assumed.deleting_seconds)
    call.store.purge(gone_ms)
    found = call.store.page(
        caller.account_id,
        caller.region,
        limit=limit + 1,
        prefix=prefix,
        ignore_case=assumed.prefix_case == "insensitive",
        shuffled=assumed.list_order == "shuffled",
        after=after,
        at_ms=seen_ms if assumed.stale_seconds else None,
        gone_ms=gone_ms,
    )
    infos = [_info(call, channel, seen_ms) for channel in found[:limit]]
    more = len(found) > limit
    token = page_tokens.encode_token(found[limit - 1].name, call.store.root_secret, scope) if more else None
    return {"ChannelInfoList": infos, "NextToken": token}


def _update(call: Call) -> Reply:
    """[1.4]."""
    ttl = call.inner("SingleMasterConfiguration", "MessageTtlSeconds")
    if ttl is None and call.assumptions.update_without_ttl == "refuse":
        raise invalid_argument("SingleMasterConfiguration.MessageTtlSeconds is required for a SINGLE_MASTER channel.")
    channel, status = call.existing(call.request["ChannelARN"])
    _check_version(call, channel)
    if status != "ACTIVE":
        raise not_now(call.assumptions.busy_update, channel, status)
    if ttl is None or (ttl == channel.ttl and call.assumptions.same_ttl_update == "no_change"):
        return {}
    call.store.update(channel, ttl=ttl, version=call.new_version(channel), at_ms=call.service.now_ms)
    return {}


def _delete(call: Call) -> Reply:
    """[1.5]."""
    channel, status = call.existing(call.request["ChannelARN"])
    _check_version(call, channel)
    if status != "ACTIVE":
        raise not_now(call.assumptions.second_delete if status == "DELETING" else "in_use", channel, status)
    call.store.delete(channel, at_ms=call.service.now_ms)
    return {}


def _endpoint(call: Call) -> Reply:
    """[1.6]."""
    configuration = "SingleMasterChannelEndpointConfiguration"
    role = call.inner(configuration, "Role")
    if role is None and call.assumptions.endpoint_without_role == "refuse":
        raise invalid_argument(f"{configuration}.Role is required: MASTER or VIEWER.")
    protocols = call.inner(configuration, "Protocols") or call.assumptions.endpoint_protocols
    if "WEBRTC" in protocols:
        raise invalid_argument("Protocol WEBRTC requires a channel with media storage; this one has none.")
    call.usable(call.request["ChannelARN"])
    address = call.service.data_plane()
    endpoints = {"HTTPS": f"https://{address}", "WSS": f"wss://{address}/{'m' if role == 'MASTER' else 'v'}"}
    # HTTPS comes first in any case, as observed of the service [1.6].
    return {
        "ResourceEndpointList": [
            {"Protocol": protocol, "ResourceEndpoint": endpoint}
            for protocol, endpoint in endpoints.items()
            if protocol in protocols
        ]
    }


def _tag(call: Call) -> Reply:
    """[1.7]."""
    tags = _tags_of(call)
    channel = call.usable(call.request["ResourceARN"])
    total = len(own_tags(call.store.tags(channel)).keys() | tags.keys())
    if total > MAX_TAGS:
        raise _too_many_tags(total)
    call.store.put_tags(channel, tags)
    return _tagged(call, channel)


def _untag(call: Call) -> Reply:
    """[1.8]."""
    for key in call.request["TagKeyList"]:
        _refuse_reserved(call, key)
    channel = call.usable(call.request["ResourceARN"])
    call.store.remove_tags(channel, call.request["TagKeyList"])
    return _tagged(call, channel)


def _list_tags(call: Call) -> Reply:
    """[1.9]."""
    _continue_after(call, "tags")  # 50 tags fit on one page, so that no token is valid
    channel, _ = call.existing(call.request["ResourceARN"])
    tags = call.store.tags(channel)
    if tags or call.assumptions.empty_tags == "map":
        return {"Tags": tags, "NextToken": None}
    return {"NextToken": None} | ({"Tags": None} if call.assumptions.empty_tags == "null" else {})


_OPERATIONS: Mapping[str, Callable[[Call], Reply]] = {
    "CreateSignalingChannel": _create,
    "DescribeSignalingChannel": _describe,
    "ListSignalingChannels": _list,
    "UpdateSignalingChannel": _update,
    "DeleteSignalingChannel": _delete,
    "GetSignalingChannelEndpoint": _endpoint,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": _list_tags,
}


# --- helpers


def _info(call: Call, channel: Channel, seen_ms: int) -> Reply | None:
    """Return a ChannelInfo as of a time, with explicit nulls; None if the channel is not visible then."""
    status = call.status(channel, seen_ms)
    if status is None or (call.assumptions.stale_seconds and channel.created_ms > seen_ms):
        return None
    unseen_update = channel.updated_ms is not None and channel.updated_ms > seen_ms
    ttl = channel.ttl_before if unseen_update else channel.ttl
    full_mesh = channel.channel_type == "FULL_MESH"
    return {
        "ChannelName": channel.name,
        "ChannelARN": channel.arn,
        "ChannelType": channel.channel_type,
        "ChannelStatus": status,
        "CreationTime": channel.created_ms / 1000,
        "SingleMasterConfiguration": None if full_mesh else {"MessageTtlSeconds": ttl},
        "FullMeshConfiguration": None,  # observed of the service, although its public model has no such member [0]
        "Version": channel.version_before if unseen_update else channel.version,
    }


def _check_version(call: Call, channel: Channel) -> None:
    wanted = call.request.get("CurrentVersion")
    if wanted is not None and wanted != channel.version:
        raise ServiceError(
            "VersionMismatchException", f"Version {wanted} is not the current version of channel {channel.name}."
        )


def _tags_of(call: Call) -> dict[str, str]:
    """Return the tags of a request; check their keys for what the model does not state [1.7]."""
    tags: dict[str, str] = {}
    for tag in call.request.get("Tags") or ():
        key = tag["Key"]
        _refuse_reserved(call, key)
        if key in tags and call.assumptions.duplicate_tag_keys == "refuse":
            raise invalid_argument(f"Tag key {format_value(key)} is given more than once.")
        tags[key] = tag["Value"]
    return tags


def _refuse_reserved(call: Call, key: str) -> None:
    if not is_reserved_tag_key(key):
        return
    if call.assumptions.reserved_tag_key == "access_denied":
        raise access_denied(call.caller, call.operation, call.request)
    raise invalid_argument(f"Tag key {format_value(key)}: the prefix {RESERVED_TAG_PREFIX} is reserved.")


def _tagged(call: Call, channel: Channel) -> Reply:
    if call.assumptions.tagging_changes_version:
        call.store.set_version(channel, call.new_version(channel))
    return {}


def _too_many_tags(number: int) -> ServiceError:
    return ServiceError(
        "TagsPerResourceExceededLimitException", f"Too many tags: the channel would have {number} (maximum {MAX_TAGS})."
    )


def _continue_after(call: Call, scope: str) -> str | None:
    """Return the name after which the request's page continues; None for the first page [1.3]."""
    token = call.request.get("NextToken")
    if not token:
        return None
    name = page_tokens.decode_token(token, call.store.root_secret, scope)
    if name is None and call.assumptions.malformed_token == "refuse":  # noqa: S105 - a page token is no password
        raise invalid_argument(f"NextToken {format_value(token)} was not issued by this list.")
    return name
