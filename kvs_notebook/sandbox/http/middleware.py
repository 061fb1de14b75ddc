"""Steps that every request of either port takes: authentication, faults, permissions, rate limits and the request log."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kvs_notebook.errors import SandboxError
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.backend.access_keys import AccessKeys, expired_token, unrecognized
from kvs_notebook.sandbox.backend.context import Caller, access_denied, required_operations
from kvs_notebook.sandbox.backend.faults import Fault, Faults
from kvs_notebook.sandbox.backend.operations import channel_of
from kvs_notebook.sandbox.backend.rate_limits import RateLimits, account_limit_exceeded
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http import sigv4, wire_format
from kvs_notebook.sandbox.http.request_log import LoggedRequest, RequestLog


@dataclass(slots=True)
class RequestContext:
    """One request and what is known of it so far."""

    request: sigv4.HttpRequest
    operation: str
    payload: Any = None
    caller: Caller | None = None
    status: int = 0
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class RequestPipeline:
    """Authenticate, admit and log requests."""

    keys: AccessKeys
    rate_limits: RateLimits
    faults: Faults
    request_log: RequestLog
    assumptions: Assumptions

    @contextmanager
    def log_request(self, context: RequestContext) -> Iterator[None]:
        """Log a request whatever its outcome; its status stays 0 if the connection is cut."""
        began = time.perf_counter()
        try:
            yield
        except ServiceError as error:
            context.status, context.error_code = error.status, error.code
            raise
        except (sqlite3.OperationalError, SandboxError) as error:
            failure = storage_failure(error)
            context.status, context.error_code = failure.status, failure.code
            raise failure from error
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

    def authenticate(self, request: sigv4.HttpRequest, service_name: str) -> Caller:
        """Return the caller that signed a request for a service; raise ServiceError if the signature is not valid."""
        signer = sigv4.verify(request, self.keys, datetime.now(UTC))
        if signer.service_name != service_name:
            raise ServiceError(
                "InvalidSignatureException", f"Credential should be scoped to correct service: '{service_name}'."
            )
        return Caller(signer.account_id, signer.region, signer.access_key_id, signer.role_session)

    async def admit(self, caller: Caller, operation: str, payload: Any) -> bool:
        """Apply faults, denials and rate limits to a request, and return whether its reply is to be lost.

        Raises
        ------
        ServiceError
            If a fault, a denial or a rate limit rejects the request, or its body is not JSON.
        """
        lose_reply = False
        for fault in self.faults.take(operation, caller):
            lose_reply = fault.kind == "lost_reply"
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif not lose_reply:
                _raise_fault(fault, operation, payload, caller)
        for required in required_operations(operation, payload, self.assumptions):
            if self.faults.is_denied(required, caller):
                raise access_denied(caller, required, payload)
        self.rate_limits.count_request(caller, operation, channel_of(operation, payload))
        if isinstance(payload, wire_format.InvalidJson):
            raise ServiceError("SerializationException", payload.reason)
        return lose_reply


def storage_failure(error: Exception) -> ServiceError:
    """Return the service's error for a file that the sandbox cannot write or read, as on a full disk."""
    if isinstance(error, SandboxError):
        return ServiceError("InternalFailure", str(error))
    return ServiceError(
        "InternalFailure", f"The sandbox cannot keep its state: {error}. Free space on the disk of its state directory."
    )


def _raise_fault(fault: Fault, operation: str, payload: Any, caller: Caller) -> None:
    """Raise what a fault puts in place of the response."""
    if fault.kind == "throttle":
        raise account_limit_exceeded(operation)
    if fault.kind == "denied":
        raise access_denied(caller, operation, payload)
    if fault.kind == "expired":
        raise expired_token()
    if fault.kind == "revoked":
        raise unrecognized()
    if fault.kind == "error":
        raise ServiceError("InternalFailure", "The service failed because a fault of this sandbox was scheduled.")
    raise wire_format.ConnectionCut
