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
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> try:
...     kvs.describe_channel("front-door")
... except kvs.errors.ChannelNotFound as error:
...     print(error.code, "of", error.operation)
ResourceNotFoundException of DescribeSignalingChannel

Each subclass also is the nearest error of the standard library. botocore's error, where there is one, stays as ``__cause__``
and its code as ``.code``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    maybe_applied
        True where an attempt was sent whose outcome nobody saw (a lost reply, a 5xx), so that the call may have taken
        effect although it failed, or may have met its own success.
    accepted
        True where the service had accepted the change itself, and what failed came after it: looking at the outcome.
    """

    maybe_applied: bool = False
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


@contextmanager
def mark_accepted(change: str) -> Iterator[None]:
    """Let every error inside say that the change before it was accepted; ``change`` is a clause, as "gate was created"."""
    try:
        yield
    except KVSError as error:
        error.accepted = True
        error.args = (f"{change}, but then: {error}", *error.args[1:])
        raise
