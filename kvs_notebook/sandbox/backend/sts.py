"""STS in the XML of the query protocol: GetCallerIdentity and AssumeRole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from kvs_notebook.aws.arns import RoleArn
from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.backend.context import Caller, access_denied
from kvs_notebook.sandbox.backend.query_protocol import members_xml, response
from kvs_notebook.sandbox.backend.validation import ServiceError

OPERATIONS = ("GetCallerIdentity", "AssumeRole")
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
SHORTEST, DEFAULT, LONGEST = 900, 3600, 43_200
"""Duration of a session in seconds (STS's bounds)."""


def perform(
    operation: str, form: Mapping[str, str], caller: Caller, keys: AccessKeys, external_id: str | None
) -> bytes:
    """Perform an operation of STS; the sandbox's roles require ``external_id`` unless it is None.

    Raises
    ------
    ServiceError
        AccessDenied, ValidationError.
    """
    if operation == "GetCallerIdentity":
        user_id = f"AIDA{caller.access_key_id[4:]}"
        members = members_xml({"UserId": user_id, "Account": caller.account_id, "Arn": caller.principal_arn})
    else:
        members = _assume_role(form, caller, keys, external_id)
    return response(operation, members, NAMESPACE)


def _assume_role(form: Mapping[str, str], caller: Caller, keys: AccessKeys, external_id: str | None) -> str:
    name = form.get("RoleSessionName", "")
    try:
        role = RoleArn.parse(form.get("RoleArn", ""))
    except InvalidInput:
        role = None
    if role is None or not SESSION_NAME.fullmatch(name):
        raise ServiceError(
            "ValidationError", "RoleArn must be the ARN of a role, RoleSessionName 2 to 64 letters.", status=400
        )
    stated = form.get("DurationSeconds", str(DEFAULT))
    if not (re.fullmatch("[0-9]{1,9}", stated) and SHORTEST <= int(stated) <= LONGEST):
        raise ServiceError("ValidationError", f"DurationSeconds must be {SHORTEST} to {LONGEST}.", status=400)
    if external_id is not None and form.get("ExternalId") != external_id:
        raise access_denied(caller, "AssumeRole", dict(form))
    role_session = f"{role.role_name}/{name}"
    session = keys.issue_role_session(role.account_id, role_session, datetime.now(UTC) + timedelta(seconds=int(stated)))
    arn = Caller(role.account_id, caller.region, session.access_key_id, role_session).principal_arn
    credentials = members_xml(
        {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": session.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )
    user = members_xml({"AssumedRoleId": f"AROA{session.access_key_id[4:]}:{name}", "Arn": arn})
    return f"<Credentials>{credentials}</Credentials><AssumedRoleUser>{user}</AssumedRoleUser>"
