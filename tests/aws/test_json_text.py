"""JSON that can be parsed can also be shown and encoded, however deep it is nested."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.json_text import MOST_LEVELS, parse_json
from kvs_notebook.sandbox.http.wire_format import InvalidJson, parse_body
from kvs_notebook.sandbox.signaling.frames import MalformedFrame, parse_frame, parse_request
from kvs_notebook.signaling.messages import Unknown
from tests.signaling.test_any_frame import create_client, delivered

BRACKETS = {"list": ("[", "]"), "object": ('{"a":', "}")}


def nested(levels: int, kind: str) -> str:
    begin, end = BRACKETS[kind]
    return begin * levels + "1" + end * levels


@given(
    st.integers(0, 2 * MOST_LEVELS), st.sampled_from([*BRACKETS]), st.sampled_from(["utf-8", "utf-16", "utf-32", ""])
)
def test_levels_are_bounded_in_every_encoding(levels, kind, encoding):
    text = nested(levels, kind)
    sent = text.encode(encoding) if encoding else text
    if levels > MOST_LEVELS:
        with pytest.raises(ValueError, match="more than 100 levels"):
            parse_json(sent)
    else:
        assert json.dumps(parse_json(sent), separators=(",", ":")) == text


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_other_json_is_parsed_as_it_is(value):
    assert parse_json(json.dumps(value)) == value
    many = [value] * 200
    assert parse_json(json.dumps(many)) == many


@pytest.mark.parametrize("kind", BRACKETS)
def test_every_depth_near_the_limit_of_python_is_refused(kind):
    """What is parsed with the last free frames of the stack could not be shown or encoded with those that are left."""
    limit = sys.getrecursionlimit()
    for levels in range(limit - 150, limit + 20):
        text = nested(levels, kind)
        assert isinstance(parse_body(text.encode()), InvalidJson)
        for frame in (text, f'{{"action":{text}}}'):
            with pytest.raises(MalformedFrame):
                parse_request(parse_frame(frame)[0], to_viewer=True)
        client = create_client()
        client._receive(f'{{"messageType":{text},"senderClientId":{text}}}')
        assert isinstance(delivered(client)[0], Unknown)
