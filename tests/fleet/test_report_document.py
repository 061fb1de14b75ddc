"""Documents: every text of the service is shown verbatim, in HTML and in Markdown, and nothing in it acts."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

import mistune
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvs_notebook.dataframes.csv_text import guard_cell
from kvs_notebook.errors import MissingExtra
from kvs_notebook.fleet.report_document import (
    MOST_ROWS,
    Picture,
    Section,
    Table,
    Text,
    document_html,
    document_markdown,
)
from kvs_notebook.formatting import printable

HOSTILE = [
    "<script>alert(1)</script>", "</td></table><img src=x onerror=alert(1)>", "a|b\\|c", "**bold** _it_ ~~no~~ `code`",
    "[a](javascript:alert(1)) ![b](http://x/y.png)", '=HYPERLINK("http://x")', "@SUM(A1)", "-1+1", "&lt;b&gt; &copy;",
    "\x1b[31mred", "two\nlines\r\nmore", "| --- |", "# head", "$x^2$", "\u202ereversed", "a<br>b", "<!-- x -->", "&#124;",
    "http://example.com/a_b_c", "a@b.example", "%%{x}%%",
]  # fmt: skip

render = mistune.create_markdown(plugins=["table", "strikethrough", "footnotes", "task_lists"])


class Cells(HTMLParser):
    """The tags of a page, and the text of each cell."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in {"td", "p"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def shown(text: str) -> str:
    """Return a text as a cell shows it."""
    return (guard_cell(printable(text), convertible=False) or "") if text else ""


def sections(text: str) -> Iterator[Section]:
    yield Section(
        "Heading", [Table(["Channel", "Note"], pd.DataFrame({"name": ["gate"], "note": [text]}, dtype="str"))]
    )


def with_examples(test):
    for text in HOSTILE:
        test = example(text)(test)
    return test


@with_examples
@given(st.text(max_size=40))
def test_html_shows_any_text_and_runs_none(text: str) -> None:
    page = Cells(document_html("Title", sections(text)))
    assert page.cells[1].rstrip("\n") == shown(text)
    assert set(page.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "table", "thead", "tbody", "tr", "th", "td"
    }  # fmt: skip
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "scope", "class"}


@with_examples
@given(st.text(max_size=40))
def test_markdown_shows_any_text_and_formats_none(text: str) -> None:
    page = Cells(str(render(document_markdown("Title", sections(text)))))
    assert page.tags == ["h1", "h2", "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert page.cells[1].strip() == shown(text).strip()


@with_examples
@given(st.text(min_size=1, max_size=40))
def test_no_cell_is_a_formula_of_a_spreadsheet(text: str) -> None:
    page = Cells(document_html("Title", sections(text)))
    assert not page.cells[1].lstrip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("rows", [MOST_ROWS, MOST_ROWS + 1, 5_000])
@pytest.mark.parametrize("write", [document_html, document_markdown])
def test_long_table_is_cut_and_says_so(write, rows: int) -> None:
    frame = pd.DataFrame({"name": [f"camera-{n}" for n in range(rows)]})
    document = write("Title", [Section("Channels", [Table(["Channel"], frame)])])
    assert document.count("camera-") == MOST_ROWS
    assert (f"The first {MOST_ROWS} of {rows:,} rows." in document) == (rows > MOST_ROWS)


def test_missing_values_are_empty_and_numbers_have_commas() -> None:
    frame = pd.DataFrame(
        {"note": pd.array(["", None, "x"], dtype="str"), "n": pd.array([1_234, None, 0], dtype="Int64")}
    )
    lines = document_markdown("Title", [Section("S", [Table(["Note", "N"], frame)])]).splitlines()
    assert lines[4:] == ["| Note | N |", "| --- | ---: |", "|  | 1,234 |", "|  |  |", "| x | 0 |"]


def test_page_says_which_package_draws_charts() -> None:
    def draw():
        raise MissingExtra("Charts and diagrams require matplotlib. Install it: pip install 'kvs-notebook[lab]'")

    section = Section("Charts", [Text("before"), Picture(draw), Text("after")])
    assert Cells(document_html("Title", [section])).cells[1].startswith("Charts and diagrams require matplotlib")
    assert document_markdown("Title", [section]).endswith("before\n\nafter\n")
