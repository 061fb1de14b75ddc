"""The IAM actions that each public function needs, and the smallest policy that allows them.

GetCallerIdentity needs no permission. A form needs the actions of the functions that it calls.
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
    "list_channels": frozenset({LIST, LIST_TAGS, BULK_TAGS}),
    "describe_channel": frozenset({DESCRIBE}),
    # TagResource, for a create with tags, is an assumption; tags are listed to reconcile a create whose reply was lost.
    "create_channel": frozenset({CREATE, TAG, DESCRIBE, LIST_TAGS}),
    "update_channel": frozenset({UPDATE, DESCRIBE}),
    "delete_channel": frozenset({DELETE, DESCRIBE}),
    "wait_for_channel": frozenset({DESCRIBE}),
    "list_tags": frozenset({LIST_TAGS, DESCRIBE}),
    "tag_channel": frozenset({TAG, LIST_TAGS, DESCRIBE}),
    "untag_channel": frozenset({UNTAG, LIST_TAGS, DESCRIBE}),
    "get_endpoints": frozenset({ENDPOINT, DESCRIBE}),
    "get_ice_servers": frozenset({ICE, ENDPOINT, DESCRIBE}),
    # A client that connects by a signed URL has the permissions of the identity that signed it.
    "sign_url": frozenset({ENDPOINT, DESCRIBE, MASTER, VIEWER}),
    "open_signaling": frozenset({ENDPOINT, DESCRIBE, MASTER, VIEWER}),
    "inventory": frozenset({LIST, LIST_TAGS, BULK_TAGS, REGIONS, ASSUME_ROLE}),
}
"""The actions that each public function needs with all of its options; a function that is not listed needs none.

Functions that read need DescribeSignalingChannel if a channel is given by its name, to get its ARN.
"""

CHANNEL, ROLE, ANY = "channel", "role", "*"


class Action(NamedTuple):
    """The resource of an action (``ANY`` if it takes none), and whether its access level is List or Read."""

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
    """Return the smallest IAM policy that the toolkit needs.

    Parameters
    ----------
    read_only
        Leave out actions whose access level is not List or Read: changing channels and tags, and connecting to a channel.
    account_id, region, prefix
        Allow only channels of this account, in this region, whose names begin with the prefix; None allows all. The ARN has
        the region's partition (``aws-cn``, ``aws-us-gov``), and ``aws`` if no region is given.
    role_arns
        The roles that inventory() may assume; the default is none.

    Returns
    -------
    dict
        The policy document, always in the same order. Actions that take no resource, such as ListSignalingChannels, are in
        their own statement, to which account, region and prefix do not apply.

    Raises
    ------
    InvalidInput
        If an account id, region, prefix or role ARN is not valid.

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
    """Yield one statement for each kind of resource. A read-only policy allows assuming the roles that were given."""
    needed = sorted(frozenset().union(*FUNCTIONS.values()))
    for kind, resource in resources.items():
        of_kind = [action for action in needed if ACTIONS[action].resource == kind]
        allowed = [action for action in of_kind if ACTIONS[action].reads or kind == ROLE or not read_only]
        yield {"Effect": "Allow", "Action": allowed, "Resource": resource}
