"""Tags that only AWS can set (aws:...): copied tags leave them out, and they are never removed nor counted."""

from __future__ import annotations

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors

STACK = {"aws:cloudformation:stack-name": "fleet-1", "AWS:kind": "x"}
OWN = {"Owner": "ops", "Site": "hq"}


@pytest.fixture
def made_by_cloudformation(sandbox, connection):
    """Return the name of a channel as CloudFormation makes it."""
    sandbox.seed(1, tags=OWN | STACK)
    return "device-0000000"


def tags_of(channel):
    return kvs.list_tags(channel).set_index("key")["value"].to_dict()


def row_with_tags(name):
    channels = kvs.list_channels(tags=True)
    return channels[channels["channel_name"] == name]


COPIES = {
    "frame of list_tags": kvs.list_tags,
    "series by key": lambda name: kvs.list_tags(name).set_index("key")["value"],
    "frame of one row": row_with_tags,
    "row": lambda name: row_with_tags(name).iloc[0],
}


def with_a_warning(act):
    with pytest.warns(UserWarning, match="Left out .*aws:cloudformation:stack-name.*only AWS can set and remove tags"):
        return act()


@pytest.mark.parametrize("how", COPIES)
def test_copied_tags_leave_those_of_aws_out(made_by_cloudformation, how):
    copied = COPIES[how](made_by_cloudformation)
    kvs.create_channel("copy", tags=copied)
    assert tags_of("copy") == OWN
    kvs.create_channel("bare")
    kvs.tag_channel("bare", copied)
    assert tags_of("bare") == OWN
    kvs.tag_channel(made_by_cloudformation, copied)
    assert tags_of(made_by_cloudformation) == OWN | STACK


def test_mapping_with_tags_of_aws_sends_the_rest_and_warns(made_by_cloudformation):
    with_a_warning(lambda: kvs.create_channel("copy", tags=tags_of(made_by_cloudformation)))
    assert tags_of("copy") == OWN
    with_a_warning(lambda: kvs.tag_channel(made_by_cloudformation, tags_of(made_by_cloudformation) | {"Owner": "it"}))
    assert tags_of(made_by_cloudformation) == OWN | STACK | {"Owner": "it"}


@pytest.mark.parametrize("change", [lambda: kvs.tag_channel("a", STACK), lambda: kvs.create_channel("a", tags=STACK)])
def test_mapping_with_tags_of_aws_alone_is_invalid(sandbox, connection, change):
    with pytest.raises(errors.InvalidInput, match="has the prefix aws:, reserved by AWS"):
        change()
    assert sandbox.requests.empty


def test_untag_never_removes_tags_of_aws(made_by_cloudformation):
    left = with_a_warning(lambda: kvs.untag_channel(made_by_cloudformation, ["Owner", *STACK]))
    assert dict(zip(left["key"], left["value"], strict=True)) == {"Site": "hq"} | STACK
    left = kvs.untag_channel(made_by_cloudformation, kvs.list_tags(made_by_cloudformation))
    assert dict(zip(left["key"], left["value"], strict=True)) == STACK


def test_untag_of_tags_of_aws_alone_is_invalid(sandbox, connection):
    with pytest.raises(errors.InvalidInput, match="only AWS can remove them. Change the CloudFormation stack"):
        kvs.untag_channel("a", iter(STACK))
    assert sandbox.requests.empty


def test_tags_of_aws_do_not_count_toward_fifty(made_by_cloudformation):
    kvs.tag_channel(made_by_cloudformation, {f"k{number}": "" for number in range(48)})
    assert len(kvs.list_tags(made_by_cloudformation)) == 50 + len(STACK)
    kvs.create_channel("copy", tags=kvs.list_tags(made_by_cloudformation))
    assert len(kvs.list_tags("copy")) == 50
    with pytest.raises(errors.TagLimitExceeded):
        kvs.tag_channel(made_by_cloudformation, {"one more": ""})


def test_form_shows_tags_of_aws_and_sends_the_rest(made_by_cloudformation):
    kvs.tag_channel(made_by_cloudformation, {f"k{number}": "" for number in range(48)})
    form = kvs.forms.edit_tags(made_by_cloudformation)
    form.future.result()
    assert form.tags.read_only == STACK
    assert not set(STACK) & {row.key.value for row in form.tags.rows}
    assert '<th scope="row">aws:cloudformation:stack-name</th><td>fleet-1</td>' in form.tags._read_only_table.value
    assert "<td>50</td>" in form.details.value
    next(row for row in form.tags.rows if row.key.value == "Owner").tag_value.value = "security"
    form.submit.click()
    assert set(STACK) <= set(form.future.result()["key"])
    assert tags_of(made_by_cloudformation)["Owner"] == "security"
    form.tags.value = tags_of(made_by_cloudformation) | {"Owner": "ops"}
    form.submit.click()
    form.future.result()
    assert tags_of(made_by_cloudformation)["Owner"] == "ops"
    form.tags.value = STACK
    form.submit.click()
    form.future.result()
    assert tags_of(made_by_cloudformation) == STACK
    form.close()


def test_create_form_leaves_copied_tags_of_aws_out(made_by_cloudformation):
    form = kvs.forms.create_channel()
    form.name.value, form.tags.value = "copy", tags_of(made_by_cloudformation)
    form.submit.click()
    form.future.result()
    assert tags_of("copy") == OWN
    form.close()


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        (lambda: kvs.list_tags(kvs.list_channels()), "has tags of 2 channels"),
        (kvs.list_channels, "has 2 rows and no columns 'key' and 'value'"),
        (lambda: pd.DataFrame({"x": []}), "has 0 rows and no columns 'key' and 'value'"),
    ],
)
def test_frame_of_no_or_several_channels_is_invalid(connection, tags, why):
    for name in ("a", "b"):
        kvs.create_channel(name, tags=OWN)
    with pytest.raises(errors.InvalidInput, match=why):
        kvs.tag_channel("a", tags())


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource"])
@pytest.mark.parametrize("key", STACK)
def test_sandbox_refuses_to_set_and_remove_tags_of_aws(made_by_cloudformation, connection, operation, key):
    arn = kvs.describe_channel(made_by_cloudformation)["channel_arn"].item()
    request = {"Tags": [{"Key": key, "Value": ""}]} if operation == "TagResource" else {"TagKeyList": [key]}
    with pytest.raises(errors.InvalidInput, match="the prefix aws: is reserved"):
        connection.call(operation, {"ResourceARN": arn, **request})
    assert tags_of(made_by_cloudformation) == OWN | STACK


def test_seeded_tags_are_checked(sandbox):
    for bad in ({"a*": ""}, {"aws:x": "*"}, {f"k{number}": "" for number in range(51)}):
        with pytest.raises(errors.InvalidInput):
            sandbox.seed(1, tags=bad)


def test_value_of_a_tag_of_aws_can_be_required(made_by_cloudformation, connection):
    required = {"aws:cloudformation:stack-name": ["fleet-1"]}
    assert kvs.reports.tag_problems(kvs.inventory(connection=connection), required).empty
