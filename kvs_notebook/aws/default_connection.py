"""Connect to an account, and the default connection of calls without ``connection=``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kvs_notebook.aws.botocore_internals import open_session
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.aws.tracebacks import drop_frames
from kvs_notebook.errors import InvalidInput, NoCredentials, NoRegion

if TYPE_CHECKING:
    import boto3

_current: Connection | None = None


def connect(
    profile: str | None = None,
    *,
    region: str | None = None,
    session: boto3.Session | None = None,
    endpoint_url: str | None = None,
    allow_changes: bool = False,
    share: float | Mapping[str, float] | None = None,
) -> Connection:
    """Connect to an AWS account and make that connection the current one.

    A real account is read-only until ``allow_changes=True``: create, update, delete and tag calls raise ReadOnly.

    Parameters
    ----------
    profile
        An AWS profile's name; None takes boto3's default chain.
    region
        A region's code; None takes the profile's.
    session
        A boto3.Session to use as it is, in place of ``profile``.
    endpoint_url
        Another endpoint of Kinesis Video Streams (VPC, FIPS, an emulator on loopback).
    allow_changes
        Whether create, update, delete and tag calls may be sent to a real account.
    share
        The part of the published quotas to use, above 0 and at most 1; a number, or a mapping of operation to number.
        The default is 0.9, and 0.5 for Describe and GetSignalingChannelEndpoint, which live devices call too.

    Raises
    ------
    InvalidInput
        If both ``profile`` and ``session`` are given, or ``share`` is out of range.
    NoCredentials
        If no credentials were found, or the profile does not exist.
    ExpiredCredentials
        If STS rejects the credentials, which one GetCallerIdentity call checks.
    NoRegion
        If no region is given and none is configured.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.connect("fleet", region="eu-west-1")                                  # doctest: +SKIP
    <Connection: account 123456789012, eu-west-1, profile fleet, read-only>
    """
    connection = _make(profile, region, session, endpoint_url, allow_changes=allow_changes, share=share)
    connection.identity()
    set_current(connection)
    return connection


def _make(
    profile: str | None,
    region: str | None,
    session: boto3.Session | None,
    endpoint_url: str | None,
    *,
    allow_changes: bool,
    share: float | Mapping[str, float] | None,
) -> Connection:
    import botocore.session
    from botocore.exceptions import BotoCoreError, ProfileNotFound

    if session is not None and profile is not None:
        raise InvalidInput("profile and session cannot be combined. Pass one of them.")
    portable = session is None
    handled = sys.exception()
    try:
        session = session or open_session(botocore.session.get_session(), profile_name=profile)
        region = region or session.region_name
    except ProfileNotFound as error:
        drop_frames(error, handled)
        known = ", ".join(botocore.session.Session().available_profiles) or "none"
        raise NoCredentials(
            f"{error} (profiles on this machine: {known}). Pass one of them, or create it with aws configure sso; "
            "kvs.use_sandbox() needs no profile."
        ) from error
    except BotoCoreError as error:
        drop_frames(error, handled)
        raise NoCredentials(f"The AWS configuration cannot be read: {error}") from error
    if region is None:
        raise NoRegion(
            'No region was given and none is configured. Pass one, as in kvs.connect(region="us-east-1"), '
            "or set AWS_REGION."
        )
    return Connection(
        ConnectionConfig(
            session=SharedSession(session),
            region=region,
            profile=profile,
            endpoint_url=endpoint_url,
            allow_changes=allow_changes,
            share=share,
            portable=portable,
        )
    )


def for_profile(
    profile: str | None,
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    allow_changes: bool = False,
) -> Connection:
    """Return a connection by a profile, or by boto3's default chain, without making it the default; nothing is sent."""
    return _make(profile, region, None, endpoint_url, allow_changes=allow_changes, share=None)


def set_current(connection: Connection | None) -> None:
    """Make a connection the default of calls without ``connection=``; None forgets it."""
    global _current  # noqa: PLW0603 - one process-wide reference, by design: a ContextVar would differ between cells and threads
    _current = connection


def is_current(connection: Connection) -> bool:
    """Return whether a connection is the default of calls without ``connection=``."""
    return connection is _current


def current_connection(connection: Connection | None = None) -> Connection:
    """Return the connection that was passed, else the default one, else a read-only one by boto3's default chain.

    Parameters
    ----------
    connection
        Returned as it is; None takes the default one.

    Raises
    ------
    NoRegion
        If a connection has to be made and no region is configured.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox()
    >>> kvs.current_connection().account_id
    '111122223333'
    """
    if connection is not None:
        return connection
    if _current is None:
        set_current(_make(None, None, None, None, allow_changes=False, share=None))
    assert _current is not None  # noqa: S101 - set in the line above; another thread only ever replaces it
    return _current
