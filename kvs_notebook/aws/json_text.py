"""Parse the JSON of peers, clients and services, whose nesting is bounded."""

from __future__ import annotations

import json
from typing import Any

MOST_LEVELS = 100
"""Levels of nesting; no message or request needs ten. What can be parsed at Python's own limit cannot be shown or encoded."""


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    ValueError
        If it is not JSON, or has more than 100 levels.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    opened = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if opened > MOST_LEVELS and _is_too_deep(value):
        raise _too_deep()
    return value


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        level = [member for each in level for member in _members(each)]
        if not level:
            return False
    return True


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value.values()]
    return value if isinstance(value, list) else []


def _too_deep() -> ValueError:
    return ValueError(f"It has more than {MOST_LEVELS} levels")
