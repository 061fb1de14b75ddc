"""Leak: what a signed URL, a key, a session token or a TURN password looks like in a text, named without telling it.

The table is our own: detect-secrets 1.5 knows neither signed URLs nor TURN passwords, takes our charts (base64) for secrets,
names lines of JSON in place of cells, and asks AWS about each key that it finds.

A sandbox's keys (they begin with KVSB or KVST) open nothing but that sandbox, on the loopback of the machine that it ran on:
they, what stands in one cell with them, and the passwords of TURN servers on loopback are no leak. Nor are the keys of AWS's
documentation, which end in EXAMPLE. What cannot be told apart counts as real: a TURN password that a cell shows alone, for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

SIGNED_URL, KEY_ID, SECRET_KEY, SESSION_TOKEN = "signed URL", "access key id", "secret access key", "session token"
TURN_USERNAME, TURN_PASSWORD = "TURN username", "TURN password"

_KEY_ID = r"(?:AKIA|ASIA)[A-Z0-9]{16}"
_BEGINS = "(?:(?<![A-Za-z0-9+/])|(?<=%3D))"
_REAL_KEY_ID = re.compile(rf"{_BEGINS}{_KEY_ID}(?<!EXAMPLE)(?![A-Za-z0-9+])")
_SANDBOX_KEY_ID = re.compile(r"KVS[BT][0-9]{12}[A-Z2-7]{4}")
_LOOPBACK = r"(?:127\.0\.0\.1|localhost)\b"
_AT_AWS = re.compile(r"(?:turns?:|wss://|https://)[\w.-]+\.(?:amazonaws\.com|api\.aws)\b")

_IS = r"""["'\\\])]{0,3}(?:\s?:\s?str)?\s{0,9}(?:=|%3[Dd]|:|,|>|\s)\s{0,9}[\[(]?["'\\]{0,3}"""
"""What may stand between a name and its value: in Python, JSON, XML, a shell, a table."""

_PARAMETER = re.compile(
    rf"(?P<label>(?i:X-Amz-(?:Signature|Credential|Security-Token))){_IS}"
    r"(?P<secret>[0-9a-f]{32,}|[A-Z0-9]{16,}[\w%/+-]*|[\w%/+=-]{40,})"
)
FEWEST_LETTERS = 8
"""Different characters that a secret has at least; a placeholder, such as xxxx, has fewer."""


class Leak(NamedTuple):
    """A secret in a text: what kind of secret, and an excerpt that does not tell it."""

    kind: str
    excerpt: str


def _is_random(secret: str) -> bool:
    return all(re.search(letters, secret) for letters in ("[a-z]", "[A-Z]", "[0-9]"))


def _is_signed(secret: str) -> bool:
    return _PARAMETER.search(secret) is not None


def _has_digit(secret: str) -> bool:
    return re.search("[0-9]", secret) is not None


def _anything(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Rule:
    """A kind of secret and how it is found: ``secret`` is the group that is not told, ``label`` the one that may be.

    ``beside`` is what has to stand in the cell; ``with_keys`` asks for a key id anywhere in the notebook.
    """

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _anything
    beside: re.Pattern[str] | None = None
    with_keys: bool = False


_RULES = (
    _Rule(
        SIGNED_URL,
        re.compile(r"""(?P<label>(?:https?|wss?)://[\w.:-]{1,300})(?P<secret>[/?](?:[^\s"'<>`\\]|\\u0026){0,9000})"""),
        _is_signed,
        beside=re.compile("X-Amz-", re.IGNORECASE),
    ),
    _Rule(SIGNED_URL, _PARAMETER, _has_digit),
    _Rule(
        SESSION_TOKEN,
        re.compile(rf"(?P<label>(?:session|security)[ _-]?token){_IS}(?P<secret>[\w+/=%-]{{60,}})", re.IGNORECASE),
        _is_random,
    ),
    _Rule(
        SESSION_TOKEN,  # as STS makes them
        re.compile(r"(?<![\w+/])(?P<secret>(?:IQoJb3JpZ2luX2|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/=%]{60,})"),
    ),
    _Rule(KEY_ID, re.compile(rf"{_BEGINS}(?P<secret>{_KEY_ID})(?![A-Za-z0-9+])")),
    _Rule(
        SECRET_KEY,
        re.compile(
            rf"(?P<label>(?:secret(?: access)?(?: key)?|aws_?key)[\w-]{{0,30}}){_IS}"
            r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
            re.IGNORECASE,
        ),
        _is_random,
    ),
    _Rule(
        SECRET_KEY,
        re.compile(r"(?<![\w+/=-])(?P<secret>[A-Za-z0-9/+]{40})(?![\w/+=-])"),
        _is_random,
        with_keys=True,
    ),
    _Rule(
        TURN_USERNAME,  # an expiry, and v1:ARN in base64
        re.compile(r"(?<![0-9])(?P<secret>[0-9]{10}:djE6YXJu[A-Za-z0-9+/]{8,}={0,2})"),
    ),
    _Rule(
        TURN_PASSWORD,
        re.compile(
            rf"(?P<label>password|credential){_IS}(?P<secret>[A-Za-z0-9+/]{{43}}=)(?![A-Za-z0-9+/=])", re.IGNORECASE
        ),
        _is_random,
    ),
    _Rule(
        TURN_PASSWORD,
        re.compile(r"(?<![\w+/=-])(?P<secret>[A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])"),
        _is_random,
        beside=re.compile(r"\.reveal\(|\bturns?:[\w\[]|:djE6YXJu|\bpassword\b", re.IGNORECASE),
    ),
)


def names_a_key(text: str) -> bool:
    """Tell whether an access key id of AWS stands in a text: what is as long as a secret key may then be one."""
    return _REAL_KEY_ID.search(text) is not None


class Lookout:
    """Look for secrets in the texts of one cell, by what stands beside them there.

    Parameters
    ----------
    cell
        All of the cell's texts.
    with_keys
        Whether its notebook names a key.
    """

    def __init__(self, cell: str, *, with_keys: bool) -> None:
        self._harmless = _of_a_sandbox(cell)
        self._rules = [
            rule
            for rule in _RULES
            if (rule.beside is None or rule.beside.search(cell)) and (with_keys or not rule.with_keys)
        ]

    def leaks(self, text: str) -> Iterator[Leak]:
        """Give the secrets of a text, each once, whichever rule finds it first."""
        taken = bytearray(len(text))
        for rule in self._rules:
            for found in rule.pattern.finditer(text):
                start, end = found.span("secret")
                secret = found["secret"]
                if rule.holds(secret) and not any(taken[start:end]):
                    taken[start:end] = b"x" * (end - start)
                    if not _is_a_placeholder(secret) and not self._is_of_a_sandbox(rule, found):
                        yield Leak(rule.kind, _excerpt(rule.kind, found))

    def _is_of_a_sandbox(self, rule: _Rule, found: re.Match[str]) -> bool:
        origin, secret = _label(found), unquote(found["secret"])
        if "://" not in origin:
            return rule.kind in self._harmless or _SANDBOX_KEY_ID.match(secret) is not None
        if names_a_key(secret) or _AT_AWS.search(secret):
            return False
        return bool(_SANDBOX_KEY_ID.search(secret) or re.search(f"://{_LOOPBACK}", origin))


def _label(found: re.Match[str]) -> str:
    return found.groupdict().get("label") or ""


def _of_a_sandbox(cell: str) -> frozenset[str]:
    """Give the kinds of secret that are a sandbox's where a cell shows them, since it shows what goes with them too."""
    if names_a_key(cell) or _AT_AWS.search(cell):
        return frozenset()
    kinds: set[str] = set()
    if _SANDBOX_KEY_ID.search(cell):
        kinds |= {SECRET_KEY, SESSION_TOKEN, SIGNED_URL}
    if re.search(f"turns?:{_LOOPBACK}", cell):
        kinds |= {TURN_USERNAME, TURN_PASSWORD}
    return frozenset(kinds)


def _is_a_placeholder(secret: str) -> bool:
    if len(set(secret)) < FEWEST_LETTERS or re.search(f"{_KEY_ID}(?<=EXAMPLE)", secret):
        return True
    return "X-Amz-" not in secret and re.search("EXAMPLE(?:KEY|TOKEN)?=*$", secret) is not None


def _excerpt(kind: str, found: re.Match[str]) -> str:
    """Name a secret by what stands before it and by its length; of a key id, which IAM lists, the last letters tell it apart."""
    secret = found["secret"]
    label = _label(found)
    if kind == KEY_ID:
        return f"{secret[:4]}...{secret[-4:]}"
    if "://" in label:
        names = dict.fromkeys(parameter["label"] for parameter in _PARAMETER.finditer(secret))
        return f"{label}/?{'&'.join(f'{name}=<...>' for name in names)}"
    return f"{label + ' ' if label else ''}<{len(secret)} characters>"
