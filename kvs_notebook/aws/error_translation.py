"""Errors of the service and of botocore as errors of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
from kvs_notebook.errors import (
    AccessDenied,
    ChannelBusy,
    ChannelExists,
    ChannelLimitExceeded,
    ChannelNotFound,
    EndpointUnreachable,
    ExpiredCredentials,
    InvalidInput,
    KVSError,
    NoCredentials,
    ServiceFault,
    TagLimitExceeded,
    Throttled,
    VersionMismatch,
)

BY_CODE: dict[str, type[KVSError]] = {
    "InvalidArgumentException": InvalidInput,
    "ResourceNotFoundException": ChannelNotFound,
    "ResourceInUseException": ChannelBusy,
    "VersionMismatchException": VersionMismatch,
    "AccountChannelLimitExceededException": ChannelLimitExceeded,
    "TagsPerResourceExceededLimitException": TagLimitExceeded,
    "ClientLimitExceededException": Throttled,
    "ThrottledException": Throttled,
    "ThrottlingException": Throttled,
    "Throttling": Throttled,
    "AccessDeniedException": AccessDenied,
    "AccessDenied": AccessDenied,
    "NotAuthorizedException": AccessDenied,
    "InvalidClientException": InvalidInput,
    "SessionExpiredException": ExpiredCredentials,
    "UnrecognizedClientException": ExpiredCredentials,
    "InvalidClientTokenId": ExpiredCredentials,
    "InvalidSignatureException": ExpiredCredentials,
    "SignatureDoesNotMatch": ExpiredCredentials,
    "ExpiredTokenException": ExpiredCredentials,
    "ExpiredToken": ExpiredCredentials,
    "RequestExpired": ExpiredCredentials,
    "MissingAuthenticationTokenException": NoCredentials,
}


NEXT_STEP: dict[type[KVSError], str] = {
    InvalidInput: "Correct the value and call again; nothing was changed.",
    ChannelNotFound: "Check the name and the region with list_channels(); a channel that was just created or deleted "
    "may need some seconds.",
    ChannelExists: "Choose another name, use describe_channel() to look at the one that has it, or, if that one is "
    'DELETING, wait_for_channel(name, "DELETED") first.',
    ChannelBusy: "wait_for_channel() until it is ACTIVE, then call again.",
    VersionMismatch: "Someone changed it since: describe_channel() again, look at what changed, and decide anew.",
    ChannelLimitExceeded: "Delete channels that are no longer used, or ask AWS to raise the quota.",
    TagLimitExceeded: "A channel may have 50 tags: untag_channel() what is not needed, then call again.",
    Throttled: "Others use the same quota now: call again later, or lower the connection's share=.",
    AccessDenied: "Ask for this action in the IAM policy of the identity shown, or connect with another profile.",
    ExpiredCredentials: "Refresh them (for SSO: aws sso login), check this machine's clock, and connect() again.",
    NoCredentials: "Configure a profile (aws configure sso) and kvs.connect(profile=...), or try kvs.use_sandbox().",
    ServiceFault: "Call again in a moment; if it stays, check the AWS health page for this region.",
}


IN_SANDBOX: dict[type[KVSError], str] = {
    ChannelNotFound: f"{NEXT_STEP[ChannelNotFound]} If the sandbox was started anew, run the cell that creates it again.",
}
"""What is added to know in a sandbox, which a notebook may have started again since."""


SANDBOX_GONE = (
    "The sandbox has gone: call kvs.use_sandbox() again (in a walkthrough: run its first code cell), then what you "
    "wanted."
)


NO_NETWORK = (
    "Check the region, the network and the proxy, then run the same again; without a network, kvs.use_sandbox() gives a "
    "sandbox to go on with."
)


def from_client_error(
    error: ClientError,
    *,
    operation: str,
    subject: str | None = None,
    next_steps: Mapping[type[KVSError], str] | None = None,
) -> KVSError:
    """Give the error of this tree for a service's refusal; the caller raises it ``from`` botocore's.

    ``subject`` is what the call was about, in the user's words: a channel's name or ARN; ``next_steps`` beside those known.
    """
    details: dict[str, Any] = error.response.get("Error", {})  # type: ignore[assignment]
    return from_code(
        str(details.get("Code", "")),
        str(details.get("Message") or ""),
        operation=operation,
        subject=subject,
        next_steps=next_steps or NEXT_STEP,
    )


def from_code(
    code: str,
    message: str,
    *,
    operation: str,
    subject: str | None = None,
    next_steps: Mapping[type[KVSError], str] = NEXT_STEP,
) -> KVSError:
    """Give the error of this tree for an error code of the service and what it said; ``next_steps`` beside those known."""
    kind = BY_CODE.get(code, ServiceFault)
    if code == "ResourceInUseException" and operation == "CreateSignalingChannel":
        kind = ChannelExists
    about = f" for {subject}" if subject else ""
    said = (message or "no message").rstrip(".")
    return kind(
        f"{operation} failed{about}: {code}: {said}. {next_steps.get(kind) or NEXT_STEP[kind]}",
        code=code or None,
        operation=operation,
    )


def from_botocore_error(
    error: BotoCoreError | ValueError | OSError | EOFError, *, operation: str, where: str, in_sandbox: bool = False
) -> KVSError:
    """Give the error of this tree for what botocore itself raised; ``where`` is the endpoint, in words."""
    from botocore import exceptions as botocore

    unreachable = SANDBOX_GONE if in_sandbox else f"On the way to {where} nobody answered. {NO_NETWORK}"
    rows: tuple[tuple[tuple[type[Exception], ...], type[KVSError], str], ...] = (
        ((botocore.NoCredentialsError, botocore.PartialCredentialsError), NoCredentials, NEXT_STEP[NoCredentials]),
        (
            (botocore.CredentialRetrievalError, botocore.SSOError, botocore.TokenRetrievalError),
            ExpiredCredentials,
            NEXT_STEP[ExpiredCredentials],
        ),
        (
            (botocore.ParamValidationError, botocore.InvalidRegionError, ValueError),
            InvalidInput,
            "Correct the value and call again; nothing was sent.",
        ),
        ((botocore.HTTPClientError, botocore.ConnectionError), EndpointUnreachable, unreachable),
        (  # after those of the network, some of which are OSErrors, too
            (OSError, EOFError, botocore.ConfigNotFound, botocore.InvalidConfigError, botocore.ConfigParseError),
            NoCredentials,
            "The AWS configuration names what cannot be used here: correct the profile, and call again.",
        ),
    )
    kind, next_step = next(
        ((kind, step) for kinds, kind, step in rows if isinstance(error, kinds)),
        (ServiceFault, NEXT_STEP[ServiceFault]),
    )
    why = str(error).strip().rstrip(".") or type(error).__name__
    return kind(f"{operation} failed: {why}. {next_step}", operation=operation)
