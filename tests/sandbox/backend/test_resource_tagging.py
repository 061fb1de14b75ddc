"""GetResources, by boto3's client of the Resource Groups Tagging API."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

import kvs_notebook as kvs

CHANNELS = ["kinesisvideo:channel"]


@pytest.fixture
def tagging(connection):
    return connection.client("resourcegroupstaggingapi")


def names(reply):
    return [each["ResourceARN"].split("/")[1] for each in reply["ResourceTagMappingList"]]


def test_only_channels_that_had_tags_are_found(tagging):
    kvs.create_channel("bare")
    channel = kvs.create_channel("door", tags={"Site": "hq", "Env": "prod"})
    reply = tagging.get_resources(ResourceTypeFilters=CHANNELS)
    assert reply["PaginationToken"] == ""
    assert reply["ResourceTagMappingList"] == [
        {
            "ResourceARN": channel["channel_arn"].item(),
            "Tags": [{"Key": "Env", "Value": "prod"}, {"Key": "Site", "Value": "hq"}],
        }
    ]


def test_untagged_channel_is_found_with_an_empty_list(tagging):
    kvs.create_channel("door")
    kvs.tag_channel("door", {"Site": "hq"})
    kvs.untag_channel("door", ["Site"])
    assert [each["Tags"] for each in tagging.get_resources(ResourceTypeFilters=CHANNELS)["ResourceTagMappingList"]] == [
        []
    ]


def test_deleted_channel_is_not_found_by_tags(tagging):
    kvs.create_channel("door", tags={"Site": "hq"})
    kvs.delete_channel("door", wait=True)
    assert names(tagging.get_resources(ResourceTypeFilters=CHANNELS)) == []


def test_pages_of_at_most_100_return_each_channel_once(sandbox, connection, tagging):
    sandbox.seed()
    tagged = set(kvs.list_tags(kvs.list_channels())["channel_name"])
    sandbox.seed(150, tags={"Site": "hq"})
    tagged |= {f"device-{number:07}" for number in range(150)}
    pages = list(tagging.get_paginator("get_resources").paginate(ResourceTypeFilters=CHANNELS))
    assert len(pages[0]["ResourceTagMappingList"]) == 100
    found = [name for page in pages for name in names(page)]
    assert len(found) == len(set(found))
    assert set(found) == tagged


def test_filters_exclude_other_channels(tagging):
    kvs.create_channel("door", tags={"Site": "hq"})
    kvs.create_channel("gate", tags={"Site": "annex"})
    assert names(tagging.get_resources(ResourceTypeFilters=["ec2:instance"])) == []
    assert names(tagging.get_resources(ResourceTypeFilters=["kinesisvideo"])) == ["door", "gate"]
    assert names(tagging.get_resources(TagFilters=[{"Key": "Site", "Values": ["annex"]}])) == ["gate"]
    assert names(tagging.get_resources(TagFilters=[{"Key": "Env"}])) == []


@pytest.mark.parametrize("wrong", [{"ResourcesPerPage": 101}, {"PaginationToken": "made-up"}])
def test_invalid_get_resources_request_is_rejected(tagging, wrong):
    with pytest.raises(ClientError) as refused:
        tagging.get_resources(**wrong)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_get_resources_can_be_denied_and_is_logged(sandbox, tagging):
    sandbox.deny("tag:GetResources", region="eu-west-1")
    assert tagging.get_resources()["ResourceTagMappingList"] == []
    elsewhere = sandbox.connection(region="eu-west-1").client("resourcegroupstaggingapi")
    with pytest.raises(ClientError, match="not authorized to perform: tag:GetResources"):
        elsewhere.get_resources()
    assert sandbox.requests["operation"].tolist() == ["GetResources", "GetResources"]
    assert sandbox.requests["status"].tolist() == [200, 403]
