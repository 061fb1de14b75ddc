"""Fields: a label, an input and, under it, what is wrong with what was typed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from kvs_notebook.aws.service_model import bounds
from kvs_notebook.aws.validation import MAX_TAGS, check_channel, check_channel_name, check_message_ttl, check_tags
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.html import error_html


class Field(widgets.VBox):
    """Hold one line of text that is checked while it is typed.

    Attributes
    ----------
    input
        The ipywidgets Text.
    problem
        What is wrong with it, empty where nothing is.
    """

    def __init__(
        self, label: str, check: Callable[[str], object], value: object = "", *, placeholder: str = ""
    ) -> None:
        self._check = check
        self._lock = threading.RLock()
        self.input = widgets.Text(value=str(value), description=label, placeholder=placeholder)
        self._note = widgets.HTML()
        self.input.observe(self._typed, "value")
        super().__init__([self.input, self._note])

    @property
    def value(self) -> str:
        """What stands in the input."""
        return str(self.input.value)

    @value.setter
    def value(self, value: object) -> None:
        with self._lock:
            self.input.value = str(value)

    def replace_unedited(self, before: str, value: str) -> bool:
        """Set the value where it still is what it was before; tell whether it was."""
        with self._lock:
            unchanged = self.value == before
            if unchanged:
                self.value = value
        return unchanged

    @property
    def problem(self) -> str:
        """Say what is wrong, by the check that the functions make too."""
        try:
            self._check(self.value)
        except InvalidInput as error:
            return str(error)
        return ""

    def show_problem(self) -> str:
        """Show under the input what is wrong, and give it."""
        problem = self.problem
        self._note.value = error_html(problem) if problem else ""
        return problem

    def _typed(self, _: Mapping[str, Any]) -> None:
        self.show_problem()


def name_field() -> Field:
    """Make the field of a new channel's name."""
    low, high = bounds("ChannelName")
    return Field(
        f"Channel name ({low} to {high} letters, digits and . _ -)", check_channel_name, placeholder="front-door"
    )


def channel_field(value: str = "") -> Field:
    """Make the field that names a channel which is there."""
    return Field("Channel (name or ARN)", check_channel, value, placeholder="front-door")


def ttl_field(value: object = "") -> Field:
    """Make the field of a message TTL."""
    low, high = bounds("MessageTtlSeconds")
    return Field(f"Message TTL in seconds ({low} to {high})", lambda text: check_message_ttl(seconds(text)), value)


def seconds(text: str) -> int | str:
    """Give the number that was typed, or the text where it is none."""
    return int(text) if text.strip().isdecimal() else text


class TagRow(widgets.VBox):
    """Hold one tag: its key, its value, and a button that takes the row away."""

    def __init__(self, key: str, value: str, changed: Callable[[], None], removed: Callable[[TagRow], None]) -> None:
        self.key = widgets.Text(value=key)
        self.tag_value = widgets.Text(value=value)
        self.remove = widgets.Button()
        self._note = widgets.HTML()
        for text in (self.key, self.tag_value):
            text.observe(lambda _: changed(), "value")
        self.remove.on_click(lambda _: removed(self))
        row = widgets.HBox([widgets.VBox([self.key]), widgets.VBox([self.tag_value]), self.remove])
        row.add_class("kvs-row")
        super().__init__([row, self._note])

    def set_number(self, number: int) -> None:
        """Name the row's inputs by its place."""
        self.key.description = f"Tag {number} key (1 to {bounds('TagKey')[1]} characters)"
        self.tag_value.description = f"Tag {number} value (up to {bounds('TagValue')[1]})"
        self.remove.description = f"Remove tag {number}"

    @property
    def pair(self) -> tuple[str, str]:
        """Give key and value as they stand."""
        return self.key.value, self.tag_value.value

    def show_problem(self, keys: list[str]) -> str:
        """Show what is wrong with this tag, and give it; ``keys`` are those of all rows."""
        key, value = self.pair
        problem = ""
        if key or value:
            try:
                check_tags({key: value})
            except InvalidInput as error:
                problem = str(error)
            if keys.count(key) > 1:
                problem = f"Tag key {key!r} stands in {keys.count(key)} rows: keep one of them."
        self._note.value = error_html(problem) if problem else ""
        return problem


def _focus_once_shown(text: widgets.Text) -> None:
    """Give the focus to an input that the browser has yet to make."""

    def shown(_: Mapping[str, Any]) -> None:
        text.unobserve(shown, "_view_count")
        text.focus()

    text._view_count = 0  # noqa: SLF001 - from here on the browser counts the places that show it
    text.observe(shown, "_view_count")


class TagRows(widgets.VBox):
    """Hold tags as rows that can be added, changed and removed; a row of nothing counts for nothing."""

    def __init__(self, tags: Mapping[str, str] | None = None) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        self._rows = widgets.VBox()
        self._note = widgets.HTML()
        self.add = widgets.Button(description=f"Add a tag (up to {MAX_TAGS})")
        self.add.on_click(lambda _: self._append("", "", focus=True))
        super().__init__([self._rows, self._note, widgets.HBox([self.add])])
        self.value = tags or {}

    @property
    def value(self) -> dict[str, str]:
        """The tags of all rows, as a mapping."""
        return dict(row.pair for row in self.rows if any(row.pair))

    @value.setter
    def value(self, tags: Mapping[str, str]) -> None:
        with self._lock:
            self._set_rows([self._row(key, value) for key, value in tags.items()])

    def replace_unedited(self, before: Mapping[str, str], tags: Mapping[str, str]) -> bool:
        """Set the tags where they still are what they were before; tell whether they were."""
        with self._lock:
            unchanged = self.value == before
            if unchanged:
                self.value = tags
        return unchanged

    @property
    def rows(self) -> tuple[TagRow, ...]:
        """The rows, from the top."""
        rows: tuple[TagRow, ...] = self._rows.children
        return rows

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a listener after each change of a row."""
        self._listeners.append(listener)

    def show_problem(self) -> str:
        """Show what is wrong under its row, and give all of it."""
        keys = [row.key.value for row in self.rows]
        problems = [problem for row in self.rows if (problem := row.show_problem(keys))]
        if not problems and len(self.value) > MAX_TAGS:
            problems = [f"{len(self.value)} tags: a channel may have {MAX_TAGS}."]
            self._note.value = error_html(problems[0])
        else:
            self._note.value = ""
        return " ".join(problems)

    def _row(self, key: str, value: str) -> TagRow:
        return TagRow(key, value, self._changed, self._remove)

    def _append(self, key: str, value: str, *, focus: bool = False) -> None:
        row = self._row(key, value)
        if focus:
            _focus_once_shown(row.key)
        self._set_rows([*self.rows, row])

    def _remove(self, row: TagRow) -> None:
        self._set_rows([each for each in self.rows if each is not row])
        row.close()
        self.add.focus()

    def _set_rows(self, rows: list[TagRow]) -> None:
        for number, row in enumerate(rows, start=1):
            row.set_number(number)
        self._rows.children = rows
        self._changed()

    def _changed(self) -> None:
        self.show_problem()
        for listener in self._listeners:
            listener()
