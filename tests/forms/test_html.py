"""HTML helpers escape any text."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.forms.html import code_html, error_html, table_html
from kvs_notebook.forms.status_line import StatusLine


class Reader(HTMLParser):
    """Parse HTML as a browser does."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert {name for name, _ in attrs} <= {"class", "role", "scope"}

    def handle_data(self, data: str) -> None:
        self.text += data


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1) | st.sampled_from(
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b>', "</div>", "&lt;", "<!--", "</style>"]
)


@given(texts)
def test_text_is_escaped_in_every_helper(text):
    for made, tags in (
        (code_html(text), ["code"]),
        (error_html(text), ["div"]),
        (table_html([(text, text)], (text, text)), ["table", "tr", "th", "th", "tr", "th", "td"]),
    ):
        read = Reader(made)
        assert read.tags == tags
        assert read.text == text * (4 if "td" in tags else 1)


@given(texts)
def test_status_line_escapes_text(text):
    status = StatusLine()
    status.show(text, code=text)
    assert status.text == text.strip()
    assert set(Reader(status.value).tags) == {"div", "code"}
    status.alert(text)
    assert status.role == "alert"
    assert set(Reader(status.value).tags) == {"div"}
