"""Bounds, patterns and enums of botocore's service models, and checks of a value against them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.botocore_data import load_model
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape


@cache
def service_model() -> ServiceModel:
    """Return botocore's model of Kinesis Video."""
    return load_model("kinesisvideo")


@cache
def signaling_model() -> ServiceModel:
    """Return botocore's model of a channel's HTTPS endpoint, which returns ICE servers."""
    return load_model("kinesis-video-signaling")


@cache
def _shape(name: str) -> Shape:
    models = (service_model, signaling_model)
    return next(model().shape_for(name) for model in models if name in model().shape_names)


def bounds(shape_name: str) -> tuple[int, int]:
    """Return the minimum and maximum that the service's model allows: of a length, or of a number."""
    metadata: dict[str, Any] = _shape(shape_name).metadata
    return metadata.get("min", 0), metadata["max"]


@cache
def full_match(pattern: str) -> Callable[[str], object]:
    """Return a function that matches a whole text against a pattern of a model.

    Only the patterns of tags have Unicode properties, which re does not know. Importing regex takes a fifth of the time of boto3.
    """
    if r"\p" not in pattern:
        return re.compile(pattern).fullmatch
    import regex

    return regex.compile(pattern).fullmatch


@cache
def _text_rule(shape_name: str) -> tuple[int, int, Callable[[str], object]]:
    """Return the minimum and maximum length of a text, and a function that matches it against the shape's pattern."""
    return *bounds(shape_name), full_match(_shape(shape_name).metadata["pattern"])


def choices(shape_name: str) -> list[str]:
    """Return the values that the service's model lists for one of its enums."""
    listed: list[str] = _shape(shape_name).metadata["enum"]
    return listed


def check_text(value: object, shape_name: str, what: str, hint: str) -> str:
    """Return a string that a shape of the model allows.

    ``what`` names the value in messages, ``hint`` says which characters or form are expected.

    Raises
    ------
    InvalidInput
        If the value is not a string, is too short or too long, or does not match the shape's pattern.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{what} {format_value(value)} has type {type(value).__name__}. Expected a string.")
    low, high, matches = _text_rule(shape_name)
    if not low <= len(value) <= high:
        raise InvalidInput(f"{what} {format_value(value)} has {len(value)} characters (allowed: {low} to {high}).")
    if not matches(value):
        letters = set(value)
        bad = sorted(letter for letter in letters if not matches(letter))
        because = (
            f"{', '.join(map(repr, bad))} is not allowed"
            if len(bad) < len(letters)
            else "does not match the required format"
        )
        raise InvalidInput(f"{what} {format_value(value)}: {because}. {hint}")
    return value


def check_choice(value: object, shape_name: str, what: str) -> str:
    """Return a value that an enum of the model lists; raise InvalidInput, with the nearest one, if it does not."""
    known = choices(shape_name)
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value).upper(), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InvalidInput(f"{what} {format_value(value)} is not valid. Expected one of: {', '.join(known)}.{hint}")
