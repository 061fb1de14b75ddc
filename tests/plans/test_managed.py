"""Which channels Terraform or CloudFormation manages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.errors import DamagedFile, InvalidInput
from tests.plans.fleets import Seen, fleet

ARN = Seen("gate").arn
AWSCC = "awscc_kinesisvideo_signaling_channel"
STATE = {
    "root_module": {
        "resources": [
            {"mode": "managed", "type": AWSCC, "address": "a.dock", "values": {"name": "dock"}},
            {"mode": "data", "type": AWSCC, "address": "data.a.read", "values": {"name": "read"}},
            {"mode": "managed", "type": "aws_kinesis_video_stream", "address": "a.video", "values": {"arn": "arn:x"}},
        ],
        "child_modules": [
            {
                "resources": [{"mode": "managed", "type": "other_channel", "address": "module.b.gate", "values": {"arn": ARN}}],
                "child_modules": [{}],
            }
        ],
    }
}  # fmt: skip


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_name_that_is_no_text_is_damaged(tmp_path: Path) -> None:
    channel = {"ResourceType": "AWS::KinesisVideo::SignalingChannel", "PhysicalResourceId": "\ud800"}
    with pytest.raises(DamagedFile, match="does not have the documented structure"):
        kvs.plans.read_cloudformation(written(tmp_path / "stack.json", {"StackResources": [channel]}))


@pytest.mark.parametrize(
    "document",
    [{"format_version": "1.0", "values": STATE}, {"format_version": "1.2", "prior_state": {"values": STATE}}],
)
def test_terraform_state_and_plan_name_their_channels(tmp_path: Path, document: Any) -> None:
    found = kvs.plans.read_terraform(written(tmp_path / "state.json", document))
    assert found.astype("object").where(found.notna(), None).to_numpy().tolist() == [
        ["dock", None, "Terraform a.dock"],
        ["gate", ARN, "Terraform module.b.gate"],
    ]


@pytest.mark.parametrize(
    ("member", "stack", "manager"),
    [("StackResources", {"StackName": "doors"}, "doors"), ("StackResourceSummaries", {}, "Door")],
)
def test_cloudformation_resources_name_their_channels(tmp_path: Path, member: str, stack: Any, manager: str) -> None:
    resource = {"LogicalResourceId": "Door", "ResourceType": "AWS::KinesisVideo::SignalingChannel", **stack}
    resources = [
        {**resource, "PhysicalResourceId": "dock", "ResourceStatus": "CREATE_COMPLETE"},
        {**resource, "PhysicalResourceId": "gone", "ResourceStatus": "DELETE_COMPLETE"},
        {**resource, "ResourceStatus": "CREATE_IN_PROGRESS"},
        {**resource, "ResourceType": "AWS::KinesisVideo::Stream", "PhysicalResourceId": "video"},
    ]
    found = kvs.plans.read_cloudformation(written(tmp_path / "stack.json", {member: resources}))
    assert found[["channel_name", "managed_by"]].to_numpy().tolist() == [["dock", f"CloudFormation {manager}"]]


def test_empty_outputs_give_empty_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for found in (
        kvs.plans.read_terraform(written(path, {"format_version": "1.0"})),
        kvs.plans.read_cloudformation(written(path, {"StackResources": []})),
    ):
        assert found.empty
        assert [*found.columns] == ["channel_name", "channel_arn", "managed_by"]


@pytest.mark.parametrize("document", [[], 7, {}, {"StackResources": {}}, {"StackResources": [7]}, {"values": {}}])
def test_other_json_is_refused(tmp_path: Path, document: Any) -> None:
    path = written(tmp_path / "a.json", document)
    with pytest.raises(DamagedFile):
        kvs.plans.read_cloudformation(path)
    with pytest.raises(DamagedFile):
        kvs.plans.read_terraform(path)


@pytest.mark.parametrize("state", [{"root_module": 7}, {"root_module": {"resources": [7]}}, [7]])
def test_broken_state_is_refused(tmp_path: Path, state: Any) -> None:
    with pytest.raises(DamagedFile, match="does not have the documented structure"):
        kvs.plans.read_terraform(written(tmp_path / "a.json", {"format_version": "1.0", "values": state}))


def test_missing_files_and_other_text_raise(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Can't read"):
        kvs.plans.read_terraform(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DamagedFile, match="not valid JSON"):
        kvs.plans.read_cloudformation(tmp_path / "a.json")


def test_arn_or_name_marks_what_is_managed() -> None:
    channels = fleet([Seen("dock"), Seen("gate"), Seen("hall"), Seen("gate", region="eu-west-1")]).assign(
        managed_by="me"
    )
    rows = [("dock", None, "Terraform"), ("gate", ARN, "CloudFormation")]
    managed = pd.DataFrame(rows, columns=["channel_name", "channel_arn", "managed_by"])
    marked = kvs.plans.mark_managed(channels, managed).set_index(["region", "channel_name"])["managed_by"]
    assert marked.to_dict() == {
        ("us-east-1", "dock"): "Terraform",
        ("us-east-1", "gate"): "CloudFormation",
        ("us-east-1", "hall"): "me",
        ("eu-west-1", "gate"): "me",
    }
