"""The AWS CLI on the sandbox, as its users run it: nothing in the command line knows of a sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kvs_notebook as kvs

BESIDE_PYTHON = str(Path(sys.executable).parent)
AWS = shutil.which("aws", path=BESIDE_PYTHON) or shutil.which("aws")
KVS_NOTEBOOK = str(Path(BESIDE_PYTHON) / "kvs-notebook")

pytestmark = pytest.mark.skipif(
    AWS is None and not os.environ.get("CI"), reason="the AWS CLI is not installed: pip install awscli"
)


PROGRAM = r"""
import io, json, os, shlex, time
from contextlib import redirect_stderr, redirect_stdout
from awscli.clidriver import create_clidriver

# One program for all lines: each `aws` would import the CLI anew.
aws = create_clidriver()

def run(line):
    with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()) as reported:
        code = aws.main(shlex.split(line))
    return code, printed.getvalue().strip(), reported.getvalue().strip()

def kv(line):
    code, printed, reported = run(f"kinesisvideo {line}")
    assert code == 0, (line, reported)
    return printed

def wait():
    while kv("describe-signaling-channel --channel-name nine --query ChannelInfo.ChannelStatus --output text") != "ACTIVE":
        time.sleep(0.2)  # below the quota

found = {
    "pages": json.loads(kv("list-signaling-channels --page-size 4"))["ChannelInfoList"],
    "identity": json.loads(run("sts get-caller-identity")[1]),
    "aliases": json.loads(run("iam list-account-aliases --endpoint-url " + os.environ["AWS_ENDPOINT_URL"])[1]),
    "missing": run("kinesisvideo describe-signaling-channel --channel-name missing"),
}
arn = kv("create-signaling-channel --channel-name nine --tags Key=Site,Value=hq"
         " --single-master-configuration MessageTtlSeconds=30 --query ChannelARN --output text")
wait()
kv(f"tag-resource --resource-arn {arn} --tags Key=Owner,Value=ops")
kv(f"untag-resource --resource-arn {arn} --tag-key-list Site")
found["tags"] = json.loads(kv(f"list-tags-for-resource --resource-arn {arn}"))["Tags"]
found["endpoints"] = json.loads(kv(f"get-signaling-channel-endpoint --channel-arn {arn}"
         " --single-master-channel-endpoint-configuration Protocols=WSS,HTTPS,Role=MASTER"))["ResourceEndpointList"]
version = kv(f"describe-signaling-channel --channel-arn {arn} --query ChannelInfo.Version --output text")
kv(f"update-signaling-channel --channel-arn {arn} --current-version {version}"
   " --single-master-configuration MessageTtlSeconds=90")
wait()
found["described"] = json.loads(kv("describe-signaling-channel --channel-name nine"))["ChannelInfo"]
kv(f"delete-signaling-channel --channel-arn {arn}")
found["listed"] = json.loads(kv("list-signaling-channels --query \"ChannelInfoList[?ChannelName=='nine']\""))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """Return what commands print in a sandbox with the example fleet."""
    with kvs.Sandbox() as sandbox:
        sandbox.seed(account_alias="acme-prod")
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=sandbox.environment(), capture_output=True, text=True, check=False, timeout=110,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_nine_operations_through_the_command(found):
    assert found["tags"] == {"Owner": "ops"}
    assert {endpoint["Protocol"] for endpoint in found["endpoints"]} == {"WSS", "HTTPS"}
    assert found["described"]["SingleMasterConfiguration"] == {"MessageTtlSeconds": 90}
    assert [info["ChannelStatus"] for info in found["listed"]] in (["DELETING"], [])


def test_error_reads_like_the_services(found):
    code, _, reported = found["missing"]
    assert code in {254, 255}
    assert (
        "An error occurred (ResourceNotFoundException) when calling the DescribeSignalingChannel operation: "
        "The requested channel is not found or not active."
    ) in reported


def test_identity_and_alias_name_the_account(found):
    assert found["identity"]["Account"] == "111122223333"
    assert found["aliases"] == {"AccountAliases": ["acme-prod"]}


def test_every_page_of_a_list_is_followed(found):
    assert len(found["pages"]) == 11


def test_command_runs_a_program_in_its_own_sandbox():
    assert AWS is not None
    done = subprocess.run(
        [KVS_NOTEBOOK, "sandbox", "--fleet", "--", AWS, "kinesisvideo", "list-signaling-channels", "--query",
         "length(ChannelInfoList)"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "11"
