"""Redaction: values that are not shown, saved or pickled unless ``reveal()`` is called."""

from __future__ import annotations

import hmac
from typing import Self

PLACEHOLDER = "<Secret: use .reveal()>"
"""The text that replaces a secret wherever it is printed, displayed or written."""


class Secret:
    """A signed URL or a password, which outputs, files and logs don't show.

    ``repr``, ``str``, ``format``, HTML, DataFrames, CSV and tracebacks show a
    placeholder, and a pickle does not contain the value. Two secrets are equal
    if their values are.

    Parameters
    ----------
    value
        The text to hide.

    Examples
    --------
    >>> from kvs_notebook.secret import Secret
    >>> password = Secret("correct horse")
    >>> password
    <Secret: use .reveal()>
    >>> len(password.reveal())
    13
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value: str | None = value

    def reveal(self) -> str:
        """Return the value.

        Raises
        ------
        ValueError
            If the secret was unpickled, for instance in another process: a
            pickle does not contain the value.
        """
        if self.__value is None:
            raise ValueError("The value of this secret was not saved. Request a new one from the service.")
        return self.__value

    def __repr__(self) -> str:
        return PLACEHOLDER

    def __format__(self, spec: str) -> str:
        return format(PLACEHOLDER, spec)

    def _repr_html_(self) -> str:
        return "&lt;Secret: use <code>.reveal()</code>&gt;"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or self.__value is None or other.__value is None:
            return self is other
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self  # DataFrame.copy() is deep

    def __reduce__(self) -> tuple[object, ...]:
        return (_without_value, ())


def _without_value() -> Secret:
    """Create a secret without a value, as an unpickled one is."""
    secret = Secret("")
    secret._Secret__value = None  # type: ignore[attr-defined]  # noqa: SLF001 - the class is this module's; Python mangles the name
    return secret
