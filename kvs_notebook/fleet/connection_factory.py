"""Create a connection to each account of an inventory, in this process or in an executor's worker."""

from __future__ import annotations

import os
import threading
from functools import lru_cache

from kvs_notebook.aws.assume_role import assume_role, create_shared_clients
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.aws.shared_clients import SharedClients
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.accounts import Account


class ConnectionFactory:
    """Create connections to accounts; pickled, it holds the name of a profile and no credentials.

    Parameters
    ----------
    profile, region, endpoint_url
        What a worker process makes the base connection of, which roles are assumed from.
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

    def connect(self, account: Account, region: str) -> Connection:
        """Return a connection to an account; no request is sent.

        Sessions are expensive to create, so connections to one account share one.
        """
        if self._base is None:
            with _worker_lock:  # lru_cache lets threads that miss at the same time make one session each
                environment = _hash_environment()
                connection = _connection_in_worker(*self._base_arguments, environment, account)
                if (
                    connection.credentials_failed
                ):  # the worker outlives the inventory: the configuration may be repaired now
                    _connection_in_worker.cache_clear()
                    connection = _connection_in_worker(*self._base_arguments, environment, account)
                return connection.replace(region=region)
        with self._lock:
            if account not in self._connections:
                self._connections[account] = connection_to(account, self._base, self._shared_clients)
            return self._connections[account].replace(region=region)

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


_worker_lock = threading.Lock()


def _hash_environment() -> int:
    """Return a number that changes with the variables that AWS clients read; the connections of others are not used again."""
    read = (name for name in os.environ if name.startswith("AWS_") or name.lower().endswith(("_proxy", "_ca_bundle")))
    return hash(frozenset((name, os.environ[name]) for name in read))


@lru_cache(maxsize=128)  # more than the accounts whose units a worker has at a time, however they are ordered
def _connection_in_worker(
    profile: str | None, region: str, endpoint_url: str | None, environment: int, account: Account
) -> Connection:
    base, shared_clients = _base_in_worker(profile, region, endpoint_url, environment)
    return connection_to(account, base, shared_clients)


@lru_cache(maxsize=4)
def _base_in_worker(
    profile: str | None,
    region: str,
    endpoint_url: str | None,
    environment: int,  # noqa: ARG001 - a part of the key
) -> tuple[Connection, SharedClients]:
    return for_profile(profile, region=region, endpoint_url=endpoint_url), create_shared_clients()


def connection_to(account: Account, base: Connection, shared_clients: SharedClients) -> Connection:
    """Return a connection to an account by its profile, by a role that ``base`` assumes, or else ``base`` itself.

    Roles share clients; profiles do not, since each has settings of its own.
    """
    if account.profile is not None:
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
