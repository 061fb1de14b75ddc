"""The line of a form that shows progress, outcomes and failures."""

from __future__ import annotations

from datetime import UTC, datetime

import ipywidgets as widgets

from kvs_notebook.forms.html import escape_html, folded_python_html

DONE, INCOMPLETE, FAILED = "Done", "Incomplete", "Failed"
"""The words before an outcome."""


class StatusLine(widgets.HTML):
    """Show one message, also to screen readers.

    Attributes
    ----------
    text
        The message as plain text, without the word and the time before it.
    role
        Its ARIA role: ``"status"``, or ``"alert"`` after a failure.
    """

    text = ""
    role = "status"
    _late_message = ""

    def show(self, text: str, *, code: str = "", html: str = "") -> None:
        """Show progress or a remark; ``code`` is Python that belongs to it, shown folded, ``html`` what belongs to the result."""
        self._set("status", text, _line(text), html, _folded(code))

    def show_outcome(self, word: str, text: str, *, code: str = "", html: str = "") -> None:
        """Show what was done, or what is not done, and when; ``code`` is the Python that does the same."""
        role, css_class = ("status", "kvs-done") if word == DONE else ("alert", "kvs-failed")
        self._set(role, text, _line(text, word, css_class), html, _folded(code))

    def alert(self, text: str, *, code: str = "") -> None:
        """Show what failed, when, and what to do next; ``code`` is what helps in Python, shown folded."""
        self.show_outcome(FAILED, text, code=code)

    def append(self, text: str) -> None:
        """Show a second message below, until clear(): the outcome of work that the user stopped waiting for."""
        self._late_message = f"{self._late_message} {text}".strip()
        self.text = f"{self.text} {text}"
        self.value += _message_html("status", _line(text))

    def clear(self) -> None:
        """Show no message."""
        self._late_message = ""
        self.show("")

    def dismiss_alert(self) -> None:
        """Hide a failure: the user is correcting the cause. Late messages stay."""
        if self.role == "alert":
            self.show("")

    def _set(self, role: str, text: str, message: str, *below: str) -> None:
        self.text, self.role = f"{text} {self._late_message}".strip(), role
        parts = [_message_html(role, message), *(f"<div>{each}</div>" for each in below if each)]
        if self._late_message:
            parts.append(_message_html("status", _line(self._late_message)))
        self.value = "".join(parts)


def _line(text: str, word: str = "", css_class: str = "") -> str:
    """Return a message as HTML; an outcome begins with its word and the time."""
    if not word:
        return f"<div>{escape_html(text)}</div>"
    outcome = f"<strong>{word} {datetime.now(UTC):%H:%M:%S} UTC</strong>"
    return f'<div class="{css_class}">{outcome} {escape_html(text)}</div>'


def _folded(code: str) -> str:
    return folded_python_html(code) if code else ""


def _message_html(role: str, message: str) -> str:
    return f'<div role="{role}">{message}</div>'
