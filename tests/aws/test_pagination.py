"""Pages are read to their end, and endless ones end."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws import pagination
from kvs_notebook.aws.pagination import read_pages

OPERATIONS = {
    "ListSignalingChannels": ("ChannelInfoList", "NextToken"),
    "ListTagsForResource": ("Tags", "NextToken"),
    "GetResources": ("ResourceTagMappingList", "PaginationToken"),
    "ListRegions": ("Regions", "NextToken"),
}


def test_every_operation_with_pages_is_tried():
    calls = [
        node
        for path in Path(kvs.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    read = [ast.unparse(call.args[1]) for call in calls if ast.unparse(call.func) == "read_pages"]
    assert sorted(map(ast.literal_eval, read)) == sorted(OPERATIONS)


def test_tokens_are_followed_in_one_place_only():
    """The sandbox makes tokens, the checks of replies read their type, and the names of the members are arguments."""
    root = Path(kvs.__file__).parent
    sources = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    users = {
        str(path.relative_to(root))
        for path, source in sources.items()
        if re.search("NextToken|PaginationToken|get_paginator", source) and "sandbox" not in path.parts
    }
    assert users == {"aws/pagination.py", "aws/reply_check.py", "channels/tag_reader.py"}


class Pages:
    """A connection whose calls return prepared pages, and keep the parameters that they were called with."""

    def __init__(self, pages: Iterator[Mapping[str, Any]]) -> None:
        self.config = SimpleNamespace(paging_seconds=900.0)
        self.pages = pages
        self.asked: list[Mapping[str, Any]] = []

    def call(self, operation: str, params: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        self.asked.append(params)
        return next(self.pages)


def read(pages: Pages, operation: str, **options: Any) -> list[Mapping[str, Any]]:
    items, token = OPERATIONS[operation]
    return list(read_pages(pages, operation, {"MaxResults": 7}, items=items, token=token, **options))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_page_is_asked_for_by_the_token_before(operation):
    items, token = OPERATIONS[operation]
    prepared = [{items: ["a"], token: "t1"}, {items: [], token: "t2"}, {items: ["b"], token: ""}]
    pages = Pages(iter(prepared))
    assert read(pages, operation) == prepared
    assert pages.asked == [{"MaxResults": 7}, {"MaxResults": 7, token: "t1"}, {"MaxResults": 7, token: "t2"}]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("cycle", [1, 2, 5])
def test_repeated_token_stops_reading(operation, cycle):
    items, token = OPERATIONS[operation]
    pages = Pages({items: ["a"], token: f"t{number % cycle}"} for number in count())
    with pytest.raises(errors.ServiceFault, match=rf"{operation} returned the same {token} twice"):
        read(pages, operation)
    assert len(pages.asked) == cycle + 1


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("empty", [[], {}, None])
def test_endless_empty_pages_stop_reading(operation, empty):
    items, token = OPERATIONS[operation]
    pages = Pages({items: empty, token: f"t{number}"} for number in count())
    with pytest.raises(errors.ServiceFault, match="100 empty pages in a row"):
        read(pages, operation)
    assert len(pages.asked) == pagination.MAX_EMPTY_PAGES


@pytest.mark.parametrize("operation", OPERATIONS)
def test_total_time_is_bounded(operation):
    items, token = OPERATIONS[operation]
    pages = Pages({items: ["a"], token: f"t{number}"} for number in count())
    seconds = count(step=60)
    with pytest.raises(errors.ServiceFault, match="was not at its last page after 900 s"):
        read(pages, operation, clock=lambda: next(seconds))
    assert len(pages.asked) == 900 / 60 + 1
