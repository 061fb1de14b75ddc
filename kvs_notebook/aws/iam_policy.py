"""Policy: the IAM actions that each function needs, and the least policy that lets the toolkit do its work.

GetCallerIdentity is in no row: AWS asks no permission for it. A form needs what the functions that it calls need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kvs_notebook.aws.arns import RoleArn, check_account_id
from kvs_notebook.aws.regions import PUBLIC_PARTITION, check_region, partition_of
from kvs_notebook.aws.validation import check_channel_name

CREATE = "kinesisvideo:CreateSignalingChannel"
DELETE = "kinesisvideo:DeleteSignalingChannel"
DESCRIBE = "kinesisvideo:DescribeSignalingChannel"
ENDPOINT = "kinesisvideo:GetSignalingChannelEndpoint"
ICE = "kinesisvideo:GetIceServerConfig"
LIST = "kinesisvideo:ListSignalingChannels"
LIST_TAGS = "kinesisvideo:ListTagsForResource"
MASTER = "kinesisvideo:ConnectAsMaster"
TAG = "kinesisvideo:TagResource"
UNTAG = "kinesisvideo:UntagResource"
UPDATE = "kinesisvideo:UpdateSignalingChannel"
VIEWER = "kinesisvideo:ConnectAsViewer"
ASSUME_ROLE = "sts:AssumeRole"
BULK_TAGS = "tag:GetResources"
REGIONS = "account:ListRegions"

FUNCTIONS: Mapping[str, frozenset[str]] = {
    "list_channels": frozenset({LIST, LIST_TAGS}),
    "describe_channel": frozenset({DESCRIBE}),
    # TagResource, for a create with tags, is an assumption; tags are listed to settle a create whose reply was lost.
    "create_channel": frozenset({CREATE, TAG, DESCRIBE, LIST_TAGS}),
    "update_channel": frozenset({UPDATE, DESCRIBE}),
    "delete_channel": frozenset({DELETE, DESCRIBE}),
    "wait_for_channel": frozenset({DESCRIBE}),
    "list_tags": frozenset({LIST_TAGS, DESCRIBE}),
    "tag_channel": frozenset({TAG, LIST_TAGS, DESCRIBE}),
    "untag_channel": frozenset({UNTAG, LIST_TAGS, DESCRIBE}),
    "get_endpoints": frozenset({ENDPOINT, DESCRIBE}),
    "get_ice_servers": frozenset({ICE, ENDPOINT, DESCRIBE}),
    # Whoever connects by a signed URL does so with the permissions of the identity that has signed it.
    "sign_url": frozenset({ENDPOINT, DESCRIBE, MASTER, VIEWER}),
    "open_signaling": frozenset({ENDPOINT, DESCRIBE, MASTER, VIEWER}),
    "inventory": frozenset({LIST, LIST_TAGS, BULK_TAGS, REGIONS, ASSUME_ROLE}),
}
"""What each public function needs, with all of its options; one that is not here needs nothing.

A channel's name given in place of a row or an ARN is what DescribeSignalingChannel is needed for in the rows that read.
"""

CHANNEL, ROLE, ANY = "channel", "role", "*"


class Action(NamedTuple):
    """What an action works on (``ANY``: it takes no resource), and whether AWS counts it as List or Read."""

    resource: str
    reads: bool


ACTIONS: Mapping[str, Action] = {
    CREATE: Action(CHANNEL, reads=False),
    DELETE: Action(CHANNEL, reads=False),
    DESCRIBE: Action(CHANNEL, reads=True),
    ENDPOINT: Action(CHANNEL, reads=True),
    ICE: Action(CHANNEL, reads=True),
    LIST: Action(ANY, reads=True),
    LIST_TAGS: Action(CHANNEL, reads=True),
    MASTER: Action(CHANNEL, reads=False),
    TAG: Action(CHANNEL, reads=False),
    UNTAG: Action(CHANNEL, reads=False),
    UPDATE: Action(CHANNEL, reads=False),
    VIEWER: Action(CHANNEL, reads=False),
    ASSUME_ROLE: Action(ROLE, reads=False),
    BULK_TAGS: Action(ANY, reads=True),
    REGIONS: Action(ANY, reads=True),
}

EVERY = "*"


def iam_policy(
    *,
    read_only: bool = False,
    account_id: str | None = None,
    region: str | None = None,
    prefix: str | None = None,
    role_arns: Sequence[str] = (),
) -> dict[str, Any]:
    """Give the least IAM policy for what the toolkit does.

    Parameters
    ----------
    read_only
        Leave out what changes a channel or its tags, and connecting to one: the actions that AWS counts as neither List nor Read.
    account_id, region, prefix
        Only the channels of this account, in this region, whose name begins with this; None takes every one. The region says
        the partition (``aws-cn``, ``aws-us-gov``); without one it is that of public AWS.
    role_arns
        The roles that inventory() may assume. Where none is named, the policy lets it assume none.

    Returns
    -------
    dict
        The policy document, always in the same order. Actions that take no resource, ListSignalingChannels among them, stand
        in a statement of their own, which account, region and prefix do not narrow.

    Raises
    ------
    InvalidInput
        For an account, region, prefix or role that cannot be one.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> everywhere, channels = kvs.iam_policy(read_only=True, region="eu-west-1", prefix="lab-")["Statement"]
    >>> everywhere["Action"]
    ['account:ListRegions', 'kinesisvideo:ListSignalingChannels', 'tag:GetResources']
    >>> channels["Resource"]
    'arn:aws:kinesisvideo:eu-west-1:*:channel/lab-*/*'
    """
    if account_id is not None:
        check_account_id(account_id)
    for role_arn in role_arns:
        RoleArn.parse(role_arn)
    partition = PUBLIC_PARTITION if region is None else partition_of(check_region(region))
    names = f"{check_channel_name(prefix) if prefix is not None else ''}*"
    resources: dict[str, str | list[str]] = {
        ANY: EVERY,
        CHANNEL: f"arn:{partition}:kinesisvideo:{region or EVERY}:{account_id or EVERY}:channel/{names}/*",
    }
    if role_arns:
        roles = sorted(set(role_arns))
        resources[ROLE] = roles if len(roles) > 1 else roles[0]
    return {"Version": "2012-10-17", "Statement": list(_statements(resources, read_only=read_only))}


def _statements(resources: Mapping[str, str | list[str]], *, read_only: bool) -> Iterator[dict[str, Any]]:
    """Give one statement for each kind of resource. To assume a role that was named is no change, whatever AWS counts it as."""
    needed = sorted(frozenset().union(*FUNCTIONS.values()))
    for kind, resource in resources.items():
        of_kind = [action for action in needed if ACTIONS[action].resource == kind]
        allowed = [action for action in of_kind if ACTIONS[action].reads or kind == ROLE or not read_only]
        yield {"Effect": "Allow", "Action": allowed, "Resource": resource}
