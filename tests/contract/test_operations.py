"""The nine operations, as boto3 shows them: facts that hold of the service and of the sandbox alike."""

from __future__ import annotations

import re

import pytest

TTL = "SingleMasterConfiguration"


def test_created_channel_has_the_documented_defaults(service):
    name = service.name()
    arn = service.create(name)
    info = service.info(arn)
    assert info["ChannelName"] == name
    assert info["ChannelARN"] == arn
    assert info["ChannelType"] == "SINGLE_MASTER"
    assert info[TTL] == {"MessageTtlSeconds": 60}
    assert re.fullmatch("[a-zA-Z0-9]{1,64}", info["Version"])


def test_arn_ends_in_the_creation_time_in_milliseconds(service):
    arn = service.create()
    assert re.fullmatch(
        rf"arn:[a-z\d-]+:kinesisvideo:{service.region}:{service.account_id}:channel/[a-zA-Z0-9_.-]+/[0-9]+", arn
    )
    created = service.info(arn)["CreationTime"]
    assert created.tzinfo is not None
    assert round(created.timestamp() * 1000) == int(arn.rsplit("/", 1)[1])


def test_channel_is_found_by_name_and_by_arn(service):
    name = service.name()
    arn = service.create(name)
    assert service.client.describe_signaling_channel(ChannelName=name)["ChannelInfo"] == service.info(arn)


def test_taken_name_is_rejected_even_with_equal_settings(service):
    name = service.name()
    service.create(name)
    assert service.rejection("create_signaling_channel", ChannelName=name) == "ResourceInUseException"


def test_missing_channel_is_not_found(service):
    assert service.rejection("describe_signaling_channel", ChannelName=service.name()) == "ResourceNotFoundException"


def test_service_rejects_what_the_model_bounds_and_boto3_sends(service):
    for request in (
        {"ChannelName": "with space"},
        {"ChannelName": "a" * 257},
        {"ChannelName": service.name(), "ChannelType": "BOGUS"},
        {"ChannelName": service.name(), TTL: {"MessageTtlSeconds": 121}},
        {"ChannelName": service.name(), "Tags": [{"Key": "k*", "Value": ""}]},
    ):
        assert service.rejection("create_signaling_channel", **request) == "InvalidArgumentException", request
    assert service.rejection("list_signaling_channels", MaxResults=10_001) == "InvalidArgumentException"
    assert service.rejection("list_tags_for_resource", ResourceARN="notarn") == "InvalidArgumentException"


def test_list_gives_every_channel_once_over_its_pages(service):
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


def test_list_returns_complete_channels(service):
    name = service.name()
    arn = service.create(name)
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": name}
    (listed,) = service.client.list_signaling_channels(ChannelNameCondition=condition)["ChannelInfoList"]
    assert listed == service.info(arn)


def test_update_changes_the_ttl_and_the_version(service):
    arn = service.create()
    before = service.info(arn)["Version"]
    reply = service.client.update_signaling_channel(
        ChannelARN=arn, CurrentVersion=before, SingleMasterConfiguration={"MessageTtlSeconds": 90}
    )
    assert reply.keys() == {"ResponseMetadata"}
    service.until(arn, "ACTIVE", version_other_than=before)
    assert service.info(arn)[TTL] == {"MessageTtlSeconds": 90}


def test_update_and_delete_reject_another_version(service):
    arn = service.create()
    update = {"SingleMasterConfiguration": {"MessageTtlSeconds": 90}}
    wrong = {"ChannelARN": arn, "CurrentVersion": "NotTheVersion"}
    assert service.rejection("update_signaling_channel", **wrong, **update) == "VersionMismatchException"
    assert service.rejection("delete_signaling_channel", **wrong) == "VersionMismatchException"


def test_deleted_channel_disappears_and_frees_its_name(service):
    name = service.name()
    first = service.create(name)
    service.client.delete_signaling_channel(ChannelARN=first)
    service.until(first, None)
    second = service.create(name)
    assert second != first
    assert service.rejection("describe_signaling_channel", ChannelARN=first) == "ResourceNotFoundException"


def test_name_is_taken_while_its_channel_is_deleting(service):
    name = service.name()
    arn = service.create(name)
    service.client.delete_signaling_channel(ChannelARN=arn)
    assert service.info(arn)["ChannelStatus"] == "DELETING"
    assert service.rejection("create_signaling_channel", ChannelName=name) == "ResourceInUseException"


def test_tags_are_set_changed_and_removed(service):
    arn = service.create(Tags=[{"Key": "Site", "Value": "hq"}, {"Key": "Note", "Value": ""}])
    client = service.client

    def tags():
        return client.list_tags_for_resource(ResourceARN=arn).get("Tags") or {}

    assert tags() == {"Site": "hq", "Note": ""}
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "Site", "Value": "annex"}, {"Key": "Łódź", "Value": "東京"}])
    assert tags() == {"Site": "annex", "Note": "", "Łódź": "東京"}
    client.untag_resource(ResourceARN=arn, TagKeyList=["Site", "Note", "NoSuchKey"])
    assert tags() == {"Łódź": "東京"}


def test_channel_has_fifty_tags_at_most(service):
    arn = service.create(Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)])
    code = service.rejection("tag_resource", ResourceARN=arn, Tags=[{"Key": "one-more", "Value": ""}])
    assert code == "TagsPerResourceExceededLimitException"
    service.client.tag_resource(ResourceARN=arn, Tags=[{"Key": "k0", "Value": "changed"}])


def test_endpoints_are_returned_for_the_requested_protocols(service):
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
    code = service.rejection(
        "get_signaling_channel_endpoint",
        ChannelARN=service.create(),
        SingleMasterChannelEndpointConfiguration=configuration,
    )
    assert code == "InvalidArgumentException"


def test_error_has_code_message_and_request_id(service):
    client = service.client
    with pytest.raises(client.exceptions.ResourceNotFoundException) as refused:
        client.describe_signaling_channel(ChannelName=service.name())
    response = refused.value.response
    assert response["Error"]["Message"] == response["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert response["ResponseMetadata"]["RequestId"]
    assert response["ResponseMetadata"]["RetryAttempts"] == 0
