"""The field for tags: rows of a key and a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets as widgets

from kvs_notebook.aws.service_model import bounds
from kvs_notebook.aws.validation import MAX_TAGS, check_tags, own_tags
from kvs_notebook.forms.fields import INVALID_CLASS, CheckedInput, message_of, set_class
from kvs_notebook.forms.focus import Focus
from kvs_notebook.forms.html import error_html, help_html, table_html


class TagRow(widgets.VBox):
    """One tag: its key, its value, and the button that removes it.

    Attributes
    ----------
    wrong
        The input that show_problem() marked, None if neither is wrong.
    """

    wrong: widgets.Text | None = None

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
        problem = message_of(check_tags, {key: value}) if key or value else ""
        if key and all_keys.count(key) > 1:
            problem = f"Tag key {key!r} is in {all_keys.count(key)} rows. Keep one of them."
        self._problem_line.value = error_html(problem) if problem else ""
        is_of_key = bool(problem) and (all_keys.count(key) > 1 or bool(message_of(check_tags, {key: ""})))
        self.wrong = (self.key if is_of_key else self.tag_value) if problem else None
        for box in self._boxes:
            set_class(box, INVALID_CLASS, wanted=self.wrong in box.children)
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
        """Show the rows of a mapping, without tags of AWS that were copied with the others; rows whose key stays are kept."""
        own = own_tags(value)
        rows = own if own or value.keys() <= self.read_only.keys() else value  # alone, such a key is shown as invalid
        before = {row.key.value: row for row in reversed(self.rows)}
        kept = {key: before[key] for key in rows if key in before}
        others = [row for row in self.rows if row not in kept.values()]
        for key, row in kept.items():
            row.tag_value.value = rows[key]
        self._set_rows([kept.get(key) or self._new_row(key, text) for key, text in rows.items()])
        for row in others:
            row.close()

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
        """Move the focus to the first input that is wrong."""
        self.show_problem()
        wrong = [row.wrong for row in self.rows if row.wrong is not None]
        (wrong[0] if wrong else self.add).focus()

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
