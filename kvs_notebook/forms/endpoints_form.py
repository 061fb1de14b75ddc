"""The form that looks up a channel's endpoints, and tries whether a viewer can connect."""

from __future__ import annotations

import asyncio

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.service_model import choices
from kvs_notebook.channels.reference import Channel
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.channel_form import name_or_arn
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput, channel_field
from kvs_notebook.forms.html import table_html
from kvs_notebook.forms.job import Job, JobResult, RunningJob
from kvs_notebook.signaling import endpoints
from kvs_notebook.signaling.probe import PROBE_CLIENT_ID, probe_channel

DEFAULT_PROTOCOLS = ("WSS", "HTTPS")


class EndpointsForm(Form):
    """Get a channel's endpoints for a role, or try whether a viewer can connect.

    Attributes
    ----------
    channel, role, protocols
        The fields; ``protocols`` has a Checkbox for each protocol by its name.
    try_it
        The button that connects once as a VIEWER and disconnects. It never connects as MASTER, which would replace the camera
        that is connected. The value of its future is the round-trip time of a ping in seconds.
    """

    changes = False

    def __init__(
        self,
        channel: Channel | None = None,
        *,
        connection: Connection | None = None,
        executor: ContextExecutor | None = None,
    ) -> None:
        self.channel = channel_field(name_or_arn(channel))
        self.role = widgets.Dropdown(options=choices("ChannelRole"), value="VIEWER", description="Role")
        self.protocols = {
            name: widgets.Checkbox(value=name in DEFAULT_PROTOCOLS, description=f"Protocol {name}", indent=False)
            for name in choices("ChannelProtocol")
        }
        self.try_it = widgets.Button(
            description="Try it as a VIEWER",
            tooltip=f"Connect once, with the client id {PROBE_CLIENT_ID}, and disconnect; other peers are not affected",
        )
        ticks = widgets.HBox(list(self.protocols.values()))
        ticks.add_class("kvs-row")
        super().__init__(
            [self.channel, self.role, ticks],
            action="Get endpoints",
            beside_submit=[self.try_it],
            connection=connection,
            executor=executor,
        )
        self.try_it.on_click(lambda _: self._start(lambda: self._prepare_checked(self._prepare_trial)))

    def fields(self) -> list[CheckedInput]:
        """Return the fields that must be valid before anything is sent."""
        return [self.channel]

    def hide_channel_field(self) -> None:
        """Hide the channel's field: a console selects the channel."""
        self.channel.layout.display = "none"

    def select_channel(self, name: str) -> None:
        """Set the channel field."""
        self.channel.value = name

    def prepare(self) -> Job:
        """Return a job that gets the endpoints."""
        text, role = self.channel.value, self.role.value
        protocols = [name for name, checkbox in self.protocols.items() if checkbox.value]
        if not protocols:
            raise InvalidInput("No protocol is ticked. Tick at least one.")
        options = {} if tuple(protocols) == DEFAULT_PROTOCOLS else {"protocols": protocols}
        code = self.python_call("get_endpoints", text, role=role, **options)

        def run(running: RunningJob) -> JobResult:
            found = endpoints.get_endpoints(text, role=role, protocols=protocols, connection=self.connection)
            html = table_html(found[["protocol", "endpoint"]].itertuples(index=False), ("Protocol", "Endpoint"))
            message = f"Got {len(found)} endpoints of {text} for a {role} in {running.elapsed}."
            return JobResult(found, message, code, html)

        return Job(f"Getting endpoints of {text}", run)

    def _prepare_trial(self) -> Job:
        """Return a job that connects as a viewer and disconnects."""
        text = self.channel.value
        call = self.python_call("open_signaling", text, client_id=PROBE_CLIENT_ID)

        def run(running: RunningJob) -> JobResult:
            seconds = asyncio.run(probe_channel(text, self.connection))
            message = (
                f"Connected to {text} as VIEWER {PROBE_CLIENT_ID} and disconnected, in {running.elapsed}: a ping to the service "
                f"and back took {seconds * 1000:.1f} ms. The service does not tell whether a MASTER is connected."
            )
            return JobResult(seconds, message, f"async with {call} as client: print(await client.ping())")

        return Job(f"Trying {text}", run)


def get_endpoints(channel: Channel | None = None, *, connection: Connection | None = None) -> EndpointsForm:
    """Open a form that looks up the endpoints of a channel.

    Its fields are ``channel``, ``role`` and ``protocols``. Submitting spends
    what :func:`kvs_notebook.get_endpoints` spends, and the button that tries
    whether a viewer can connect spends what
    :func:`kvs_notebook.open_signaling` does.

    Parameters
    ----------
    channel
        A name, an ARN, or a row. If None, the user enters it.
    connection
        The account and region of the channel. If None, the current connection.

    Returns
    -------
    EndpointsForm
        The form; after a click, ``form.future.result()`` returns the endpoints
        frame, or the round-trip time in seconds.

    Raises
    ------
    MissingExtra
        If the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> form = kvs.forms.get_endpoints("front-door")
    >>> form.submit.click()
    >>> form.future.result()["protocol"].tolist()
    ['WSS', 'HTTPS']
    """
    return EndpointsForm(channel, connection=connection)
