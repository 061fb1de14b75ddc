"""Timeouts and attempts of botocore's clients: those of a connection, and those that its credentials are requested with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config

CONNECT_SECONDS = 10
READ_SECONDS = 30
"""Between two parts of a reply; botocore's default is 60 s, for the connect too."""

MAX_ATTEMPTS = 3


def client_config(**options: Any) -> Config:
    """Return the configuration of a client."""
    from botocore.config import Config

    return Config(
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},  # pinned: boto3's default has changed before
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        **options,
    )
