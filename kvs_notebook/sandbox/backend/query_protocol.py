"""The query protocol of STS and IAM: a form in, XML out."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from kvs_notebook.formatting import printable
from kvs_notebook.sandbox.backend.validation import ServiceError

LONGEST_FORM = 65_536
"""Bytes; parameters have a tenth of it. A form is parsed before the signature is verified, to find its operation."""


def parse_form(body: bytes) -> dict[str, str]:
    """Parse the form that a request consists of; one that is too long names no operation."""
    return dict(parse_qsl(body.decode("latin-1"))) if len(body) <= LONGEST_FORM else {}


def members_xml(members: Mapping[str, str]) -> str:
    """Return the members of a structure, whose values are texts; XML has no place for control characters."""
    return "".join(f"<{name}>{escape(printable(value))}</{name}>" for name, value in members.items())


def response(operation: str, members: str, namespace: str) -> bytes:
    """Return the response of an operation; ``members`` is the XML of its result."""
    result = f"<{operation}Result>{members}</{operation}Result>"
    return f'<{operation}Response xmlns="{namespace}">{result}</{operation}Response>'.encode()


def error_response(error: ServiceError, namespace: str) -> bytes:
    """Return an error."""
    details = members_xml({"Type": "Sender", "Code": error.code, "Message": error.message})
    return f'<ErrorResponse xmlns="{namespace}"><Error>{details}</Error></ErrorResponse>'.encode()
