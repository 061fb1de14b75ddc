"""Account: a form that connects to an account and region, or to a sandbox; it never asks for a key."""

from __future__ import annotations

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.default_connection import current_connection, for_profile, set_current
from kvs_notebook.aws.error_translation import from_botocore_error
from kvs_notebook.aws.regions import all_regions
from kvs_notebook.aws.session import SharedSession
from kvs_notebook.errors import KVSError
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.worker import Job, JobResult, RunningJob

SANDBOX = "sandbox, local: no AWS account"
FIRST_REGION = "us-east-1"
DEFAULT_CHAIN = "default: environment, then the default profile"


class ConnectionForm(Form):
    """Choose a profile and a region, see whose they are, and make that connection the current one.

    Attributes
    ----------
    profile, region, allow_changes
        The fields: two Dropdowns and a Checkbox.
    """

    changes = False

    def __init__(self, *, connection: Connection | None = None) -> None:
        profiles, problem = _profiles()
        self.profile = widgets.Dropdown(
            options=[(SANDBOX, SANDBOX), (DEFAULT_CHAIN, DEFAULT_CHAIN), *((name, name) for name in profiles)],
            description="Profile",
        )
        self.region = widgets.Dropdown(options=all_regions(), value=FIRST_REGION, description="Region")
        self.allow_changes = widgets.Checkbox(
            description="Allow changes: create, update, tag and delete channels of this account", indent=False
        )
        self.profile.observe(lambda _: self._propose_region(), "value")
        fields = [self.profile, self.region, self.allow_changes]
        super().__init__(fields, action="Connect", connection=_connection_to_begin_with(connection))
        self._show_choice()
        if problem:
            self.status.alert(problem)

    def _show_choice(self) -> None:
        """Let the fields show the connection that is in use."""
        connection = self.connection
        self._add_region(connection.region)
        known = [value for _, value in self.profile.options]
        self.profile.value = connection.profile if connection.profile in known else _unnamed_choice()
        self.region.value = connection.region

    def _propose_region(self) -> None:
        region = _region_of(self.profile.value)
        if region:
            self._add_region(region)
            self.region.value = region

    def _add_region(self, region: str) -> None:
        if region not in self.region.options:
            self.region.options = sorted([*self.region.options, region])

    def prepare(self) -> Job:
        """Read the fields; the work connects and asks who that is."""
        choice, region, allowed = self.profile.value, self.region.value, self.allow_changes.value
        if choice == SANDBOX:
            return Job("Starting a sandbox", lambda running: self._use_sandbox(running, region))
        profile = None if choice == DEFAULT_CHAIN else choice
        options = {"region": region, **({"allow_changes": True} if allowed else {})}
        words = [repr(profile)] if profile else []
        line = f"kvs.connect({', '.join([*words, *(f'{name}={value!r}' for name, value in options.items())])})"

        def run(running: RunningJob) -> JobResult:
            made = for_profile(profile, region=region, allow_changes=allowed)
            identity = made.identity()
            running.update(lambda: self._use(made))
            who = f"account {identity.account_id} as {identity.arn}"
            may = "changes are allowed" if allowed else "read-only"
            return JobResult(made, f"Connected to {who} in {region} ({may}) in {running.elapsed}.", line)

        return Job(f"Connecting to {choice} in {region}", run)

    def _use_sandbox(self, running: RunningJob, region: str) -> JobResult:
        """Take the sandbox that is in use, so that nothing in it is lost; else start one with channels to look at."""
        from kvs_notebook.sandbox.sandbox import sandbox_in_use, use_sandbox

        sandbox = sandbox_in_use()
        if sandbox is None:
            sandbox = use_sandbox()
            sandbox.seed()
            said, line = "Started a sandbox with a fleet to look at", "sandbox = kvs.use_sandbox(); sandbox.seed()"
        else:
            said, line = "Connected to the sandbox that is in use", ""
        made = sandbox.connection(region=region)
        made.identity()
        running.update(lambda: self._use(made))
        return Outcome(made, f"{said}, in {region}, in {task.took}.", line)

    def _use(self, connection: Connection) -> None:
        set_current(connection)
        self.connection = connection
        self.header.show(connection)
        self.notify()


def _connection_to_begin_with(connection: Connection | None) -> Connection:
    """Give the current connection, or where none can be made one that lets the form open and say what is missing."""
    import boto3

    try:
        return current_connection(connection)
    except KVSError:
        return Connection(ConnectionConfig(session=SharedSession(boto3.Session), region=FIRST_REGION))


def _unnamed_choice() -> str:
    """Give the choice for a connection without a profile; one by the environment may be a sandbox too."""
    from kvs_notebook.sandbox.sandbox import sandbox_in_use

    return DEFAULT_CHAIN if sandbox_in_use() is None else SANDBOX


def _profiles() -> tuple[list[str], str]:
    """Give the profiles of this machine, and what is wrong with its AWS configuration."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        return list(botocore.session.Session().available_profiles), ""
    except BotoCoreError as error:
        return [], str(from_botocore_error(error, operation="Reading the AWS configuration"))


def _region_of(choice: str) -> str | None:
    """Give the region that a profile has in the configuration."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    if choice == SANDBOX:
        return None
    try:
        profile = None if choice == DEFAULT_CHAIN else choice
        region: str | None = botocore.session.Session(profile=profile).get_config_variable("region")
    except BotoCoreError:
        return None  # connecting says what is wrong with it
    return region


def connection(*, connection: Connection | None = None) -> ConnectionForm:
    """Open a form that connects to an account and region, or to a sandbox, and makes that connection the current one.

    Its fields are ``profile`` (the profiles of this machine, and the sandbox), ``region`` and ``allow_changes``. Submitting asks
    STS for the identity; ``future.result()`` is the Connection. The form never asks for an access key.

    Parameters
    ----------
    connection
        The connection that the form shows first. If None, the current connection.

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
