"""The form that creates a channel."""

from __future__ import annotations

from typing import Any

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels import operations
from kvs_notebook.channels.waiters import is_active
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput, name_field, parse_seconds, ttl_field
from kvs_notebook.forms.job import Job, JobResult, RunningJob
from kvs_notebook.forms.tag_rows import TagRows

DEFAULT_TTL_SECONDS = 60


class CreateForm(Form):
    """Create a channel.

    Attributes
    ----------
    name, message_ttl_seconds, tags
        The fields.
    """

    def __init__(self, *, connection: Connection | None = None, executor: ContextExecutor | None = None) -> None:
        self.name = name_field()
        self.message_ttl_seconds = ttl_field(DEFAULT_TTL_SECONDS)
        self.tags = TagRows()
        self._created = ""
        super().__init__(self.fields(), action="Create channel", connection=connection, executor=executor)

    def fields(self) -> list[CheckedInput]:
        """Return the fields that must be valid before anything is sent."""
        return [self.name, self.message_ttl_seconds, self.tags]

    def describe_edits(self) -> str:
        """Return the values of the channel that was not created yet."""
        ttl = self.message_ttl_seconds.value
        values = {
            "name": self.name.value,
            "message TTL": "" if ttl == str(DEFAULT_TTL_SECONDS) else ttl,
            "tags": ", ".join(f"{key}={value}" for key, value in self.tags.value.items()),
        }
        edits = ", ".join(f"{name} {value}" for name, value in values.items() if value)
        return "" if edits == self._created else edits

    def prepare(self) -> Job:
        """Return a job that creates the channel and follows it until it is ACTIVE."""
        name, ttl, tags = self.name.value, int(parse_seconds(self.message_ttl_seconds.value)), self.tags.value
        options: dict[str, Any] = {"message_ttl_seconds": ttl} if ttl != DEFAULT_TTL_SECONDS else {}
        options |= {"tags": tags} if tags else {}
        code = self.python_call("create_channel", name, **options)
        edits = self.describe_edits()

        def run(running: RunningJob) -> JobResult:
            row = operations.create_channel(
                name, message_ttl_seconds=ttl, tags=tags, wait=False, connection=self.connection
            )
            running.update(lambda: setattr(self, "_created", edits))
            self.notify()
            row = running.follow(row, is_active, self.connection, change=f"{name} was created")
            message = f"Created {name} in {running.elapsed}: it is {row['channel_status'].item()}."
            return JobResult(row, message, code)

        check_code = self.python_call("describe_channel", name)
        check = f"look for {name} in the list of channels"
        return Job(f"Creating {name}", run, changes=True, check_code=check_code, check=check)


def create_channel(*, connection: Connection | None = None) -> CreateForm:
    """Open a form that creates a channel.

    Its fields are ``name``, ``message_ttl_seconds`` and ``tags``. Submitting
    spends what :func:`kvs_notebook.create_channel` spends.

    Parameters
    ----------
    connection
        The account and region to create it in. If None, the current
        connection.

    Returns
    -------
    CreateForm
        The form; after a click, ``form.future.result()`` returns the new
        channel as a one-row channels frame.

    Raises
    ------
    MissingExtra
        If the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> form = kvs.forms.create_channel()
    >>> form.name.value = "front-door"
    >>> form.tags.value = {"Site": "hq"}
    >>> form.submit.click()
    >>> form.future.result()["channel_status"].item()
    'ACTIVE'
    """
    return CreateForm(connection=connection)
