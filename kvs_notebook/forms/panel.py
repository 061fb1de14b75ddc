"""The panel of a console: it shows a form for the selected channels, and asks before it drops what was not applied."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import ipywidgets as widgets
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count
from kvs_notebook.forms.base_form import Form
from kvs_notebook.forms.bulk_forms import BulkDeleteForm, BulkForm, BulkTagsForm, BulkTtlForm
from kvs_notebook.forms.channel_filter import rows_of
from kvs_notebook.forms.channel_form import ChannelForm
from kvs_notebook.forms.create_form import CreateForm
from kvs_notebook.forms.delete_form import DeleteForm
from kvs_notebook.forms.details import Details
from kvs_notebook.forms.endpoints_form import EndpointsForm
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import set_class
from kvs_notebook.forms.focus import Focus
from kvs_notebook.forms.html import escape_html
from kvs_notebook.forms.keyboard import inputs_in
from kvs_notebook.forms.live_tab import LiveTab
from kvs_notebook.forms.tags_form import TagsForm
from kvs_notebook.forms.update_form import UpdateForm

CREATE = "Create"

OPEN_TAB_CLASS = "kvs-open-tab"


class Tab(NamedTuple):
    """A form of the panel: for one channel it is made with its name, for several with their channels frame."""

    name: str
    for_one: Callable[..., Any]
    for_several: Callable[..., Any] | None = None


def _by_name(form: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes a form of one channel from its row."""
    return lambda row, **options: form(row["channel_name"].item(), **options)


TABS = (
    Tab("Details", Details),
    Tab("TTL", _by_name(UpdateForm), BulkTtlForm),
    Tab("Tags", _by_name(TagsForm), BulkTagsForm),
    Tab("Endpoints", _by_name(EndpointsForm)),
    Tab("Live", LiveTab),
    Tab("Delete", _by_name(DeleteForm), BulkDeleteForm),
)
"""The tabs in their order; another form of a channel becomes one here."""


class Panel(widgets.VBox):
    """Show a form for the selected channels.

    Attributes
    ----------
    channels
        The channels frame of the channels that the panel is about.
    form
        The form that is open, None if the panel is closed.
    tabs
        The buttons of the tabs by name.
    question
        The text that asks about edits that were not applied; empty if nothing is asked.
    discard, keep
        The buttons that answer it.
    close_button
        The button that closes the panel.
    """

    def __init__(
        self,
        connection: Connection,
        executor: ContextExecutor,
        *,
        connect_form: Callable[[Form], None],
        select_again: Callable[[list[str]], None],
        closed: Callable[[], None],
    ) -> None:
        self.channels = pd.DataFrame({"channel_arn": []})
        self.form: Any = None
        self.question = ""
        self._connection = connection
        self._executor = executor
        self._connect_form = connect_form
        self._select_again = select_again
        self._closed = closed
        self._forms: dict[str, Any] = {}
        self._open_name = self._last_tab = TABS[0].name
        self._wanted: tuple[pd.DataFrame, str] | None = None
        self._title = widgets.HTML()
        self.close_button = _button("Close", self.close_panel, tooltip="Close the panel; what was entered is kept")
        self.tabs = {tab.name: _button(tab.name, partial(self._tab_clicked, tab.name)) for tab in TABS}
        self._tab_row = widgets.HBox(list(self.tabs.values()))
        self._tab_row.add_class("kvs-tabs")
        self._question_text = widgets.HTML()
        self.discard = _button("Discard them", self._discard_clicked, style="warning")
        self.keep = _button("Keep editing", self._keep_clicked)
        self._question_box = widgets.VBox([self._question_text, widgets.HBox([self.discard, self.keep])])
        self._body = widgets.VBox()
        self._focus = Focus()
        title_row = widgets.HBox([self._title, self.close_button])
        title_row.add_class("kvs-panel-title")
        self._parts = [title_row, self._tab_row, self._question_box, self._body, self._focus]
        super().__init__()
        self.add_class("kvs-panel")
        self._hide()

    @property
    def is_open(self) -> bool:
        """True while the panel is shown."""
        return bool(self.children)

    def _hide(self) -> None:
        self._show_question("")
        self._body.children = ()
        self.children: tuple[widgets.Widget, ...] = ()
        self.layout.display = "none"

    # --- opening

    def open_row(self, channels: pd.DataFrame) -> None:
        """Open the details of a channel; if the panel shows another one, keep its tab."""
        is_of_channels = self.is_open and self._open_name != CREATE
        self.open_tab(channels, self._last_tab if is_of_channels else TABS[0].name)

    def open_create(self) -> Form:
        """Open the form that creates a channel, with what was entered before."""
        form: Form = self._form_of(CREATE, CreateForm)
        self._show(CREATE, form)
        return form

    def open_tab(self, channels: pd.DataFrame, name: str, *, focus: bool = True) -> Any:
        """Open a form for channels; if edits of others would be lost, ask first and keep the open form."""
        if name not in self.tabs:
            raise InvalidInput(
                f"{name} is not a form of the console. Expected one of: {', '.join((CREATE, *self.tabs))}."
            )
        if channels.empty:
            raise InvalidInput(f"No channel is selected. Select one in the table, then open {name}.")
        if not self._may_leave(channels, name):
            return self.form
        self._use_channels(channels)
        return self._open(name, focus=focus)

    def follow(self, channels: pd.DataFrame) -> None:
        """Show other channels after the selection has changed; without one, the panel keeps what it shows."""
        if self.question:
            self._show_question("")
        if self.is_open and self._open_name != CREATE and not channels.empty:
            self.open_tab(channels, self._last_tab, focus=False)

    def update(self, frame: pd.DataFrame) -> None:
        """Show the channels as they were listed now."""
        rows = rows_of(frame, self._arns())
        details = self._forms.get("Details")
        if len(rows) == len(self.channels) and isinstance(details, Details):
            details.show_channels(rows)

    def _open(self, name: str, *, focus: bool = True) -> Any:
        """Open a tab; if several channels do not have this tab, open their first one."""
        makers = {tab.name: maker for tab in TABS if (maker := self._maker(tab)) is not None}
        name = name if name in makers else next(iter(makers))
        form = self._form_of(name, partial(makers[name], self.channels))
        self._last_tab = name
        self._show(name, form, focus=focus)
        return form

    def _maker(self, tab: Tab) -> Callable[..., Any] | None:
        return tab.for_one if len(self.channels) == 1 else tab.for_several

    def _form_of(self, name: str, make: Callable[..., Any]) -> Any:
        form = self._forms.get(name)
        if form is not None and name != CREATE and not self._shows_the_channels(form):
            self._close_form(name)
            form = None
        if form is None:
            form = self._forms[name] = make(connection=self._connection, executor=self._executor)
            _hide_what_the_console_shows(form)
            if isinstance(form, Form):
                self._connect_form(form)
        return form

    def _shows_the_channels(self, form: Any) -> bool:
        """Return whether an existing form shows the channels of the panel; a form for one channel loads its channel."""
        if isinstance(form, ChannelForm | EndpointsForm):
            name = self.channels["channel_name"].item()
            form.select_channel(name)  # does nothing while it changes another channel
            return bool(form.channel.value == name)
        return form.shows(self.channels) if isinstance(form, LiveTab) else True

    def _show(self, name: str, form: Any, *, focus: bool = True) -> None:
        self._open_name, self.form = name, form
        self._title.value = f"<h3>{escape_html('Create a channel' if name == CREATE else self._label())}</h3>"
        self._tab_row.layout.display = "none" if name == CREATE else ""
        for tab in TABS:
            button = self.tabs[tab.name]
            button.layout.display = "" if self._maker(tab) is not None else "none"
            set_class(button, OPEN_TAB_CLASS, wanted=tab.name == name)
        if (
            focus and form not in self._body.children and not isinstance(form, BulkDeleteForm)
        ):  # its preview takes the focus
            self._focus.move_to(_first_input(form) or self.close_button)
        self._body.children = [form]
        self.children = tuple(self._parts)
        self.layout.display = ""

    # --- leaving

    def close_panel(self) -> None:
        """Hide the panel, and move the focus back to the table; what was entered is kept."""
        self._hide()
        self._closed()

    def unapplied_edits(self) -> str:
        """Return in words what was entered and not applied."""
        edits = {name: form.unapplied_edits() for name, form in self._forms.items()}
        return "; ".join(f"{name}: {each}" for name, each in edits.items() if each)

    def use_connection(self, connection: Connection) -> None:
        """Close all forms, and make those that follow with another connection."""
        open_name, was_open = self._open_name, self.is_open
        self._close_forms(with_create=True)
        self._connection = connection
        self.channels = pd.DataFrame({"channel_arn": []})
        self._hide()
        if was_open and open_name == CREATE:
            self.open_create()

    def replace_connection(self, connection: Connection) -> None:
        """Use another connection to the same account and region from now on; the forms stay open."""
        self._connection = connection
        for form in self._forms.values():
            if isinstance(form, Form):
                form.replace_connection(connection)

    def close(self) -> None:
        """Remove the panel and its forms."""
        if hasattr(self, "_forms"):
            self._close_forms(with_create=True)
        super().close()

    def _close_forms(self, *, with_create: bool = False) -> None:
        for name in [name for name in self._forms if name != CREATE or with_create]:
            self._close_form(name)

    def _close_form(self, name: str) -> None:
        form = self._forms.pop(name)
        self._body.children = [each for each in self._body.children if each is not form]
        form.close()

    def _arns(self) -> list[str]:
        return [str(arn) for arn in self.channels["channel_arn"]]

    def _use_channels(self, channels: pd.DataFrame) -> None:
        """Show other channels in the forms; one and several channels have different forms."""
        if set(channels["channel_arn"]) == set(self._arns()):
            return
        has_same_forms = (len(channels) > 1) == (len(self.channels) > 1)
        self.channels = channels
        if not has_same_forms:
            self._close_forms()
        for form in self._forms.values():
            if isinstance(form, BulkForm | Details):
                form.show_channels(channels)

    def _may_leave(self, channels: pd.DataFrame, name: str) -> bool:
        """Return whether the panel may show other channels now; if not, ask."""
        if set(channels["channel_arn"]) == set(self._arns()):
            return True
        label = self._label()
        if any(isinstance(form, BulkForm) and form.is_running for form in self._forms.values()):
            self._show_question(
                f"The change of {label} is running. The panel stays with it until it has ended.", asks=False
            )
            return False
        keeps_fields = len(channels) > 1 and len(self.channels) > 1
        edits = [each for key, form in self._forms.items() if key != CREATE and (each := form.unapplied_edits())]
        if not edits or keeps_fields:
            return True
        self._wanted = channels, name
        self._show_question(f"{label} has edits that were not applied: {'; '.join(edits)}.")
        return False

    def _label(self) -> str:
        count = len(self.channels)
        return str(self.channels["channel_name"].iloc[0]) if count == 1 else format_count(count, "channel")

    def _show_question(self, text: str, *, asks: bool = True) -> None:
        self.question = text
        self._question_text.value = f'<div role="alert" class="kvs-question">{escape_html(text)}</div>' if text else ""
        self._question_box.layout.display = "" if text else "none"
        for button in (self.discard, self.keep):
            button.layout.display = "" if asks else "none"

    def _discard_clicked(self) -> None:
        if self._wanted is not None:
            channels, name = self._wanted
            self._wanted = None
            self._show_question("")
            self._close_forms()
            self._use_channels(channels)
            self._open(name)

    def _keep_clicked(self) -> None:
        self._wanted = None
        self._show_question("")
        self._select_again(self._arns())

    def _tab_clicked(self, name: str) -> None:
        self._open(name)


def _hide_what_the_console_shows(form: Any) -> None:
    """Hide a form's header and channel field: the console has them."""
    if isinstance(form, Form):
        form.header.layout.display = "none"
    if isinstance(form, ChannelForm | EndpointsForm):
        form.hide_channel_field()


def _first_input(form: Any) -> widgets.DOMWidget | None:
    """Return the first text or choice of a form that is shown and enabled, or its first button: Add tag, while tags are read."""
    if not isinstance(form, Form):
        return None
    hidden = getattr(form, "channel", None)
    enabled = [each for each in inputs_in(form) if not each.disabled and (hidden is None or each is not hidden.input)]
    for kinds in ((widgets.Text, widgets.Dropdown), (widgets.Button,)):
        for each in enabled:
            if isinstance(each, kinds):
                return each
    return None


def _button(description: str, clicked: Callable[[], object], *, tooltip: str = "", style: str = "") -> widgets.Button:
    button = widgets.Button(description=description, tooltip=tooltip, button_style=style)
    button.on_click(lambda _: clicked())
    return button
