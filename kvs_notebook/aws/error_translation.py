"""Errors of the service and of botocore as errors of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kvs_notebook.aws.connection_config import ConnectionConfig
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
    MissingExtra,
    NoCredentials,
    NoRegion,
    ServiceFault,
    TagLimitExceeded,
    Throttled,
    VersionMismatch,
)
from kvs_notebook.formatting import MAX_LENGTH, one_line

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

BY_CODE: dict[str, type[KVSError]] = {
    "InvalidArgumentException": InvalidInput,
    "ValidationException": InvalidInput,
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
    ChannelExists: 'Choose another name; if the existing channel is DELETING, call wait_for_channel(name, "DELETED") first.',
    ChannelBusy: "Wait with wait_for_channel() until it is ACTIVE, then call again.",
    VersionMismatch: "The channel was changed since it was read: call describe_channel() again, and check what changed.",
    ChannelLimitExceeded: "Delete channels that are no longer used, or ask AWS to raise the quota.",
    TagLimitExceeded: "Remove tags with untag_channel(), then call again; a channel has at most 50.",
    Throttled: "Call again later, or lower the connection's share=; other clients use the same quota.",
    AccessDenied: "Ask for this action in the IAM policy of the identity shown, or connect with another profile.",
    ExpiredCredentials: "Renew the credentials (for SSO: aws sso login), check this machine's clock, and call "
    "kvs.connect() again.",
    NoCredentials: "Configure a profile (aws configure sso) and call kvs.connect(profile=...), or try kvs.use_sandbox().",
    NoRegion: 'Pass one, as in kvs.connect(region="us-east-1"), or set AWS_REGION.',
    ServiceFault: "Call again in a moment; if it fails again, check the AWS health page for this region.",
}


NO_NETWORK = (
    "Check the region, the network and the proxy, then call again; without a network, kvs.use_sandbox() starts a local "
    "sandbox."
)

UNTRUSTED = (
    "If a proxy inspects TLS, set AWS_CA_BUNDLE, or ca_bundle in the profile, to a file with its CA certificate, then "
    "call kvs.connect() again."
)
"""What to do if the certificate of an endpoint is not trusted."""

CORRECT_PROFILE = (
    "The AWS configuration cannot be used on this machine. Correct the profile, or the environment variable that begins with "
    "AWS_, and call again."
)
INSTALL_CRT = "Run: pip install 'botocore[crt]', then restart the kernel."


def from_client_error(
    error: ClientError,
    *,
    operation: str,
    subject: str | None = None,
    next_steps: Mapping[type[KVSError], str] | None = None,
) -> KVSError:
    """Return the error of this package for a ClientError, to be raised ``from`` it.

    ``subject`` is what the call was about, such as a channel's name; ``next_steps`` replace the usual advice for their classes.
    """
    details: dict[str, Any] = error.response.get("Error", {})  # type: ignore[assignment]
    return from_code(
        str(details.get("Code", "")),
        str(details.get("Message") or ""),
        operation=operation,
        subject=subject,
        next_steps=next_steps or {},
    )


def from_code(
    code: str,
    message: str,
    *,
    operation: str,
    subject: str | None = None,
    next_steps: Mapping[type[KVSError], str] | None = None,
) -> KVSError:
    """Return the error of this package for an error code and a message of the service, which are shown as one line."""
    kind = BY_CODE.get(code, ServiceFault)
    if code == "ResourceInUseException" and operation == "CreateSignalingChannel":
        kind = ChannelExists
    about = f" for {subject}" if subject else ""
    code, said = one_line(code, MAX_LENGTH), one_line(message or "no message").rstrip(".")
    advice = {**NEXT_STEP, **(next_steps or {})}[kind]
    return kind(f"{operation} failed{about}: {code}: {said}. {advice}", code=code or None, operation=operation)


def from_botocore_error(
    error: BotoCoreError | ValueError | OSError | EOFError,
    *,
    operation: str,
    config: ConnectionConfig | None = None,
) -> KVSError:
    """Return the error of this package for one that botocore raised by itself; ``config`` is the connection's, or None."""
    kind, advice = _kind_and_advice(error)
    if kind is EndpointUnreachable and config is not None and config.local_service is not None:
        advice = config.local_service.unreachable_hint()
    why = one_line(error).rstrip(".") or type(error).__name__  # it may quote a variable or a file
    return kind(f"{operation} failed: {why}. {advice}", operation=operation)


def sign_in_errors() -> tuple[type[Exception], ...]:
    """Return the errors of botocore after which the user has to sign in again."""
    from botocore import exceptions as botocore

    return (
        botocore.CredentialRetrievalError,
        botocore.SSOError,
        botocore.LoginError,
        botocore.TokenRetrievalError,
        botocore.NoAuthTokenError,
        botocore.RefreshWithMFAUnsupportedError,
    )


def _kind_and_advice(error: Exception) -> tuple[type[KVSError], str]:
    """Return the class and the advice for an error of botocore, from the first row that matches."""
    from botocore import exceptions as botocore

    rows: tuple[tuple[tuple[type[Exception], ...], type[KVSError], str], ...] = (
        (
            (botocore.NoCredentialsError, botocore.PartialCredentialsError, botocore.ProfileNotFound),
            NoCredentials,
            NEXT_STEP[NoCredentials],
        ),
        ((botocore.MissingDependencyException,), MissingExtra, INSTALL_CRT),
        ((botocore.NoRegionError,), NoRegion, NEXT_STEP[NoRegion]),
        (sign_in_errors(), ExpiredCredentials, NEXT_STEP[ExpiredCredentials]),
        (
            (botocore.ParamValidationError, botocore.InvalidRegionError, ValueError),
            InvalidInput,
            "Correct the value and call again; nothing was sent.",
        ),
        ((botocore.SSLError,), EndpointUnreachable, UNTRUSTED if is_certificate_error(error) else NO_NETWORK),
        ((botocore.HTTPClientError, botocore.ConnectionError), EndpointUnreachable, NO_NETWORK),
        (  # after network errors, some of which are OSErrors
            (
                OSError,
                EOFError,
                botocore.ConfigNotFound,
                botocore.InvalidConfigError,
                botocore.MetadataRetrievalError,
                botocore.InvalidIMDSEndpointError,
                botocore.InvalidIMDSEndpointModeError,
                botocore.UnknownTokenProviderError,
                botocore.ConfigParseError,
                botocore.UnknownCredentialError,
                botocore.InvalidRetryConfigurationError,
                botocore.InvalidDefaultsMode,
                botocore.InvalidProxiesConfigError,
                botocore.InvalidSTSRegionalEndpointsConfigError,
                botocore.InvalidChecksumConfigError,
                botocore.InvalidEndpointConfigurationError,
                botocore.EndpointProviderError,
                botocore.EndpointVariantError,
            ),
            NoCredentials,
            CORRECT_PROFILE,
        ),
    )
    return next(
        ((kind, advice) for kinds, kind, advice in rows if isinstance(error, kinds)),
        (ServiceFault, NEXT_STEP[ServiceFault]),
    )


def is_certificate_error(error: Exception) -> bool:
    """Return whether TLS failed because the certificate of the endpoint is not trusted."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
