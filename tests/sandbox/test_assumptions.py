"""Each assumption changes what a client observes: the default value compared with another value."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend import account_api, resource_tagging, sts
from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.backend.context import Call, Caller, required_operations
from kvs_notebook.sandbox.backend.faults import Faults
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http.data_plane import DataPlane
from kvs_notebook.sandbox.http.middleware import RequestPipeline
from kvs_notebook.sandbox.http.request_log import RequestLog
from kvs_notebook.sandbox.signaling.relay import Peer, Relay
from tests.sandbox.websocket_peer import CANDIDATE, Recorder, payload, sent_text

OTHER_REGION = Caller("111122223333", "eu-west-1", "KVSB111122223333ABCD")
INVALID, NOT_FOUND, IN_USE, DENIED = (
    "InvalidArgumentException",
    "ResourceNotFoundException",
    "ResourceInUseException",
    "AccessDeniedException",
)


def code(act: Callable[[], Any]) -> str | None:
    """Return the error code of a call; None if it succeeds."""
    try:
        act()
    except ServiceError as error:
        return error.code
    return None


def status_after(seconds: float) -> Callable[[Any], str]:
    def observe(backend: Any) -> str:
        backend("CreateSignalingChannel", ChannelName="a")
        backend.clock.advance(seconds)
        status: str = backend("DescribeSignalingChannel", ChannelName="a")["ChannelInfo"]["ChannelStatus"]
        return status

    return observe


def status_after_update(backend: Any) -> str:
    arn = backend.create()
    backend.update(arn, 90)
    backend.clock.advance(1)
    status: str = backend.info(arn)["ChannelStatus"]
    return status


def code_after_delete(backend: Any) -> str | None:
    arn = backend.create()
    backend.delete(arn)
    backend.clock.advance(2)
    return code(lambda: backend.info(arn))


def stale_view(backend: Any) -> list[Any]:
    """What describe and list show of a fresh channel, then of a fresh update, a second after each."""
    arn = backend("CreateSignalingChannel", ChannelName="a")["ChannelARN"]
    backend.clock.advance(1)
    fresh = [code(lambda: backend.info(arn)), backend.names()]
    backend.clock.advance(9)
    version = backend.info(arn)["Version"]
    backend.update(arn, 90, version)
    backend.clock.advance(1)
    seen = backend.info(arn)
    return [
        *fresh,
        seen["ChannelStatus"],
        seen["SingleMasterConfiguration"]["MessageTtlSeconds"],
        seen["Version"] == version,
    ]


def three_names(backend: Any) -> list[str]:
    for name in ("a", "b", "c", "d"):
        backend.create(name)
    names: list[str] = backend.names()
    return names


def first_page(size: int | None) -> Callable[[Any], int]:
    def observe(backend: Any) -> int:
        three_names(backend)
        return len(backend("ListSignalingChannels", MaxResults=size)["ChannelInfoList"])

    return observe


def mixed_case(backend: Any) -> list[str]:
    for name in ("Door", "door", "d_or"):
        backend.create(name)
    names: list[str] = backend.names(prefix="do")
    return names


def list_with_bad_token(backend: Any) -> str | int:
    three_names(backend)
    return code(lambda: backend("ListSignalingChannels", NextToken="bad")) or len(
        backend("ListSignalingChannels", NextToken="bad")
    )


def text_of_taken_name(backend: Any) -> str:
    backend.create("a")
    with pytest.raises(ServiceError) as raised:
        backend.create("a")
    return raised.value.message


def full_mesh(backend: Any) -> tuple[Any, ...]:
    error_code = code(lambda: backend.create("a", ChannelType="FULL_MESH"))
    if error_code:
        return (error_code,)
    info = backend("DescribeSignalingChannel", ChannelName="a")["ChannelInfo"]
    return info["ChannelType"], info["SingleMasterConfiguration"]


def too_many_tags(backend: Any) -> str | None:
    tags = [{"Key": str(number), "Value": ""} for number in range(51)]
    return code(lambda: backend.create(Tags=tags))


def name_and_arn(backend: Any) -> list[str | None]:
    arn = backend.create("a")
    backend.create("b")
    return [
        code(lambda name=name: backend("DescribeSignalingChannel", ChannelName=name, ChannelARN=arn))
        for name in ("a", "b")
    ]


def old_arn(backend: Any) -> str | None:
    arn = backend.create()
    backend.delete_for_good(arn)
    backend.create()
    return code(lambda: backend.info(arn))


def foreign_arn(backend: Any) -> str | None:
    arn = backend("CreateSignalingChannel", caller=OTHER_REGION, ChannelName="a")["ChannelARN"]
    return code(lambda: backend.info(arn))


def same_ttl(backend: Any) -> bool:
    arn = backend.create()
    version = backend.info(arn)["Version"]
    backend.update(arn, 60)
    same: bool = backend.info(arn)["Version"] == version
    return same


def update_without_ttl(backend: Any) -> str | None:
    arn = backend.create()
    version = backend.info(arn)["Version"]
    return code(lambda: backend("UpdateSignalingChannel", ChannelARN=arn, CurrentVersion=version))


def busy_update(backend: Any) -> list[str | None]:
    arn = backend.create()
    backend.update(arn, 90)
    updating = code(lambda: backend.update(arn, 30))
    backend.clock.advance(1)
    backend.delete(arn)
    return [updating, code(lambda: backend.update(arn, 30))]


def second_delete(backend: Any) -> str | None:
    arn = backend.create()
    backend.delete(arn)
    return code(lambda: backend.delete(arn))


def endpoint_without_role(backend: Any) -> str | list[Any]:
    arn = backend.create()
    return code(lambda: backend("GetSignalingChannelEndpoint", ChannelARN=arn)) or [
        endpoint["ResourceEndpoint"]
        for endpoint in backend("GetSignalingChannelEndpoint", ChannelARN=arn)["ResourceEndpointList"]
    ]


def endpoint_protocols(backend: Any) -> list[str]:
    only_role = {"Role": "VIEWER"}
    reply = backend(
        "GetSignalingChannelEndpoint", ChannelARN=backend.create(), SingleMasterChannelEndpointConfiguration=only_role
    )
    return [endpoint["Protocol"] for endpoint in reply["ResourceEndpointList"]]


def use_while(status: str) -> Callable[[Any], list[str | None]]:
    def observe(backend: Any) -> list[str | None]:
        arn = backend("CreateSignalingChannel", ChannelName="a")["ChannelARN"]
        if status == "DELETING":
            backend.clock.advance(1)
            backend.delete(arn)
        return [
            code(lambda: backend.tag(arn, a="b")),
            code(lambda: backend("UntagResource", ResourceARN=arn, TagKeyList=["a"])),
            code(lambda: backend.endpoints(arn)),
            code(lambda: backend.tags(arn)),
        ]

    return observe


def tag_twice(backend: Any) -> str | dict[str, str] | None:
    arn = backend.create()
    tags = [{"Key": "a", "Value": "first"}, {"Key": "a", "Value": "last"}]
    return code(lambda: backend("TagResource", ResourceARN=arn, Tags=tags)) or backend.tags(arn)


def reserved_key(backend: Any) -> str | None:
    arn = backend.create()
    return code(lambda: backend.tag(arn, **{"aws:x": "y"}))


def version_after_tagging(backend: Any) -> bool:
    arn = backend.create()
    version = backend.info(arn)["Version"]
    backend.tag(arn, a="b")
    tagged = backend.info(arn)["Version"]
    backend("UntagResource", ResourceARN=arn, TagKeyList=["a"])
    same: bool = version == tagged == backend.info(arn)["Version"]
    return same


def untagged(backend: Any) -> dict[str, Any]:
    reply: dict[str, Any] = backend("ListTagsForResource", ResourceARN=backend.create())
    return reply


def burst(backend: Any) -> int:
    quotas = RateLimits(backend.service.assumptions, lambda: 0.0)
    passed = 0
    while code(lambda: quotas.count_request(backend.caller, "ListSignalingChannels", None)) is None:
        passed += 1
    return passed


def tagged_create(backend: Any) -> list[str]:
    create, assumptions = "CreateSignalingChannel", backend.service.assumptions
    assert required_operations(create, {"ChannelName": "a", "Tags": []}, assumptions) == (create,)
    return list(
        required_operations(create, {"ChannelName": "a", "Tags": [{"Key": "Site", "Value": "hq"}]}, assumptions)
    )


# --- the data plane


def relayed(script: Callable[[Any, Callable[[str], Any], Relay], Any]) -> Callable[[Any], Any]:
    """Run a script of peers with a relay: ``script(backend, connect, relay)`` returns what they see."""

    def observe(backend: Any) -> Any:
        arn = backend.create()

        async def play() -> Any:
            relay = Relay(backend.service, RateLimits(backend.service.assumptions, enabled=False))

            def connect(client_id: str) -> tuple[Peer, Recorder]:
                call = Call(backend.service, backend.caller, "ConnectAsViewer", {})
                relay.check_viewer_limit(arn, client_id)
                recorder = Recorder()
                peer = Peer(call, call.usable(arn), client_id, recorder)
                relay.connect(peer)
                return peer, recorder

            try:
                seen = await script(backend, connect, relay)
            finally:
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()
            return seen

        return asyncio.run(play())

    return observe


async def run_pending_tasks() -> None:
    """Run every task until it is idle."""
    for _ in range(60):
        await asyncio.sleep(0)


def frame(text: str, kind: str = CANDIDATE) -> str:
    return json.dumps({"action": kind, "messagePayload": payload(text), "recipientClientId": "b", "correlationId": "x"})


async def first_of_two_masters(backend: Any, connect: Any, relay: Relay) -> bool:
    _, first = connect("")
    connect("")
    await run_pending_tasks()
    return first.open


async def eleventh_after_a_broken_one(backend: Any, connect: Any, relay: Relay) -> str | None:
    peers = [connect(f"v{number}")[0] for number in range(10)]
    relay.disconnect(peers[0], cleanly=False)
    return code(lambda: connect("one-more"))


async def response_for_absent_viewer(backend: Any, connect: Any, relay: Relay) -> str | None:
    peer, master = connect("")
    await relay.receive(peer, frame("hello"))
    return master.got[0]["statusResponse"]["errorType"] if master.got else None


async def candidates_after_a_broken_master(backend: Any, connect: Any, relay: Relay) -> list[str]:
    """Return the candidates that a MASTER receives of those sent before and after it broke off, and after the time has passed."""
    viewer, _ = connect("a")
    broken, _ = connect("")
    relay.disconnect(broken, cleanly=False)
    await relay.receive(viewer, frame("at once"))
    backend.clock.advance(31)
    await relay.receive(viewer, frame("later"))
    _, again = connect("")
    await run_pending_tasks()
    return [sent_text(each)[1] for each in again.got]


async def two_candidates_by_a_broken_master(backend: Any, connect: Any, relay: Relay) -> list[str]:
    viewer, _ = connect("a")
    broken, _ = connect("")
    relay.disconnect(broken, cleanly=False)
    await relay.receive(viewer, frame("lost"))
    _, again = connect("")
    await relay.receive(viewer, frame("kept"))
    await run_pending_tasks()
    return [sent_text(each)[1] for each in again.got]


async def empty_and_other_frames(backend: Any, connect: Any, relay: Relay) -> list[bool]:
    viewer, _ = connect("a")
    _, master = connect("")
    await run_pending_tasks()
    await relay.receive(viewer, frame("1"))
    return [bool(each) for each in master.got]


async def long_payload(backend: Any, connect: Any, relay: Relay) -> str | None:
    viewer, recorder = connect("a")
    await relay.receive(
        viewer, json.dumps({"action": "SDP_OFFER", "messagePayload": "A" * 13_016, "correlationId": "1"})
    )
    return recorder.got[0]["statusResponse"]["errorType"] if recorder.got else None


def codes_of_constraints(backend: Any) -> list[str | None]:
    arn = backend.create()
    return [
        code(lambda: backend("CreateSignalingChannel", ChannelName="a b")),
        code(lambda: backend("ListSignalingChannels", MaxResults=0)),
        code(lambda: backend("UpdateSignalingChannel", ChannelARN=arn)),
        code(lambda: backend("DescribeSignalingChannel")),  # not of the model: the rule of another assumption
    ]


def ice_server_counts(backend: Any) -> list[int]:
    assumed = backend.service.assumptions
    limits = RateLimits(assumed)
    pipeline = RequestPipeline(AccessKeys(b"secret"), limits, Faults(), RequestLog(), assumed)
    plane = DataPlane(backend.service, pipeline, Relay(backend.service, limits))
    first, second = backend.create("a"), backend.create("b")
    return [len(plane._ice_servers(arn)) for arn in (first, first, second, first)]


async def two_queued_candidates(backend: Any, connect: Any, relay: Relay) -> list[str]:
    peer, _ = connect("a")
    for text in ("1", "2"):
        await relay.receive(peer, frame(text))
    _, master = connect("")
    await run_pending_tasks()
    return [sent_text(each)[1] for each in master.got]


async def three_queued_messages(backend: Any, connect: Any, relay: Relay) -> int:
    peer, viewer = connect("a")
    for text in ("1", "2", "3"):
        await relay.receive(peer, frame(text))
    return len(viewer.got)


async def after_malformed_frame(backend: Any, connect: Any, relay: Relay) -> tuple[bool, int]:
    peer, viewer = connect("a")
    await relay.receive(peer, "no JSON")
    return viewer.open, viewer.code


def after(*seconds: float) -> Callable[..., Any]:
    """Wait in steps, with a message before each but the last; return what the viewer got, and whether it is open."""

    async def script(backend: Any, connect: Any, relay: Relay) -> tuple[list[str], bool]:
        peer, viewer = connect("a")
        for number, step in enumerate(seconds):
            if number:
                peer.mark_active()
            backend.clock.advance(step)
            relay.check_deadlines()
            await run_pending_tasks()
        return [each["messageType"] for each in viewer.got], viewer.open

    return script


def in_another_region(backend: Any) -> list[str]:
    listed = account_api.list_regions("us-east-1", backend.service.assumptions.disabled_regions)["Regions"]
    return [each["RegionName"] for each in listed if each["RegionOptStatus"] == "DISABLED"]


def tagged_in_bulk(backend: Any) -> int:
    backend("CreateSignalingChannel", ChannelName="a", Tags=[{"Key": "Site", "Value": "hq"}])
    found = resource_tagging.get_resources(
        backend.service, backend.caller, {"ResourceTypeFilters": ["kinesisvideo:channel"]}
    )
    return len(found["ResourceTagMappingList"])


def assumed_role(backend: Any) -> str | None:
    form = {"RoleArn": "arn:aws:iam::444455556666:role/Reader", "RoleSessionName": "kvs-notebook"}
    external_id = backend.service.assumptions.role_external_id
    return code(lambda: sts.perform("AssumeRole", form, backend.caller, AccessKeys(b"secret"), external_id))


ROWS: list[tuple[str, Any, Callable[[Any], Any], Any, Any]] = [
    # field, another value, what a client sees, by default, with the other value
    ("creating_seconds", 3, status_after(1), "ACTIVE", "CREATING"),
    ("creating_seconds", 0, status_after(0), "CREATING", "ACTIVE"),
    ("updating_seconds", 3, status_after_update, "ACTIVE", "UPDATING"),
    ("deleting_seconds", 3, code_after_delete, NOT_FOUND, None),
    ("stale_seconds", 3, stale_view, [None, ["a"], "ACTIVE", 90, False], [NOT_FOUND, [], "ACTIVE", 60, True]),
    ("default_page_size", 3, first_page(None), 4, 3),
    ("max_page_size", 2, first_page(3), 3, 2),
    ("list_order", "shuffled", three_names, ["a", "b", "c", "d"], ["c", "b", "d", "a"]),
    ("empty_first_page", True, first_page(3), 3, 0),
    ("empty_first_page", True, three_names, ["a", "b", "c", "d"], ["a", "b", "c", "d"]),
    ("prefix_case", "insensitive", mixed_case, ["door"], ["Door", "door"]),
    ("malformed_token", "first_page", list_with_bad_token, INVALID, 2),
    ("name_taken_text", "{name} is in use.", text_of_taken_name, "The channel a already exists.", "a is in use."),
    ("full_mesh", "accept", full_mesh, (INVALID,), ("FULL_MESH", None)),
    (
        "tagged_create",
        "as_any_create",
        tagged_create,
        ["CreateSignalingChannel", "TagResource"],
        ["CreateSignalingChannel"],
    ),
    ("too_many_tags_on_create", "tags_exceeded", too_many_tags, INVALID, "TagsPerResourceExceededLimitException"),
    (
        "describe_without_channel",
        "not_found",
        lambda backend: code(lambda: backend("DescribeSignalingChannel")),
        INVALID,
        NOT_FOUND,
    ),
    ("name_and_arn", "arn_wins", name_and_arn, [None, INVALID], [None, None]),
    ("name_and_arn", "refuse", name_and_arn, [None, INVALID], [INVALID, INVALID]),
    ("old_arn", "finds_namesake", old_arn, NOT_FOUND, None),
    ("constraint_error", "validation", codes_of_constraints, [INVALID] * 4, ["ValidationException"] * 3 + [INVALID]),
    ("ice_server_count", "one", ice_server_counts, [2, 1, 2, 2], [1] * 4),
    ("ice_server_count", "two", ice_server_counts, [2, 1, 2, 2], [2] * 4),
    ("foreign_arn", "not_found", foreign_arn, DENIED, NOT_FOUND),
    ("same_ttl_update", "no_change", same_ttl, False, True),
    ("update_without_ttl", "no_change", update_without_ttl, INVALID, None),
    ("busy_update", "not_found", busy_update, [IN_USE, IN_USE], [NOT_FOUND, NOT_FOUND]),
    ("second_delete", "not_found", second_delete, IN_USE, NOT_FOUND),
    (
        "endpoint_without_role",
        "viewer",
        endpoint_without_role,
        INVALID,
        ["https://127.0.0.1:4433", "wss://127.0.0.1:4433/v"],
    ),
    ("endpoint_protocols", ("WSS",), endpoint_protocols, ["HTTPS", "WSS"], ["WSS"]),
    ("use_while_changing", "in_use", use_while("CREATING"), [None] * 4, [IN_USE] * 3 + [None]),
    ("use_while_changing", "not_found", use_while("CREATING"), [None] * 4, [NOT_FOUND] * 3 + [None]),
    ("use_while_deleting", "in_use", use_while("DELETING"), [NOT_FOUND] * 3 + [None], [IN_USE] * 3 + [None]),
    ("use_while_deleting", "accept", use_while("DELETING"), [NOT_FOUND] * 3 + [None], [None] * 4),
    ("duplicate_tag_keys", "last_wins", tag_twice, INVALID, {"a": "last"}),
    ("reserved_tag_key", "access_denied", reserved_key, INVALID, DENIED),
    ("tagging_changes_version", True, version_after_tagging, True, False),
    ("tagging_api", "finds_none", tagged_in_bulk, 1, 0),
    ("empty_tags", "null", untagged, {"Tags": {}, "NextToken": None}, {"Tags": None, "NextToken": None}),
    ("empty_tags", "absent", untagged, {"Tags": {}, "NextToken": None}, {"NextToken": None}),
    ("quota_burst", 7, burst, 50, 7),
    ("disabled_regions", ("eu-west-1",), in_another_region, [], ["eu-west-1"]),
    ("role_external_id", "our-contract", assumed_role, None, "AccessDenied"),
    ("displaced_peer", "closed", relayed(first_of_two_masters), True, False),
    ("lingering_viewer_seconds", 60, relayed(eleventh_after_a_broken_one), None, "ClientLimitExceededException"),
    ("absent_viewer", "not_found", relayed(response_for_absent_viewer), None, NOT_FOUND),
    ("queued_candidates", "latest", relayed(two_queued_candidates), ["1", "2"], ["2"]),
    ("queued_messages", 2, relayed(three_queued_messages), 0, 1),
    ("stale_master_seconds", 30, relayed(candidates_after_a_broken_master), ["at once", "later"], ["later"]),
    ("stale_master_seconds", 30, relayed(two_candidates_by_a_broken_master), ["lost", "kept"], ["kept"]),
    ("empty_frames", True, relayed(empty_and_other_frames), [True], [False, False, True]),
    ("payload_limit", 13_016, relayed(long_payload), INVALID, None),
    ("malformed_frame", "ignore", relayed(after_malformed_frame), (False, 1007), (True, 0)),
    ("idle_seconds", 60, relayed(after(61)), ([], True), ([], False)),
    ("max_connection_seconds", 60, relayed(after(61)), ([], True), (["GO_AWAY"], True)),
    ("go_away_seconds", 30, relayed(after(*[599] * 7, 31)), (["GO_AWAY"], True), (["GO_AWAY"], False)),
]


@pytest.mark.parametrize(
    ("field", "value", "observe", "by_default", "otherwise"),
    [pytest.param(*row, id=f"{row[0]}={row[1]}") for row in ROWS],
)
def test_assumption_changes_what_a_client_sees(open_backend, field, value, observe, by_default, otherwise):
    with open_backend() as backend:
        assert observe(backend) == by_default
    with open_backend(**{field: value}) as backend:
        assert observe(backend) == otherwise


def test_every_field_is_tested():
    assert {field.name for field in fields(Assumptions)} == {row[0] for row in ROWS}


def test_every_field_is_documented():
    assert [field.name for field in fields(Assumptions) if field.name not in (Assumptions.__doc__ or "")] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_mesh", "maybe"),
        ("empty_tags", None),
        ("creating_seconds", -1),
        ("default_page_size", 0),
        ("max_page_size", -1),
        ("quota_burst", 0.5),
    ],
)
def test_invalid_assumption_is_rejected(field, value):
    with pytest.raises(InvalidInput):
        Assumptions(**{field: value})


EXTREMES: tuple[Any, ...] = (
    *(math.nan, math.inf, -math.inf, -1, 0, 0.5, 1, 1e9, 1e300, 2**63, 10**400, True, None),
    *("", "x", "\ud800", b"x", (), ("x",), (7,), [], {}),
)  # fmt: skip


@pytest.mark.parametrize("field", [field.name for field in fields(Assumptions)])
def test_extreme_value_is_rejected_or_leaves_requests_working(open_backend, field):
    accepted = 0
    for value in EXTREMES:
        try:
            Assumptions(**{field: value})
        except InvalidInput:
            continue
        accepted += 1
        with open_backend(**{field: value}) as backend:
            backend("CreateSignalingChannel", ChannelName="a")
            backend("ListSignalingChannels")
            backend("ListSignalingChannels", MaxResults=1)
            code(lambda backend=backend: backend("DescribeSignalingChannel", ChannelName="a"))
            backend.service.purge()
    assert accepted < len(EXTREMES)


def test_assumptions_do_not_change_under_a_running_service():
    with pytest.raises(FrozenInstanceError):
        Assumptions().full_mesh = "accept"  # type: ignore[misc]
