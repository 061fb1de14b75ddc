"""Names in advice exist, and advice that can be followed in a test removes the error."""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import boto3
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.cli.main import cli
from kvs_notebook.sandbox.sandbox import SandboxFaults
from kvs_notebook.signaling.client import SignalingClient
from tests.connections import connect_session

ROOT = Path(kvs.__file__).parent
NOT_MESSAGES = {
    "html.py",
    "activity.py",
    "console_header.py",
    "console_view.py",
    "panel.py",
    "report_document.py",
    "keyboard.py",
    "notebook_box.py",
    "error_words.py",
    "channel_table.py",
    "store.py",
    "query_protocol.py",
    "patterns.py",
    "notebook_text.py",
    "header.py",
    "status_line.py",
    "visible_timer.py",
}
"""Modules whose texts are HTML, JavaScript, SQL or regular expressions."""

METHODS_OF = {
    "connection": kvs.Connection,
    "sandbox": kvs.Sandbox,
    "sandbox.faults": SandboxFaults,
    "client": SignalingClient,
    "plan": kvs.plans.Plan,
}
WITHOUT_OWNER = [kvs, kvs.Inventory, SignalingClient, kvs.Sandbox]

VARIABLES = {
    "AWS_REGION",  # test_line_of_no_region_connects
    "AWS_PROFILE",  # tests/aws/test_broken_configurations.py
    "AWS_CA_BUNDLE",  # tests/aws/test_tls.py
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",  # test_variables_of_unusable_keys_mend_them
    "AWS_CREDENTIAL_EXPIRATION",
}  # fmt: skip
"""Environment variables that messages name, each with the test that sets it."""

AWS_COMMANDS = {"configure", "configure sso", "configure export-credentials", "sso login", "sso logout", "login"}
"""Commands of AWS CLI 2 that messages name, by its reference; the installed AWS CLI 1 has the first only."""


@cache
def messages() -> list[str]:
    """Return the texts of the package that are more than a word; ``{}`` stands for what is filled in."""
    return [text for path in ROOT.rglob("*.py") if path.name not in NOT_MESSAGES for text in texts_of(path)]


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts of a module that are more than a word."""
    return _texts(ast.parse(path.read_text(encoding="utf-8")))


def _texts(tree: ast.AST) -> Iterator[str]:
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            text = node.value
        else:
            continue
        if " " in text:
            yield text


def found(pattern: str) -> set[str]:
    names = {name for text in messages() for name in re.findall(pattern, text)}
    assert names
    return names


def exists(name: str) -> bool:
    owner, dot, rest = name.rpartition(".")
    if not dot:
        return any(hasattr(each, name) for each in WITHOUT_OWNER)
    if owner in METHODS_OF:
        return hasattr(METHODS_OF[owner], rest)
    with contextlib.suppress(AttributeError):
        return callable(attrgetter(name.removeprefix("kvs."))(kvs))
    return False


def parameters() -> set[str]:
    """Return the names of the parameters of every public function and method."""
    modules = [kvs, *(getattr(kvs, name) for name in kvs.__all__ if inspect.ismodule(getattr(kvs, name)))]
    public = [getattr(module, name) for module in modules for name in module.__all__]
    classes = [each for each in [*public, SignalingClient, SandboxFaults] if inspect.isclass(each)]
    methods = [each for owner in classes for each in vars(owner).values() if inspect.isfunction(each)]
    functions = [each for each in public if inspect.isfunction(each)]
    return {name for each in [*functions, *methods] for name in inspect.signature(each).parameters}


def test_functions_that_messages_name_exist():
    named = found(
        r"(?<![\w.])(?!datetime|print|help|re\.)((?:kvs\.|connection\.|sandbox\.|client\.|plan\.)?[a-z_]+[\w.]*)\([^)]*\)"
    )
    assert {name for name in named if not exists(name)} == set()
    assert len(named) > 12


def test_arguments_that_messages_name_exist():
    named = found(r"(?<![\w(.,\"'<-])([a-z_]+)=(?![=\w])")
    assert named - parameters() == {"dtype"}  # of pandas.read_csv()


def test_keywords_of_calls_that_messages_show_exist():
    calls = found(r"kvs\.[a-z_.]+\([^)]+\)")
    for call in calls - {each for each in calls if "{}=" in each}:  # test_keyword_hints follows those
        node = ast.parse(call.replace("...", "None").replace("{}", "None"), mode="eval").body
        assert isinstance(node, ast.Call)
        parameters = inspect.signature(attrgetter(ast.unparse(node.func).removeprefix("kvs."))(kvs)).parameters
        assert {keyword.arg for keyword in node.keywords} <= set(parameters), call


def test_variables_that_messages_name_are_tested():
    assert found(r"\b(AWS_[A-Z_]+|SSL_[A-Z_]+|REQUESTS_[A-Z_]+)\b") == VARIABLES


def test_extras_that_messages_name_exist():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = found(r"pip install '([\w-]+\[\w+\])'")
    for name in named:
        package, extra = name.removesuffix("]").split("[")
        if package == project["name"]:
            assert extra in project["optional-dependencies"], name
        else:
            assert extra in (importlib.metadata.metadata(package).get_all("Provides-Extra") or []), name


def test_commands_and_options_that_messages_name_exist():
    assert {
        name.strip()
        for name in found(r"\baws ((?:configure|sso|login)(?: (?:sso|login|logout|export-credentials))?)\b")
    } == (AWS_COMMANDS)
    assert found(r"(?<!['\w])kvs-notebook (?!requires|is\b)([a-z]+)\b") <= set(cli.commands)
    of_groups = [each for command in cli.commands.values() for each in getattr(command, "commands", {}).values()]
    options = {
        option
        for command in [*cli.commands.values(), *of_groups]
        for each in command.params
        for option in [*each.opts, *each.secondary_opts]
    }
    of_other_programs = {"--clear-output", "--inplace", "--format"}
    assert found(r"(?<![\w-])--[a-z][a-z-]+[a-z]") - options - of_other_programs == set()


# --- advice that is followed


@pytest.fixture(scope="module")
def server() -> Iterator[kvs.Sandbox]:
    slow = kvs.Assumptions(creating_seconds=4, deleting_seconds=4)
    with kvs.Sandbox(clock="stepped", quotas=False, assumptions=slow) as sandbox:
        yield sandbox


@pytest.fixture
def account(server, tmp_path, monkeypatch) -> kvs.Sandbox:
    """Reset the sandbox, which the profile ``lab`` leads to as to a real account; no region and no keys are configured."""
    server.reset()
    text = Path(server.environment({})["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
    (tmp_path / "config").write_text(text.replace("profile sandbox", "profile lab"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setattr("kvs_notebook.aws.identity.SANDBOX_USER", "another-user")
    monkeypatch.setattr("kvs_notebook.aws.connection.RateLimiter", partial(RateLimiter, sleep=lambda _: None))
    return server


def lines_in(error: Exception) -> list[str]:
    """Return the lines of Python that a message shows."""
    return re.findall(r"(?:kvs|connection)\.[a-z_]+\((?:[^()]|\([^()]*\))*\)", str(error))


def keys_of(account: kvs.Sandbox) -> tuple[str, str]:
    credentials = account.connection().credentials()
    return credentials.access_key, credentials.secret_key


def fails_with(kind: type[errors.KVSError], act: Callable[[], Any]) -> errors.KVSError:
    with pytest.raises(errors.KVSError) as raised:
        act()
    assert type(raised.value) is kind, raised.value
    return raised.value


def follow(error: Exception, line: int = 0, **names: Any) -> Any:
    """Run a line of Python that a message shows."""
    return eval(lines_in(error)[line], {"kvs": kvs, **names})  # noqa: S307 - our own line


def test_line_of_no_region_connects(account, monkeypatch):
    access_key, secret_key = keys_of(account)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    error = fails_with(errors.NoRegion, kvs.connect)
    assert follow(error).region == "us-east-1"
    for variable in re.findall("AWS_[A-Z_]+", str(error)):
        set_current(None)
        monkeypatch.setenv(variable, "eu-west-1")
        assert kvs.connect().region == "eu-west-1"


def test_line_of_no_credentials_opens_sandbox(account):
    error = fails_with(errors.NoCredentials, lambda: kvs.connect(region="us-east-1"))
    with follow(error, -1):
        assert kvs.list_channels().empty
    profiles = fails_with(errors.NoCredentials, lambda: kvs.connect("gone"))
    known = re.findall(r"on this machine: ([\w, ]+)", str(profiles))
    assert kvs.connect(known[0]).account_id == account.account_id


@pytest.mark.parametrize("variables", [["AWS_ACCESS_KEY_ID"], ["AWS_ACCESS_KEY_ID", "AWS_CREDENTIAL_EXPIRATION"]])
def test_variables_of_unusable_keys_mend_them(account, monkeypatch, variables):
    access_key, secret_key = keys_of(account)
    values = {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_SESSION_TOKEN": "",
        "AWS_CREDENTIAL_EXPIRATION": "2999-01-01T00:00:00Z",
    }
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    if len(variables) > 1:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z")
    kind = errors.NoCredentials if len(variables) == 1 else errors.ExpiredCredentials
    error = fails_with(kind, kvs.connect)
    named = set(re.findall(r"\bAWS_[A-Z_]+", str(error)))
    assert named == set(values)
    for name in named:
        monkeypatch.setenv(name, values[name])
    assert follow(error).account_id == account.account_id
    for name in named:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert follow(error).account_id == account.account_id, "removed, they give way to the profile"


def test_command_of_half_a_key_writes_it_whole(account, tmp_path, monkeypatch):
    with (tmp_path / "config").open("a") as file:
        file.write("\n[profile half]\nregion = us-east-1\naws_access_key_id = A\n")
    error = fails_with(errors.NoCredentials, lambda: kvs.connect("half"))
    command = re.findall(r"Run: aws (configure --profile half), then", str(error))[0].split()
    subprocess.run(
        [str(Path(sys.executable).with_name("aws")), *command],
        input="\n".join([*keys_of(account), "", ""]) + "\n",
        text=True, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert follow(error).account_id == account.account_id


def test_line_of_read_only_allows_the_change(account):
    kvs.connect("lab")
    error = fails_with(errors.ReadOnly, lambda: kvs.create_channel("gate"))
    follow(error)
    assert kvs.create_channel("gate")["channel_name"].item() == "gate"


def test_line_of_unknown_account_finds_it(account):
    connection = connect_session(boto3.Session(profile_name="lab"), "us-east-1", endpoint_url=account.endpoint_url)
    error = fails_with(errors.KVSError, lambda: connection.account_id)
    follow(error, connection=connection)
    assert connection.account_id == account.account_id


def test_line_of_stopped_sandbox_starts_another():
    connection = kvs.use_sandbox().connection()
    kvs.use_sandbox().stop()
    error = fails_with(errors.EndpointUnreachable, lambda: kvs.list_channels(connection=connection))
    with follow(error):
        assert kvs.list_channels().empty


@pytest.fixture
def writable(account) -> kvs.Connection:
    set_current(account.connection())
    return kvs.current_connection()


def test_describing_again_mends_stale_version(writable):
    row = kvs.create_channel("gate")
    kvs.update_channel(row, message_ttl_seconds=30)
    error = fails_with(errors.VersionMismatch, lambda: kvs.update_channel(row, message_ttl_seconds=40))
    assert "describe_channel()" in str(error)
    kvs.update_channel(kvs.describe_channel("gate"), message_ttl_seconds=40)


def test_waiting_mends_busy_and_deleting_channels(writable):
    row = kvs.create_channel("gate", wait=False)
    error = fails_with(errors.ChannelBusy, lambda: kvs.update_channel(row, message_ttl_seconds=30))
    assert "wait_for_channel()" in str(error)
    row = kvs.wait_for_channel("gate")
    kvs.update_channel(row, message_ttl_seconds=30)
    kvs.delete_channel("gate", wait=False)
    error = fails_with(errors.ChannelExists, lambda: kvs.create_channel("gate"))
    line = re.findall(r"wait_for_channel\([^)]*\)", str(error))[0]
    eval(f"kvs.{line}", {"kvs": kvs, "name": "gate"})  # noqa: S307 - our own line
    kvs.create_channel("gate")


def test_untagging_mends_too_many_tags(writable):
    kvs.create_channel("gate", tags={f"k{number}": "v" for number in range(50)})
    error = fails_with(errors.TagLimitExceeded, lambda: kvs.tag_channel("gate", {"one": "more"}))
    assert "untag_channel()" in str(error)
    kvs.untag_channel("gate", ["k0"])
    kvs.tag_channel("gate", {"one": "more"})
