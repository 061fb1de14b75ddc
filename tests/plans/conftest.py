"""What the tests of plans share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pause of the verification: on the stepped clock each look is a second later."""
    monkeypatch.setattr("kvs_notebook.plans.verification.SECONDS_BETWEEN_LOOKS", 0.01)
