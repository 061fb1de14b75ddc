"""Connection: one account in one region, its clients, its identity, its pacing."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kvs_notebook.aws import response_guard
from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.botocore_internals import close
from kvs_notebook.aws.error_translation import IN_SANDBOX, SANDBOX_GONE, from_botocore_error, from_client_error
from kvs_notebook.aws.quotas import MUTATING
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.errors import EndpointUnreachable, InvalidInput, KVSError, ReadOnly, WrongConnection
from kvs_notebook.version import __version__

if TYPE_CHECKING:
    import boto3

SANDBOX_USER = "kvs-notebook-sandbox"
"""The user name in the identity that a sandbox answers with: how a program started in its environment knows it."""


class Connection:
    """Talk to Kinesis Video Streams as one identity in one region; made by connect() and by Sandbox.connection().

    Clients are made once, under a lock, and may be shared by threads.

    Attributes
    ----------
    region
        The region's code, such as ``"us-east-1"``.
    profile
        The AWS profile's name, None for boto3's default chain.
    endpoint_url
        The endpoint where one was given, None for the service's own.
    pacing
        The buckets that keep every call of this connection under its share of the quotas.
    portable
        True where another process makes the same connection by the profile's name, or by the environment.
    calls, attempts
        API calls that were made, and HTTP requests that they took.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> europe = sandbox.connection(region="eu-west-1")
    >>> _ = kvs.create_channel("front-door", connection=europe)
    >>> europe.account_id, europe.region, europe.may_change, europe.calls
    ('111122223333', 'eu-west-1', True, 3)
    """

    def __init__(
        self,
        *,
        session: boto3.Session | Callable[[], boto3.Session] | SharedSession,
        region: str,
        profile: str | None = None,
        endpoint_url: str | None = None,
        allow_changes: bool = False,
        proxies: Mapping[str, str] | None = None,
        sandbox: bool = False,
        service_time: Callable[[], datetime] | None = None,
        share: float | Mapping[str, float] | None = None,
        ca_bundle: Callable[[], str] | None = None,
        portable: bool = False,
    ) -> None:
        if sandbox and not is_loopback(endpoint_url):
            raise InvalidInput(f"A sandbox answers on loopback only, not on {endpoint_url}.")
        self.region = region
        self.profile = profile
        self.endpoint_url = endpoint_url
        self.rate_limiter = RateLimiter(share)
        self.calls = self.attempts = 0
        self.portable = portable
        self._session = session if isinstance(session, SharedSession) else SharedSession(session)
        self._allow_changes = allow_changes
        self._proxies = proxies
        self._sandbox = sandbox
        self._service_time = service_time
        self._ca_bundle = ca_bundle
        self._clients: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._identity: Mapping[str, str] | None = None
        self._attempts = threading.local()
        self._made_with = {
            "session": self._session,
            "region": region,
            "profile": profile,
            "endpoint_url": endpoint_url,
            "allow_changes": allow_changes,
            "proxies": proxies,
            "sandbox": sandbox,
            "service_time": service_time,
            "share": share,
            "ca_bundle": ca_bundle,
            "portable": portable,
        }

    def again(self, **changes: Any) -> Connection:
        """Make another connection like this one, with these ``changes``; clients, buckets and counts are its own."""
        made = Connection(**{**self._made_with, **changes})
        if "session" not in changes:
            made._identity = self._identity
        return made

    def __repr__(self) -> str:
        account = self._identity["Account"] if self._identity else "not asked yet"
        parts = [f"account {account}", self.region]
        if self.profile:
            parts.append(f"profile {self.profile}")
        if self.endpoint_url:
            parts.append(self.endpoint_url)
        if self._sandbox or (self._identity and self.is_sandbox):
            parts.append("SANDBOX")
        elif not self._allow_changes:
            parts.append("read-only")
        return f"<Connection: {', '.join(parts)}>"

    @property
    def identity(self) -> Mapping[str, str]:
        """Ask STS who this connection is, once: Account, Arn and UserId.

        Raises
        ------
        NoCredentials, ExpiredCredentials, EndpointUnreachable
            Where nobody can be asked, or the answer is no.
        """
        if self._identity is None:
            self._identity = self.call("GetCallerIdentity", {}, client=self.client("sts"))
        return self._identity

    @property
    def known_identity(self) -> Mapping[str, str] | None:
        """The identity where STS was asked before, None where it was not."""
        return self._identity

    @property
    def account_id(self) -> str:
        """The account's twelve digits, from STS."""
        return self.identity["Account"]

    @property
    def is_sandbox(self) -> bool:
        """True where a local sandbox answers: on loopback, and with the sandbox's own identity."""
        if self._sandbox:
            return True
        endpoint = self.client().meta.endpoint_url
        return is_loopback(endpoint) and self.identity["Arn"].endswith(f"/{SANDBOX_USER}")

    @property
    def may_change(self) -> bool:
        """True where create, update, delete and tag calls are sent: in a sandbox, or once allowed."""
        return self._allow_changes or self.is_sandbox

    def client(
        self,
        service_name: str = "kinesisvideo",
        *,
        purpose: str = "",
        prepare: Callable[[Any], None] | None = None,
        endpoint_url: str | None = None,
    ) -> Any:
        """Give the boto3 client of ``service_name``, made on first use and kept.

        ``purpose`` names a client apart from the shared one, to which ``prepare`` is applied once, when it is made;
        ``endpoint_url`` is an endpoint that the service itself has named.
        """
        key = f"{service_name} {purpose} {endpoint_url}"
        with self._lock:
            if key not in self._clients:
                client = self._make_client(service_name, endpoint_url)
                if prepare is not None:
                    prepare(client)
                self._clients[key] = client
            return self._clients[key]

    def _make_client(self, service_name: str, endpoint_url: str | None) -> Any:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 3},  # pinned: boto3's default has changed before
            user_agent_extra=f"kvs-notebook/{__version__}",
            proxies=None if self._proxies is None else dict(self._proxies),
            max_pool_connections=16,
            connect_timeout=10,
            read_timeout=30,
        )
        try:
            client = self._session.client(
                service_name,
                region_name=self.region,
                endpoint_url=self._checked(endpoint_url) or self._endpoint_of(service_name),
                verify=self._trusted() if endpoint_url else None,
                config=config,
            )
        except (
            BotoCoreError,
            ValueError,
            OSError,
            EOFError,
        ) as error:  # a profile may run a program, or ask for a code
            raise from_botocore_error(error, operation=f"{service_name} client", where=self._where) from error
        response_guard.watch(client)
        client.meta.events.register("response-received.*", self._see_attempt)
        return client

    def close_clients(self) -> None:
        """Close the clients and what they keep open; they would outlive the connection, which they tell of each attempt."""
        with self._lock:
            clients, self._clients = [*self._clients.values()], {}
        for client in clients:
            close(client)

    def _checked(self, endpoint_url: str | None) -> str | None:
        """Refuse to leave loopback for an endpoint that a sandbox is said to have named."""
        if self._sandbox and endpoint_url is not None and not is_loopback(endpoint_url):
            raise InvalidInput(f"A sandbox answers on loopback only, not on {endpoint_url}.")
        return endpoint_url

    def credentials(self) -> Any:
        """Give botocore's credentials as they are now, to sign with.

        Raises
        ------
        NoCredentials, ExpiredCredentials
            Where there are none, or they cannot be refreshed.
        """
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            credentials = self._session.opened().get_credentials()
            if credentials is None:
                raise NoCredentialsError
            return credentials.get_frozen_credentials()
        except (BotoCoreError, OSError, EOFError) as error:
            raise from_botocore_error(error, operation="Signing", where=self._where) from error

    def _trusted(self) -> str | None:
        try:
            return self._ca_bundle() if self._ca_bundle else None
        except OSError as error:
            raise EndpointUnreachable(f"{self.endpoint_url} did not answer. {SANDBOX_GONE}") from error

    def tls_context(self, endpoint_url: str) -> ssl.SSLContext:
        """Give the TLS settings for ``endpoint_url``, which the service named: this machine's trust, or a sandbox's own CA."""
        self._checked(endpoint_url)
        return ssl.create_default_context(cafile=self._trusted())

    @property
    def endpoint(self) -> str:
        """The URL that calls go to: the one that was given, else the service's own for the region."""
        url: str = self.endpoint_url or self.client().meta.endpoint_url
        return url

    @property
    def _where(self) -> str:
        return self.endpoint_url or f"Kinesis Video Streams in {self.region}"

    def _endpoint_of(self, service_name: str) -> str | None:
        """Send other services to a given endpoint only on loopback: there one port answers for all, elsewhere it would not."""
        if service_name == "kinesisvideo" or is_loopback(self.endpoint_url):
            return self.endpoint_url
        return None

    def _see_attempt(self, response_dict: Mapping[str, Any] | None, exception: Exception | None, **_: Any) -> None:
        """Note each attempt that botocore makes by itself, and whether its outcome was seen."""
        from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

        with self._lock:
            self.attempts += 1
        if response_dict is not None:
            unseen = response_dict["status_code"] >= 500  # noqa: PLR2004
        else:
            unseen = not isinstance(exception, (EndpointConnectionError, ConnectTimeoutError))
        if unseen:
            self._attempts.unseen = True

    def call(
        self,
        operation: str,
        params: Mapping[str, Any],
        *,
        channel: str | None = None,
        client: Any = None,
    ) -> dict[str, Any]:
        """Make one API call under the pacing, ``operation`` with ``params``, and give its reply.

        ``channel`` is what it is about, for quotas and messages; ``client`` is whose call it is, None for the shared one.

        Raises
        ------
        ReadOnly
            Before anything is sent, for a change on a connection that may not make one.
        KVSError
            The class for the service's error code, botocore's error as its cause; ``maybe_applied`` is True where an
            attempt's outcome was not seen.
        """
        from botocore import xform_name

        if operation in MUTATING:
            self.require_changes(operation)
        if client is None:
            client = self.client()
        method = getattr(client, xform_name(operation))
        self._attempts.unseen = False
        try:
            answer: dict[str, Any] = self.rate_limiter.run(
                operation, channel, lambda: self._send(method, operation, params, channel)
            )
        except KVSError as error:
            error.maybe_applied |= self._attempts.unseen
            raise
        return answer

    def _send(
        self, method: Callable[..., dict[str, Any]], operation: str, params: Mapping[str, Any], subject: str | None
    ) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        with self._lock:
            self.calls += 1
        try:
            return method(**params)
        except KVSError:
            raise
        except ClientError as error:
            steps = IN_SANDBOX if self._sandbox else None
            raise from_client_error(error, operation=operation, subject=subject, next_steps=steps) from error
        except (BotoCoreError, OSError, EOFError) as error:
            raise from_botocore_error(
                error, operation=operation, where=self._where, in_sandbox=self._sandbox
            ) from error

    def require_changes(self, operation: str) -> None:
        """Raise ReadOnly for an ``operation``, with the line that lifts it, where this connection may change nothing."""
        if not self.may_change:
            raise ReadOnly(
                f"{operation} was not sent: this connection to account {self.account_id} in {self.region} is read-only. "
                f"To allow changes: {self.line_that_allows_changes}",
                operation=operation,
            )

    @property
    def line_that_allows_changes(self) -> str:
        """The Python line that makes this connection anew, with changes allowed."""
        arguments = [f"{self.profile!r}"] if self.profile else []
        arguments += [f"region={self.region!r}", "allow_changes=True"]
        return f"kvs.connect({', '.join(arguments)})"

    def check_arn(self, arn: str) -> ChannelArn:
        """Take an ``arn`` apart; raise WrongConnection where it is of another account or region than this connection."""
        parsed = ChannelArn.parse(arn)
        if (parsed.account_id, parsed.region) != (self.account_id, self.region):
            raise WrongConnection(
                f"Channel {parsed.channel_name} is in account {parsed.account_id}, {parsed.region}, but this connection is to "
                f"account {self.account_id}, {self.region}: pass connection= for that account and region. Nothing was sent."
            )
        return parsed

    def service_time(self, error: KVSError) -> datetime:
        """Give the service's clock at the time of an error: from its reply, so that this machine's clock may be off."""
        from email.utils import parsedate_to_datetime

        if self._service_time is not None:
            return self.now()
        response = getattr(error.__cause__, "response", {})
        date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        return parsedate_to_datetime(date) if date else self.now()

    def now(self) -> datetime:
        """Give the time in which channels live: a sandbox's own lifecycle time, else this machine's."""
        return self._service_time() if self._service_time is not None else datetime.now(UTC)


def is_loopback(url: str | None) -> bool:
    """Tell whether a URL's host is this machine's loopback."""
    host = urlsplit(url or "").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
