"""The form that connects to an account and region, or to a sandbox; it never asks for an access key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from kvs_notebook.aws.configuration import configured_region, read_configuration
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import check_connection, current_connection, for_profile, set_current
from kvs_notebook.aws.error_translation import from_botocore_error
from kvs_notebook.aws.regions import FIRST_REGION, all_regions
from kvs_notebook.errors import InvalidInput, KVSError, NoRegion
from kvs_notebook.forms.base_form import Form, format_call
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.job import Job, JobResult, RunningJob
from kvs_notebook.forms.placeholder import connection_or_placeholder

SANDBOX = "sandbox, local: no AWS account"
DEFAULT_CHAIN = "default: environment or profile"


class ConnectionForm(Form):
    """Connect with a profile to a region, and make that connection the current one.

    Attributes
    ----------
    profile, region, allow_changes
        The fields: two Dropdowns and a Checkbox.
    """

    changes = False

    def __init__(self, *, connection: Connection | None = None, executor: ContextExecutor | None = None) -> None:
        profiles, problem = _profiles()
        self.profile = widgets.Dropdown(options=_choices(profiles), description="Profile")
        self.region = widgets.Dropdown(options=all_regions(), value=FIRST_REGION, description="Region")
        self.allow_changes = widgets.Checkbox(
            description="Allow changes: create, update, tag and delete channels of this account", indent=False
        )
        self.edits_elsewhere: Callable[[], str] = str
        self._asked_to_discard: tuple[object, ...] = ()
        self.profile.observe(lambda _: self._propose_region(), "value")
        super().__init__(
            [self.profile, self.region, self.allow_changes],
            action="Connect",
            connection=_initial_connection(connection),
            executor=executor,
        )
        self._show_connection()
        self.show_alias()
        if problem:
            self.status.alert(in_words(problem))

    def _show_connection(self) -> None:
        """Set the fields to the form's connection."""
        connection = self.connection
        region = connection.region or FIRST_REGION
        self._add_region(region)
        known = [value for _, value in self.profile.options]
        self.profile.value = connection.profile if connection.profile in known else _choice_without_profile()
        self.region.value = region

    def show_alias(self) -> None:
        """Show the account's alias in the header."""
        self.header.show_alias()

    def _reload_profiles(self) -> None:
        """Offer the profiles that the AWS configuration has now: it may have been corrected since the form was opened."""
        choice, region = self.profile.value, self.region.value
        profiles, _ = _profiles()
        options = _choices(profiles if choice in {SANDBOX, DEFAULT_CHAIN, *profiles} else [*profiles, choice])
        if options != list(self.profile.options):
            self.profile.options = options
            self.profile.value, self.region.value = choice, region

    def _propose_region(self) -> None:
        region = _configured_region(self.profile.value)
        if region:
            self._add_region(region)
            self.region.value = region

    def _add_region(self, region: str) -> None:
        if region not in self.region.options:
            self.region.options = sorted([*self.region.options, region])

    def _ask_before_discarding(self) -> None:
        """Raise InvalidInput once, for each choice, if the forms that will be closed have values that were not sent."""
        edits = self.edits_elsewhere()
        question = (edits, self.profile.value, self.region.value, self.allow_changes.value)
        if edits and question != self._asked_to_discard:
            self._asked_to_discard = question
            raise InvalidInput(
                f"Other forms of the console have values that were not sent: {edits}. "
                "Send them first, or press Connect again to discard them."
            )
        self.forget_question()

    def forget_question(self) -> None:
        """Ask again before edits are discarded."""
        self._asked_to_discard = ()

    def prepare(self) -> Job:
        """Return a job that connects and asks for the identity."""
        self._ask_before_discarding()
        self._reload_profiles()
        choice, region, allowed = self.profile.value, self.region.value, self.allow_changes.value
        if choice == SANDBOX:
            return Job("Starting a sandbox", lambda running: self._connect_to_sandbox(running, region))
        profile = None if choice == DEFAULT_CHAIN else choice
        arguments = [profile] if profile else []
        options: dict[str, Any] = {"region": region, **({"allow_changes": True} if allowed else {})}
        code = format_call("connect", *arguments, **options)

        def run(running: RunningJob) -> JobResult:
            made = for_profile(profile, region=region, allow_changes=allowed)
            identity = made.identity()
            running.update(lambda: self._use(made))
            changes = "changes are allowed" if allowed else "read-only"
            account = f"account {identity.account_id} as {identity.arn}"
            message = f"Connected to {account} in {region} ({changes}) in {running.elapsed}."
            return JobResult(made, message, code)

        return Job(f"Connecting to {choice} in {region}", run)

    def _connect_to_sandbox(self, running: RunningJob, region: str) -> JobResult:
        """Connect to the sandbox that is in use, to keep what is in it; if there is none, start one with an example fleet."""
        from kvs_notebook.sandbox.sandbox import sandbox_in_use, use_sandbox

        sandbox = sandbox_in_use()
        if sandbox is None:
            sandbox = use_sandbox()
            sandbox.seed()
            message, code = "Started a sandbox with a fleet to look at", "sandbox = kvs.use_sandbox(); sandbox.seed()"
        else:
            message, code = "Connected to the sandbox that is in use", ""
        made = sandbox.connection(region=region)
        made.identity()
        running.update(lambda: self._use(made))
        return JobResult(made, f"{message}, in {region}, in {running.elapsed}.", code)

    def _use(self, connection: Connection) -> None:
        set_current(connection)
        self.connection = connection
        self.header.show(connection)
        self.show_alias()
        self.notify()


def _initial_connection(connection: Connection | None) -> Connection:
    """Return the current connection; if there is none, one with which the form can open and show what is missing."""
    if connection is not None:
        return check_connection(connection)
    try:
        return current_connection()
    except NoRegion:  # the form has a field for it
        return for_profile(None, region=FIRST_REGION)
    except KVSError:
        return connection_or_placeholder(None)


def _choices(profiles: list[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in (SANDBOX, DEFAULT_CHAIN, *profiles)]


def _choice_without_profile() -> str:
    """Return the choice for a connection without a profile, which may be that of a sandbox in use."""
    from kvs_notebook.sandbox.sandbox import sandbox_in_use

    return DEFAULT_CHAIN if sandbox_in_use() is None else SANDBOX


def _profiles() -> tuple[list[str], str]:
    """Return the profiles of this machine, and what is wrong with its AWS configuration."""
    from botocore.exceptions import BotoCoreError

    try:
        return list(read_configuration().available_profiles), ""
    except BotoCoreError as error:
        return [], str(from_botocore_error(error, operation="Reading the AWS configuration"))


def _configured_region(choice: str) -> str | None:
    """Return the region that connecting with a profile takes."""
    from botocore.exceptions import BotoCoreError

    if choice == SANDBOX:
        return None
    try:
        return configured_region(read_configuration(None if choice == DEFAULT_CHAIN else choice))
    except BotoCoreError:
        return None  # connecting reports what is wrong


def connection(*, connection: Connection | None = None) -> ConnectionForm:
    """Open a form that connects to an account and region, or to a sandbox.

    That connection becomes the current one.

    Its fields are ``profile`` (the profiles of this machine, and the sandbox),
    ``region`` and ``allow_changes``. Submitting asks STS for the identity;
    ``future.result()`` is the Connection. The header shows the alias of a real
    account, for which IAM is asked once (iam:ListAccountAliases); if it does
    not return it, nothing else changes. The form never asks for an access key.
    It also opens if the AWS configuration cannot be used, and says why;
    submitting it reads the configuration again.

    Parameters
    ----------
    connection
        The connection that the form shows first. If None, the current
        connection.

    Returns
    -------
    ConnectionForm
        The form; after a click, ``form.future.result()`` returns the
        Connection.

    Raises
    ------
    MissingExtra
        If the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> form = kvs.forms.connection()
    >>> form.region.value = "eu-west-1"
    >>> form.submit.click()
    >>> form.future.result().region
    'eu-west-1'
    """
    return ConnectionForm(connection=connection)
