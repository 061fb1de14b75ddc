"""The AWS CLI on the sandbox, as its users run it: nothing in the command line knows of a sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
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


class Shell:
    """Run ``aws kinesisvideo ...`` in a sandbox's environment."""

    def __init__(self, sandbox: kvs.Sandbox) -> None:
        self._environment = sandbox.environment()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        assert AWS is not None, "pip install awscli"
        command = [AWS, *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=60)

    def __call__(self, *arguments: str) -> Any:
        done = self.run("kinesisvideo", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def aws() -> Iterator[Shell]:
    with kvs.Sandbox(clock="stepped") as sandbox:
        yield Shell(sandbox)


NINE = r"""
import io, shlex
from contextlib import redirect_stdout
from awscli.clidriver import create_clidriver

def kv(line):
    # What `aws kinesisvideo ...` prints; a program of its own for each line would import the CLI anew.
    with redirect_stdout(io.StringIO()) as printed:
        code = create_clidriver().main(["kinesisvideo", *shlex.split(line)])
    assert code == 0, line
    return printed.getvalue().strip()

def wait():
    while kv("describe-signaling-channel --channel-name front-door --query ChannelInfo.ChannelStatus --output text") != "ACTIVE":
        pass

arn = kv("create-signaling-channel --channel-name front-door --tags Key=Site,Value=hq"
         " --single-master-configuration MessageTtlSeconds=30 --query ChannelARN --output text")
wait()
kv(f"tag-resource --resource-arn {arn} --tags Key=Owner,Value=ops")
kv(f"untag-resource --resource-arn {arn} --tag-key-list Site")
print(kv(f"list-tags-for-resource --resource-arn {arn}"))
print(kv(f"get-signaling-channel-endpoint --channel-arn {arn}"
         " --single-master-channel-endpoint-configuration Protocols=WSS,HTTPS,Role=MASTER"))
version = kv(f"describe-signaling-channel --channel-arn {arn} --query ChannelInfo.Version --output text")
kv(f"update-signaling-channel --channel-arn {arn} --current-version {version}"
   " --single-master-configuration MessageTtlSeconds=90")
wait()
print(kv("describe-signaling-channel --channel-name front-door"))
kv(f"delete-signaling-channel --channel-arn {arn}")
print(kv("list-signaling-channels"))
"""


def test_nine_operations_through_the_command():
    done = subprocess.run(
        [KVS_NOTEBOOK, "sandbox", "--", sys.executable, "-c", NINE],
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    tags, endpoints, described, listed = documents(done.stdout)
    assert tags["Tags"] == {"Owner": "ops"}
    assert {endpoint["Protocol"] for endpoint in endpoints["ResourceEndpointList"]} == {"WSS", "HTTPS"}
    assert described["ChannelInfo"]["SingleMasterConfiguration"] == {"MessageTtlSeconds": 90}
    assert [info["ChannelStatus"] for info in listed["ChannelInfoList"]] in (["DELETING"], [])


def documents(text: str) -> list[Any]:
    """Parse JSON documents that follow one another."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def test_error_reads_like_the_services(aws):
    done = aws.run("kinesisvideo", "describe-signaling-channel", "--channel-name", "missing")
    assert done.returncode in {254, 255}
    assert (
        "An error occurred (ResourceNotFoundException) when calling the DescribeSignalingChannel operation: "
        "The requested channel is not found or not active."
    ) in done.stderr


def test_get_caller_identity_names_the_account(aws):
    done = aws.run("sts", "get-caller-identity")
    assert json.loads(done.stdout)["Account"] == "111122223333"


def test_every_page_of_a_list_is_followed(tmp_path):
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(max_page_size=7)) as sandbox:
        sandbox.seed(30)
        listed = Shell(sandbox)("list-signaling-channels")["ChannelInfoList"]
    assert len(listed) == 30


def test_command_runs_a_program_in_its_own_sandbox():
    assert AWS is not None
    done = subprocess.run(
        [KVS_NOTEBOOK, "sandbox", "--fleet", "--", AWS, "kinesisvideo", "list-signaling-channels", "--query",
         "length(ChannelInfoList)"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "11"
