"""The difference between two mappings of tags, for any mappings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.forms.tag_difference import TagDifference

tags = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["", "1", "2"]))


@given(tags, tags)
def test_difference_turns_one_mapping_into_other(before, after):
    difference = TagDifference.between(before, after)
    assert difference.applied_to(before) == after
    assert bool(difference) is (before != after)


@given(tags, tags, tags)
def test_difference_changes_only_its_own_keys(base, mine, now):
    difference = TagDifference.between(base, mine)
    merged = difference.applied_to(now)
    for key in set(base) | set(mine) | set(now):
        assert merged.get(key) == (mine.get(key) if key in difference.keys else now.get(key))
