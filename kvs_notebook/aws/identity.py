"""The identity that a connection's credentials belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

SANDBOX_USER = "kvs-notebook-sandbox"
"""The IAM user name that a sandbox answers with: how a program in its environment recognizes it."""


class Identity(NamedTuple):
    """An identity as STS returns it: the account's 12 digits, the ARN of the user or role session, and its unique id."""

    account_id: str
    arn: str
    user_id: str

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Identity:
        """Return the identity of a reply to GetCallerIdentity."""
        return cls(reply["Account"], reply["Arn"], reply["UserId"])

    @property
    def is_sandbox_user(self) -> bool:
        """Whether a local sandbox answered."""
        return self.arn.endswith(f"/{SANDBOX_USER}")


class KnownIdentity:
    """The identity of one session's credentials, shared by the connections of that session once STS has returned it."""

    __slots__ = ("identity",)

    def __init__(self) -> None:
        self.identity: Identity | None = None
