"""Fields show problems while the user types, by the checks of the public functions."""

from __future__ import annotations

import pytest

from kvs_notebook.aws import validation
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.fields import TagRows, channel_field, name_field, ttl_field


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
    assert "message_ttl_seconds" in field.find_problem()
    assert "5 to 120" in field.find_problem()


@pytest.mark.parametrize("ttl", [5, 120, "60", " 30 "])
def test_ttl_accepts_number_or_text(ttl):
    field = ttl_field()
    field.value = ttl
    assert field.find_problem() == ""


def test_labels_show_bounds_of_service_model():
    assert name_field().input.description == "Channel name (1 to 256 letters, digits and . _ -)"
    assert ttl_field().input.description == "Message TTL in seconds (5 to 120)"


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
        "Tag 1 key (1 to 128 characters)",
        "Tag 2 key (1 to 128 characters)",
    ]
    rows.value = {"Env": "prod"}
    assert rows.value == {"Env": "prod"}
    assert len(rows.rows) == 1


def test_tag_rows_are_renumbered_after_each_edit():
    rows = TagRows({"Site": "hq"})
    rows.add.click()
    assert rows.value == {"Site": "hq"}, "an empty row counts for nothing"
    rows.rows[1].key.value = "Owner"
    rows.rows[1].tag_value.value = "ops"
    assert rows.value == {"Site": "hq", "Owner": "ops"}
    rows.rows[0].remove.click()
    assert rows.value == {"Owner": "ops"}
    assert rows.rows[0].remove.description == "Remove tag 1"


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
