"""The service that a request meets: its state, who calls, and the channel that the call is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kvs_notebook.aws.quotas import QUOTAS, SIGNALING_QUOTAS, channel_quota
from kvs_notebook.aws.regions import partition_of
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.store import Channel, Store
from kvs_notebook.sandbox.backend.validation import ServiceError, invalid_argument
from kvs_notebook.sandbox.clock import Clock, Ids

USER = "kvs-notebook-sandbox"
"""The user whose name is in every identity of the sandbox."""

ACTIONS: Mapping[str, str] = {
    **{operation: f"kinesisvideo:{operation}" for operation in (*QUOTAS, *SIGNALING_QUOTAS)},
    "AssumeRole": "sts:AssumeRole",
    "GetResources": "tag:GetResources",
    "ListRegions": "account:ListRegions",
}
"""The IAM action that each operation asks for."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an account, by one of its access keys, in one region."""

    account_id: str
    region: str
    access_key_id: str
    role_session: str | None = None

    @property
    def principal_arn(self) -> str:
        """The ARN of the user that the access key belongs to, or of the role's session that it stands for."""
        partition = partition_of(self.region)
        if self.role_session is not None:
            return f"arn:{partition}:sts::{self.account_id}:assumed-role/{self.role_session}"
        return f"arn:{partition}:iam::{self.account_id}:user/{USER}"


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What the operations work on.

    Attributes
    ----------
    store, clock, ids, assumptions
        Where channels are kept, lifecycle time, new versions, and what is assumed.
    data_plane
        Gives ``"127.0.0.1:PORT"`` of the TLS port, opening it where it is not open yet.
    channel_quota
        Gives the number of channels that an account may have in a region; None admits any number.
    """

    store: Store
    clock: Clock
    ids: Ids
    assumptions: Assumptions
    data_plane: Callable[[], str]
    channel_quota: Callable[[str], int] | None = channel_quota

    def __post_init__(self) -> None:
        """Move a clock that is behind what the store has seen, as after a restart, past it by whole seconds."""
        behind_ms = self.store.latest_ms - self.now_ms
        if behind_ms > 0:
            self.clock.advance(behind_ms // 1000 + 1)

    @property
    def now_ms(self) -> int:
        """Lifecycle time in epoch milliseconds."""
        return (self.clock.now() - EPOCH) // MILLISECOND

    def advance(self, seconds: float) -> None:
        """Move lifecycle time forward, for good: a restart on the same store does not fall behind it."""
        self.clock.advance(seconds)
        self.store.note(self.now_ms)

    def purge(self) -> None:
        """Take out the channels that are gone, even from what describe and list show."""
        assumed = self.assumptions
        self.store.purge(self.now_ms - milliseconds(assumed.stale_seconds) - milliseconds(assumed.deleting_seconds))


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through an operation."""

    service: ServiceContext
    caller: Caller
    operation: str
    request: Mapping[str, Any]

    @property
    def store(self) -> Store:
        """Where the channels are."""
        return self.service.store

    @property
    def assumptions(self) -> Assumptions:
        """What is assumed."""
        return self.service.assumptions

    def inner(self, structure: str, member: str) -> Any:
        """Give a member of a structure of the request, None where either is absent."""
        return (self.request.get(structure) or {}).get(member)

    def seen_ms(self) -> int:
        """Give the time whose state describe and list show [2]."""
        return self.service.now_ms - milliseconds(self.assumptions.stale_seconds)

    def status(self, channel: Channel, at_ms: int) -> str | None:
        """Give a channel's status at a time, None where it is gone [2]."""
        assumed = self.assumptions
        if channel.deleted_ms is not None and at_ms >= channel.deleted_ms:
            return "DELETING" if at_ms < channel.deleted_ms + milliseconds(assumed.deleting_seconds) else None
        if channel.updated_ms is not None and 0 <= at_ms - channel.updated_ms < milliseconds(assumed.updating_seconds):
            return "UPDATING"
        return "CREATING" if max(at_ms - channel.created_ms, 0) < milliseconds(assumed.creating_seconds) else "ACTIVE"

    def by_arn(self, arn: str) -> Channel:
        """Give the channel that an ARN names, even one that is gone."""
        _, _, _, region, account_id, resource = arn.split(":", 5)
        kind, name, _ = resource.split("/")
        if kind != "channel":
            raise invalid_argument(f"{format_value(arn)} names a {kind}: this operation takes a signaling channel.")
        if (account_id, region) != (self.caller.account_id, self.caller.region):
            raise self._foreign()
        channel = self.store.find(account_id, region, name)
        if channel is None or (channel.arn != arn and self.assumptions.old_arn == "not_found"):
            raise not_found()
        return channel

    def _foreign(self) -> ServiceError:
        if self.assumptions.foreign_arn == "not_found":
            return not_found()
        return access_denied(self.caller, self.operation, self.request)

    def existing(self, arn: str) -> tuple[Channel, str]:
        """Give the channel that an ARN names and its status now; 404 where it is gone."""
        channel = self.by_arn(arn)
        status = self.status(channel, self.service.now_ms)
        if status is None:
            raise not_found()
        return channel, status

    def usable(self, arn: str) -> Channel:
        """Give the channel that an ARN names, if endpoints may be had and tags be set while it is as it is [1.6, 1.7]."""
        channel, status = self.existing(arn)
        if status != "ACTIVE":
            deleting = status == "DELETING"
            rule = self.assumptions.use_while_deleting if deleting else self.assumptions.use_while_changing
            if rule != "accept":
                raise not_now(rule, channel, status)
        return channel

    def new_version(self, channel: Channel) -> str:
        """Give the version that follows a channel's."""
        return self.service.ids.version(channel.arn, channel.version)


def milliseconds(seconds: float) -> int:
    """Give a duration as the store counts it."""
    return round(seconds * 1000)


def needs(operation: str, request: object, assumptions: Assumptions) -> tuple[str, ...]:
    """Give the operations whose actions a request must be allowed [7]."""
    tagged = operation == "CreateSignalingChannel" and isinstance(request, dict) and bool(request.get("Tags"))
    if tagged and assumptions.tagged_create == "needs_tag_resource":
        return (operation, "TagResource")
    return (operation,)


def access_denied(caller: Caller, operation: str, request: object) -> ServiceError:
    """Make the refusal of a caller, in IAM's words: the resource is named as the request named it."""
    resource = "*"
    if isinstance(request, dict):
        named = (request.get(key) for key in ("ChannelARN", "ResourceARN", "ChannelName", "RoleArn"))
        resource = next((str(name) for name in named if name), resource)
    action = ACTIONS.get(operation, f"sts:{operation}")
    return ServiceError(
        "AccessDenied" if action.startswith("sts:") else "AccessDeniedException",
        f"User: {caller.principal_arn} is not authorized to perform: {action} on resource: {resource}",
    )


def not_found() -> ServiceError:
    """Make the refusal of a channel that is not there, in the service's words."""
    return ServiceError("ResourceNotFoundException", "The requested channel is not found or not active.")


def not_now(rule: str, channel: Channel, status: str) -> ServiceError:
    """Make the refusal of a channel that is busy: ``rule`` is ``"in_use"`` or ``"not_found"``."""
    if rule == "not_found":
        return not_found()
    return ServiceError(
        "ResourceInUseException", f"The channel {channel.name} is {status} and not available for this operation."
    )
