"""The nine operations, as boto3 shows them: facts that hold of the service and of the sandbox alike."""

from __future__ import annotations

import re

import pytest

TTL = "SingleMasterConfiguration"


def test_a_channel_is_made_with_the_documented_defaults(service):
    name = service.name()
    arn = service.create(name)
    info = service.info(arn)
    assert info["ChannelName"] == name
    assert info["ChannelARN"] == arn
    assert info["ChannelType"] == "SINGLE_MASTER"
    assert info[TTL] == {"MessageTtlSeconds": 60}
    assert re.fullmatch("[a-zA-Z0-9]{1,64}", info["Version"])


def test_an_arn_ends_in_the_creation_time_in_milliseconds(service):
    arn = service.create()
    assert re.fullmatch(
        rf"arn:[a-z\d-]+:kinesisvideo:{service.region}:{service.account_id}:channel/[a-zA-Z0-9_.-]+/[0-9]+", arn
    )
    created = service.info(arn)["CreationTime"]
    assert created.tzinfo is not None
    assert round(created.timestamp() * 1000) == int(arn.rsplit("/", 1)[1])


def test_a_channel_is_found_by_its_name_and_by_its_arn(service):
    name = service.name()
    arn = service.create(name)
    assert service.client.describe_signaling_channel(ChannelName=name)["ChannelInfo"] == service.info(arn)


def test_a_name_that_is_taken_is_refused_also_with_equal_settings(service):
    name = service.name()
    service.create(name)
    assert service.refusal("create_signaling_channel", ChannelName=name) == "ResourceInUseException"


def test_a_channel_that_is_not_there_is_not_found(service):
    assert service.refusal("describe_signaling_channel", ChannelName=service.name()) == "ResourceNotFoundException"


def test_what_the_model_bounds_is_refused_by_the_service_where_boto3_lets_it_through(service):
    for request in (
        {"ChannelName": "with space"},
        {"ChannelName": "a" * 257},
        {"ChannelName": service.name(), "ChannelType": "BOGUS"},
        {"ChannelName": service.name(), TTL: {"MessageTtlSeconds": 121}},
        {"ChannelName": service.name(), "Tags": [{"Key": "k*", "Value": ""}]},
    ):
        assert service.refusal("create_signaling_channel", **request) == "InvalidArgumentException", request
    assert service.refusal("list_signaling_channels", MaxResults=10_001) == "InvalidArgumentException"
    assert service.refusal("list_tags_for_resource", ResourceARN="notarn") == "InvalidArgumentException"


def test_a_list_gives_every_channel_once_over_its_pages(service):
    prefix = service.name()
    arns = {service.create(f"{prefix}-{number}", active=False) for number in range(5)}
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix}
    found, token, pages = [], None, 0
    while True:
        more = {"NextToken": token} if token else {}
        page = service.client.list_signaling_channels(MaxResults=2, ChannelNameCondition=condition, **more)
        pages += 1
        found += [info["ChannelARN"] for info in page.get("ChannelInfoList", [])]
        assert len(page.get("ChannelInfoList", [])) <= 2
        token = page.get("NextToken")
        if not token:
            break
    assert sorted(found) == sorted(arns)
    assert pages >= 3


def test_a_list_has_whole_channels(service):
    name = service.name()
    arn = service.create(name)
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": name}
    (listed,) = service.client.list_signaling_channels(ChannelNameCondition=condition)["ChannelInfoList"]
    assert listed == service.info(arn)


def test_an_update_changes_the_ttl_and_the_version(service):
    arn = service.create()
    before = service.info(arn)["Version"]
    reply = service.client.update_signaling_channel(
        ChannelARN=arn, CurrentVersion=before, SingleMasterConfiguration={"MessageTtlSeconds": 90}
    )
    assert reply.keys() == {"ResponseMetadata"}
    service.until(arn, "ACTIVE", version_other_than=before)
    assert service.info(arn)[TTL] == {"MessageTtlSeconds": 90}


def test_an_update_and_a_delete_of_another_version_are_refused(service):
    arn = service.create()
    update = {"SingleMasterConfiguration": {"MessageTtlSeconds": 90}}
    wrong = {"ChannelARN": arn, "CurrentVersion": "NotTheVersion"}
    assert service.refusal("update_signaling_channel", **wrong, **update) == "VersionMismatchException"
    assert service.refusal("delete_signaling_channel", **wrong) == "VersionMismatchException"


def test_a_deleted_channel_is_gone_in_the_end_and_its_name_is_free(service):
    name = service.name()
    first = service.create(name)
    service.client.delete_signaling_channel(ChannelARN=first)
    service.until(first, None)
    second = service.create(name)
    assert second != first
    assert service.refusal("describe_signaling_channel", ChannelARN=first) == "ResourceNotFoundException"


def test_a_name_is_taken_while_its_last_holder_is_deleting(service):
    name = service.name()
    arn = service.create(name)
    service.client.delete_signaling_channel(ChannelARN=arn)
    assert service.info(arn)["ChannelStatus"] == "DELETING"
    assert service.refusal("create_signaling_channel", ChannelName=name) == "ResourceInUseException"


def test_tags_are_set_changed_and_taken_off(service):
    arn = service.create(Tags=[{"Key": "Site", "Value": "hq"}, {"Key": "Note", "Value": ""}])
    client = service.client

    def tags():
        return client.list_tags_for_resource(ResourceARN=arn).get("Tags") or {}

    assert tags() == {"Site": "hq", "Note": ""}
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "Site", "Value": "annex"}, {"Key": "Łódź", "Value": "東京"}])
    assert tags() == {"Site": "annex", "Note": "", "Łódź": "東京"}
    client.untag_resource(ResourceARN=arn, TagKeyList=["Site", "Note", "NoSuchKey"])
    assert tags() == {"Łódź": "東京"}


def test_a_channel_has_fifty_tags_at_most(service):
    arn = service.create(Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)])
    code = service.refusal("tag_resource", ResourceARN=arn, Tags=[{"Key": "one-more", "Value": ""}])
    assert code == "TagsPerResourceExceededLimitException"
    service.client.tag_resource(ResourceARN=arn, Tags=[{"Key": "k0", "Value": "changed"}])


def test_endpoints_come_for_the_protocols_that_were_asked_for(service):
    arn = service.create()
    for role in ("MASTER", "VIEWER"):
        reply = service.client.get_signaling_channel_endpoint(
            ChannelARN=arn, SingleMasterChannelEndpointConfiguration={"Protocols": ["WSS", "HTTPS"], "Role": role}
        )
        endpoints = {item["Protocol"]: item["ResourceEndpoint"] for item in reply["ResourceEndpointList"]}
        assert endpoints["WSS"].startswith("wss://")
        assert endpoints["HTTPS"].startswith("https://")
        assert len(endpoints) == 2


def test_media_ingestion_needs_media_storage(service):
    configuration = {"Protocols": ["WEBRTC"], "Role": "MASTER"}
    code = service.refusal(
        "get_signaling_channel_endpoint",
        ChannelARN=service.create(),
        SingleMasterChannelEndpointConfiguration=configuration,
    )
    assert code == "InvalidArgumentException"


def test_an_error_carries_its_code_its_message_and_a_request_id(service):
    client = service.client
    with pytest.raises(client.exceptions.ResourceNotFoundException) as refused:
        client.describe_signaling_channel(ChannelName=service.name())
    response = refused.value.response
    assert response["Error"]["Message"] == response["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert response["ResponseMetadata"]["RequestId"]
    assert response["ResponseMetadata"]["RetryAttempts"] == 0
