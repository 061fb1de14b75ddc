"""Signature Version 4: verifies signatures in headers and URLs, and signs requests of the admin client."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from kvs_notebook.aws.regions import may_be_region
from kvs_notebook.aws.validation import LONGEST_EXPIRY
from kvs_notebook.sandbox.backend.access_keys import AccessKeys, unrecognized
from kvs_notebook.sandbox.backend.validation import ServiceError

ALGORITHM = "AWS4-HMAC-SHA256"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
SIGNED_AT = re.compile("[0-9]{8}T[0-9]{6}Z")
SKEW = timedelta(minutes=5)
"""Largest difference between the clocks of caller and service [general AWS pattern]."""

LONGEST_CREDENTIAL = 256
"""Characters of KEY/DATE/REGION/SERVICE/aws4_request; signing keys are cached by it."""

NUMBER = re.compile("[0-9]{1,9}")
"""A longer one is out of bounds, and int() of thousands of digits fails."""

AUTHORIZATION = re.compile(rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)")


class HttpRequest(NamedTuple):
    """The signed parts of an HTTP request; header names in lower case, path and query as received."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


class Signer(NamedTuple):
    """The identity that signed a request, and the region and service that it is signed for."""

    account_id: str
    region: str
    service_name: str
    access_key_id: str
    role_session: str | None = None


class _Claim(NamedTuple):
    """What a request states about its signature."""

    credential: str
    signed_headers: str
    signature: str
    signed_at: str
    query: str  # the signed part
    valid_for: timedelta
    token: str | None


def verify(request: HttpRequest, keys: AccessKeys, now: datetime) -> Signer:
    """Verify a signature and return the signer.

    Any set of signed headers that contains ``host`` is accepted: clients differ [0]. In a URL the parameters are sorted, and a
    ``+`` is a plus sign, not a space.

    Raises
    ------
    ServiceError
        If the request is not signed, the access key is unknown, the signature does not match, or its time is out of bounds; with
        AWS's code and message.
    """
    claim = _parse_claim(request)
    parts = claim.credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request" or len(claim.credential) > LONGEST_CREDENTIAL:  # noqa: PLR2004
        raise _incomplete("Credential must be KEY/DATE/REGION/SERVICE/aws4_request")
    access_key_id, date, region, service_name, _ = parts
    key = keys.resolve(access_key_id, claim.token, now)
    _check_time(claim, date, now)
    if not may_be_region(region):
        # A host of AWS exists for each region only. Here the key is unknown, as in a region that is not enabled: an error that
        # clients do not take for expired credentials of the whole account.
        raise unrecognized()
    expected = _signature(request, claim, key.secret, f"{date}/{region}/{service_name}/aws4_request")
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise ServiceError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
            "Key and signing method. Consult the service documentation for details.",
        )
    return Signer(key.account_id, region, service_name, access_key_id, key.role_session)


def sign(request: HttpRequest, keys: AccessKeys, signer: Signer, now: datetime) -> dict[str, str]:
    """Sign a request; return its headers with ``x-amz-date`` and ``authorization``."""
    signed_at = now.astimezone(UTC).strftime(TIME_FORMAT)
    headers = {**request.headers, "x-amz-date": signed_at}
    scope = f"{signed_at[:8]}/{signer.region}/{signer.service_name}/aws4_request"
    names = ";".join(sorted(headers))
    claim = _Claim(f"{signer.access_key_id}/{scope}", names, "", signed_at, request.query, SKEW, None)
    signature = _signature(request._replace(headers=headers), claim, keys.secret(signer.access_key_id), scope)
    authorization = f"{ALGORITHM} Credential={claim.credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": authorization}


# --- parsing the claim


def _parse_claim(request: HttpRequest) -> _Claim:
    authorization = request.headers.get("authorization")
    if authorization is not None:
        found = AUTHORIZATION.fullmatch(authorization.strip())
        signed_at = request.headers.get("x-amz-date")
        if found is None or signed_at is None:
            raise _incomplete(
                f"Authorization must be {ALGORITHM} with Credential, SignedHeaders and Signature, and x-amz-date must be sent"
            )
        token = request.headers.get("x-amz-security-token")
        return _Claim(found[1], found[2], found[3], signed_at, request.query, SKEW, token)
    parameters = dict(parse_query(request.query))
    if "X-Amz-Signature" not in parameters:
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
    missing = [
        name
        for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
        if name not in parameters
    ]
    if missing or parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"A signed URL needs {', '.join(missing) or f'X-Amz-Algorithm={ALGORITHM}'}")
    expires = parameters["X-Amz-Expires"]
    if not (NUMBER.fullmatch(expires) and 1 <= int(expires) <= LONGEST_EXPIRY):
        raise _incomplete(f"X-Amz-Expires must be a number of seconds from 1 to {LONGEST_EXPIRY}")
    return _Claim(
        parameters["X-Amz-Credential"],
        parameters["X-Amz-SignedHeaders"],
        parameters["X-Amz-Signature"],
        parameters["X-Amz-Date"],
        "&".join(part for part in request.query.split("&") if not part.startswith("X-Amz-Signature=")),
        timedelta(seconds=int(expires)),
        parameters.get("X-Amz-Security-Token"),
    )


def parse_query(query: str) -> list[tuple[str, str]]:
    """Parse a query into names and values; not with ``unquote_plus``, because a ``+`` is a plus sign."""
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _check_time(claim: _Claim, date: str, now: datetime) -> None:
    signed_at = _parse_time(claim.signed_at)
    if signed_at is None:
        raise _incomplete(f"The date must have the form {now.strftime(TIME_FORMAT)}")
    if claim.signed_at[:8] != date:
        raise ServiceError("InvalidSignatureException", "The credential's date is not the day of the signature.")
    if now - signed_at > claim.valid_for:  # a sum would be out of range for a date at the end of time
        limit = (now - claim.valid_for).strftime(TIME_FORMAT)
        minutes = round(claim.valid_for / timedelta(minutes=1))
        raise ServiceError(
            "InvalidSignatureException",
            f"Signature expired: {claim.signed_at} is now earlier than {limit} ({now.strftime(TIME_FORMAT)} - {minutes} min.)",
        )
    if signed_at - now > SKEW:
        limit = (now + SKEW).strftime(TIME_FORMAT)
        raise ServiceError(
            "InvalidSignatureException",
            f"Signature not yet current: {claim.signed_at} is still later than {limit} ({now.strftime(TIME_FORMAT)} + 5 min.)",
        )


def _parse_time(text: str) -> datetime | None:
    # fromisoformat takes a tenth of the time of strptime, but accepts more formats.
    try:
        return datetime.fromisoformat(text) if SIGNED_AT.fullmatch(text) else None
    except ValueError:
        return None


def _incomplete(message: str) -> ServiceError:
    return ServiceError("IncompleteSignatureException", f"{message}.")


# --- computing the signature


def _signature(request: HttpRequest, claim: _Claim, secret: str, scope: str) -> str:
    canonical = _canonical(request, claim)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = _signing_key(secret, scope)
    return hmac.new(key, f"{ALGORITHM}\n{claim.signed_at}\n{scope}\n{digest}".encode(), hashlib.sha256).hexdigest()


def _canonical(request: HttpRequest, claim: _Claim) -> str:
    names = claim.signed_headers.split(";")
    if "host" not in names or any(name not in request.headers for name in names):
        raise _incomplete("SignedHeaders must contain host, and only headers that were sent")
    if len(names) != len({*names}):  # each repetition would copy the header's value: a request of 64 KB took 1 GB
        raise _incomplete("SignedHeaders must name each header once")
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
    encoded = sorted((quote(name, "-_.~"), quote(value, "-_.~")) for name, value in parse_query(claim.query))
    return "\n".join(
        [
            request.method,
            quote(request.path or "/", "/-_.~"),
            "&".join(f"{name}={value}" for name, value in encoded),
            headers,
            claim.signed_headers,
            hashlib.sha256(request.body).hexdigest(),  # not the hash that the caller states
        ]
    )


@lru_cache(maxsize=1024)
def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key
