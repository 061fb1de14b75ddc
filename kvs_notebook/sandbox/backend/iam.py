"""IAM, as far as the toolkit calls it: ListAccountAliases.

An account has at most one alias (IAM API Reference, ListAccountAliases); it is global, not of a region.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.backend.context import Caller
from kvs_notebook.sandbox.backend.query_protocol import members_xml, response
from kvs_notebook.sandbox.backend.store import Store
from kvs_notebook.sandbox.backend.validation import ServiceError

OPERATIONS = ("ListAccountAliases",)
NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"

ALIAS = re.compile("[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")
"""The form of an alias (IAM API Reference): 3 to 63 lowercase letters, digits and single hyphens, none at an end."""

LARGEST_PAGE = 1_000


def check_alias(alias: object) -> str:
    """Return an account's alias; raise InvalidInput if IAM would not accept it."""
    if isinstance(alias, str) and ALIAS.fullmatch(alias):
        return alias
    raise InvalidInput(
        f"account_alias={format_value(alias)} is not valid. Expected 3 to 63 lowercase letters, digits and single hyphens, such "
        "as 'acme-prod'."
    )


def perform(operation: str, form: Mapping[str, str], caller: Caller, store: Store) -> bytes:
    """Perform an operation of IAM; raise ServiceError (ValidationError) if the request is not valid."""
    size = form.get("MaxItems", str(LARGEST_PAGE))
    if not (re.fullmatch("[0-9]{1,4}", size) and 1 <= int(size) <= LARGEST_PAGE) or "Marker" in form:
        raise ServiceError(
            "ValidationError", f"MaxItems must be 1 to {LARGEST_PAGE}, and no Marker was returned.", status=400
        )
    alias = store.account_alias(caller.account_id)
    listed = "" if alias is None else members_xml({"member": alias})
    return response(operation, f"<AccountAliases>{listed}</AccountAliases><IsTruncated>false</IsTruncated>", NAMESPACE)
