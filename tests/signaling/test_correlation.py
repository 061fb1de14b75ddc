"""Tests of RefusalCorrelator: which message a refusal belongs to, and who raises it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from kvs_notebook import errors
from kvs_notebook.signaling.correlation import MASTER, RefusalCorrelator, new_correlation_id
from kvs_notebook.signaling.frames import Refusal

NOT_FOUND = "ResourceNotFoundException"


@pytest.fixture
def correlator() -> RefusalCorrelator:
    return RefusalCorrelator()


@pytest.mark.parametrize(
    ("message_type", "operation"),
    [("SDP_OFFER", "SendSDPOffer"), ("SDP_ANSWER", "SendSDPAnswer"), ("ICE_CANDIDATE", "SendICECandidate")],
)
def test_refusal_names_operation_recipient_and_next_step(correlator, message_type, operation):
    correlator.register("c1", message_type, "tablet")
    error = correlator.resolve(Refusal("c1", NOT_FOUND, "Not there"))
    assert type(error) is errors.ChannelNotFound
    assert (error.code, error.operation) == (NOT_FOUND, operation)
    assert str(error).startswith(
        f"{operation} failed for tablet: {NOT_FOUND}: Not there. No viewer with that client id"
    )


def test_hint_about_a_missing_recipient_fits_the_role(correlator):
    correlator.register("viewer", "SDP_OFFER", MASTER)
    correlator.register("master", "SDP_OFFER", "tablet")
    assert "No MASTER is connected" in str(correlator.resolve(Refusal("viewer", NOT_FOUND, "")))
    assert "No viewer with that client id" in str(correlator.resolve(Refusal("master", NOT_FOUND, "")))


def test_refusal_is_matched_once(correlator):
    correlator.register("c1", "SDP_OFFER", "tablet")
    correlator.resolve(Refusal("c1", NOT_FOUND, ""))
    assert len(correlator) == 0
    assert "unknown recipient" in str(correlator.resolve(Refusal("c1", NOT_FOUND, "")))


def test_waiting_send_raises_its_refusal(correlator):
    async def main() -> None:
        refused = asyncio.get_running_loop().create_future()
        correlator.register("c1", "SDP_OFFER", "the MASTER", refused)
        assert correlator.resolve(Refusal("c1", "ClientLimitExceededException", "")) is None
        with pytest.raises(errors.Throttled, match="5 offers, 5 answers"):
            await refused

    asyncio.run(main())


def test_refusal_after_the_wait_is_returned(correlator):
    async def main() -> None:
        refused = asyncio.get_running_loop().create_future()
        correlator.register("c1", "SDP_OFFER", "the MASTER", refused)
        refused.cancel()
        assert isinstance(correlator.resolve(Refusal("c1", NOT_FOUND, "")), errors.ChannelNotFound)

    asyncio.run(main())


def test_fail_all_raises_at_every_waiting_send(correlator):
    async def main() -> list[BaseException | None]:
        waiting = [asyncio.get_running_loop().create_future() for _ in range(3)]
        for number, future in enumerate(waiting):
            correlator.register(f"c{number}", "SDP_OFFER", "the MASTER", future)
        correlator.register("no wait", "SDP_OFFER", "the MASTER")
        waiting[0].set_result(None)
        correlator.fail_all(errors.EndpointUnreachable("Gone."))
        return [future.exception() for future in waiting]

    first, *others = asyncio.run(main())
    assert first is None
    assert [type(error) for error in others] == [errors.EndpointUnreachable] * 2


def test_oldest_message_is_forgotten_above_capacity():
    correlator = RefusalCorrelator(capacity=2)
    for number in range(3):
        correlator.register(f"c{number}", "SDP_OFFER", "tablet")
    assert len(correlator) == 2
    assert "unknown recipient" in str(correlator.resolve(Refusal("c0", NOT_FOUND, "")))
    assert "tablet" in str(correlator.resolve(Refusal("c2", NOT_FOUND, "")))


def test_refusal_is_logged_without_its_description(correlator, caplog):
    correlator.register("c1", "SDP_OFFER", "tablet")
    with caplog.at_level(logging.WARNING, "kvs_notebook.signaling"):
        correlator.resolve(Refusal("c1", NOT_FOUND, "text of the service"))
    assert caplog.messages == [f"SendSDPOffer to tablet was refused: {NOT_FOUND}"]


def test_correlation_ids_are_unique():
    assert len({new_correlation_id() for _ in range(1_000)}) == 1_000
