from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.sandbox.backend.page_tokens import decode_token, encode_token

SECRET = bytes(32)
NAMES = st.from_regex(r"[a-zA-Z0-9_.-]{0,256}", fullmatch=True)


@given(NAMES, st.text())
def test_token_decodes_to_its_name_and_fits_the_model(name, scope):
    token = encode_token(name, SECRET, scope)
    assert decode_token(token, SECRET, scope) == name
    assert re.fullmatch(r"[a-zA-Z0-9+/=]{1,1024}", token)


@given(NAMES, st.integers(min_value=0))
def test_changed_token_is_not_valid(name, place):
    token = encode_token(name, SECRET, "list")
    place %= len(token)
    for letter in "AZz9+/=":
        if letter != token[place]:
            assert decode_token(token[:place] + letter + token[place + 1 :], SECRET, "list") in {None, name}


@given(st.text(alphabet="ABCDabcd0123+/=", max_size=64))
def test_invented_token_is_not_valid(token):
    assert decode_token(token, SECRET, "list") is None


def test_token_is_valid_for_its_list_and_sandbox_only():
    token = encode_token("front-door", SECRET, "111122223333 us-east-1")
    assert decode_token(token, SECRET, "111122223333 us-west-2") is None
    assert decode_token(token, bytes(31) + b"1", "111122223333 us-east-1") is None
