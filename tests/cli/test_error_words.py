"""The command's errors name its options, and what they name makes the error go away."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kvs_notebook.cli.error_words import in_options
from tests.cli.conftest import Run, lines_of
from tests.test_advice import ROOT, texts_of

PYTHON_ONLY = (
    "forms",
    "jupyter",
    "plotting",
    "secret_scan",
    "sandbox/http",
    "sandbox/backend",
    "sandbox/signaling",
    "cli",
)
"""Packages whose messages the command doesn't print, prints without Python in them, or has written for itself."""

FILLED_IN = ("keyword_hints.py", "attribute_hints.py", "report_document.py")
"""Modules whose texts are of wrong Python, or HTML."""

NOT_OF_THE_COMMAND = (
    "Call connection.identity() first", "as list_channels() returns it", "as list_tags() returns them",
    "Pass a row returned by list_channels()", "an ARN, or a row of list_channels()", "Read them with list_tags()",
    "or list_channels(tags=", "() was given ", "without rows of your own", "is not a file or a DataFrame",
    "an executor's workers cannot use them", "Its frame has ", "regions contains 'all'",
    "Pass an aware datetime", "kvs.live.take_pictures()", "Nothing to plan", "kvs.Assumptions object",
    "signaling client is", "recipient_client_id=", "kvs.plans.read_terraform()", "kvs.plans.tag(", "kvs.plans.set_message_ttl(",
    "kvs.apply_plan(plan, 'x', confirm='x'", ".table(), which", ".reveal()", "<",
)  # fmt: skip
"""Parts of messages about arguments that the command does not have, passes itself or checks before."""

CALL = re.compile(
    r"\bkvs\.|\b[a-z_]{3,}(\.[a-z_]+)*\(|(?<=.)(?<![\w(.,\"'<-])[a-z_]+=(?![=\w])|\b[Cc]all again|see \.refused"
)


def filled(text: str) -> str:
    """Return a text with what is filled in."""
    of_frames = text.replace("returned by {}", "returned by list_channels(tags=True) or inventory()")
    of_files = of_frames.replace("pandas.{}", "pandas.read_csv").replace("{}()", "to_csv()")
    return of_files.replace("{} again", "kvs.connect('lab') again").replace("{}", "'x'")


def test_no_message_of_the_command_names_python() -> None:
    """A text that is only a name, such as that of a function, is filled into another one."""
    paths = [path for path in ROOT.rglob("*.py") if not str(path.relative_to(ROOT)).startswith(PYTHON_ONLY)]
    texts = [filled(text) for path in paths for text in texts_of(path) if path.name not in FILLED_IN]
    named = [text for text in texts if CALL.search(text) and not text.startswith(("kvs.connect(", "list_channels("))]
    assert len(named) > 60
    left = [words for each in named if CALL.search(words := in_options(each))]
    assert [words for words in left if not any(part in words for part in NOT_OF_THE_COMMAND)] == []
    assert [part for part in NOT_OF_THE_COMMAND if not any(part in words for words in left)] == []


def test_other_texts_are_unchanged() -> None:
    for text in ("Can't read call again.csv: no such file.", "Pass --profile.", "kvs.connect", "plan.save", ""):
        assert in_options(text) == text


def error_of(run: Run, line: str, env: dict[str, str]) -> str:
    """Run the command, which fails, and return its last line."""
    done = run(*shlex.split(line), env=env)
    assert done.returncode == 1, done.stdout
    said = lines_of(done.stderr)[-1]
    assert not re.search(r"\w\(|\bkvs\.", said.partition(": ")[2].replace("(aws configure sso)", "")), said
    return said


@pytest.mark.usefixtures("account")
def test_option_that_an_error_names_makes_it_go_away(run: Run, profile: dict[str, str], tmp_path: Path) -> None:
    without = {
        name: value
        for name, value in profile.items()
        if name not in {"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"}
    }
    text = Path(profile["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
    (tmp_path / "config").write_text(re.sub("region = .*\n", "", text))
    no_region = without | {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "sandbox"}
    assert "Pass --region" in error_of(run, "inventory --no-tags", no_region)
    assert run("inventory", "--no-tags", "--region", "us-east-1", env=no_region).returncode == 0
    assert "pass it as --profile" in error_of(run, "inventory --no-tags --region us-east-1", without)
    assert "inventory --sandbox needs none" in error_of(run, "inventory --no-tags --profile gone", without)
    assert run("inventory", "--no-tags", "--profile", "sandbox", env=without).returncode == 0
    gone = profile | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert "run the command again; without a network" in error_of(run, "inventory --no-tags", gone)
    assert "kvs-notebook plan and -o 'none'" in error_of(run, "apply none --resume", profile)
    run("inventory", "--csv", "fleet.csv", env=profile)
    assert run("plan", "ttl", "fleet.csv", "90", "-o", "none", env=profile).returncode == 0
    assert "holds no plan" not in run("apply", "none", env=profile).stderr
