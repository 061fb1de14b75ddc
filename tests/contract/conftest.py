"""One suite for the sandbox and, when asked, for a real account: ``pytest tests/contract --real-aws-profile NAME``.

What the service's contract marks sure or likely is asserted of both; what it marks as inferred, of the sandbox alone. On a real
account the channels that a test makes are called ``kvs-notebook-contract-...`` and are deleted when it ends.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import kvs_notebook as kvs

PREFIX = "kvs-notebook-contract-"


class Service:
    """A boto3 client of the service, with what tests need beside it."""

    def __init__(self, client: Any, account_id: str, let_time_pass: Callable[[], None]) -> None:
        self.client = client
        self.account_id = account_id
        self.region = client.meta.region_name
        self.let_time_pass = let_time_pass
        self._made: list[str] = []

    def name(self) -> str:
        return f"{PREFIX}{uuid.uuid4().hex[:12]}"

    def create(self, name: str | None = None, *, active: bool = True, **more: Any) -> str:
        """Create a channel, wait until it is ACTIVE, and return its ARN; it is deleted when the test ends."""
        arn: str = self.client.create_signaling_channel(ChannelName=name or self.name(), **more)["ChannelARN"]
        self.made(arn)
        if active:
            self.until(arn, "ACTIVE")
        return arn

    def made(self, arn: str) -> None:
        """Delete a channel when the test ends."""
        self._made.append(arn)

    def info(self, arn: str) -> dict[str, Any]:
        info: dict[str, Any] = self.client.describe_signaling_channel(ChannelARN=arn)["ChannelInfo"]
        return info

    def until(self, arn: str, status: str | None, *, version_other_than: str | None = None) -> None:
        """Poll until a channel has a status, or with None until it is deleted."""
        for _ in range(60):
            try:
                info = self.info(arn)
            except self.client.exceptions.ResourceNotFoundException:
                if status is None:
                    return
            else:
                if info["ChannelStatus"] == status and info["Version"] != version_other_than:
                    return
            self.let_time_pass()
        raise AssertionError(f"{arn} did not become {status} within 60 polls")

    def rejection(self, operation: str, **request: Any) -> str:
        """Return the error code of a call."""
        with pytest.raises(ClientError) as refused:
            getattr(self.client, operation)(**request)
        return str(refused.value.response["Error"]["Code"])

    def clean_up(self) -> None:
        for arn in self._made:
            try:
                self.until(arn, "ACTIVE")
                self.client.delete_signaling_channel(ChannelARN=arn)
            except (AssertionError, ClientError):  # the test has deleted it itself
                continue


def on_sandbox() -> Iterator[Service]:
    slow = kvs.Assumptions(deleting_seconds=5)  # on a clock that each request moves by a second
    with kvs.Sandbox(clock="stepped", quotas=False, assumptions=slow) as sandbox:
        yield Service(sandbox.connection().client(), sandbox.account_id, lambda: sandbox.advance(1))


def on_real_account(profile: str) -> Iterator[Service]:
    session = boto3.Session(profile_name=profile)
    config = Config(retries={"mode": "standard"})
    identity = session.client("sts").get_caller_identity()
    service = Service(session.client("kinesisvideo", config=config), identity["Account"], lambda: time.sleep(1))
    yield service
    service.clean_up()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "service" in metafunc.fixturenames:
        places = [pytest.param("sandbox", id="sandbox")]
        if metafunc.config.getoption("--real-aws-profile"):
            places.append(pytest.param("real", id="real", marks=pytest.mark.real_aws))
        metafunc.parametrize("service", places, indirect=True)


@pytest.fixture
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Return the service: a sandbox, or a real account."""
    if request.param == "sandbox":
        yield from on_sandbox()
    else:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.delenv(name)
        yield from on_real_account(request.config.getoption("--real-aws-profile"))
