"""Endpoints: a form that looks up where a channel's peers connect."""

from __future__ import annotations

import ipywidgets as widgets

from kvs_notebook.connection import Connection
from kvs_notebook.endpoints import get_endpoints
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.fields import Field, TagRows, channel_field
from kvs_notebook.forms.form import Form
from kvs_notebook.forms.markup import as_table
from kvs_notebook.forms.submit import Outcome, Task, Work
from kvs_notebook.limits import choices

DEFAULT_PROTOCOLS = ("WSS", "HTTPS")


class EndpointsForm(Form):
    """Get a channel's endpoints for a role.

    Attributes
    ----------
    channel, role, protocols
        The fields; ``protocols`` has a Checkbox for each protocol by its name.
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
        super().__init__([self.channel, self.role, row], action="Get endpoints", connection=connection)

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
