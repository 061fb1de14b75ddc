"""The form that edits tags: it sends only the difference, and keeps and shows changes of other clients."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from tests.forms.waiting import eventually


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


def test_loaded_tags_are_rows(form):
    assert form.tags.value == {"Owner": "ops", "Site": "hq"}


def test_difference_is_previewed(form):
    form.tags.rows[1].tag_value.value = "annex"
    form.tags.rows[0].remove.click()
    assert "To apply: set Site=annex, remove Owner." in form._preview.value


def test_only_the_difference_is_sent(sandbox, form, submit):
    form.tags.value = {"Site": "annex", "Owner": "ops", "Env": "prod"}
    frame = submit(form)
    assert dict(zip(frame["key"], frame["value"], strict=True)) == tags_there() == form.tags.value
    assert form.status.text == "Changed the tags of front-door: set Env=prod, set Site=annex."
    assert (sent(sandbox, "TagResource"), sent(sandbox, "UntagResource")) == (1, 0)
    assert "kvs.tag_channel(&#x27;front-door&#x27;, {&#x27;Env&#x27;: &#x27;prod&#x27;" in form.status.value


def test_number_of_tags_is_shown(form, submit):
    assert '<tr><th scope="row">Tags</th><td>2</td></tr>' in form.details.value
    form.tags.value = {"Site": "annex", "Owner": "ops", "Env": "prod"}
    submit(form)
    assert '<tr><th scope="row">Tags</th><td>3</td></tr>' in form.details.value


def test_unchanged_tags_are_not_sent(sandbox, form, submit):
    submit(form)
    assert "has these tags already: nothing was sent" in form.status.text
    assert sent(sandbox, "TagResource") + sent(sandbox, "UntagResource") == 0


def test_change_of_another_client_is_kept(form, submit):
    kvs.tag_channel("front-door", {"Env": "prod"})
    form.tags.value = {"Site": "annex", "Owner": "ops"}
    submit(form)
    assert tags_there() == {"Site": "annex", "Owner": "ops", "Env": "prod"}
    assert form.status.text.endswith("Another client has changed tags meanwhile: set Env=prod.")
    assert form.tags.value == tags_there()


def test_conflict_on_same_tag_sends_nothing(sandbox, form, submit):
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


def test_second_call_failing_names_the_part_done(sandbox, form, submit):
    sandbox.deny("kinesisvideo:UntagResource")
    form.tags.value = {"Site": "annex"}
    assert isinstance(submit(form), errors.AccessDenied)
    assert form.status.text.startswith("Done: set Site. Not done: remove Owner. UntagResource failed")
    assert form.status.text.endswith("The tags are now: Owner=ops, Site=annex.")
    assert form.tags.value == {"Site": "annex"}, "what was wanted is kept"
    sandbox.clear_denials()
    submit(form)
    assert tags_there() == {"Site": "annex"}
    assert sent(sandbox, "TagResource") == 1


def test_unknown_state_shows_how_to_look(sandbox, form, submit):
    sandbox.deny("kinesisvideo:TagResource")
    sandbox.faults.add("TagResource", "delay", seconds=1)
    form.tags.value = {"Site": "annex"}
    form.submit.click()
    eventually(lambda: sent(sandbox, "ListTagsForResource") == 2)  # once loading, once before the change
    sandbox.deny("kinesisvideo:ListTags*")
    assert isinstance(form.future.exception(), errors.AccessDenied)
    assert "What is there now is not known: press Load to see it." in form.status.text
    assert "kvs.list_tags(&#x27;front-door&#x27;)" in form.status.value


def test_tags_are_removed_first_at_maximum(sandbox, connection, submit):
    kvs.create_channel("full", tags={f"k{number:02}": "" for number in range(50)})
    form = kvs.forms.edit_tags("full")
    form.future.result()
    wanted = {f"k{number:02}": "" for number in range(1, 50)} | {"new": "x"}
    form.tags.value = wanted
    submit(form)
    tags = kvs.list_tags("full")
    assert dict(zip(tags["key"], tags["value"], strict=True)) == wanted


def test_rows_set_before_load_are_applied(channel, submit):
    form = kvs.forms.edit_tags("front-door")
    form.tags.value = {"Site": "annex"}
    submit(form)
    assert tags_there() == {"Site": "annex"}


def test_loading_again_keeps_edits(form, submit):
    form.tags.value = {"Site": "annex", "Owner": "ops"}
    kvs.tag_channel("front-door", {"Env": "prod"})
    submit(form, "load")
    assert form.tags.value == {"Env": "prod", "Owner": "ops", "Site": "annex"}
