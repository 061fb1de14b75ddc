"""The form that applies a plan: it shows the steps, asks for the plan's phrase, and follows the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import wait
from typing import Any, NamedTuple

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.dataframes.files import File
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.accounts import AccountsFile
from kvs_notebook.formatting import format_count
from kvs_notebook.forms.base_form import Form, Variable
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.fields import CheckedInput
from kvs_notebook.forms.job import Job, JobResult, RunningJob
from kvs_notebook.forms.plan_fields import (
    folder_field,
    max_delete_field,
    max_share_field,
    parse_count,
    parse_share,
    phrase_field,
)
from kvs_notebook.forms.plan_texts import counts_html, notes_html, result_text
from kvs_notebook.forms.step_table import CONSOLE_COLUMNS, DeletedChannel, StepTable
from kvs_notebook.plans.applied import Applied
from kvs_notebook.plans.apply import Reach, resume, start
from kvs_notebook.plans.limits import Limits
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.run import Monitor

SECONDS_BETWEEN_REPORTS = 0.2


class ConsolePlan(NamedTuple):
    """What a console, whose header names the account and region, asks for in place of a plan's phrase, folder and limits.

    Attributes
    ----------
    phrase
        What the user has to type; empty if nothing. It holds the number of deletions, so that they need no other limit.
    action
        What the button says: "Apply to 3 channels".
    deleted
        What is shown of the channels that will be deleted, by their ARN.
    """

    phrase: str
    action: str
    deleted: Mapping[str, DeletedChannel] = {}


class PlanForm(Form):
    """Apply a plan, stop it, and resume it.

    Attributes
    ----------
    plan
        The plan.
    table
        Its steps; ``table.filter`` filters them.
    folder, phrase
        The fields for the folder of the run, and for the plan's phrase.
    max_delete, max_share
        The fields for the limits of deletions; they are shown if the plan deletes channels.
    resume, stop
        The buttons that continue a run, and that stop it after the calls that are under way.
    progress
        The bar of channels that were tried.
    """

    def __init__(
        self,
        plan: Plan,
        folder: File | None = None,
        *,
        reach: Reach,
        executor: ContextExecutor | None = None,
        console: ConsolePlan | None = None,
    ) -> None:
        self._stop_run = threading.Event()
        self.plan = plan
        self._console = console
        self._wanted_phrase = plan.confirmation if console is None else console.phrase
        self._given_reach = reach
        self._tried, self._total = 0, 0
        threads = executor or ContextExecutor()
        self.table = (
            StepTable(threads, plan.steps)
            if console is None
            else StepTable(threads, plan.steps, CONSOLE_COLUMNS, console.deleted)
        )
        self.folder = folder_field(plan, folder)
        action = "Apply plan" if console is None else console.action
        self.phrase = phrase_field(self._wanted_phrase, action)
        self.max_delete, self.max_share = max_delete_field(), max_share_field()
        self.resume = widgets.Button(description="Resume")
        self.resume.on_click(lambda _: self._start(lambda: self._prepare_checked(self._resume_job)))
        if console is not None:
            self.resume.layout.display = "none"  # until a run has begun: the folder is new
        self.stop = widgets.Button(description="Stop", disabled=True, layout={"visibility": "hidden"})
        self.stop.on_click(lambda _: self._request_stop())
        self.progress = widgets.IntProgress(layout=widgets.Layout(visibility="hidden", width="auto", flex="1"))
        self._deletes = int((plan.ready["action"] == "delete").sum())
        super().__init__(
            [
                widgets.HTML(counts_html(plan) if console is None else ""),
                self.table,
                *self.fields(),
            ],
            action=action,
            style="danger" if self._deletes else "warning",
            beside_submit=[self.resume],
            connection=reach.connection,
            executor=threads,
        )
        self._owns_executor = executor is None
        self.add_class("kvs-console")  # as wide as the page: reasons are sentences
        self._buttons.children = [
            self.submit,
            self.resume,
            self.stop,
            self.progress,
        ]  # no Stop waiting: Stop ends a run

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - as a setter's value
        """Enable or disable the fields and the buttons that act; Stop is enabled while a run lasts."""
        super().set_enabled(enabled)
        self.stop.disabled = True

    def close(self) -> None:
        """Remove the form, and stop a run after the calls in flight."""
        self._stop_run.set()
        super().close()

    # --- fields

    def fields(self) -> list[CheckedInput]:
        """Return the fields that must be valid before anything is sent."""
        if self._console is not None:
            return [self.phrase] if self._wanted_phrase else []
        return [self.folder, *([self.max_delete, self.max_share] if self._deletes else []), self.phrase]

    def can_submit(self) -> bool:
        """Return whether the phrase was typed, if there is one."""
        return not self._wanted_phrase or self.phrase.is_confirmed

    def blocked_buttons(self) -> set[widgets.Button]:
        """Return the buttons that cannot act now: a form that is disabled does not resume either."""
        return super().blocked_buttons() | (set() if self._is_enabled else {self.resume})

    @property
    def is_running(self) -> bool:
        """True while the plan is being applied."""
        return not self.stop.disabled

    def describe_edits(self) -> str:
        """Return nothing: the fields of this form hold no edits that a user would miss."""
        return ""

    # --- jobs

    def prepare(self) -> Job:
        """Return a job that applies the plan."""
        folder, phrase, limits = self.folder.value, self.plan.confirmation, self._limits()
        options = {name: value for name, value in limits.items() if self._deletes}
        saved = Variable(f"kvs.plans.read({folder!r})")  # a folder takes one run: the same plan goes to another one
        code = self.python_call("apply_plan", saved, f"{folder}-again", confirm=phrase, **options)
        return self._job(
            "Applying",
            folder,
            code,
            lambda monitor: start(self.plan, folder, phrase, Limits(**limits), self._reach(), monitor=monitor),
        )

    def _resume_job(self) -> Job:
        folder = self.folder.value
        code = self.python_call("resume_plan", folder)
        limits = self._limits() if self._deletes else {}
        return self._job(
            "Resuming", folder, code, lambda monitor: resume(folder, None, limits, self._reach(), monitor=monitor)
        )

    def _limits(self) -> dict[str, Any]:
        if self._console is not None:
            return {"max_delete": self._deletes, "max_share": 1.0}
        return {"max_delete": parse_count(self.max_delete.value), "max_share": parse_share(self.max_share.value)}

    def _reach(self) -> Reach:
        """Return how accounts are reached: the form's connection says whether changes are allowed."""
        given = self._given_reach
        return Reach(
            profiles=given.profiles,
            role_arns=given.role_arns,
            external_id=given.external_id,
            accounts=given.accounts,
            role_name=given.role_name,
            connection=self.connection,
            allow_changes=self.connection.config.allow_changes,
        )

    def _job(self, verb: str, folder: str, code: str, run: Callable[[Monitor], Applied]) -> Job:
        self._stop_run.clear()
        self._tried = self._total = 0

        def follow(running: RunningJob) -> JobResult:
            running.update(lambda: self._show_running(is_running=True))
            try:
                work = self._executor.submit(run, Monitor(self._stop_run, self._count))
                while not wait([work], SECONDS_BETWEEN_REPORTS).done:
                    running.update(self._show_progress)
                    running.report(f"{self._tried:,} of {format_count(self._total, 'channel')}.")
                applied = work.result()
            finally:
                running.update(lambda: self._show_running(is_running=False))
            running.update(lambda: self._show_applied(applied))
            is_complete = applied.incomplete.empty and not applied.notes
            return JobResult(applied, result_text(applied), code, notes_html(applied), is_complete)

        check_code = self.python_call("resume_plan", folder)
        return Job(f"{verb} {folder}", follow, changes=True, check_code=check_code, check="press Resume")

    def _count(self, tried: int, total: int) -> None:
        """Keep how far the run is; called on its threads, which may not touch a widget."""
        self._tried, self._total = tried, total

    def _show_progress(self) -> None:
        self.progress.max = max(self._total, 1)
        self.progress.value = self._tried

    def _show_running(self, *, is_running: bool) -> None:
        self._show_progress()
        self.stop.disabled = not is_running
        for each in (self.stop, self.progress):
            each.layout.visibility = "visible" if is_running else "hidden"
        self.resume.layout.display = ""

    def _show_applied(self, applied: Applied) -> None:
        """Show the outcome of each step; in a console, whose run has its own folder, show only the button that is of use."""
        self.table.show_result(applied.result)
        if self._console is not None:
            self.submit.layout.display = "none"
            self.resume.layout.display = "" if applied.can_be_resumed else "none"

    def _request_stop(self) -> None:
        self._stop_run.set()
        self.stop.disabled = True


def plan(
    plan: Plan,
    folder: File | None = None,
    *,
    profiles: Iterable[str] | None = None,
    role_arns: Iterable[str] | None = None,
    external_id: str | None = None,
    accounts: AccountsFile | None = None,
    role_name: str | None = None,
    connection: Connection | None = None,
) -> PlanForm:
    """Open a form that applies a plan after its phrase was typed.

    Its fields are ``folder``, ``phrase`` and, if the plan deletes channels,
    ``max_delete`` and ``max_share``; its buttons are ``submit``, ``stop`` and
    ``resume``; ``table.filter`` filters the steps. Submitting spends what
    :func:`kvs_notebook.apply_plan` spends, and ``resume`` what
    :func:`kvs_notebook.resume_plan` does. The connection has to allow changes,
    if it is to a real account.

    Parameters
    ----------
    plan
        The plan, of ``kvs.plans``.
    folder
        The folder of the run. None suggests one named for the plan, so that
        the same plan finds its run again.
    profiles, role_arns, external_id, accounts, role_name
        As for :func:`kvs_notebook.apply_plan`.
    connection
        The connection that roles are assumed from, and to its own account. If
        None, the current connection.

    Returns
    -------
    PlanForm
        The form; after a click, ``form.future.result()`` returns what
        apply_plan() or resume_plan() returns.

    Raises
    ------
    InvalidInput
        If ``plan`` is not a plan.
    MissingExtra
        If the extra ``lab`` is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door")
    >>> form = kvs.forms.plan(kvs.plans.tag(kvs.list_channels(tags=True), {"Site": "hq"}), "changes/hq")
    >>> form.phrase.value = "change 1 in 111122223333 us-east-1"
    >>> form.submit.click()
    >>> form.future.result()
    changes/hq: 1 done
    """
    if not isinstance(plan, Plan):
        raise InvalidInput(f"The form needs a plan, not a {type(plan).__name__}. Pass one of kvs.plans.")
    reach = Reach(
        profiles=profiles,
        role_arns=role_arns,
        external_id=external_id,
        accounts=accounts,
        role_name=role_name,
        connection=connection,
    )
    return PlanForm(plan, folder, reach=reach)
