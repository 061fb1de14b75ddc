"""Redaction: values that are not shown, saved or pickled until somebody asks for them by name."""

from __future__ import annotations

import hmac
from typing import Self

SHOWN = "<Secret: .reveal() gives it>"
"""What stands in place of every secret, in whatever it is printed, shown, saved or written into."""


class Secret:
    """Hold a signed URL or a password that must not end up in an output, a file or a log.

    ``repr``, ``str``, ``format``, HTML, frames, CSV and tracebacks show that it is one; a pickle holds no more than that. Two
    secrets are equal where their values are.

    Parameters
    ----------
    value
        What is not to be shown.

    Examples
    --------
    >>> from kvs_notebook.secret import Secret
    >>> password = Secret("correct horse")
    >>> password
    <Secret: .reveal() gives it>
    >>> len(password.reveal())
    13
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value: str | None = value

    def reveal(self) -> str:
        """Give the value itself, for the call that needs it.

        Raises
        ------
        ValueError
            For a secret that was pickled or copied to another process: its value stayed behind.
        """
        if self.__value is None:
            raise ValueError("This secret was saved or sent without its value: get it anew from the service.")
        return self.__value

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return format(SHOWN, spec)

    def _repr_html_(self) -> str:
        return "&lt;Secret: <code>.reveal()</code> gives it&gt;"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or self.__value is None or other.__value is None:
            return self is other
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self  # frames copy deeply, within this process

    def __reduce__(self) -> tuple[object, ...]:
        return (_emptied, ())


def _emptied() -> Secret:
    """Give what a pickle makes of a secret."""
    secret = Secret("")
    secret._Secret__value = None  # type: ignore[attr-defined]  # noqa: SLF001 - its own, whose name Python mangles
    return secret
