"""One account in one region: its clients, its identity, its rate limits, and the path of each API call."""

from __future__ import annotations

import dataclasses
import logging
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kvs_notebook.arguments import check_text
from kvs_notebook.aws.account_alias import AccountAlias
from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.attempts import AttemptTracker
from kvs_notebook.aws.call_credentials import signed_with
from kvs_notebook.aws.client_factory import ClientFactory
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.connection_text import describe_connection, line_allowing_changes
from kvs_notebook.aws.credential_errors import credential_error, next_steps_of
from kvs_notebook.aws.error_translation import NO_NETWORK, from_botocore_error, from_client_error
from kvs_notebook.aws.identity import Identity, KnownIdentity
from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.aws.operation_names import MUTATING, Operation
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.aws.regions import check_region
from kvs_notebook.aws.reply_check import Subject, check_subject, hide_secrets, malformed_reply
from kvs_notebook.aws.retry import retry_throttled
from kvs_notebook.aws.session import Credentials
from kvs_notebook.aws.tls import create_tls_context
from kvs_notebook.aws.tracebacks import drop_frames
from kvs_notebook.errors import (
    ExpiredCredentials,
    KVSError,
    MissingExtra,
    NoCredentials,
    ReadOnly,
    Throttled,
    WrongConnection,
)
from kvs_notebook.keyword_hints import with_method_hints

_logger = logging.getLogger(__name__)

CREDENTIAL_ERRORS = (ExpiredCredentials, NoCredentials, MissingExtra)
"""What calls raise if the credentials cannot be used."""


@with_method_hints
class Connection:
    """A connection to Kinesis Video Streams as one identity in one region.

    connect() and Sandbox.connection() make it.

    It may be shared by threads: its clients are made once, under a lock.

    Attributes
    ----------
    config
        How it was made.
    rate_limiter
        Keeps every call of this connection under its share of the quotas.
    calls, throttles
        API calls that were made, and how many of them the service throttled.
    last_reply
        When a call last returned or failed, by time.monotonic(); before the
        first call, when the connection was made.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> europe = sandbox.connection(region="eu-west-1")
    >>> _ = kvs.create_channel("front-door", connection=europe)
    >>> europe.account_id, europe.region, europe.may_change(), europe.calls
    ('111122223333', 'eu-west-1', True, 2)
    """

    def __init__(self, config: ConnectionConfig) -> None:
        self.config = config
        self.rate_limiter = RateLimiter(config.share)
        self.calls = self.throttles = 0
        self.last_reply = time.monotonic()
        self._attempts = AttemptTracker()
        self._clients = ClientFactory(config, self._attempts)
        self._known = KnownIdentity()
        self._alias = AccountAlias()
        self._lock = threading.RLock()

    def replace(self, **changes: Any) -> Connection:
        """Return another connection with these changes of ``config``.

        Its clients, rate limits and counts are its own.
        """
        made = Connection(dataclasses.replace(self.config, **changes))
        if "session" not in changes:
            made._known = self._known
            made._alias = self._alias
        return made

    def in_region(self, region: str) -> Connection:
        """Return a connection to another region of the same account.

        It has the same credentials, and may change the same. No call is made.

        Parameters
        ----------
        region
            The region's code, such as ``"eu-west-1"``.

        Raises
        ------
        InvalidInput
            If this is not a known region; a connection with an endpoint of
            your own takes any.

        Examples
        --------
        >>> import kvs_notebook as kvs
        >>> sandbox = kvs.use_sandbox(clock="stepped")
        >>> len(kvs.list_channels(connection=kvs.current_connection().in_region("eu-west-1")))
        0
        """
        if self.endpoint_url is None or self.config.local_service is not None:
            check_region(region, newer=True)
        return self.replace(region=region)

    def __repr__(self) -> str:
        return describe_connection(self.config, self._known.identity)

    @property
    def region(self) -> str:
        """The region's code, such as ``"us-east-1"``."""
        return self.config.region

    @property
    def profile(self) -> str | None:
        """The AWS profile's name, None for boto3's default chain."""
        return self.config.profile

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint that was given, None for the service's own."""
        return self.config.endpoint_url

    @property
    def attempts(self) -> int:
        """HTTP requests that the calls took."""
        return self._attempts.count

    # --- identity

    def identity(self) -> Identity:
        """Return the identity of this connection.

        The first call asks STS with GetCallerIdentity, and its answer is kept.

        Raises
        ------
        NoCredentials
            If no credentials were found.
        ExpiredCredentials
            If STS rejects the credentials.
        EndpointUnreachable
            If STS does not answer.
        """
        return self._known.get(
            lambda: Identity.from_reply(self.call("GetCallerIdentity", {}, client=self.client("sts")))
        )

    def _ask_identity(self, credentials: Credentials) -> Identity:
        """Return the identity of credentials, asked from STS as a part of another call."""
        self.rate_limiter.wait("GetCallerIdentity", None)
        with self._attempts.of_another_call(), signed_with(credentials):
            reply = self._send(self.client("sts"), "GetCallerIdentity", {}, None)
        check_subject("GetCallerIdentity", {}, reply, Subject(None, self.region))
        return Identity.from_reply(reply)

    @property
    def known_identity(self) -> Identity | None:
        """The identity if STS was asked before, else None."""
        return self._known.identity

    @property
    def account_id(self) -> str:
        """The account's 12 digits.

        Raises
        ------
        KVSError
            If the account is not known yet, since no call was made.
            kvs.connect() asks for it, and so does :meth:`identity`.
        """
        if self.config.account_id is not None:
            return self.config.account_id
        if self._known.identity is None:
            raise KVSError("The account of this connection is not known yet. Call connection.identity() first.")
        return self._known.identity.account_id

    def account_alias(self) -> str | None:
        """Return the account's alias, None if it has none or IAM does not say.

        The first call asks with ListAccountAliases, and its answer is kept.
        The alias is only shown: a failure is logged (INFO), and not raised.
        """
        return self._alias.read(self._ask_alias)

    def _ask_alias(self) -> str | None:
        try:
            reply = self._attempt(self.client("iam"), "ListAccountAliases", {}, None)
        except KVSError as error:
            _logger.info("The account's alias is not shown: %s", error)
            return None
        return next(iter(reply.get("AccountAliases") or ()), None) or None

    @property
    def known_alias(self) -> str | None:
        """The alias of the account if IAM has returned one, else None."""
        return self._alias.value

    def resolve_account_id(self) -> str:
        """Return the account's 12 digits, from STS if they are not known yet."""
        return self.config.account_id or self.identity().account_id

    def is_sandbox(self) -> bool:
        """Return whether a local sandbox answers.

        For an endpoint on loopback that was not made by one, STS is asked once.
        """
        if self.config.local_service is not None:
            return True
        return is_loopback(self.endpoint()) and self.identity().is_sandbox_user

    def may_change(self) -> bool:
        """Return whether calls that change something are sent.

        They are sent to a sandbox, or if changes are allowed.
        """
        return self.config.allow_changes or self.is_sandbox()

    # --- clients

    def client(
        self,
        service_name: str = "kinesisvideo",
        *,
        purpose: str = "",
        prepare: Callable[[Any], None] | None = None,
        endpoint_url: str | None = None,
    ) -> Any:
        """Return the boto3 client of ``service_name``, made on first use and kept.

        ``purpose`` names a client apart from the shared one, to which
        ``prepare`` is applied once, when it is made; ``endpoint_url`` is an
        endpoint that the service itself has named.
        """
        check_text("service_name", service_name, "kinesisvideo")
        try:
            return self._clients.client(service_name, purpose, prepare, endpoint_url)
        except CREDENTIAL_ERRORS:
            self.config.session.credentials_failed = True
            raise

    def close_clients(self) -> None:
        """Close the clients; a client that is requested later is created again."""
        self._clients.close()

    def endpoint(self) -> str:
        """Return the URL that calls go to.

        It is the one that was given, else the service's own for the region.
        """
        url: str = self.config.endpoint_url or self.client().meta.endpoint_url
        return url

    def credentials(self) -> Credentials:
        """Return the current credentials, to sign with.

        Their secret key and token are not displayed.

        Raises
        ------
        NoCredentials
            If there are none.
        ExpiredCredentials
            If they cannot be refreshed.
        WrongConnection
            If they are of another account than this connection. STS is asked
            once for each access key, if the account is known.
        """
        check = partial(self._checked_credentials, "Signing", "Nothing was signed")
        return retry_throttled(check, "GetCallerIdentity", self.rate_limiter.sleep)

    def _checked_credentials(self, operation: str, what_is_not_done: str) -> Credentials:
        """Return the current credentials; raise WrongConnection if they are of another account than this connection."""
        try:
            credentials = self._load_credentials(operation)
            if self.config.account_id is None and operation != "GetCallerIdentity":
                ask = partial(self._ask_identity, credentials)
                self._known.check_account(credentials.access_key, what_is_not_done, ask)
        except KVSError as error:
            error.maybe_applied = False  # of a request for credentials, or to STS
            raise
        return credentials

    def _load_credentials(self, operation: str) -> Credentials:
        """Return the current credentials; raise an error of ours for ``operation``, whatever their provider raises."""
        handled = sys.exception()
        try:
            return self.config.session.credentials()
        except BaseException as error:
            drop_frames(error, handled)
            if isinstance(error, KVSError) or not isinstance(error, Exception):
                raise
            raise credential_error(error, operation=operation, config=self.config) from error

    def tls_context(self, endpoint_url: str) -> ssl.SSLContext:
        """Create the TLS settings for ``endpoint_url``, which the service named.

        They trust what this machine trusts, or a sandbox's own CA.
        """
        return create_tls_context(self.config, endpoint_url)

    @property
    def credentials_failed(self) -> bool:
        """True if the latest call with these credentials failed because of them.

        Calls in all regions count.
        """
        return self.config.session.credentials_failed

    # --- calls, in the order of their steps: policy, rate limit, attempt, translation of an error, retry

    def call(
        self,
        operation: Operation,
        params: Mapping[str, Any],
        *,
        channel: str | None = None,
        client: Any = None,
    ) -> dict[str, Any]:
        """Make one API call, ``operation`` with ``params``, and return its reply.

        ``channel`` is the channel's name, for quotas and messages; ``client``
        is whose call it is, None for the shared one.

        Raises
        ------
        ReadOnly
            If the operation changes something and this connection may not;
            nothing was sent.
        KVSError
            The class for the service's error code, with botocore's error as
            its cause; ``maybe_applied`` is True if an attempt's outcome was
            not seen.
        """
        if operation in MUTATING:
            self.require_changes(operation)
        attempt = partial(self._attempt, client or self.client(), operation, params, channel)
        self._attempts.begin_call()
        try:
            reply = retry_throttled(attempt, operation, self.rate_limiter.sleep)
        except KVSError as error:
            error.maybe_applied |= self._attempts.any_unseen
            self.config.session.credentials_failed = isinstance(error, CREDENTIAL_ERRORS)
            raise
        self.config.session.credentials_failed = False
        return reply

    def require_changes(self, operation: str) -> None:
        """Raise ReadOnly for an ``operation`` if this connection is read-only.

        The error has the line that allows changes.

        The account is known from here on, so that no reply about another
        account leads to a change there.
        """
        if not self.may_change():
            raise ReadOnly(
                f"{operation} was not sent: this connection to account {self.resolve_account_id()} in {self.region} is "
                f"read-only. To allow changes: {line_allowing_changes(self.config)}",
                operation=operation,
            )
        self.resolve_account_id()

    def _attempt(
        self, client: Any, operation: Operation, params: Mapping[str, Any], channel: str | None
    ) -> dict[str, Any]:
        """Wait for the rate limit, send one request, and raise an error of ours if it fails."""
        self.rate_limiter.wait(operation, channel)
        # Apart from the call, so that what a provider raises is known for what it is.
        credentials = self._checked_credentials(operation, f"{operation} was not sent")
        with signed_with(credentials):
            reply = self._send(client, operation, params, channel)
        known = self._known.identity
        account_id = self.config.account_id or (known.account_id if known else None)
        check_subject(operation, params, reply, Subject(account_id, self.region))
        if operation == "GetCallerIdentity":
            self._known.note_account(credentials.access_key, reply["Account"])
        return hide_secrets(operation, reply)

    def _send(
        self, client: Any, operation: Operation, params: Mapping[str, Any], channel: str | None
    ) -> dict[str, Any]:
        """Send one request and return its reply, of any account; raise an error of ours if it fails."""
        from botocore import xform_name

        with self._lock:
            self.calls += 1
        handled = sys.exception()
        try:
            reply: dict[str, Any] = getattr(client, xform_name(operation))(**params)
        except BaseException as error:
            drop_frames(error, handled)
            problem = self._translate(error, operation, channel)
            if problem is None:
                raise
            if isinstance(problem, Throttled):
                with self._lock:
                    self.throttles += 1
            raise problem from error
        finally:
            self.last_reply = time.monotonic()
        return reply

    def _translate(self, error: BaseException, operation: Operation, channel: str | None) -> KVSError | None:
        """Return the error of ours for one of botocore's, None for any other."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        if isinstance(error, KVSError):
            return None
        if isinstance(error, ClientError):
            next_steps = next_steps_of(self.config, error)
            return from_client_error(error, operation=operation, subject=channel, next_steps=next_steps)
        if isinstance(error, (BotoCoreError, OSError, EOFError)):
            return from_botocore_error(error, operation=operation, config=self.config)
        if isinstance(
            error, (ResponseParserError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
        ):
            return malformed_reply(operation, f"cannot be parsed ({type(error).__name__})")
        return None

    def stop(self, error: KVSError) -> None:
        """Stop sending calls: each further one raises ``error``.

        Calls in other threads raise it, too. Calls under way go on.
        """
        self.rate_limiter.stop(error)

    # --- what messages and checks need

    @property
    def unreachable_hint(self) -> str:
        """What to do when the service does not answer."""
        local_service = self.config.local_service
        return NO_NETWORK if local_service is None else local_service.unreachable_hint()

    def check_arn(self, arn: str) -> ChannelArn:
        """Return the parts of an ``arn``, which has to be of this connection.

        If it is of another account or region, raise WrongConnection.
        """
        parsed = ChannelArn.parse(arn)
        account_id = self.resolve_account_id()
        if (parsed.account_id, parsed.region) != (account_id, self.region):
            raise WrongConnection(
                f"Channel {parsed.channel_name} is in account {parsed.account_id}, {parsed.region}, but this connection is to "
                f"account {account_id}, {self.region}. Pass connection= for that account and region; nothing was sent."
            )
        return parsed

    def service_time(self, error: KVSError) -> datetime:
        """Return the service's time of an ``error``, from its reply.

        This machine's clock may be wrong.
        """
        from email.utils import parsedate_to_datetime

        if self.config.local_service is not None:
            return self.now()
        response = getattr(error.__cause__, "response", {})
        date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        try:
            found = parsedate_to_datetime(date or "")
        except ValueError:
            return self.now()
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the current time by which channels are created and aged.

        It is a sandbox's lifecycle time, else this machine's.
        """
        local_service = self.config.local_service
        return datetime.now(UTC) if local_service is None else local_service.now()
