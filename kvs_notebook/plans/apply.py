"""Apply a plan, and resume a run that was interrupted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.aws.regions import partition_of
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.fleet.account_access import AccountAccess
from kvs_notebook.fleet.accounts import Account, AccountsFile, accounts_to_read
from kvs_notebook.fleet.connection_factory import ConnectionFactory
from kvs_notebook.formatting import format_value
from kvs_notebook.plans import plan as plan_module
from kvs_notebook.plans.applied import Applied, result_frame
from kvs_notebook.plans.channel_change import group_changes
from kvs_notebook.plans.folder_lock import lock_folder
from kvs_notebook.plans.journal import Journal
from kvs_notebook.plans.limits import Limits
from kvs_notebook.plans.plan import Plan, to_csv_text
from kvs_notebook.plans.plan_folder import PlanFolder, digest
from kvs_notebook.plans.reversal import opposite_of
from kvs_notebook.plans.run import Monitor, PlanRun
from kvs_notebook.version import __version__

PLAN_THE_REST = "Check with an inventory what was changed, and plan the rest again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How to reach the accounts of a plan: the keywords of ``inventory``.

    Attributes
    ----------
    profiles, role_arns, external_id, accounts, role_name, connection
        As for inventory().
    allow_changes
        Whether changes may be sent to real accounts.
    """

    profiles: Iterable[str] | None = None
    role_arns: Iterable[str] | None = None
    external_id: str | None = None
    accounts: AccountsFile | None = None
    role_name: str | None = None
    connection: Connection | None = None
    allow_changes: bool = False

    def open(self, account_ids: Iterable[str]) -> AccountAccess:
        """Connect to accounts: one GetCallerIdentity call each."""
        base = current_connection(self.connection)
        accounts = accounts_to_read(
            self.profiles,
            self.role_arns,
            self.external_id,
            self.accounts,
            role_name=self.role_name,
            partition=partition_of(base.region),
        )
        factory = ConnectionFactory.in_process(base)
        changing = [_that_changes(account) for account in accounts]
        return AccountAccess(changing, factory, set(account_ids), allow_changes=self.allow_changes)


def _that_changes(account: Account) -> Account:
    """Return how to connect for changes: as the role that may change, if the accounts file names one."""
    if account.change_role_arn is None:
        return account
    return replace(account, role_arn=account.change_role_arn, profile=None, change_role_arn=None)


def apply_plan(
    plan: Plan,
    folder: str | os.PathLike[str],
    *,
    confirm: str | None = None,
    allow_changes: bool = False,
    max_delete: int = 0,
    max_share: float = 0.1,
    canary: int = 5,
    stop_after: int = 10,
    profiles: Iterable[str] | None = None,
    role_arns: Iterable[str] | None = None,
    external_id: str | None = None,
    accounts: AccountsFile | None = None,
    role_name: str | None = None,
    connection: Connection | None = None,
) -> Applied:
    """Send the steps of a plan, to several accounts and regions in parallel.

    Parameters
    ----------
    plan
        The plan, of ``kvs.plans``.
    folder
        The folder of the run, which keeps the plan, a journal, ``result.csv``
        and ``undo.csv``. It is created if it does not exist; it may be the one
        that the plan was saved to.
    confirm
        The phrase ``plan.confirmation``. Nothing is sent without it.
    allow_changes
        Whether changes may be sent to real accounts; a sandbox does not need
        it.
    max_delete
        The largest number of channels that may be deleted.
    max_share
        The largest share of the channels of an account and region that may be
        deleted; they are counted just before.
    canary
        How many channels of each account and region are changed and verified
        before the others.
    stop_after
        The number of failed channels after which an account and region stops.
    profiles, role_arns, external_id, accounts, role_name
        As for :func:`inventory`; a column ``change_role_arn`` of the accounts
        file names the role to assume for changes.
    connection
        The connection that roles are assumed from, and to its own account if
        no other is named; None takes the current one.

    Returns
    -------
    Applied
        ``.result`` (a frame: the steps with outcome, error_code, message,
        started, finished), ``.counts``, ``.notes``, ``.raise_for_failures()``,
        ``.join(devices)`` (a device list with the ARN and outcome of each
        channel).

    Raises
    ------
    InvalidInput
        If ``confirm`` is not the plan's phrase, a limit would be exceeded, the
        folder has another plan, or one that was already applied or partly
        applied, or another process applies it; nothing was sent.
    DamagedFile
        If a file of the folder was changed since the plan was saved; nothing
        was sent.
    ReadOnly
        If a connection is read-only and ``allow_changes`` is not True; nothing
        was sent.
    ExportFailed
        If the folder cannot be written, as on a full disk. No change is sent
        after that; kvs.resume_plan() continues.

    Notes
    -----
    Each channel is read just before its steps are sent. A step whose change is
    there already is ``already_done``. A step whose value has changed since the
    plan was made is a ``conflict``, and is not sent. In the end, all changes
    are verified. If two writers set one tag key within a second, the last one
    wins. Credentials that are refused, have expired or are of another account
    pause their account and region, and the others go on. The first Ctrl-C lets
    the calls in flight finish and returns what was done; the second one leaves
    their steps ``unknown``. :func:`resume_plan` continues after each of these,
    and after a killed process.

    Spends for each channel one DescribeSignalingChannel call, one
    ListTagsForResource call if tags change or the channel is deleted, and one
    CreateSignalingChannel, TagResource, UntagResource, UpdateSignalingChannel
    or DeleteSignalingChannel call for each kind of its changes (50 a second
    each); for each account and region one ListSignalingChannels call per 1,000
    channels and one GetResources call per 100 tagged channels; for each
    account one GetCallerIdentity call.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door")
    >>> plan = kvs.plans.tag(kvs.list_channels(tags=True), {"Site": "hq"})
    >>> plan.confirmation
    'change 1 in 111122223333 us-east-1'
    >>> kvs.apply_plan(plan, "changes/hq", confirm="change 1 in 111122223333 us-east-1")
    changes/hq: 1 done
    """
    limits = Limits(max_delete=max_delete, max_share=max_share, canary=canary, stop_after=stop_after)
    reach = Reach(
        profiles=profiles,
        role_arns=role_arns,
        external_id=external_id,
        accounts=accounts,
        role_name=role_name,
        connection=connection,
        allow_changes=allow_changes,
    )
    return start(plan, folder, confirm, limits, reach)


def resume_plan(
    folder: str | os.PathLike[str],
    *,
    confirm: str | None = None,
    allow_changes: bool = False,
    max_delete: int | None = None,
    max_share: float | None = None,
    canary: int | None = None,
    stop_after: int | None = None,
    profiles: Iterable[str] | None = None,
    role_arns: Iterable[str] | None = None,
    external_id: str | None = None,
    accounts: AccountsFile | None = None,
    role_name: str | None = None,
    connection: Connection | None = None,
) -> Applied:
    """Continue a run of apply_plan() that was interrupted, stopped or paused.

    Nothing is sent twice.

    Parameters
    ----------
    folder
        The folder that was given to :func:`apply_plan`.
    confirm
        Optional, because the plan was confirmed when it was applied; if a
        phrase is given, it must be the plan's.
    allow_changes
        As for :func:`apply_plan`.
    max_delete, max_share, canary, stop_after
        As for :func:`apply_plan`; None takes those of the run.
    profiles, role_arns, external_id, accounts, role_name, connection
        As for :func:`apply_plan`: credentials and roles are not kept in the
        folder.

    Returns
    -------
    Applied
        The outcome of all steps, including those of earlier runs.

    Raises
    ------
    InvalidInput
        If the folder holds no plan, or one that was not applied yet, or
        another process applies it; or as for :func:`apply_plan`.
    DamagedFile
        If a file of the folder was changed by another program; nothing was
        sent.
    ReadOnly
        If a connection is read-only and ``allow_changes`` is not True; nothing
        was sent.
    ExportFailed
        If the folder cannot be written. No change is sent after that.

    Notes
    -----
    If a run ended while a step was being sent, reading its channel shows
    whether the step took effect. Steps that are done or in conflict are not
    sent again.

    Spends for each channel that is left what :func:`apply_plan` spends.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> try:
    ...     kvs.resume_plan("changes/annex")
    ... except kvs.errors.InvalidInput as error:
    ...     print(error)
    changes/annex holds no plan: meta.json does not exist. Save one with plan.save('changes/annex').
    """
    given = {"max_delete": max_delete, "max_share": max_share, "canary": canary, "stop_after": stop_after}
    reach = Reach(
        profiles=profiles,
        role_arns=role_arns,
        external_id=external_id,
        accounts=accounts,
        role_name=role_name,
        connection=connection,
        allow_changes=allow_changes,
    )
    return resume(folder, confirm, given, reach)


def start(
    plan: Plan,
    folder: str | os.PathLike[str],
    confirm: str | None,
    limits: Limits,
    reach: Reach,
    *,
    monitor: Monitor | None = None,
) -> Applied:
    """Apply a plan as apply_plan() does; another thread may follow and stop it."""
    if not isinstance(plan, Plan):
        raise InvalidInput(
            f"apply_plan() was given {format_value(plan)} in place of a plan. Pass a plan, such as kvs.plans.read(folder)."
        )
    _check_confirmation(plan, confirm, required=True)
    files = PlanFolder(folder)
    text = to_csv_text(plan.steps)
    limits.check_deletes(_deletes(plan))
    if not files.exists:
        plan.save(files.path)
    with lock_folder(files.path):
        if files.is_begun:
            raise InvalidInput(
                f"{files.path} has a plan that was already applied or partly applied. To continue it: "
                f"kvs.resume_plan({str(files.path)!r}); nothing was sent."
            )
        if files.read()[0] != text:
            raise InvalidInput(f"{files.path} holds another plan. Pass another folder; nothing was sent.")
        return _run(plan, files, digest(text), limits, reach, monitor=monitor)


def resume(
    folder: str | os.PathLike[str],
    confirm: str | None,
    given_limits: Mapping[str, Any],
    reach: Reach,
    *,
    monitor: Monitor | None = None,
) -> Applied:
    """Resume a run as resume_plan() does; another thread may follow and stop it."""
    plan = plan_module.read(folder)
    _check_confirmation(plan, confirm, required=False)
    files = PlanFolder(folder)
    with lock_folder(files.path):
        if not files.is_begun:
            raise InvalidInput(
                f"{files.path} holds a plan that was not applied yet. Apply it with "
                f"kvs.apply_plan(plan, {str(files.path)!r}, confirm=plan.confirmation)."
            )
        text, about = files.read()
        try:
            limits = Limits.of(about["run"]["limits"], **given_limits)
        except (LookupError, TypeError) as error:
            raise DamagedFile(
                f"{files.meta} was changed since the plan was applied: it has no limits of a run. {PLAN_THE_REST}"
            ) from error
        limits.check_deletes(_deletes(plan))
        return _run(plan, files, digest(text), limits, reach, monitor=monitor)


def _check_confirmation(plan: Plan, confirm: object, *, required: bool) -> None:
    if (isinstance(confirm, str) and confirm == plan.confirmation) or (confirm is None and not required):
        return
    problem = "confirm= is missing" if confirm is None else f"confirm={format_value(confirm)} does not match this plan"
    raise InvalidInput(f"{problem}, so nothing was sent. To apply this plan, pass confirm={plan.confirmation!r}.")


def _deletes(plan: Plan) -> int:
    return int((plan.ready["action"] == "delete").sum())


def _run(
    plan: Plan, files: PlanFolder, plan_digest: str, limits: Limits, reach: Reach, *, monitor: Monitor | None
) -> Applied:
    changes = group_changes(plan.ready)
    access = reach.open({change.account_id for change in changes})
    resumes = files.is_begun
    with Journal(files.journal) as journal:
        if journal.plan_digest not in (None, plan_digest):
            raise DamagedFile(f"{files.journal} is of another plan. {PLAN_THE_REST}")
        run = PlanRun(changes, access, journal, limits, monitor)
        run.check(_allowing_line(plan, files, resumes=resumes))
        identities = {account_id: identity.arn for account_id, identity in access.identities.items()}
        if not resumes:
            files.begin({"limits": limits.to_dict(), "identities": identities})
        journal.begin(plan_digest, identities=identities, limits=limits.to_dict(), version=__version__)
        run.execute()
        journal.sync()
        result = result_frame(plan, journal, run.reasons())
        opposite = opposite_of(plan, journal.record, str(files.path))
    files.write_result(to_csv_text(result), to_csv_text(opposite.steps))
    return Applied(plan, result, files.path, run.notes(), interrupted=run.interrupted)


def _allowing_line(plan: Plan, files: PlanFolder, *, resumes: bool) -> str:
    folder = repr(str(files.path))
    if resumes:
        return f"kvs.resume_plan({folder}, allow_changes=True)"
    return f"kvs.apply_plan(plan, {folder}, confirm={plan.confirmation!r}, allow_changes=True)"
