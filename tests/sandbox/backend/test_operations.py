from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.service_model import service_model
from kvs_notebook.sandbox.backend.context import Caller, access_denied
from kvs_notebook.sandbox.backend.operations import channel_of
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.clock import STEPPED_START, SteppedClock

OTHER_REGION = Caller("111122223333", "eu-west-1", "KVSB111122223333ABCD")
OTHER_ACCOUNT = Caller("444455556666", "us-east-1", "KVSB444455556666ABCD")
NEVER = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/never/1767603600000"
MANY_TAGS = {f"key-{number:02}": str(number) for number in range(51)}


@contextmanager
def refused(code: str, message: str | None = None) -> Iterator[None]:
    with pytest.raises(ServiceError, match=message) as error:
        yield
    assert error.value.code == code


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


# --- create


def test_created_channel_has_the_services_defaults(backend):
    arn = backend.create("front-door")
    assert backend.info(arn) == {
        "ChannelName": "front-door",
        "ChannelARN": "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000",
        "ChannelType": "SINGLE_MASTER",
        "ChannelStatus": "ACTIVE",
        "CreationTime": 1767603600.0,
        "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
        "FullMeshConfiguration": None,
        "Version": "Xg85XX4QHIiUVMGBXxts",
    }
    assert backend.tags(arn) == {}


def test_created_channel_has_the_requested_values(backend):
    arn = backend.create(
        "front-door", SingleMasterConfiguration={"MessageTtlSeconds": 5}, Tags=pairs({"Site": "hq", "b": ""})
    )
    assert backend.info(arn)["SingleMasterConfiguration"] == {"MessageTtlSeconds": 5}
    assert backend.tags(arn) == {"Site": "hq", "b": ""}


def test_null_members_take_the_defaults(backend):
    arn = backend.create(
        "front-door", ChannelType=None, Tags=None, SingleMasterConfiguration={"MessageTtlSeconds": None}
    )
    assert backend.info(arn)["SingleMasterConfiguration"] == {"MessageTtlSeconds": 60}


def test_channel_is_creating_and_then_active(backend):
    arn = backend("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"]
    assert backend.info(arn)["ChannelStatus"] == "CREATING"
    backend.clock.advance(0.999)
    assert backend.info(arn)["ChannelStatus"] == "CREATING"
    backend.clock.advance(0.001)
    assert backend.info(arn)["ChannelStatus"] == "ACTIVE"


@given(st.integers(0, 4_102_444_800_000))
def test_arn_ends_in_exactly_the_creation_time(open_backend, epoch_ms):
    with open_backend() as backend:
        backend.clock._now = STEPPED_START.fromtimestamp(0, STEPPED_START.tzinfo)
        backend.clock.advance(epoch_ms / 1000)
        arn = backend.create()
        assert ChannelArn.parse(arn).created_ms == round(backend.info(arn)["CreationTime"] * 1000)


def test_taken_name_is_rejected_even_for_the_same_request(backend):
    backend("CreateSignalingChannel", ChannelName="front-door")
    for _ in ("CREATING", "ACTIVE"):
        with refused("ResourceInUseException", "front-door already exists"):
            backend("CreateSignalingChannel", ChannelName="front-door")
        backend.clock.advance(1)


def test_name_is_free_when_its_channel_is_deleted(backend):
    first = backend.create(Tags=pairs({"Site": "hq"}))
    backend.delete(first)
    backend.clock.advance(1.999)
    with refused("ResourceInUseException"):
        backend.create()
    backend.clock.advance(0.001)
    second = backend.create()
    assert second != first
    assert backend.tags(second) == {}
    with refused("ResourceNotFoundException"):
        backend.info(first)


def test_names_are_case_sensitive_and_unique_per_account_and_region(backend):
    backend.create("front-door")
    backend.create("Front-Door")
    for other in (OTHER_REGION, OTHER_ACCOUNT):
        arn = backend("CreateSignalingChannel", caller=other, ChannelName="front-door")["ChannelARN"]
        assert f":{other.region}:{other.account_id}:" in arn
    assert backend.names() == ["Front-Door", "front-door"]


def test_two_creations_of_one_name_never_share_an_arn(open_backend):
    with open_backend(creating_seconds=0, deleting_seconds=0) as backend:
        arns = []
        for _ in range(5):
            arns.append(backend("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"])
            backend.delete(arns[-1])
        assert len(set(arns)) == 5


def test_channel_quota_counts_one_account_in_one_region(open_backend):
    with open_backend(channel_quota=lambda _: 2) as backend:
        doomed = backend.create("a")
        backend.create("b")
        backend("CreateSignalingChannel", caller=OTHER_REGION, ChannelName="c")
        with refused("AccountChannelLimitExceededException", "2 channels in us-east-1"):
            backend.create("c")
        with refused("ResourceInUseException"):
            backend.create("b")
        backend.delete_for_good(doomed)
        backend.create("c")


def test_full_mesh_is_rejected(backend):
    with refused("InvalidArgumentException", "FULL_MESH is not supported"):
        backend.create(ChannelType="FULL_MESH")


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (pairs({"aws:cloudformation:stack-name": "x"}), "the prefix aws: is reserved"),
        (pairs({"AWS:x": "x"}), "the prefix aws: is reserved"),
        (pairs({"a": "1"}) * 2, "Tag key 'a' is given more than once"),
        (pairs(MANY_TAGS), "Tags has 51 members"),
    ],
)
def test_create_with_invalid_tags_changes_nothing(backend, tags, message):
    with refused("InvalidArgumentException", message):
        backend.create("front-door", Tags=tags)
    assert backend.names() == []


def test_fifty_tags_can_be_given_at_once(backend):
    tags = dict(list(MANY_TAGS.items())[:50])
    assert backend.tags(backend.create(Tags=pairs(tags))) == tags


# --- describe


def test_describe_finds_by_name_by_arn_and_by_both(backend):
    arn = backend.create("front-door")
    by_arn = backend("DescribeSignalingChannel", ChannelARN=arn)
    assert backend("DescribeSignalingChannel", ChannelName="front-door") == by_arn
    assert backend("DescribeSignalingChannel", ChannelName="front-door", ChannelARN=arn) == by_arn


def test_describe_rejects_no_channel_and_two_channels(backend):
    arn = backend.create("front-door")
    backend.create("back-door")
    with refused("InvalidArgumentException", "Neither"):
        backend("DescribeSignalingChannel")
    with refused("InvalidArgumentException", "name different channels"):
        backend("DescribeSignalingChannel", ChannelName="back-door", ChannelARN=arn)


ON_AN_ARN: dict[str, dict[str, Any]] = {
    "DescribeSignalingChannel": {},
    "UpdateSignalingChannel": {"CurrentVersion": "V1", "SingleMasterConfiguration": {"MessageTtlSeconds": 5}},
    "DeleteSignalingChannel": {},
    "GetSignalingChannelEndpoint": {"SingleMasterChannelEndpointConfiguration": {"Role": "MASTER"}},
    "TagResource": {"Tags": pairs({"a": "b"})},
    "UntagResource": {"TagKeyList": ["a"]},
    "ListTagsForResource": {},
}


def on(backend: Any, operation: str, arn: str) -> dict[str, Any]:
    member = "ResourceARN" if "Resource" in operation else "ChannelARN"
    reply: dict[str, Any] = backend(operation, **{member: arn, **ON_AN_ARN[operation]})
    return reply


@pytest.mark.parametrize("operation", ON_AN_ARN)
def test_unknown_channel_is_not_found(backend, operation):
    arn = backend.create()
    created = arn.rpartition("/")[2]
    another_moment = arn.replace(created, str(int(created) + 1))
    for nothing in (NEVER, another_moment, arn.replace(created, f"0{created}"), arn.replace("arn:aws:", "arn:aws-cn:")):
        with refused(
            "ResourceNotFoundException",
            "^ResourceNotFoundException: The requested channel is not found or not active.$",
        ):
            on(backend, operation, nothing)


@pytest.mark.parametrize("operation", ON_AN_ARN)
def test_deleted_channel_is_not_found(backend, operation):
    arn = backend.create()
    backend.delete_for_good(arn)
    with refused("ResourceNotFoundException"):
        on(backend, operation, arn)


@pytest.mark.parametrize("operation", ON_AN_ARN)
@pytest.mark.parametrize("owner", [OTHER_REGION, OTHER_ACCOUNT])
def test_arn_of_another_account_or_region_is_denied(backend, operation, owner):
    arn = backend("CreateSignalingChannel", caller=owner, ChannelName="front-door")["ChannelARN"]
    backend.clock.advance(1)
    with refused("AccessDeniedException", f"not authorized to perform: kinesisvideo:{operation} on resource: {arn}"):
        on(backend, operation, arn)


@pytest.mark.parametrize("operation", ON_AN_ARN)
def test_arn_of_a_video_stream_is_rejected(backend, operation):
    with refused("InvalidArgumentException", "is the ARN of a stream"):
        on(backend, operation, NEVER.replace("channel/", "stream/"))


# --- list


def test_list_returns_the_same_as_describe(backend):
    arns = [backend.create(name) for name in ("b", "a")]
    reply = backend("ListSignalingChannels")
    assert reply == {"ChannelInfoList": [backend.info(arns[1]), backend.info(arns[0])], "NextToken": None}
    assert backend("ListSignalingChannels", caller=OTHER_REGION) == {"ChannelInfoList": [], "NextToken": None}


@given(
    names=st.sets(st.from_regex(r"[ab]{1,3}", fullmatch=True)),
    page_size=st.integers(1, 10),
    prefix=st.sampled_from([None, "a", "ab", "c"]),
)
def test_paging_gives_each_channel_once_for_any_page_size(open_backend, names, page_size, prefix):
    with open_backend() as backend:
        for name in names:
            backend.create(name)
        assert backend.names(page_size, prefix) == sorted(name for name in names if name.startswith(prefix or ""))


def test_page_length_is_as_requested_up_to_the_maximum(open_backend):
    with open_backend(default_page_size=3, max_page_size=5) as backend:
        for number in range(8):
            backend.create(f"channel-{number}")

        def first_page(**request: Any) -> int:
            return len(backend("ListSignalingChannels", **request)["ChannelInfoList"])

        assert first_page() == 3
        assert first_page(MaxResults=4) == 4
        assert first_page(MaxResults=10_000) == 5


def test_full_last_page_has_no_token(backend):
    for name in "abcd":
        backend.create(name)
    first = backend("ListSignalingChannels", MaxResults=2)
    last = backend("ListSignalingChannels", MaxResults=2, NextToken=first["NextToken"])
    assert [info["ChannelName"] for info in last["ChannelInfoList"]] == ["c", "d"]
    assert last["NextToken"] is None


def test_delete_between_pages_neither_skips_nor_repeats(backend):
    arns = {name: backend.create(name) for name in "abcdef"}
    first = backend("ListSignalingChannels", MaxResults=2)
    for name in "bc":
        backend.delete_for_good(arns[name])
    rest = backend("ListSignalingChannels", NextToken=first["NextToken"])
    assert [info["ChannelName"] for info in rest["ChannelInfoList"]] == ["d", "e", "f"]


def test_deleting_channel_is_listed_until_it_is_deleted(backend):
    backend.delete(backend.create("a"))
    backend.create("b")
    reply = backend("ListSignalingChannels")
    assert [info["ChannelStatus"] for info in reply["ChannelInfoList"]] == ["DELETING", "ACTIVE"]
    backend.clock.advance(1)
    assert backend.names() == ["b"]


def test_token_is_valid_for_its_own_list_only(backend):
    for name in ("aa", "ab", "b"):
        backend.create(name)
    token = backend("ListSignalingChannels", MaxResults=1)["NextToken"]
    other = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "a"}
    for request in (
        {"NextToken": token, "ChannelNameCondition": other},
        {"NextToken": token, "caller": OTHER_REGION},
        {"NextToken": token, "caller": OTHER_ACCOUNT},
        {"NextToken": token[:-4] + "AAA="},
        {"NextToken": "bm90IGEgdG9rZW4="},
        {"NextToken": "a"},
    ):
        with refused("InvalidArgumentException", "NextToken .* was not issued by this list"):
            backend("ListSignalingChannels", **request)
    assert backend("ListSignalingChannels", MaxResults=5, NextToken=token)["ChannelInfoList"][0]["ChannelName"] == "ab"
    assert len(backend("ListSignalingChannels", NextToken="")["ChannelInfoList"]) == 3


# --- update


def test_update_changes_ttl_and_version_and_takes_time(backend):
    arn = backend.create()
    before = backend.info(arn)
    assert backend.update(arn, 90) == {}
    during = backend.info(arn)
    assert during["ChannelStatus"] == "UPDATING"
    backend.clock.advance(1)
    after = backend.info(arn)
    assert after["ChannelStatus"] == "ACTIVE"
    assert after["SingleMasterConfiguration"] == {"MessageTtlSeconds": 90}
    assert after["Version"] == during["Version"] != before["Version"]
    assert after == {**before, "Version": after["Version"], "SingleMasterConfiguration": {"MessageTtlSeconds": 90}}


def test_update_needs_the_current_version(backend):
    arn = backend.create()
    old = backend.info(arn)["Version"]
    backend.update(arn, 90)
    backend.clock.advance(1)
    for wrong in (old, backend.info(arn)["Version"].swapcase(), "V"):
        with refused("VersionMismatchException", wrong):
            backend.update(arn, 30, wrong)
    assert backend.info(arn)["SingleMasterConfiguration"] == {"MessageTtlSeconds": 90}


@pytest.mark.parametrize("configuration", [None, {}, {"MessageTtlSeconds": None}])
def test_update_without_ttl_is_rejected(backend, configuration):
    arn = backend.create()
    with refused("InvalidArgumentException", "MessageTtlSeconds is required"):
        backend(
            "UpdateSignalingChannel",
            ChannelARN=arn,
            CurrentVersion=backend.info(arn)["Version"],
            SingleMasterConfiguration=configuration,
        )


# --- delete


def test_deleted_channel_is_deleting_and_then_not_found(backend):
    arn = backend.create()
    assert backend.delete(arn) == {}
    backend.clock.advance(1.999)
    assert backend.info(arn)["ChannelStatus"] == "DELETING"
    backend.clock.advance(0.001)
    with refused("ResourceNotFoundException"):
        backend.info(arn)


def test_delete_with_a_version_needs_the_current_one(backend):
    arn = backend.create()
    with refused("VersionMismatchException"):
        backend.delete(arn, CurrentVersion="V1")
    assert backend.info(arn)["ChannelStatus"] == "ACTIVE"
    backend.delete(arn, CurrentVersion=backend.info(arn)["Version"])


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_update_and_delete_need_an_active_channel(backend, operation):
    arn = backend("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"]
    change = {"update": lambda: backend.update(arn, 30), "delete": lambda: backend.delete(arn)}[operation]
    for status, and_then in (
        ("CREATING", lambda: backend.update(arn, 90)),
        ("UPDATING", lambda: backend.delete(arn)),
        ("DELETING", int),
    ):
        with refused("ResourceInUseException", status):
            change()
        backend.clock.advance(1)
        and_then()


# --- endpoint


@pytest.mark.parametrize(("role", "path"), [("MASTER", "m"), ("VIEWER", "v")])
@pytest.mark.parametrize("protocols", [("WSS", "HTTPS"), ("HTTPS", "WSS"), ("WSS", "WSS", "HTTPS", "HTTPS", "WSS"), ()])
def test_endpoints_list_https_first(backend, role, path, protocols):
    arn = backend.create()
    configuration = {"Role": role, **({"Protocols": list(protocols)} if protocols else {})}
    reply = backend(
        "GetSignalingChannelEndpoint", ChannelARN=arn, SingleMasterChannelEndpointConfiguration=configuration
    )
    assert reply == {
        "ResourceEndpointList": [
            {"Protocol": "HTTPS", "ResourceEndpoint": "https://127.0.0.1:4433"},
            {"Protocol": "WSS", "ResourceEndpoint": f"wss://127.0.0.1:4433/{path}"},
        ]
    }


def test_only_requested_protocols_are_returned(backend):
    assert backend.endpoints(backend.create(), "VIEWER", ("WSS",)) == [
        {"Protocol": "WSS", "ResourceEndpoint": "wss://127.0.0.1:4433/v"}
    ]


@pytest.mark.parametrize("configuration", [None, {}, {"Protocols": ["WSS"]}])
def test_endpoints_need_a_role(backend, configuration):
    with refused("InvalidArgumentException", "Role is required"):
        backend(
            "GetSignalingChannelEndpoint",
            ChannelARN=backend.create(),
            SingleMasterChannelEndpointConfiguration=configuration,
        )


def test_webrtc_needs_media_storage(backend):
    with refused("InvalidArgumentException", "WEBRTC"):
        backend.endpoints(backend.create(), "VIEWER", ("WSS", "WEBRTC"))


# --- tags


def test_tagging_adds_and_overwrites_and_changes_nothing_else(backend):
    arn = backend.create(Tags=pairs({"Site": "hq", "Owner": "ops"}))
    before = backend.info(arn)
    assert backend.tag(arn, Site="annex", Note="") == {}
    assert backend.tags(arn) == {"Note": "", "Owner": "ops", "Site": "annex"}
    assert backend.info(arn) == before


def test_channel_takes_fifty_tags_in_total(backend):
    fifty = dict(list(MANY_TAGS.items())[:50])
    arn = backend.create(Tags=pairs(fifty))
    backend.tag(arn, **dict.fromkeys(fifty, "new"))
    with refused("TagsPerResourceExceededLimitException", "Too many tags: the channel would have 51"):
        backend.tag(arn, **{"key-00": "newer", "one-more": "x"})
    assert backend.tags(arn) == dict.fromkeys(fifty, "new")


@pytest.mark.parametrize("tags", [pairs({"aws:x": "1", "a": "1"}), pairs({"a": "1"}) * 2])
def test_tagging_with_an_invalid_key_sets_no_tag(backend, tags):
    arn = backend.create()
    with refused("InvalidArgumentException"):
        backend("TagResource", ResourceARN=arn, Tags=tags)
    assert backend.tags(arn) == {}


def test_untagging_ignores_missing_keys(backend):
    arn = backend.create(Tags=pairs({"a": "1", "b": "2", "B": "3"}))
    assert backend("UntagResource", ResourceARN=arn, TagKeyList=["b", "b", "unknown"]) == {}
    assert backend.tags(arn) == {"B": "3", "a": "1"}


def test_tags_are_on_one_page_without_token(backend):
    arn = backend.create(Tags=pairs({"a": "1"}))
    assert backend("ListTagsForResource", ResourceARN=arn) == {"Tags": {"a": "1"}, "NextToken": None}
    with refused("InvalidArgumentException", "NextToken"):
        backend("ListTagsForResource", ResourceARN=arn, NextToken="abcd")


def test_deleting_channel_lists_tags_and_rejects_new_ones(backend):
    arn = backend.create(Tags=pairs({"a": "1"}))
    backend.delete(arn)
    assert backend.tags(arn) == {"a": "1"}
    with refused("ResourceNotFoundException"):
        backend.tag(arn, b="2")


# --- around them


def test_each_request_moves_the_stepped_clock_by_one_second(backend):
    object.__setattr__(backend.service, "clock", SteppedClock())
    arn = backend("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"]
    assert arn.endswith("/1767603601000")
    with refused("InvalidArgumentException"):
        backend("DescribeSignalingChannel")
    with refused("InvalidArgumentException"):
        backend("DescribeSignalingChannel", ChannelName="a b")
    assert backend("CreateSignalingChannel", ChannelName="back-door")["ChannelARN"].endswith("/1767603604000")


def test_requests_are_validated_against_the_model_first(backend):
    with refused("InvalidArgumentException", "120 are allowed"):
        backend.create(SingleMasterConfiguration={"MessageTtlSeconds": 121})


@pytest.mark.parametrize(
    ("operation", "request_", "name"),
    [
        ("DescribeSignalingChannel", {"ChannelName": "front-door"}, "front-door"),
        ("DescribeSignalingChannel", {"ChannelARN": NEVER}, "never"),
        ("TagResource", {"ResourceARN": NEVER}, "never"),
        ("ListSignalingChannels", {"ChannelName": "front-door"}, None),
        ("DescribeSignalingChannel", {}, None),
        ("DescribeSignalingChannel", {"ChannelARN": "not json"}, None),
        ("DescribeSignalingChannel", {"ChannelName": 5}, None),
        ("DescribeSignalingChannel", ["ChannelName"], None),
        ("DescribeSignalingChannel", None, None),
    ],
)
def test_channel_of_accepts_any_request(operation, request_, name):
    assert channel_of(operation, request_) == name


@pytest.mark.parametrize(
    ("request_", "resource"),
    [({"ChannelName": "front-door"}, "front-door"), ({"ResourceARN": NEVER}, NEVER), ({}, "*"), (None, "*")],
)
def test_denial_has_the_message_of_iam(backend, request_, resource):
    error = access_denied(backend.caller, "TagResource", request_)
    assert (error.code, error.status) == ("AccessDeniedException", 403)
    assert error.message == (
        "User: arn:aws:iam::111122223333:user/kvs-notebook-sandbox is not authorized to perform: "
        f"kinesisvideo:TagResource on resource: {resource}"
    )


def test_botocore_parses_every_reply_without_loss(backend):
    import json

    arn = backend.create("front-door", Tags=pairs({"Site": "hq"}))
    backend.create("back-door")
    replies = {
        "CreateSignalingChannel": backend("CreateSignalingChannel", ChannelName="third"),
        "DescribeSignalingChannel": backend("DescribeSignalingChannel", ChannelARN=arn),
        "ListSignalingChannels": backend("ListSignalingChannels", MaxResults=1),
        "GetSignalingChannelEndpoint": {"ResourceEndpointList": backend.endpoints(arn)},
        "ListTagsForResource": backend("ListTagsForResource", ResourceARN=arn),
        "TagResource": backend.tag(arn, a="b"),
        "UntagResource": backend("UntagResource", ResourceARN=arn, TagKeyList=["a"]),
        "UpdateSignalingChannel": backend.update(arn, 30),
    }
    backend.clock.advance(1)
    replies["DeleteSignalingChannel"] = backend.delete(arn)
    assert set(replies) == set(QUOTAS)
    parser = create_parser("rest-json")
    for operation, reply in replies.items():
        body = json.dumps(reply).encode()
        shape = service_model().operation_model(operation).output_shape
        parsed = parser.parse({"status_code": 200, "headers": {}, "body": body}, shape)
        parsed.pop("ResponseMetadata")
        assert set(parsed) == {name for name, value in reply.items() if value is not None}
    info = parser.parse(
        {"status_code": 200, "headers": {}, "body": json.dumps(replies["DescribeSignalingChannel"]).encode()},
        service_model().operation_model("DescribeSignalingChannel").output_shape,
    )["ChannelInfo"]
    assert info["CreationTime"] == STEPPED_START


@pytest.mark.parametrize("constraint_error", ["invalid_argument", "validation"])
def test_rejected_request_is_not_kept_by_its_error(open_backend, constraint_error):
    gc.collect()
    gc.disable()
    try:
        with open_backend(constraint_error=constraint_error) as backend:
            for operation in QUOTAS:
                with suppress(ServiceError):
                    backend(operation, ChannelName="x" * 1_000, ChannelARN="x" * 2_000, ResourceARN="x" * 2_000)
        # isinstance() would ask a dead weak reference for its class.
        assert [each for each in gc.get_objects() if issubclass(type(each), ServiceError)] == []
    finally:
        gc.enable()
