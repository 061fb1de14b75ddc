"""boto3 clients of one connection, made once and shared by its threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws import call_credentials, log_redaction, reply_limits, response_guard
from kvs_notebook.aws.attempts import AttemptTracker
from kvs_notebook.aws.botocore_internals import bound_replies, close_client, lift_retry_quota
from kvs_notebook.aws.client_config import client_config
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.credential_errors import credential_error
from kvs_notebook.aws.error_translation import CORRECT_PROFILE, from_botocore_error
from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.aws.shared_clients import BoundClient, Caller, note_attempts_of_callers
from kvs_notebook.aws.tls import check_ca_bundle, trusted_ca_path
from kvs_notebook.aws.tracebacks import drop_frames
from kvs_notebook.errors import InvalidInput, KVSError, NoCredentials, ServiceFault
from kvs_notebook.formatting import one_line
from kvs_notebook.version import __version__

if TYPE_CHECKING:
    from botocore.config import Config


def _watch_shared(client: Any) -> None:
    """Configure a client that accounts share, so that no account affects the counts and retries of another."""
    note_attempts_of_callers(client)
    lift_retry_quota(client)


def _check_port(endpoint_url: str) -> None:
    """Raise ValueError if the port of an endpoint is not one: each request would fail as if its reply were malformed."""
    from urllib.parse import urlsplit

    if urlsplit(endpoint_url).port == 0:
        raise ValueError(f"Port of {endpoint_url} is 0")


class ClientFactory:
    """Create the clients of a connection on first use, and keep them until they are closed."""

    def __init__(self, config: ConnectionConfig, attempts: AttemptTracker) -> None:
        self._config = config
        self._attempts = attempts
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._lock = threading.RLock()
        log_redaction.install()

    def client(
        self, service_name: str, purpose: str, prepare: Callable[[Any], None] | None, endpoint_url: str | None
    ) -> Any:
        """Return the client of a service, purpose and endpoint; ``prepare`` is applied once, when it is made."""
        key = (service_name, purpose, endpoint_url)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._create(service_name, purpose, prepare, endpoint_url)
            return self._clients[key]

    def close(self) -> None:
        """Close all clients, and the connections that they keep open."""
        with self._lock:
            clients, self._clients = [*self._clients.values()], {}
        for client in clients:
            if isinstance(client, BoundClient):
                client.close()
            else:
                close_client(client)

    def _create(
        self, service_name: str, purpose: str, prepare: Callable[[Any], None] | None, endpoint_url: str | None
    ) -> Any:
        config = self._config
        if endpoint_url is not None:
            config.check_destination(endpoint_url)
        self._load_credentials()
        if config.shared_clients is None or endpoint_url is not None:
            return self._build(config.session, service_name, endpoint_url, self._attempts.watch, prepare)
        given_endpoint = self._given_endpoint(service_name)
        proxies = None if config.proxies is None else frozenset(config.proxies.items())
        return config.shared_clients.bind(
            (service_name, purpose, config.region, given_endpoint, proxies),
            lambda session: self._build(session, service_name, None, _watch_shared, prepare),
            Caller(config.session, self._attempts),
        )

    def _build(
        self,
        session: SharedSession,
        service_name: str,
        endpoint_url: str | None,
        watch: Callable[[Any], None],
        prepare: Callable[[Any], None] | None,
    ) -> Any:
        """Create a client with a session's credentials; ``watch`` notes its attempts, and ``prepare`` is applied last."""
        config = self._config
        operation = f"Creating the {service_name} client"
        handled = sys.exception()
        try:
            check_ca_bundle(config)
            client = session.client(
                service_name,
                region_name=config.region,
                endpoint_url=endpoint_url or self._given_endpoint(service_name),
                verify=trusted_ca_path(config) if endpoint_url else None,
                config=self._botocore_config(),
            )
            _check_port(client.meta.endpoint_url)
        except BaseException as error:
            drop_frames(error, handled)
            if isinstance(error, KVSError) or not isinstance(error, Exception):
                raise
            raise self._configuration_error(error, operation) from error
        response_guard.watch(client)
        call_credentials.watch(client)
        watch(client)
        bound_replies(client)
        reply_limits.watch(client)  # last, since it may raise
        if prepare is not None:
            prepare(client)
        return client

    def _load_credentials(self) -> None:
        """Load the credentials before botocore does: a profile may run a program, or ask for a code."""
        handled = sys.exception()
        try:
            self._config.session.load_credentials()
        except KVSError:
            raise
        except Exception as error:
            drop_frames(error, handled)
            raise credential_error(error, operation="Loading credentials", config=self._config) from error

    def _configuration_error(self, error: Any, operation: str) -> KVSError:
        """Return the error for a client that cannot be created because of a caller's value or the AWS configuration.

        botocore raises whatever it meets if a setting has members, or none, where it expects a value.
        """
        from botocore.exceptions import InvalidRegionError

        problem = from_botocore_error(error, operation=operation, config=self._config)
        is_of_caller = self._config.endpoint_url is not None or isinstance(error, InvalidRegionError)
        if type(problem) is not ServiceFault and (type(problem) is not InvalidInput or is_of_caller):
            return problem
        why = one_line(error).rstrip(".") or type(error).__name__
        return NoCredentials(f"{operation} failed: {why}. {CORRECT_PROFILE}", operation=operation)

    def _given_endpoint(self, service_name: str) -> str | None:
        """Return the given endpoint; for services other than Kinesis Video only if on loopback, where one port serves all."""
        endpoint_url = self._config.endpoint_url
        return endpoint_url if service_name == "kinesisvideo" or is_loopback(endpoint_url) else None

    def _botocore_config(self) -> Config:
        proxies = self._config.proxies
        return client_config(
            user_agent_extra=f"kvs-notebook/{__version__}",
            proxies=None if proxies is None else dict(proxies),
            max_pool_connections=16,
        )
