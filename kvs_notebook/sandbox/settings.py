"""Settings: how a sandbox is started."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Say how a sandbox is started; None takes what its directory remembers, else the default."""

    port: int = 0
    account_id: str | None = None
    region: str | None = None
    clock: str | Clock | None = None
    quotas: bool | None = None
    assumptions: Assumptions | None = None

    def stated(self) -> dict[str, Any]:
        """Give what was not left open, as JSON takes it."""
        stated: dict[str, Any] = {}
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            if value is None or (setting.name == "port" and value == 0):
                continue
            if isinstance(value, Assumptions):
                value = dataclasses.asdict(value)
            stated[setting.name] = value if isinstance(value, (str, int, dict)) else type(value).__name__
        return stated
