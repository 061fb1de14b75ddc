"""Sandbox: a local simulation of the service, started or joined, and what users ask of it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from kvs_notebook.arguments import check_path
from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.botocore_internals import create_isolated_session, open_session
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig, LocalService
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.aws.regions import check_region
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.errors import SandboxError
from kvs_notebook.keyword_hints import with_method_hints
from kvs_notebook.sandbox.advice import NEXT_STEPS, SANDBOX_RUNS, SANDBOX_STOPPED
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.aws_profile import AwsProfile
from kvs_notebook.sandbox.backend.context import EPOCH
from kvs_notebook.sandbox.certificates import CertificateAuthority
from kvs_notebook.sandbox.clock import Clock
from kvs_notebook.sandbox.http.admin_client import AdminClient
from kvs_notebook.sandbox.http.request_log import requests_frame
from kvs_notebook.sandbox.settings import Settings
from kvs_notebook.sandbox.start import start_or_join
from kvs_notebook.sandbox.state_directory import CERTIFICATE_FILE, StateDirectory

if TYPE_CHECKING:
    import boto3
    import pandas as pd


@with_method_hints
class Sandbox:
    """Run a local simulation of the service, on loopback.

    It runs until :meth:`stop` or the end of the process.

    Its clients are real: requests go over HTTP, are signed, validated, counted
    against the published quotas and answered in the service's own format. It
    starts empty; :meth:`seed` adds channels.

    Parameters
    ----------
    state
        A directory that keeps the state after the process ends. A second
        process that names the same directory joins the first; when the first
        has ended, the next one takes the directory over. None keeps the state
        in memory.
    port
        Port on loopback; 0 takes the port that ``state`` used before if it is
        free, else any.
    account_id, region
        Defaults of :meth:`connection`: 111122223333 and us-east-1.
    clock
        Lifecycle time, in which channels are created, change and are deleted:
        ``"real"``; ``"stepped"``, which starts at 2026-01-05T09:00:00Z and
        moves one second with each request, so that outputs are reproducible;
        or a Clock object.
    quotas
        Whether the published request quotas are enforced; they are unless
        False.
    assumptions
        How the sandbox behaves if the service's behaviour is not known.

    Raises
    ------
    InvalidInput
        If a setting is not valid.
    SandboxError
        If the port is taken, the directory cannot be used, another user may
        write to it, its disk is full, or a sandbox with other settings runs in
        it.
    MissingExtra
        If the extra ``sandbox`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> with kvs.Sandbox(clock="stepped") as sandbox:
    ...     added = sandbox.seed()
    ...     print(len(kvs.list_channels(connection=sandbox.connection(region="eu-west-1"))), "of", added)
    9 of 26
    """

    def __init__(
        self,
        state: str | os.PathLike[str] | None = None,
        port: int = 0,
        *,
        account_id: str | None = None,
        region: str | None = None,
        clock: str | Clock | None = None,
        quotas: bool | None = None,
        assumptions: Assumptions | None = None,
    ) -> None:
        settings = Settings(
            port=port, account_id=account_id, region=region, clock=clock, quotas=quotas, assumptions=assumptions
        )
        self.state = None if state is None else _state_path(state)
        self._directory = StateDirectory(self.state)
        self._certificates = CertificateAuthority(self._directory)
        self._address, stop = start_or_join(self._directory, self._certificates, settings)
        self._stop = weakref.finalize(self, stop)
        self._profile = AwsProfile(self._directory, self._certificates, self._address)
        if self._directory.durable:
            try:
                self._profile.write()
            except SandboxError:
                self.stop()
                raise
        self._admin = AdminClient(self._address)
        self.endpoint_url = self._address.endpoint_url
        self.account_id = self._address.account_id
        self.region = self._address.region
        self.faults = SandboxFaults(self._admin)

    def __repr__(self) -> str:
        state = self.state or "in memory"
        stopped = "" if self.is_running else ", stopped"
        return f"<Sandbox: {self.endpoint_url}, account {self.account_id}, {self.region}, {state}{stopped}>"

    @property
    def is_running(self) -> bool:
        """True until :meth:`stop` is called."""
        return self._stop.alive

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving; ``state`` keeps its content.

        A sandbox that was joined keeps running. A second call does nothing.
        """
        self._stop()

    # --- connections

    def connection(self, account_id: str | None = None, *, region: str | None = None) -> Connection:
        """Return a connection to this sandbox, whatever the environment configures.

        It uses the sandbox's own account and region unless ``account_id`` or
        ``region`` is given. Each account has its own access key, and each
        account and region its own channels.
        """
        account_id, region = self._account_and_region(account_id, region)
        access_key_id = self._address.keys.access_key_id(account_id)
        secret = self._address.keys.secret(access_key_id)
        config = ConnectionConfig(
            session=SharedSession(partial(_isolated_session, access_key_id, secret, region)),
            region=region,
            account_id=account_id,
            endpoint_url=self.endpoint_url,
            proxies={},
            local_service=LocalService(
                now=self._service_time,
                ca_path=self._ca_path,
                unreachable_hint=self._unreachable_hint,
                next_steps=NEXT_STEPS,
            ),
        )
        return Connection(config)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return an environment for other programs, as a dictionary.

        An example is ``subprocess.run(..., env=sandbox.environment())``.

        It is ``base`` (by default this process's environment) with an AWS
        profile of this sandbox in place of all credentials, endpoints and
        profiles, so that programs that run in it cannot reach a real account
        by accident.
        """
        return self._profile.environment(os.environ if base is None else base)

    def _account_and_region(self, account_id: str | None, region: str | None) -> tuple[str, str]:
        return (
            self.account_id if account_id is None else check_account_id(account_id),
            self.region if region is None else check_region(region, newer=True),
        )

    def _ca_path(self) -> str:
        if not self.is_running:
            raise FileNotFoundError(2, "The sandbox has stopped", CERTIFICATE_FILE)
        return str(self._certificates.path)

    def _unreachable_hint(self) -> str:
        return SANDBOX_RUNS if self.is_running and self._admin.is_listening() else SANDBOX_STOPPED

    def _service_time(self) -> datetime:
        return EPOCH + timedelta(milliseconds=self._admin.call("settings")["now_ms"])

    # --- administration

    def seed(
        self,
        count: int | None = None,
        *,
        account_id: str | None = None,
        region: str | None = None,
        tags: Mapping[str, str] | None = None,
        account_alias: str | None = None,
    ) -> int:
        """Add channels, and return how many were added.

        Without ``count``, add the example fleet of 26 channels with tags in
        us-east-1, eu-west-1 and ap-southeast-2. With it (at most 1,000,000),
        add ``device-0000000`` and so on in ``region`` of ``account_id``. Names
        that are taken are skipped.

        ``tags`` are set on each channel that is added. Their keys may begin
        with ``aws:``, as those that CloudFormation sets and that no request
        can set or remove: ``sandbox.seed(1,
        tags={"aws:cloudformation:stack-name": "door"})``.

        ``account_alias`` becomes the alias of ``account_id``, which IAM's
        ListAccountAliases returns until :meth:`reset`: ``sandbox.seed(0,
        account_alias="acme-prod")``.
        """
        account_id, region = self._account_and_region(account_id, region)
        tags = dict(tags) if isinstance(tags, Mapping) else tags  # JSON takes no other mapping
        added = self._admin.call(
            "seed", count=count, account_id=account_id, region=region, tags=tags, account_alias=account_alias
        )
        return int(added["added"])

    def reset(self) -> None:
        """Delete all channels, tags, messages, faults and logged requests.

        Every WebSocket is closed.

        The address, the keys and the time stay.
        """
        self._admin.call("reset")

    def advance(self, seconds: float) -> None:
        """Move lifecycle time forward by ``seconds``, at most to the year 9000.

        Quotas and signatures use real time.
        """
        self._admin.call("advance", seconds=seconds)

    def send_notice(self, channel_name: str, message_type: str) -> int:
        """Send a notice of the service to every peer of ``channel_name``.

        The number of peers is returned.

        ``message_type`` is ``"GO_AWAY"``: reconnect within a minute; or
        ``"RECONNECT_ICE_SERVER"``: get new ICE servers.
        """
        return int(self._admin.call("send_notice", channel_name=channel_name, message_type=message_type)["peers"])

    @property
    def requests(self) -> pd.DataFrame:
        """The requests that the sandbox has served, oldest first, at most 100,000.

        Columns: time (datetime64[ms, UTC]), account_id, region, operation,
        channel_name (str), status (Int64: 0 if the connection was cut),
        error_code (str), attempt (Int64: as AWS SDKs count), seconds
        (float64).
        """
        return requests_frame(self._admin.requests())

    def deny(self, pattern: str, *, account_id: str | None = None, region: str | None = None) -> None:
        """Deny actions of ``pattern``, such as ``"kinesisvideo:Delete*"``.

        ``account_id`` and ``region`` limit it to their requests; None is all.
        """
        self._admin.call("deny", pattern=pattern, account_id=account_id, region=region)

    def clear_denials(self) -> None:
        """Remove all denials."""
        self._admin.call("clear_denials")


@with_method_hints
class SandboxFaults:
    """Schedule faults in a sandbox: ``sandbox.faults.add("CreateSignalingChannel", "lost_reply")``."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def add(
        self,
        operation: str,
        kind: str,
        times: int | None = 1,
        *,
        seconds: float = 0.0,
        account_id: str | None = None,
        region: str | None = None,
    ) -> None:
        """Add a fault to the next ``times`` requests of an operation.

        ``operation="*"`` is any operation, ``times=None`` all requests.
        ``kind`` is ``"throttle"``, ``"error"`` (a 500), ``"denied"``,
        ``"expired"`` (credentials), ``"revoked"`` (keys that are no longer
        valid), ``"delay"`` (by ``seconds``), ``"reset"`` (the connection is
        cut before the request takes effect) or ``"lost_reply"`` (the
        connection is cut after it). ``account_id`` and ``region`` limit the
        fault to their requests.
        """
        self._admin.call(
            "add_fault",
            operation=operation,
            kind=kind,
            times=times,
            seconds=seconds,
            account_id=account_id,
            region=region,
        )

    def clear(self) -> None:
        """Remove all faults and denials."""
        self._admin.call("clear_faults")


_in_use: weakref.ref[Sandbox] | None = None


def use_sandbox(
    state: str | os.PathLike[str] | None = None,
    port: int = 0,
    *,
    account_id: str | None = None,
    region: str | None = None,
    clock: str | Clock | None = None,
    quotas: bool | None = None,
    assumptions: Assumptions | None = None,
) -> Sandbox:
    """Start a sandbox, and make its connection the current one.

    See :class:`Sandbox`.

    It replaces the sandbox that an earlier call has started, so that a cell
    can be run again; if an argument is not valid, that one keeps running. To
    run several at a time, create each with ``Sandbox(...)``.

    Parameters
    ----------
    state, port, account_id, region, clock, quotas, assumptions
        As for :class:`Sandbox`. The default is an empty sandbox in memory, in
        account 111122223333 and us-east-1.

    Returns
    -------
    Sandbox
        The sandbox, whose connection is now the current one.

    Raises
    ------
    InvalidInput
        If an argument is not valid; the running sandbox keeps running.
    SandboxError
        If the port is taken, the directory cannot be used, or a sandbox with
        other settings runs in it.
    MissingExtra
        If the extra ``sandbox`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox()
    >>> sandbox.seed()
    26
    >>> len(kvs.list_channels())
    11
    """
    global _in_use  # noqa: PLW0603 - the counterpart of the one current connection
    named: dict[str, Any] = {
        "port": port,
        "account_id": account_id,
        "region": region,
        "clock": clock,
        "quotas": quotas,
        "assumptions": assumptions,
    }
    Settings(**named)  # raises what Sandbox() would, while the previous one still runs
    previous = sandbox_in_use()
    if previous is not None and _shares_state_or_port(previous, state, port):
        previous.stop()
    sandbox = Sandbox(state, **named)
    if previous is not None:
        previous.stop()
    _in_use = weakref.ref(sandbox)
    set_current(sandbox.connection())
    return sandbox


def _shares_state_or_port(running: Sandbox, state: str | os.PathLike[str] | None, port: int) -> bool:
    """Return whether a sandbox can be started in a state directory or on a port only after the running one has stopped."""
    same_state = state is not None and _state_path(state) == running.state
    return same_state or port == urlsplit(running.endpoint_url).port


def _state_path(state: str | os.PathLike[str]) -> Path:
    return check_path("state", state).expanduser().absolute()


def sandbox_in_use() -> Sandbox | None:
    """Return the sandbox that use_sandbox() has started; None if none is running."""
    sandbox = _in_use() if _in_use is not None else None
    return sandbox if sandbox is not None and sandbox.is_running else None


def _isolated_session(access_key_id: str, secret_access_key: str, region: str) -> boto3.Session:
    """Return a session with an access key of the sandbox and nothing of the user's."""
    return open_session(
        create_isolated_session(),
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        region_name=region,
    )
