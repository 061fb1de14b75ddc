"""AssumeRole, by boto3."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.sandbox.backend.context import Caller
from kvs_notebook.sandbox.backend.query_protocol import LONGEST_FORM, error_response, parse_form
from kvs_notebook.sandbox.backend.validation import ServiceError
from tests.connections import connect_session
from tests.hostile_texts import HOSTILE

ROLE = "arn:aws:iam::444455556666:role/fleet/Reader"


@pytest.fixture
def sts(connection):
    return connection.client("sts")


def session_of(sandbox: kvs.Sandbox, credentials: dict[str, str]) -> boto3.Session:
    return boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], region_name="us-east-1"
    )


def test_assumed_role_has_keys_of_its_account(sandbox, sts):
    reply = sts.assume_role(RoleArn=ROLE, RoleSessionName="kvs-notebook")
    assert reply["AssumedRoleUser"]["Arn"] == "arn:aws:sts::444455556666:assumed-role/Reader/kvs-notebook"
    session = session_of(sandbox, reply["Credentials"])
    there = session.client("sts", endpoint_url=sandbox.endpoint_url)
    assert there.get_caller_identity()["Arn"] == reply["AssumedRoleUser"]["Arn"]
    kvs.create_channel("gate", connection=sandbox.connection("444455556666"))
    video = session.client("kinesisvideo", endpoint_url=sandbox.endpoint_url)
    assert [info["ChannelName"] for info in video.list_signaling_channels()["ChannelInfoList"]] == ["gate"]


def test_url_signed_by_a_role_is_accepted(sandbox, sts):
    credentials = sts.assume_role(RoleArn=ROLE, RoleSessionName="kvs-notebook")["Credentials"]
    kvs.create_channel("gate", connection=sandbox.connection("444455556666"))
    local_service = sandbox.connection("444455556666").config.local_service
    connection = connect_session(
        session_of(sandbox, credentials), "us-east-1", endpoint_url=sandbox.endpoint_url, local_service=local_service
    )
    assert "X-Amz-Security-Token=" in kvs.sign_url("gate", client_id="tablet", connection=connection).reveal()
    assert not kvs.get_ice_servers("gate", connection=connection).empty


@pytest.mark.parametrize(
    "wrong",
    [
        {"RoleArn": "arn:aws:iam::444455556666:user/Reader"},
        {"RoleSessionName": "a b"},
        {"RoleSessionName": "\N{LATIN SMALL LETTER E WITH ACUTE}" * 2},
        {"DurationSeconds": 43_201},
    ],
)
def test_invalid_assume_role_request_is_rejected(sts, wrong):
    with pytest.raises(ClientError) as refused:
        sts.assume_role(**{"RoleArn": ROLE, "RoleSessionName": "kvs-notebook", **wrong})
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("given", [{}, {"ExternalId": "another"}])
def test_role_requires_its_external_id(given):
    with kvs.Sandbox(assumptions=kvs.Assumptions(role_external_id="our-contract")) as sandbox:
        sts = sandbox.connection().client("sts")
        with pytest.raises(ClientError) as refused:
            sts.assume_role(RoleArn=ROLE, RoleSessionName="kvs-notebook", **given)
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
        assert ROLE in str(refused.value)
        assert sts.assume_role(RoleArn=ROLE, RoleSessionName="kvs-notebook", ExternalId="our-contract")


def test_assume_role_can_be_denied_and_is_logged(sandbox, sts):
    sandbox.deny("sts:AssumeRole")
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="kvs-notebook")
    (request,) = sandbox.requests.to_dict("records")
    assert (request["operation"], request["status"], request["error_code"]) == ("AssumeRole", 403, "AccessDenied")


def test_caller_is_an_iam_user_of_the_partition(connection):
    assert connection.identity().arn == "arn:aws:iam::111122223333:user/kvs-notebook-sandbox"
    assert connection.identity().user_id.startswith("AIDA111122223333")
    assert Caller("111122223333", "cn-north-1", "K").principal_arn.startswith("arn:aws-cn:iam::")


@given(st.text(st.characters()), st.sampled_from([*HOSTILE.values()]))
def test_error_of_any_text_is_well_formed_xml(code, message):
    """A request names its role, and the error quotes it: botocore could not parse a control character."""
    for text in (code, message):
        error = ServiceError(code, f"not authorized on resource: {text}")
        ET.fromstring(error_response(error, "https://sts.amazonaws.com/doc/2011-06-15/"))  # noqa: S314 - ours


@given(st.binary(max_size=40), st.integers(0, 20))
def test_form_is_parsed_up_to_its_bound(name, over):
    """It is parsed before the signature is verified: a body of 1 MB took a third of a second."""
    form = b"Action=AssumeRole&" + name
    assert parse_form(form)["Action"] == "AssumeRole" or b"Action" in name
    assert parse_form(form.ljust(LONGEST_FORM, b"&")) == parse_form(form)
    assert parse_form(form.ljust(LONGEST_FORM + 1 + over, b"&")) == {}
