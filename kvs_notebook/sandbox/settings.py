"""Settings: how a sandbox is started."""

from __future__ import annotations

import dataclasses
import json
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
        """Give what was not left open, as it comes back from JSON: a clock of one's own by the name of its class."""
        values = {field.name: (getattr(self, field.name), field.default) for field in dataclasses.fields(self)}
        stated = {name: value for name, (value, default) in values.items() if value != default}
        if self.assumptions is not None:
            stated["assumptions"] = dataclasses.asdict(self.assumptions)
        if not isinstance(self.clock, str | None):
            stated["clock"] = type(self.clock).__name__
        back: dict[str, Any] = json.loads(json.dumps(stated))
        return back
