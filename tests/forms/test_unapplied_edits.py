"""What was entered and not applied is never dropped without asking."""

from __future__ import annotations

import threading

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors


@pytest.fixture(autouse=True)
def channels(connection):
    for name in ("front-door", "back-door"):
        kvs.create_channel(name, message_ttl_seconds=60, tags={"Site": name})


def edit_ttl(form):
    form.message_ttl_seconds.value = "75"


def edit_tags(form):
    form.tags.value = {"Site": "annex"}


def values(form):
    return form.message_ttl_seconds.value if hasattr(form, "message_ttl_seconds") else form.tags.value


FORMS = {
    "update_channel": (edit_ttl, "message TTL 75", "60"),
    "edit_tags": (edit_tags, "set Site=annex", {"Site": "back-door"}),
}


@pytest.fixture(params=FORMS)
def edited(request):
    """Return a form with edits of front-door, their text, and the values that back-door has."""
    edit, described, there = FORMS[request.param]
    form = getattr(kvs.forms, request.param)("front-door")
    form.future.result(20)
    edit(form)
    return form, described, there


def load(form, name):
    form.channel.value = name
    form.load.click()
    return form.future.exception(20)


def test_loading_another_channel_asks_once_then_discards(edited, sandbox):
    form, described, there = edited
    before, requests = values(form), len(sandbox.requests)
    error = load(form, "back-door")
    assert isinstance(error, errors.InvalidInput)
    assert f"front-door has edits that were not applied: {described}." in form.status.text
    assert "Press Load again to discard them and load back-door, or load front-door and apply them" in form.status.text
    assert form.status.role == "alert"
    assert (values(form), len(sandbox.requests)) == (before, requests)
    assert load(form, "back-door") is None
    assert values(form) == there


def test_edits_are_kept_and_applied_after_loading_their_channel(edited):
    form, *_ = edited
    before = values(form)
    load(form, "back-door")
    assert load(form, "front-door") is None
    assert values(form) == before
    form.submit.click()
    form.future.result(20)
    assert load(form, "back-door") is None, "what was applied is not asked about"


def test_other_edits_are_asked_about_again(edited):
    form, *_ = edited
    load(form, "back-door")
    if hasattr(form, "tags"):
        form.tags.value = {"Site": "roof"}
    else:
        form.message_ttl_seconds.value = "80"
    assert "not applied" in str(load(form, "back-door"))


def test_edits_whose_change_failed_are_asked_about(edited, sandbox):
    form, *_ = edited
    sandbox.deny("kinesisvideo:TagResource")
    sandbox.deny("kinesisvideo:UpdateSignalingChannel")
    form.submit.click()
    assert isinstance(form.future.exception(20), errors.AccessDenied)
    assert "not applied" in str(load(form, "back-door"))


def test_created_channel_is_not_asked_about(connection):
    form = kvs.forms.create_channel()
    assert form.unapplied_edits() == ""
    form.name.value, form.message_ttl_seconds.value = "roof", "30"
    assert form.unapplied_edits() == "name roof, message TTL 30"
    form.submit.click()
    form.future.result(20)
    assert form.unapplied_edits() == ""
    form.name.value = "roof-2"
    assert form.unapplied_edits() == "name roof-2, message TTL 30"


def test_what_is_being_loaded_is_no_edit(sandbox, connection):
    """Another thread asks while the tags of the channel are known, and the rows are still those of the channel before."""
    sandbox.seed()
    form = kvs.forms.edit_tags("parking-north")
    answers, threads = [], []
    replace = form.tags.replace_if_unchanged

    def replace_if_unchanged(*arguments):
        threads.append(threading.Thread(target=lambda: answers.append(form.unapplied_edits())))
        threads[-1].start()
        threads[-1].join(0.2)
        return replace(*arguments)

    form.tags.replace_if_unchanged = replace_if_unchanged
    form.future.result(20)
    form.load.click()
    form.future.result(20)
    for thread in threads:
        thread.join()
    assert set(answers) == {""}
