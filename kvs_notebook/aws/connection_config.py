"""How a connection is made: what does not change during its life."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.aws.shared_clients import SharedClients
from kvs_notebook.errors import InvalidInput, KVSError


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalService:
    """A local stand-in for the service, described by the package that runs it.

    Attributes
    ----------
    now
        Returns the current time by which channels are created and aged.
    ca_path
        Returns the path of the CA certificate that its TLS endpoints are signed with.
    unreachable_hint
        Returns what to do when a connection to it failed, as a sentence.
    next_steps
        What to do after an error, in place of the usual advice.
    """

    now: Callable[[], datetime]
    ca_path: Callable[[], str]
    unreachable_hint: Callable[[], str]
    next_steps: Mapping[type[KVSError], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """The settings of a connection; ``dataclasses.replace`` makes those of a similar one.

    Attributes
    ----------
    session
        The boto3 session, shared by the connections of one identity.
    region
        The region's code.
    account_id
        The account's 12 digits if they are known from the credentials or the role, None if STS has to be asked.
    profile
        The AWS profile's name, None for boto3's default chain.
    endpoint_url
        The endpoint that was given, None for the service's own.
    allow_changes
        Whether create, update, delete and tag calls may be sent to a real account.
    share
        The part of the quotas to use: a number, or a mapping of operation to number.
    proxies
        Proxies by scheme; None takes those of the environment.
    portable
        Whether another process can make the same connection from the profile's name or the environment.
    local_service
        The local stand-in that the connection is to, None for AWS.
    shared_clients
        Clients that are shared with connections to other accounts; None creates clients for this connection only.
    paging_seconds
        How long all pages of one call may take: a million channels in pages of 1,000 take half a minute under the quota.
    """

    session: SharedSession
    region: str
    account_id: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    allow_changes: bool = False
    share: float | Mapping[str, float] | None = None
    proxies: Mapping[str, str] | None = field(default=None, repr=False)  # their URLs may hold a password
    portable: bool = False
    local_service: LocalService | None = None
    shared_clients: SharedClients | None = None
    paging_seconds: float = 900.0

    def __post_init__(self) -> None:
        if self.local_service is not None:
            self.check_destination(self.endpoint_url)

    def check_destination(self, endpoint_url: str | None) -> None:
        """Raise InvalidInput if a local service is said to have an endpoint that is not on loopback."""
        if self.local_service is not None and not is_loopback(endpoint_url):
            raise InvalidInput(f"A sandbox has endpoints on loopback only, not at {endpoint_url}.")

    @property
    def place(self) -> str:
        """The endpoint as messages name it."""
        return self.endpoint_url or f"Kinesis Video Streams in {self.region}"
