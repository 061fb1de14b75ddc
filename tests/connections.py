"""Connections for tests, made from a boto3 session without any call."""

from __future__ import annotations

from typing import Any

import boto3

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.session import SharedSession


def connect_session(session: boto3.Session, region: str, **config: Any) -> Connection:
    """Return a connection with a session's credentials."""
    return Connection(ConnectionConfig(session=SharedSession(session), region=region, **config))
