"""Texts of others are shown, in a terminal, in a notebook and in a chart, and do nothing else."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook import error_display, errors
from kvs_notebook.caller_warning import warn_caller
from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.errors import ServiceFault
from kvs_notebook.fleet.coverage import coverage_frame, unread_row
from kvs_notebook.formatting import one_line, printable
from kvs_notebook.plans.applied import Applied
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.steps import Step
from kvs_notebook.plotting.figure import Chart, open_figure
from kvs_notebook.secret_scan.scanner import Finding
from tests.connections import connect_session
from tests.hostile_texts import HOSTILE, STORABLE, is_shown_only

ACCOUNT, REGION = "111122223333", "us-east-1"
ARN = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:channel/gate/1767603601000"

TAGS = {"div", "style", "table", "thead", "tbody", "tr", "th", "td", "p", "ul", "li", "code"}
ATTRIBUTES = {"border", "class", "scope", "scoped", "style", "colspan"}

ALL_IN_ONE = ["".join(text for name, text in STORABLE.items() if name != "long"), STORABLE["long"], "", "a\nb"]
"""Texts that contain all of them: an object is displayed for each."""


class Page(HTMLParser):
    """The tags and attributes of HTML, as a browser finds them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.attributes = set[str](), set[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


# --- what an object shows of itself


def channels(text: str) -> pd.DataFrame:
    info = {
        "ChannelARN": ARN,
        "CreationTime": 1767603601,
        "ChannelName": "gate",
        "ChannelType": text,
        "ChannelStatus": text,
        "Version": text,
    }
    return builders.channels_frame([info])


def tags(text: str) -> pd.DataFrame:
    return builders.tags_frame({ARN: {text: text}})


def inventory(text: str) -> kvs.Inventory:
    coverage = coverage_frame([unread_row(ACCOUNT, REGION, ServiceFault(text, code=text))])
    return kvs.Inventory(channels(text), tags(text), coverage, {ACCOUNT: text})


def plan(text: str) -> Plan:
    steps = [
        Step(ACCOUNT, REGION, text, "arn", "tag", f"tag:{text}", text, text),
        Step(ACCOUNT, REGION, text, "arn", None, status="refused", reason=text, source=text),
    ]
    return Plan(steps, source=text, notes=[text], account_names={ACCOUNT: text})


def applied(text: str) -> Applied:
    made = plan(text)
    columns = {name: [text] for name, dtype in schemas.PLAN_RESULTS.items() if dtype == schemas.TEXT}
    others = {name: [None] for name in schemas.PLAN_RESULTS if name not in columns}
    rows = builders.columns_frame({**columns, **others, "outcome": ["failed"]}, schemas.PLAN_RESULTS)
    not_started = rows.assign(outcome="not_started")
    return Applied(made, pd.concat([rows, not_started], ignore_index=True), Path(text), [text])


def chart(text: str) -> Chart:
    with open_figure(1, 1) as figure:
        return Chart(figure, text)


def connection(text: str) -> kvs.Connection:
    return connect_session(boto3.Session("AKIDEXAMPLE", "secret"), text, profile=text, account_id=text)


SHOWN: dict[str, Callable[[str], Any]] = {
    "DataFrame": lambda text: inventory(text).table(),
    "Inventory": inventory,
    "Plan": plan,
    "Applied": applied,
    "Chart": chart,
    "Connection": connection,
    "KVSError": lambda text: ServiceFault(f"failed: {text}", code=text),
    "Finding": lambda text: Finding(Path(text), 1, "source", "access key id", "AKIA...TVBC"),
}

APPLIED_LINES = 5
"""The title, a step that has failed, one that was not started, a note, and how to continue."""

OWN_TEXTS = {
    "ChannelArn", "RoleArn", "Secret", "Credentials", "Sandbox", "SignalingClient", "LiveView", "TestCamera", "Console",
    "Form", "Variable", "TagDifference",
}  # fmt: skip
"""Classes that show valid names, paths of this process, or what a form escapes."""


def test_every_class_with_a_text_of_its_own_is_tried():
    of_text = re.compile(r"^class (\w+)|^    def (__repr__|__str__|_repr_html_)\(", re.MULTILINE)
    found = set()
    for path in Path(kvs.__file__).parent.rglob("*.py"):
        name = ""
        for match in of_text.finditer(path.read_text(encoding="utf-8")):
            name = match[1] or name
            if match[2]:
                found.add(name)
    assert found == SHOWN.keys() | OWN_TEXTS


@pytest.mark.parametrize("name", SHOWN)
def test_view_shows_texts_and_has_no_markup_of_theirs(name):
    for text in ALL_IN_ONE:
        view = SHOWN[name](text)
        shown = [repr(view), str(view)]
        if isinstance(view, Applied):
            assert len(repr(view).split("\n")) == APPLIED_LINES, text
        if hasattr(view, "_repr_html_"):
            html = view._repr_html_()
            shown.append(html)
            assert Page(html).tags <= TAGS, html
            assert Page(html).attributes <= ATTRIBUTES, html
        assert all(map(is_shown_only, shown)), shown


# --- charts


def drawn(made: Chart) -> list[str]:
    """Return the texts of a chart that was drawn; a warning of matplotlib is an error."""
    with warnings.catch_warnings(action="error"):
        content = made.to_png()
    with Image.open(BytesIO(content)) as picture:
        assert picture.size[0] == 700
    return [each.get_text() for each in made.figure.findobj(Text)]


def tag_coverage(texts: list[str]) -> pd.DataFrame:
    counts = {name: [1] * len(texts) for name in schemas.TAG_COVERAGE if name != "key"}
    return builders.columns_frame({"key": texts, **counts}, schemas.TAG_COVERAGE)


def channel_counts(texts: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"account_id": texts, "region": texts, "channels": 1}).astype(schemas.COUNTS)


def headroom(texts: list[str]) -> pd.DataFrame:
    values = {
        "account_id": texts,
        "region": texts,
        "channels": 1,
        "quota": 10,
        "free": 9,
        "share": 0.1,
        "problem": None,
    }
    return pd.DataFrame(values)[[*schemas.HEADROOM]].astype(schemas.HEADROOM)


def conversation(texts: list[str]) -> Chart:
    rows = [
        {
            "direction": "sent", "message_type": text, "message_payload": "", "correlation_id": text, "error_code": "",
            "order": number, "recipient_client_id": text, "sender_client_id": text,
        }
        for number, text in enumerate(texts)
    ]  # fmt: skip
    refusals = [
        {**row, "direction": "received", "message_type": "STATUS_RESPONSE", "error_code": row["message_type"]}
        for row in rows
    ]
    peers = [
        SimpleNamespace(
            role=role, client_id=text, channel_name=text, connected=True, ordered_messages=lambda: [*rows, *refusals]
        )
        for text in texts[:1]
        for role in ("MASTER", "VIEWER")
    ]
    return kvs.diagrams.conversation(*peers)


CHARTS: dict[str, Callable[[list[str]], Chart]] = {
    "tag_coverage": lambda texts: kvs.charts.tag_coverage(tag_coverage(texts)),
    "channel_counts": lambda texts: kvs.charts.channel_counts(channel_counts(texts)),
    "headroom": lambda texts: kvs.charts.headroom(headroom(texts)),
    "conversation": conversation,
}


@pytest.mark.draw(1)
@pytest.mark.parametrize("name", CHARTS)
def test_chart_draws_texts_as_they_are(name):
    texts = [*STORABLE.values()]
    found = "\n".join(drawn(CHARTS[name](texts)))
    assert is_shown_only(found)
    left_out = [text for text in texts if printable(text)[:20] not in found]
    assert left_out == [] or name == "channel_counts"


# --- errors and warnings


def test_full_traceback_quotes_the_service_without_control_characters(capsys, monkeypatch):
    monkeypatch.setattr("sys.excepthook", sys.__excepthook__)
    monkeypatch.setenv(error_display.FULL_TRACEBACK_VARIABLE, "1")
    error_display.shorten_in_scripts(lambda error: isinstance(error, errors.KVSError))
    for text in HOSTILE.values():
        error = ServiceFault(f"failed: {text}")
        error.__cause__ = ValueError(text)
        sys.excepthook(ServiceFault, error, None)
        monkeypatch.setattr("sys.last_value", error, raising=False)
        kvs.errors.print_traceback()
        for shown in capsys.readouterr():
            assert "ValueError" in shown
            assert is_shown_only(shown)


def test_warning_and_log_message_are_one_line():
    for text in HOSTILE.values():
        with pytest.warns(UserWarning, match="quotes") as warned:
            warn_caller(f"quotes {text}.")
        assert str(warned[0].message).isprintable()
        assert one_line(text).isprintable()
