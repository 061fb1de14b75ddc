"""Expiry: whose keys are refused, so that nothing more is asked with them, and everything else still is."""

from __future__ import annotations

import threading
import warnings

from kvs_notebook.errors import ExpiredCredentials, KVSError, NoCredentials
from kvs_notebook.fleet.account_region import Origin
from kvs_notebook.fleet.accounts import Account

BASE = Account()
"""Whose keys the session's own account is read with, and every role is assumed with."""


class Expiry:
    """Remember which keys were refused: a profile's, those that roles are assumed with, or one role's own."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._refused: dict[Account, KVSError] = {}
        self._lock = threading.Lock()

    def of(self, account: Account) -> KVSError | None:
        """Give why an account need not be asked any more, None where it may be."""
        return self._refused.get(account) or (self._refused.get(BASE) if account.profile is None else None)

    def note(self, account: Account, problem: KVSError) -> str | None:
        """Remember that an account's keys were refused; give what that ends, None where it was known.

        A role's refusal may be that of the keys it is assumed with, which ends all roles: they are asked who they are (one
        GetCallerIdentity).
        """
        with self._lock:
            if self.of(account) is not None:
                return None
            whose = BASE if account.role_arn is not None and self._base_is_refused() else account
            self._refused[whose] = problem
        return "The inventory ends early" if whose == BASE else f"No more is read of {account.label}"

    def _base_is_refused(self) -> bool:
        try:
            self.origin.ask(BASE)
        except (ExpiredCredentials, NoCredentials):
            return True
        except KVSError:
            return False  # it does not say, so no other role is given up for it
        return False


def warn_of_end(what: str, why: str) -> None:
    """Say once what ends since keys are refused."""
    warnings.warn(f"{what}: {why} Coverage names what was not read.", stacklevel=3)
