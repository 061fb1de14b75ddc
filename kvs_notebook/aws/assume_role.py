"""Connections as an IAM role of another account, with credentials that botocore renews before they expire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.arns import RoleArn
from kvs_notebook.aws.botocore_internals import create_isolated_session, open_session
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.session import SharedSession

if TYPE_CHECKING:
    import boto3

SESSION_NAME = "kvs-notebook"
"""The role session name, which CloudTrail shows for each call."""


def assume_role(connection: Connection, role_arn: str, *, external_id: str | None = None, region: str) -> Connection:
    """Return a read-only connection as a role that a connection may assume; the role is assumed at its first call."""
    return connection.replace(
        session=SharedSession(lambda: _session(connection, role_arn, external_id, region)),
        region=region,
        account_id=RoleArn.parse(role_arn).account_id,
        profile=None,
        portable=False,
        allow_changes=False,
    )


def _session(connection: Connection, role_arn: str, external_id: str | None, region: str) -> boto3.Session:
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        CredentialProvider,
        CredentialResolver,
        Credentials,
        DeferredRefreshableCredentials,
    )

    class Role(CredentialProvider):
        """Load the role's credentials as botocore asks for them."""

        METHOD = "assume-role"

        def load(self) -> DeferredRefreshableCredentials:
            return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)

    fetcher = AssumeRoleCredentialFetcher(
        client_creator=lambda *_, **__: _sts_client(connection),
        source_credentials=Credentials("unused", "unused"),  # the client signs with the connection's own
        role_arn=role_arn,
        extra_args={"RoleSessionName": SESSION_NAME, **({"ExternalId": external_id} if external_id else {})},
    )
    session = create_isolated_session()
    session.register_component("credential_provider", CredentialResolver([Role()]))
    return open_session(session, region_name=region)


def _sts_client(connection: Connection) -> Any:
    """Return the client that assumes the role; raise what is wrong with the credentials that it signs with."""
    connection.credentials()
    return connection.client("sts")
