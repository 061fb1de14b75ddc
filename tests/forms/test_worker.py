"""Work off the main thread: busy, stopped, late, and never half-said."""

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


class Bench:
    """A worker and work that goes on until it is told to end."""

    def __init__(self) -> None:
        self.button = widgets.Button(description="Do")
        self.executor = ContextExecutor()
        self.worker = Worker([self.button], self.executor)
        self.begun, self.end = threading.Event(), threading.Event()

    def job(self, title: str = "Doing it", *, changes: bool = True, fails: Exception | None = None) -> Job:
        def run(task):
            self.begun.set()
            assert self.end.wait(20)
            if fails is not None:
                raise fails
            return JobResult(title, f"{title}: done.")

        return Job(title, run, changes, "kvs.look()")


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.end.set()
    made.worker.close()
    made.executor.shutdown()


def test_while_busy_the_buttons_are_disabled_and_the_line_says_what_goes_on(bench):
    future = bench.worker.start(bench.job)
    assert bench.button.disabled
    assert not bench.worker.stop_button.disabled
    assert bench.worker.status.text == "Doing it... (If this line stays: kvs.look() shows what became of it.)"
    bench.end.set()
    assert future.result() == "Doing it"
    assert not bench.button.disabled
    assert bench.worker.stop_button.disabled
    assert bench.worker.status.text == "Doing it: done."


def test_a_second_click_during_a_change_does_nothing(bench):
    prepared = []
    first = bench.worker.start(bench.job)
    second = bench.worker.start(lambda: prepared.append(1))
    assert second is first
    assert prepared == []


def test_behind_a_mere_reading_work_waits_for_its_turn(bench):
    reading = bench.worker.start(lambda: bench.job("Loading", changes=False))
    change = bench.worker.start(lambda: bench.job("Changing"))
    bench.end.set()
    assert reading.result() == "Loading"
    assert change.result() == "Changing"
    assert bench.worker.status.text == "Changing: done."


def test_stopping_says_that_the_request_was_sent_and_what_became_of_it_later(bench):
    future = bench.worker.start(bench.job)
    assert bench.begun.wait(20)
    bench.worker.stop_button.click()
    assert not bench.button.disabled
    assert bench.worker.status.text == (
        "Stopped waiting for doing it. The request was already sent and is not called back: kvs.look() shows what became of it."
    )
    bench.end.set()
    assert future.result() == "Doing it"
    assert bench.worker.status.text.endswith("Meanwhile: Doing it: done.")


def test_what_was_stopped_before_it_began_sends_nothing(bench):
    bench.worker.start(lambda: bench.job("Loading", changes=False))
    waiting = bench.worker.start(lambda: bench.job("Changing"))
    bench.worker.stop_button.click()
    assert waiting.cancelled()
    assert bench.worker.status.text == "Stopped before changing began: nothing was sent."


def test_what_hangs_does_not_hold_up_what_comes_next_and_its_late_failure_is_said_beside_it(bench):
    stuck = bench.worker.start(lambda: bench.job("Creating one", fails=errors.Throttled("too many")))
    assert bench.begun.wait(20)
    bench.worker.stop_button.click()
    done = bench.worker.start(lambda: Job("Creating two", lambda _: JobResult(2, "Created two."), changes=True))
    assert done.result(20) == 2
    bench.end.set()
    assert isinstance(stuck.exception(20), errors.Throttled)
    assert bench.worker.status.text == "Created two. Meanwhile: Nothing was changed. too many"


def test_an_error_of_our_own_making_is_said_and_not_swallowed(bench):
    bench.end.set()
    future = bench.worker.start(lambda: bench.job(fails=ZeroDivisionError("division by zero")))
    assert isinstance(future.exception(), ZeroDivisionError)
    assert bench.worker.status.role == "alert"
    assert "ZeroDivisionError: division by zero. This is a bug: please report it" in bench.worker.status.text
    assert not bench.button.disabled


def test_an_error_while_the_fields_are_read_is_said(bench):
    future = bench.worker.start(lambda: 1 / 0)
    assert isinstance(future.exception(), ZeroDivisionError)
    assert "please report it" in bench.worker.status.text


def test_a_progress_that_nobody_waits_for_is_not_shown(bench):
    tasks = []

    def prepare():
        job = bench.job()
        return Job(
            job.title, lambda running: tasks.append(running) or job.run(running), changes=True, check_code="kvs.look()"
        )

    bench.worker.start(prepare)
    assert bench.begun.wait(20)
    tasks[0].report("gate is CREATING.")
    assert "gate is CREATING." in bench.worker.status.text
    bench.worker.stop_button.click()
    tasks[0].report("gate is ACTIVE.")
    assert "gate is ACTIVE." not in bench.worker.status.text


def test_work_runs_in_a_copy_of_the_context_of_whoever_clicked(bench):
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("the cell's")
    seen = bench.worker.start(lambda: Job("Looking", lambda _: JobResult(variable.get(), "")))
    assert seen.result() == "the cell's"


def test_a_form_that_waits_can_be_stopped_and_says_how_far_it_was(connection):
    slow = kvs.Assumptions(creating_seconds=3_600)
    with kvs.Sandbox(assumptions=slow, quotas=False) as sandbox:
        form = kvs.forms.create_channel(connection=sandbox.connection())
        form.name.value = "gate"
        form.submit.click()
        while "gate is CREATING." not in form.status.text:
            assert not form.future.done()
        form.cancel.click()
        assert "The request was already sent" in form.status.text
        assert "kvs.describe_channel('gate', connection=connection)" in form.status.text
        assert form.future.result(20)["channel_status"].item() == "CREATING"
        assert "Meanwhile: Created gate in " in form.status.text


def test_a_lost_reply_that_was_settled_is_said(sandbox, connection, submit):
    sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    form = kvs.forms.create_channel()
    form.name.value = "gate"
    submit(form)
    assert form.status.role == "status"
    assert "a reply was lost and the call was sent again; the channel is there as asked for." in form.status.text


def test_a_form_that_is_closed_leaves_no_thread(connection):
    form = kvs.forms.create_channel()
    form.name.value = "gate"
    form.submit.click()
    form.future.result()
    mine = [thread for thread in threading.enumerate() if thread.name.startswith("kvs-form")]
    form.close()
    for thread in mine:
        thread.join(20)
        assert not thread.is_alive()
