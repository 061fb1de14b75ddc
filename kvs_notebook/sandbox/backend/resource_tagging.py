"""Resource Groups Tagging API, as far as it finds channels: GetResources [5]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvs_notebook.aws.botocore_data import load_model
from kvs_notebook.sandbox.backend import page_tokens
from kvs_notebook.sandbox.backend.context import Caller, ServiceContext, milliseconds
from kvs_notebook.sandbox.backend.store import Channel
from kvs_notebook.sandbox.backend.validation import ServiceError, input_validator

MODEL = load_model("resourcegroupstaggingapi")
CHANNELS = frozenset({"kinesisvideo", "kinesisvideo:channel"})
LONGEST_PAGE = 100

_VALIDATE = input_validator(MODEL, "GetResources")


def get_resources(service: ServiceContext, caller: Caller, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of channels with their tags; channels that never had a tag are left out.

    Raises
    ------
    ServiceError
        InvalidParameterException.
    """
    try:
        _VALIDATE(request, "")
    except ServiceError as error:
        raise ServiceError("InvalidParameterException", error.message) from error
    wanted = request.get("ResourceTypeFilters") or CHANNELS
    limit = request.get("ResourcesPerPage") or LONGEST_PAGE
    if not 1 <= limit <= LONGEST_PAGE:
        raise ServiceError("InvalidParameterException", f"ResourcesPerPage must be 1 to {LONGEST_PAGE}.")
    scope = f"resources {caller.account_id} {caller.region}"
    found: list[Channel] = []
    if CHANNELS & set(wanted) and service.assumptions.tagging_api == "finds_channels":
        gone_ms = service.now_ms - milliseconds(service.assumptions.deleting_seconds)
        found = service.store.tagged_page(
            caller.account_id, caller.region, limit=limit + 1, after=_after(service, request, scope), gone_ms=gone_ms
        )
    filters = request.get("TagFilters") or []
    mappings = [(channel, service.store.tags(channel)) for channel in found[:limit]]
    more = len(found) > limit
    return {
        "PaginationToken": page_tokens.encode_token(found[limit - 1].name, service.store.root_secret, scope)
        if more
        else "",
        "ResourceTagMappingList": [
            {"ResourceARN": channel.arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            for channel, tags in mappings
            if all(_matches(tags, each) for each in filters)
        ],
    }


def _matches(tags: Mapping[str, str], tag_filter: Mapping[str, Any]) -> bool:
    key, values = tag_filter["Key"], tag_filter.get("Values") or []
    return key in tags and (not values or tags[key] in values)


def _after(service: ServiceContext, request: Mapping[str, Any], scope: str) -> str:
    token = request.get("PaginationToken")
    if not token:
        return ""
    name = page_tokens.decode_token(token, service.store.root_secret, scope)
    if name is None:
        raise ServiceError("InvalidParameterException", "The PaginationToken was not issued by this operation.")
    return name
