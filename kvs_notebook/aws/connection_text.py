"""How a connection is shown to its user."""

from __future__ import annotations

from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.identity import Identity
from kvs_notebook.formatting import printable


def describe_connection(config: ConnectionConfig, identity: Identity | None) -> str:
    """Return one line about a connection: account, region, profile, endpoint, and whether it may change anything."""
    account_id = config.account_id or (identity.account_id if identity else None)
    parts = [f"account {account_id or 'not asked yet'}", config.region]
    if config.profile:
        parts.append(f"profile {config.profile}")
    if config.endpoint_url:
        parts.append(config.endpoint_url)
    if config.local_service is not None or (identity is not None and identity.is_sandbox_user):
        parts.append("SANDBOX")
    elif not config.allow_changes:
        parts.append("read-only")
    return printable(f"<Connection: {', '.join(parts)}>")  # the account id may be what an emulator replied


def line_allowing_changes(config: ConnectionConfig) -> str:
    """Return the Python line that makes the same connection with changes allowed."""
    arguments = [repr(config.profile)] if config.profile else []
    arguments += [f"region={config.region!r}"]
    if config.endpoint_url is not None:  # without it, the line would connect to AWS
        arguments += [f"endpoint_url={config.endpoint_url!r}"]
    arguments += ["allow_changes=True"]
    return f"kvs.connect({', '.join(arguments)})"
