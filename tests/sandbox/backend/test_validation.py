from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.service_model import service_model
from kvs_notebook.sandbox.backend.validation import OPERATIONS, STATUSES, ServiceError, validate

ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/{}/1767603600000"

LEAST: dict[str, dict[str, Any]] = {
    "CreateSignalingChannel": {"ChannelName": "front-door"},
    "DescribeSignalingChannel": {},
    "ListSignalingChannels": {},
    "UpdateSignalingChannel": {"ChannelARN": ARN.format("a"), "CurrentVersion": "V1"},
    "DeleteSignalingChannel": {"ChannelARN": ARN.format("a")},
    "GetSignalingChannelEndpoint": {"ChannelARN": ARN.format("a")},
    "TagResource": {"ResourceARN": ARN.format("a"), "Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"ResourceARN": ARN.format("a"), "TagKeyList": ["k"]},
    "ListTagsForResource": {"ResourceARN": ARN.format("a")},
}

Path = tuple[str | int, ...]


def members(shape: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every shape inside a shape, with its path."""
    if path:
        yield path, shape
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from members(member, (*path, name))
    elif shape.type_name == "list":
        yield from members(shape.member, (*path, 0))


MEMBERS = [
    (name, path, shape) for name in LEAST for path, shape in members(service_model().operation_model(name).input_shape)
]


def text_of_length(shape_name: str, length: int) -> str:
    if shape_name == "ResourceARN":
        return ARN.format("a" * (length - len(ARN.format(""))))
    return "a" * length


def ordinary_text(shape: Any) -> str:
    return text_of_length(shape.name, min(100, shape.metadata["max"] - 1))


def example(shape: Any) -> Any:
    if shape.type_name == "structure":
        return {name: example(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [example(shape.member)]
    if shape.type_name == "integer":
        return shape.metadata["max"]
    return shape.metadata["enum"][0] if "enum" in shape.metadata else ordinary_text(shape)


def put(operation: str, path: Path, value: Any) -> dict[str, Any]:
    """Return the smallest request of an operation in which one member is set, with the structures around that member."""
    request = copy.deepcopy(LEAST[operation])
    place: Any = request
    shape: Any = service_model().operation_model(operation).input_shape
    for step in path[:-1]:
        shape = shape.members[step] if isinstance(step, str) else shape.member
        if isinstance(step, str) and not place.get(step):
            place[step] = example(shape)
        place = place[step]
    place[path[-1]] = value
    return request


def bounds() -> Iterator[Any]:
    for operation, path, shape in MEMBERS:
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        for bound, outside in ((low, -1), (high, 1)):
            if bound is None:
                continue
            for size, fits in ((bound, True), (bound + outside, False)):
                if shape.type_name == "integer":
                    value: Any = size
                elif size < 0:
                    continue
                elif shape.type_name == "list":
                    value = [example(shape.member)] * size
                elif shape.name == "ResourceARN" and size < 100:
                    continue  # no ARN is that short: the pattern speaks first
                else:
                    value = text_of_length(shape.name, size)
                yield operation, path, value, fits


def code_of(operation: str, request: Any) -> str | None:
    try:
        validate(operation, request)
    except ServiceError as error:
        return error.code
    return None


def test_operations_are_routed_by_the_services_paths():
    assert dict(OPERATIONS) == {
        "/createSignalingChannel": "CreateSignalingChannel",
        "/describeSignalingChannel": "DescribeSignalingChannel",
        "/listSignalingChannels": "ListSignalingChannels",
        "/updateSignalingChannel": "UpdateSignalingChannel",
        "/deleteSignalingChannel": "DeleteSignalingChannel",
        "/getSignalingChannelEndpoint": "GetSignalingChannelEndpoint",
        "/TagResource": "TagResource",
        "/UntagResource": "UntagResource",
        "/ListTagsForResource": "ListTagsForResource",
    }
    assert set(OPERATIONS.values()) == set(QUOTAS) == set(LEAST)


@pytest.mark.parametrize("operation", LEAST)
def test_minimal_and_maximal_requests_are_valid(operation):
    validate(operation, LEAST[operation])
    validate(operation, example(service_model().operation_model(operation).input_shape))


@pytest.mark.parametrize("operation", LEAST)
def test_each_required_member_is_required(operation):
    for name in LEAST[operation]:
        for missing in ({}, {name: None}):
            request = {key: value for key, value in LEAST[operation].items() if key != name} | missing
            with pytest.raises(ServiceError, match=f"InvalidArgumentException: {name} is required"):
                validate(operation, request)


def test_each_bound_of_the_model_is_exact():
    wrong = [
        f"{operation} {path}: {value!r:.60}"
        for operation, path, value, fits in bounds()
        if code_of(operation, put(operation, path, value)) != (None if fits else "InvalidArgumentException")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("operation", "path", "shape"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in MEMBERS if "enum" in row[2].metadata],
)
def test_each_choice_of_the_model_is_valid_and_no_other(operation, path, shape):
    for choice in shape.metadata["enum"]:
        assert code_of(operation, put(operation, path, choice)) is None
    for other in ("BOGUS", "", shape.metadata["enum"][0].lower()):
        assert code_of(operation, put(operation, path, other)) == "InvalidArgumentException"


@pytest.mark.parametrize(
    ("operation", "path", "shape"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in MEMBERS if "pattern" in row[2].metadata],
)
def test_pattern_matches_the_whole_text(operation, path, shape):
    fine = ordinary_text(shape)
    assert code_of(operation, put(operation, path, fine)) is None
    for bad in (fine + "\n", "\n" + fine, fine + "!", "!" + fine, fine + "\ud800", fine + "\x00"):
        assert code_of(operation, put(operation, path, bad)) == "InvalidArgumentException"


def test_each_member_has_its_type():
    others = {
        "string": [1, True, [], {}],
        "integer": ["60", 60.0, True, []],
        "list": ["a", {}, 1],
        "structure": ["a", [], 1],
    }
    accepted = [
        f"{operation} {path}: {value!r}"
        for operation, path, shape in MEMBERS
        for value in others[shape.type_name]
        if code_of(operation, put(operation, path, value)) != "InvalidArgumentException"
    ]
    assert accepted == []


@pytest.mark.parametrize("request_", [None, [], "text", 1])
def test_request_is_an_object(request_):
    with pytest.raises(ServiceError, match="The request .* is not an object"):
        validate("ListSignalingChannels", request_)


def test_null_members_count_as_absent_and_unknown_are_ignored():
    validate(
        "ListSignalingChannels", {"MaxResults": None, "ChannelNameCondition": {"ComparisonValue": None}, "Colour": 1}
    )
    with pytest.raises(ServiceError, match=r"Tags\[0\] None is not an object"):
        validate("CreateSignalingChannel", {"ChannelName": "a", "Tags": [None]})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"ChannelName": "a b"}, r"ChannelName 'a b' does not match the pattern \[a-zA-Z0-9_.-\]+"),
        ({"ChannelName": "a" * 257}, "has 257 characters: 1 to 256 are allowed"),
        (
            {"ChannelName": "a", "SingleMasterConfiguration": {"MessageTtlSeconds": 121}},
            "SingleMasterConfiguration.MessageTtlSeconds 121 is out of bounds: 5 to 120 are allowed",
        ),
        ({"ChannelName": "a", "ChannelType": "STAR"}, "ChannelType 'STAR' is not one of SINGLE_MASTER, FULL_MESH"),
        ({"ChannelName": "a", "Tags": [{"Key": "k"}]}, r"Tags\[0\].Value is required"),
        ({"ChannelName": "a", "Tags": [{"Key": "k", "Value": ""}] * 51}, "Tags has 51 members: 0 to 50 are allowed"),
    ],
)
def test_error_names_member_value_and_bound(request_, message):
    with pytest.raises(ServiceError, match=message):
        validate("CreateSignalingChannel", request_)


def test_long_value_is_shortened_in_the_message():
    with pytest.raises(ServiceError) as refused:
        validate("CreateSignalingChannel", {"ChannelName": "a" * 100_000})
    assert len(refused.value.message) < 250


ALLOWED = st.characters(categories=["L", "Z", "N"]) | st.sampled_from("_.:/=+-@")


@given(key=st.text(ALLOWED, min_size=1, max_size=128), value=st.text(ALLOWED, max_size=256))
def test_tags_accept_letters_numbers_and_spaces_of_every_script(key, value):
    validate("TagResource", {"ResourceARN": ARN.format("a"), "Tags": [{"Key": key, "Value": value}]})


@given(st.characters(exclude_categories=["L", "Z", "N", "Cn"], exclude_characters="_.:/=+-@"))
def test_tags_reject_other_characters(character):
    request = {"ResourceARN": ARN.format("a"), "TagKeyList": [f"key{character}"]}
    assert code_of("UntagResource", request) == "InvalidArgumentException"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(MEMBERS), json_values)
def test_validation_never_crashes_on_any_json(member, value):
    operation, path, _ = member
    assert code_of(operation, put(operation, path, value)) in {None, "InvalidArgumentException"}


def test_statuses_are_the_models_except_access_denied():
    for shape in service_model().error_shapes:
        assert STATUSES[shape.name] == (
            403 if shape.name == "AccessDeniedException" else shape.metadata["error"]["httpStatusCode"]
        )
    assert ServiceError("ResourceNotFoundException", "gone").status == 404
    assert ServiceError("ClientLimitExceededException", "slow down").status == 400
    assert ServiceError("InvalidSignatureException", "no").status == 403
    assert ServiceError("AccessDeniedException", "no").status == 403
    assert ServiceError("InternalFailure", "oh").status == 500
    assert ServiceError("SomethingElse", "no").status == 400
    assert ServiceError("SomethingElse", "no", status=503).status == 503
    assert str(ServiceError("SomethingElse", "no")) == "SomethingElse: no"
