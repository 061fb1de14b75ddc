"""A mutated reply leads to an error of the package or to a valid frame, and a reply about another channel to an error."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.channels.tag_reader import read_tags_in_bulk
from kvs_notebook.dataframes.builders import ice_frame
from kvs_notebook.dataframes.schemas import CHANNELS, ENDPOINTS, ICE_SERVERS, TAGS
from kvs_notebook.fleet.region_selection import regions_of_account
from tests.aws.calls import CALLS, OVER_HTTP, ask_for_ice_servers
from tests.aws.fake_service import ACCOUNT, ARN, INFO, REGION, FakeService, dump

Use = Callable[[kvs.Connection], Any]


USES: dict[str, list[Use]] = {
    "ListSignalingChannels": [lambda at: kvs.list_channels(connection=at)],
    "DescribeSignalingChannel": [
        lambda at: kvs.describe_channel("gate", connection=at),
        lambda at: kvs.delete_channel(ARN, connection=at),
    ],
    "CreateSignalingChannel": [lambda at: kvs.create_channel("gate", wait=False, connection=at)],
    "UpdateSignalingChannel": [lambda at: kvs.update_channel(ARN, message_ttl_seconds=90, wait=False, connection=at)],
    "DeleteSignalingChannel": [lambda at: kvs.delete_channel(ARN, connection=at)],
    "TagResource": [lambda at: kvs.tag_channel(ARN, {"Site": "hq"}, connection=at)],
    "UntagResource": [lambda at: kvs.untag_channel(ARN, ["Site"], connection=at)],
    "ListTagsForResource": [lambda at: kvs.list_tags(ARN, connection=at)],
    "GetSignalingChannelEndpoint": [
        lambda at: kvs.get_endpoints(ARN, connection=at),
        lambda at: kvs.sign_url(ARN, client_id="tablet", connection=at),
    ],
    "GetIceServerConfig": [lambda at: ice_frame(ARN, ask_for_ice_servers(at)["IceServerList"])],
    "GetResources": [read_tags_in_bulk],
    "ListRegions": [lambda at: regions_of_account("all", at)],
    "GetCallerIdentity": [lambda at: at.replace(session=at.config.session).identity()],
    "ListAccountAliases": [lambda at: at.replace(session=at.config.session).account_alias()],
}

OTHERS: dict[str, Any] = {
    "null": None,
    "number": 7,
    "huge number": 2**70,
    "fraction": 1.5,
    "far date": 1e15,
    "date beyond floats": 10**400,
    "date before 1970": -1e12,
    "text": "yesterday",
    "no text": "",
    "long text": "x" * 2_000,
    "lone surrogate": "\ud800",
    "control characters": "\x1b[31m\x00",
    "list": [],
    "list of null": [None],
    "object": {},
}


@pytest.fixture
def connection(served: kvs.Connection) -> kvs.Connection:
    """Return the connection to the service that a test sets the replies of."""
    return served


def paths(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each member and item of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


def mutations(reply: Any) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the body of each mutation of a reply."""
    for path in paths(reply):
        for name, other in {"dropped": ..., **OTHERS}.items():
            changed = copy.deepcopy(reply)
            place = changed
            for key in path[:-1]:
                place = place[key]
            if other is ...:
                del place[path[-1]]
            else:
                place[path[-1]] = other
            yield f"{'.'.join(map(str, path))} {name}", dump(changed)
    for name, other in OTHERS.items():
        yield f"as a whole {name}", dump(other)
    body = dump(reply)
    for name, changed in {
        "cut": body[:-1],
        "trailing garbage": body + b"garbage}",
        "twice": body + body,
        "not UTF-8": body[:-1] + b'"\xff":"\xff"}',
        "empty": b"",
        "nested": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    }.items():
        yield f"as a whole {name}", changed


WITHOUT_CHANNELS = {f"ChannelInfoList {how}" for how in ("dropped", "null", "list")} | {
    "ChannelInfoList.0 dropped",
    "as a whole object",
}
"""Mutations after which the service says that there are no channels: it may leave an empty list out."""


def mutations_of_xml(reply: str) -> Iterator[tuple[str, bytes]]:
    """Yield the mutations of a reply of STS or IAM."""
    changes = {
        "": "no reply",
        ACCOUNT: "444455556666",
        f"<Account>{ACCOUNT}</Account>": "",
        f">{ACCOUNT}<": "><",
        f">{ACCOUNT}</": "><a>1</a></",
        "<UserId>AIDAX</UserId>": "",
        "</Arn>": "",
        "user/me": "\x00",
        "arn:aws:iam::111122223333:user/me": "me",
        "</GetCallerIdentityResponse>": "",
        "</GetCallerIdentityResult>": "</GetCallerIdentityResult>&undefined;",
        "<member>": "<other>",
        "<member>acme-prod</member>": "acme-prod<member/>",
        "acme-prod": "<a>1</a>",
    }
    for old, new in changes.items():
        if old in reply:
            yield f"{old} -> {new}", (reply.replace(old, new) if old else new).encode()


def problem_of(result: Any) -> str | None:
    """Return what is wrong with what a public function returned, None if nothing is."""
    if not isinstance(result, pd.DataFrame):
        return None
    dtypes = result.dtypes.astype(str).to_dict()
    if dtypes not in [dict(schema) for schema in (CHANNELS, TAGS, ENDPOINTS, ICE_SERVERS)]:
        return f"dtypes {dtypes}"
    if result.drop(columns="message_ttl_seconds", errors="ignore").isna().any(axis=None):
        return f"missing values {result.to_dict('records')}"
    return None


def failures_of(service: FakeService, connection: kvs.Connection, operation: str, body: bytes) -> Iterator[str]:
    """Yield what is neither an error of the package nor a valid result, for each use of an operation's reply."""
    service.replies[operation] = body
    for number, use in enumerate(USES[operation]):
        try:
            problem = problem_of(use(connection))
        except errors.KVSError as error:
            problem = None if str(error).isprintable() else f"message {error}"
        except Exception as error:  # noqa: BLE001 - what the test looks for
            problem = f"{type(error).__name__}: {error}"
        if problem is not None:
            yield f"use {number}: {problem[:150]}"


@pytest.mark.draw(3)
@pytest.mark.parametrize("operation", USES)
def test_mutated_reply_is_an_error_or_a_valid_frame(service, connection, operation, monkeypatch):
    monkeypatch.setattr("kvs_notebook.channels.waiters.SECONDS_BETWEEN_DESCRIBES", 0)
    valid = service.replies[operation]
    mutated = list(mutations(valid) if isinstance(valid, dict) else mutations_of_xml(valid))
    wrong = [
        f"{name}: {failure}" for name, body in mutated for failure in failures_of(service, connection, operation, body)
    ]
    assert wrong == []


def test_every_operation_over_http_is_tried():
    """The replies of AssumeRole are those of tests/fleet/test_units.py."""
    assert set(USES) == set(CALLS) == OVER_HTTP


ERROR_BODIES = [
    *(dump(other) for other in OTHERS.values()),
    *(dump({member: other}) for member in ("__type", "code", "message", "Message") for other in OTHERS.values()),
    b"\xff\xfe",
    b'{"message": "\xff"}',
]


# One operation of each service: botocore has one parser of errors for each protocol.
OF_EACH_SERVICE: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "kinesisvideo": ("kinesisvideo", "TagResource", {"ResourceARN": ARN, "Tags": [{"Key": "Site", "Value": "hq"}]}),
    "tagging": ("resourcegroupstaggingapi", "GetResources", {}),
    "account": ("account", "ListRegions", {}),
}


@pytest.mark.parametrize("called", OF_EACH_SERVICE)
def test_mutated_error_is_an_error_of_the_package(service, connection, called):
    client, operation, params = OF_EACH_SERVICE[called]
    service.status = 400
    for body in ERROR_BODIES:
        service.replies[operation] = body
        with pytest.raises(errors.KVSError):
            connection.call(operation, params, client=connection.client(client))


ERRORS_OF_STS = ["<Error>", "<Error>text</Error>", "<a><Error>1</Error><Error>2</Error></a>", "<Error/>", "<Error>\x00"]


@pytest.mark.parametrize("body", ERRORS_OF_STS)
def test_mutated_error_of_sts_is_an_error_of_the_package(service, connection, body):
    service.status, service.replies["GetCallerIdentity"] = 403, body
    with pytest.raises(errors.KVSError):
        connection.replace(session=connection.config.session).identity()


# --- about another channel

OTHER_SUBJECTS = {
    "name": ("precious", ARN.replace("gate", "precious")),
    "name beside the ARN": ("precious", ARN),
    "name in the ARN": ("gate", ARN.replace("gate", "precious")),
    "account": ("gate", ARN.replace(ACCOUNT, "999900001111")),
    "region": ("gate", ARN.replace(REGION, "eu-west-1")),
    "resource": ("gate", ARN.replace("channel/", "stream/")),
    "service": ("gate", ARN.replace("kinesisvideo", "s3")),
}
CHANGES: dict[str, Use] = {
    "update": lambda at: kvs.update_channel("gate", message_ttl_seconds=90, connection=at),
    "delete": lambda at: kvs.delete_channel("gate", connection=at),
    "tag": lambda at: kvs.tag_channel("gate", {"Site": "hq"}, connection=at),
    "untag": lambda at: kvs.untag_channel("gate", ["Site"], connection=at),
    "list tags": lambda at: kvs.list_tags("gate", connection=at),
    "endpoints": lambda at: kvs.get_endpoints("gate", connection=at),
    "ICE servers": lambda at: kvs.get_ice_servers("gate", connection=at),
    "sign": lambda at: kvs.sign_url("gate", client_id="tablet", connection=at),
    "wait": lambda at: kvs.wait_for_channel("gate", connection=at),
    "watch": lambda at: [*kvs.watch_channel("gate", connection=at)],
    "describe": lambda at: kvs.describe_channel("gate", connection=at),
}


@pytest.mark.parametrize("change", CHANGES)
def test_reply_about_another_channel_sends_nothing_more(service, connection, change):
    for name, arn in OTHER_SUBJECTS.values():
        service.reset()
        service.replies["DescribeSignalingChannel"] = {"ChannelInfo": INFO | {"ChannelName": name, "ChannelARN": arn}}
        with pytest.raises(errors.ServiceFault, match="DescribeSignalingChannel failed: the reply"):
            CHANGES[change](connection)
        assert service.operations() == ["DescribeSignalingChannel"]


@pytest.mark.parametrize("other", [each for each in OTHER_SUBJECTS if each != "name"])
def test_list_with_another_account_or_region_is_refused(service, connection, other):
    name, arn = OTHER_SUBJECTS[other]
    service.replies["ListSignalingChannels"] = {
        "ChannelInfoList": [INFO, INFO | {"ChannelName": name, "ChannelARN": arn}]
    }
    with pytest.raises(errors.ServiceFault, match="ListSignalingChannels failed: the reply"):
        kvs.list_channels(connection=connection)


@pytest.mark.parametrize("other", ["", {}, 0, False], ids=repr)
def test_empty_value_is_not_an_empty_list(service, connection, other):
    service.replies["ListSignalingChannels"] = {"ChannelInfoList": other}
    service.replies["GetResources"] = {"ResourceTagMappingList": other}
    for read in (lambda: kvs.list_channels(connection=connection), lambda: read_tags_in_bulk(connection)):
        with pytest.raises(errors.ServiceFault, match="not a list"):
            read()


@pytest.mark.parametrize("other", ["name in the ARN", "account", "region"])
def test_create_that_names_another_channel_is_outcome_unknown(service, connection, other):
    service.replies["CreateSignalingChannel"] = {"ChannelARN": OTHER_SUBJECTS[other][1]}
    service.replies["DescribeSignalingChannel"] = b"{}"
    with pytest.raises(errors.OutcomeUnknown, match="CreateSignalingChannel was sent for gate"):
        kvs.create_channel("gate", connection=connection)


def test_bulk_tags_of_another_account_are_refused(service, connection):
    service.replies["GetResources"]["ResourceTagMappingList"][0]["ResourceARN"] = OTHER_SUBJECTS["account"][1]
    with pytest.raises(errors.ServiceFault, match="not in this account and region"):
        read_tags_in_bulk(connection)


def test_list_of_several_accounts_is_rejected_at_once(service):
    connection = service.connect()
    name, arn = OTHER_SUBJECTS["account"]
    service.replies["ListSignalingChannels"] = {
        "ChannelInfoList": [INFO, INFO | {"ChannelName": name, "ChannelARN": arn}]
    }
    with pytest.raises(errors.ServiceFault, match="channels of several accounts"):
        kvs.list_channels(connection=connection)
    connection.close_clients()


def test_change_asks_for_the_account_before_it_reads(service):
    connection = service.connect()
    service.replies["DescribeSignalingChannel"] = {"ChannelInfo": INFO | {"ChannelARN": OTHER_SUBJECTS["account"][1]}}
    with pytest.raises(errors.ServiceFault, match="account 999900001111"):
        kvs.delete_channel("gate", connection=connection)
    assert service.operations() == ["GetCallerIdentity", "DescribeSignalingChannel"]
    connection.close_clients()


def test_delete_by_old_arn_spares_new_channel(service, connection):
    service.replies["DescribeSignalingChannel"] = {"ChannelInfo": INFO | {"ChannelARN": ARN + "9"}}
    with pytest.raises(errors.ChannelNotFound, match="another channel has that name now"):
        kvs.delete_channel(ARN, connection=connection)
    assert service.operations() == ["DescribeSignalingChannel"]


def test_nulls_and_unknown_members_are_accepted(service, connection):
    info = INFO | {"FullMeshConfiguration": None, "SingleMasterConfiguration": None, "New": {"a": [1]}}
    service.replies |= {
        "ListSignalingChannels": {"ChannelInfoList": [info], "NextToken": None, "New": 1},
        "DescribeSignalingChannel": {"ChannelInfo": info, "New": json.loads("[1]")},
    }
    with warnings.catch_warnings(action="error"):
        listed = kvs.list_channels(connection=connection)
    pd.testing.assert_frame_equal(listed, kvs.describe_channel("gate", connection=connection))
    assert listed["message_ttl_seconds"].isna().all()
    service.replies["ListSignalingChannels"] = {"ChannelInfoList": None}
    assert kvs.list_channels(connection=connection).empty
