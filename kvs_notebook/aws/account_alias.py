"""The alias of the account that a connection's credentials belong to."""

from __future__ import annotations

import threading
from collections.abc import Callable


class AccountAlias:
    """The alias of an account, shared by the connections of one session once IAM was asked.

    Attributes
    ----------
    value
        The alias, None if the account has none, or IAM was not asked yet or did not return it.
    """

    __slots__ = ("_lock", "_was_read", "value")

    def __init__(self) -> None:
        self.value: str | None = None
        self._was_read = False
        self._lock = threading.Lock()

    def read(self, ask: Callable[[], str | None]) -> str | None:
        """Return the alias; ``ask`` is called once, whatever it returns."""
        with self._lock:
            if not self._was_read:
                self.value = ask()
                self._was_read = True
        return self.value
