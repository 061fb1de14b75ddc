"""ARNs of signaling channels and IAM roles, and AWS account ids."""

from __future__ import annotations

import re
from typing import NamedTuple

from kvs_notebook.aws.regions import partition_of
from kvs_notebook.aws.service_model import check_text
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

ACCOUNT_ID = re.compile("[0-9]{12}", re.ASCII)
CHANNEL_ARN = (
    r"arn:(?P<partition>[a-z\d-]+):kinesisvideo:(?P<region>[a-z0-9-]+):(?P<account_id>[0-9]+)"
    r":channel/(?P<channel_name>[a-zA-Z0-9_.-]+)/(?P<created_ms>[0-9]+)"
)
"""The service model's pattern of ARNs, for those that name a channel."""
MAX_ARN_LENGTH = 1024

_CHANNEL = re.compile(CHANNEL_ARN)
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/((?:[\x21-\x7e]+/)?)([\w+=,.@-]{1,64})", re.ASCII)


def check_account_id(account_id: object) -> str:
    """Return an AWS account id; raise InvalidInput if it is not a string of 12 digits."""
    if isinstance(account_id, str) and ACCOUNT_ID.fullmatch(account_id):
        return account_id
    raise InvalidInput(
        f"Account id {format_value(account_id)} is not a string of 12 digits. Expected one such as '111122223333'."
    )


class RoleArn(NamedTuple):
    """The parts of an IAM role's ARN: partition, account, path (``""``, or text that ends with ``/``) and name."""

    partition: str
    account_id: str
    path: str
    role_name: str

    @classmethod
    def parse(cls, text: object) -> RoleArn:
        """Parse an ARN; raise InvalidInput if it is not an IAM role's."""
        found = _ROLE.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidInput(
                f"{format_value(text)} is not the ARN of an IAM role. Expected arn:aws:iam::111122223333:role/NAME."
            )
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.path}{self.role_name}"


class ChannelArn(NamedTuple):
    """The parts of a channel's ARN: partition, region, account, name, and the creation time in epoch milliseconds."""

    partition: str
    region: str
    account_id: str
    channel_name: str
    created_ms: int

    @classmethod
    def build(cls, region: str, account_id: str, channel_name: str, created_ms: int) -> ChannelArn:
        """Return the ARN of a channel in a region, with the partition of that region."""
        return cls(partition_of(region), region, account_id, channel_name, created_ms)

    @classmethod
    def parse(cls, text: object) -> ChannelArn:
        """Parse an ARN; raise InvalidInput if it is not a signaling channel's."""
        found = _CHANNEL.fullmatch(text) if isinstance(text, str) else None
        if found is None or found.end() > MAX_ARN_LENGTH:
            raise InvalidInput(_why_not_channel(text))
        partition, region, account_id, name, created = found.groups()
        return cls(partition, region, account_id, name, int(created))

    def __str__(self) -> str:
        return (
            f"arn:{self.partition}:kinesisvideo:{self.region}:{self.account_id}"
            f":channel/{self.channel_name}/{self.created_ms}"
        )


def _why_not_channel(text: object) -> str:
    """Return what is wrong with an ARN that is not a channel's; raise InvalidInput if the service's model does not allow it."""
    checked = check_text(
        text, "ResourceARN", "Channel ARN", "It has the form arn:aws:kinesisvideo:REGION:ACCOUNT:channel/NAME/NUMBER."
    )
    kind = checked.split(":", 5)[5].split("/")[0]
    return f"ARN {format_value(text)} names a {kind}. Expected a signaling channel's (arn:...:channel/NAME/NUMBER)."
