"""Every HTML of every form escapes any text: what users type, what the service returns, names of profiles, errors."""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from typing import Any

import ipywidgets as widgets
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.formatting import printable_lines
from kvs_notebook.forms.channel_form import ChannelForm
from kvs_notebook.forms.header import Header
from kvs_notebook.forms.html import code_html, copy_html, error_html, help_html, table_html
from kvs_notebook.forms.job import Outcome
from kvs_notebook.forms.status_line import StatusLine
from kvs_notebook.plans.steps import Step


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
        assert {name for name, _ in attrs} <= {"class", "role", "scope", "title", "datetime", "type", "data-copy"}

    def handle_data(self, data: str) -> None:
        self.text += data


FOLDED = ["details", "summary", "code", "button"]
"""The tags of folded Python."""

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1) | st.sampled_from(
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b>', "</div>", "&lt;", "<!--", "</style>"]
)


@given(texts)
def test_text_is_escaped_in_every_helper(text):
    for made, tags in (
        (code_html(text), ["code"]),
        (help_html(text), ["div"]),
        (error_html(text), ["div"]),
        (table_html([(text, text)], (text, text)), ["table", "tr", "th", "th", "tr", "th", "td"]),
    ):
        read = Reader(made)
        assert read.tags == tags
        assert read.text == printable_lines(text) * (4 if "td" in tags else 1)


@given(texts)
def test_status_line_escapes_text(text):
    status = StatusLine()
    status.show(text, code=text)
    assert status.text == text.strip()
    assert set(Reader(status.value).tags) == {"div", *FOLDED}
    for show, role in ((partial(status.show_outcome, "Done"), "status"), (status.alert, "alert")):
        show(text, code=text)
        assert status.role == role
        assert set(Reader(status.value).tags) == {"div", "strong", *FOLDED}


@given(texts)
def test_copied_text_is_escaped(text):
    class Copied(Reader):
        def handle_starttag(self, tag, attrs):
            super().handle_starttag(tag, attrs)
            self.copied = dict(attrs)["data-copy"]

    assert Copied(copy_html(text, text)).copied == text


# --- the forms

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><b onclick="x">',
    "</style><i>",
    "<!--",
    "&lt;u&gt;",
]
OUR_TAGS = {
    "style",
    "div",
    "span",
    "strong",
    "code",
    "table",
    "tr",
    "th",
    "td",
    "h2",
    "h3",
    "h4",
    "ol",
    "li",
    "time",
    *FOLDED,
}
OPENERS = {
    "create_channel": {},
    "update_channel": {"channel": "front-door"},
    "delete_channel": {"channel": "front-door"},
    "edit_tags": {"channel": "front-door"},
    "get_endpoints": {"channel": "front-door"},
    "connection": {},
    "console": {},
    "plan": {
        "plan": kvs.plans.Plan(
            [Step("111122223333", "us-east-1", text, text, "tag", text, text, text, source=text) for text in HOSTILE],
            source=HOSTILE[0],
            notes=HOSTILE,
            account_names={"111122223333": HOSTILE[0]},
        )
    },
}


def widgets_in(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that it contains."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from widgets_in(child)


def check_widgets(root: Any) -> int:
    """Check that every HTML under a widget has only our own tags, and no description is HTML; return the number of HTMLs."""
    found = [each for each in widgets_in(root) if isinstance(each, widgets.HTML | widgets.HTMLMath)]
    for each in found:
        assert set(Reader(each.value).tags) <= OUR_TAGS, each.value
    assert not [each for each in widgets_in(root) if getattr(each, "description_allow_html", False)]
    return len(found)


def test_there_is_a_case_for_every_form():
    assert OPENERS.keys() == {name for name in dir(kvs.forms) if name.islower()}


@pytest.mark.parametrize("name", OPENERS)
def test_every_html_of_a_form_escapes_what_is_typed(name, connection, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # the console saves to files of these names
    kvs.create_channel("front-door")
    form = getattr(kvs.forms, name)(**OPENERS[name])
    if getattr(form, "future", None):
        form.future.exception(30)
    for text in HOSTILE:
        if hasattr(form, "tags"):
            form.tags.value = {text: text}
        for each in widgets_in(form):
            if isinstance(each, widgets.Text):
                each.value = text
        if hasattr(form, "submit"):
            form.submit.click()
            assert name == "connection" or form.future.exception(30)
        else:
            form.table.painted.result(30)
        assert check_widgets(form) >= 2


@pytest.mark.parametrize("name", ["update_channel", "delete_channel", "edit_tags"])
def test_every_html_of_a_form_escapes_what_is_loaded(name, connection):
    form: ChannelForm = getattr(kvs.forms, name)()
    row = kvs.create_channel("front-door")
    extras = {"edit_tags": {"a": HOSTILE[0]}, "delete_channel": [("tags", HOSTILE[0])]}.get(name)
    for text in HOSTILE:
        hostile = row.assign(
            channel_status=text, version=text, **({"channel_name": text} if name != "edit_tags" else {})
        )
        form.set_loaded("front-door", hostile, extras, form.edits())
        check_widgets(form)
        form._show_conflict(hostile, hostile, text)
        check_widgets(form)
        assert html.escape(text) in form.details.value


def test_console_escapes_channels_and_what_it_has_done(connection):
    kvs.create_channel("front-door")
    console = kvs.forms.console()
    console.future.result(30)
    text = HOSTILE[1]
    frame = kvs.list_channels().assign(channel_name=text, channel_status=text, version=text, **{f"tag:{text}": text})
    assert console.table.show(frame, console.connection)
    console.table.select(text)
    console.open_form("Details")
    console.activity.add(Outcome(text, code=text))
    assert check_widgets(console) >= 8
    assert html.escape(text) in console.form.value
    assert html.escape(text) in console.activity.value


def test_header_escapes_profile_and_endpoint(connection, monkeypatch):
    text = HOSTILE[0]
    monkeypatch.setattr(kvs.Connection, "profile", text)
    monkeypatch.setattr(kvs.Connection, "region", text)
    form = kvs.forms.create_channel()
    header = next(each for each in widgets_in(form) if isinstance(each, Header))
    header.identified.exception(30)
    assert html.escape(text) in header.value
    check_widgets(form)
