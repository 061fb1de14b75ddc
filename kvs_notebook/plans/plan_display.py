"""A plan as text and as HTML: what changes in each account and region, what is refused and why, and the next step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape as escape_html
from typing import NamedTuple

import pandas as pd

from kvs_notebook.dataframes.schemas import TAG_PREFIX
from kvs_notebook.formatting import format_count, printable
from kvs_notebook.plans.steps import CREATE, DELETE, READY, REFUSED, UNCHANGED

MAX_REFUSALS = 10
MAX_NAMES = 3
MAX_VALUES = 2
MAX_VALUE_LENGTH = 30
GAP = "  "
ABSENT = "(none)"
REMOVED = "(removed)"
EMPTY = '""'


class _Line(NamedTuple):
    """Steps of one action and column in one account and region."""

    action: str
    column: str
    channels: str
    change: str


class _Place(NamedTuple):
    """What changes in one account and region."""

    title: str
    lines: Sequence[_Line]


@dataclass(frozen=True, slots=True)
class PlanDisplay:
    """What is shown of a plan.

    Attributes
    ----------
    steps
        The steps frame.
    title, source
        How the plan is named, and what it was made from.
    notes
        Sentences that are shown after the refused rows.
    account_names
        The names of accounts by account id.
    next_label, next_line
        What the last line is, such as "To apply", and the call, command or file that it names.
    """

    steps: pd.DataFrame
    title: str
    source: str
    notes: Sequence[str]
    account_names: Mapping[str, str]
    next_label: str
    next_line: str

    def _with_status(self, status: str) -> pd.DataFrame:
        return self.steps[self.steps["status"] == status]

    def to_text(self, width: int = 80) -> str:
        """Return lines of at most ``width`` characters; the last line, such as the one to apply it, is never broken."""
        lines = [_wrap(f"{self.title}: {place.title}", width) + _table(place.lines, width) for place in self._places()]
        if not lines:
            lines = [f"{self.title}: nothing to change"]
        lines += [_wrap(note, width) for note in self._unchanged()]
        refusals = list(self._refusals())
        if refusals:
            lines.append(self._refused_title())
            lines += [_wrap(GAP.join(refusal), width, GAP) for refusal in refusals]
        lines += [_wrap(note, width) for note in self.notes]
        if len(self._with_status(READY)):
            lines.append(f"{self.next_label}: {printable(self.next_line)}")
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return tables for a notebook, in its own colors."""
        parts = []
        for place in self._places():
            rows = "".join(
                "<tr>" + "".join(f"<td>{_escape(cell)}</td>" for cell in line) + "</tr>" for line in place.lines
            )
            head = "<tr><th>action</th><th>column</th><th>channels</th><th>values</th></tr>"
            parts.append(
                f"<p>{_escape(f'{self.title}: {place.title}')}</p><table><thead>{head}</thead><tbody>{rows}</tbody></table>"
            )
        if not parts:
            parts = [f"<p>{_escape(self.title)}: nothing to change</p>"]
        parts += [f"<p>{_escape(note)}</p>" for note in self._unchanged()]
        refusals = "".join(f"<li>{_escape(_sentence(refusal))}</li>" for refusal in self._refusals())
        if refusals:
            parts.append(f"<p>{self._refused_title()}</p><ul>{refusals}</ul>")
        parts += [f"<p>{_escape(note)}</p>" for note in self.notes]
        if len(self._with_status(READY)):
            parts.append(f"<p>{self.next_label}: <code>{_escape(self.next_line)}</code></p>")
        return "".join(parts)

    # --- what changes

    def _places(self) -> Iterator[_Place]:
        for (account_id, region), steps in self._with_status(READY).groupby(["account_id", "region"], sort=False):
            name = self.account_names.get(str(account_id))
            account = f"{name} ({account_id})" if name else str(account_id)
            channels = _count_channels(steps)
            title = f"{format_count(len(steps), 'change')} to {format_count(channels, 'channel')} in {account} {region}"
            groups = steps.groupby(["action", "column"], sort=False, dropna=False)
            lines = [_line(str(action), column, group) for (action, column), group in groups]
            yield _Place(title, lines)

    def _unchanged(self) -> Iterator[str]:
        unchanged = self._with_status(UNCHANGED)
        done = len(unchanged)
        if done:
            yield f"{format_count(done, 'value')} of {format_count(_count_channels(unchanged), 'channel')} already as wanted."

    # --- what is refused

    def _refused_title(self) -> str:
        rows = self._with_status(REFUSED)["source"].nunique()
        return f"{format_count(rows, 'row')} refused; {'it' if rows == 1 else 'they'} will not be sent:"

    def _refusals(self) -> Iterator[Sequence[str]]:
        """Yield the row and the channel of each refused row, and why; last how many more there are."""
        refused = self._with_status(REFUSED)
        for row in refused.head(MAX_REFUSALS).itertuples():
            source = str(row.source).removeprefix(f"{self.source} ")
            name = row.channel_name if isinstance(row.channel_name, str) else "?"
            named = [source] if source.startswith(f"{name} (") else [source, name]
            yield [printable(part) for part in (*named, str(row.reason))]
        if len(refused) > MAX_REFUSALS:
            yield [f"and {len(refused) - MAX_REFUSALS:,} more: see .refused, or plan.csv"]


def _sentence(parts: Sequence[str]) -> str:
    """Return parts with punctuation between them, where HTML would show one space: ``row 5, gate: it has no tag``."""
    *named, reason = parts
    return f"{', '.join(named)}: {reason}" if named else reason


def _escape(text: str) -> str:
    """Return a foreign text as HTML, without control characters."""
    return escape_html(printable(text))


def _count_channels(steps: pd.DataFrame) -> int:
    return len(steps[["account_id", "region", "channel_name", "channel_arn"]].drop_duplicates())


def _line(action: str, column: object, steps: pd.DataFrame) -> _Line:
    named = str(column) if isinstance(column, str) else ""
    if action not in {CREATE, DELETE}:
        named = named.removeprefix(TAG_PREFIX)
    if action == DELETE:
        names = [str(name) for name in steps["channel_name"].head(MAX_NAMES)]
        more = f" and {len(steps) - MAX_NAMES:,} more" if len(steps) > MAX_NAMES else ""
        return _Line(action, "", f"{len(steps):,}", ", ".join(names) + more)
    after = _values(steps["after"], REMOVED)
    values = after if action == CREATE else f"{_values(steps['before'], ABSENT)} -> {after}"
    return _Line(action, printable(named), f"{len(steps):,}", printable(values))


def _values(values: pd.Series, missing: str) -> str:
    """Return the different values of a column, or how many there are."""
    different = [value if isinstance(value, str) else None for value in values.unique()]
    if len(different) > MAX_VALUES:
        return f"{len(different):,} values"
    return ", ".join(missing if value is None else _shorten(value) or EMPTY for value in different)


def _shorten(value: str) -> str:
    return value if len(value) <= MAX_VALUE_LENGTH else value[: MAX_VALUE_LENGTH - 3] + "..."


def _table(lines: Sequence[_Line], width: int) -> str:
    widths = [max(len(line[at]) for line in lines) for at in range(3)]
    rows = (
        GAP
        + GAP.join(
            (line.action.ljust(widths[0]), line.column.ljust(widths[1]), line.channels.rjust(widths[2]), line.change)
        )
        for line in lines
    )
    return "".join("\n" + row.rstrip()[:width] for row in rows)


def _wrap(text: str, width: int, indent: str = "") -> str:
    """Return a text broken between words into lines of at most ``width`` characters."""
    lines = textwrap.wrap(
        printable(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent * 2,
        break_on_hyphens=False,
    )
    return "\n".join(lines)
