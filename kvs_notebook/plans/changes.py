"""What is wanted of one channel, checked, as the steps of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from kvs_notebook.aws.validation import MAX_TAGS, RESERVED_TAG_PREFIX, is_reserved_tag_key, own_tags
from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.formatting import format_value
from kvs_notebook.plans.known_channels import ALL_KEYS, KnownChannel
from kvs_notebook.plans.steps import (
    DELETE,
    READY,
    REFUSED,
    TAG,
    TTL_COLUMN,
    UNCHANGED,
    UNTAG,
    UPDATE,
    Step,
)

DELETING = "DELETING"
READ_TAGS = "Pass a frame of list_channels(tags=True), or an inventory with tags."


class Change(NamedTuple):
    """What is wanted of one channel that exists.

    Attributes
    ----------
    source
        The row that it comes from.
    message_ttl_seconds
        The wanted TTL, None to leave it.
    tags
        The wanted value by key, None to remove the tag; other tags are left.
    delete
        Whether the channel shall be deleted.
    """

    source: str
    message_ttl_seconds: int | None = None
    tags: Mapping[str, str | None] = MappingProxyType({})
    delete: bool = False


class Refusal(NamedTuple):
    """Why a channel is not changed: the column, and the value that was wanted, if it is about one."""

    reason: str
    action: str | None = None
    column: str | None = None
    before: str | None = None
    after: str | None = None


def plan_change(known: KnownChannel, change: Change, *, allow_managed: bool) -> list[Step]:
    """Return the steps of a change, or why it is refused: if one value is refused, nothing of the channel is sent."""
    refusals = list(_unread(known, change, allow_managed=allow_managed))
    if not refusals:
        steps = list(_steps(known, change))
        if all(step.status == UNCHANGED for step in steps):
            return steps
        refusals = list(_forbidden(known, change, allow_managed=allow_managed))
        if not refusals:
            return steps
    return refuse(known, refusals, change.source)


def refuse(known: KnownChannel, refusals: Iterable[Refusal], source: str) -> list[Step]:
    """Return the refused steps of a channel."""
    identity = (known.arn.account_id, known.arn.region, known.arn.channel_name, known.channel_arn)
    return [
        Step(*identity, action, column, before, after, known.version, REFUSED, reason, source)
        for reason, action, column, before, after in refusals
    ]


# --- steps


def _steps(known: KnownChannel, change: Change) -> Iterator[Step]:
    identity = (known.arn.account_id, known.arn.region, known.arn.channel_name, known.channel_arn)
    for action, column, before, after, is_done in _edits(known, change):
        status = UNCHANGED if is_done else READY
        yield Step(*identity, action, column, before, after, known.version, status, None, change.source)


def _edits(known: KnownChannel, change: Change) -> Iterator[tuple[str, str | None, str | None, str | None, bool]]:
    """Yield the action, column, value before and after of each edit, and whether the channel is as wanted already."""
    if change.delete:
        yield DELETE, None, None, None, known.status == DELETING
    if change.message_ttl_seconds is not None:
        before, after = known.message_ttl_seconds, change.message_ttl_seconds
        yield UPDATE, TTL_COLUMN, str(before), str(after), before == after
    for key, value in change.tags.items():
        old = known.tags.get(key)
        yield UNTAG if value is None else TAG, TAG_PREFIX + key, old, value, old == value


# --- refusals


def _unread(known: KnownChannel, change: Change, *, allow_managed: bool) -> Iterator[Refusal]:
    """Yield what cannot be planned because its present value is not known."""
    if change.message_ttl_seconds is not None and known.message_ttl_seconds is None:
        yield Refusal(
            "Its message_ttl_seconds was not read. Pass a frame of list_channels(tags=True).", UPDATE, TTL_COLUMN
        )
    unread = [key for key in change.tags if key not in known.keys_read]
    if unread:
        named = ", ".join(map(format_value, unread))
        yield Refusal(
            f"Its tag{'s' if len(unread) > 1 else ''} {named} {'were' if len(unread) > 1 else 'was'} not read. {READ_TAGS}",
            TAG,
            TAG_PREFIX + unread[0],
        )
    elif not (allow_managed or known.is_management_known):
        yield Refusal(
            f"Its tags were not read, so that it may be managed by CloudFormation. {READ_TAGS[:-1]}, or allow_managed=True."
        )


def _forbidden(known: KnownChannel, change: Change, *, allow_managed: bool) -> Iterator[Refusal]:
    """Yield what must not be sent although it is valid by itself."""
    if known.status == DELETING:
        yield Refusal("It is DELETING. Plan again when it is gone.")
    if known.managed_by and not allow_managed:
        yield Refusal(f"It is managed by {known.managed_by}. Change it there, or pass allow_managed=True.")
    if change.delete and (change.tags or change.message_ttl_seconds is not None):
        yield Refusal("The row deletes the channel and changes it too. Keep one of the two.", DELETE)
    yield from _forbidden_tags(known, change.tags)


def _forbidden_tags(known: KnownChannel, wanted: Mapping[str, str | None]) -> Iterator[Refusal]:
    added = [key for key, value in wanted.items() if value is not None and key not in known.tags]
    for key, value in wanted.items():
        if is_reserved_tag_key(key) and value != known.tags.get(key):
            yield _refused_tag(
                known, wanted, key, f"Only AWS sets and removes tags whose key starts with {RESERVED_TAG_PREFIX}."
            )
    for key in added:
        twin = next((each for each in known.tags if each not in wanted and each.lower() == key.lower()), None)
        if twin is not None:
            reason = (
                f"Tag key {format_value(key)} differs only in case from its tag {format_value(twin)}. "
                f"Rename or remove that tag in the same plan, or use its key."
            )
            yield _refused_tag(known, wanted, key, reason)
    if added and len(known.tags) + len(added) > MAX_TAGS and known.keys_read is ALL_KEYS:
        left = {key for key in own_tags(known.tags) if wanted.get(key, "") is not None}
        count = len(left) + len(added)
        if count > MAX_TAGS:
            yield _refused_tag(known, wanted, added[0], f"It would have too many tags: {count} (maximum {MAX_TAGS}).")


def _refused_tag(known: KnownChannel, wanted: Mapping[str, str | None], key: str, reason: str) -> Refusal:
    action = UNTAG if wanted[key] is None else TAG
    return Refusal(reason, action, TAG_PREFIX + key, known.tags.get(key), wanted[key])
