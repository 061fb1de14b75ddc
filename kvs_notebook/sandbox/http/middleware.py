"""Gate: what every request passes, by whichever port: signature, scheduled trouble, permission, quotas, the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.access_keys import AccessKeys, unrecognized
from kvs_notebook.sandbox.backend.context import Caller, access_denied, needs
from kvs_notebook.sandbox.backend.faults import Fault, Faults
from kvs_notebook.sandbox.backend.operations import channel_of
from kvs_notebook.sandbox.backend.rate_limits import RateLimits
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http import sigv4, wire_format
from kvs_notebook.sandbox.http.request_log import LoggedRequest, RequestLog


@dataclass(slots=True)
class RequestContext:
    """One request, as far as it has been understood."""

    request: sigv4.HttpRequest
    operation: str
    payload: Any = None
    caller: Caller | None = None
    status: int = 0
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class RequestPipeline:
    """Let requests through, or refuse them, and write them down."""

    keys: AccessKeys
    rate_limits: RateLimits
    faults: Faults
    request_log: RequestLog
    assumptions: Assumptions

    @contextmanager
    def log_request(self, context: RequestContext) -> Iterator[None]:
        """Write a request down, whatever comes of it; its status is 0 where the connection was cut."""
        began = time.perf_counter()
        try:
            yield
        except ServiceError as error:
            context.status, context.error_code = error.status, error.code
            raise
        finally:
            caller = context.caller
            self.request_log.add(
                LoggedRequest(
                    time.time(),
                    caller.account_id if caller else None,
                    caller.region if caller else None,
                    context.operation,
                    channel_of(context.operation, context.payload),
                    context.status,
                    context.error_code,
                    wire_format.attempt_number(context.request),
                    time.perf_counter() - began,
                )
            )

    def caller(self, request: sigv4.HttpRequest, service_name: str) -> Caller:
        """Give who has signed a request for a service; refuse it where nobody has."""
        signer = sigv4.verify(request, self.keys, datetime.now(UTC))
        if signer.service_name != service_name:
            raise ServiceError(
                "InvalidSignatureException", f"Credential should be scoped to correct service: '{service_name}'."
            )
        return Caller(signer.account_id, signer.region, signer.access_key_id, signer.role_session)

    async def admit(self, caller: Caller, operation: str, payload: Any) -> bool:
        """Let an operation through, or raise what strikes it; True where its reply is to be lost."""
        lost = False
        for fault in self.faults.take(operation, caller):
            lost = fault.kind == "lost_reply"
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif not lost:
                _raise_fault(fault, operation, payload, caller)
        for needed in needs(operation, payload, self.assumptions):
            if self.faults.is_denied(needed, caller):
                raise access_denied(caller, needed, payload)
        self.rate_limits.count_request(caller, operation, channel_of(operation, payload))
        if isinstance(payload, wire_format.InvalidJson):
            raise ServiceError("SerializationException", payload.why)
        return lost


def _raise_fault(fault: Fault, operation: str, payload: Any, caller: Caller) -> None:
    """Let a fault take the place of the answer."""
    if fault.kind == "throttle":
        raise ServiceError("ClientLimitExceededException", f"Limit exceeded on number of requests for {operation} API")
    if fault.kind == "denied":
        raise access_denied(caller, operation, payload)
    if fault.kind == "expired":
        raise ServiceError("ExpiredTokenException", "The security token included in the request is expired")
    if fault.kind == "revoked":
        raise unrecognized()
    if fault.kind == "error":
        raise ServiceError("InternalFailure", "The service failed, as this sandbox was told to.")
    raise wire_format.ConnectionCut
