"""Fields show problems while the user types, by the checks of the public functions."""

from __future__ import annotations

from functools import partial

import pytest

from kvs_notebook.aws import validation
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.fields import ConfirmationField, channel_field, name_field, ttl_field
from kvs_notebook.forms.tag_rows import TagRows


def note(field) -> str:
    return field.children[-1].value


@pytest.mark.parametrize("name", ["", "front door", "a" * 257, "<b>x</b>", "türe"])
def test_invalid_name_is_shown_below_field(name):
    field = name_field()
    field.value = "front-door"
    assert note(field) == ""
    field.value = name
    with pytest.raises(InvalidInput) as refused:
        validation.check_channel_name(name)
    assert field.find_problem() == str(refused.value)
    assert note(field) != ""
    assert "<b>" not in note(field)


@pytest.mark.parametrize("ttl", ["4", "121", "", "x", "7.5", "1e2", "-5", "٣٠٠"])
def test_invalid_ttl_is_a_problem(ttl):
    field = ttl_field(60)
    assert field.find_problem() == ""
    field.value = ttl
    assert field.find_problem().startswith("Message TTL ")
    assert "5 to 120" in field.find_problem()


@pytest.mark.parametrize("ttl", [5, 120, "60", " 30 "])
def test_ttl_accepts_number_or_text(ttl):
    field = ttl_field()
    field.value = ttl
    assert field.find_problem() == ""


def test_help_shows_bounds_of_service_model():
    assert "1 to 256 letters, digits and . _ -" in name_field().help.value
    assert "5 to 120 seconds" in ttl_field().help.value
    shown = " ".join(each.value for each in TagRows().children if hasattr(each, "value"))
    assert "Up to 50 tags; a key has 1 to 128 characters, a value up to 256" in shown


def test_field_with_a_problem_is_marked():
    field = ttl_field(60)
    for value, is_marked in (("4", True), ("60", False)):
        field.value = value
        assert ("kvs-invalid" in field._dom_classes) is is_marked


@pytest.mark.parametrize(("key", "value", "marked"), [("a*b", "x", 0), ("Site", "a*b", 1)])
def test_wrong_part_of_a_tag_is_marked_and_focused(key, value, marked):
    tags, focused = TagRows({"Owner": "ops", key: value}), []
    row = tags.rows[1]
    assert ["kvs-invalid" in box._dom_classes for box in row.children[0].children[:2]] == [marked == 0, marked == 1]
    for widget in (row.key, row.tag_value):
        widget.focus = partial(focused.append, widget)
    tags.focus()
    assert focused == [(row.key, row.tag_value)[marked]]


def test_beginning_of_a_confirmation_is_not_a_problem():
    def check(typed):
        if typed != "front-door":
            raise InvalidInput("Not that name.")

    field = ConfirmationField("Name", check, accepts="The name")
    field.value = "front-door"
    assert not field.is_confirmed, "nothing is expected yet"
    field.expected = "front-door"
    for typed, problem in (("front", ""), ("frxnt", "Not that name."), ("front-door", "")):
        field.value = typed
        assert (problem in note(field), note(field) == "") == (True, not problem)
        assert field.is_confirmed is (typed == "front-door")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("front-door", False),
        ("arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000", False),
        ("arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1767603600000", True),
        ("arn:aws:s3:::bucket", True),
        ("", True),
    ],
)
def test_channel_field_accepts_name_or_arn(text, problem):
    field = channel_field(text)
    assert bool(field.find_problem()) is problem


# --- tags


def test_tag_rows_convert_to_and_from_mapping():
    rows = TagRows({"Site": "hq", "Owner": ""})
    assert rows.value == {"Site": "hq", "Owner": ""}
    assert [row.key.description for row in rows.rows] == [
        "Tag 1 key",
        "Tag 2 key",
    ]
    rows.value = {"Env": "prod"}
    assert rows.value == {"Env": "prod"}
    assert len(rows.rows) == 1


def test_rows_of_keys_that_stay_are_kept():
    tags = TagRows({"Owner": "ops", "Site": "hq", "Env": "prod"})
    owner, _, env = tags.rows
    tags.value = {"Owner": "lab", "Env": "prod", "Gate": "7"}
    assert tags.rows[:2] == (owner, env)
    assert tags.value == {"Owner": "lab", "Env": "prod", "Gate": "7"}
    assert [row.remove.tooltip for row in tags.rows] == ["Remove tag 1", "Remove tag 2", "Remove tag 3"]


def test_tag_rows_are_renumbered_after_each_edit():
    rows = TagRows({"Site": "hq"})
    rows.add.click()
    assert rows.value == {"Site": "hq"}, "an empty row counts for nothing"
    rows.rows[1].key.value = "Owner"
    rows.rows[1].tag_value.value = "ops"
    assert rows.value == {"Site": "hq", "Owner": "ops"}
    rows.rows[0].remove.click()
    assert rows.value == {"Owner": "ops"}
    assert rows.rows[0].remove.tooltip == "Remove tag 1"


def test_listener_receives_each_row_change():
    rows, heard = TagRows({"Site": "hq"}), []
    rows.on_change(lambda: heard.append(dict(rows.value)))
    rows.rows[0].tag_value.value = "annex"
    rows.rows[0].remove.click()
    assert heard == [{"Site": "annex"}, {}]


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"aws:x": "y"}, "has the prefix aws:, reserved by AWS"),
        ({"": "value without a key"}, "Tag key '' has 0 characters"),
        ({"Site": "a*b"}, "'*' is not allowed"),
        ({f"k{number}": "" for number in range(51)}, "Too many tags: 51 (maximum 50)."),
    ],
)
def test_invalid_tag_is_a_problem(tags, problem):
    rows = TagRows()
    rows.value = tags
    assert problem in rows.show_problem()


def test_repeated_key_is_a_problem_of_both_rows():
    rows = TagRows({"Site": "hq"})
    rows.add.click()
    rows.rows[1].key.value = "Site"
    assert rows.show_problem().count("is in 2 rows. Keep one of them") == 2


def test_tag_is_escaped_in_its_problem():
    rows = TagRows({"<img src=x onerror=alert(1)>": "v"})
    assert "<img" not in note(rows.rows[0])
    assert "&lt;img" in note(rows.rows[0])


@pytest.mark.parametrize(
    ("field", "before", "edited", "loaded"),
    [(ttl_field, "60", "90", "33"), (TagRows, {"Site": "hq"}, {"Site": "annex"}, {"Site": "roof"})],
)
def test_edited_value_is_not_replaced(field, before, edited, loaded):
    untouched, touched = field(before), field(before)
    touched.value = edited
    assert untouched.replace_if_unchanged(before, loaded)
    assert not touched.replace_if_unchanged(before, loaded)
    assert (untouched.value, touched.value) == (loaded, edited)
