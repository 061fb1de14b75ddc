"""boto3 sessions that threads may share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An access key, as botocore's signers read it; neither displayed nor pickled with its secret key and token.

    Attributes
    ----------
    access_key
        The id of the access key.
    secret_key, token
        The secret key, and the session token if it has one.
    """

    access_key: str
    secret_key: str
    token: str | None

    def get_frozen_credentials(self) -> Credentials:
        """Return these credentials: botocore asks its own, which renew themselves, for those of the moment."""
        return self

    def __repr__(self) -> str:
        return f"<Credentials: access key {self.access_key}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials are not pickled. Pass the name of a profile to the other process.")


class SharedSession:
    """A boto3 session, opened on first use, for every connection that uses it.

    boto3's sessions are not safe for threads, so each use holds a lock.

    Attributes
    ----------
    credentials_failed
        True if the latest call of any of those connections failed because of the credentials.
    """

    def __init__(self, session: boto3.Session | Callable[[], boto3.Session]) -> None:
        self._session = session
        self._lock = threading.RLock()
        self._credentials: Any = (
            None  # they renew themselves; without the lock, calls do not wait for clients that are made
        )
        self.credentials_failed = False

    def open(self) -> boto3.Session:
        """Return the session, opened if it was not yet."""
        with self._lock:
            if callable(self._session):
                self._session = self._session()
            return self._session

    def client(self, service_name: str, **options: Any) -> Any:
        """Create a client."""
        with self._lock:
            return self.open().client(service_name, **options)  # type: ignore[call-overload]

    def load_credentials(self) -> Any:
        """Return the credentials, None if there are none; a provider may run a program, ask for a code or send a request."""
        if self._credentials is None:
            with self._lock:
                self._credentials = self.open().get_credentials()
        return self._credentials

    def credentials(self) -> Credentials:
        """Return the current credentials, refreshed if they were about to expire.

        Raises
        ------
        botocore.exceptions.NoCredentialsError
            If the session has none.
        botocore.exceptions.PartialCredentialsError
            If they lack a key: signing would fail with a TypeError.
        ValueError
            If a key or the token cannot be sent in a header.
        """
        from botocore.exceptions import NoCredentialsError, PartialCredentialsError

        credentials = self.load_credentials()
        if credentials is None:
            raise NoCredentialsError
        try:
            mine = _without_display(credentials.get_frozen_credentials())
            _check_complete(mine, credentials.method)
            _check_can_be_sent(mine)
        except (PartialCredentialsError, TypeError, ValueError):
            _renew_at_next_use(credentials)
            raise
        return mine


def _renew_at_next_use(credentials: Any) -> None:
    """Make unusable credentials renew themselves: botocore keeps them until they expire, and for ever without a time zone."""
    if isinstance(getattr(credentials, "_expiry_time", None), datetime):
        credentials._expiry_time = datetime.min.replace(tzinfo=UTC)  # noqa: SLF001 - botocore has no public way


def _check_complete(credentials: Credentials, method: str) -> None:
    from botocore.exceptions import PartialCredentialsError

    for name in ("access_key", "secret_key"):
        if not isinstance(getattr(credentials, name), str) or not getattr(credentials, name):
            raise PartialCredentialsError(provider=method, cred_var=name)


def _check_can_be_sent(credentials: Credentials) -> None:
    """Raise ValueError if a key or the token cannot be in a header; http.client's error would show its value."""
    for name in ("access_key", "secret_key", "token"):
        value = getattr(credentials, name)
        if value is not None and not (isinstance(value, str) and value.isascii() and value.isprintable()):
            raise ValueError(f"{name} is not printable ASCII text")


def _without_display(frozen: Any) -> Credentials:
    """Return credentials of botocore as ours: a traceback that shows variables may show no key."""
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)
