"""Scheduled trouble: what goes wrong with the next requests, and which actions are denied."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.backend.context import ACTIONS, Caller

KINDS = ("throttle", "error", "denied", "expired", "revoked", "delay", "reset", "lost_reply")
"""ClientLimitExceededException; a 500; AccessDeniedException; an expired token; keys that are not known any more; a late answer;
a connection cut before the request takes effect; a connection cut after it has."""

EVERY_OPERATION = "*"
OPERATIONS = (*ACTIONS, "GetCallerIdentity")


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble that has struck one request; ``seconds`` is how late a delay makes the answer."""

    kind: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Scope:
    """Where trouble is: in one account, one region, or anywhere."""

    account_id: str | None = None
    region: str | None = None

    def includes(self, caller: Caller) -> bool:
        """Tell whether a caller is there."""
        return self.account_id in (None, caller.account_id) and self.region in (None, caller.region)


EVERYWHERE = Scope()


@dataclass(slots=True)
class _ScheduledFault:
    operation: str
    fault: Fault
    times_left: int | None
    scope: Scope


class Faults:
    """Keep what is to go wrong, in the order in which it was added."""

    def __init__(self) -> None:
        self._scheduled: list[_ScheduledFault] = []
        self._denied: list[tuple[re.Pattern[str], Scope]] = []

    def add(
        self, operation: str, kind: str, times: int | None = 1, seconds: float = 0.0, scope: Scope = EVERYWHERE
    ) -> None:
        """Let an operation (``"*"``: any) go wrong for the next ``times`` requests, or for all of them with None.

        Raises
        ------
        InvalidInput
            For an operation, a kind or a number that means nothing here.
        """
        if operation not in (*OPERATIONS, EVERY_OPERATION):
            raise InvalidInput(f"Fault for {operation!r}: name one of {', '.join(OPERATIONS)}, or '*' for all.")
        if kind not in KINDS:
            raise InvalidInput(f"Fault {kind!r}: choose one of {', '.join(KINDS)}.")
        if times is not None and times < 1:
            raise InvalidInput(f"Fault for {times} requests: give 1 or more, or None for all.")
        if seconds < 0 or (kind == "delay" and seconds == 0):
            raise InvalidInput(f"Fault {kind!r} with {seconds} seconds: a delay takes a number above 0.")
        self._scheduled.append(_ScheduledFault(operation, Fault(kind, seconds), times, scope))

    def take(self, operation: str, caller: Caller) -> list[Fault]:
        """Give what strikes this request, and count it: at most one delay and one other fault, the delay first."""
        if not self._scheduled:
            return []
        due = [self._next(operation, caller, delay=True), self._next(operation, caller, delay=False)]
        return [fault for fault in due if fault is not None]

    def _next(self, operation: str, caller: Caller, *, delay: bool) -> Fault | None:
        for entry in self._scheduled:
            meant = entry.operation in (operation, EVERY_OPERATION) and entry.scope.includes(caller)
            if meant and (entry.fault.kind == "delay") is delay:
                if entry.times_left is not None:
                    entry.times_left -= 1
                    if entry.times_left == 0:
                        self._scheduled.remove(entry)
                return entry.fault
        return None

    def deny(self, pattern: str, scope: Scope = EVERYWHERE) -> None:
        """Deny the actions that a pattern names, with ``*`` and ``?`` as in an IAM policy: ``"kinesisvideo:Delete*"``.

        Raises
        ------
        InvalidInput
            For a pattern that names no action, which would deny nothing.
        """
        # IAM compares actions without regard to case, and knows no [sets].
        compiled = re.compile(fnmatch.translate(pattern.replace("[", "[[]")), re.IGNORECASE)
        if not any(compiled.match(action) for action in ACTIONS.values()):
            raise InvalidInput(f"Deny {pattern!r}: it names no action; try 'kinesisvideo:Delete*' or 'kinesisvideo:*'.")
        self._denied.append((compiled, scope))

    def is_denied(self, operation: str, caller: Caller) -> bool:
        """Tell whether an operation is denied. GetCallerIdentity never is: AWS asks no permission for it."""
        if not self._denied or operation not in ACTIONS:
            return False
        return any(compiled.match(ACTIONS[operation]) for compiled, scope in self._denied if scope.includes(caller))

    def clear_denials(self) -> None:
        """Deny nothing any more."""
        self._denied.clear()

    def clear(self) -> None:
        """Let all go well again: no fault, nothing denied."""
        self._scheduled.clear()
        self.clear_denials()
