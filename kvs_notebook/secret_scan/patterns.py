"""Patterns of signed URLs, AWS keys, session and access tokens and TURN passwords, and what is harmless beside them.

The patterns are our own: detect-secrets 1.5 raises an alarm for 25 of the 30 forms in our tests, but names no signed URL or TURN
password, raises false alarms for 9 of 23 harmless texts, takes 28 times the CPU, and sends AWS each key that it finds.

The access keys of a sandbox (KVSB..., KVST...) are valid only for that sandbox, on the loopback interface of its machine. They,
the secrets in one cell with them, and the passwords of TURN servers on loopback are harmless. So are the keys of AWS's
documentation, which end in EXAMPLE. If a secret could be either, it counts as real, for example a TURN password that a cell
shows alone.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote

from kvs_notebook.secret_scan.text_views import remove_escapes

SIGNED_URL, KEY_ID, SECRET_KEY, SESSION_TOKEN = "signed URL", "access key id", "secret access key", "session token"
TURN_USERNAME, TURN_PASSWORD = "TURN username", "TURN password"
ACCESS_TOKEN, PRIVATE_KEY = "access token", "private key"
"""What ``aws sso login`` and ``aws login`` keep in their caches."""

_KEY_ID = r"(?:AKIA|ASIA)[A-Z0-9]{16}"
_KEY_ID_START = "(?:(?<![A-Za-z0-9+/])|(?<=%3D)|(?<=://))"
_REAL_KEY_ID = re.compile(rf"{_KEY_ID_START}{_KEY_ID}(?<!EXAMPLE)(?![A-Za-z0-9+])")
_SANDBOX_KEY_ID = re.compile(r"KVS[BT][0-9]{12}[A-Z2-7]{4}")
_LOOPBACK = r"(?:127\.0\.0\.1|localhost)\b"
_AWS_ENDPOINT = re.compile(r"(?:turns?:|wss://|https://)[\w.-]+\.(?:amazonaws\.com|api\.aws)\b")

_SEPARATOR = (
    r"""["'\\\])]{0,3}(?:\s?:\s?(?:str|bytes))?\s{0,9}(?:=|%3[Dd]|:|,|>|\s)\s{0,600}"""
    r"""(?:["']?value["']?\s?[:=]\s?)?(?:(?:[\w.]{0,20}(?:fromhex|unhexlify|b64decode|bytes|str)|["']{2}\.join)\()?"""
    r"""[\[(]?\s{0,9}(?:[bBrRfFuU]{1,2}(?=["']))?["'\\]{0,3}"""
)
"""What separates a name and its value: in Python, JSON, XML, YAML, a shell, a table."""

_PARAMETER = re.compile(
    rf"(?P<label>(?i:X-Amz-(?:Signature|Credential|Security-Token))){_SEPARATOR}"
    r"(?P<secret>[0-9a-f]{32,}|[A-Z0-9]{16,}[\w%/+-]*|[\w%/+=-]{40,})"
)
MINIMUM_DISTINCT_CHARACTERS = 8
"""A placeholder, such as xxxx, has fewer."""


class DetectedSecret(NamedTuple):
    """The kind of a secret in a text, an excerpt that does not contain it, and its line, counted from 1."""

    kind: str
    excerpt: str
    line: int


def _is_mixed(secret: str) -> bool:
    return all(re.search(letters, secret) for letters in ("[a-z]", "[A-Z]", "[0-9]"))


def _has_signature(secret: str) -> bool:
    return _PARAMETER.search(secret) is not None


def _has_digit(secret: str) -> bool:
    return re.search("[0-9]", secret) is not None


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Rule:
    """How secrets of one kind are found.

    The pattern's group ``secret`` is never shown; the group ``label`` may be. A match counts if ``is_valid(secret)``; if
    ``context`` is found in the same cell; and, with ``needs_key_id``, if the notebook contains an access key id. Each match
    contains one of ``words``, in any case: most texts have none, which is known 20 times as fast as that they have no match.
    """

    kind: str
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool] = _always
    words: tuple[str, ...] = ("",)
    context: re.Pattern[str] | None = None
    needs_key_id: bool = False


_MARKS = ("", " ", "_", "-")
"""What may be between the words of a name."""

_RULES = (
    _Rule(
        SIGNED_URL,
        re.compile(r"""(?P<label>(?:https?|wss?)://[\w.:-]{1,300})(?P<secret>[/?](?:[^\s"'<>`\\]|\\u0026){0,9000})"""),
        _has_signature,
        words=("x-amz-",),
    ),
    _Rule(SIGNED_URL, _PARAMETER, _has_digit, words=("x-amz-",)),
    _Rule(
        SESSION_TOKEN,
        re.compile(
            rf"(?P<label>(?:session|security)[ _-]?token){_SEPARATOR}(?P<secret>[\w+/=%-]{{60,}})", re.IGNORECASE
        ),
        _is_mixed,
        words=tuple(f"{name}{mark}token" for name in ("session", "security") for mark in _MARKS),
    ),
    _Rule(
        SESSION_TOKEN,  # as STS creates them
        re.compile(r"(?<![\w+/])(?P<secret>(?:IQoJb3JpZ2luX2|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/=%]{60,})"),
        words=("iqojb3jpz2lux2", "fwogzxivyxdz", "fqogzxivyxdz", "aqodyxdz"),
    ),
    _Rule(
        ACCESS_TOKEN,
        re.compile(
            rf"(?P<label>(?:access|refresh|bearer|authorization|(?<![A-Za-z])id)[ _-]?token|client[ _-]?secret){_SEPARATOR}"
            r"(?P<secret>(?!arn:|https?:)[\w+/=.:~-]{60,})",
            re.IGNORECASE,
        ),
        _is_mixed,
        words=(
            *(
                f"{name}{mark}token"
                for name in ("access", "refresh", "bearer", "authorization", "id")
                for mark in _MARKS
            ),
            *(f"client{mark}secret" for mark in _MARKS),
        ),
    ),
    _Rule(
        ACCESS_TOKEN,  # of IAM Identity Center, of Amazon ECR (also as Docker saves it), and JSON Web Tokens
        re.compile(
            r"(?<![\w+/])(?P<secret>(?:ao[ar]A{4}|eyJwYXlsb2FkIjoi|QVdTOmV5S)[\w+/=%.:~-]{60,}"
            r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,})"
        ),
        words=("aoaaaaa", "aoraaaa", "eyj", "qvdtomv5s"),
    ),
    _Rule(
        PRIVATE_KEY,
        re.compile(r"(?P<secret>-----BEGIN (?:[A-Z]{2,10} )?PRIVATE KEY-----\s{0,9}[A-Za-z0-9+/=\s]{60,})"),
    ),
    _Rule(KEY_ID, re.compile(rf"{_KEY_ID_START}(?P<secret>{_KEY_ID})(?![A-Za-z0-9+])"), words=("akia", "asia")),
    _Rule(
        SECRET_KEY,
        re.compile(
            rf"(?P<label>(?:secret(?: access)?(?: key)?|aws_?key)[\w-]{{0,30}}){_SEPARATOR}"
            r"(?P<secret>[A-Za-z0-9/+]{40})(?![\w/+=-]|\.\w)",
            re.IGNORECASE,
        ),
        _is_mixed,
        words=("secret", "awskey", "aws_key"),
    ),
    _Rule(
        SECRET_KEY,
        re.compile(r"(?<![\w+/=-])(?P<secret>[A-Za-z0-9/+]{40})(?![\w/+=-])"),
        _is_mixed,
        needs_key_id=True,
    ),
    _Rule(
        TURN_USERNAME,  # an expiry, and v1:ARN in base64
        re.compile(r"(?<![0-9])(?P<secret>[0-9]{10}:djE6YXJu[A-Za-z0-9+/]{8,}={0,2})"),
        words=(":dje6yxju",),
    ),
    _Rule(
        TURN_PASSWORD,
        re.compile(
            rf"(?P<label>password|credential){_SEPARATOR}(?P<secret>[A-Za-z0-9+/]{{43}}=)(?![A-Za-z0-9+/=])",
            re.IGNORECASE,
        ),
        _is_mixed,
        words=("password", "credential"),
    ),
    _Rule(
        TURN_PASSWORD,
        re.compile(r"(?<![\w+/=-])(?P<secret>[A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])"),
        _is_mixed,
        context=re.compile(r"\.reveal\(|\bturns?:[\w\[]|:djE6YXJu|\bpassword\b", re.IGNORECASE),
    ),
)


def has_key_id(text: str) -> bool:
    """Return whether a text contains an AWS access key id; what is as long as a secret key may then be one."""
    return ("AKIA" in text or "ASIA" in text) and _REAL_KEY_ID.search(text) is not None


def _has_aws_endpoint(text: str) -> bool:
    return ("amazonaws.com" in text or "api.aws" in text) and _AWS_ENDPOINT.search(text) is not None


class SecretDetector:
    """Find secrets in the texts of one cell.

    Parameters
    ----------
    cell
        All texts of the cell, joined.
    notebook_has_key_id
        Whether a cell of the notebook contains an access key id.
    """

    def __init__(self, cell: str, *, notebook_has_key_id: bool) -> None:
        self._found_in_cell: set[str] = set()
        self._reported_in_cell: set[str] = set()
        self._harmless_kinds = _harmless_kinds(cell)
        folded = cell.casefold()
        self._rules = [
            rule
            for rule in _RULES
            if (notebook_has_key_id or not rule.needs_key_id) and any(word in folded for word in rule.words)
        ]
        self._has_context = cache(lambda context: context is None or context.search(cell) is not None)

    def detect(self, views: Iterable[str], *, is_repetition: bool = False) -> Iterator[DetectedSecret]:
        """Yield each secret of a text once, by the first rule that finds it in the first of its views that shows it.

        If the text repeats others of the cell, such as pieces that are joined, secrets of those are left out.
        """
        found = set(self._found_in_cell) if is_repetition else set[str]()  # also what is harmless
        reported = set(self._reported_in_cell) if is_repetition else set[str]()
        for number, view in enumerate(views):
            may_repeat = number > 0 or is_repetition
            for secret, detected in self._detect_in_view(view):
                plain = remove_escapes(secret)
                if may_repeat and _overlaps(plain, found, reported):
                    continue
                found.add(plain)
                if detected is not None:
                    reported.add(plain)
                    yield detected
        self._found_in_cell |= found
        self._reported_in_cell |= reported

    def _detect_in_view(self, text: str) -> Iterator[tuple[str, DetectedSecret | None]]:
        """Yield what a rule finds, and how it is reported; None if it is harmless."""
        taken = bytearray(len(text))
        newlines: list[int] = []
        folded = text.casefold()
        for rule in self._rules:
            if not any(word in folded for word in rule.words):
                continue
            for match in rule.pattern.finditer(text):
                start, end = match.span("secret")
                secret = match["secret"]
                if rule.is_valid(secret) and not any(taken[start:end]) and self._has_context(rule.context):
                    taken[start:end] = b"x" * (end - start)
                    if _is_placeholder(secret) or self._is_harmless(rule, match):
                        yield secret, None
                    else:
                        newlines = newlines or [match.start() for match in re.finditer("\n", text)]
                        yield secret, DetectedSecret(rule.kind, _excerpt(rule.kind, match), bisect(newlines, start) + 1)

    def _is_harmless(self, rule: _Rule, match: re.Match[str]) -> bool:
        """Return whether a secret is valid for a sandbox only."""
        origin, secret = _label(match), unquote(match["secret"])
        if "://" not in origin:
            return rule.kind in self._harmless_kinds or _SANDBOX_KEY_ID.match(secret) is not None
        if has_key_id(secret) or _has_aws_endpoint(secret):
            return False
        return bool(_SANDBOX_KEY_ID.search(secret) or re.search(f"://{_LOOPBACK}", origin))


def _overlaps(secret: str, found: set[str], reported: set[str]) -> bool:
    """Return whether a secret is part of another that was found, or contains one that was reported."""
    return secret in found or any(secret in each for each in found) or any(each in secret for each in reported)


def _harmless_kinds(cell: str) -> frozenset[str]:
    """Return the kinds of secret that are a sandbox's in a cell, because its keys or TURN servers are there too."""
    if has_key_id(cell) or _has_aws_endpoint(cell):
        return frozenset()
    kinds: set[str] = set()
    if _SANDBOX_KEY_ID.search(cell):
        kinds |= {SECRET_KEY, SESSION_TOKEN, SIGNED_URL}
    if re.search(f"turns?:{_LOOPBACK}", cell):
        kinds |= {TURN_USERNAME, TURN_PASSWORD}
    return frozenset(kinds)


def _is_placeholder(secret: str) -> bool:
    if len(set(secret)) < MINIMUM_DISTINCT_CHARACTERS or re.search(f"{_KEY_ID}(?<=EXAMPLE)", secret):
        return True
    return "X-Amz-" not in secret and re.search("EXAMPLE(?:KEY|TOKEN)?=*$", secret) is not None


def _label(match: re.Match[str]) -> str:
    return match.groupdict().get("label") or ""


def _excerpt(kind: str, match: re.Match[str]) -> str:
    """Describe a secret by its label and length; of a key id, which IAM lists, show the last characters."""
    secret, label = match["secret"], _label(match)
    if kind == KEY_ID:
        return f"{secret[:4]}...{secret[-4:]}"
    if "://" in label:
        names = dict.fromkeys(parameter["label"] for parameter in _PARAMETER.finditer(secret))
        return f"{label}/?{'&'.join(f'{name}=<...>' for name in names)}"
    return f"{label + ' ' if label else ''}<{len(secret)} characters>"
