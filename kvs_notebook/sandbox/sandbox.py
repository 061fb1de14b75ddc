"""Sandbox: a local stand-in for the service, started or joined, and what is asked of it."""

from __future__ import annotations

import os
import re
import time
import weakref
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig, LocalService
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.errors import InvalidInput, MissingExtra, SandboxError
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.advice import NEXT_STEPS, SANDBOX_STOPPED
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.aws_profile import Profile, profile_of
from kvs_notebook.sandbox.backend.access_keys import Keys
from kvs_notebook.sandbox.backend.context import EPOCH
from kvs_notebook.sandbox.clock import Clock
from kvs_notebook.sandbox.http.admin_api import Remote
from kvs_notebook.sandbox.http.request_log import requests_frame
from kvs_notebook.sandbox.settings import Settings
from kvs_notebook.sandbox.state_directory import Residence

if TYPE_CHECKING:
    import boto3
    import pandas as pd

    from kvs_notebook.sandbox.server import Owner

CLOCKS = ("real", "stepped")
PATIENCE_SECONDS = 10.0
"""How long the owner of a directory may take until it answers whoever wants to join."""


class Sandbox:
    """Run a local stand-in for the service, on loopback, until :meth:`stop` or the end of the process.

    Its clients are real: requests go over HTTP, are signed, validated, counted against the published quotas and answered in the
    service's own format. It starts empty; :meth:`seed` fills it.

    Parameters
    ----------
    state
        A directory to keep everything in, so that it outlives the process. A second process that names the same directory
        joins the first; when that has gone, the next one takes over. None keeps everything in memory.
    port
        Port on loopback; 0 takes the one that ``state`` remembers where it is free, else any.
    account_id, region
        The account and region of :meth:`connection` where it is not told otherwise: 111122223333 and us-east-1.
    clock
        Lifecycle time, in which channels are created, change and go: ``"real"``; ``"stepped"``, which starts at
        2026-01-05T09:00:00Z and moves one second with each request, so that outputs never differ; or a clock of your own.
    quotas
        Whether the published request quotas are enforced; they are, unless False.
    assumptions
        What is assumed where the service's behaviour is not known.

    Raises
    ------
    InvalidInput
        For a setting that means nothing.
    SandboxError
        When the port is taken, the directory cannot be used, or a sandbox with other settings runs in it.
    MissingExtra
        When the extra ``sandbox`` is not installed.

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
        if account_id is not None:
            check_account_id(account_id)
        if region is not None:
            _check_region(region)
        if isinstance(clock, str) and clock not in CLOCKS:
            raise InvalidInput(
                f"Clock {format_value(clock)}: choose {' or '.join(map(repr, CLOCKS))}, or give a clock of your own."
            )
        settings = Settings(
            port=port, account_id=account_id, region=region, clock=clock, quotas=quotas, assumptions=assumptions
        )
        self._residence = Residence(None if state is None else Path(state).expanduser().absolute())
        self._residence.prepare()
        self._own_or_join(settings)

    def _own_or_join(self, settings: Settings) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            if self._residence.take():
                owner = _owner(settings, self._residence)
                self._know(owner.endpoint_url, owner.keys, owner.account_id, owner.region, owner.profile)
                self._end = weakref.finalize(self, owner.stop)
                return
            notice = self._residence.announced()
            if notice is not None and self._joined(notice, settings):
                self._end = weakref.finalize(self, _nothing_to_stop)
                return
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"Another process holds {self._residence.directory} but does not answer: end it, or give another state=."
                )
            time.sleep(0.02)

    def _joined(self, notice: Mapping[str, Any], settings: Settings) -> bool:
        """Join the owner that a notice names, if it answers."""
        theirs = notice["settings"]
        keys = Keys(bytes.fromhex(notice["root_secret"]))
        endpoint_url, account_id, region = notice["endpoint_url"], theirs["account_id"], theirs["region"]
        profile = profile_of(self._residence, endpoint_url, keys, account_id, region)
        self._know(endpoint_url, keys, account_id, region, profile)
        try:
            self._remote.ask("settings")
        except SandboxError:
            return False
        for name, value in settings.stated().items():
            if theirs[name] != value:
                raise SandboxError(
                    f"A sandbox runs in {self._residence.directory} already, with {name}={theirs[name]!r} and not {value!r}: "
                    f"leave {name}= out to join it, or stop it first."
                )
        return True

    def _know(self, endpoint_url: str, keys: Keys, account_id: str, region: str, profile: Profile) -> None:
        self.endpoint_url = endpoint_url
        self.account_id = account_id
        self.region = region
        self._keys = keys
        self._remote = Remote(endpoint_url, keys, account_id, region)
        self._profile = profile
        self.faults = RemoteFaults(self._remote)

    def __repr__(self) -> str:
        kept = str(self._residence.directory) if self._residence.durable else "in memory"
        stopped = "" if self.runs else ", stopped"
        return f"<Sandbox: {self.endpoint_url}, account {self.account_id}, {self.region}, {kept}{stopped}>"

    @property
    def runs(self) -> bool:
        """True until it is stopped here."""
        return self._end.alive

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving; what ``state`` holds stays. One that was joined goes on; a second call does nothing."""
        self._end()

    # --- ways in

    def connection(self, account_id: str | None = None, *, region: str | None = None) -> Connection:
        """Give a connection to this sandbox, whatever the environment says.

        It is to the sandbox's own account and region unless ``account_id`` or ``region`` is given. Each account has a key and
        channels of its own, and so has each region.
        """
        account_id = self.account_id if account_id is None else check_account_id(account_id)
        region = self.region if region is None else _check_region(region)
        access_key_id = self._keys.access_key_id(account_id)
        config = ConnectionConfig(
            session=SharedSession(partial(_isolated_session, access_key_id, self._keys.secret(access_key_id), region)),
            region=region,
            account_id=account_id,
            endpoint_url=self.endpoint_url,
            proxies={},
            local_service=LocalService(
                now=self._now,
                ca_path=lambda: str(self._profile.ca_path),
                unreachable_hint=SANDBOX_STOPPED,
                next_steps=NEXT_STEPS,
            ),
        )
        return Connection(config)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Give an environment for other programs, such as ``subprocess.run(..., env=sandbox.environment())``.

        It is ``base`` (this process's own by default) with an AWS profile of this sandbox in place of every credential, endpoint
        and profile in it, so that nothing run in it can reach a real account by accident.
        """
        return self._profile.environment(os.environ if base is None else base)

    # --- what is asked of it

    def seed(self, count: int | None = None, *, account_id: str | None = None, region: str | None = None) -> int:
        """Add channels to look at; give how many were added.

        Without ``count``, the example fleet of 26 channels with tags in us-east-1, eu-west-1 and ap-southeast-2. With it,
        ``device-0000000`` and so on, without tags, in ``region`` of ``account_id``. Names that are taken are left as they are.
        """
        if count is not None and count < 0:
            raise InvalidInput(f"Seed {count} channels: give 0 or more, or none for the example fleet.")
        account_id = self.account_id if account_id is None else check_account_id(account_id)
        region = self.region if region is None else _check_region(region)
        added: int = self._remote.ask("seed", count=count, account_id=account_id, region=region)["added"]
        return added

    def reset(self) -> None:
        """Forget every channel, tag, message, fault and request, and close every WebSocket.

        The address, the keys and the time stay.
        """
        self._remote.ask("reset")

    def advance(self, seconds: float) -> None:
        """Move lifecycle time forward by ``seconds``, so that nobody has to wait; quotas and signatures keep to real time."""
        self._remote.ask("advance", seconds=seconds)

    def send_notice(self, channel_name: str, message_type: str) -> int:
        """Send a notice of the service's own to every peer of ``channel_name``; give how many there are.

        ``message_type`` is ``"GO_AWAY"``: connect again, within a minute; ``"RECONNECT_ICE_SERVER"``: get the ICE servers anew.
        """
        told: int = self._remote.ask("send_notice", channel_name=channel_name, message_type=message_type)["peers"]
        return told

    @property
    def requests(self) -> pd.DataFrame:
        """What the sandbox has served, oldest first, 100,000 at most.

        Columns: time (datetime64[ms, UTC]), account_id, region, operation, channel_name (str), status (Int64: 0 where the
        connection was cut), error_code (str), attempt (Int64: as AWS SDKs count), seconds (float64).
        """
        return requests_frame(self._remote.requests())

    def deny(self, pattern: str, *, account_id: str | None = None, region: str | None = None) -> None:
        """Deny the actions of ``pattern``, such as ``"kinesisvideo:Delete*"``; in ``account_id`` or ``region``, or everywhere."""
        self._remote.ask("deny", pattern=pattern, account_id=account_id, region=region)

    def clear_denials(self) -> None:
        """Deny nothing any more."""
        self._remote.ask("clear_denials")

    def _now(self) -> datetime:
        return EPOCH + timedelta(milliseconds=self._remote.ask("settings")["now_ms"])


class RemoteFaults:
    """Schedule trouble in a sandbox: ``sandbox.faults.add("CreateSignalingChannel", "lost_reply")``."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

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
        """Let an operation (``"*"``: any) go wrong for its next ``times`` requests, or for all of them with None.

        ``kind`` is ``"throttle"``, ``"error"`` (a 500), ``"denied"``, ``"expired"`` (credentials), ``"revoked"`` (keys that
        are not known any more), ``"delay"`` (by ``seconds``), ``"reset"`` (the connection is cut, nothing has happened) or
        ``"lost_reply"`` (cut after it has). It strikes in ``account_id`` or ``region`` where these are named.
        """
        self._remote.ask(
            "add_fault",
            operation=operation,
            kind=kind,
            times=times,
            seconds=seconds,
            account_id=account_id,
            region=region,
        )

    def clear(self) -> None:
        """Let all go well again: no fault, nothing denied."""
        self._remote.ask("clear_faults")


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
    """Start a sandbox (see :class:`Sandbox`) and make its connection the current one.

    A sandbox that an earlier call has started is stopped first, so that a cell may be run again; for several at a time make
    each by ``Sandbox(...)``.

    Parameters
    ----------
    state, port, account_id, region, clock, quotas, assumptions
        As for :class:`Sandbox`: without any of them, a fresh one in memory, in account 111122223333, us-east-1.

    Raises
    ------
    InvalidInput, SandboxError, MissingExtra
        As for :class:`Sandbox`.

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
    before = sandbox_in_use()
    if before is not None:
        before.stop()
    sandbox = Sandbox(
        state, port, account_id=account_id, region=region, clock=clock, quotas=quotas, assumptions=assumptions
    )
    _in_use = weakref.ref(sandbox)
    set_current(sandbox.connection())
    return sandbox


def sandbox_in_use() -> Sandbox | None:
    """Give the sandbox that use_sandbox() has started, None where there is none that runs."""
    sandbox = _in_use() if _in_use is not None else None
    return sandbox if sandbox is not None and sandbox.runs else None


def _owner(settings: Settings, residence: Residence) -> Owner:
    """Start to serve; what only that needs is imported here, so that the package does without it."""
    try:
        from kvs_notebook.sandbox.server import Owner
    except ImportError as error:
        residence.leave()
        raise MissingExtra(
            f"A sandbox needs more than the core ({error}): pip install 'kvs-notebook[sandbox]'"
        ) from error
    return Owner(settings, residence)


def _isolated_session(access_key_id: str, secret_access_key: str, region: str) -> boto3.Session:
    """Make a session that reads neither the user's files nor their environment's profile."""
    import boto3
    import botocore.session

    unset = (None, None, None, None)
    session = botocore.session.Session(session_vars={"profile": unset})
    session.set_config_variable("config_file", os.devnull)
    session.set_config_variable("credentials_file", os.devnull)
    return boto3.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        region_name=region,
        botocore_session=session,
    )


def _check_region(region: str) -> str:
    if not re.fullmatch("[a-z]{2}(-[a-z]+)+-[0-9]", region):
        raise InvalidInput(f"Region {format_value(region)}: give a region's code, such as 'eu-west-1'.")
    return region


def _nothing_to_stop() -> None:
    """Leave the owner of a joined sandbox alone."""
