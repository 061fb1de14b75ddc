"""``kvs-notebook apply`` and ``kvs-notebook undo``: send the changes of a plan, continue, plan to undo them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kvs_notebook.cli.account_options import EXTERNAL_ID, PROFILE, ROLE_ARNS, ROLE_NAME
from kvs_notebook.cli.error_words import in_options
from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.exit_codes import PARTIAL
from kvs_notebook.cli.plan_command import plan_in_options
from kvs_notebook.cli.terminal import print_text, table_width
from kvs_notebook.errors import KVSError, ReadOnly

if TYPE_CHECKING:
    from kvs_notebook.plans.applied import Applied
    from kvs_notebook.plans.plan import Plan

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command(cls=ExampleCommand, example="kvs-notebook apply changes --confirm 'change 12 in 111122223333 us-east-1'")
@FOLDER
@click.option("--confirm", metavar="TEXT", help="The phrase that kvs-notebook plan has printed.")
@click.option("--resume", is_flag=True, help="Continue a run that was interrupted, stopped or paused.")
@click.option("--allow-changes", is_flag=True, help="Change a real account; a sandbox does not need it.")
@click.option("--max-delete", metavar="N", type=int, help="Delete at most N channels.  [default: 0]")
@click.option(
    "--max-share",
    metavar="SHARE",
    type=float,
    help="Delete at most this share of an account and region's channels.  [default: 0.1]",
)
@click.option("--canary", metavar="N", type=int, help="Change and verify N channels first.  [default: 5]")
@click.option("--stop-after", metavar="N", type=int, help="Stop a region after N failed channels.  [default: 10]")
@PROFILE
@ROLE_ARNS
@EXTERNAL_ID
@click.option(
    "--accounts",
    metavar="FILE",
    help="CSV file with the columns account_id, role_arn or profile, change_role_arn (the role for changes), external_id.",
)
@ROLE_NAME
def apply(*, folder: Path, confirm: str | None, resume: bool, profile: str | None, **options: Any) -> int:
    """Apply the plan in DIR: create, change, tag and delete channels.

    Nothing is sent without --confirm and the phrase of the plan, which contains its counts. DIR keeps a journal, result.csv
    and undo.csv. After Ctrl-C, a killed process or expired credentials, --resume continues and sends nothing twice. If a
    step is not done, the exit code is 3.
    """
    from kvs_notebook.plans.plan import read

    plan = read(folder)
    if not resume:
        _check_confirmation(plan, confirm)
    arguments = _arguments(plan, profile, options)
    try:
        applied = _apply(plan, folder, confirm, arguments, resume=resume)
    except ReadOnly as error:
        raise KVSError(
            f"{str(error).partition(' To allow changes:')[0]} To allow changes: add --allow-changes."
        ) from error
    except KVSError as error:
        raise type(error)(_with_options(str(error), folder), code=error.code, operation=error.operation) from error
    print_text(in_options(applied.summary(_resume_line(folder))))
    if applied.interrupted:
        raise click.Abort
    return 0 if applied.incomplete.empty else PARTIAL


@click.command(cls=ExampleCommand, example="kvs-notebook undo changes -o undo")
@FOLDER
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(path_type=Path), required=True, help="Folder of the new plan."
)
def undo(*, folder: Path, output: Path) -> int:
    """Plan to undo what was changed by applying DIR.

    Deleted channels are created again with their names, message TTLs and tags, under other ARNs. Nothing is sent until
    you apply the new plan. A value that was changed since is then a conflict, and is not sent.
    """
    from kvs_notebook.plans.reversal import undo as plan_undo

    plan = plan_undo(folder)
    plan.save(output)
    deletes = int((plan.ready["action"] == "delete").sum())
    allowing = f" --max-delete {deletes}" if deletes else ""
    line = f"kvs-notebook apply {shlex.quote(str(output))} --confirm {shlex.quote(plan.confirmation)}{allowing}"
    print_text(plan_in_options(plan).to_text(width=table_width(), apply_line=line))
    return 0


def _check_confirmation(plan: Plan, confirm: str | None) -> None:
    if confirm == plan.confirmation:
        return
    problem = (
        "--confirm is missing" if confirm is None else f"--confirm {shlex.quote(confirm)} does not match this plan"
    )
    raise click.UsageError(
        f"{problem}, so nothing was sent. To apply this plan, pass --confirm {shlex.quote(plan.confirmation)}."
    )


def _arguments(plan: Plan, profile: str | None, options: dict[str, Any]) -> dict[str, Any]:
    from kvs_notebook.aws.default_connection import connect

    regions = plan.ready["region"]
    given = {name: value for name, value in options.items() if value is not None}
    given["role_arns"] = options["role_arns"] or None
    given["connection"] = connect(profile, region=regions.iloc[0] if len(regions) else None)
    return given


def _apply(plan: Plan, folder: Path, confirm: str | None, arguments: dict[str, Any], *, resume: bool) -> Applied:
    from kvs_notebook.plans.apply import apply_plan, resume_plan

    if resume:
        return resume_plan(folder, confirm=confirm, **arguments)
    return apply_plan(plan, folder, confirm=confirm, **arguments)


def _resume_line(folder: Path) -> str:
    return f"kvs-notebook apply {shlex.quote(str(folder))} --resume"


def _with_options(message: str, folder: Path) -> str:
    """Return an error's message with the line that continues the run in place of Python's."""
    return message.replace(f"kvs.resume_plan({str(folder)!r})", _resume_line(folder))
