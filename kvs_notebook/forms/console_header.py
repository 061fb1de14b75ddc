"""The header of a console: the account, and the selectors of region and profile, which connect at once."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.connection_text import line_allowing_changes
from kvs_notebook.errors import KVSError
from kvs_notebook.forms.connection_form import ConnectionForm
from kvs_notebook.forms.error_words import in_words
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.header import Header
from kvs_notebook.forms.html import STYLE, alias_html, code_html, error_html, escape_html
from kvs_notebook.forms.job import Job, JobResult
from kvs_notebook.forms.keyboard import ENTER_CLASS
from kvs_notebook.forms.placeholder import is_placeholder

CONSOLE_STYLE = f"<style>{(pathlib.Path(__file__).parent / 'console.css').read_text(encoding='utf-8')}</style>"


class AccountLine(Header):
    """Show whether a connection is a sandbox's or the account's alias, its account, and whether it may change something.

    The checkbox that allows changes is shown for real accounts.
    """

    def __init__(self, connection: Connection, executor: ContextExecutor, allow_changes: widgets.Checkbox) -> None:
        self._allow_changes = allow_changes
        super().__init__(connection, executor)

    def _render(self, connection: Connection, problem: str = "") -> None:
        badge, note = "", ""
        self._allow_changes.layout.display = "none"
        try:
            if connection.is_sandbox():
                badge = '<span class="kvs-badge">SANDBOX</span>'
            elif connection.may_change():
                note = '<span class="kvs-real">real account: changes take effect at once</span>'
            else:
                code = code_html(line_allowing_changes(connection.config))
                note = f"<details><summary>read-only: how to allow changes</summary>Tick Allow changes, or run {code}</details>"
            self._allow_changes.layout.display = "none" if badge else ""
            badge = badge or alias_html(connection)
            title = connection.endpoint()
        except KVSError as error:
            title, problem = "", problem or in_words(str(error))
        known = connection.known_identity
        account = known.account_id if known else "not known" if problem else "..."
        label = f'<span title="{escape_html(title)}">account {escape_html(account)}</span>'
        if problem:
            note = f'<div role="alert">{error_html(problem)}</div>'
        self.value = f'{STYLE}{CONSOLE_STYLE}<div class="kvs-header">{badge}{label}{note}</div>'


class HeaderForm(ConnectionForm):
    """The connection form as parts of a header: choosing a region or a profile connects."""

    def __init__(self, *, connection: Connection, executor: ContextExecutor) -> None:
        self._is_quiet = True
        super().__init__(connection=connection, executor=executor)
        self.show_connection(connection)
        self.submit.remove_class(ENTER_CLASS)  # Enter in the console's filter would press it
        for field in (self.profile, self.region, self.allow_changes):
            field.observe(lambda _: self._connect_if_changed(), "value")

    def show_alias(self) -> None:
        """Do nothing: the console's account line shows the alias, after the table."""

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Change fields without connecting."""
        before, self._is_quiet = self._is_quiet, True
        try:
            yield
        finally:
            self._is_quiet = before

    def show_connection(self, connection: Connection) -> None:
        """Set the fields to a connection."""
        with self._quiet():
            self.connection = connection
            self._show_connection()
            self.allow_changes.value = connection.config.allow_changes
        self._is_quiet = False
        self._asked = self._shown = self._choice()
        self.submit.layout.display = "none"

    def _choice(self) -> tuple[Any, ...]:
        return self.profile.value, self.region.value, self.allow_changes.value

    def _connect_if_changed(self) -> None:
        if self._is_quiet or self._choice() == self._asked:
            return
        if self._choice() == self._shown and not self._must_connect_again():
            self.set_back()
            return
        self._asked = self._choice()
        self.submit.layout.display = ""  # until it has succeeded
        self.submit.click()

    def _must_connect_again(self) -> bool:
        return is_placeholder(self.connection) or self.connection.credentials_failed

    def prepare(self) -> Job:
        """Return a job that connects; with the same profile it keeps the connection's session, role and endpoint."""
        with self._quiet():
            job = super().prepare()
        choice, before = self._choice(), self.connection
        if choice[0] != self._shown[0] or choice == self._shown or is_placeholder(before):
            return job

        def run(running: Any) -> JobResult:
            made = before.replace(region=choice[1], allow_changes=choice[2])
            made.identity()
            running.update(lambda: self._use(made))
            return JobResult(made, f"Connected to {choice[1]} in {running.elapsed}.")

        return Job(f"Connecting to {choice[1]}", run)

    def set_back(self) -> None:
        """Keep the connection that is in use, and what was entered in other forms, after another one was chosen."""
        self._worker.stop_waiting()
        self.show_connection(self.connection)
        self.forget_question()
        self.status.clear()


class ConsoleHeader(widgets.VBox):
    """Show the account, the region and the profile of a console.

    Attributes
    ----------
    form
        The fields ``region``, ``profile`` and ``allow_changes``: changing one connects; ``submit`` tries again.
    account
        The line with the badge and the account.
    """

    def __init__(self, connection: Connection, executor: ContextExecutor, edits_elsewhere: Callable[[], str]) -> None:
        self.form = HeaderForm(connection=connection, executor=executor)
        self.form.edits_elsewhere = edits_elsewhere
        self.form.allow_changes.description = "Allow changes"
        self.account = AccountLine(connection, executor, self.form.allow_changes)
        row = widgets.HBox(
            [self.account, self.form.region, self.form.profile, self.form.allow_changes, self.form.submit]
        )
        row.add_class("kvs-row")
        row.add_class("kvs-console-header")
        super().__init__([row, self.form.status])

    def show(self, connection: Connection) -> None:
        """Show another connection."""
        self.account.show(connection)
        self.form.show_connection(connection)

    def close(self) -> None:
        """Remove the header."""
        if hasattr(self, "form"):
            self.form.close()
        super().close()
