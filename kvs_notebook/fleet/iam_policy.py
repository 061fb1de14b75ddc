"""The IAM actions that each public function needs, and the smallest policy that allows them.

GetCallerIdentity needs no permission. A form needs the actions of the functions that it calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kvs_notebook.arguments import check_texts
from kvs_notebook.aws.arns import ACCOUNT_ID, RoleArn, check_account_id
from kvs_notebook.aws.regions import PUBLIC_PARTITION, check_region, partition_of
from kvs_notebook.aws.validation import check_channel_name
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.accounts import AccountsFile, accounts_to_read
from kvs_notebook.formatting import format_value

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
ALIAS = "iam:ListAccountAliases"

_OF_PLANS = frozenset({LIST, DESCRIBE, LIST_TAGS, BULK_TAGS, CREATE, TAG, UNTAG, UPDATE, DELETE, ASSUME_ROLE})

FUNCTIONS: Mapping[str, frozenset[str]] = {
    "list_channels": frozenset({LIST, LIST_TAGS, BULK_TAGS}),
    "describe_channel": frozenset({DESCRIBE}),
    # TagResource, for a create with tags, is an assumption; tags are listed to reconcile a create whose reply was lost.
    "create_channel": frozenset({CREATE, TAG, DESCRIBE, LIST_TAGS}),
    "update_channel": frozenset({UPDATE, DESCRIBE}),
    "delete_channel": frozenset({DELETE, DESCRIBE}),
    "wait_for_channel": frozenset({DESCRIBE}),
    "watch_channel": frozenset({DESCRIBE}),
    "list_tags": frozenset({LIST_TAGS, DESCRIBE}),
    "tag_channel": frozenset({TAG, LIST_TAGS, DESCRIBE}),
    "untag_channel": frozenset({UNTAG, LIST_TAGS, DESCRIBE}),
    "get_endpoints": frozenset({ENDPOINT, DESCRIBE}),
    "get_ice_servers": frozenset({ICE, ENDPOINT, DESCRIBE}),
    # A client that connects by a signed URL has the permissions of the identity that signed it.
    "sign_url": frozenset({ENDPOINT, DESCRIBE, MASTER, VIEWER}),
    "open_signaling": frozenset({ENDPOINT, DESCRIBE, MASTER, VIEWER}),
    "inventory": frozenset({LIST, LIST_TAGS, BULK_TAGS, REGIONS, ASSUME_ROLE}),
    "apply_plan": _OF_PLANS,
    "resume_plan": _OF_PLANS,
}
"""The actions that each public function needs with all of its options; a function that is not listed needs none.

Functions that read need DescribeSignalingChannel if a channel is given by its name, to get its ARN.
"""

OPTIONAL = frozenset({ALIAS})
"""Actions that no function needs: without ListAccountAliases, forms and the console show the account's id without its alias."""

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
    ALIAS: Action(ANY, reads=True),
}

EVERY = "*"

PASSWORDS = frozenset({ICE})
"""Actions that only read, and return passwords: with them, media can be relayed at the account's expense."""

VERSION = "2012-10-17"
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


def iam_policy(
    *,
    read_only: bool = False,
    auditor: bool = False,
    account_id: str | None = None,
    region: str | None = None,
    prefix: str | None = None,
    role_arns: Sequence[str] = (),
    accounts: AccountsFile | None = None,
    role_name: str | None = None,
) -> dict[str, Any]:
    """Return the smallest IAM policy that the toolkit needs.

    It also allows iam:ListAccountAliases, for the account's alias in forms and
    the console: without it they show the account's id only.

    Parameters
    ----------
    read_only
        Leave out actions whose access level is not List or Read: changing
        channels and tags, and connecting to a channel.
    auditor
        As read_only, and without GetIceServerConfig, which returns passwords
        of TURN servers.
    account_id, region, prefix
        Allow only channels of this account, in this region, whose names begin
        with the prefix; None allows all. The ARN has the region's partition
        (``aws-cn``, ``aws-us-gov``), and ``aws`` if no region is given.
    role_arns
        The roles that inventory() may assume. By default, the policy allows to
        assume no role.
    accounts, role_name
        The accounts file or frame of inventory(), and the name of a role in
        each of its accounts: each role that it names may be assumed too. An
        account with a profile needs none. Roles for changes
        (``change_role_arn``) are allowed unless the policy only reads.

    Returns
    -------
    dict
        The policy document, always in the same order. Actions that take no
        resource, such as ListSignalingChannels, are in their own statement, to
        which account, region and prefix do not apply.

    Raises
    ------
    InvalidInput
        If an account id, region, prefix or role ARN, or the accounts file, is
        not valid.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> everywhere, channels = kvs.iam_policy(read_only=True, region="eu-west-1", prefix="lab-")["Statement"]
    >>> everywhere["Action"]
    ['account:ListRegions', 'iam:ListAccountAliases', 'kinesisvideo:ListSignalingChannels', 'tag:GetResources']
    >>> channels["Resource"]
    'arn:aws:kinesisvideo:eu-west-1:*:channel/lab-*/*'
    """
    if account_id is not None:
        check_account_id(account_id)
    for role_arn in check_texts("role_arns", role_arns, "['arn:aws:iam::111122223333:role/NAME']"):
        RoleArn.parse(role_arn)
    partition = PUBLIC_PARTITION if region is None else partition_of(check_region(region))
    names = f"{check_channel_name(prefix) if prefix is not None else ''}*"
    only_reads = read_only or auditor
    named = [*_roles_of(accounts, role_name, partition, only_reads=only_reads)]
    resources: dict[str, str | list[str]] = {
        ANY: EVERY,
        CHANNEL: f"arn:{partition}:kinesisvideo:{region or EVERY}:{account_id or EVERY}:channel/{names}/*",
    }
    if roles := sorted({*role_arns, *named}):
        resources[ROLE] = roles if len(roles) > 1 else roles[0]
    left_out = PASSWORDS if auditor else frozenset[str]()
    return {"Version": VERSION, "Statement": list(_statements(resources, left_out, read_only=only_reads))}


def _roles_of(
    accounts: AccountsFile | None, role_name: str | None, partition: str, *, only_reads: bool
) -> Iterator[str]:
    """Yield the roles of an accounts file that inventory() assumes, and those that apply_plan() does."""
    for account in accounts_to_read(None, None, None, accounts, role_name=role_name, partition=partition):
        if account.role_arn is not None:
            yield account.role_arn
        if account.change_role_arn is not None and not only_reads:
            yield account.change_role_arn


def _statements(
    resources: Mapping[str, str | list[str]], left_out: frozenset[str], *, read_only: bool
) -> Iterator[dict[str, Any]]:
    """Yield one statement for each kind of resource. A read-only policy allows assuming the roles that were given."""
    needed = sorted(OPTIONAL.union(*FUNCTIONS.values()))
    for kind, resource in resources.items():
        of_kind = [action for action in needed if ACTIONS[action].resource == kind and action not in left_out]
        allowed = [action for action in of_kind if ACTIONS[action].reads or kind == ROLE or not read_only]
        yield {"Effect": "Allow", "Action": allowed, "Resource": resource}


def trust_policy(trusted: str, *, external_id: str | None = None, region: str | None = None) -> dict[str, Any]:
    """Return the trust policy of a role that inventory() assumes.

    It lists the identities that may assume the role.

    Parameters
    ----------
    trusted
        An account id, whose administrators then decide which of its identities
        may assume the role, or the ARN of one role.
    external_id
        The external id that has to be sent, as inventory(external_id=...)
        does; None requires none.
    region
        A region of the partition of an account id (``aws-cn``,
        ``aws-us-gov``); None takes ``aws``.

    Returns
    -------
    dict
        The policy document.

    Raises
    ------
    InvalidInput
        If trusted is neither an account id nor the ARN of a role, or the
        external id or the region is not valid.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> (statement,) = kvs.trust_policy("111122223333", external_id="fleet-1")["Statement"]
    >>> statement["Principal"], statement["Condition"]
    ({'AWS': 'arn:aws:iam::111122223333:root'}, {'StringEquals': {'sts:ExternalId': 'fleet-1'}})
    """
    partition = PUBLIC_PARTITION if region is None else partition_of(check_region(region))
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": _principal(trusted, partition)},
        "Action": ASSUME_ROLE,
    }
    if external_id is not None:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": _check_external_id(external_id)}}
    return {"Version": VERSION, "Statement": [statement]}


def _check_external_id(external_id: object) -> str:
    if isinstance(external_id, str) and _EXTERNAL_ID.fullmatch(external_id):
        return external_id
    raise InvalidInput(
        f"External id {format_value(external_id)} is not valid. Expected 2 to 1,224 letters, digits and _ + = , . @ : / -."
    )


def _principal(trusted: object, partition: str) -> str:
    if isinstance(trusted, str) and ACCOUNT_ID.fullmatch(trusted):
        return f"arn:{partition}:iam::{trusted}:root"
    try:
        return str(RoleArn.parse(trusted))
    except InvalidInput as error:
        raise InvalidInput(
            f"{format_value(trusted)} is not an account id or the ARN of a role. Expected 12 digits, or "
            "arn:aws:iam::111122223333:role/NAME."
        ) from error
