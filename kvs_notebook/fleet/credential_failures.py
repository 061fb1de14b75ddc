"""Remember refused credentials, so that no further call is made with them while other accounts are still read."""

from __future__ import annotations

import logging
import threading

from kvs_notebook.caller_warning import warn_caller
from kvs_notebook.errors import ExpiredCredentials, KVSError, NoCredentials
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import BASE, ConnectionFactory
from kvs_notebook.formatting import one_line

IN_COVERAGE = "Coverage names what was not read."
"""Ends a warning of gaps, which the command prints one by one."""

_logger = logging.getLogger(__name__)


class CredentialFailures:
    """Which credentials were refused: a profile's, a role's, or those that roles are assumed with.

    Attributes
    ----------
    connections
        Creates the connections to accounts.
    """

    def __init__(self, connections: ConnectionFactory) -> None:
        self.connections = connections
        self._errors: dict[Account, KVSError] = {}
        self._lock = threading.Lock()

    def error_of(self, account: Account) -> KVSError | None:
        """Return the error that the credentials of an account ended with, None if they have not."""
        own = self._errors.get(account)
        return own or (self._errors.get(BASE) if account.profile is None else None)

    def record(self, account: Account, error: KVSError, *, has_begun: bool) -> str | None:
        """Record that an account's credentials were refused; return what ends with them, None if recorded before.

        ``has_begun`` is whether a part of the account may have been read already.

        If a role's credentials are refused, one GetCallerIdentity call tells whether those that assume roles have ended, and
        with them every role.
        """
        with self._lock:
            if self.error_of(account) is not None:
                return None
            refused = BASE if account.role_arn is not None and self._base_is_refused() else account
            self._errors[refused] = error
        name = "the connection itself" if refused == BASE else refused.label
        _logger.warning("Credentials of %s ended: %s", one_line(name), error.code or type(error).__name__)
        if refused == BASE:
            return "The inventory ends early"
        return f"Reading {refused.label} ends early" if has_begun else f"Nothing is read of {refused.label}"

    def _base_is_refused(self) -> bool:
        try:
            self.connections.check_credentials(BASE)
        except (ExpiredCredentials, NoCredentials):
            return True
        except Exception:
            _logger.warning("STS did not tell whether the credentials that assume roles have ended", exc_info=True)
            return False
        return False


def warn_of_end(what: str, reason: str) -> None:
    """Warn the caller of what ends with refused credentials."""
    warn_caller(f"{what}: {reason} {IN_COVERAGE}")
