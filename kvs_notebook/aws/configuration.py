"""The user's AWS configuration: sessions of a profile, its region, and where its credentials come from."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.botocore_internals import (
    bound_replies_of_session,
    open_session,
    prepare_role_provider,
    run_credential_processes_with,
)
from kvs_notebook.aws.client_config import client_config
from kvs_notebook.aws.credential_process import BoundedProcess
from kvs_notebook.aws.mfa import ask_for_code

if TYPE_CHECKING:
    import boto3
    import botocore.session

REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""Variables that name the region, in order of precedence: as for AWS CLI v2 and the other SDKs; boto3 reads the second only."""

CONTAINER_VARIABLES = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
"""Variables that name the endpoint of a container's credentials, in botocore's order; they count if the profile has no source."""

INSTANCE_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
TOKEN_VARIABLE = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - its name

KINDS = {
    "web_identity_token_file": "web identity",
    "sso_session": "sso",
    "sso_start_url": "sso",
    "sso_account_id": "sso",
    "sso_role_name": "sso",
    "login_session": "login",
    "credential_process": "process",
    "aws_access_key_id": "keys",
    "aws_secret_access_key": "keys",
}
"""The settings of a profile that tell where its credentials come from, and the kind of source that each is for."""


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """Where the credentials of a connection come from.

    Attributes
    ----------
    kind
        ``"environment"``, ``"container"``, ``"token of environment"``, ``"mfa"``, ``"role"``, one of the values of KINDS, or
        ``""`` if no source is configured: then an EC2 instance is asked for those of its role.
    profile
        The profile that contains the setting.
    used_profile
        The profile that the connection uses; it may assume a role with the credentials of ``profile``.
    given_profile
        The profile that the caller gave, None for the default chain.
    config_file
        The path of the AWS config file.
    """

    kind: str
    profile: str
    used_profile: str
    given_profile: str | None
    config_file: str

    @property
    def option(self) -> str:
        """The option of the AWS CLI that names the profile, with a leading space; empty for the default profile."""
        return _option(self.profile)

    @property
    def option_of_caller(self) -> str:
        """The same for the profile that the connection uses."""
        return _option(self.used_profile)

    @property
    def connect_line(self) -> str:
        """The Python line that connects again."""
        return f"kvs.connect({'' if self.given_profile is None else repr(self.given_profile)})"


def _option(profile: str) -> str:
    return "" if profile == "default" else f" --profile {shlex.quote(profile)}"


def region_of_environment() -> str | None:
    """Return the region of the environment; an empty variable counts as not set."""
    return next((region for name in REGION_VARIABLES if (region := os.environ.get(name, "").strip())), None)


def container_variable() -> str | None:
    """Return the variable that names the endpoint of a container's credentials, None if neither is set."""
    return next((name for name in CONTAINER_VARIABLES if name in os.environ), None)


def configured_region(session: botocore.session.Session) -> str | None:
    """Return the region of the environment, else that of the session's profile, None if neither names one.

    Raises
    ------
    botocore.exceptions.BotoCoreError
        If the configuration cannot be read, or the profile does not exist.
    """
    region = session.get_scoped_config().get("region")
    of_profile = region.strip() if isinstance(region, str) else ""
    return region_of_environment() or of_profile or None


def open_profile(profile: str | None, region: str | None) -> tuple[boto3.Session, str | None]:
    """Return a session of a profile, and its region: the given one, that of the environment, or that of the profile.

    It asks for an MFA code only if a user can enter one, kills a credential_process that does not end, and gives up an endpoint
    that gives no credentials in time, as for every other call.
    """
    import botocore.session

    session = botocore.session.Session(profile=profile)
    region = region or configured_region(session)
    session.set_default_client_config(client_config())
    opened = open_session(session, profile_name=profile, region_name=region)
    bound_replies_of_session(session)
    prepare_role_provider(session, ask_for_code)
    run_credential_processes_with(session, BoundedProcess)
    return opened, region


def read_configuration(profile: str | None = None) -> botocore.session.Session:
    """Return a botocore session to read the AWS configuration with: it has no handlers, which take most of the time."""
    import botocore.session

    return botocore.session.Session(profile=profile, include_builtin_handlers=False)


def find_credential_source(profile: str | None) -> CredentialSource:
    """Return where the credentials of a profile come from, None for the default chain; it follows each source_profile."""
    from botocore.exceptions import BotoCoreError

    session = read_configuration(profile)
    config_file = os.path.expanduser(session.get_config_variable("config_file"))  # noqa: PTH111 - a variable's own text
    name = session.get_config_variable("profile") or "default"
    if profile is None and os.environ.get("AWS_ACCESS_KEY_ID"):
        return CredentialSource("environment", name, name, profile, config_file)
    try:
        profiles = session.full_config.get("profiles", {})
    except BotoCoreError:
        profiles = {}  # its error says so
    kind, owner = _kind_of(name, profiles)
    if not kind and os.environ.get(TOKEN_VARIABLE):
        kind = "token of environment"
    if not kind and container_variable() is not None:
        kind = "container"
    return CredentialSource(kind, owner, name, profile, config_file)


def _kind_of(name: str, profiles: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return the kind of source of a profile, and the profile whose setting it is."""
    visited: set[str] = set()
    while name not in visited:
        visited.add(name)
        config = profiles.get(name, {})
        if "role_arn" in config and "mfa_serial" in config:
            return "mfa", name
        source = str(config.get("source_profile"))
        if "role_arn" not in config or source not in profiles or source in visited:
            kind = next((kind for setting, kind in KINDS.items() if setting in config), "")
            return kind or ("role" if "role_arn" in config else ""), name
        name = source
    return "role", name
