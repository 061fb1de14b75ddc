"""A backend of the sandbox without HTTP, for unit tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.context import Caller, ServiceContext
from kvs_notebook.sandbox.backend.operations import perform
from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.clock import DerivedVersions, ManualClock


class Backend:
    """Call the operations of one backend as one caller, with a manual clock."""

    def __init__(
        self, *, store: Store | None = None, channel_quota: Callable[[str], int] | None = None, **assumptions: Any
    ) -> None:
        self.store = Store.open() if store is None else store
        self.clock = ManualClock()
        self.caller = Caller("111122223333", "us-east-1", "KVSB111122223333ABCD")
        self.service = ServiceContext(
            self.store,
            self.clock,
            DerivedVersions(),
            Assumptions(**assumptions),
            lambda: "127.0.0.1:4433",
            channel_quota,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def __call__(self, operation: str, *, caller: Caller | None = None, **request: Any) -> dict[str, Any]:
        return perform(self.service, caller or self.caller, operation, request)

    def create(self, name: str = "front-door", **request: Any) -> str:
        """Create a channel, advance time until it is ACTIVE, and return its ARN."""
        arn: str = self("CreateSignalingChannel", ChannelName=name, **request)["ChannelARN"]
        self.clock.advance(self.service.assumptions.creating_seconds)
        return arn

    def info(self, arn: str) -> dict[str, Any]:
        info: dict[str, Any] = self("DescribeSignalingChannel", ChannelARN=arn)["ChannelInfo"]
        return info

    def update(self, arn: str, ttl: int, version: str | None = None) -> dict[str, Any]:
        return self(
            "UpdateSignalingChannel",
            ChannelARN=arn,
            CurrentVersion=version or self.info(arn)["Version"],
            SingleMasterConfiguration={"MessageTtlSeconds": ttl},
        )

    def delete(self, arn: str, **request: Any) -> dict[str, Any]:
        return self("DeleteSignalingChannel", ChannelARN=arn, **request)

    def delete_for_good(self, arn: str) -> None:
        self.delete(arn)
        self.clock.advance(self.service.assumptions.deleting_seconds)

    def tag(self, arn: str, **tags: str) -> dict[str, Any]:
        return self("TagResource", ResourceARN=arn, Tags=pairs(tags))

    def tags(self, arn: str) -> dict[str, str]:
        tags: dict[str, str] = self("ListTagsForResource", ResourceARN=arn)["Tags"]
        return tags

    def endpoints(self, arn: str, role: str = "VIEWER", protocols: tuple[str, ...] = ("WSS", "HTTPS")) -> list[Any]:
        configuration = {"Role": role, "Protocols": list(protocols)}
        reply = self(
            "GetSignalingChannelEndpoint", ChannelARN=arn, SingleMasterChannelEndpointConfiguration=configuration
        )
        found: list[Any] = reply["ResourceEndpointList"]
        return found

    def names(self, page_size: int | None = None, prefix: str | None = None) -> list[str]:
        """List all pages; return the names in their order."""
        condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix} if prefix else None
        names: list[str] = []
        token = None
        while True:
            reply = self("ListSignalingChannels", MaxResults=page_size, NextToken=token, ChannelNameCondition=condition)
            names += [info["ChannelName"] for info in reply["ChannelInfoList"]]
            token = reply["NextToken"]
            if token is None:
                return names


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture(scope="session")
def open_backend() -> type[Backend]:
    """Return the class that opens a backend, for tests that need several or other assumptions."""
    return Backend


@pytest.fixture
def backend() -> Iterator[Backend]:
    """Return a backend with the default assumptions."""
    with Backend() as opened:
        yield opened
