"""Uncaught errors of this package: the user's lines and the message; the full traceback on request."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import kvs_notebook as kvs
from kvs_notebook import error_display, errors

SCRIPT = """import kvs_notebook as kvs

def find(name):
    return kvs.describe_channel(name)

with kvs.use_sandbox():
    find("nope")
"""

CELLS = (
    "import kvs_notebook as kvs; sandbox = kvs.use_sandbox()",
    "channel = 'nope'\nkvs.describe_channel(channel)",
    "print('FULL'); kvs.errors.print_traceback()",
    "print('OTHER'); {}['key']",
    "print('NAME'); kvs.list_channel()",
    "kvs.list_channels(colour=1)",
    "sandbox.stop()",
)


def run_script(tmp_path: Path, text: str) -> str:
    """Run a script and return what it wrote to standard error."""
    path = tmp_path / "script.py"
    path.write_text(text)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


def test_cell_shows_the_users_line_and_the_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setattr(sys, "last_value", None, raising=False)
    shell = InteractiveShell.instance()
    try:
        for cell in CELLS:
            shell.run_cell(cell)
    finally:
        InteractiveShell.clear_instance()
    printed = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    shown, _, rest = printed.partition("FULL")
    full, _, rest = rest.partition("OTHER")
    other, _, misspelt = rest.partition("NAME")
    lines = [line for line in shown.splitlines() if line.strip()]
    assert "----> 2 kvs.describe_channel(channel)" in lines
    assert lines[-2].startswith(
        "ChannelNotFound: DescribeSignalingChannel failed for nope: ResourceNotFoundException: "
    )
    assert lines[-1] == "For the full traceback, call kvs.errors.print_traceback()"
    assert len(lines) <= 8
    assert "kvs_notebook/" not in shown
    assert "botocore.errorfactory.ResourceNotFoundException" in full
    assert "kvs_notebook/channels/operations.py" in full
    assert "KeyError: 'key'" in other
    assert "AttributeError: kvs_notebook has no list_channel. Did you mean list_channels?\n" in misspelt
    assert "TypeError: list_channels() got an unexpected keyword argument 'colour'" in misspelt
    assert "kvs_notebook/" not in misspelt


def test_script_shows_the_users_lines_and_the_message(tmp_path: Path) -> None:
    said = run_script(tmp_path, SCRIPT)
    assert said.count("script.py") == 2
    assert "kvs_notebook/" not in said
    assert "direct cause" not in said
    assert said.splitlines()[-2].startswith(
        "kvs_notebook.errors.ChannelNotFound: DescribeSignalingChannel failed for nope"
    )
    assert said.splitlines()[-1] == "For the full traceback, set KVS_NOTEBOOK_FULL_TRACEBACK=1."


def test_variable_shows_the_full_traceback_of_a_script(
    connection: kvs.Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    error_display.shorten_in_scripts(lambda error: isinstance(error, errors.KVSError))
    monkeypatch.setenv("KVS_NOTEBOOK_FULL_TRACEBACK", "1")
    with pytest.raises(errors.ChannelNotFound) as raised:
        kvs.describe_channel("nope", connection=connection)
    sys.excepthook(raised.type, raised.value, raised.tb)
    said = capsys.readouterr().err
    assert "kvs_notebook/channels/operations.py" in said
    assert "botocore.errorfactory.ResourceNotFoundException" in said


def test_every_error_is_displayed_with_its_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    error_display.shorten_in_scripts(lambda error: isinstance(error, errors.KVSError))
    public = [getattr(errors, name) for name in errors.__all__]
    for kind in [each for each in public if isinstance(each, type) and issubclass(each, errors.KVSError)]:
        sys.excepthook(kind, kind("what failed", code="Code"), None)
        assert f"{kind.__name__}: what failed\n" in capsys.readouterr().err


THEIR_HOOK = """import sys
sys.excepthook = lambda *_: print("mine", file=sys.stderr)
import kvs_notebook as kvs
raise kvs.errors.InvalidInput("x")
"""


@pytest.mark.parametrize(
    ("text", "last"), [("import kvs_notebook.errors\n{}['key']", "KeyError: 'key'"), (THEIR_HOOK, "mine")]
)
def test_other_errors_and_other_hooks_are_left_alone(tmp_path: Path, text: str, last: str) -> None:
    assert run_script(tmp_path, text).splitlines()[-1] == last
