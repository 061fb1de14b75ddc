"""The connection that a form shows if none can be made, so that it opens and says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.default_connection import check_connection, current_connection
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.errors import KVSError

if TYPE_CHECKING:
    import boto3


def connection_or_placeholder(connection: Connection | None) -> Connection:
    """Return the connection that was passed, else the current one; if none can be made, a placeholder.

    Each call of a placeholder raises what is wrong with the AWS configuration at that moment; its region is empty.
    """
    if connection is not None:
        return check_connection(connection)
    try:
        return current_connection()
    except KVSError:
        return Connection(ConnectionConfig(session=SharedSession(_open_session), region=""))


def is_placeholder(connection: Connection) -> bool:
    """Return whether a connection only stands in for one that could not be made."""
    return not connection.region


def _open_session() -> boto3.Session:
    """Raise what is wrong; if it was corrected meanwhile, return the session of the current connection."""
    return current_connection().config.session.open()
