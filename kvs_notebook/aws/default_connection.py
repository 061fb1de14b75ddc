"""Connect to an account, and the default connection of calls without ``connection=``."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kvs_notebook.arguments import check_text
from kvs_notebook.aws.configuration import open_profile, read_configuration, region_of_environment
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.error_translation import NEXT_STEP
from kvs_notebook.aws.regions import check_region
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.aws.tracebacks import drop_frames
from kvs_notebook.errors import InvalidInput, NoCredentials, NoRegion
from kvs_notebook.formatting import format_value, one_line

if TYPE_CHECKING:
    import boto3

_current: Connection | None = None
_by_default_chain: Connection | None = None
_lock = threading.Lock()


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

    A real account is read-only until ``allow_changes=True``: create, update,
    delete and tag calls raise ReadOnly.

    Parameters
    ----------
    profile
        An AWS profile's name; None takes boto3's default chain.
    region
        A region's code. None takes AWS_REGION, else AWS_DEFAULT_REGION, else
        the profile's region, as AWS CLI 2 does; an empty variable is skipped.
    session
        A boto3.Session to use unchanged, in place of ``profile``; its own
        region precedes those of the environment.
    endpoint_url
        Another endpoint of Kinesis Video Streams (VPC, FIPS, an emulator on
        loopback).
    allow_changes
        Whether create, update, delete and tag calls may be sent to a real
        account.
    share
        The part of the published quotas to use, above 0 and at most 1; a
        number, or a mapping of operation to number. The default is 0.9, and
        0.5 for Describe and GetSignalingChannelEndpoint, which live devices
        call too.

    Returns
    -------
    Connection
        The connection, which calls without ``connection=`` use from now on.

    Raises
    ------
    InvalidInput
        If both ``profile`` and ``session`` are given, ``region`` is not one of
        AWS, or ``share`` is out of range.
    NoCredentials
        If no credentials were found, the profile does not exist or cannot be
        used, or an MFA code is needed and no user can enter it.
    ExpiredCredentials
        If STS rejects the credentials, or the user has to sign in to their
        provider again.
    NoRegion
        If no region is given and none is configured.
    MissingExtra
        If the profile needs a package that is not installed (``aws login``).

    Notes
    -----
    Spends one GetCallerIdentity call of STS, which checks the credentials.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.connect("fleet", region="eu-west-1")                                  # doctest: +SKIP
    <Connection: account 123456789012, eu-west-1, profile fleet, read-only>
    """
    if endpoint_url is not None:
        check_text("endpoint_url", endpoint_url, "http://127.0.0.1:8080")
    if region and endpoint_url is None:  # an emulator may have any region
        check_region(region, newer=True)
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
    if session is not None and profile is not None:
        raise InvalidInput("profile and session cannot be combined. Pass one of them.")
    opened, region = _open(profile, region, session)
    if not region:
        raise NoRegion(f"No region was given and none is configured. {NEXT_STEP[NoRegion]}")
    return Connection(
        ConnectionConfig(
            session=SharedSession(opened),
            region=region,
            profile=profile,
            endpoint_url=endpoint_url,
            allow_changes=allow_changes,
            share=share,
            portable=session is None,
        )
    )


def _open(profile: str | None, region: str | None, session: boto3.Session | None) -> tuple[boto3.Session, str | None]:
    """Return the session and the region; raise NoCredentials if the AWS configuration cannot be used."""
    from botocore.exceptions import ProfileNotFound

    handled = sys.exception()
    try:
        if session is not None:
            return session, region or session.region_name or region_of_environment()
        return open_profile(profile, region)
    except ProfileNotFound as error:
        drop_frames(error, handled)
        raise _profile_not_found(error, by_variable=profile is None) from error
    except Exception as error:  # a configuration may be wrong in any way: an invalid number, a file that is not text
        drop_frames(error, handled)
        raise NoCredentials(
            f"The AWS configuration cannot be read: {one_line(error).rstrip('.')}. Correct the file or the variable that it "
            "comes from, and call again."
        ) from error


def _profile_not_found(error: Exception, *, by_variable: bool) -> NoCredentials:
    known = ", ".join(read_configuration().available_profiles)
    found = f"profiles on this machine: {known}" if known else "there are no profiles on this machine"
    variable = "; AWS_PROFILE names it" if by_variable else ""
    advice = "Pass one of them, or create it" if known else "Create it"
    return NoCredentials(
        f"{one_line(error)} ({found}{variable}). {advice} with aws configure sso; kvs.use_sandbox() needs no profile."
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
    """Set the connection of calls without ``connection=``; None removes it."""
    global _current  # noqa: PLW0603 - one process-wide reference, by design: a ContextVar would differ between cells and threads
    with _lock:
        _current = connection


def is_current(connection: Connection) -> bool:
    """Return whether a connection is the default of calls without ``connection=``."""
    return connection is _current


def current_connection(connection: Connection | None = None) -> Connection:
    """Return the connection that calls without ``connection=`` use.

    It is the one that was passed, else the default one, else a read-only one
    by boto3's default chain.

    The latter is created again after its credentials have failed, so that a
    repaired configuration takes effect.

    Parameters
    ----------
    connection
        Returned unchanged; None takes the default one.

    Returns
    -------
    Connection
        ``connection`` itself, or the current one.

    Raises
    ------
    InvalidInput
        If ``connection`` is not a Connection.
    NoRegion
        If a connection has to be made and no region is configured.
    NoCredentials
        If a connection has to be made and the AWS configuration cannot be
        used.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox()
    >>> kvs.current_connection().account_id
    '111122223333'
    """
    if connection is not None:
        return check_connection(connection)
    current = _current
    while current is None or (current is _by_default_chain and current.credentials_failed):
        current = _connect_by_default_chain(current)
    return current


def check_connection(connection: object) -> Connection:
    """Return a connection; raise InvalidInput if the argument ``connection`` is another object, such as a profile's name."""
    if isinstance(connection, Connection):
        return connection
    raise InvalidInput(
        f"connection {format_value(connection)} is not a Connection. Pass what kvs.connect() returns, or omit it to use the "
        "current one."
    )


def _connect_by_default_chain(before: Connection | None) -> Connection | None:
    """Return a new default connection, or the one that another thread has set in the meantime."""
    global _current, _by_default_chain  # noqa: PLW0603 - as above
    made = _make(None, None, None, None, allow_changes=False, share=None)
    with _lock:
        if _current is before:
            _current = _by_default_chain = made
        return _current
