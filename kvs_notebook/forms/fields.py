"""Fields: a label, an input and, below it, what it accepts and the problem with what was typed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from kvs_notebook.aws.service_model import bounds
from kvs_notebook.aws.validation import (
    MAX_TAGS,
    check_channel,
    check_channel_name,
    check_message_ttl,
    check_tags,
    own_tags,
)
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.focus import Focus
from kvs_notebook.forms.html import error_html, help_html, table_html

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
        _set_class(self, INVALID_CLASS, wanted=bool(problem))

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
        return _message_of(self._check, self.value)


def _message_of(check: Callable[[Any], object], value: object) -> str:
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


def _set_class(widget: widgets.DOMWidget, name: str, *, wanted: bool) -> None:
    if wanted:
        widget.add_class(name)
    else:
        widget.remove_class(name)


class TagRow(widgets.VBox):
    """One tag: its key, its value, and the button that removes it."""

    def __init__(self, key: str, value: str, changed: Callable[[], None], removed: Callable[[TagRow], None]) -> None:
        self.key = widgets.Text(value=key, placeholder="Key")
        self.tag_value = widgets.Text(value=value, placeholder="Value")
        self.remove = widgets.Button()
        self._problem_line = widgets.HTML()
        for text in (self.key, self.tag_value):
            text.observe(lambda _: changed(), "value")
        self.remove.on_click(lambda _: removed(self))
        self._boxes = [widgets.VBox([text]) for text in (self.key, self.tag_value)]
        row = widgets.HBox([*self._boxes, self.remove])
        row.add_class("kvs-tag")
        super().__init__([row, self._problem_line])
        self.add_class("kvs-field")

    def set_number(self, number: int) -> None:
        """Set the names that screen readers read for the inputs: they contain the number of the row."""
        self.key.description = f"Tag {number} key"
        self.tag_value.description = f"Tag {number} value"
        self.remove.description = self.remove.tooltip = f"Remove tag {number}"

    @property
    def pair(self) -> tuple[str, str]:
        """The key and the value."""
        return self.key.value, self.tag_value.value

    def show_problem(self, all_keys: list[str]) -> str:
        """Show what is wrong with this tag below it, and return it."""
        key, value = self.pair
        problem = _message_of(check_tags, {key: value}) if key or value else ""
        if key and all_keys.count(key) > 1:
            problem = f"Tag key {key!r} is in {all_keys.count(key)} rows. Keep one of them."
        self._problem_line.value = error_html(problem) if problem else ""
        is_of_key = bool(problem) and (all_keys.count(key) > 1 or bool(_message_of(check_tags, {key: ""})))
        for box, wanted in zip(self._boxes, (is_of_key, bool(problem) and not is_of_key), strict=True):
            _set_class(box, INVALID_CLASS, wanted=wanted)
        return problem


class TagRows(CheckedInput):
    """Tags as rows that can be added, changed and removed; an empty row is ignored.

    Attributes
    ----------
    add
        The button that adds a row.
    read_only
        The tags that only AWS can set and remove: they are shown below the rows, and are not part of ``value``.
    """

    def __init__(self, tags: Mapping[str, str] | None = None) -> None:
        self._rows = widgets.VBox()
        self._focus = Focus()
        self.add = widgets.Button(description="Add tag")
        self.add.on_click(lambda _: self._append_empty_row())
        self.read_only: dict[str, str] = {}
        self._read_only_table = widgets.HTML()
        accepts = (
            f"Up to {MAX_TAGS} tags; a key has {bounds('TagKey')[0]} to {bounds('TagKey')[1]} characters, "
            f"a value up to {bounds('TagValue')[1]}"
        )
        title = widgets.HTML(f"<div>Tags</div>{help_html(accepts)}")
        super().__init__([title, self._rows, widgets.HBox([self.add]), self._read_only_table, self._focus], "Tags")
        self.value = tags or {}

    @property
    def rows(self) -> tuple[TagRow, ...]:
        """The rows, from the top."""
        rows: tuple[TagRow, ...] = self._rows.children
        return rows

    def read_value(self) -> dict[str, str]:
        """Return the tags of all rows as a mapping."""
        return dict(row.pair for row in self.rows if any(row.pair))

    def write_value(self, value: Mapping[str, str]) -> None:
        """Replace the rows by those of a mapping, without tags of AWS that were copied with the others."""
        own = own_tags(value)
        rows = own if own or value.keys() <= self.read_only.keys() else value  # alone, such a key is shown as invalid
        self._set_rows([self._new_row(key, text) for key, text in rows.items()])

    def show_read_only(self, tags: Mapping[str, str]) -> None:
        """Show tags that cannot be changed."""
        self.read_only = dict(tags)
        header = ("Set by AWS, read-only", "value")
        self._read_only_table.value = table_html(sorted(tags.items()), header) if tags else ""

    def find_problem(self) -> str:
        """Return what is wrong with the number of tags."""
        count = len(self.value)
        return f"Too many tags: {count} (maximum {MAX_TAGS})." if count > MAX_TAGS else ""

    def show_problem(self) -> str:
        """Show what is wrong below each row and below all of them, and return it."""
        all_keys = [row.key.value for row in self.rows]
        problems = [*(row.show_problem(all_keys) for row in self.rows), super().show_problem()]
        return " ".join(problem for problem in problems if problem)

    def mark_problem(self, problem: str) -> None:
        """Show a problem of all rows below them; a row marks its own inputs."""
        self._problem_line.value = error_html(problem) if problem else ""

    def focus(self) -> None:
        """Move the focus to the first row that has a problem."""
        all_keys = [row.key.value for row in self.rows]
        for row in self.rows:
            if row.show_problem(all_keys):
                row.key.focus()
                return
        self.add.focus()

    def _new_row(self, key: str = "", value: str = "") -> TagRow:
        return TagRow(key, value, self.value_changed, self._remove)

    def _append_empty_row(self) -> None:
        row = self._new_row()
        self._set_rows([*self.rows, row])
        self._focus.move_to(row.key)

    def _remove(self, row: TagRow) -> None:
        self._set_rows([each for each in self.rows if each is not row])
        row.close()
        self.add.focus()

    def _set_rows(self, rows: list[TagRow]) -> None:
        for number, row in enumerate(rows, start=1):
            row.set_number(number)
        self._rows.children = rows
        self.value_changed()
