"""Settings that a sandbox is started with."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from kvs_notebook.aws.arns import check_account_id
from kvs_notebook.aws.regions import check_region
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.sandbox.assumptions import Assumptions
from kvs_notebook.sandbox.clock import Clock

CLOCKS = ("real", "stepped")
LARGEST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a sandbox; None means the value that the state directory stores, else the default.

    Raises
    ------
    InvalidInput
        If a setting is not valid.
    """

    port: int = 0
    account_id: str | None = None
    region: str | None = None
    clock: str | Clock | None = None
    quotas: bool | None = None
    assumptions: Assumptions | None = None

    def __post_init__(self) -> None:
        """Check the values before anything is started."""
        if self.account_id is not None:
            check_account_id(self.account_id)
        if self.region is not None:
            check_region(self.region, newer=True)
        if not (type(self.port) is int and 0 <= self.port <= LARGEST_PORT):
            raise InvalidInput(f"port={format_value(self.port)} is not valid. Expected 0 to {LARGEST_PORT}.")
        if self.clock is not None and self.clock not in CLOCKS and not hasattr(self.clock, "tick"):
            raise InvalidInput(
                f"clock={format_value(self.clock)} is not valid. Expected {' or '.join(map(repr, CLOCKS))}, or a Clock object."
            )
        if not isinstance(self.quotas, bool | None):
            raise InvalidInput(f"quotas={format_value(self.quotas)} is not valid. Expected True or False.")
        if not isinstance(self.assumptions, Assumptions | None):
            raise InvalidInput(
                f"assumptions={format_value(self.assumptions)} is not valid. Expected a kvs.Assumptions object."
            )

    def to_json(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults as JSON values; a Clock object becomes its class name."""
        values = {field.name: (getattr(self, field.name), field.default) for field in dataclasses.fields(self)}
        changed = {name: value for name, (value, default) in values.items() if value != default}
        if self.assumptions is not None:
            changed["assumptions"] = dataclasses.asdict(self.assumptions)
        if not isinstance(self.clock, str | None):
            changed["clock"] = type(self.clock).__name__
        as_json: dict[str, Any] = json.loads(json.dumps(changed))
        return as_json
