"""Check that a reply has the form of its operation, and is about the account, region and channel that were asked for.

botocore's parser raises a Python error for a member of another type, and accepts a reply without members: the result would be
a row of missing values, or a change of another channel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from kvs_notebook.aws.operation_names import MUTATING, Operation
from kvs_notebook.errors import ServiceFault
from kvs_notebook.formatting import format_value
from kvs_notebook.secret import Secret

if TYPE_CHECKING:
    from botocore.model import Shape

Members = Mapping[str, Any]

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "CreateSignalingChannelOutput": ("ChannelARN",),
    "DescribeSignalingChannelOutput": ("ChannelInfo",),
    "ChannelInfo": ("ChannelARN", "ChannelName", "ChannelType", "ChannelStatus", "CreationTime", "Version"),
    "GetSignalingChannelEndpointOutput": ("ResourceEndpointList",),
    "ResourceEndpointListItem": ("Protocol", "ResourceEndpoint"),
    "GetIceServerConfigResponse": ("IceServerList",),
    "IceServer": ("Uris", "Username", "Password", "Ttl"),
    "ResourceTagMapping": ("ResourceARN",),
    "Tag": ("Key", "Value"),
    "Region": ("RegionName", "RegionOptStatus"),
}
"""The members that each structure must have; the models declare all of them optional.

Only the value of a tag may be empty.
ListSignalingChannels, ListTagsForResource and GetResources may leave their list out if it is empty.
"""

LATEST_TIME = 253_402_300_800
"""The end of the year 9999 in epoch seconds, after which neither Python nor a spreadsheet has a date."""

LARGEST_INTEGER = 2**63 - 1

_TEXT_MEMBERS = tuple(member for member in REQUIRED["ChannelInfo"] if member != "CreationTime")


class Malformed(Exception):
    """A reply does not have the form of its operation; the text completes "the reply"."""


def malformed_reply(operation: str, what: object) -> ServiceFault:
    """Return the error for a reply that cannot be used; ``what`` completes "the reply"."""
    error = ServiceFault(
        f"{operation} failed: the reply {what}. Call again; if it fails again, check whether a proxy or another program "
        "answers in place of AWS.",
        operation=operation,
    )
    error.maybe_applied = operation in MUTATING
    return error


# --- the form, before botocore parses the JSON


def check_form(shape: Shape, value: object, path: str = "") -> None:
    """Raise Malformed if a JSON value is not what a shape of botocore's model allows; null is an absent member."""
    if value is None:
        return
    check = _FORMS.get(shape.type_name)
    if check is not None:
        check(shape, value, path or "as a whole")


def _check_structure(shape: Any, value: object, path: str) -> None:
    members = _typed(value, dict, path)
    for name in REQUIRED.get(shape.name, ()):
        if members.get(name) is None or (members[name] == "" and name != "Value"):
            raise Malformed(f"has no {name}")
    for name, member in shape.members.items():
        check_form(member, members.get(name), name)


def _check_list(shape: Any, value: object, path: str) -> None:
    for item in _typed(value, list, path):
        if item is None:
            raise Malformed(f"has null in {path}")
        check_form(shape.member, item, path)


def _check_map(shape: Any, value: object, path: str) -> None:
    for item in _typed(value, dict, path).values():
        if item is None:
            raise Malformed(f"has null in {path}")
        check_form(shape.value, item, path)


def _check_text(_: Any, value: object, path: str) -> None:
    _typed(value, str, path)


def _check_boolean(_: Any, value: object, path: str) -> None:
    _typed(value, bool, path)


def _check_integer(_: Any, value: object, path: str) -> None:
    if abs(_typed(value, int, path)) > LARGEST_INTEGER:
        raise Malformed(f"has a number out of range in {path}")


def _check_time(_: Any, value: object, path: str) -> None:
    number = value if type(value) is float else _typed(value, int, path)
    if not 0 <= number < LATEST_TIME:
        raise Malformed(f"has a time out of range in {path}: {number:g} s")


_FORMS: Mapping[str, Callable[[Any, object, str], None]] = {
    "structure": _check_structure,
    "list": _check_list,
    "map": _check_map,
    "string": _check_text,
    "boolean": _check_boolean,
    "integer": _check_integer,
    "long": _check_integer,
    "timestamp": _check_time,
}


def _typed(value: object, kind: type, path: str) -> Any:
    if type(value) is not kind:
        raise Malformed(f"has a {type(value).__name__} in {path}, not a {kind.__name__}")
    return value


def check_channel_page(page: object) -> dict[str, Any]:
    """Return a page of ListSignalingChannels as JSON has it; raise Malformed if it does not have that form.

    It checks what :func:`check_form` does, by column: a page has up to 1,000 channels.
    """
    members: dict[str, Any] = _typed(page, dict, "as a whole")
    infos = _list_member(members, "ChannelInfoList")
    _check_types(infos, {dict}, "ChannelInfoList")
    _check_types([members.get("NextToken")], {str, type(None)}, "NextToken")
    for member in _TEXT_MEMBERS:
        values = _column(infos, member)
        _check_types(values, {str}, member)
        if "" in values:
            raise Malformed(f"has no {member}")
    times = _column(infos, "CreationTime")
    _check_types(times, {int, float}, "CreationTime")
    if times and not 0 <= min(times) <= max(times) < LATEST_TIME:
        raise Malformed("has a time out of range in CreationTime")
    settings = _optional_column(infos, "SingleMasterConfiguration")
    _check_types(settings, {dict, type(None)}, "SingleMasterConfiguration")
    ttls = _optional_column([each for each in settings if each], "MessageTtlSeconds")
    _check_types(ttls, {int, type(None)}, "MessageTtlSeconds")
    if any(ttl and abs(ttl) > LARGEST_INTEGER for ttl in set(ttls)):
        raise Malformed("has a number out of range in MessageTtlSeconds")
    return members


def check_resource_page(page: object) -> dict[str, Any]:
    """Return a page of GetResources as JSON has it; raise Malformed if it does not have that form.

    It checks by column what is read of it: a page has up to 100 resources of 50 tags.
    """
    members: dict[str, Any] = _typed(page, dict, "as a whole")
    _check_types([members.get("PaginationToken")], {str, type(None)}, "PaginationToken")
    resources = _list_member(members, "ResourceTagMappingList")
    _check_types(resources, {dict}, "ResourceTagMappingList")
    tag_lists = [each.get("Tags") for each in resources]
    _check_types(tag_lists, {list, type(None)}, "Tags")
    tags = [tag for each in tag_lists if each for tag in each]
    _check_types(tags, {dict}, "Tags")
    for structures, member in ((resources, "ResourceARN"), (tags, "Key"), (tags, "Value")):
        values = _column(structures, member)
        _check_types(values, {str}, member)
        if "" in values and member != "Value":
            raise Malformed(f"has no {member}")
    return members


def _list_member(members: Members, name: str) -> list[Any]:
    """Return a list, which may be absent or null; an empty text or object in its place is not an empty list."""
    value = members.get(name)
    return [] if value is None else list(_typed(value, list, name))


def _column(structures: Sequence[Members], member: str) -> list[Any]:
    try:
        return list(map(itemgetter(member), structures))
    except KeyError as error:
        raise Malformed(f"has no {member}") from error


def _optional_column(structures: Sequence[Members], member: str) -> list[Any]:
    try:
        return _column(structures, member)
    except Malformed:
        return [each.get(member) for each in structures]


def _check_types(values: Sequence[Any], allowed: set[type], path: str) -> None:
    others = set(map(type, values)) - allowed
    if others:
        raise Malformed(f"has a {others.pop().__name__} in {path}")


# --- the subject, after botocore has parsed the JSON


class Subject(NamedTuple):
    """The account and region of a connection; the account is None if it is not known yet."""

    account_id: str | None
    region: str


def check_subject(operation: Operation, params: Members, reply: Members, subject: Subject) -> None:
    """Raise ServiceFault if a reply is about another account, region or channel than ``subject`` and ``params`` name."""
    try:
        if operation == "ListSignalingChannels":
            infos = reply.get("ChannelInfoList") or ()
            _check_arns(_column(infos, "ChannelARN"), _column(infos, "ChannelName"), subject)
        elif operation == "DescribeSignalingChannel":
            info = reply.get("ChannelInfo") or {}
            _check_channel(info.get("ChannelARN"), info.get("ChannelName"), params, subject)
        elif operation == "CreateSignalingChannel":
            _check_channel(reply.get("ChannelARN"), params["ChannelName"], params, subject)
        elif operation == "GetResources":
            _check_resources(reply.get("ResourceTagMappingList") or (), subject)
        elif operation == "GetCallerIdentity":
            _check_identity(reply, subject)
    except Malformed as error:
        raise malformed_reply(operation, error) from None


def hide_secrets(operation: Operation, reply: dict[str, Any]) -> dict[str, Any]:
    """Return a reply whose user names and passwords of TURN servers are Secret."""
    if operation != "GetIceServerConfig":
        return reply
    servers = [
        {**server, **{member: Secret(server[member]) for member in ("Username", "Password")}}
        for server in reply["IceServerList"]
    ]
    return {**reply, "IceServerList": servers}


def _check_channel(arn: object, name: object, params: Members, subject: Subject) -> None:
    _check_arns([arn], [name], subject)
    asked = params.get("ChannelName") or str(params["ChannelARN"]).split("/")[1]
    if name != asked:
        raise Malformed(f"is about channel {format_value(name)}, not {format_value(asked)}")


_ARNS_OF_ONE_PLACE = re.compile(
    r"(arn:aws[a-z-]*:kinesisvideo:([^:/\n]+):([^:/\n]+):channel/)[a-zA-Z0-9_.-]{1,256}/[0-9]{1,20}\n"
    r"(?:\1[a-zA-Z0-9_.-]{1,256}/[0-9]{1,20}\n)*"
)
"""ARNs, one a line, that begin as the first does; a pattern for each account and region would cost as much as a call."""


def _check_arns(arns: Sequence[Any], names: Sequence[Any], subject: Subject) -> None:
    """Check that the ARNs are those of channels with these names in one account and region."""
    if not arns:
        return
    try:
        found = _ARNS_OF_ONE_PLACE.fullmatch("\n".join(arns) + "\n")
        is_of_subject = found and found[2] == subject.region and found[3] == (subject.account_id or found[3])
        if found and is_of_subject and _have_names(arns, found[1], names):
            return
    except (AttributeError, TypeError, IndexError):  # of plain botocore, which does not check the types of scalars
        pass
    raise Malformed(next(_differences(arns, names, subject), "is about channels of several accounts or partitions"))


def _have_names(arns: Sequence[str], prefix: str, names: Sequence[str]) -> bool:
    """Return whether each ARN, all of which begin with a prefix, has the name that is beside it."""
    return all(map(str.startswith, arns, [f"{prefix}{name}/" for name in names]))


def _differences(arns: Sequence[Any], names: Sequence[Any], subject: Subject) -> Iterator[str]:
    """Yield what is wrong with each ARN that is not of the subject, or not of its channel."""
    form = re.compile(
        r"arn:aws[a-z-]*:kinesisvideo:([a-z0-9-]+):([0-9]{12}):channel/([a-zA-Z0-9_.-]{1,256})/[0-9]{1,20}"
    )
    for arn, name in zip(arns, names, strict=True):
        found = form.fullmatch(arn) if isinstance(arn, str) else None
        if found is None:
            yield f"has {format_value(arn)} for the ARN of channel {format_value(name)}"
            continue
        region, account_id, own_name = found.groups()
        if region != subject.region or account_id != (subject.account_id or account_id):
            place = f"account {subject.account_id}, {subject.region}" if subject.account_id else subject.region
            yield f"is about a channel of account {account_id}, {region}, not of {place}"
        elif own_name != name:
            yield f"has the ARN of channel {format_value(own_name)} for channel {format_value(name)}"


def _check_resources(resources: Sequence[Members], subject: Subject) -> None:
    for resource in resources:
        arn = resource["ResourceARN"]
        place = arn.split(":", 5)[3:5]
        if len(place) != 2 or place[0] != subject.region or place[1] != (subject.account_id or place[1]):  # noqa: PLR2004
            raise Malformed(f"is about {format_value(arn)}, which is not in this account and region")


def _check_identity(reply: Members, subject: Subject) -> None:
    account_id, arn, user_id = (reply.get(member) for member in ("Account", "Arn", "UserId"))
    if not (isinstance(account_id, str) and isinstance(arn, str) and isinstance(user_id, str) and user_id):
        raise Malformed("has no account, ARN and user id")
    # Its form is checked when it becomes part of a path (snapshots): an emulator may use other ids than 12 digits.
    if not account_id or arn.split(":")[4:5] != [account_id]:
        raise Malformed(f"has {format_value(arn)} for the identity of account {format_value(account_id)}")
    if subject.account_id is not None and account_id != subject.account_id:
        raise Malformed(f"is about account {account_id}, not {subject.account_id}")
