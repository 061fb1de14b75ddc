"""Validation of requests by every bound of botocore's service model, each compiled on first use, and the service's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.service_model import full_match, service_model
from kvs_notebook.aws.validation import MAX_TAGS, RESERVED_TAG_PREFIX
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.assumptions import Assumptions

OPERATIONS: Mapping[str, str] = {service_model().operation_model(name).http["requestUri"]: name for name in QUOTAS}
"""Operations by path; case matters, and the service's own casing is not consistent."""

STATUSES: Mapping[str, int] = {
    **{shape.name: shape.metadata["error"]["httpStatusCode"] for shape in service_model().error_shapes},
    "AccessDenied": 403,
    "AccessDeniedException": 403,  # the model says 401; every reply that was published says 403
    "UnrecognizedClientException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ExpiredTokenException": 403,
    "UnknownOperationException": 404,
    "InternalFailure": 500,
}
"""HTTP status by error code: from the model, else by AWS's general pattern."""


class ServiceError(Exception):
    """An error that the service returns.

    Attributes
    ----------
    code
        The service's error code, such as ``"ResourceInUseException"``.
    message
        Its message.
    status
        The HTTP status of the response.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = STATUSES.get(code, 400) if status is None else status


def invalid_argument(message: str) -> ServiceError:
    """Return the error for a value that is not valid."""
    return ServiceError("InvalidArgumentException", message)


@contextmanager
def constraint_errors(assumptions: Assumptions) -> Iterator[None]:
    """Set the code that ``assumptions`` names on errors for values that the model does not allow [10]."""
    try:
        yield
    except ServiceError as error:
        if assumptions.constraint_error == "invalid_argument":
            raise
        raise ServiceError("ValidationException", error.message) from error


Validator = Callable[[Any, str], None]
"""Checks a value, given the name of its member; raises ServiceError if the model does not allow it."""


def validate(operation: str, request: object) -> None:
    """Check a request against the model at every depth: required members, types, minimum, maximum, patterns, enums.

    Like the service, treat a null member as absent and ignore a member that the model does not have.

    Raises
    ------
    ServiceError
        InvalidArgumentException, naming the member, its value and the bound.
    """
    _validator(operation)(request, "")


@cache
def _validator(operation: str) -> Validator:
    return input_validator(service_model(), operation)


@cache
def _tag_validator() -> Validator:
    return _compile(service_model().shape_for("Tag"))


def _compile(shape: Shape) -> Validator:
    if isinstance(shape, StructureShape):
        return _structure(shape)
    if isinstance(shape, ListShape):
        return _list(shape)
    if isinstance(shape, MapShape):
        raise TypeError(f"{shape.name}: no request of the nine operations contains a map")
    return {"string": _string, "integer": _integer, "boolean": _boolean}[shape.type_name](shape)


def _structure(shape: StructureShape) -> Validator:
    members = [(name, _compile(member)) for name, member in shape.members.items()]
    required = shape.metadata.get("required", [])

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(value, path or "The request", "an object")
        prefix = f"{path}." if path else ""
        for name in required:
            if value.get(name) is None:
                raise invalid_argument(f"{prefix}{name} is required.")
        for name, check_member in members:
            member = value.get(name)
            if member is not None:
                check_member(member, f"{prefix}{name}")

    return check


def _list(shape: ListShape) -> Validator:
    check_member = _compile(shape.member)
    low, high = _bounds(shape)

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise _wrong_type(value, path, "a list")
        if not low <= len(value) <= high:
            raise invalid_argument(f"{path} has {len(value)} members: {low:.0f} to {high:.0f} are allowed.")
        for index, member in enumerate(value):
            check_member(member, f"{path}[{index}]")

    return check


def _string(shape: Shape) -> Validator:
    low, high = _bounds(shape)
    pattern: str | None = shape.metadata.get("pattern")
    matches = full_match(pattern) if pattern is not None else None
    choices: list[str] | None = shape.metadata.get("enum")

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise _wrong_type(value, path, "a string")
        if not low <= len(value) <= high:
            raise invalid_argument(
                f"{path} {format_value(value)} has {len(value)} characters: {low:.0f} to {high:.0f} are allowed."
            )
        if choices is not None and value not in choices:
            raise invalid_argument(f"{path} {format_value(value)} is not one of {', '.join(choices)}.")
        if matches is not None and not matches(value):
            raise invalid_argument(f"{path} {format_value(value)} does not match the pattern {pattern}")

    return check


def _integer(shape: Shape) -> Validator:
    low, high = _bounds(shape)

    def check(value: Any, path: str) -> None:
        if type(value) is not int:  # a bool is an int to Python, not to the service
            raise _wrong_type(value, path, "a whole number")
        if not low <= value <= high:
            raise invalid_argument(
                f"{path} {format_value(value)} is out of bounds: {low:.0f} to {high:.0f} are allowed."
            )

    return check


def _boolean(_shape: Shape) -> Validator:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, bool):
            raise _wrong_type(value, path, "true or false")

    return check


def _bounds(shape: Shape) -> tuple[float, float]:
    return shape.metadata.get("min", 0), shape.metadata.get("max", float("inf"))


def _wrong_type(value: object, path: str, wanted: str) -> ServiceError:
    return invalid_argument(f"{path} {format_value(value)} is not {wanted}.")


def input_validator(model: ServiceModel, operation: str) -> Validator:
    """Compile the validator of an operation's request."""
    shape = model.operation_model(operation).input_shape
    if shape is None:
        raise TypeError(f"{operation} has no input shape")
    return _compile(shape)


def check_seed_tags(tags: object) -> dict[str, str]:
    """Return tags to seed channels with, None as no tags; unlike those of a request, their keys may begin with ``aws:``.

    Raises
    ------
    InvalidInput
        If they are not a dictionary, or a key or value is not valid.
    """
    if tags is None:
        return {}
    if not isinstance(tags, dict):
        raise InvalidInput(f"tags={format_value(tags)} is not a dictionary. Expected tag keys and values.")
    own = sum(not key.lower().startswith(RESERVED_TAG_PREFIX) for key in tags)
    if own > MAX_TAGS:
        raise InvalidInput(f"Too many tags: {own} (maximum {MAX_TAGS}).")
    try:
        for key, value in tags.items():
            _tag_validator()({"Key": key, "Value": value}, "")
    except ServiceError as error:
        raise InvalidInput(f"tags={format_value(tags)} is not valid: {error.message}") from error
    return tags
