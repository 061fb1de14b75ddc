"""Which connection reaches each account of given channels; STS is asked which account each connection belongs to."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.identity import Identity
from kvs_notebook.errors import KVSError, WrongConnection, to_kvs_error
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory


class AccountAccess:
    """The connections to the accounts of channels.

    Parameters
    ----------
    accounts
        How to connect to each account.
    connections
        What connects to them.
    account_ids
        The accounts of the channels: other accounts, if their id is known, are not connected to.
    allow_changes
        Whether changes may be sent to real accounts.

    Attributes
    ----------
    identities
        The identity in each account that can be reached, from STS.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        connections: ConnectionFactory,
        account_ids: Collection[str],
        *,
        allow_changes: bool,
    ) -> None:
        self.identities: dict[str, Identity] = {}
        self._connections = connections
        self._allow_changes = allow_changes
        self._accounts: dict[str, Account] = {}
        self._errors: list[tuple[Account, KVSError]] = []
        tried = [each for each in accounts if each.account_id is None or each.account_id in account_ids]
        found = map_concurrent(self._identify, tried, description="Connecting", unit="account")
        for account, identity in zip(tried, found, strict=True):
            if isinstance(identity, KVSError):
                self._errors.append((account, identity))
            elif self._accounts.setdefault(identity.account_id, account) is account:
                self.identities[identity.account_id] = identity

    def _identify(self, account: Account) -> Identity | KVSError:
        try:
            connection = self._connections.connect(account, self._connections.region)
            try:
                identity = connection.identity()
            finally:
                connection.close_clients()
            if account.account_id not in (None, check_account_id(identity.account_id)):
                return WrongConnection(
                    f"{account.label} belongs to account {identity.account_id}, not to {account.account_id}. Correct the "
                    "accounts file; nothing was sent."
                )
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a profile may run any program; the others are still reached
            return to_kvs_error(error)
        return identity

    def connect(self, account_id: str, region: str) -> Connection | None:
        """Return a connection to an account in a region; None if the account cannot be reached."""
        account = self._accounts.get(account_id)
        if account is None:
            return None
        connection = self._connections.connect(account, region)
        return connection.replace(allow_changes=True) if self._allow_changes else connection

    def reason_without(self, account_id: str) -> str:
        """Return why an account cannot be reached, as a sentence."""
        for account, error in self._errors:
            if account.account_id in (None, account_id):
                return f"Account {account_id} was not reached: {error}"
        reached = ", ".join(sorted(self._accounts))
        others = f" (reached: {reached})" if reached else ""
        return (
            f"No connection reaches account {account_id}{others}. Pass profiles=, role_arns= or accounts= that name it."
        )
