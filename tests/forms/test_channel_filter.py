"""The filter language of the console."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvs_notebook.forms.channel_filter import (
    FEW_ARNS,
    Term,
    match_filter,
    parse_filter,
    rows_of,
    search_texts,
    tag_columns,
)

KEYS = ("Owner", "Env", "owner", "front desk")
VALUES = (None, "", "ops", "Ops", "front desk", "a*b", "-tag:Env")
ROW = st.tuples(st.sampled_from(["front-door", "gate", "Gate-2"]), *(st.sampled_from(VALUES) for _ in KEYS))


def make_frame(rows: list[tuple[str | None, ...]]) -> pd.DataFrame:
    columns = ["channel_name", *(f"tag:{key}" for key in KEYS)]
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    arns = [f"arn:aws:kinesisvideo:us-east-1:111122223333:channel/{row[0]}/{at}" for at, row in enumerate(rows)]
    return frame.assign(channel_arn=arns, channel_status="ACTIVE", message_ttl_seconds=60)


def found(frame: pd.DataFrame, text: str) -> list[int]:
    return frame.index[match_filter(frame, search_texts(frame), parse_filter(text))].tolist()


def quote(text: str) -> str:
    return f'"{text}"' if " " in text or not text else text


def holds(frame: pd.DataFrame, at: int, condition: tuple[str, str, str]) -> bool:
    """Return whether a row matches a condition, row by row and without pandas."""
    kind, key, value = condition
    has = frame[f"tag:{key}"].iloc[at] if pd.notna(frame[f"tag:{key}"].iloc[at]) else None
    return {
        "is": has == value,
        "is not": has != value,
        "has": has is not None,
        "lacks": has is None,
    }[kind]


def written(condition: tuple[str, str, str], *, short: bool) -> str:
    kind, key, value = condition
    return {
        "is": f"{quote(key)}={quote(value)}",
        "is not": f"{quote(key)}!={quote(value)}",
        "has": f"{quote(key)}=" if short else f"tag:{quote(key)}",
        "lacks": f"{quote(key)}!=" if short else f"-tag:{quote(key)}",
    }[kind]


CONDITION = st.tuples(
    st.sampled_from(["is", "is not", "has", "lacks"]),
    st.sampled_from(KEYS),
    st.sampled_from([value for value in VALUES if value is not None and "*" not in value]),
)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, max_size=5), conditions=st.lists(CONDITION, max_size=3), short=st.booleans())
def test_rows_found_are_those_for_which_every_condition_holds(rows, conditions, short):
    frame = make_frame(rows)
    text = " ".join(written(each, short=short) for each in conditions)
    wanted = [at for at in frame.index if all(holds(frame, at, each) for each in conditions)]
    assert found(frame, text) == wanted


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, max_size=3), text=st.text(st.sampled_from('aO=!-" *tg:'), max_size=12) | st.text(max_size=12))
def test_every_text_is_a_filter_that_narrows(rows, text):
    frame = make_frame(rows)
    assert set(found(frame, f"{text} ACTIVE")) <= set(frame.index)
    assert set(found(frame, f"gate {text}")) <= set(found(frame, "gate"))


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=5), at=st.integers(0, 4))
def test_arn_finds_only_its_channel(rows, at):
    frame = make_frame(rows)
    at %= len(rows)
    assert found(frame, frame["channel_arn"].iloc[at]) == [at]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  Front  DOOR ", [Term("front"), Term("door")]),
        ("Owner=", [Term(None, "Owner")]),
        ("Owner=ops", [Term("ops", "Owner")]),
        ("Owner!=ops", [Term("ops", "Owner", negated=True)]),
        ("Owner!=", [Term(None, "Owner", negated=True)]),
        ('Owner=""', [Term("", "Owner")]),
        ("-tag:Owner tag:Env", [Term(None, "Owner", negated=True), Term(None, "Env")]),
        ("-tag:", [Term("-tag:")]),
        ("=ops", [Term("=ops")]),
        ('Owner="front de', [Term("front de", "Owner")]),
        ("-hq", [Term("-hq")]),
    ],
)
def test_filter_is_parsed_to_terms(text, terms):
    assert parse_filter(text) == terms


@pytest.mark.parametrize(
    ("text", "rows"), [("Owner=*ps", [0, 1]), ("Owner=o*", [0]), ("Owner!=*", [2]), ("Owner=*", [0, 1])]
)
def test_star_stands_for_any_text(text, rows):
    frame = make_frame([("a", "ops", None, None, None), ("b", "Ops", None, None, None), ("c", None, "ops", None, None)])
    assert found(frame, text) == rows


def test_words_are_found_in_tags_and_ignore_case():
    frame = make_frame([("gate", "Facilities", None, None, None), ("door", None, "prod", None, None)])
    assert found(frame, "facil") == [0]
    assert found(frame, "ENV=PROD") == [], "the key of a condition is exact"
    assert found(frame, "PROD") == [1]


def test_most_used_tags_come_first():
    frame = make_frame([("a", "x", None, None, "y"), ("b", None, None, None, "y")])
    assert tag_columns(frame)[:2] == ["tag:front desk", "tag:Owner"]


@pytest.mark.parametrize("wanted", [0, 1, FEW_ARNS, FEW_ARNS + 1])
@pytest.mark.parametrize("there", [0, 2 * FEW_ARNS])
def test_rows_of_arns_are_found_however_many_they_are(wanted, there):
    arns = [f"arn:aws:kinesisvideo:us-east-1:111122223333:channel/c{number}/1" for number in range(2 * FEW_ARNS)]
    channels = pd.DataFrame({"channel_arn": pd.array(arns[:there], dtype="str"), "version": "V"})
    found = rows_of(channels, arns[FEW_ARNS // 2 :][:wanted])
    assert found["channel_arn"].tolist() == arns[:there][FEW_ARNS // 2 :][:wanted]
    assert found.columns.tolist() == ["channel_arn", "version"]
