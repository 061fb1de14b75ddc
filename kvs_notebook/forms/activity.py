"""The list of what a console has done, newest first."""

from __future__ import annotations

from datetime import UTC, datetime

import ipywidgets as widgets

from kvs_notebook.forms.html import escape_html, folded_python_html
from kvs_notebook.forms.job import Outcome

MAX_ENTRIES = 100


class Activity(widgets.HTML):
    """Show the outcome of each change: its time, its message and the line of Python that does the same.

    Attributes
    ----------
    outcomes
        The outcomes, newest first, each with its time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[tuple[datetime, Outcome]] = []
        self._render()

    def add(self, outcome: Outcome) -> None:
        """Add an outcome at the top."""
        self.outcomes = [(datetime.now(UTC), outcome), *self.outcomes][:MAX_ENTRIES]
        self._render()

    def _render(self) -> None:
        entries = "".join(_entry_html(time, outcome) for time, outcome in self.outcomes)
        body = f"<ol>{entries}</ol>" if entries else "<div>Nothing was changed yet.</div>"
        self.value = f'<div class="kvs-activity"><h3>Activity</h3>{body}</div>'


def _entry_html(time: datetime, outcome: Outcome) -> str:
    css_class = "kvs-went-well" if outcome.succeeded else "kvs-went-wrong"
    code = folded_python_html(outcome.code) if outcome.code else ""
    return (
        f'<li><time datetime="{time.isoformat()}">{time:%H:%M:%S}</time> <span class="{css_class}">{outcome.word.lower()}</span> '
        f"{escape_html(outcome.message)}{code}</li>"
    )
