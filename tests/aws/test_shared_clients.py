"""Clients that accounts share: each call has the credentials and counts of its caller, and is otherwise unchanged."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
import psutil
import pytest

import kvs_notebook as kvs
from kvs_notebook.aws.assume_role import assume_role, create_shared_clients
from kvs_notebook.aws.botocore_internals import create_isolated_session, open_session
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.shared_clients import SharedClients
from tests.connections import connect_session

SERVICES = ["kinesisvideo", "resourcegroupstaggingapi", "account", "sts"]
REGIONS = ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"]
VOLATILE = {
    "amz-sdk-invocation-id",
    "X-Amz-Date",
    "Authorization",
    "User-Agent",
}  # which states how credentials were found
ACCOUNTS = ["111122223333", "444455556666", "777788889999"]


def connection_of(account: str, region: str, shared_clients: SharedClients | None = None) -> Connection:
    session = open_session(
        create_isolated_session(),
        aws_access_key_id=f"AKIA{account}",
        aws_secret_access_key=f"secret of {account}",
        aws_session_token=f"token of {account}",
    )
    return connect_session(session, region, account_id=account, shared_clients=shared_clients)


class NotSent(Exception):
    """Raised in place of sending a request."""


def catch(request: Any, **_: Any) -> None:
    raise NotSent(request)


def request_of(client: Any, operation: str) -> Any:
    """Return the signed request of an operation with the least parameters; it is not sent."""
    service_model = client.meta.service_model
    shape = service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    with pytest.raises(NotSent) as caught:
        getattr(client, operation)(**(example(shape) if shape else {}))
    return caught.value.args[0]


def example(shape: Any) -> Any:
    """Return a value of a shape that botocore accepts, with the members that are required."""
    if shape.type_name == "structure":
        return {name: example(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [example(shape.member)]
    values = {"integer": 1, "boolean": True, "map": {}, "timestamp": 0, "blob": b"x"}
    return values.get(shape.type_name, "a" * max(1, shape.metadata.get("min", 1)))


def caught_client(connection: Connection, service: str) -> Any:
    """Return a client whose requests are caught before they are sent."""
    client = connection.client(service)
    client.meta.events.register("before-send.*", catch, unique_id="catch")
    return client


def signature_scope(request: Any) -> list[str]:
    """Return the access key, region and service of a signature, and the headers that it covers; [] of an unsigned request."""
    header = request.headers.get("Authorization", b"").decode()
    if not header:
        return []
    _, credential, signed, _ = header.replace(",", "").split(" ")
    key, _date, region, service, _ = credential.partition("=")[2].split("/")
    return [key, region, service, signed]


@pytest.mark.draw(2, of_each=("service",))
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_requests_are_those_of_own_clients(service, region):
    shared = create_shared_clients()
    for account in ACCOUNTS[:2]:  # the first makes the client, the second finds it
        own = caught_client(connection_of(account, region), service)
        bound = caught_client(connection_of(account, region, shared), service)
        assert bound.meta.endpoint_url == own.meta.endpoint_url
        for operation in own.meta.method_to_api_mapping:
            mine, theirs = request_of(bound, operation), request_of(own, operation)
            assert (mine.method, mine.url, mine.body) == (theirs.method, theirs.url, theirs.body)
            assert signature_scope(mine) == signature_scope(theirs)
            assert not signature_scope(mine) or signature_scope(mine)[0] == f"AKIA{account}"
            assert headers(mine) == headers(theirs)


def headers(request: Any) -> dict[str, Any]:
    return {name: value for name, value in request.headers.items() if name not in VOLATILE}


@pytest.mark.parametrize("service", SERVICES)
def test_handlers_are_those_of_an_own_client(service):
    own, bound = (
        connection_of(ACCOUNTS[0], "eu-west-1", each).client(service) for each in (None, create_shared_clients())
    )
    operations = own.meta.method_to_api_mapping.values()
    name = own.meta.service_model.service_id.hyphenize()
    for event in ("request-created", "before-sign", "before-parse", "response-received", "needs-retry", "after-call"):
        for operation in operations:
            assert handlers(bound, f"{event}.{name}.{operation}") == handlers(own, f"{event}.{name}.{operation}")


def handlers(client: Any, event: str) -> list[str]:
    """Return the names of the handlers of an event, in order; only the handler that counts attempts differs."""
    found = client.meta.events._handlers.prefix_search(event)
    names = [getattr(getattr(each, "func", each), "__qualname__", type(each).__name__) for each in found]
    return [{"_note_attempt": "AttemptTracker.note"}.get(each, each) for each in names]


def test_threads_sign_with_the_credentials_of_their_own_caller():
    shared, together = create_shared_clients(), threading.Barrier(len(ACCOUNTS))
    clients = {account: caught_client(connection_of(account, "us-east-1", shared), "sts") for account in ACCOUNTS}
    assert len({id(client.meta) for client in clients.values()}) == 1

    def keys(account: str) -> Counter[str]:
        together.wait()
        return Counter(signature_scope(request_of(clients[account], "get_caller_identity"))[0] for _ in range(100))

    with ThreadPoolExecutor(len(ACCOUNTS)) as pool:
        found = dict(zip(ACCOUNTS, pool.map(keys, ACCOUNTS), strict=True))
    assert found == {account: {f"AKIA{account}": 100} for account in ACCOUNTS}


def test_shared_client_signs_nothing_without_a_caller():
    bound = caught_client(connection_of(ACCOUNTS[0], "us-east-1", create_shared_clients()), "sts")
    with pytest.raises(LookupError):
        bound._client.get_caller_identity()


def test_bound_client_has_operations_only():
    bound = connection_of(ACCOUNTS[0], "us-east-1", create_shared_clients()).client()
    assert callable(bound.list_signaling_channels)
    for name in ("generate_presigned_url", "get_paginator", "no_such_operation"):
        with pytest.raises(AttributeError, match=name):
            getattr(bound, name)


def test_clients_are_shared_by_service_region_and_purpose():
    shared = create_shared_clients()
    here, there = (connection_of(ACCOUNTS[0], region, shared) for region in REGIONS[:2])
    other = connection_of(ACCOUNTS[1], REGIONS[0], shared)

    def prepare(client: Any) -> None:
        prepared.append(client)

    prepared: list[Any] = []
    assert here.client().meta is other.client().meta is not there.client().meta
    assert here.client().meta is not here.client("sts").meta
    listing = [each.client(purpose="listing", prepare=prepare) for each in (here, other)]
    assert listing[0].meta is listing[1].meta is not here.client().meta
    assert len(prepared) == 1


@pytest.fixture
def roles(sandbox, connection):
    """Connections as roles of two accounts of the sandbox that share clients."""
    shared = create_shared_clients()
    arns = [f"arn:aws:iam::{account}:role/Reader" for account in ACCOUNTS[:2]]
    return [assume_role(connection, arn, region="us-east-1", shared_clients=shared) for arn in arns]


def test_attempts_are_counted_by_their_caller(roles, sandbox):
    first, second = roles
    sandbox.faults.add("ListSignalingChannels", "error", 2)
    assert list(kvs.list_channels(connection=first).index) == []
    assert (first.calls, first.attempts, second.calls, second.attempts) == (1, 3, 0, 0)
    kvs.list_channels(connection=second)
    assert (first.attempts, second.attempts) == (3, 1)


@pytest.mark.parametrize("uses_internals", [True, False])
def test_failures_of_one_caller_leave_the_others_their_retries(roles, sandbox, monkeypatch, uses_internals):
    monkeypatch.setattr("kvs_notebook.aws.botocore_internals.ENABLED", uses_internals)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    first, second = roles
    for _ in range(20):  # of a client of its own, botocore repeats 35 attempts
        sandbox.faults.add("ListSignalingChannels", "error", 3)
        with pytest.raises(kvs.errors.KVSError):
            kvs.list_channels(connection=first)
    sandbox.faults.add("ListSignalingChannels", "error", 2)
    kvs.list_channels(connection=second)
    assert second.attempts == 3


def test_last_caller_closes_the_connections_to_the_endpoint(roles, sandbox, connection):
    connection.close_clients()
    port = int(sandbox.endpoint_url.rpartition(":")[2])
    before = len(sockets_to(port))
    for role in roles:
        kvs.list_channels(connection=role)
    connection.close_clients()  # it has assumed the roles
    roles[0].close_clients()
    roles[0].close_clients()
    assert len(sockets_to(port)) > before
    roles[1].close_clients()
    assert len(sockets_to(port)) == before
    assert kvs.list_channels(connection=roles[0]).empty
    roles[0].close_clients()


def sockets_to(port: int) -> list[Any]:
    return [
        each
        for each in psutil.Process(os.getpid()).net_connections()
        if each.raddr and each.raddr.port == port and each.status == psutil.CONN_ESTABLISHED
    ]


def test_inventory_creates_a_client_per_region_not_per_account(sandbox, connection, monkeypatch):
    made: Counter[tuple[str, str]] = Counter()
    create = botocore.session.Session.create_client

    def counting(self: Any, service: str, region_name: str | None = None, *args: Any, **options: Any) -> Any:
        made[service, str(region_name)] += 1
        return create(self, service, region_name, *args, **options)

    monkeypatch.setattr(botocore.session.Session, "create_client", counting)
    roles = [f"arn:aws:iam::{account}:role/Reader" for account in ACCOUNTS]
    found = kvs.inventory(role_arns=roles, regions=REGIONS[:2], connection=connection)
    found.raise_for_failures()
    assert len(found.coverage) == len(ACCOUNTS) * 2
    expected = {(service, region): 1 for service in SERVICES[:2] for region in REGIONS[:2]}
    assert {key: count for key, count in made.items() if key[0] != "sts"} == expected
