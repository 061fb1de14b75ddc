from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.service_model import service_model
from kvs_notebook.sandbox.backend.operations import Caller, access_denied, channel_of
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.clock import STEPPED_START, SteppedClock

ELSEWHERE = Caller("111122223333", "eu-west-1", "KVSB111122223333ABCD")
SOMEBODY = Caller("444455556666", "us-east-1", "KVSB444455556666ABCD")
NEVER = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/never/1767603600000"
MANY_TAGS = {f"key-{number:02}": str(number) for number in range(51)}


@contextmanager
def refused(code: str, said: str | None = None) -> Iterator[None]:
    with pytest.raises(ServiceError, match=said) as error:
        yield
    assert error.value.code == code


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


# --- create


def test_a_created_channel_has_the_services_defaults(desk):
    arn = desk.create("front-door")
    assert desk.info(arn) == {
        "ChannelName": "front-door",
        "ChannelARN": "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000",
        "ChannelType": "SINGLE_MASTER",
        "ChannelStatus": "ACTIVE",
        "CreationTime": 1767603600.0,
        "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
        "FullMeshConfiguration": None,
        "Version": "Xg85XX4QHIiUVMGBXxts",
    }
    assert desk.tags(arn) == {}


def test_a_created_channel_has_what_was_asked_for(desk):
    arn = desk.create(
        "front-door", SingleMasterConfiguration={"MessageTtlSeconds": 5}, Tags=pairs({"Site": "hq", "b": ""})
    )
    assert desk.info(arn)["SingleMasterConfiguration"] == {"MessageTtlSeconds": 5}
    assert desk.tags(arn) == {"Site": "hq", "b": ""}


def test_null_members_take_the_defaults(desk):
    arn = desk.create("front-door", ChannelType=None, Tags=None, SingleMasterConfiguration={"MessageTtlSeconds": None})
    assert desk.info(arn)["SingleMasterConfiguration"] == {"MessageTtlSeconds": 60}


def test_a_channel_is_creating_and_then_active(desk):
    arn = desk("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"]
    assert desk.info(arn)["ChannelStatus"] == "CREATING"
    desk.clock.advance(0.999)
    assert desk.info(arn)["ChannelStatus"] == "CREATING"
    desk.clock.advance(0.001)
    assert desk.info(arn)["ChannelStatus"] == "ACTIVE"


@given(st.integers(0, 4_102_444_800_000))
def test_the_arn_ends_in_exactly_the_creation_time(open_desk, epoch_ms):
    with open_desk() as desk:
        desk.clock._now = STEPPED_START.fromtimestamp(0, STEPPED_START.tzinfo)
        desk.clock.advance(epoch_ms / 1000)
        arn = desk.create()
        assert ChannelArn.parse(arn).created_ms == round(desk.info(arn)["CreationTime"] * 1000)


def test_a_name_taken_is_refused_with_the_services_code_even_for_the_same_request(desk):
    desk("CreateSignalingChannel", ChannelName="front-door")
    for _ in ("CREATING", "ACTIVE"):
        with refused("ResourceInUseException", "front-door already exists"):
            desk("CreateSignalingChannel", ChannelName="front-door")
        desk.clock.advance(1)


def test_a_name_is_free_once_its_channel_is_gone_and_not_while_it_is_deleting(desk):
    first = desk.create(Tags=pairs({"Site": "hq"}))
    desk.delete(first)
    desk.clock.advance(1.999)
    with refused("ResourceInUseException"):
        desk.create()
    desk.clock.advance(0.001)
    second = desk.create()
    assert second != first
    assert desk.tags(second) == {}
    with refused("ResourceNotFoundException"):
        desk.info(first)


def test_names_are_case_sensitive_and_free_in_other_accounts_and_regions(desk):
    desk.create("front-door")
    desk.create("Front-Door")
    for other in (ELSEWHERE, SOMEBODY):
        arn = desk("CreateSignalingChannel", caller=other, ChannelName="front-door")["ChannelARN"]
        assert f":{other.region}:{other.account_id}:" in arn
    assert desk.names() == ["Front-Door", "front-door"]


def test_two_creations_of_one_name_never_share_an_arn(open_desk):
    with open_desk(creating_seconds=0, deleting_seconds=0) as desk:
        arns = []
        for _ in range(5):
            arns.append(desk("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"])
            desk.delete(arns[-1])
        assert len(set(arns)) == 5


def test_the_channel_quota_counts_one_account_in_one_region(open_desk):
    with open_desk(channel_quota=lambda _: 2) as desk:
        doomed = desk.create("a")
        desk.create("b")
        desk("CreateSignalingChannel", caller=ELSEWHERE, ChannelName="c")
        with refused("AccountChannelLimitExceededException", "2 channels in us-east-1"):
            desk.create("c")
        with refused("ResourceInUseException"):
            desk.create("b")
        desk.delete_for_good(doomed)
        desk.create("c")


def test_full_mesh_is_refused(desk):
    with refused("InvalidArgumentException", "FULL_MESH is not supported"):
        desk.create(ChannelType="FULL_MESH")


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (pairs({"aws:cloudformation:stack-name": "x"}), "the prefix aws: is reserved"),
        (pairs({"AWS:x": "x"}), "the prefix aws: is reserved"),
        (pairs({"a": "1"}) * 2, "Tag key 'a' is given more than once"),
        (pairs(MANY_TAGS), "Tags has 51 members"),
    ],
)
def test_a_create_with_tags_that_cannot_be_changes_nothing(desk, tags, said):
    with refused("InvalidArgumentException", said):
        desk.create("front-door", Tags=tags)
    assert desk.names() == []


def test_fifty_tags_can_be_given_at_once(desk):
    tags = dict(list(MANY_TAGS.items())[:50])
    assert desk.tags(desk.create(Tags=pairs(tags))) == tags


# --- describe


def test_describe_finds_by_name_by_arn_and_by_both(desk):
    arn = desk.create("front-door")
    by_arn = desk("DescribeSignalingChannel", ChannelARN=arn)
    assert desk("DescribeSignalingChannel", ChannelName="front-door") == by_arn
    assert desk("DescribeSignalingChannel", ChannelName="front-door", ChannelARN=arn) == by_arn


def test_describe_refuses_nothing_at_all_and_two_channels(desk):
    arn = desk.create("front-door")
    desk.create("back-door")
    with refused("InvalidArgumentException", "Neither"):
        desk("DescribeSignalingChannel")
    with refused("InvalidArgumentException", "name two channels"):
        desk("DescribeSignalingChannel", ChannelName="back-door", ChannelARN=arn)


ON_AN_ARN: dict[str, dict[str, Any]] = {
    "DescribeSignalingChannel": {},
    "UpdateSignalingChannel": {"CurrentVersion": "V1", "SingleMasterConfiguration": {"MessageTtlSeconds": 5}},
    "DeleteSignalingChannel": {},
    "GetSignalingChannelEndpoint": {"SingleMasterChannelEndpointConfiguration": {"Role": "MASTER"}},
    "TagResource": {"Tags": pairs({"a": "b"})},
    "UntagResource": {"TagKeyList": ["a"]},
    "ListTagsForResource": {},
}


def on(desk: Any, operation: str, arn: str) -> dict[str, Any]:
    member = "ResourceARN" if "Resource" in operation else "ChannelARN"
    reply: dict[str, Any] = desk(operation, **{member: arn, **ON_AN_ARN[operation]})
    return reply


@pytest.mark.parametrize("operation", ON_AN_ARN)
def test_an_unknown_channel_is_not_found(desk, operation):
    arn = desk.create()
    created = arn.rpartition("/")[2]
    another_moment = arn.replace(created, str(int(created) + 1))
    for nothing in (NEVER, another_moment, arn.replace(created, f"0{created}"), arn.replace("arn:aws:", "arn:aws-cn:")):
        with refused(
            "ResourceNotFoundException",
            "^ResourceNotFoundException: The requested channel is not found or not active.$",
        ):
            on(desk, operation, nothing)


@pytest.mark.parametrize("operation", ON_AN_ARN)
def test_a_deleted_channel_is_not_found(desk, operation):
    arn = desk.create()
    desk.delete_for_good(arn)
    with refused("ResourceNotFoundException"):
        on(desk, operation, arn)


@pytest.mark.parametrize("operation", ON_AN_ARN)
@pytest.mark.parametrize("owner", [ELSEWHERE, SOMEBODY])
def test_an_arn_of_another_account_or_region_is_denied(desk, operation, owner):
    arn = desk("CreateSignalingChannel", caller=owner, ChannelName="front-door")["ChannelARN"]
    desk.clock.advance(1)
    with refused("AccessDeniedException", f"not authorized to perform: kinesisvideo:{operation} on resource: {arn}"):
        on(desk, operation, arn)


@pytest.mark.parametrize("operation", ON_AN_ARN)
def test_an_arn_of_a_video_stream_is_no_channels(desk, operation):
    with refused("InvalidArgumentException", "names a stream"):
        on(desk, operation, NEVER.replace("channel/", "stream/"))


# --- list


def test_a_list_tells_all_that_describe_tells(desk):
    arns = [desk.create(name) for name in ("b", "a")]
    reply = desk("ListSignalingChannels")
    assert reply == {"ChannelInfoList": [desk.info(arns[1]), desk.info(arns[0])], "NextToken": None}
    assert desk("ListSignalingChannels", caller=ELSEWHERE) == {"ChannelInfoList": [], "NextToken": None}


@given(
    names=st.sets(st.from_regex(r"[ab]{1,3}", fullmatch=True)),
    page_size=st.integers(1, 10),
    prefix=st.sampled_from([None, "a", "ab", "c"]),
)
def test_paging_gives_each_channel_once_for_any_page_size(open_desk, names, page_size, prefix):
    with open_desk() as desk:
        for name in names:
            desk.create(name)
        assert desk.names(page_size, prefix) == sorted(name for name in names if name.startswith(prefix or ""))


def test_pages_are_as_long_as_asked_up_to_the_cap(open_desk):
    with open_desk(default_page_size=3, max_page_size=5) as desk:
        for number in range(8):
            desk.create(f"channel-{number}")

        def first_page(**request: Any) -> int:
            return len(desk("ListSignalingChannels", **request)["ChannelInfoList"])

        assert first_page() == 3
        assert first_page(MaxResults=4) == 4
        assert first_page(MaxResults=10_000) == 5


def test_the_last_page_has_no_token_even_when_it_is_full(desk):
    for name in "abcd":
        desk.create(name)
    first = desk("ListSignalingChannels", MaxResults=2)
    last = desk("ListSignalingChannels", MaxResults=2, NextToken=first["NextToken"])
    assert [info["ChannelName"] for info in last["ChannelInfoList"]] == ["c", "d"]
    assert last["NextToken"] is None


def test_a_channel_deleted_between_pages_neither_skips_nor_repeats_others(desk):
    arns = {name: desk.create(name) for name in "abcdef"}
    first = desk("ListSignalingChannels", MaxResults=2)
    for name in "bc":
        desk.delete_for_good(arns[name])
    rest = desk("ListSignalingChannels", NextToken=first["NextToken"])
    assert [info["ChannelName"] for info in rest["ChannelInfoList"]] == ["d", "e", "f"]


def test_a_deleting_channel_is_listed_until_it_is_gone(desk):
    desk.delete(desk.create("a"))
    desk.create("b")
    reply = desk("ListSignalingChannels")
    assert [info["ChannelStatus"] for info in reply["ChannelInfoList"]] == ["DELETING", "ACTIVE"]
    desk.clock.advance(1)
    assert desk.names() == ["b"]


def test_a_token_goes_on_with_its_own_list_only(desk):
    for name in ("aa", "ab", "b"):
        desk.create(name)
    token = desk("ListSignalingChannels", MaxResults=1)["NextToken"]
    other = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "a"}
    for request in (
        {"NextToken": token, "ChannelNameCondition": other},
        {"NextToken": token, "caller": ELSEWHERE},
        {"NextToken": token, "caller": SOMEBODY},
        {"NextToken": token[:-4] + "AAA="},
        {"NextToken": "bm90IGEgdG9rZW4="},
        {"NextToken": "a"},
    ):
        with refused("InvalidArgumentException", "NextToken .* is not one that this list gave"):
            desk("ListSignalingChannels", **request)
    assert desk("ListSignalingChannels", MaxResults=5, NextToken=token)["ChannelInfoList"][0]["ChannelName"] == "ab"
    assert len(desk("ListSignalingChannels", NextToken="")["ChannelInfoList"]) == 3


# --- update


def test_an_update_changes_the_ttl_and_the_version_and_takes_time(desk):
    arn = desk.create()
    before = desk.info(arn)
    assert desk.update(arn, 90) == {}
    during = desk.info(arn)
    assert during["ChannelStatus"] == "UPDATING"
    desk.clock.advance(1)
    after = desk.info(arn)
    assert after["ChannelStatus"] == "ACTIVE"
    assert after["SingleMasterConfiguration"] == {"MessageTtlSeconds": 90}
    assert after["Version"] == during["Version"] != before["Version"]
    assert after == {**before, "Version": after["Version"], "SingleMasterConfiguration": {"MessageTtlSeconds": 90}}


def test_an_update_needs_the_current_version(desk):
    arn = desk.create()
    old = desk.info(arn)["Version"]
    desk.update(arn, 90)
    desk.clock.advance(1)
    for wrong in (old, desk.info(arn)["Version"].swapcase(), "V"):
        with refused("VersionMismatchException", wrong):
            desk.update(arn, 30, wrong)
    assert desk.info(arn)["SingleMasterConfiguration"] == {"MessageTtlSeconds": 90}


def test_an_update_needs_an_active_channel(desk):
    arn = desk("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"]
    for status, and_then in (
        ("CREATING", lambda: desk.update(arn, 90)),
        ("UPDATING", lambda: desk.delete(arn)),
        ("DELETING", int),
    ):
        with refused("ResourceInUseException", status):
            desk.update(arn, 30)
        desk.clock.advance(1)
        and_then()


@pytest.mark.parametrize("configuration", [None, {}, {"MessageTtlSeconds": None}])
def test_an_update_without_a_ttl_is_refused(desk, configuration):
    arn = desk.create()
    with refused("InvalidArgumentException", "MessageTtlSeconds is required"):
        desk(
            "UpdateSignalingChannel",
            ChannelARN=arn,
            CurrentVersion=desk.info(arn)["Version"],
            SingleMasterConfiguration=configuration,
        )


# --- delete


def test_a_deleted_channel_is_deleting_and_then_gone(desk):
    arn = desk.create()
    assert desk.delete(arn) == {}
    desk.clock.advance(1.999)
    assert desk.info(arn)["ChannelStatus"] == "DELETING"
    desk.clock.advance(0.001)
    with refused("ResourceNotFoundException"):
        desk.info(arn)


def test_a_delete_with_a_version_needs_the_current_one(desk):
    arn = desk.create()
    with refused("VersionMismatchException"):
        desk.delete(arn, CurrentVersion="V1")
    assert desk.info(arn)["ChannelStatus"] == "ACTIVE"
    desk.delete(arn, CurrentVersion=desk.info(arn)["Version"])


def test_a_busy_channel_cannot_be_deleted_nor_a_deleting_one_again(desk):
    arn = desk("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"]
    for status, and_then in (
        ("CREATING", lambda: desk.update(arn, 90)),
        ("UPDATING", lambda: desk.delete(arn)),
        ("DELETING", int),
    ):
        with refused("ResourceInUseException", status):
            desk.delete(arn)
        desk.clock.advance(1)
        and_then()


# --- endpoint


@pytest.mark.parametrize(("role", "path"), [("MASTER", "m"), ("VIEWER", "v")])
@pytest.mark.parametrize("protocols", [("WSS", "HTTPS"), ("HTTPS", "WSS"), ("WSS", "WSS", "HTTPS", "HTTPS", "WSS"), ()])
def test_endpoints_come_https_first_whatever_was_asked(desk, role, path, protocols):
    arn = desk.create()
    configuration = {"Role": role, **({"Protocols": list(protocols)} if protocols else {})}
    reply = desk("GetSignalingChannelEndpoint", ChannelARN=arn, SingleMasterChannelEndpointConfiguration=configuration)
    assert reply == {
        "ResourceEndpointList": [
            {"Protocol": "HTTPS", "ResourceEndpoint": "https://127.0.0.1:4433"},
            {"Protocol": "WSS", "ResourceEndpoint": f"wss://127.0.0.1:4433/{path}"},
        ]
    }


def test_only_the_protocols_asked_for_are_given(desk):
    assert desk.endpoints(desk.create(), "VIEWER", ("WSS",)) == [
        {"Protocol": "WSS", "ResourceEndpoint": "wss://127.0.0.1:4433/v"}
    ]


@pytest.mark.parametrize("configuration", [None, {}, {"Protocols": ["WSS"]}])
def test_endpoints_need_a_role(desk, configuration):
    with refused("InvalidArgumentException", "Role is required"):
        desk(
            "GetSignalingChannelEndpoint",
            ChannelARN=desk.create(),
            SingleMasterChannelEndpointConfiguration=configuration,
        )


def test_webrtc_needs_media_storage(desk):
    with refused("InvalidArgumentException", "WEBRTC"):
        desk.endpoints(desk.create(), "VIEWER", ("WSS", "WEBRTC"))


# --- tags


def test_tagging_adds_and_overwrites_and_changes_nothing_else(desk):
    arn = desk.create(Tags=pairs({"Site": "hq", "Owner": "ops"}))
    before = desk.info(arn)
    assert desk.tag(arn, Site="annex", Note="") == {}
    assert desk.tags(arn) == {"Note": "", "Owner": "ops", "Site": "annex"}
    assert desk.info(arn) == before


def test_a_channel_takes_fifty_tags_in_total(desk):
    fifty = dict(list(MANY_TAGS.items())[:50])
    arn = desk.create(Tags=pairs(fifty))
    desk.tag(arn, **dict.fromkeys(fifty, "new"))
    with refused("TagsPerResourceExceededLimitException", "51 tags"):
        desk.tag(arn, **{"key-00": "newer", "one-more": "x"})
    assert desk.tags(arn) == dict.fromkeys(fifty, "new")


@pytest.mark.parametrize("tags", [pairs({"aws:x": "1", "a": "1"}), pairs({"a": "1"}) * 2])
def test_tagging_with_a_key_that_cannot_be_sets_none(desk, tags):
    arn = desk.create()
    with refused("InvalidArgumentException"):
        desk("TagResource", ResourceARN=arn, Tags=tags)
    assert desk.tags(arn) == {}


def test_untagging_ignores_keys_that_are_not_there(desk):
    arn = desk.create(Tags=pairs({"a": "1", "b": "2", "B": "3"}))
    assert desk("UntagResource", ResourceARN=arn, TagKeyList=["b", "b", "unknown"]) == {}
    assert desk.tags(arn) == {"B": "3", "a": "1"}


def test_tags_are_on_one_page_and_no_token_leads_further(desk):
    arn = desk.create(Tags=pairs({"a": "1"}))
    assert desk("ListTagsForResource", ResourceARN=arn) == {"Tags": {"a": "1"}, "NextToken": None}
    with refused("InvalidArgumentException", "NextToken"):
        desk("ListTagsForResource", ResourceARN=arn, NextToken="abcd")


def test_a_deleting_channel_shows_its_tags_and_takes_no_more(desk):
    arn = desk.create(Tags=pairs({"a": "1"}))
    desk.delete(arn)
    assert desk.tags(arn) == {"a": "1"}
    with refused("ResourceNotFoundException"):
        desk.tag(arn, b="2")


# --- around them


def test_each_request_moves_a_lesson_by_a_second_whether_or_not_it_is_refused(desk):
    object.__setattr__(desk.service, "clock", SteppedClock())
    arn = desk("CreateSignalingChannel", ChannelName="front-door")["ChannelARN"]
    assert arn.endswith("/1767603601000")
    with refused("InvalidArgumentException"):
        desk("DescribeSignalingChannel")
    with refused("InvalidArgumentException"):
        desk("DescribeSignalingChannel", ChannelName="a b")
    assert desk("CreateSignalingChannel", ChannelName="back-door")["ChannelARN"].endswith("/1767603604000")


def test_requests_are_checked_against_the_model_first(desk):
    with refused("InvalidArgumentException", "120 are allowed"):
        desk.create(SingleMasterConfiguration={"MessageTtlSeconds": 121})


@pytest.mark.parametrize(
    ("operation", "request_", "name"),
    [
        ("DescribeSignalingChannel", {"ChannelName": "front-door"}, "front-door"),
        ("DescribeSignalingChannel", {"ChannelARN": NEVER}, "never"),
        ("TagResource", {"ResourceARN": NEVER}, "never"),
        ("ListSignalingChannels", {"ChannelName": "front-door"}, None),
        ("DescribeSignalingChannel", {}, None),
        ("DescribeSignalingChannel", {"ChannelARN": "nonsense"}, None),
        ("DescribeSignalingChannel", {"ChannelName": 5}, None),
        ("DescribeSignalingChannel", ["ChannelName"], None),
        ("DescribeSignalingChannel", None, None),
    ],
)
def test_the_channel_of_a_request_is_known_by_name_or_arn_however_broken_the_request(operation, request_, name):
    assert channel_of(operation, request_) == name


@pytest.mark.parametrize(
    ("request_", "resource"),
    [({"ChannelName": "front-door"}, "front-door"), ({"ResourceARN": NEVER}, NEVER), ({}, "*"), (None, "*")],
)
def test_a_denial_speaks_as_iam_does(desk, request_, resource):
    error = access_denied(desk.caller, "TagResource", request_)
    assert (error.code, error.status) == ("AccessDeniedException", 403)
    assert error.message == (
        "User: arn:aws:iam::111122223333:user/kvs-notebook-sandbox is not authorized to perform: "
        f"kinesisvideo:TagResource on resource: {resource}"
    )


def test_every_reply_is_one_that_botocore_parses_without_loss(desk):
    import json

    arn = desk.create("front-door", Tags=pairs({"Site": "hq"}))
    desk.create("back-door")
    replies = {
        "CreateSignalingChannel": desk("CreateSignalingChannel", ChannelName="third"),
        "DescribeSignalingChannel": desk("DescribeSignalingChannel", ChannelARN=arn),
        "ListSignalingChannels": desk("ListSignalingChannels", MaxResults=1),
        "GetSignalingChannelEndpoint": {"ResourceEndpointList": desk.endpoints(arn)},
        "ListTagsForResource": desk("ListTagsForResource", ResourceARN=arn),
        "TagResource": desk.tag(arn, a="b"),
        "UntagResource": desk("UntagResource", ResourceARN=arn, TagKeyList=["a"]),
        "UpdateSignalingChannel": desk.update(arn, 30),
    }
    desk.clock.advance(1)
    replies["DeleteSignalingChannel"] = desk.delete(arn)
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
