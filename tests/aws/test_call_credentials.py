"""A request is signed with credentials whose account was checked, however they change before, within and between calls."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.httpsession import URLLib3Session
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.assume_role import assume_role
from kvs_notebook.aws.botocore_internals import create_isolated_session, open_session
from kvs_notebook.aws.connection import Connection
from tests.connections import connect_session

OWN, OTHER = "111122223333", "444455556666"
SIGNED_WITH = re.compile(rb"Credential=(KVS[BT](\d{12})\w+)/")
ACTION = re.compile(rb"Action=(\w+)")

CHANGES = {"renewed": (OWN, 3600), "of another account": (OTHER, 3600), "expired": (OWN, -1)}
"""What credentials are after a reading: the account of another key, and for how many seconds it is valid."""

ENDS_IN = {"of another account": errors.WrongConnection, "expired": errors.ExpiredCredentials}

_numbers = itertools.count()


class Changing(Credentials):
    """Credentials that change when they are read, as a list says; after its end they stay as they are."""

    def __init__(self, sandbox: kvs.Sandbox) -> None:
        super().__init__("unused", "unused")
        self.keys = sandbox._address.keys
        self.changes: list[str] = []
        self.readings: list[str] = []
        self.state = ""
        self.become("renewed")

    def become(self, state: str) -> None:
        account_id, seconds = CHANGES[state]
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        key = self.keys.issue_role_session(account_id, f"Reader/{next(_numbers)}", ends)
        self.state = state
        self.current = ReadOnlyCredentials(key.access_key_id, key.secret_access_key, key.session_token)

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        change = self.changes.pop(0) if self.changes else "same"
        if change != "same":
            self.become(change)
        self.readings.append(self.state)
        return self.current


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


def connect(sandbox: kvs.Sandbox, credentials: Changing) -> Connection:
    """Return a connection whose account is known; it does not wait for rate limits."""
    session = create_isolated_session()
    session._credentials = credentials
    connection = connect_session(
        open_session(session), "us-east-1", endpoint_url=sandbox.endpoint_url, allow_changes=True
    )
    connection.rate_limiter.sleep = lambda _: None  # type: ignore[method-assign]
    assert connection.identity().account_id == OWN
    return connection


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@contextlib.contextmanager
def sent_requests() -> Iterator[list[tuple[bytes, bytes, str]]]:
    """Yield the key, its account and the operation of each request that is sent in the block."""
    send, found = URLLib3Session.send, list[tuple[bytes, bytes, str]]()

    def note(session: URLLib3Session, request: Any) -> Any:
        signed = SIGNED_WITH.search(as_bytes(request.headers["Authorization"]))
        action = ACTION.search(as_bytes(request.body or b""))
        assert signed is not None
        found.append((signed[1], signed[2], action[1].decode() if action else request.url.rpartition("/")[2]))
        return send(session, request)

    with mock.patch.object(URLLib3Session, "send", note):
        yield found


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(
            st.lists(st.sampled_from(["same", *CHANGES]), min_size=1, max_size=4), st.integers(0, 2), st.integers(0, 2)
        ),
        min_size=1,
        max_size=3,
    )
)
@example(calls=[(["renewed"] * 4, 2, 2)] * 2)
@example(calls=[(["same", "of another account"], 0, 0), (["same"], 0, 0)])
@example(calls=[(["same", "of another account"], 1, 1), (["renewed"], 0, 0)])
@example(calls=[(["same", "expired"], 1, 1), (["renewed"], 0, 0)])
def test_no_request_is_signed_with_a_key_of_another_account(
    sandbox: kvs.Sandbox, calls: list[tuple[list[str], int, int]]
) -> None:
    """botocore repeats a call after server errors, and the toolkit if it is throttled: only then are credentials read again."""
    credentials = Changing(sandbox)
    with sent_requests() as sent:
        connection = connect(sandbox, credentials)
        for changes, server_errors, throttles in calls:
            sandbox.faults.clear()
            for kind, times in (("error", server_errors), ("throttle", throttles)):
                if times:
                    sandbox.faults.add("ListSignalingChannels", kind, times)
            credentials.changes, credentials.readings = [*changes], []
            raised = None
            try:
                connection.call("ListSignalingChannels", {})
            except errors.KVSError as error:
                raised = type(error)
            usable = [*itertools.takewhile(lambda state: state == "renewed", credentials.readings)]
            assert raised is (ENDS_IN[credentials.readings[-1]] if len(usable) < throttles + 1 else None)
            assert len(credentials.readings) == min(len(usable), throttles) + 1
        connection.close_clients()
    asked = Counter(key for key, _, operation in sent if operation == "GetCallerIdentity")
    of_calls = [(key, account) for key, account, operation in sent if operation != "GetCallerIdentity"]
    assert {account for _, account in of_calls} <= {OWN.encode()}
    assert all(asked[key] == 1 for key, _ in of_calls)


def test_url_and_role_are_signed_with_checked_credentials(sandbox: kvs.Sandbox) -> None:
    credentials = Changing(sandbox)
    connection = connect(sandbox, credentials)
    arn = kvs.create_channel("gate", connection=connection)["channel_arn"].item()
    role = assume_role(connection, f"arn:aws:iam::{OTHER}:role/Reader", region="us-east-1")
    credentials.changes = ["same"] * 3 + ["of another account"]  # after the endpoint was requested

    with sent_requests() as sent:
        for use in (
            lambda: [kvs.sign_url(arn, client_id="a", connection=connection) for _ in range(4)],
            connection.credentials,
            lambda: kvs.list_channels(connection=role),
        ):
            with pytest.raises(errors.WrongConnection, match=f"its credentials now belong to account {OTHER}"):
                use()
    assert {operation for _, account, operation in sent if account == OTHER.encode()} == {"GetCallerIdentity"}
    credentials.become("renewed")
    assert kvs.list_channels(connection=role).empty


@pytest.mark.parametrize("kind", ["error", "lost_reply"])
def test_failed_check_of_account_is_not_an_unknown_outcome(sandbox: kvs.Sandbox, kind: str) -> None:
    connection = connect(sandbox, credentials := Changing(sandbox))
    credentials.changes = ["renewed"]
    sandbox.faults.add("GetCallerIdentity", kind, 3)
    with pytest.raises(errors.KVSError, match="GetCallerIdentity failed") as raised:
        kvs.create_channel("gate", connection=connection)
    assert not isinstance(raised.value, errors.OutcomeUnknown)
    assert not raised.value.maybe_applied
    assert "CreateSignalingChannel" not in set(sandbox.requests["operation"])


@pytest.mark.draw(2)
@pytest.mark.parametrize("state", ENDS_IN)
@pytest.mark.parametrize("reading", [0, 4, 9, 15])
def test_plan_pauses_and_resumes_and_is_undone(sandbox: kvs.Sandbox, tmp_path: Path, state: str, reading: int) -> None:
    connection = connect(sandbox, credentials := Changing(sandbox))
    sandbox.seed(6)
    fleet = kvs.list_channels(tags=True, connection=connection)
    plan = kvs.plans.tag(fleet, {"Plan": "hq"})

    def tagged() -> set[str]:
        seen = kvs.list_channels(tags=True, connection=sandbox.connection())
        return set(seen["channel_name"][seen["tag:Plan"] == "hq"]) if "tag:Plan" in seen else set()

    credentials.changes = ["same"] * reading + [state]
    with sent_requests() as sent:
        applied = kvs.apply_plan(plan, tmp_path / "plan", confirm=plan.confirmation, connection=connection, canary=0)
    result = applied.result
    assert {account for _, account, operation in sent if operation != "GetCallerIdentity"} <= {OWN.encode()}
    assert set(result["channel_name"][result["outcome"] == "done"]) == tagged()
    assert set(result["outcome"]) <= {"done", "failed", "not_started"}
    assert any(re.search(r"Paused: .*(kvs\.connect\(\)|call again)", note) for note in applied.notes), applied.notes
    undo = kvs.plans.undo(tmp_path / "plan")
    assert set(undo.steps["channel_name"]) == tagged()
    credentials.become("renewed")
    assert kvs.resume_plan(tmp_path / "plan", connection=connection).counts["done"] == len(fleet)
    assert tagged() == set(fleet["channel_name"])
    undo = kvs.plans.undo(tmp_path / "plan")
    kvs.apply_plan(undo, tmp_path / "undo", confirm=undo.confirmation, connection=connection)
    assert tagged() == set()


@pytest.mark.parametrize("state", ENDS_IN)
def test_signaling_does_not_reconnect_with_other_credentials(
    sandbox: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", sandbox.environment({})["AWS_CA_BUNDLE"])
    connection = connect(sandbox, credentials := Changing(sandbox))
    channel = kvs.create_channel("gate", connection=connection)

    async def switch() -> None:
        async with kvs.open_signaling(channel, client_id="tablet", connection=connection) as tablet:
            credentials.become(state)
            await asyncio.to_thread(sandbox.send_notice, "gate", "GO_AWAY")
            with pytest.raises(ENDS_IN[state], match=r"kvs\.connect\(\)"):
                await anext(tablet)
            assert tablet.connects == 1

    asyncio.run(switch())
    requests = sandbox.requests
    assert set(requests["operation"][requests["account_id"] == OTHER]) <= {"GetCallerIdentity"}
