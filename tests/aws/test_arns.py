"""ARNs and account ids: parsed in one place, whatever the partition."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook import errors
from kvs_notebook.aws.arns import ChannelArn, RoleArn, check_account_id
from kvs_notebook.aws.regions import known_regions, partition_of
from kvs_notebook.aws.service_model import bounds, service_model

MODEL_PATTERN = service_model().shape_for("ResourceARN").metadata["pattern"]
MODEL_LENGTH = bounds("ResourceARN")[1]
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"
PARTITIONS = {
    "us-east-1": "aws",
    "eu-west-1": "aws",
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
    "us-iso-east-1": "aws-iso",
    "us-isob-east-1": "aws-iso-b",
    "eu-isoe-west-1": "aws-iso-e",
    "eusc-de-east-1": "aws-eusc",
    "eusc-de-east-9": "aws-eusc",  # newer than botocore
    "us-gov-north-7": "aws-us-gov",
    "eu-nowhere-7": "aws",
    "nowhere": "aws",
}
account_ids = st.from_regex(r"[0-9]{12}", fullmatch=True)


@pytest.mark.parametrize(("region", "partition"), PARTITIONS.items())
def test_region_has_its_partition(region, partition):
    assert partition_of(region) == partition
    assert ChannelArn.build(region, "111122223333", "gate", 1).partition == partition


@given(
    st.sampled_from(known_regions()),
    account_ids,
    st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=256),
    st.integers(0),
)
def test_channel_arn_survives_text(region, account_id, name, created_ms):
    arn = ChannelArn.build(region, account_id, name, created_ms)
    assert ChannelArn.parse(str(arn)) == arn


@given(
    st.sampled_from(["aws", "aws-cn", "aws-us-gov", "aws-iso-b"]),
    account_ids,
    st.sampled_from(["", "service-role/", "a/b/"]),
    st.text(string.ascii_letters + string.digits + "_+=,.@-", min_size=1, max_size=64),
)
def test_role_arn_survives_text(partition, account_id, path, name):
    arn = RoleArn(partition, account_id, path, name)
    assert RoleArn.parse(str(arn)) == arn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Reader",
        None,
        7,
        "arn:aws:iam::1111:role/Reader",
        "arn:aws:iam::111122223333:user/Reader",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/Rea der",
        "arn:aws:iam::111122223333:role/Reader\n",
        "arn:aws:iam::\uff11\uff11\uff11\uff11\uff12\uff12\uff12\uff12\uff13\uff13\uff13\uff13:role/Reader",  # full-width digits
        "arn:aws:iam::11112222333x:role/Reader",
    ],
)
def test_other_text_is_not_a_role_arn(text):
    with pytest.raises(errors.InvalidInput, match="is not the ARN of an IAM role"):
        RoleArn.parse(text)


@pytest.mark.parametrize("account_id", ["", "1", "1" * 13, 111122223333, None, "\uff11" * 12, "11112222333x"])
def test_other_values_are_not_account_ids(account_id):
    with pytest.raises(errors.InvalidInput, match="12 digits"):
        check_account_id(account_id)


def test_channel_arn_is_parsed_and_formatted():
    arn = ChannelArn.parse(ARN)
    assert arn == ("aws", "us-east-1", "111122223333", "front-door", 1767603600000)
    assert str(arn) == ARN
    assert ChannelArn.parse(ARN.replace("arn:aws:", "arn:aws-cn:")).partition == "aws-cn"


@given(
    st.from_regex(MODEL_PATTERN, fullmatch=True)
    | st.from_regex(MODEL_PATTERN.replace("[a-z]+/", "channel/"), fullmatch=True)
)
def test_channel_arn_is_parsed_as_the_service_model_allows(arn):
    head, kind, name, created = re.fullmatch(r"(.*):([a-z]+)/(.*)/(.*)", arn).groups()
    if kind == "channel" and len(arn) <= MODEL_LENGTH:
        parsed = ChannelArn.parse(arn)
        assert f"arn:{parsed.partition}:kinesisvideo:{parsed.region}:{parsed.account_id}" == head
        assert (parsed.channel_name, parsed.created_ms) == (name, int(created))
    else:
        with pytest.raises(
            errors.InvalidInput, match=f"names a {kind}" if len(arn) <= MODEL_LENGTH else "allowed: 1 to"
        ):
            ChannelArn.parse(arn)


@pytest.mark.parametrize(
    ("arn", "because"),
    [
        (ARN.replace("front-door", "x" * 1_000), "(allowed: 1 to 1024)"),
        (
            ARN.replace(":channel/", ":stream/"),
            "names a stream. Expected a signaling channel's (arn:...:channel/NAME/NUMBER).",
        ),
        (ARN.rpartition("/")[0], "It has the form arn:aws:kinesisvideo:REGION:ACCOUNT:channel/NAME/NUMBER."),
        (ARN + "\n", "It has the form"),
        ("arn:aws:s3:::bucket", "It has the form"),
        (1.11122e11, "has type float. Expected a string."),
    ],
)
def test_other_arn_is_rejected_with_reason(arn, because):
    with pytest.raises(errors.InvalidInput, match=re.escape(because)):
        ChannelArn.parse(arn)
