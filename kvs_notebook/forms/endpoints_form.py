"""Endpoints: a form that looks up where a channel's peers connect, and tries whether one can."""

from __future__ import annotations

import asyncio

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.service_model import choices
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.fields import Field, TagRows, channel_field
from kvs_notebook.forms.html import as_table
from kvs_notebook.forms.worker import Outcome, Task, Work
from kvs_notebook.signaling.endpoints import get_endpoints
from kvs_notebook.signaling.probe import PROBE_CLIENT_ID, probe_channel

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
        self.try_it.on_click(lambda _: self._start(lambda: self._checked(self._prepare_trial)))

    def fields(self) -> list[Field | TagRows]:
        """Give the fields that must be right."""
        return [self.channel]

    def choose(self, name: str) -> None:
        """Name another channel."""
        self.channel.value = name

    def prepare(self) -> Work:
        """Read the fields; the work asks the service."""
        text, role = self.channel.value, self.role.value
        wanted = [name for name, ticked in self.protocols.items() if ticked.value]
        if not wanted:
            raise InvalidInput("Tick at least one protocol.")
        options = {} if tuple(wanted) == DEFAULT_PROTOCOLS else {"protocols": wanted}
        line = self.line("get_endpoints", text, role=role, **options)

        def run(task: Task) -> Outcome:
            found = get_endpoints(text, role=role, protocols=wanted, connection=self.connection)
            shown = as_table(found[["protocol", "endpoint"]].itertuples(index=False), ("protocol", "endpoint"))
            return Outcome(found, f"Got {len(found)} endpoints of {text} for a {role} in {task.took}.", line, shown)

        return Work(f"Getting endpoints of {text}", run)

    def _prepare_trial(self) -> Work:
        """Read the channel; the work connects as a viewer and leaves."""
        text = self.channel.value

        def run(task: Task) -> Outcome:
            seconds = asyncio.run(probe_channel(text, self.connection))
            return Outcome(
                seconds,
                f"Connected to {text} as the VIEWER {PROBE_CLIENT_ID} and left, in {task.took}: a ping to the service and back "
                f"took {seconds * 1000:.1f} ms. Whether a MASTER is there, the service does not tell.",
                f"async with {self.line('open_signaling', text, client_id=PROBE_CLIENT_ID)} as peer: print(await peer.ping())",
            )

        return Work(f"Trying {text}", run)
