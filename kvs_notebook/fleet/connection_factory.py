"""Create a connection to each account of an inventory, in this process or in an executor's worker."""

from __future__ import annotations

import os
import threading
from collections import Counter
from functools import lru_cache
from typing import TypeAlias

from kvs_notebook.aws.assume_role import assume_role, create_shared_clients
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.aws.shared_clients import SharedClients
from kvs_notebook.errors import InvalidInput, NoRegion, WrongConnection
from kvs_notebook.fleet.accounts import Account

_BaseArguments: TypeAlias = "tuple[str | None, str, str | None]"
"""The profile, region and endpoint URL of a base connection."""

BASE = Account()
"""The base connection: its credentials read its own account, and assume every role."""


class ConnectionFactory:
    """Create connections to accounts; pickled, it holds the name of a profile and no credentials.

    Parameters
    ----------
    profile, region, endpoint_url
        From these, a worker process creates the base connection, which assumes the roles.
    base
        The base connection itself, in the process that has it.

    Attributes
    ----------
    region
        The region of the base connection.
    """

    def __init__(
        self, profile: str | None, region: str, endpoint_url: str | None, base: Connection | None = None
    ) -> None:
        self.region = region
        self._base_arguments = (profile, region, endpoint_url)
        self._base = base
        self._shared_clients = create_shared_clients()
        self._connections: dict[Account, Connection] = {}
        self._lock = threading.Lock()

    @classmethod
    def in_process(cls, base: Connection) -> ConnectionFactory:
        """Create a factory for threads of this process, which share the base connection's session."""
        return cls(base.profile, base.region, base.endpoint_url, base)

    @classmethod
    def for_workers(cls, base: Connection) -> ConnectionFactory:
        """Create a factory for worker processes, which make the base connection again from its profile.

        Raises
        ------
        InvalidInput
            If the base connection has credentials that another process cannot find by itself.
        """
        if not base.config.portable:
            raise InvalidInput(
                "This connection's credentials stay in this process, so an executor's workers cannot use them. Connect "
                'with a profile, as in kvs.connect("my-profile"), or start the workers in sandbox.environment().'
            )
        return cls(base.profile, base.region, base.endpoint_url)

    def __reduce__(self) -> tuple[object, ...]:
        return (ConnectionFactory, self._base_arguments)

    def connect(self, account: Account, region: str | None) -> Connection:
        """Return a connection to an account; no request is sent.

        Without a region it is to the one that is configured for the account's profile, else to that of the base connection.

        Sessions are expensive to create, so connections to one account share one.
        """
        if self._base is None:
            connection = self._connect_in_worker(account)
            return connection.replace(region=region or connection.region)
        with self._lock:
            if account not in self._connections:
                self._connections[account] = connection_to(account, self._base, self._shared_clients)
            connection = self._connections[account]
        return connection.replace(region=region or connection.region)

    def connect_to(self, account: Account, account_id: str, region: str) -> Connection:
        """Return a connection to an account whose id is known; a worker process asks STS for it once for each account.

        Raises
        ------
        WrongConnection
            If the credentials, such as those of a worker's own configuration, are of another account.
        KVSError
            If STS has to be asked, and does not return the account.
        """
        connection = self.connect(account, None)  # STS of another region may not know the key
        if self._base is None and not _is_to(connection, account_id):
            connection = self._connect_in_worker(account, renew=True).replace()
        if not _is_to(connection, account_id):
            raise WrongConnection(
                f"Nothing was read: {account.label} is account {connection.account_id} for the process that reads, and account "
                f"{account_id} for the one that started the inventory. Give both the same AWS configuration, then read it again."
            )
        return connection.replace(region=region)

    def _connect_in_worker(self, account: Account, *, renew: bool = False) -> Connection:
        """Return the connection to an account that this worker process keeps; a new one if its credentials have failed."""
        with _worker_lock:  # lru_cache lets threads that miss at the same time make one session each
            key = (self._base_arguments, _hash_environment())
            connection = _connection_in_worker(*key, account, _renewals[account])
            if renew or connection.credentials_failed:
                # The worker outlives the inventory: the configuration may be another one now.
                _renewals.update({account} if account.profile is not None else {account, BASE})
                connection = _connection_in_worker(*key, account, _renewals[account])
            return connection

    def check_credentials(self, account: Account) -> None:
        """Call GetCallerIdentity with an account's credentials, in the base connection's region; raise the error it returns."""
        connection = self.connect(account, self.region)
        try:
            connection.call("GetCallerIdentity", {}, client=connection.client("sts"))
        finally:
            connection.close_clients()

    def release(self, account: Account) -> None:
        """Drop an account's session; connections that use it keep it alive."""
        with self._lock:
            self._connections.pop(account, None)


def _is_to(connection: Connection, account_id: str) -> bool:
    try:
        return connection.resolve_account_id() == account_id
    finally:
        connection.close_clients()


_worker_lock = threading.Lock()

_renewals: Counter[Account] = Counter()
"""How often a worker process has made its connection to an account anew."""


def _hash_environment() -> int:
    """Return a number that changes with the variables that AWS clients read; connections are reused only if it is the same."""
    read = (name for name in os.environ if name.startswith("AWS_") or name.lower().endswith(("_proxy", "_ca_bundle")))
    return hash(frozenset((name, os.environ[name]) for name in read))


@lru_cache(maxsize=128)  # more than the accounts that a worker reads at a time, in any order
def _connection_in_worker(
    base_arguments: _BaseArguments,
    environment: int,
    account: Account,
    renewals: int,  # noqa: ARG001 - a part of the key
) -> Connection:
    base, shared_clients = _base_in_worker(base_arguments, environment, _renewals[BASE])
    return connection_to(account, base, shared_clients)


@lru_cache(maxsize=4)
def _base_in_worker(
    base_arguments: _BaseArguments,
    environment: int,  # noqa: ARG001 - a part of the key
    renewals: int,  # noqa: ARG001 - as above
) -> tuple[Connection, SharedClients]:
    profile, region, endpoint_url = base_arguments
    return for_profile(profile, region=region, endpoint_url=endpoint_url), create_shared_clients()


def connection_to(account: Account, base: Connection, shared_clients: SharedClients) -> Connection:
    """Return a connection to an account by its profile, by a role that ``base`` assumes, or else ``base`` itself.

    Roles share clients; profiles do not, since each has settings of its own.
    """
    if account.profile is not None:
        try:
            return for_profile(account.profile, endpoint_url=base.endpoint_url)
        except NoRegion:
            return for_profile(account.profile, region=base.region, endpoint_url=base.endpoint_url)
    if account.role_arn is not None:
        return assume_role(
            base,
            account.role_arn,
            external_id=account.external_id,
            role_session=account.role_session,
            region=base.region,
            shared_clients=shared_clients,
        )
    return base
