"""The difference between two mappings of tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TagDifference:
    """The tags to set and to remove, to make one mapping of tags into another."""

    put: dict[str, str]
    removed: dict[str, str]

    @classmethod
    def between(cls, before: Tags, after: Tags) -> TagDifference:
        """Compare two mappings of tags."""
        put = {key: value for key, value in after.items() if before.get(key) != value}
        return cls(put, {key: value for key, value in before.items() if key not in after})

    @property
    def keys(self) -> set[str]:
        """The keys that differ."""
        return {*self.put, *self.removed}

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)

    def __str__(self) -> str:
        parts = [f"set {key}={value}" for key, value in sorted(self.put.items())]
        return ", ".join([*parts, *(f"remove {key}" for key in sorted(self.removed))]) or "nothing"

    def applied_to(self, tags: Tags) -> dict[str, str]:
        """Return the tags with this difference applied, sorted by key."""
        kept = {key: value for key, value in tags.items() if key not in self.removed}
        return dict(sorted((kept | self.put).items()))
