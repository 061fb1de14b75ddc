"""The worker: busy, stopped, late and failing jobs."""

from __future__ import annotations

import contextvars
import threading

import ipywidgets as widgets
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.forms.executor import ContextExecutor
from kvs_notebook.forms.job import Job, JobResult
from kvs_notebook.forms.worker import Worker


class ControlledWorker:
    """A worker, and a job that runs until the test ends it."""

    def __init__(self) -> None:
        self.button = widgets.Button(description="Do")
        self.executor = ContextExecutor()
        self.worker = Worker([self.button], self.executor)
        self.started, self.end = threading.Event(), threading.Event()

    def job(self, title: str = "Doing it", *, changes: bool = True, fails: Exception | None = None) -> Job:
        def run(_):
            self.started.set()
            assert self.end.wait(20)
            if fails is not None:
                raise fails
            return JobResult(title, f"{title}: done.")

        return Job(title, run, changes, "kvs.look()", "press Load")


@pytest.fixture
def controlled():
    made = ControlledWorker()
    yield made
    made.end.set()
    made.worker.close()
    made.executor.shutdown()


def test_busy_worker_disables_buttons_and_shows_progress(controlled):
    future = controlled.worker.start(controlled.job)
    assert controlled.button.disabled
    assert not controlled.worker.stop_button.disabled
    assert controlled.worker.status.text == (
        "Doing it... (If this line stays, run the cell again and press Load to see whether it took effect.)"
    )
    controlled.end.set()
    assert future.result() == "Doing it"
    assert not controlled.button.disabled
    assert controlled.worker.stop_button.disabled
    assert controlled.worker.status.text == "Doing it: done."


def test_second_click_during_change_is_ignored(controlled):
    prepared = []
    first = controlled.worker.start(controlled.job)
    second = controlled.worker.start(lambda: prepared.append(1))
    assert second is first
    assert prepared == []


def test_job_waits_behind_load(controlled):
    reading = controlled.worker.start(lambda: controlled.job("Loading", changes=False))
    change = controlled.worker.start(lambda: controlled.job("Changing"))
    controlled.end.set()
    assert reading.result() == "Loading"
    assert change.result() == "Changing"
    assert controlled.worker.status.text == "Changing: done."


def test_stopped_change_shows_late_outcome(controlled):
    future = controlled.worker.start(controlled.job)
    assert controlled.started.wait(20)
    controlled.worker.stop_button.click()
    assert not controlled.button.disabled
    assert controlled.worker.status.text == (
        "Stopped waiting for doing it. The request was already sent and cannot be cancelled: "
        "press Load to see whether it took effect."
    )
    controlled.end.set()
    assert future.result() == "Doing it"
    assert controlled.worker.status.text.endswith("Meanwhile: Doing it: done.")


def test_job_stopped_before_start_sends_nothing(controlled):
    controlled.worker.start(lambda: controlled.job("Loading", changes=False))
    waiting = controlled.worker.start(lambda: controlled.job("Changing"))
    controlled.worker.stop_button.click()
    assert waiting.cancelled()
    assert controlled.worker.status.text == "Stopped before changing began: nothing was sent."


def test_hanging_job_does_not_delay_next_job(controlled):
    stuck = controlled.worker.start(lambda: controlled.job("Creating one", fails=errors.Throttled("too many")))
    assert controlled.started.wait(20)
    controlled.worker.stop_button.click()
    done = controlled.worker.start(lambda: Job("Creating two", lambda _: JobResult(2, "Created two."), changes=True))
    assert done.result(20) == 2
    controlled.end.set()
    assert isinstance(stuck.exception(20), errors.Throttled)
    assert controlled.worker.status.text == "Created two. Meanwhile: Nothing was changed. too many"


def test_unexpected_error_is_shown(controlled):
    controlled.end.set()
    future = controlled.worker.start(lambda: controlled.job(fails=ZeroDivisionError("division by zero")))
    assert isinstance(future.exception(), ZeroDivisionError)
    assert controlled.worker.status.role == "alert"
    assert "ZeroDivisionError: division by zero. This is a bug: please report it" in controlled.worker.status.text
    assert not controlled.button.disabled


def test_error_in_prepare_is_shown(controlled):
    future = controlled.worker.start(lambda: 1 / 0)
    assert isinstance(future.exception(), ZeroDivisionError)
    assert "please report it" in controlled.worker.status.text


def test_worker_survives_a_status_line_that_fails(controlled, monkeypatch, caplog):
    controlled.end.set()
    monkeypatch.setattr(controlled.worker.status, "alert", lambda *_, **__: 1 / 0)
    failed = controlled.worker.start(lambda: controlled.job(fails=errors.Throttled("too many")))
    assert isinstance(failed.exception(20), ZeroDivisionError)
    assert "Could not show how 'Doing it' ended" in caplog.text
    caplog.clear()
    assert controlled.worker.start(controlled.job).result(20) == "Doing it"


def test_progress_of_stopped_job_is_not_shown(controlled):
    jobs = []

    def prepare():
        job = controlled.job()
        return Job(
            job.title, lambda running: jobs.append(running) or job.run(running), changes=True, check_code="kvs.look()"
        )

    controlled.worker.start(prepare)
    assert controlled.started.wait(20)
    jobs[0].report("gate is CREATING.")
    assert "gate is CREATING." in controlled.worker.status.text
    controlled.worker.stop_button.click()
    jobs[0].report("gate is ACTIVE.")
    assert "gate is ACTIVE." not in controlled.worker.status.text


def test_job_runs_in_context_of_click(controlled):
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("the cell's")
    seen = controlled.worker.start(lambda: Job("Looking", lambda _: JobResult(variable.get(), "")))
    assert seen.result() == "the cell's"


def test_stopped_form_shows_last_status(connection):
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        form = kvs.forms.create_channel(connection=sandbox.connection())
        form.name.value = "gate"
        form.submit.click()
        while "gate is CREATING." not in form.status.text:
            assert not form.future.done()
        form.cancel.click()
        assert "The request was already sent" in form.status.text
        assert "look for gate in the list of channels to see whether it took effect" in form.status.text
        assert "kvs.describe_channel(&#x27;gate&#x27;, connection=connection)" in form.status.value
        assert form.future.result(20)["channel_status"].item() == "CREATING"
        assert "Meanwhile: Created gate in " in form.status.text


def test_reconciled_lost_reply_is_shown(sandbox, connection, submit):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    form = kvs.forms.create_channel()
    form.name.value = "gate"
    submit(form)
    assert form.status.role == "status"
    assert (
        "a reply was lost and the call was sent again; the channel exists with the requested settings."
        in form.status.text
    )


def test_closed_form_ends_its_threads(connection):
    others = {*threading.enumerate()}  # of forms that earlier tests left open
    form = kvs.forms.create_channel()
    form.name.value = "gate"
    form.submit.click()
    form.future.result()
    mine = [each for each in threading.enumerate() if each.name.startswith("kvs-form") and each not in others]
    assert mine
    form.close()
    for thread in mine:
        thread.join(20)
        assert not thread.is_alive()
