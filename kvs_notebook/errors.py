"""What can go wrong, as one tree.

::

    KVSError
    ├── InvalidInput (ValueError)            a value outside the service's bounds: nothing was sent, or the service refused it
    │   ├── WrongConnection                  a row or ARN of another account or region than the connection's
    │   └── DamagedFile                      a file that a spreadsheet or an editor has changed beyond reading back
    ├── ChannelNotFound (LookupError)        no such channel, or not yet, or no longer
    ├── ChannelExists                        the name is taken, also while its last holder is DELETING
    ├── ChannelBusy                          CREATING, UPDATING or DELETING: not available for this operation now
    ├── VersionMismatch                      someone changed the channel since its version was read
    ├── ChannelLimitExceeded                 the account has as many channels in this region as it may
    ├── TagLimitExceeded                     the channel has as many tags as it may
    ├── Throttled                            too many requests, after every paced retry
    ├── AccessDenied (PermissionError)       the identity may not do this
    ├── ReadOnly (PermissionError)           the connection may not change anything until it is allowed to
    ├── NoCredentials                        none found, incomplete, or a profile that does not exist
    ├── ExpiredCredentials                   found, but no longer (or never) valid
    ├── NoRegion                             none given, none configured
    ├── EndpointUnreachable (ConnectionError)  nobody answered
    ├── ServiceFault                         the service failed, or gave a code that this tree does not know
    ├── OutcomeUnknown                       a change was sent and nothing says whether it happened
    ├── WaitTimeout (TimeoutError)           the awaited status did not come in time
    ├── InventoryIncomplete                  an inventory has gaps: its coverage names them
    ├── ExportFailed (OSError)               a file could not be written
    ├── MissingExtra (ImportError)           an optional dependency is not installed
    └── SandboxError (RuntimeError)          the local sandbox could not start, or has gone

    ReconciledWarning (UserWarning)          a retry met its own success, and that success was returned

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="lesson")
>>> try:
...     kvs.describe_channel("front-door")
... except kvs.errors.ChannelNotFound as error:
...     print(error.code, "of", error.operation)
ResourceNotFoundException of DescribeSignalingChannel

Each subclass also is the nearest error of the standard library. botocore's error, where there is one, stays as ``__cause__``
and its code as ``.code``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

__all__ = [
    "AccessDenied",
    "ChannelBusy",
    "ChannelExists",
    "ChannelLimitExceeded",
    "ChannelNotFound",
    "DamagedFile",
    "EndpointUnreachable",
    "ExpiredCredentials",
    "ExportFailed",
    "InvalidInput",
    "InventoryIncomplete",
    "KVSError",
    "MissingExtra",
    "NoCredentials",
    "NoRegion",
    "OutcomeUnknown",
    "ReadOnly",
    "ReconciledWarning",
    "SandboxError",
    "ServiceFault",
    "TagLimitExceeded",
    "Throttled",
    "VersionMismatch",
    "WaitTimeout",
    "WrongConnection",
]


def __dir__() -> list[str]:
    """Name what is public, and not what this room itself imports."""
    return [*__all__]


class KVSError(Exception):
    """Stand at the root of every error that this package raises.

    Attributes
    ----------
    code
        The service's error code (``"ResourceInUseException"``), None where the service did not answer.
    operation
        The API operation (``"CreateSignalingChannel"``), None where no operation was under way.
    may_have_happened
        True where an attempt was sent whose outcome nobody saw (a lost reply, a 5xx), so that the call may have taken
        effect although it failed, or may have met its own success.
    accepted
        True where the service had accepted the change itself, and what failed came after it: looking at the outcome.
    """

    may_have_happened: bool = False
    accepted: bool = False

    def __init__(self, message: str, *, code: str | None = None, operation: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.operation = operation

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidInput(KVSError, ValueError):
    """A value is outside the service's bounds, or the service refused it."""


class WrongConnection(InvalidInput):
    """A row or an ARN belongs to another account or region than the connection."""


class DamagedFile(InvalidInput):
    """A file was changed on its way, so that it cannot be read back without guessing."""


class ChannelNotFound(KVSError, LookupError):
    """No channel of that name or ARN is there, or it is not there yet, or it is gone."""


class ChannelExists(KVSError):
    """The name is taken in this account and region, also while its last holder is DELETING."""


class ChannelBusy(KVSError):
    """The channel is CREATING, UPDATING or DELETING and not available for this operation."""


class VersionMismatch(KVSError):
    """The channel was changed since its version was read."""


class ChannelLimitExceeded(KVSError):
    """The account has as many channels in this region as its quota allows."""


class TagLimitExceeded(KVSError):
    """The channel would have more tags than the service allows."""


class Throttled(KVSError):
    """The service still refused for too many requests after every paced retry."""


class AccessDenied(KVSError, PermissionError):
    """The identity that the connection uses may not do this."""


class ReadOnly(KVSError, PermissionError):
    """The connection may not change anything until it is allowed to."""


class NoCredentials(KVSError):
    """No usable AWS credentials were found."""


class ExpiredCredentials(KVSError):
    """The credentials were found but the service does not (or no longer) accept them."""


class NoRegion(KVSError):
    """No region was given and none is configured."""


class EndpointUnreachable(KVSError, ConnectionError):
    """The endpoint did not answer."""


class ServiceFault(KVSError):
    """The service failed, or answered with a code that has no class here."""


class OutcomeUnknown(KVSError):
    """A change was sent, its reply was lost, and nothing says whether it happened."""


class WaitTimeout(KVSError, TimeoutError):
    """The awaited status did not come within the timeout."""


class InventoryIncomplete(KVSError):
    """An inventory has gaps: some account in some region was not read, or not its tags."""


class ExportFailed(KVSError, OSError):
    """A file could not be written; what was there before is unchanged."""


class MissingExtra(KVSError, ImportError):
    """An optional dependency is not installed."""


class SandboxError(KVSError, RuntimeError):
    """The local sandbox could not start, or the one that was joined has gone."""


class ReconciledWarning(UserWarning):
    """A change was sent more than once and met its own success, which is what was returned."""


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


@contextmanager
def accepted(change: str) -> Iterator[None]:
    """Let every error inside say that the change before it was accepted; ``change`` is a clause, as "gate was created"."""
    try:
        yield
    except KVSError as error:
        error.accepted = True
        error.args = (f"{change}, but then: {error}", *error.args[1:])
        raise


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
