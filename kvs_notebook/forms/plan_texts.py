"""The texts of the plan form: about the plan, and about its outcome."""

from __future__ import annotations

from kvs_notebook.formatting import format_count
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.html import lines_html, table_html
from kvs_notebook.plans.applied import Applied
from kvs_notebook.plans.plan import Plan


def counts_html(plan: Plan) -> str:
    """Return a table of the number of steps for each account, region and action, and the notes of the plan."""
    counted = plan.ready.groupby(["account_id", "region", "action"], sort=True).agg(
        channels=("channel_name", "nunique"), steps=("step", "size")
    )
    rows = [
        (plan.account_names.get(account_id, account_id), region, action, f"{channels:,}", f"{steps:,}")
        for (account_id, region, action), channels, steps in counted.itertuples(name=None)
    ]
    notes = [f"{format_count(len(plan.refused), 'row')} refused and will not be sent."] if len(plan.refused) else []
    return table_html(rows, ("Account", "Region", "Action", "Channels", "Steps")) + lines_html([*notes, *plan.notes])


def result_text(applied: Applied) -> str:
    """Return how many steps had which outcome, where the files are, and what to press to continue."""
    found = ", ".join(f"{number:,} {outcome.replace('_', ' ')}" for outcome, number in applied.counts.items() if number)
    ended = "Stopped" if applied.interrupted else "Applied"
    rest = " Press Resume to continue." if applied.can_be_resumed else ""
    return f"{ended}: {found or 'no steps'}; {applied.folder} has the journal, result.csv and undo.csv.{rest}"


def notes_html(applied: Applied) -> str:
    """Return why steps were not applied, in the words of forms."""
    return lines_html([in_words(note) for note in applied.notes])
