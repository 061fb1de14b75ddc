"""Random lives of a few channels, over real HTTP, against a plain model of what the service promises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import kvs_notebook as kvs
from kvs_notebook.sandbox.clock import ManualClock

CREATING, UPDATING, DELETING = 1, 2, 3
NAMES = st.sampled_from(["a", "b", "a-1"])
REGIONS = st.sampled_from(["us-east-1", "eu-west-1"])
KEYS = st.sampled_from(["Site", "Owner", "Łódź"])


@dataclass
class Channel:
    """What the model knows of one channel."""

    arn: str
    ttl: int
    version: str
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "CREATING"
    until: int = 0


class Lives(RuleBasedStateMachine):
    """Do what clients do, in any order, and compare with the model after each step."""

    def __init__(self) -> None:
        super().__init__()
        slow = kvs.Assumptions(creating_seconds=CREATING, updating_seconds=UPDATING, deleting_seconds=DELETING)
        self.sandbox = kvs.Sandbox(clock=ManualClock(), quotas=False, assumptions=slow)
        self.clients = {
            region: self.sandbox.connection(region=region).client() for region in ("us-east-1", "eu-west-1")
        }
        self.now = 0
        self.changed: set[str] = set()
        self.channels: dict[tuple[str, str], Channel] = {}
        self.arns: set[str] = set()

    def teardown(self) -> None:
        try:
            self.check(self.clients)
        finally:
            self.sandbox.stop()

    def outcome(self, region: str, method: str, **request: Any) -> Any:
        """Return the reply, or the error code of the call."""
        self.changed.add(region)
        try:
            return getattr(self.clients[region], method)(**request)
        except ClientError as error:
            return error.response["Error"]["Code"]

    @rule(region=REGIONS, name=NAMES, ttl=st.integers(5, 120), tags=st.dictionaries(KEYS, st.just("v"), max_size=2))
    def create(self, region, name, ttl, tags):
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        got = self.outcome(region, "create_signaling_channel", ChannelName=name, Tags=pairs,
                           SingleMasterConfiguration={"MessageTtlSeconds": ttl})  # fmt: skip
        if (region, name) in self.channels:
            assert got == "ResourceInUseException"
        else:
            arn = got["ChannelARN"]
            assert arn not in self.arns
            self.arns.add(arn)
            version = self.info(region, name)["Version"]
            self.channels[region, name] = Channel(arn, ttl, version, tags, until=self.now + CREATING)

    @rule(region=REGIONS, name=NAMES, ttl=st.integers(5, 120), stale=st.booleans())
    def update(self, region, name, ttl, stale):
        known = self.channels.get((region, name))
        if known is None:
            return
        got = self.outcome(region, "update_signaling_channel", ChannelARN=known.arn,
                           CurrentVersion="stale" if stale else known.version,
                           SingleMasterConfiguration={"MessageTtlSeconds": ttl})  # fmt: skip
        if stale:
            assert got == "VersionMismatchException"
        elif known.status != "ACTIVE":
            assert got == "ResourceInUseException"
        else:
            version = self.info(region, name)["Version"]
            assert version != known.version
            known.ttl, known.version, known.status, known.until = ttl, version, "UPDATING", self.now + UPDATING

    @rule(region=REGIONS, name=NAMES)
    def delete(self, region, name):
        known = self.channels.get((region, name))
        if known is None:
            return
        got = self.outcome(region, "delete_signaling_channel", ChannelARN=known.arn)
        if known.status == "ACTIVE":
            known.status, known.until = "DELETING", self.now + DELETING
        else:
            assert got == "ResourceInUseException"

    @rule(region=REGIONS, name=NAMES, key=KEYS, value=st.sampled_from(["", "x", "=1+1"]))
    def tag(self, region, name, key, value):
        known = self.channels.get((region, name))
        if known is None:
            return
        got = self.outcome(region, "tag_resource", ResourceARN=known.arn, Tags=[{"Key": key, "Value": value}])
        if known.status == "DELETING":
            assert got == "ResourceNotFoundException"
        else:
            known.tags[key] = value

    @rule(region=REGIONS, name=NAMES, key=KEYS)
    def untag(self, region, name, key):
        known = self.channels.get((region, name))
        if known is not None and known.status != "DELETING":
            self.outcome(region, "untag_resource", ResourceARN=known.arn, TagKeyList=[key])
            known.tags.pop(key, None)

    @precondition(lambda self: self.arns)
    @rule(data=st.data())
    def touch_what_is_gone(self, data):
        gone = sorted(self.arns - {channel.arn for channel in self.channels.values()})
        if gone:
            arn = data.draw(st.sampled_from(gone))
            region = arn.split(":")[3]
            assert self.outcome(region, "delete_signaling_channel", ChannelARN=arn) == "ResourceNotFoundException"
            assert self.outcome(region, "list_tags_for_resource", ResourceARN=arn) == "ResourceNotFoundException"

    @rule(seconds=st.integers(1, 3))
    def let_time_pass(self, seconds):
        self.sandbox.advance(seconds)
        self.now += seconds
        self.changed.update(self.clients)
        for place, channel in list(self.channels.items()):
            if channel.status != "ACTIVE" and self.now >= channel.until:
                if channel.status == "DELETING":
                    del self.channels[place]
                else:
                    channel.status = "ACTIVE"

    def info(self, region: str, name: str) -> dict[str, Any]:
        info: dict[str, Any] = self.clients[region].describe_signaling_channel(ChannelName=name)["ChannelInfo"]
        return info

    @invariant()
    def changed_regions_are_what_the_model_knows(self):
        self.check(self.changed)
        self.changed.clear()

    def check(self, regions: Iterable[str]) -> None:
        """Compare the lists and tags of regions with the model."""
        for region in regions:
            client = self.clients[region]
            known = {name: channel for (place, name), channel in self.channels.items() if place == region}
            seen = {
                info["ChannelName"]: (
                    info["ChannelARN"],
                    info["ChannelStatus"],
                    info["SingleMasterConfiguration"]["MessageTtlSeconds"],
                    info["Version"],
                )
                for info in client.list_signaling_channels()["ChannelInfoList"]
            }
            assert seen == {
                name: (channel.arn, channel.status, channel.ttl, channel.version) for name, channel in known.items()
            }
            for channel in known.values():
                assert client.list_tags_for_resource(ResourceARN=channel.arn)["Tags"] == channel.tags


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
