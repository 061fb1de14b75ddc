"""The form that edits tags: only the difference is sent, and what others changed is kept and said."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.forms.tag_difference import TagDifference


@pytest.fixture
def channel(connection):
    return kvs.create_channel("front-door", tags={"Site": "hq", "Owner": "ops"})


@pytest.fixture
def form(channel):
    opened = kvs.forms.edit_tags("front-door")
    opened.future.result()
    return opened


def tags_there() -> dict[str, str]:
    tags = kvs.list_tags("front-door")
    return dict(zip(tags["key"], tags["value"], strict=True))


def sent(sandbox, operation: str) -> int:
    return int((sandbox.requests["operation"] == operation).sum())


def eventually(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline


def test_the_tags_that_are_there_are_rows(form):
    assert form.tags.value == {"Owner": "ops", "Site": "hq"}


def test_the_difference_is_shown_while_it_is_edited(form):
    form.tags.rows[1].tag_value.value = "annex"
    form.tags.rows[0].remove.click()
    assert "To apply: set Site=annex, remove Owner." in form._preview.value


def test_only_the_difference_is_sent(sandbox, form, submit):
    form.tags.value = {"Site": "annex", "Owner": "ops", "Env": "prod"}
    frame = submit(form)
    assert dict(zip(frame["key"], frame["value"], strict=True)) == tags_there() == form.tags.value
    assert form.status.text == "Tags of front-door: set Env=prod, set Site=annex, done."
    assert (sent(sandbox, "TagResource"), sent(sandbox, "UntagResource")) == (1, 0)
    assert "kvs.tag_channel(&#x27;front-door&#x27;, {&#x27;Env&#x27;: &#x27;prod&#x27;" in form.status.value


def test_how_many_tags_there_are_is_shown_as_it_is(form, submit):
    assert '<tr><th scope="row">tags</th><td>2</td></tr>' in form.details.value
    form.tags.value = {"Site": "annex", "Owner": "ops", "Env": "prod"}
    submit(form)
    assert '<tr><th scope="row">tags</th><td>3</td></tr>' in form.details.value


def test_what_is_so_already_is_not_sent(sandbox, form, submit):
    submit(form)
    assert "has these tags already: nothing was sent" in form.status.text
    assert sent(sandbox, "TagResource") + sent(sandbox, "UntagResource") == 0


def test_what_someone_else_changed_meanwhile_is_kept_and_said(form, submit):
    kvs.tag_channel("front-door", {"Env": "prod"})
    form.tags.value = {"Site": "annex", "Owner": "ops"}
    submit(form)
    assert tags_there() == {"Site": "annex", "Owner": "ops", "Env": "prod"}
    assert form.status.text.endswith("Another client has meanwhile: set Env=prod.")
    assert form.tags.value == tags_there()


def test_where_both_changed_the_same_tag_nothing_is_sent_until_it_was_seen(sandbox, form, submit):
    kvs.tag_channel("front-door", {"Site": "theirs", "Env": "prod"})
    form.tags.value = {"Site": "mine", "Owner": "ops"}
    error = submit(form)
    assert isinstance(error, errors.InvalidInput)
    assert tags_there()["Site"] == "theirs"
    for said in ("set Env=prod, set Site=theirs", "set Site=mine", "Both concern Site"):
        assert said in form.status.text
    assert form.tags.value == {"Env": "prod", "Owner": "ops", "Site": "mine"}
    submit(form)
    assert tags_there() == {"Env": "prod", "Owner": "ops", "Site": "mine"}


def test_when_the_second_call_fails_it_says_which_part_was_done(sandbox, form, submit):
    sandbox.deny("kinesisvideo:UntagResource")
    form.tags.value = {"Site": "annex"}
    assert isinstance(submit(form), errors.AccessDenied)
    assert form.status.text.startswith("Done: set Site. Failed: remove Owner. UntagResource failed")
    assert form.status.text.endswith("The tags are now: Owner=ops, Site=annex.")
    assert form.tags.value == {"Site": "annex"}, "what was wanted is kept"
    sandbox.clear_denials()
    submit(form)
    assert tags_there() == {"Site": "annex"}
    assert sent(sandbox, "TagResource") == 1


def test_when_nobody_can_say_what_is_there_it_says_how_to_look(sandbox, form, submit):
    sandbox.deny("kinesisvideo:TagResource")
    sandbox.faults.add("TagResource", "delay", seconds=1)
    form.tags.value = {"Site": "annex"}
    form.submit.click()
    eventually(lambda: sent(sandbox, "ListTagsForResource") == 2)  # once loading, once before the change
    sandbox.deny("kinesisvideo:ListTags*")
    assert isinstance(form.future.exception(), errors.AccessDenied)
    assert "What is there now is not known: kvs.list_tags('front-door')" in form.status.text


def test_with_no_room_left_tags_are_removed_first(sandbox, connection, submit):
    kvs.create_channel("full", tags={f"k{number:02}": "" for number in range(50)})
    form = kvs.forms.edit_tags("full")
    form.future.result()
    wanted = {f"k{number:02}": "" for number in range(1, 50)} | {"new": "x"}
    form.tags.value = wanted
    submit(form)
    tags = kvs.list_tags("full")
    assert dict(zip(tags["key"], tags["value"], strict=True)) == wanted


def test_rows_set_from_code_before_the_channel_was_loaded_are_what_is_wanted(channel, submit):
    form = kvs.forms.edit_tags("front-door")
    form.tags.value = {"Site": "annex"}
    submit(form)
    assert tags_there() == {"Site": "annex"}


def test_loading_again_keeps_what_was_edited(form, submit):
    form.tags.value = {"Site": "annex", "Owner": "ops"}
    kvs.tag_channel("front-door", {"Env": "prod"})
    submit(form, "load")
    assert form.tags.value == {"Env": "prod", "Owner": "ops", "Site": "annex"}


tags = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["", "1", "2"]))


@given(tags, tags)
def test_a_difference_makes_one_mapping_the_other(before, after):
    difference = TagDifference.between(before, after)
    assert difference.applied_to(before) == after
    assert bool(difference) is (before != after)


@given(tags, tags, tags)
def test_a_difference_made_elsewhere_touches_only_its_own_keys(base, mine, now):
    difference = TagDifference.between(base, mine)
    merged = difference.applied_to(now)
    for key in set(base) | set(mine) | set(now):
        assert merged.get(key) == (mine.get(key) if key in difference.keys else now.get(key))
