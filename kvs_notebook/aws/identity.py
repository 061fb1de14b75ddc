"""The identity that a connection's credentials belong to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kvs_notebook.errors import WrongConnection

SANDBOX_USER = "kvs-notebook-sandbox"
"""The IAM user name that a sandbox answers with: how a program in its environment recognizes it."""

MOST_KEYS = 1_000
"""Access keys whose account is remembered: sessions of 15 minutes have another key each time they are read."""


class Identity(NamedTuple):
    """An identity as STS returns it: the account's 12 digits, the ARN of the user or role session, and its unique id."""

    account_id: str
    arn: str
    user_id: str

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Identity:
        """Return the identity of a reply to GetCallerIdentity."""
        return cls(reply["Account"], reply["Arn"], reply["UserId"])

    @property
    def is_sandbox_user(self) -> bool:
        """Whether a local sandbox answered."""
        return self.arn.endswith(f"/{SANDBOX_USER}")


class KnownIdentity:
    """The identity of one session's credentials, shared by the connections of that session once STS has returned it.

    Attributes
    ----------
    identity
        The identity, None if STS was not asked yet.
    """

    __slots__ = ("_accounts", "_lock", "identity")

    def __init__(self) -> None:
        self.identity: Identity | None = None
        self._accounts: dict[str, str] = {}
        self._lock = threading.RLock()

    def get(self, ask: Callable[[], Identity]) -> Identity:
        """Return the identity; ``ask`` is called once, whatever the number of threads."""
        if self.identity is None:
            with self._lock:
                if self.identity is None:
                    self.identity = ask()
        return self.identity

    def note_account(self, access_key: str, account_id: str) -> None:
        """Remember the account of an access key, as STS returned it; the oldest of too many is forgotten."""
        with self._lock:
            if len(self._accounts) >= MOST_KEYS:
                del self._accounts[next(iter(self._accounts))]
            self._accounts[access_key] = account_id

    def check_account(self, access_key: str, what: str, ask: Callable[[], Identity]) -> None:
        """Raise WrongConnection if an access key is of another account; ``ask`` is called once for each key.

        ``what`` is what is not done with the key, with its verb, such as ``"ListTagsForResource was not sent"``.
        """
        if self.identity is None:
            return
        account_id = self._accounts.get(access_key)
        if account_id is None:
            with self._lock:
                account_id = self._accounts.get(access_key)
                if account_id is None:
                    account_id = ask().account_id
                    self.note_account(access_key, account_id)
        if account_id != self.identity.account_id:
            raise WrongConnection(
                f"{what}: this connection is to account {self.identity.account_id}, but its credentials now belong to account "
                f"{account_id}. Connect again with kvs.connect(), or switch the credentials back."
            )
