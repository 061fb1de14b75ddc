"""Context of an operation: the state of the service, the caller, and the channel that the request names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kvs_notebook.aws.quotas import QUOTAS, SIGNALING_QUOTAS, channel_quota
from kvs_notebook.aws.regions import partition_of
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.store import Channel, Store
from kvs_notebook.sandbox.backend.validation import ServiceError, invalid_argument
from kvs_notebook.sandbox.clock import Clock, Versions

USER = "kvs-notebook-sandbox"
"""The IAM user in every identity of the sandbox."""

ACTIONS: Mapping[str, str] = {
    **{operation: f"kinesisvideo:{operation}" for operation in (*QUOTAS, *SIGNALING_QUOTAS)},
    "AssumeRole": "sts:AssumeRole",
    "GetResources": "tag:GetResources",
    "ListAccountAliases": "iam:ListAccountAliases",
    "ListRegions": "account:ListRegions",
}
"""The IAM action that each operation requires."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_TIME = datetime(9000, 1, 1, tzinfo=UTC)
"""Time that advance() may reach; requests and restarts move it on, up to the end of datetime's range in the year 9999."""
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of an operation: an account, in one region, by one of its access keys."""

    account_id: str
    region: str
    access_key_id: str
    role_session: str | None = None

    @property
    def principal_arn(self) -> str:
        """The ARN of the IAM user or role session that the access key belongs to."""
        partition = partition_of(self.region)
        if self.role_session is not None:
            return f"arn:{partition}:sts::{self.account_id}:assumed-role/{self.role_session}"
        return f"arn:{partition}:iam::{self.account_id}:user/{USER}"


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The state and the rules that operations work on.

    Attributes
    ----------
    store, clock, versions, assumptions
        Channels and tags, lifecycle time, the source of new versions, and the assumptions in effect.
    data_plane
        Returns ``"127.0.0.1:PORT"`` of the TLS port, and opens the port on first use.
    channel_quota
        Returns the maximum number of channels of an account in a region; None allows any number.
    """

    store: Store
    clock: Clock
    versions: Versions
    assumptions: Assumptions
    data_plane: Callable[[], str]
    channel_quota: Callable[[str], int] | None = channel_quota

    def __post_init__(self) -> None:
        """Advance a clock that is behind the stored state, as after a restart, by whole seconds."""
        behind_ms = self.store.latest_ms - self.now_ms
        if behind_ms > 0:
            self.clock.advance(behind_ms // 1000 + 1)

    @property
    def now_ms(self) -> int:
        """Lifecycle time in epoch milliseconds."""
        return (self.clock.now() - EPOCH) // MILLISECOND

    def advance(self, seconds: float) -> None:
        """Move lifecycle time forward; a restart on the same store does not fall behind it.

        Raises
        ------
        InvalidInput
            If the time would go back, or pass the year 9000: time must be able to go on after it.
        """
        if not is_number(seconds) or seconds < 0:
            raise InvalidInput(
                f"seconds={seconds!r} is not valid. Expected a number, 0 or more: lifecycle time cannot go back."
            )
        if seconds > (LATEST_TIME - self.clock.now()).total_seconds():
            raise InvalidInput(
                f"seconds={seconds!r} is too large: lifecycle time would pass the year {LATEST_TIME.year}. Expected less, or "
                "start a new sandbox."
            )
        self.clock.advance(seconds)
        self.store.record_time(self.now_ms)

    def purge(self) -> None:
        """Remove the channels that neither describe nor list shows any more."""
        assumed = self.assumptions
        self.store.purge(self.now_ms - milliseconds(assumed.stale_seconds) - milliseconds(assumed.deleting_seconds))


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an operation."""

    service: ServiceContext
    caller: Caller
    operation: str
    request: Mapping[str, Any]

    @property
    def store(self) -> Store:
        """The channels and tags."""
        return self.service.store

    @property
    def assumptions(self) -> Assumptions:
        """The assumptions in effect."""
        return self.service.assumptions

    def inner(self, structure: str, member: str) -> Any:
        """Return a member of a structure of the request; None if either is absent."""
        return (self.request.get(structure) or {}).get(member)

    def seen_ms(self) -> int:
        """Return the time whose state describe and list show [2]."""
        return self.service.now_ms - milliseconds(self.assumptions.stale_seconds)

    def status(self, channel: Channel, at_ms: int) -> str | None:
        """Return a channel's status at a time; None if it is deleted [2]."""
        assumed = self.assumptions
        if channel.deleted_ms is not None and at_ms >= channel.deleted_ms:
            return "DELETING" if at_ms < channel.deleted_ms + milliseconds(assumed.deleting_seconds) else None
        if channel.updated_ms is not None and 0 <= at_ms - channel.updated_ms < milliseconds(assumed.updating_seconds):
            return "UPDATING"
        return "CREATING" if max(at_ms - channel.created_ms, 0) < milliseconds(assumed.creating_seconds) else "ACTIVE"

    def by_arn(self, arn: str) -> Channel:
        """Return the channel of an ARN, even if it is deleted; raise ServiceError if it was never there."""
        _, _, _, region, account_id, resource = arn.split(":", 5)
        kind, name, _ = resource.split("/")
        if kind != "channel":
            raise invalid_argument(
                f"{format_value(arn)} is the ARN of a {kind}. Expected the ARN of a signaling channel."
            )
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
        """Return the channel of an ARN and its status; raise ResourceNotFoundException if it is deleted."""
        channel = self.by_arn(arn)
        status = self.status(channel, self.service.now_ms)
        if status is None:
            raise not_found()
        return channel, status

    def usable(self, arn: str) -> Channel:
        """Return the channel of an ARN if its status allows endpoints and tag changes [1.6, 1.7]."""
        channel, status = self.existing(arn)
        if status != "ACTIVE":
            deleting = status == "DELETING"
            rule = self.assumptions.use_while_deleting if deleting else self.assumptions.use_while_changing
            if rule != "accept":
                raise not_now(rule, channel, status)
        return channel

    def new_version(self, channel: Channel) -> str:
        """Return the version that follows a channel's."""
        return self.service.versions.next(channel.arn, channel.version)


def is_number(value: object) -> bool:
    """Return whether a value is a finite number, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def milliseconds(seconds: float) -> int:
    """Return a duration in the unit of the store."""
    return round(seconds * 1000)


def required_operations(operation: str, request: object, assumptions: Assumptions) -> tuple[str, ...]:
    """Return the operations whose actions a request must be allowed [7]."""
    tagged = operation == "CreateSignalingChannel" and isinstance(request, dict) and bool(request.get("Tags"))
    if tagged and assumptions.tagged_create == "needs_tag_resource":
        return (operation, "TagResource")
    return (operation,)


def access_denied(caller: Caller, operation: str, request: object) -> ServiceError:
    """Return IAM's error for a caller, with the resource as the request names it."""
    resource = "*"
    if isinstance(request, dict):
        named = (request.get(key) for key in ("ChannelARN", "ResourceARN", "ChannelName", "RoleArn"))
        resource = next((str(name) for name in named if name), resource)
    action = ACTIONS.get(operation, f"sts:{operation}")
    return ServiceError(
        "AccessDenied" if action.startswith(("sts:", "iam:")) else "AccessDeniedException",
        f"User: {caller.principal_arn} is not authorized to perform: {action} on resource: {resource}",
    )


def not_found() -> ServiceError:
    """Return the service's error for a channel that does not exist."""
    return ServiceError("ResourceNotFoundException", "The requested channel is not found or not active.")


def not_now(rule: str, channel: Channel, status: str) -> ServiceError:
    """Return the error for a channel that is not ACTIVE; ``rule`` is ``"in_use"`` or ``"not_found"``."""
    if rule == "not_found":
        return not_found()
    return ServiceError(
        "ResourceInUseException", f"The channel {channel.name} is {status} and not available for this operation."
    )
