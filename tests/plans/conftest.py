"""What the tests of plans share."""

from __future__ import annotations

import pytest

from tests.shared_sandbox import connection, shared
from tests.unlimited_sandbox import sandbox

__all__ = ["connection", "sandbox", "shared"]  # fixtures of the tests of this folder


@pytest.fixture(autouse=True)
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pause of the verification: on the stepped clock each look is a second later."""
    monkeypatch.setattr("kvs_notebook.plans.verification.SECONDS_BETWEEN_LOOKS", 0.01)
