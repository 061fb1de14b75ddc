"""Regions and their partitions."""

from __future__ import annotations

import pytest

from kvs_notebook.aws.regions import all_regions, regions_in_partition_of


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
