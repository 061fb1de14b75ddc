"""Fields: a label, an input and, below it, what it accepts and the problem with what was typed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from kvs_notebook.aws.service_model import bounds
from kvs_notebook.aws.validation import check_channel, check_channel_name, check_message_ttl
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.html import error_html, help_html

INVALID_CLASS = "kvs-invalid"
"""The class of a field whose value cannot be sent; its border is red."""


class CheckedInput(widgets.VBox):
    """An input that is checked while the user types, with its problem below.

    Attributes
    ----------
    label
        What the field is called in messages.
    lock
        Held while the value is set and the listeners are called: a cell sets a value while the worker's thread replaces the value
        that it has seen. A form sets it to its worker's lock, which listeners need too: two locks could wait for each other.
    """

    def __init__(self, children: Sequence[widgets.Widget], label: str) -> None:
        self.label = label
        self.lock = threading.RLock()
        self._listeners: list[Callable[[], None]] = []
        self._problem_line = widgets.HTML()
        super().__init__([*children, self._problem_line])
        self.add_class("kvs-field")

    @property
    def value(self) -> Any:
        """The value of the input."""
        return self.read_value()

    @value.setter
    def value(self, value: Any) -> None:
        with self.lock:
            self.write_value(value)

    def replace_if_unchanged(self, before: Any, value: Any) -> bool:
        """Set the value if it is still what it was before; return whether it was."""
        with self.lock:
            unchanged: bool = self.value == before
            if unchanged:
                self.value = value
        return unchanged

    def show_problem(self) -> str:
        """Show what is wrong below the input, and return it."""
        problem = self.find_problem()
        self.mark_problem(problem)
        return problem

    def mark_problem(self, problem: str) -> None:
        """Show a problem below the input, and the border of the input in red; an empty text removes both."""
        self._problem_line.value = error_html(problem) if problem else ""
        set_class(self, INVALID_CLASS, wanted=bool(problem))

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a listener after each change of the value."""
        self._listeners.append(listener)

    def value_changed(self) -> None:
        """Check the value that has changed, and call the listeners."""
        self.show_problem()
        for listener in self._listeners:
            listener()

    # --- to be overridden

    def focus(self) -> None:
        """Move the focus to the input, if there is one."""

    def read_value(self) -> Any:
        """Return the value of the input."""
        raise NotImplementedError

    def write_value(self, value: Any) -> None:
        """Set the value of the input."""
        raise NotImplementedError

    def find_problem(self) -> str:
        """Return what is wrong, or an empty text."""
        raise NotImplementedError


class TextField(CheckedInput):
    """One line of text.

    Attributes
    ----------
    input
        The ipywidgets Text.
    """

    def __init__(
        self,
        label: str,
        check: Callable[[str], object],
        value: object = "",
        *,
        accepts: str = "",
        placeholder: str = "",
    ) -> None:
        self._check = check
        self.input = widgets.Text(value=str(value), description=label, placeholder=placeholder)
        self.input.observe(lambda _: self.value_changed(), "value")
        self.help = widgets.HTML(help_html(accepts) if accepts else "")
        super().__init__([self.input, self.help], label)

    def focus(self) -> None:
        """Move the focus to the input."""
        self.input.focus()

    def read_value(self) -> str:
        """Return the text."""
        return str(self.input.value)

    def write_value(self, value: object) -> None:
        """Set the text."""
        self.input.value = str(value)

    def find_problem(self) -> str:
        """Return what is wrong with the text, by the check that the public functions make too."""
        return message_of(self._check, self.value)


def message_of(check: Callable[[Any], object], value: object) -> str:
    """Return why a check rejects a value, or an empty text."""
    try:
        check(value)
    except InvalidInput as error:
        return in_words(str(error))
    return ""


class ConfirmationField(TextField):
    """A text that the user has to type, such as the name of the channel to delete.

    While it is being typed, its beginning is not a problem.

    Attributes
    ----------
    expected
        The text; None while it is not known, and nothing is confirmed.
    """

    def __init__(
        self, label: str, check: Callable[[str], object], *, accepts: str, expected: str | None = None
    ) -> None:
        self.expected = expected
        super().__init__(label, check, accepts=accepts)

    @property
    def is_confirmed(self) -> bool:
        """True if the text was typed."""
        return self.expected is not None and self.value == self.expected

    def value_changed(self) -> None:
        """Show what is wrong, unless it is the beginning of the text; call the listeners."""
        super().value_changed()
        if self.expected is None or self.expected.startswith(self.value):
            self.mark_problem("")


def name_field() -> TextField:
    """Return the field for the name of a new channel."""
    low, high = bounds("ChannelName")
    accepts = f"{low} to {high} letters, digits and . _ -"
    return TextField("Channel name", check_channel_name, accepts=accepts, placeholder="front-door")


def channel_field(value: str = "") -> TextField:
    """Return the field for an existing channel."""
    return TextField("Channel (name or ARN)", check_channel, value, placeholder="front-door")


def ttl_field(value: object = "") -> TextField:
    """Return the field for a message TTL."""
    low, high = bounds("MessageTtlSeconds")
    return TextField(
        "Message TTL in seconds",
        lambda text: check_message_ttl(parse_seconds(text)),
        value,
        accepts=f"{low} to {high} seconds, without a fraction",
    )


def parse_seconds(text: str) -> int | str:
    """Return the number that was typed, or the text if it is not a number."""
    return int(text) if text.strip().isdecimal() else text


def set_class(widget: widgets.DOMWidget, name: str, *, wanted: bool) -> None:
    """Add a class to a widget, or remove it."""
    if wanted:
        widget.add_class(name)
    else:
        widget.remove_class(name)
