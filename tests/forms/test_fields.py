"""Fields say what is wrong while it is typed, by the checks that the functions make."""

from __future__ import annotations

import pytest

from kvs_notebook.aws import validation
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.fields import TagRows, channel_field, name_field, ttl_field


def note(field) -> str:
    return field.children[-1].value


@pytest.mark.parametrize("name", ["", "front door", "a" * 257, "<b>x</b>", "türe"])
def test_a_name_that_the_service_would_refuse_is_named_under_its_field(name):
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
def test_a_ttl_that_the_service_would_refuse_is_named_under_its_field(ttl):
    field = ttl_field(60)
    assert field.find_problem() == ""
    field.value = ttl
    assert "message_ttl_seconds" in field.find_problem()
    assert "5 to 120" in field.find_problem()


@pytest.mark.parametrize("ttl", [5, 120, "60", " 30 "])
def test_a_ttl_within_bounds_may_be_given_as_number_or_text(ttl):
    field = ttl_field()
    field.value = ttl
    assert field.find_problem() == ""


def test_labels_say_the_bounds_of_the_services_model():
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
def test_a_channel_is_named_by_name_or_arn(text, problem):
    field = channel_field(text)
    assert bool(field.find_problem()) is problem


# --- tags


def test_rows_are_a_mapping_and_a_mapping_is_rows():
    rows = TagRows({"Site": "hq", "Owner": ""})
    assert rows.value == {"Site": "hq", "Owner": ""}
    assert [row.key.description for row in rows.rows] == [
        "Tag 1 key (1 to 128 characters)",
        "Tag 2 key (1 to 128 characters)",
    ]
    rows.value = {"Env": "prod"}
    assert rows.value == {"Env": "prod"}
    assert len(rows.rows) == 1


def test_rows_are_added_changed_and_removed_and_numbered_anew():
    rows = TagRows({"Site": "hq"})
    rows.add.click()
    assert rows.value == {"Site": "hq"}, "an empty row counts for nothing"
    rows.rows[1].key.value = "Owner"
    rows.rows[1].tag_value.value = "ops"
    assert rows.value == {"Site": "hq", "Owner": "ops"}
    rows.rows[0].remove.click()
    assert rows.value == {"Owner": "ops"}
    assert rows.rows[0].remove.description == "Remove tag 1"


def test_whoever_listens_hears_of_each_change_of_a_row():
    rows, heard = TagRows({"Site": "hq"}), []
    rows.on_change(lambda: heard.append(dict(rows.value)))
    rows.rows[0].tag_value.value = "annex"
    rows.rows[0].remove.click()
    assert heard == [{"Site": "annex"}, {}]


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"aws:x": "y"}, "the prefix aws: is AWS's own"),
        ({"": "value without a key"}, "Tag key '' has 0 characters"),
        ({"Site": "a*b"}, "'*' is not allowed"),
        ({f"k{number}": "" for number in range(51)}, "Too many tags: 51 (maximum 50)."),
    ],
)
def test_a_tag_that_the_service_would_refuse_is_named_under_its_row(tags, problem):
    rows = TagRows()
    rows.value = tags
    assert problem in rows.show_problem()


def test_a_key_in_two_rows_is_a_problem_of_both():
    rows = TagRows({"Site": "hq"})
    rows.add.click()
    rows.rows[1].key.value = "Site"
    assert rows.show_problem().count("is in 2 rows. Keep one of them") == 2


def test_html_in_a_tag_is_text_in_its_problem():
    rows = TagRows({"<img src=x onerror=alert(1)>": "v"})
    assert "<img" not in note(rows.rows[0])
    assert "&lt;img" in note(rows.rows[0])


@pytest.mark.parametrize(
    ("field", "before", "edited", "loaded"),
    [(ttl_field, "60", "90", "33"), (TagRows, {"Site": "hq"}, {"Site": "annex"}, {"Site": "roof"})],
)
def test_what_was_edited_meanwhile_is_not_replaced(field, before, edited, loaded):
    untouched, touched = field(before), field(before)
    touched.value = edited
    assert untouched.replace_if_unchanged(before, loaded)
    assert not touched.replace_if_unchanged(before, loaded)
    assert (untouched.value, touched.value) == (loaded, edited)
