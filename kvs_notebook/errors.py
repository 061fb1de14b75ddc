"""The exceptions of this package, as one tree.

::

    KVSError
    ├── InvalidInput (ValueError)            a value that the service does not accept, found before or after sending it
    │   ├── WrongConnection                  a row or ARN of another account or region than the connection's
    │   └── DamagedFile                      a file that another program has changed so that it cannot be read back
    ├── ChannelNotFound (LookupError)        the channel does not exist, or cannot be found yet
    ├── ChannelExists                        the name is taken, possibly by a channel that is still DELETING
    ├── ChannelBusy                          the channel is CREATING, UPDATING or DELETING
    ├── VersionMismatch                      the channel was changed since its version was read
    ├── ChannelLimitExceeded                 the account has reached its quota of channels in this region
    ├── TagLimitExceeded                     the channel would have more tags than the service allows
    ├── Throttled                            too many requests, after all retries
    ├── AccessDenied (PermissionError)       the identity lacks a permission
    ├── ReadOnly (PermissionError)           the connection was made without allow_changes=True
    ├── NoCredentials                        credentials are missing, incomplete or unusable, or the profile does not exist
    ├── ExpiredCredentials                   the service does not accept the credentials, or the user has to sign in again
    ├── NoRegion                             no region was given and none is configured
    ├── EndpointUnreachable (ConnectionError)  no reply came from the service
    ├── ServiceFault                         the service failed, or returned a reply or an error code that is not known here
    ├── OutcomeUnknown                       a change was sent, and it is not known whether it took effect
    ├── WaitTimeout (TimeoutError)           the expected status was not reached within the timeout
    ├── NoVideo                              a camera did not answer, could not be reached, or sent no picture
    ├── InventoryIncomplete                  an inventory has gaps, which its coverage lists
    ├── PlanIncomplete                       an applied plan has steps that are not done, which its result lists
    ├── ExportFailed (OSError)               a file could not be written
    ├── MissingExtra (ImportError)           an optional dependency is not installed
    └── SandboxError (RuntimeError)          the local sandbox could not start, or has stopped

    ReconciledWarning (UserWarning)          a reply was lost, and the change was found to have taken effect

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> try:
...     kvs.describe_channel("front-door")
... except kvs.errors.ChannelNotFound as error:
...     print(error.code, "of", error.operation)
ResourceNotFoundException of DescribeSignalingChannel

Classes with a parenthesis also derive from that exception of the standard
library. If botocore raised an error, it is the ``__cause__``, and its code is
``.code``.

An uncaught error of this package shows the user's lines and its message.
:func:`print_traceback` prints every frame and the causes; in a script, set
``KVS_NOTEBOOK_FULL_TRACEBACK=1``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kvs_notebook import error_display
from kvs_notebook.formatting import printable, printable_lines

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
    "NoVideo",
    "OutcomeUnknown",
    "PlanIncomplete",
    "ReadOnly",
    "ReconciledWarning",
    "SandboxError",
    "ServiceFault",
    "TagLimitExceeded",
    "Throttled",
    "VersionMismatch",
    "WaitTimeout",
    "WrongConnection",
    "print_traceback",
]


def __dir__() -> list[str]:
    """List the public names, without the imports of this module."""
    return [*__all__]


class KVSError(Exception):
    """Base class of the errors that this package raises.

    Attributes
    ----------
    code
        The service's error code (``"ResourceInUseException"``), None if the
        service did not reply.
    operation
        The API operation (``"CreateSignalingChannel"``), None if there was
        none.
    maybe_applied
        True if an attempt was sent and its outcome was not seen (a lost reply,
        a 5xx): the call may have taken effect although it failed, or a retry
        may have failed because an earlier attempt took effect.
    accepted
        True if the service accepted the change, and a later step failed, such
        as reading the result.
    """

    maybe_applied: bool = False
    accepted: bool = False

    def __init__(self, message: str, *, code: str | None = None, operation: str | None = None) -> None:
        super().__init__(message)
        self.code = None if code is None else printable(code)  # the service's text, which callers print and log
        self.operation = operation

    def __str__(self) -> str:
        return printable_lines(str(self.args[0]))  # it may quote the service or a file, and is shown on terminals

    def _render_traceback_(self) -> list[str]:
        """Return the traceback that IPython shows."""
        return error_display.render_in_notebook(self)


class InvalidInput(KVSError, ValueError):
    """A value is not one that the service accepts."""


class WrongConnection(InvalidInput):
    """A row or an ARN belongs to another account or region than the connection."""


class DamagedFile(InvalidInput):
    """A file was changed by another program and cannot be read back.

    Reading it would need guessing.
    """


class ChannelNotFound(KVSError, LookupError):
    """The channel does not exist, was deleted, or cannot be found yet."""


class ChannelExists(KVSError):
    """The name is taken in this account and region.

    It may be that of a channel that is still DELETING.
    """


class ChannelBusy(KVSError):
    """The channel is not ACTIVE, and the operation needs it to be.

    It is CREATING, UPDATING or DELETING.
    """


class VersionMismatch(KVSError):
    """The channel was changed since its version was read."""


class ChannelLimitExceeded(KVSError):
    """The account has reached its quota of channels in this region."""


class TagLimitExceeded(KVSError):
    """The channel would have more tags than the service allows."""


class Throttled(KVSError):
    """The service throttled the request, and all retries of it."""


class AccessDenied(KVSError, PermissionError):
    """The identity of the connection lacks a permission."""


class ReadOnly(KVSError, PermissionError):
    """The connection is read-only, and the operation changes something.

    The connection was made without ``allow_changes=True``.
    """


class NoCredentials(KVSError):
    """AWS credentials are missing, incomplete or unusable on this machine.

    Or the profile does not exist.
    """


class ExpiredCredentials(KVSError):
    """The service does not accept the credentials.

    They have expired or were revoked, or the user has to sign in again.
    """


class NoRegion(KVSError):
    """No region was given and none is configured."""


class EndpointUnreachable(KVSError, ConnectionError):
    """No reply came from the service: it did not answer, or something else did."""


class ServiceFault(KVSError):
    """The service failed, or its reply cannot be used.

    Its error code has no class here, or its reply is malformed or about
    something else.
    """


class OutcomeUnknown(KVSError):
    """A change was sent, and it is not known whether it took effect.

    Its reply was lost.
    """


class WaitTimeout(KVSError, TimeoutError):
    """The expected status was not reached within the timeout."""


class NoVideo(KVSError):
    """A camera did not answer, could not be reached, or sent no picture.

    Attributes
    ----------
    stage
        The last stage that was reached: looking_up, waiting, negotiating,
        connected, playing or stalled.
    """

    stage: str = "looking_up"


class InventoryIncomplete(KVSError):
    """An inventory has gaps: an account-region or its tags were not read."""


class PlanIncomplete(KVSError):
    """A plan was applied, and some of its steps are not done."""


class ExportFailed(KVSError, OSError):
    """A file could not be written; an older version of it is unchanged."""


class MissingExtra(KVSError, ImportError):
    """An optional dependency is not installed."""


class SandboxError(KVSError, RuntimeError):
    """The local sandbox could not start, or has stopped."""


class ReconciledWarning(UserWarning):
    """A reply was lost, and the change was found to have taken effect.

    The result is returned as usual.
    """


@contextmanager
def mark_accepted(change: str) -> Iterator[None]:
    """Mark each error of the block as raised after ``change`` was accepted, a clause such as "front-door was created"."""
    try:
        yield
    except KVSError as error:
        error.accepted = True
        error.args = (f"{change}, but a later step failed: {error}", *error.args[1:])
        raise


def to_kvs_error(error: BaseException) -> KVSError:
    """Return the error itself, or a KVSError for one of another library: a malformed reply, a lost worker, a bug."""
    if isinstance(error, KVSError):
        return error
    name = type(error).__name__
    return KVSError(f"{name}: {error}", code=name)


def print_traceback() -> None:
    """Print the full traceback of the last uncaught error, with its causes.

    It is printed to standard output.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> kvs.errors.print_traceback()
    No error was raised in this session.
    """
    error_display.print_last_traceback()


error_display.shorten_in_scripts(lambda error: isinstance(error, KVSError))
