"""What a page sends is parsed into a message, or rejected; no input raises anything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.errors import InvalidInput
from kvs_notebook.live import page_messages
from kvs_notebook.live.page_messages import parse_page_message
from kvs_notebook.live.statistics import statistics_frame

KINDS = ["hello", "start", "stop", "description", "candidate", "state", "stats", "picture"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(KINDS) | json_values},
        optional={
            "call": st.just("c") | json_values,
            "state": st.just("playing") | json_values,
            "candidate": st.just({"candidate": ""}) | json_values,
            "rows": st.lists(st.dictionaries(st.sampled_from(["width", "codec", "round_trip_seconds"]), json_values)),
            **dict.fromkeys(("sdp", "viewer", "request", "reason", "invitation"), json_values),
        },
    )
    | json_values
)
def test_any_message_is_parsed_or_rejected(content):
    message = None
    with contextlib.suppress(InvalidInput):
        message = parse_page_message(content)
    if isinstance(message, page_messages.Beat):
        assert len(statistics_frame(message.rows)) == len(message.rows) <= page_messages.MAX_ROWS
    else:
        assert message is None or content["kind"] in KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_message(kind):
    full = {
        "call": "c",
        "sdp": "v=0",
        "state": "lost",
        "candidate": {"candidate": "", "x": 1},
        "rows": [],
        "request": "r",
    }
    parse_page_message({"kind": kind, **full}, [b"png"])


def test_candidate_keeps_only_the_members_of_a_browser():
    message = parse_page_message(
        {"kind": "candidate", "call": "c", "candidate": {"candidate": "x", "sdpMid": "0", "y": 1}}
    )
    assert isinstance(message, page_messages.PageCandidate)
    assert message.candidate == {"candidate": "x", "sdpMid": "0"}
