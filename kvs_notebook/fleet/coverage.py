"""Rows of coverage: what was read of each account and region, and why something was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import pandas as pd

from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.schemas import COVERAGE, FAILED
from kvs_notebook.errors import AccessDenied, ExpiredCredentials, KVSError, MissingExtra, NoCredentials, Throttled

AccountRegionKey: TypeAlias = tuple[str, str]
"""An account id and a region's code."""

EXPIRED = "expired"
NO_CREDENTIALS = "no_credentials"
NOT_ENABLED = "region_disabled"


def unread_row(account_id: str | None, region: str | None, error: KVSError | None) -> dict[str, Any]:
    """Return the row of an account and region that was not read; the region is None if the account itself failed."""
    return {
        "account_id": account_id,
        "region": region,
        "status": "error" if error is None else status_of_error(error),
        "error_code": None if error is None else _to_valid_text(error.code or type(error).__name__),
        "message": None if error is None else _to_valid_text(error),
        "tags_source": "none",
        "channels": 0,
        "calls": 0,
        "throttles": 0,
        "retries": 0,
        "seconds": 0.0,
    }


def status_of_error(error: KVSError) -> str:
    """Return the ``status`` that an error leads to."""
    if isinstance(error, AccessDenied):
        return "denied"
    if isinstance(error, Throttled):
        return "throttled"
    if isinstance(error, NoCredentials) and _is_unknown_profile(error):
        return NO_CREDENTIALS
    return EXPIRED if isinstance(error, (ExpiredCredentials, NoCredentials, MissingExtra)) else "error"


def _is_unknown_profile(error: KVSError) -> bool:
    from botocore.exceptions import ProfileNotFound

    return isinstance(error.__cause__, ProfileNotFound)


def _to_valid_text(value: object) -> str:
    """Return a text that a column can hold: the service's words may contain half of a surrogate pair."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def coverage_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as the coverage frame, in the order of account and region."""
    by_place = sorted(rows, key=lambda row: (row["account_id"] or "", row["region"] or ""))
    return rows_frame([tuple(row[column] for column in COVERAGE) for row in by_place], COVERAGE)


def account_region_keys(frame: pd.DataFrame) -> list[AccountRegionKey]:
    """Return the account and region of each row of a frame."""
    return list(zip(frame["account_id"].tolist(), frame["region"].tolist(), strict=True))


def gaps_of(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of account-regions that were not read, or whose tags were not; a region that is not enabled is no gap."""
    is_read = coverage["status"].isin(["ok", NOT_ENABLED])
    return coverage[~is_read | (coverage["tags_source"] == FAILED)].reset_index(drop=True)


def row_label(row: Mapping[Any, Any]) -> str:
    """Return "ACCOUNT REGION" for a row, or as much of it as is known: an account that failed has no region, maybe no id."""
    known = [row[column] for column in ("account_id", "region") if isinstance(row[column], str)]
    return " ".join(known) or "an account"
