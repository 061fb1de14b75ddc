"""The line of a form that tells how its work goes."""

from __future__ import annotations

import ipywidgets as widgets

from kvs_notebook.forms.html import code_html, error_html, escape_html


class StatusLine(widgets.HTML):
    """Show one message, to eyes and to screen readers.

    Attributes
    ----------
    text
        The message as plain text.
    role
        Its ARIA role: ``"status"``, or ``"alert"`` after a failure.
    """

    text = ""
    role = "status"
    _late_message = ""

    def show(self, text: str, *, code: str = "", html: str = "") -> None:
        """Show progress or success; ``code`` is the Python that does the same, ``html`` what belongs to the result."""
        same_in_python = f"The same in Python: {code_html(code)}" if code else ""
        self._set("status", text, f"<div>{escape_html(text)}</div>", same_in_python, html)

    def alert(self, text: str) -> None:
        """Show what failed and what to do next."""
        self._set("alert", text, error_html(text))

    def append(self, text: str) -> None:
        """Show a second message below, until clear(): the outcome of work that the user stopped waiting for."""
        self._late_message = f"{self._late_message} {text}".strip()
        self.text = f"{self.text} {text}"
        self.value += _message_html("status", f"<div>{escape_html(text)}</div>")

    def clear(self) -> None:
        """Show no message."""
        self._late_message = ""
        self.show("")

    def _set(self, role: str, text: str, message: str, *below: str) -> None:
        self.text, self.role = f"{text} {self._late_message}".strip(), role
        parts = [_message_html(role, message), *(f"<div>{each}</div>" for each in below if each)]
        if self._late_message:
            parts.append(_message_html("status", f"<div>{escape_html(self._late_message)}</div>"))
        self.value = "".join(parts)


def _message_html(role: str, message: str) -> str:
    return f'<div role="{role}">{message}</div>'
