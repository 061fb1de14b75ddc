"""Regions and their partitions."""

from __future__ import annotations

import pytest

from kvs_notebook.aws.regions import (
    _AREA_AND_NUMBER,
    all_regions,
    check_region,
    check_region_spelling,
    known_regions,
    may_be_region,
    regions_in_partition_of,
)
from kvs_notebook.errors import InvalidInput


@pytest.mark.parametrize(
    ("region", "others"),
    [
        ("us-gov-west-1", {"us-gov-east-1"}),
        ("us-east-1", {"eu-west-1", "ap-northeast-1"}),
        ("eu-central-2", {"eu-west-1"}),  # public, without the service
        ("nowhere", {"eu-west-1"}),  # botocore's clients also use public AWS
    ],
)
def test_regions_in_partition_are_those_of_region(region, others):
    beside = regions_in_partition_of(region)
    assert others <= set(beside)
    assert len({name.startswith("us-gov-") for name in beside}) == 1
    assert not [name for name in beside if name.startswith("cn-")]


def test_region_without_service_is_alone():
    assert regions_in_partition_of("us-isob-east-1") == ["us-isob-east-1"]


def test_all_regions_are_unique_and_have_partition():
    found = all_regions()
    assert {"us-east-1", "us-gov-west-1", "cn-north-1"} < set(found)
    assert found == sorted(set(found))
    assert {name for region in found for name in regions_in_partition_of(region)} == set(found)


NO_REGIONS = (
    "us-esat-1", "us-east-1a", "us-east-99", "us-east-0", "us-east", "useast1", "US-EAST-1", " us-east-1", "us-east-1\n", "",
    "é", "x" * 300, "aws-global", "moon-base-1", "xx-west-1", "eu-wst-1", "us_east_1", "us-gov-moon-1", "eu-west-\u0661",
)  # fmt: skip


@pytest.mark.parametrize("region", NO_REGIONS)
def test_code_that_no_region_can_have_is_rejected(region):
    assert not may_be_region(region)
    with pytest.raises(InvalidInput, match="is not a known AWS region"):
        check_region(region, newer=True)


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-isob-west-1", "ap-southeast-8", "mx-west-1"])
def test_known_regions_and_possible_newer_ones_are_accepted(region):
    assert check_region(region, newer=True) == region


@pytest.mark.parametrize("region", ["us-esat-1", "us-east-1a", "us-east1", "US-East-1", " us-east-1", "us-eat-1"])
def test_known_region_with_one_mistake_is_named(region):
    with pytest.raises(InvalidInput, match=rf"^'{region}' is not a known AWS region\. Did you mean 'us-east-1'\?$"):
        check_region_spelling(region)


@pytest.mark.parametrize("region", ["us-east-1", "us-east-3", "xx-west-1", "moon-base-1", "local"])
def test_other_codes_may_be_newer_regions(region):
    assert check_region_spelling(region) == region


def test_every_region_of_botocore_may_be_a_region():
    assert [region for region in known_regions() if not may_be_region(region)] == []
    forms = [region for region in known_regions() if not _AREA_AND_NUMBER.fullmatch(region)]
    assert forms == []
