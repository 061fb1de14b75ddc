"""The table that a terminal shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from kvs_notebook.cli import text_table
from kvs_notebook.dataframes import builders, schemas


def channels(names: list[str], tags: list[dict[str, str]] | None = None, **more: Any) -> pd.DataFrame:
    infos = [
        {
            "ChannelName": name,
            "ChannelARN": f"arn:aws:kinesisvideo:ap-southeast-2:111122223333:channel/{name}/1767603600123",
            "ChannelStatus": "ACTIVE",
            "CreationTime": datetime(2026, 1, 5, 9, tzinfo=UTC),
            "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
            **more,
        }
        for name in names
    ]
    frame = builders.channels_frame(infos)
    if tags is None:
        return frame
    return builders.with_tags(
        frame,
        builders.tags_frame({info["ChannelARN"]: pairs for info, pairs in zip(infos, tags, strict=True)}),
    )


def test_a_line_for_each_channel_under_a_line_of_titles() -> None:
    shown = text_table.laid_out(channels(["front-door", "gate"], [{"Site": "hq", "Owner": "ops"}, {"Site": ""}]), 100)
    assert shown == (
        "CHANNEL     REGION          STATUS  TTL   CREATED     TAGS\n"
        "front-door  ap-southeast-2  ACTIVE  60 s  2026-01-05  Owner=ops Site=hq\n"
        "gate        ap-southeast-2  ACTIVE  60 s  2026-01-05  Site=\n"
    )


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = channels(["a" * 256, "b" * 20], [{"Note": "x" * 256}, {"k" * 128: "v"}])
    lines = text_table.laid_out(wide, width).splitlines()
    assert max(map(len, lines)) == width
    assert lines[1].startswith("aaaaaaaaaaa")
    assert "…" in lines[1]
    untagged = text_table.laid_out(channels(["a" * 256]), width).splitlines()
    assert max(map(len, untagged)) == width
    assert "TAGS" not in untagged[0]


def test_what_a_terminal_would_obey_is_not_sent_to_it() -> None:
    shown = text_table.laid_out(channels(["gate"], [{"Note": "\x1b[31mred\nline"}]), 100)
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 2


def test_what_is_missing_is_shown_as_unknown() -> None:
    bare = channels(["gate"], ChannelStatus=None, CreationTime=None, SingleMasterConfiguration=None)
    assert text_table.laid_out(bare, 100).splitlines()[1].split() == ["gate", "ap-southeast-2", "?", "?", "?"]


def test_no_channel_gives_no_table() -> None:
    assert text_table.laid_out(builders.channels_frame([]), 100) == ""


def test_a_line_for_each_change_says_what_was_and_what_is() -> None:
    place = ("111122223333", "us-east-1", "gate", "arn")
    changes = builders.rows_frame(
        [
            (*place, "changed", "tag:Owner", None, "ops"),
            ("111122223333", "eu-west-1", None, None, "unknown", "status", "ok", "denied"),
            (*place[:2], "roof", "arn", "added", None, None, None),
        ],
        schemas.CHANGES,
    )
    assert text_table.changes_laid_out(changes, 80) == (
        "CHANNEL  REGION     CHANGE   WHAT\n"
        "gate     us-east-1  changed  tag:Owner: - → ops\n"
        "-        eu-west-1  unknown  status: ok → denied\n"
        "roof     us-east-1  added\n"
    )


def test_a_line_for_each_problem_says_whose_it_is_and_what_there_is_instead() -> None:
    problems = builders.rows_frame(
        [
            ("111122223333", "us-east-1", "gate", "arn", "Env", "near_value", "Env", "Prod", "prod"),
            ("444455556666", "us-east-1", "gate", "arn", "Owner", "missing", None, None, None),
        ],
        schemas.TAG_PROBLEMS,
    )
    assert text_table.problems_laid_out(problems, 80) == (
        "CHANNEL  ACCOUNT       REGION     KEY    PROBLEM     FOUND\n"
        "gate     111122223333  us-east-1  Env    near value  Env=Prod (probably prod)\n"
        "gate     444455556666  us-east-1  Owner  missing\n"
    )
    narrow = text_table.problems_laid_out(problems, 70).splitlines()
    assert max(map(len, narrow)) <= 70
    assert narrow[1].endswith("…")


def test_of_no_change_and_no_problem_there_is_no_line() -> None:
    assert text_table.changes_laid_out(builders.empty(schemas.CHANGES), 80) == ""
    assert text_table.problems_laid_out(builders.empty(schemas.TAG_PROBLEMS), 80) == ""
