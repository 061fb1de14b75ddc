"""Role: a session that stands for a role of another account, renewed by botocore before it expires."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kvs_notebook.aws.botocore_internals import opened, slim
from kvs_notebook.aws.connection import Connection

if TYPE_CHECKING:
    import boto3

SESSION_NAME = "kvs-notebook"
"""How the calls of a role show in CloudTrail."""


def assuming(connection: Connection, role_arn: str, *, external_id: str | None = None, region: str) -> Connection:
    """Give a connection as a role, read-only, that a connection may assume; the role is assumed at its first call."""
    return connection.again(
        session=lambda: _session(connection, role_arn, external_id, region),
        region=region,
        profile=None,
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
        """Give botocore the role's credentials where it looks for any."""

        METHOD = "assume-role"

        def load(self) -> DeferredRefreshableCredentials:
            return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)

    fetcher = AssumeRoleCredentialFetcher(
        client_creator=lambda *_, **__: connection.client("sts"),
        source_credentials=Credentials("unused", "unused"),  # the client signs with the connection's own
        role_arn=role_arn,
        extra_args={"RoleSessionName": SESSION_NAME, **({"ExternalId": external_id} if external_id else {})},
    )
    session = slim(session_vars={"profile": (None, None, None, None)})
    session.set_config_variable("config_file", os.devnull)
    session.set_config_variable("credentials_file", os.devnull)
    session.register_component("credential_provider", CredentialResolver([Role()]))
    return opened(session, region_name=region)
