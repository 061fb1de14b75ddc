"""Admin API of a sandbox: seeding, faults, time and the request log."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.regions import check_region
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox import example_fleet
from kvs_notebook.sandbox.backend.context import ServiceContext
from kvs_notebook.sandbox.backend.faults import Faults, Scope
from kvs_notebook.sandbox.backend.iam import check_alias
from kvs_notebook.sandbox.backend.validation import check_seed_tags
from kvs_notebook.sandbox.http.request_log import RequestLog
from kvs_notebook.sandbox.signaling.relay import NOTICES, Relay

MOST_SEEDED = 1_000_000
"""The most channels that one call may add: they take a minute, during which the sandbox answers no other request."""


@dataclass(frozen=True, slots=True)
class AdminApi:
    """Perform the operations of the admin API; ``settings`` are those that the server runs with."""

    service: ServiceContext
    faults: Faults
    request_log: RequestLog
    relay: Relay
    settings: Mapping[str, Any]

    def perform(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Perform one operation and return its answer.

        Raises
        ------
        InvalidInput
            If the operation or an argument is not valid; nothing was changed.
        """
        operations: dict[str, Callable[..., dict[str, Any]]] = {
            "settings": self._settings,
            "seed": self._seed,
            "reset": self._reset,
            "advance": self._advance,
            "send_notice": self._send_notice,
            "requests": self._requests,
            "add_fault": self._add_fault,
            "clear_faults": self._clear_faults,
            "deny": self._deny,
            "clear_denials": self._clear_denials,
        }
        if operation not in operations:
            raise InvalidInput(
                f"{format_value(operation)} is not an admin operation. Expected one of: {', '.join(operations)}."
            )
        act = operations[operation]
        try:
            inspect.signature(act).bind(**arguments)
        except TypeError as error:
            raise InvalidInput(f"The arguments of {operation} are not valid: {str(error)!a}.") from error
        return act(**arguments)

    def _settings(self) -> dict[str, Any]:
        return {**self.settings, "now_ms": self.service.now_ms}

    def _seed(
        self,
        *,
        count: int | None,
        account_id: str,
        region: str,
        tags: Mapping[str, str] | None = None,
        account_alias: str | None = None,
    ) -> dict[str, Any]:
        check_account_id(account_id)
        check_region(region, newer=True)
        if count is not None and not (type(count) is int and 0 <= count <= MOST_SEEDED):
            raise InvalidInput(
                f"count={format_value(count)} is not valid. Expected 0 to {MOST_SEEDED:,}, or None for the example fleet."
            )
        tags = check_seed_tags(tags)
        if account_alias is not None:
            check_alias(account_alias)
        self.service.purge()
        store, now = self.service.store, self.service.clock.now()
        if account_alias is not None:
            store.put_account_alias(account_id, account_alias)
        if count is None:
            return {"added": example_fleet.seed_example_fleet(store, account_id, now, tags=tags)}
        return {"added": example_fleet.seed_numbered(store, count, account_id, region, now, tags=tags)}

    def _reset(self) -> dict[str, Any]:
        self.service.store.reset()
        self.service.store.record_time(self.service.now_ms)
        self.relay.close_all()
        self.faults.clear()
        self.request_log.clear()
        return {}

    def _advance(self, *, seconds: float) -> dict[str, Any]:
        self.service.advance(seconds)
        self.relay.check_deadlines()
        return {}

    def _send_notice(self, *, channel_name: str, message_type: str) -> dict[str, Any]:
        if not isinstance(channel_name, str):
            raise InvalidInput(f"channel_name={format_value(channel_name)} is not a string. Expected a channel's name.")
        if message_type not in NOTICES:
            raise InvalidInput(
                f"message_type={format_value(message_type)} is not a notice of the service. "
                f"Expected one of: {', '.join(NOTICES)}."
            )
        return {"peers": self.relay.send_notice(channel_name, message_type)}

    def _requests(self) -> dict[str, Any]:
        return {"requests": self.request_log.requests()}

    def _add_fault(
        self,
        *,
        operation: str,
        kind: str,
        times: int | None,
        seconds: float,
        account_id: str | None = None,
        region: str | None = None,
    ) -> dict[str, Any]:
        self.faults.add(operation, kind, times, seconds, Scope(account_id, region))
        return {}

    def _clear_faults(self) -> dict[str, Any]:
        self.faults.clear()
        return {}

    def _deny(self, *, pattern: str, account_id: str | None = None, region: str | None = None) -> dict[str, Any]:
        self.faults.deny(pattern, Scope(account_id, region))
        return {}

    def _clear_denials(self) -> dict[str, Any]:
        self.faults.clear_denials()
        return {}
