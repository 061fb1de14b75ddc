"""The fields of the form of a plan: the folder of its run, its phrase, and the limits of what it deletes."""

from __future__ import annotations

from kvs_notebook.arguments import check_path
from kvs_notebook.dataframes.files import File
from kvs_notebook.errors import InvalidInput
from kvs_notebook.forms.fields import ConfirmationField, TextField
from kvs_notebook.plans.limits import Limits
from kvs_notebook.plans.plan import Plan, to_csv_text
from kvs_notebook.plans.plan_folder import digest


def folder_field(plan: Plan, folder: File | None) -> TextField:
    """Return the field for the folder of the run; None suggests one that is named for the plan."""
    given = "" if folder is None else str(check_path("folder", folder))
    suggested = given or f"plan-{digest(to_csv_text(plan.steps))[:8]}"
    return TextField("Folder that keeps the plan, its journal and its result", _check_folder, suggested)


def phrase_field(phrase: str, action: str) -> ConfirmationField:
    """Return the field for a plan's phrase, which enables the button with the text ``action``."""

    def check(typed: str) -> None:
        if typed != phrase:
            raise InvalidInput(f"This is not the phrase of this plan. Type: {phrase}")

    return ConfirmationField(
        f"To apply, type: {phrase}",
        check,
        accepts=f"{action} can be pressed when the phrase matches",
        expected=phrase,
    )


def max_delete_field() -> TextField:
    """Return the field for the number of channels that may be deleted."""
    return TextField("Channels that may be deleted", parse_count, 0)


def max_share_field() -> TextField:
    """Return the field for the share of a region's channels that may be deleted."""
    return TextField("Share of a region's channels that may be deleted", parse_share, 0.1)


def parse_count(text: str) -> int:
    """Return the number that was typed; raise InvalidInput if it is not a limit of deletions."""
    return Limits.of({}, max_delete=int(text) if text.strip().isdecimal() else text).max_delete


def parse_share(text: str) -> float:
    """Return the share that was typed; raise InvalidInput if it is not one."""
    try:
        share: float | str = float(text)
    except ValueError:
        share = text
    return Limits.of({}, max_share=share).max_share


def _check_folder(text: str) -> str:
    if not text.strip():
        raise InvalidInput("No folder was given. Enter a name, such as changes/annex.")
    return text
