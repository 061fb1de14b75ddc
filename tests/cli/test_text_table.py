"""Text tables: layout, width and characters that a terminal does not only show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from kvs_notebook.cli.terminal import display_width
from kvs_notebook.cli.text_table import format_changes, format_channels, format_tag_problems
from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.dataframes.tag_pivot import join_tags


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
    return join_tags(
        frame,
        builders.tags_frame({info["ChannelARN"]: pairs for info, pairs in zip(infos, tags, strict=True)}),
    )


def test_table_has_a_line_per_channel_under_its_header() -> None:
    shown = format_channels(channels(["front-door", "gate"], [{"Site": "hq", "Owner": "ops"}, {"Site": ""}]), 100)
    assert shown == (
        "CHANNEL     REGION          STATUS  TTL   CREATED     TAGS\n"
        "front-door  ap-southeast-2  ACTIVE  60 s  2026-01-05  Owner=ops Site=hq\n"
        "gate        ap-southeast-2  ACTIVE  60 s  2026-01-05  Site=\n"
    )


def test_table_names_the_account_if_there_are_several() -> None:
    one = channels(["gate"], [{"Site": "hq"}])
    both = pd.concat([one, one.assign(account_id="444455556666")], ignore_index=True)
    assert format_channels(both, 100) == (
        "CHANNEL  ACCOUNT       REGION          STATUS  TTL   CREATED     TAGS\n"
        "gate     111122223333  ap-southeast-2  ACTIVE  60 s  2026-01-05  Site=hq\n"
        "gate     444455556666  ap-southeast-2  ACTIVE  60 s  2026-01-05  Site=hq\n"
    )
    assert max(map(len, format_channels(both, 80).splitlines())) <= 80


@pytest.mark.parametrize("tags", [[{"Site": "hq"}, {}], [{}, {}]])
def test_table_names_tags_that_were_not_read(tags: list[dict[str, str]]) -> None:
    frame = channels(["front-door", "gate"], tags).assign(tags_source=["bulk", "failed"])
    first, second = format_channels(frame, 100).splitlines()[1:]
    assert second.endswith("  (not read)")
    assert "(not read)" not in first


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = channels(["a" * 256, "b" * 20], [{"Note": "x" * 256}, {"k" * 128: "v"}])
    lines = format_channels(wide, width).splitlines()
    assert max(map(len, lines)) == width
    assert lines[1].startswith("aaaaaaaaaaa")
    assert "…" in lines[1]
    untagged = format_channels(channels(["a" * 256]), width).splitlines()
    assert max(map(len, untagged)) == width
    assert "TAGS" not in untagged[0]


@pytest.mark.parametrize("accounts", [1, 2])
@pytest.mark.parametrize("tags", [None, {"Note": "x" * 256}])
def test_names_with_different_ends_stay_apart_in_80_columns(tags: dict[str, str] | None, accounts: int) -> None:
    names = [f"warehouse-robot-in-hall-{number:02}" for number in range(20)]
    frame = channels(names, None if tags is None else [tags] * len(names))
    frame["account_id"] = [f"{number % accounts:012}" for number in range(len(names))]
    lines = format_channels(frame, 80).splitlines()[1:]
    assert max(map(len, lines)) <= 80
    shown = [line.split()[0] for line in lines]
    assert len(set(shown)) == len(names)
    assert all(name.startswith("wareh") and name[-2:] == f"{number:02}" for number, name in enumerate(shown))


def test_example_names_are_whole_in_80_columns() -> None:
    """Tags are cut before the name that a user copies."""
    lines = format_channels(channels(["elderly-care_room.12"], [{"Note": "x" * 256}]), 80).splitlines()
    assert lines[1].startswith("elderly-care_room.12  ap-southeast-2  ACTIVE  60 s  2026-01-05  Note=xxxx")
    assert len(lines[1]) == 80


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "two\nlines", "\u202ereversed", "\r\t\x07", "\u2028", "a\u200bb"])
def test_control_characters_are_replaced(hostile: str) -> None:
    shown = format_channels(channels(["gate"], [{"Note": hostile}]), 100)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert len(shown.splitlines()) == 2
    assert "\N{REPLACEMENT CHARACTER}" in shown


def test_wide_characters_take_two_columns() -> None:
    names = ["e\N{COMBINING ACUTE ACCENT}dit", "front-door", "カメラ"]
    lines = format_channels(channels(names, [{}, {"Site": "hq"}, {"Site": "東京" * 40}]), 80).splitlines()
    assert [line.partition("ap-southeast-2")[0] for line in lines[1:]] == [
        "e\N{COMBINING ACUTE ACCENT}dit        ",
        "front-door  ",
        "カメラ      ",
    ]
    assert lines[3].endswith(("東…", "京…"))
    assert display_width(lines[3]) in {79, 80}


def test_missing_values_are_question_marks() -> None:
    bare = channels(["gate"], ChannelStatus=None, CreationTime=None, SingleMasterConfiguration=None)
    assert format_channels(bare, 100).splitlines()[1].split() == ["gate", "ap-southeast-2", "?", "?", "?"]


def test_no_channels_give_an_empty_string() -> None:
    assert format_channels(builders.channels_frame([]), 100) == ""


def test_change_shows_the_values_before_and_after() -> None:
    rest = ("111122223333", "version", "arn")
    changes = builders.rows_frame(
        [
            ("gate", "us-east-1", "changed", "tag:Owner", None, "ops", *rest),
            (None, "eu-west-1", "unknown", "status", "ok", "denied", "111122223333", None, None),
            ("roof", "us-east-1", "added", None, None, None, *rest),
        ],
        schemas.CHANGES,
    )
    assert format_changes(changes, 80) == (
        "CHANNEL  REGION     CHANGE   DETAILS\n"
        "gate     us-east-1  changed  tag:Owner: - → ops\n"
        "-        eu-west-1  unknown  status: ok → denied\n"
        "roof     us-east-1  added\n"
    )


def test_tag_problem_shows_the_tag_that_was_found() -> None:
    problems = builders.rows_frame(
        [
            ("gate", "us-east-1", "Env", "near_value", "Env", "Prod", "prod", "111122223333", "version", "arn"),
            ("gate", "us-east-1", "Owner", "missing", None, None, None, "444455556666", "version", "arn"),
        ],
        schemas.TAG_PROBLEMS,
    )
    assert format_tag_problems(problems, 80) == (
        "CHANNEL  ACCOUNT       REGION     KEY    PROBLEM     FOUND\n"
        "gate     111122223333  us-east-1  Env    near value  Env=Prod (probably prod)\n"
        "gate     444455556666  us-east-1  Owner  missing\n"
    )
    narrow = format_tag_problems(problems, 70).splitlines()
    assert max(map(len, narrow)) <= 70
    assert narrow[1].endswith("…")


def test_no_changes_and_no_problems_give_empty_strings() -> None:
    assert format_changes(builders.empty(schemas.CHANGES), 80) == ""
    assert format_tag_problems(builders.empty(schemas.TAG_PROBLEMS), 80) == ""
