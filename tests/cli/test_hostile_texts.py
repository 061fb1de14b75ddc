"""Texts of others in what the command prints and writes: lines of printable characters, and reports without their markup."""

from __future__ import annotations

from pathlib import Path

import mistune
import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.formatting import printable
from tests.aws.fake_service import ARN, INFO, NAME, dump
from tests.hostile_texts import HOSTILE, STORABLE, is_shown_only
from tests.test_hostile_texts import Page

PAGE = {
    "html",
    "head",
    "meta",
    "title",
    "body",
    "h1",
    "h2",
    "img",
    "p",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "style",
}
FILES = ("--csv", "a.csv", "--json", "a.json", "--parquet", "a.parquet", "--snapshot", "history", "--report")
REQUIRED = ("--require", "_hidden=other")
LACKS = "1 of 1 channels lack a required tag or have a value that is not allowed. Tag them, then run the command again."
render = mistune.create_markdown(plugins=["table", "strikethrough", "footnotes", "task_lists"])


def report(path: Path) -> str:
    """Return a report, after a check of its characters and of its markup."""
    text = path.read_text(encoding="utf-8")
    assert is_shown_only(text)
    page = Page(text if path.suffix == ".html" else str(render(text)))
    assert page.tags <= PAGE
    assert not {name for name in page.attributes if name.startswith("on") or name == "href"}
    return text


@pytest.mark.draw(1)
@pytest.mark.parametrize("ending", ["html", "md"])
def test_tags_of_others_are_printed_and_written_as_texts(service, user, run_here, tmp_path, ending):
    texts = [*STORABLE.values()]
    tags = [{"Key": text, "Value": text} for text in texts]
    service.replies["GetResources"] = {"ResourceTagMappingList": [{"ResourceARN": ARN, "Tags": tags}]}
    done = run_here("inventory", "--table", *REQUIRED, *FILES, f"a.{ending}", env=user)
    assert (done.returncode, done.stderr) == (1, f"kvs-notebook: {LACKS}\n")
    assert is_shown_only(done.stdout)
    assert "\n_hidden: 0 of 1 channels" in done.stdout
    report(tmp_path / f"a.{ending}")
    assert [text for text in texts if f"{printable(text)}={printable(text)}" not in done.stdout] == []
    for frame in (kvs.read_csv(tmp_path / "a.csv"), pd.read_parquet(tmp_path / "a.parquet")):
        assert [frame[f"tag:{text}"].item() for text in texts] == texts


def test_status_of_others_is_printed_and_written_as_text(service, user, run_here, tmp_path):
    infos = [
        INFO
        | {"ChannelName": f"c{at}", "ChannelARN": ARN.replace(NAME, f"c{at}"), "ChannelStatus": text, "Version": text}
        for at, text in enumerate(STORABLE.values())
    ]
    service.replies["ListSignalingChannels"] = {"ChannelInfoList": infos}
    done = run_here("inventory", "--table", "--no-tags", "--report", "a.md", env=user)
    assert (done.returncode, done.stderr) == (0, "")
    assert is_shown_only(done.stdout)
    assert [text for text in STORABLE.values() if printable(text) not in done.stdout] == []
    report(tmp_path / "a.md")


@pytest.mark.parametrize("command", [("inventory", "--table"), ("sign", "gate", "--client-id", "a", "-o", "-")])
def test_message_of_others_is_one_line(command, service, user, run_here):
    text = "".join(HOSTILE.values())
    service.status = 400
    for body in ({"__type": "NewException", "message": text}, {"__type": f"a{text}", "message": "no"}):
        for operation in ("ListSignalingChannels", "DescribeSignalingChannel"):
            service.replies[operation] = dump(body)
        done = run_here(*command, env=user)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr[:-1].isprintable()
        assert done.stderr.startswith("kvs-notebook: ")
