"""Limits of a run, which keep a mistake small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count, format_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a run.

    Attributes
    ----------
    max_delete
        The largest number of channels that may be deleted.
    max_share
        The largest share of the channels of an account and region that may be deleted; they are counted just before.
    canary
        How many channels of each account and region are changed and verified before the others.
    stop_after
        After how many failed channels an account and region stops.
    """

    max_delete: int = 0
    max_share: float = 0.1
    canary: int = 5
    stop_after: int = 10

    def __post_init__(self) -> None:
        """Raise InvalidInput if a limit is out of range."""
        for name, least in (("max_delete", 0), ("canary", 0), ("stop_after", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InvalidInput(
                    f"{name}={format_value(value)} is not valid. Expected a whole number of {least} or more."
                )
        share = self.max_share
        if type(share) not in (int, float) or not 0 <= share <= 1:
            raise InvalidInput(f"max_share={format_value(share)} is not valid. Expected a number from 0 to 1.")

    @classmethod
    def of(cls, base: Mapping[str, Any], **given: Any) -> Limits:
        """Return the limits that were given, else those of ``base``, else the defaults."""
        return cls(**{**base, **{name: value for name, value in given.items() if value is not None}})

    def to_dict(self) -> dict[str, Any]:
        """Return the limits by name."""
        return asdict(self)

    def check_deletes(self, deletes: int) -> None:
        """Raise InvalidInput if a plan deletes more channels than allowed."""
        if deletes > self.max_delete:
            raise InvalidInput(
                f"The plan deletes {format_count(deletes, 'channel')}, which is over max_delete={self.max_delete}, so nothing "
                f"was sent. To delete them, pass max_delete={deletes}."
            )

    def check_share(self, deletes: int, channels: int, where: str) -> None:
        """Raise InvalidInput if a plan deletes a larger share of the channels of an account and region than allowed."""
        share = deletes / channels if channels else 0.0
        if share > self.max_share:
            needed = min(-(-share * 1000 // 1) / 1000, 1.0)
            raise InvalidInput(
                f"The plan deletes {deletes:,} of the {format_count(channels, 'channel')} in {where}, which is over "
                f"max_share={self.max_share:g}, so nothing was sent. To delete them, pass max_share={needed:g}."
            )
