"""Endpoints: a form that looks up where a channel's peers connect, and tries whether one can."""

from __future__ import annotations

import asyncio

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.service_model import choices
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.fields import Field, TagRows, channel_field
from kvs_notebook.forms.html import table_html
from kvs_notebook.forms.worker import Job, JobResult, RunningJob
from kvs_notebook.signaling import endpoints
from kvs_notebook.signaling.connect import PROBE_CLIENT_ID, probe

DEFAULT_PROTOCOLS = ("WSS", "HTTPS")


class EndpointsForm(Form):
    """Get a channel's endpoints for a role, or try whether a viewer can connect.

    Attributes
    ----------
    channel, role, protocols
        The fields; ``protocols`` has a Checkbox for each protocol by its name.
    try_it
        The button that connects once as a VIEWER and leaves. It never connects as MASTER, which would take the place of the
        camera that is there. Its future's value is the seconds that a ping took.
    """

    changes = False

    def __init__(self, channel: str | None = None, *, connection: Connection | None = None) -> None:
        self.channel = channel_field(channel or "")
        self.role = widgets.Dropdown(options=choices("ChannelRole"), value="VIEWER", description="Role")
        self.protocols = {
            name: widgets.Checkbox(value=name in DEFAULT_PROTOCOLS, description=f"Protocol {name}", indent=False)
            for name in choices("ChannelProtocol")
        }
        row = widgets.HBox(list(self.protocols.values()))
        self.try_it = widgets.Button(
            description="Try it as a VIEWER",
            tooltip=f"Connect once, with the client id {PROBE_CLIENT_ID}, and leave; nobody is disturbed",
        )
        super().__init__(
            [self.channel, self.role, row],
            action="Get endpoints",
            beside=[self.try_it],
            connection=connection,
        )
        self.try_it.on_click(lambda _: self._start(lambda: self._prepare_checked(self._prepare_trial)))

    def fields(self) -> list[Field | TagRows]:
        """Give the fields that must be right."""
        return [self.channel]

    def select_channel(self, name: str) -> None:
        """Name another channel."""
        self.channel.value = name

    def prepare(self) -> Job:
        """Read the fields; the work asks the service."""
        text, role = self.channel.value, self.role.value
        wanted = [name for name, ticked in self.protocols.items() if ticked.value]
        if not wanted:
            raise InvalidInput("Tick at least one protocol.")
        options = {} if tuple(wanted) == DEFAULT_PROTOCOLS else {"protocols": wanted}
        line = self.python_call("get_endpoints", text, role=role, **options)

        def run(running: RunningJob) -> JobResult:
            found = endpoints.get_endpoints(text, role=role, protocols=wanted, connection=self.connection)
            shown = table_html(found[["protocol", "endpoint"]].itertuples(index=False), ("protocol", "endpoint"))
            return JobResult(
                found, f"Got {len(found)} endpoints of {text} for a {role} in {running.elapsed}.", line, shown
            )

        return Job(f"Getting endpoints of {text}", run)

    def _prepare_trial(self) -> Job:
        """Read the channel; the work connects as a viewer and leaves."""
        text = self.channel.value

        def run(running: RunningJob) -> JobResult:
            call = self.python_call("open_signaling", text, client_id=PROBE_CLIENT_ID)
            seconds = asyncio.run(probe(text, self.connection))
            return JobResult(
                seconds,
                f"Connected to {text} as the VIEWER {PROBE_CLIENT_ID} and left, in {running.elapsed}: a ping to the service "
                f"and back took {seconds * 1000:.1f} ms. Whether a MASTER is there, the service does not tell.",
                f"async with {call} as peer: print(await peer.ping())",
            )

        return Job(f"Trying {text}", run)


def get_endpoints(channel: str | None = None, *, connection: Connection | None = None) -> EndpointsForm:
    """Open a form that looks up the endpoints of a channel.

    Its fields are ``channel``, ``role`` and ``protocols``. Submitting spends what :func:`kvs_notebook.get_endpoints` spends, and
    the button that tries whether a viewer can connect spends what :func:`kvs_notebook.open_signaling` does.

    Parameters
    ----------
    channel
        A name or an ARN. If None, the user enters it.
    connection
        The account and region of the channel. If None, the current connection.

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
