"""Errors in a notebook whose cells ran out of order, or whose sandbox has stopped, say which cells to run."""

from __future__ import annotations

import os
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.jupyter import ipython_startup
from kvs_notebook.jupyter.name_error_hint import HINT, enable_name_error_hint

LOAD = "%load_ext kvs_notebook.jupyter"
BEGIN = 'import kvs_notebook as kvs\nsandbox = kvs.use_sandbox(clock="stepped")'


def errors_of(*cells: str, **environment: str) -> list[nbformat.NotebookNode]:
    """Run cells in a new kernel, and return the errors that they showed."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, allow_errors=True, timeout=60).execute(env={**os.environ, **environment})
    return [output for cell in notebook.cells for output in cell.outputs if output.output_type == "error"]


def test_enabled_hint_is_shown_for_name_errors_only():
    before, missing, wrong = errors_of(BEGIN, "door", LOAD, LOAD, "door.T", "{}['door']", "sandbox.stop()")
    assert before.evalue == "name 'door' is not defined", "a sandbox enables no hint"
    assert missing.ename == "NameError"
    assert missing.evalue.startswith("name 'door' is not defined. ")
    assert missing.evalue.endswith("run the first code cell of this notebook, then those down to this one.")
    assert len(missing.traceback) < 10
    assert "door.T" in "\n".join(missing.traceback)
    assert (wrong.ename, wrong.evalue) == ("KeyError", "'door'")


def test_startup_file_enables_hint_and_leaves_no_name():
    names = "[name for name in globals() if 'kvs' in name or 'lesson' in name or name == 'enable_name_error_hint']"
    missing, none = errors_of(
        "kvs.list_channels()", f"raise LookupError({names})", PYTHONSTARTUP=ipython_startup.__file__
    )
    assert missing.evalue == f"name 'kvs' is not defined. {HINT}"
    assert none.evalue == "[]"


def test_existing_error_handler_is_kept():
    theirs = (
        "get_ipython().set_custom_exc((ValueError,), lambda shell, kind, error, trace, tb_offset=None: print('mine'))"
    )
    (missing,) = errors_of(theirs, LOAD, "int('x')", "door")
    assert missing.evalue == "name 'door' is not defined"


def test_hint_does_nothing_outside_ipython(monkeypatch):
    enable_name_error_hint()
    monkeypatch.setitem(sys.modules, "IPython", None)
    enable_name_error_hint()


# --- a stopped sandbox


CALLS = {
    "list": kvs.list_channels,
    "describe": lambda: kvs.describe_channel("front-door"),
    "create": lambda: kvs.create_channel("front-door"),
    "delete": lambda: kvs.delete_channel("front-door"),
    "tag": lambda: kvs.tag_channel("front-door", {"Site": "hq"}),
    "endpoints": lambda: kvs.get_endpoints("front-door"),
    "sign": lambda: kvs.sign_url("front-door", client_id="tablet"),
    "inventory": lambda: kvs.inventory().raise_for_failures(),
}


@pytest.mark.parametrize("call", CALLS)
def test_stopped_sandbox_error_says_what_to_run(call):
    kvs.use_sandbox(clock="stepped").stop()
    with pytest.raises(
        errors.KVSError, match=r"has stopped: call kvs\.use_sandbox\(\) .*\(in a walkthrough: run its first code"
    ):
        CALLS[call]()


@pytest.mark.parametrize("ask", ["seed", "reset", "clear_denials"])
def test_method_of_stopped_sandbox_says_what_to_run(ask):
    sandbox = kvs.use_sandbox(clock="stepped")
    sandbox.stop()
    with pytest.raises(
        errors.SandboxError, match=r"Call kvs\.use_sandbox\(\) again \(in a walkthrough: run its first code"
    ):
        getattr(sandbox, ask)()


def test_channel_of_earlier_sandbox_says_what_to_run():
    kvs.use_sandbox(clock="stepped")
    door = kvs.create_channel("front-door")
    with (
        kvs.use_sandbox(clock="stepped"),
        pytest.raises(errors.ChannelNotFound, match="run the cell that creates the channel again"),
    ):
        kvs.get_endpoints(door)


# --- an account that cannot be reached


def test_unknown_profile_error_says_what_to_do():
    with pytest.raises(
        errors.NoCredentials, match=r"no profiles on this machine\)\. .*aws configure sso.*kvs\.use_sandbox\(\)"
    ):
        kvs.connect("my-profile", region="us-east-1")


def test_network_error_says_what_to_do(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(
        errors.EndpointUnreachable,
        match=r"Check the region, the network and the proxy, then call again; .*kvs\.use_sandbox\(\)",
    ):
        kvs.connect(region="us-east-1")


def test_inventory_of_stopped_sandbox_reports_gap(monkeypatch):
    kvs.use_sandbox(clock="stepped").stop()
    with pytest.raises(errors.InventoryIncomplete, match="Gaps in 1 of 1 account-region: an account"):
        kvs.inventory().raise_for_failures()
