"""A document of sections with texts, tables and charts, as one HTML page or as Markdown."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

from kvs_notebook.dataframes.csv_text import guard_cell
from kvs_notebook.errors import MissingExtra
from kvs_notebook.formatting import format_count, printable
from kvs_notebook.plotting.figure import Chart

MOST_ROWS = 200
"""Rows of a table; a text below it names how many there are in all."""

UNBROKEN = frozenset({"account_id", "region", "date"})
"""Columns of short values that are read as a whole."""

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~$&])")
"""Characters that may mean something else than themselves in a line of Markdown."""

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --muted: #57606a; --line: #d0d7de; --page: #fff; --head: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --muted: #9da7b3; --line: #3d444d; --page: #0d1117; --head: #161b22; } }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: var(--text); background: var(--page);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; } p { margin: .5rem 0; }
table { border-collapse: collapse; margin: .75rem 0; font-size: .9rem; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; }
th { background: var(--head); white-space: nowrap; } .number, .short { white-space: nowrap; } .number { text-align: right; }
.note { color: var(--muted); } img { display: block; max-width: 100%; margin: .75rem 0; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str

    def to_html(self) -> str:
        """Return the paragraph as HTML."""
        return f"<p>{_html(self.text)}</p>"

    def to_markdown(self) -> str:
        """Return the paragraph as Markdown."""
        return _markdown(self.text)


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows of a frame, with a title for each of its columns; columns of numbers are aligned to the right."""

    titles: Sequence[str]
    frame: pd.DataFrame

    @property
    def _rows(self) -> Iterable[list[str]]:
        shown = self.frame.iloc[:MOST_ROWS]
        return map(list, zip(*([_cell(value) for value in shown[name]] for name in shown), strict=True))

    @property
    def _classes(self) -> list[str]:
        """The class of each column: numbers, text that is never broken, or neither."""
        kinds = self.frame.dtypes.map(pd.api.types.is_numeric_dtype).items()
        return ["number" if is_number else "short" if name in UNBROKEN else "" for name, is_number in kinds]

    @property
    def _note(self) -> str | None:
        total = len(self.frame)
        return f"The first {MOST_ROWS} of {format_count(total, 'row')}." if total > MOST_ROWS else None

    def to_html(self) -> str:
        """Return the table as HTML, with a note if it has more rows."""
        classes = [f' class="{each}"' if each else "" for each in self._classes]
        head = _html_row(
            f'<th scope="col"{each}>{_html(title)}</th>' for each, title in zip(classes, self.titles, strict=True)
        )
        body = "".join(
            _html_row(f"<td{each}>{_html(cell)}</td>" for each, cell in zip(classes, row, strict=True))
            for row in self._rows
        )
        note = f'\n<p class="note">{_html(self._note)}</p>' if self._note else ""
        return f"<table>\n<thead>\n{head}</thead>\n<tbody>\n{body}</tbody>\n</table>{note}"

    def to_markdown(self) -> str:
        """Return the table as Markdown, with a note if it has more rows."""
        rule = ["---:" if each == "number" else "---" for each in self._classes]
        rows = [[_markdown(cell) for cell in row] for row in [self.titles, *self._rows]]
        lines = [f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]]]
        return "\n".join([*lines, "", self._note] if self._note else lines)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart, drawn only for HTML: Markdown has no images inside, and the table beside it has the same numbers.

    A Markdown report is one file, to be pasted into a mail, an issue or a job summary; an image beside it would be lost there.
    """

    draw: Callable[[], Chart]

    def to_html(self) -> str:
        """Return the chart as an image inside the page; if matplotlib is not installed, a note on what to install."""
        try:
            chart = self.draw()
        except MissingExtra as error:
            return f'<p class="note">{_html(str(error))}</p>'
        data = b64encode(chart.to_png()).decode()
        return f'<img alt="{_html(chart.title)}" src="data:image/png;base64,{data}">'

    def to_markdown(self) -> None:
        """Return nothing."""


Part: TypeAlias = "Text | Table | Picture"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what follows it."""

    heading: str
    parts: Sequence[Part]


def document_html(title: str, sections: Iterable[Section]) -> str:
    """Return one HTML page that needs no other file, runs no script, and follows the reader's light or dark theme."""
    blocks = []
    for section in sections:
        blocks += [f"<h2>{_html(section.heading)}</h2>", *(part.to_html() for part in section.parts)]
    return _PAGE.format(title=_html(title), style=_STYLE, body="\n".join(blocks))


def document_markdown(title: str, sections: Iterable[Section]) -> str:
    """Return the document as GitHub's Markdown, without charts."""
    blocks = [f"# {_markdown(title)}"]
    for section in sections:
        parts = (part.to_markdown() for part in section.parts)
        blocks += [f"## {_markdown(section.heading)}", *(part for part in parts if part)]
    return "\n\n".join(blocks) + "\n"


def _cell(value: object) -> str:
    """Return a value as text; one that a spreadsheet would run as a formula is guarded, as in CSV."""
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    if isinstance(value, str):
        return guard_cell(printable(value), convertible=False) or "" if value else ""
    return f"{value:,}"


def _html_row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>\n"


def _html(text: str | None) -> str:
    return html.escape(printable(text or ""))


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", printable(text))
