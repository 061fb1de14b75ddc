"""Plans of one change to each channel of a frame: set, rename and remove tags, set the message TTL, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kvs_notebook.arguments import check_texts
from kvs_notebook.aws.validation import check_message_ttl, check_tags
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.changes import Change, Refusal, plan_change, refuse
from kvs_notebook.plans.known_channels import ChannelsToPlan, KnownChannel, KnownChannels
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.steps import REFUSED, TAG, Step

LABEL = "channels"


def tag(
    channels: ChannelsToPlan,
    tags: Mapping[str, str] | None = None,
    *,
    rename: Mapping[str, str] | None = None,
    remove: Iterable[str] = (),
    allow_managed: bool = False,
) -> Plan:
    """Plan to set, rename and remove tags of each channel of a frame.

    Parameters
    ----------
    channels
        A channels frame with all its tags, as list_channels(tags=True) returns
        it, or an Inventory.
    tags
        The tags to set, as a mapping of key to value.
    rename
        The keys to rename, as a mapping of old key to new key; channels
        without the old key are not changed.
    remove
        The keys to remove.
    allow_managed
        Also plan channels that CloudFormation or Terraform manages, by their
        tags or a column ``managed_by``.

    Returns
    -------
    Plan
        The steps; a channel whose tags were not read, that is managed, that
        would have more than 50 tags, or keys that differ only in case, is
        refused.

    Raises
    ------
    InvalidInput
        If nothing is asked for, a key or a value is not one that the service
        accepts, one key is asked for twice, or the frame is not one of
        channels.

    Notes
    -----
    Spends no API call: the frame is what is known of the channels.
    apply_plan() looks at each channel just before it changes it.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq", "owner": "ops"})
    >>> plan = kvs.plans.tag(kvs.list_channels(tags=True), {"Site": "annex"}, rename={"owner": "Owner"})
    >>> plan.steps[["channel_name", "action", "column", "before", "after"]]
      channel_name action     column before  after
    0   front-door    tag  tag:Owner    NaN    ops
    1   front-door    tag   tag:Site     hq  annex
    2   front-door  untag  tag:owner    ops    NaN
    """
    wanted = _check_tag_arguments(tags, rename, remove)
    renamed = dict(rename or {})

    def change(known: KnownChannel, source: str) -> Change:
        return Change(source, tags={**wanted, **_renamed_tags(known, renamed)})

    return _plan_each(channels, change, "plans.tag()", allow_managed=allow_managed)


def set_message_ttl(channels: ChannelsToPlan, message_ttl_seconds: int, *, allow_managed: bool = False) -> Plan:
    """Plan to set the message TTL of each channel of a frame.

    Parameters
    ----------
    channels
        A channels frame with all its tags, as list_channels(tags=True) returns
        it, or an Inventory.
    message_ttl_seconds
        Seconds, 5 to 120.
    allow_managed
        Also plan channels that CloudFormation or Terraform manages, by their
        tags or a column ``managed_by``, or of which it is not known because
        their tags were not read.

    Returns
    -------
    Plan
        The steps; a channel that has the TTL already is unchanged.

    Raises
    ------
    InvalidInput
        If the TTL is out of range, or the frame is not one of channels.

    Notes
    -----
    Spends no API call: the frame is what is known of the channels.
    apply_plan() looks at each channel just before it changes it.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door")
    >>> plan = kvs.plans.set_message_ttl(kvs.list_channels(tags=True), 90)
    >>> plan.steps[["channel_name", "action", "before", "after", "status"]]
      channel_name  action before after status
    0   front-door  update     60    90  ready
    """
    wanted = check_message_ttl(message_ttl_seconds)
    return _plan_each(
        channels,
        lambda _known, source: Change(source, message_ttl_seconds=wanted),
        "plans.set_message_ttl()",
        allow_managed=allow_managed,
    )


def delete(channels: ChannelsToPlan, *, allow_managed: bool = False) -> Plan:
    """Plan to delete each channel of a frame.

    Parameters
    ----------
    channels
        A channels frame with all its tags, as list_channels(tags=True) returns
        it, or an Inventory; only the rows to delete.
    allow_managed
        Also plan channels that CloudFormation or Terraform manages, by their
        tags or a column ``managed_by``, or of which it is not known because
        their tags were not read.

    Returns
    -------
    Plan
        The steps; a channel that is DELETING already is unchanged.

    Raises
    ------
    InvalidInput
        If the frame is not one of channels.

    Notes
    -----
    Spends no API call: the frame is what is known of the channels.
    apply_plan() looks at each channel just before it deletes it.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> for name in ("front-door", "test-1", "test-2"):
    ...     _ = kvs.create_channel(name)
    >>> kvs.plans.delete(kvs.list_channels("test-", tags=True)).confirmation
    'delete 2 in 111122223333 us-east-1'
    """
    return _plan_each(
        channels,
        lambda _known, source: Change(source, delete=True),
        "plans.delete()",
        allow_managed=allow_managed,
    )


def _plan_each(
    channels: ChannelsToPlan, change: Callable[[KnownChannel, str], Change], source: str, *, allow_managed: bool
) -> Plan:
    known = KnownChannels(channels, LABEL)
    steps: list[Step] = []
    for position in known:
        try:
            channel = known.at(position)
        except InvalidInput as error:
            steps.append(_refuse_row(known, position, str(error), f"{LABEL}.iloc[{position}]"))
            continue
        label = f"{channel.arn.channel_name} ({channel.arn.account_id} {channel.arn.region})"
        try:
            steps += plan_change(channel, change(channel, label), allow_managed=allow_managed)
        except InvalidInput as error:
            steps += refuse(channel, [Refusal(str(error), TAG)], label)
    return Plan(steps, source=source, account_names=known.account_names)


def _refuse_row(known: KnownChannels, position: int, reason: str, source: str) -> Step:
    """Return the refused step of a row that names no channel."""
    account_id, region, name, arn = (
        None if value is None else str(value)
        for value in (
            known.column(column)[position] for column in ("account_id", "region", "channel_name", "channel_arn")
        )
    )
    return Step(account_id, region, name, arn, None, status=REFUSED, reason=reason, source=source)


# --- tags


def _check_tag_arguments(
    tags: Mapping[str, str] | None, rename: Mapping[str, str] | None, remove: Iterable[str]
) -> dict[str, str | None]:
    """Return the wanted value by key, None for those to remove; raise InvalidInput if arguments are not valid."""
    if rename is not None and not isinstance(rename, Mapping):
        raise InvalidInput(
            f"rename={format_value(rename)} is not a mapping. Pass old and new keys, such as {{'owner': 'Owner'}}."
        )
    wanted: dict[str, str | None] = dict(check_tags({} if tags is None else tags, allow_none=True))
    removed = check_texts("remove", remove, "['Owner']")
    renamed = dict(rename or {})
    keys = [*wanted, *removed, *renamed, *renamed.values()]
    if not keys:
        raise InvalidInput("Nothing to plan. Pass tags to set, rename= or remove=.")
    check_tags(dict.fromkeys([*removed, *renamed, *renamed.values()], ""), allow_none=True)
    repeated = [key for at, key in enumerate(keys) if key in keys[:at]]
    if repeated:
        raise InvalidInput(
            f"Tag key {format_value(repeated[0])} is asked for twice. Name each key once in tags, rename and remove."
        )
    return {**wanted, **dict.fromkeys(removed)}


def _renamed_tags(known: KnownChannel, rename: Mapping[str, str]) -> dict[str, str | None]:
    """Return the wanted values of old and new keys; raise InvalidInput if the new key has another value."""
    wanted: dict[str, str | None] = {}
    for old, new in rename.items():
        value = known.tags.get(old)
        if old not in known.keys_read or value is None:
            wanted[old] = None
            continue
        if known.tags.get(new, value) != value:
            raise InvalidInput(
                f"Its tag {format_value(new)} is {format_value(known.tags[new])} already, and {format_value(old)} is "
                f"{format_value(value)}. Remove one of the two first."
            )
        wanted |= {new: value, old: None}
    return wanted
