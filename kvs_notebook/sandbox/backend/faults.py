"""Scheduled faults of the next requests, and denied actions."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.regions import check_region
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.backend.context import ACTIONS, Caller, is_number

KINDS = ("throttle", "error", "denied", "expired", "revoked", "delay", "reset", "lost_reply")
"""ClientLimitExceededException; a 500; AccessDeniedException; an expired token; revoked keys; a late response; a connection
that is cut before the request takes effect; one that is cut after it."""

LONGEST_DELAY = 86_400.0
"""Seconds; clients give up long before."""

LONGEST_PATTERN = 256
EVERY_OPERATION = "*"
OPERATIONS = (*ACTIONS, "GetCallerIdentity")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one request; ``seconds`` is how late a delay makes the response."""

    kind: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Scope:
    """The callers that a fault or denial applies to: of one account, one region, or all."""

    account_id: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidInput if the account id or the region is not valid: nothing would be in the scope."""
        if self.account_id is not None:
            check_account_id(self.account_id)
        if self.region is not None:
            check_region(self.region, newer=True)

    def includes(self, caller: Caller) -> bool:
        """Return whether a caller is in the scope."""
        return self.account_id in (None, caller.account_id) and self.region in (None, caller.region)


EVERYWHERE = Scope()


@dataclass(slots=True)
class _ScheduledFault:
    operation: str
    fault: Fault
    times_left: int | None
    scope: Scope


class Faults:
    """Keep faults in the order in which they were added."""

    def __init__(self) -> None:
        self._scheduled: list[_ScheduledFault] = []
        self._denied: list[tuple[re.Pattern[str], Scope]] = []

    def add(
        self, operation: str, kind: str, times: int | None = 1, seconds: float = 0.0, scope: Scope = EVERYWHERE
    ) -> None:
        """Add a fault to the next ``times`` requests of an operation (``"*"``: any), or to all of them with None.

        Raises
        ------
        InvalidInput
            If the operation, the kind, the number or the delay is not valid.
        """
        if operation not in (*OPERATIONS, EVERY_OPERATION):
            raise InvalidInput(
                f"operation={format_value(operation)} is not valid. Expected '*' or one of: {', '.join(OPERATIONS)}."
            )
        if kind not in KINDS:
            raise InvalidInput(f"kind={format_value(kind)} is not valid. Expected one of: {', '.join(KINDS)}.")
        if times is not None and not (type(times) is int and times >= 1):
            raise InvalidInput(f"times={times!r} is not valid. Expected 1 or more, or None for all requests.")
        if not is_number(seconds) or not 0 <= seconds <= LONGEST_DELAY or (kind == "delay" and seconds == 0):
            raise InvalidInput(
                f"seconds={seconds!r} is not valid for kind={kind!r}. Expected more than 0 for a delay, at most "
                f"{LONGEST_DELAY:,}, else 0."
            )
        self._scheduled.append(_ScheduledFault(operation, Fault(kind, seconds), times, scope))

    def take(self, operation: str, caller: Caller) -> list[Fault]:
        """Return the faults of a request and count them: at most one delay and one other fault, the delay first."""
        if not self._scheduled:
            return []
        due = [self._next(operation, caller, delay=True), self._next(operation, caller, delay=False)]
        return [fault for fault in due if fault is not None]

    def _next(self, operation: str, caller: Caller, *, delay: bool) -> Fault | None:
        for entry in self._scheduled:
            applies = entry.operation in (operation, EVERY_OPERATION) and entry.scope.includes(caller)
            if applies and (entry.fault.kind == "delay") is delay:
                if entry.times_left is not None:
                    entry.times_left -= 1
                    if entry.times_left == 0:
                        self._scheduled.remove(entry)
                return entry.fault
        return None

    def deny(self, pattern: object, scope: Scope = EVERYWHERE) -> None:
        """Deny the actions that match a pattern, with ``*`` and ``?`` as in an IAM policy: ``"kinesisvideo:Delete*"``.

        Raises
        ------
        InvalidInput
            If the pattern matches no action.
        """
        if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
            raise InvalidInput(
                f"pattern={format_value(pattern)} is not valid. Expected a string of at most {LONGEST_PATTERN} characters."
            )
        # IAM ignores the case of actions, and its patterns have no [sets].
        compiled = re.compile(fnmatch.translate(pattern.replace("[", "[[]")), re.IGNORECASE)
        if not any(compiled.match(action) for action in ACTIONS.values()):
            raise InvalidInput(
                f"pattern={format_value(pattern)} matches no action. Expected a pattern such as 'kinesisvideo:Delete*'."
            )
        self._denied.append((compiled, scope))

    def is_denied(self, operation: str, caller: Caller) -> bool:
        """Return whether an operation is denied; GetCallerIdentity never is, because AWS requires no permission for it."""
        if not self._denied or operation not in ACTIONS:
            return False
        return any(compiled.match(ACTIONS[operation]) for compiled, scope in self._denied if scope.includes(caller))

    def clear_denials(self) -> None:
        """Remove all denials."""
        self._denied.clear()

    def clear(self) -> None:
        """Remove all faults and denials."""
        self._scheduled.clear()
        self.clear_denials()
