"""A mutated reply of the service ends a form's job with a true status, and a console's listing with rows or with a message."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.dataframes.schemas import CHANNELS
from tests.aws.fake_service import ARN, NAME, FakeService, connected_service
from tests.aws.test_reply_check import WITHOUT_CHANNELS, mutations
from tests.forms.test_faults import FORMS, texts_of
from tests.hostile_texts import is_shown_only

LISTING = ("ListSignalingChannels", "GetResources", "ListTagsForResource")
CASES = [(name, operation) for name, (_, operations, _) in FORMS.items() for operation in operations]
PARTS = 10
"""Parts of the mutations of a reply, so that no test takes long; a run that draws cases tries one mutation of a part."""


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[FakeService, kvs.Connection]]:
    with connected_service() as made:
        yield made


@pytest.fixture
def service(running, monkeypatch) -> FakeService:
    """Return the service, whose connection is the current one."""
    monkeypatch.setattr("kvs_notebook.channels.waiters.SECONDS_BETWEEN_DESCRIBES", 0)
    monkeypatch.setattr("kvs_notebook.forms.job.FOLLOW_TIMEOUT_SECONDS", 0.05)
    running[0].reset()
    set_current(running[1])
    return running[0]


def drawn(service: FakeService, operation: str, part: int, request: pytest.FixtureRequest) -> list[tuple[str, bytes]]:
    """Return mutations of a part of an operation's reply: all of them with --all-cases, else one."""
    every = [*mutations(service.replies[operation])][part::PARTS]
    return every if request.config.getoption("all_cases") else random.sample(every, 1)


@pytest.mark.draw(2)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("name", "operation"), CASES)
def test_form_ends_in_a_true_status(name, operation, part, service, request):
    opened, _, _ = FORMS[name]
    for mutation, body in drawn(service, operation, part, request):
        service.reset()
        if name == "create":
            service.replies["CreateSignalingChannel"] = {"ChannelARN": ARN.replace(NAME, "new")}
        service.replies[operation] = body
        form = opened()
        form.submit.click()
        error = form.future.exception(60)
        said, role = form.status.text, form.status.role
        assert error is None or isinstance(error, errors.KVSError), mutation
        assert role == ("status" if error is None else "alert"), (mutation, said)
        assert said, mutation
        assert is_shown_only(texts_of(form)), (mutation, said)
        assert "bug" not in said, (mutation, said)
        assert not re.search(r"\b(?:nan|NaN|NaT|None)\b|&lt;NA&gt;", texts_of(form)), (mutation, said)
        form.close()


@pytest.mark.draw(1)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("operation", LISTING)
def test_console_shows_rows_or_a_message(operation, part, service, request):
    for mutation, body in drawn(service, operation, part, request):
        service.reset()
        service.replies[operation] = body
        console = kvs.forms.console()
        error = console.future.exception(60)
        assert error is None or isinstance(error, errors.KVSError), mutation
        frame = console.table.frame
        if error is not None:
            assert console.status.role == "alert", mutation
            assert "not read" in console.title.value, mutation
        elif mutation not in WITHOUT_CHANNELS:
            assert len(frame) == 1, mutation
            assert not frame[[*CHANNELS]].drop(columns="message_ttl_seconds").isna().any(axis=None), mutation
        assert is_shown_only(console.status.value + console.title.value), mutation
        console.close()
