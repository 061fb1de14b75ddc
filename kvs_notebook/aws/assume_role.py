"""Connections as an IAM role of another account, with credentials that botocore renews before they expire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from kvs_notebook.aws.arns import RoleArn
from kvs_notebook.aws.botocore_internals import create_isolated_session, open_session
from kvs_notebook.aws.call_credentials import signed_with
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.aws.shared_clients import SharedClients, provide_credentials_of_callers
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import CredentialProvider

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
SHORTEST_SECONDS, LONGEST_SECONDS = 900, 43_200
"""Bounds of STS for the duration of a session: 15 minutes, and 12 hours if the role allows it."""


class RoleSession(NamedTuple):
    """How a role is assumed: the session name, which CloudTrail shows for each call, and the duration of its credentials.

    If the duration is None, they are valid for STS's default, one hour. botocore renews them before they end.
    """

    name: str = "kvs-notebook"
    duration_seconds: int | None = None

    @classmethod
    def parse(cls, name: object, duration_seconds: object) -> RoleSession:
        """Return the session, with defaults for arguments that are None; raise InvalidInput if STS would refuse it."""
        if name is not None and not (isinstance(name, str) and _SESSION_NAME.fullmatch(name)):
            raise InvalidInput(
                f"role_session_name={format_value(name)} is not valid. Expected 2 to 64 letters, digits and _ + = , . @ -."
            )
        is_whole = isinstance(duration_seconds, int) and not isinstance(duration_seconds, bool)
        if duration_seconds is not None and not (
            is_whole and SHORTEST_SECONDS <= duration_seconds <= LONGEST_SECONDS  # type: ignore[operator]
        ):
            raise InvalidInput(
                f"role_duration_seconds={format_value(duration_seconds)} is not valid. Expected {SHORTEST_SECONDS} to "
                f"{LONGEST_SECONDS:,} whole seconds, at most the maximum session duration of the role."
            )
        return cls(name or cls().name, duration_seconds)  # type: ignore[arg-type]


DEFAULT_ROLE_SESSION = RoleSession()


def assume_role(
    connection: Connection,
    role_arn: str,
    *,
    external_id: str | None = None,
    role_session: RoleSession = DEFAULT_ROLE_SESSION,
    region: str,
    shared_clients: SharedClients | None = None,
) -> Connection:
    """Return a read-only connection as a role that a connection may assume; the role is assumed at its first call.

    ``shared_clients`` are those of a fleet; None creates clients for this connection only.
    """
    request: dict[str, Any] = {"RoleSessionName": role_session.name}
    if external_id:
        request["ExternalId"] = external_id
    if role_session.duration_seconds is not None:
        request["DurationSeconds"] = role_session.duration_seconds
    return connection.replace(
        session=SharedSession(lambda: _session(connection, role_arn, request, region)),
        region=region,
        account_id=RoleArn.parse(role_arn).account_id,
        profile=None,
        portable=False,
        shared_clients=shared_clients,
        allow_changes=False,
    )


def _session(connection: Connection, role_arn: str, request: dict[str, Any], region: str) -> boto3.Session:
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        CredentialProvider,
        Credentials,
        DeferredRefreshableCredentials,
    )

    class Role(CredentialProvider):
        """Load the role's credentials when botocore asks for them."""

        METHOD = "assume-role"

        def load(self) -> DeferredRefreshableCredentials:
            return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)

    assumer: Any = _RoleAssumer(connection)
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=lambda *_, **__: assumer,
        source_credentials=Credentials("unused", "unused"),  # the client signs with the connection's own
        role_arn=role_arn,
        extra_args=request,
    )
    return _open_session(Role(), region)


def create_shared_clients() -> SharedClients:
    """Return clients that connections as different roles share; each is created on first use."""
    return SharedClients(SharedSession(lambda: _open_session(provide_credentials_of_callers(), None)))


def _open_session(provider: CredentialProvider, region: str | None) -> boto3.Session:
    """Return a session with the credentials of a provider, and nothing of the user's configuration."""
    from botocore.credentials import CredentialResolver

    session = create_isolated_session()
    session.register_component("credential_provider", CredentialResolver([provider]))
    return open_session(session, region_name=region)


class _RoleAssumer:
    """What botocore needs of an STS client to assume a role: one with the credentials of a connection, which it checks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def assume_role(self, **params: Any) -> Any:
        """Return the reply of STS; raise an error if the credentials cannot be used, or are of another account."""
        with signed_with(self._connection.credentials()):
            return self._connection.client("sts").assume_role(**params)
