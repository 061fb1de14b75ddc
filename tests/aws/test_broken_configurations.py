"""With a broken AWS configuration, each entry point raises our error, which names the repair; once repaired, it works."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from botocore.utils import generate_login_cache_key

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.cli.main import cli
from kvs_notebook.fleet.account_region import AccountRegion, read_account_regions
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory

ROLE = "arn:aws:iam::444455556666:role/Reader"
MFA = "arn:aws:iam::444455556666:mfa/me"
KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s\n"
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"
PAST = "2020-01-01T00:00:00Z"


@dataclass
class Broken:
    """A configuration of the profile ``lab``, the error that it leads to, and a part of its message."""

    kind: type[errors.KVSError]
    mend: str
    lines: str = ""
    region: str = "region = us-east-1"
    other: str | bytes = ""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def is_of_profile(self) -> bool:
        """Whether a caller who names the profile gets the same error."""
        return not self.variables


def process(printed: object) -> str:
    text = printed if isinstance(printed, str) else json.dumps(printed)
    return f"credential_process = printf '%s' '{text}'"


VALID = {"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "s", "SessionToken": "t"}
SSO = "sso_account_id = 444455556666\nsso_role_name = Reader\n"
LEGACY_SSO = f"{SSO}sso_start_url = https://127.0.0.1/none\nsso_region = us-east-1"

FULL_URI = "Check the endpoint that AWS_CONTAINER_CREDENTIALS_FULL_URI names"
CORRECT = "Correct profile 'lab' in "

BROKEN = {
    "no region": Broken(errors.NoRegion, "AWS_REGION", KEYS, region=""),
    "empty region": Broken(errors.NoRegion, "kvs.connect(region=", KEYS, region="region ="),
    "empty variable": Broken(errors.NoRegion, "AWS_REGION", KEYS, "", variables={"AWS_DEFAULT_REGION": " "}),
    "no credentials": Broken(errors.NoCredentials, "aws configure sso"),
    "no such profile": Broken(errors.NoCredentials, "AWS_PROFILE names it", variables={"AWS_PROFILE": "gone"}),
    "empty profile": Broken(errors.NoCredentials, "AWS_PROFILE names it", variables={"AWS_PROFILE": ""}),
    "no nesting": Broken(errors.NoCredentials, "/config", "s3 =\n  nothing"),
    "no sections": Broken(errors.NoCredentials, "/config", other="x = 1\n[profile"),
    "no text": Broken(errors.NoCredentials, "/config", other=b"[profile \xff]\n"),
    "no number": Broken(errors.NoCredentials, "configuration", variables={"AWS_METADATA_SERVICE_TIMEOUT": "soon"}),
    "half a key": Broken(errors.NoCredentials, "aws configure --profile lab", "aws_access_key_id = A"),
    "half a key in environment": Broken(
        errors.NoCredentials, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", variables={"AWS_ACCESS_KEY_ID": "A"}),
    "expired environment": Broken(errors.ExpiredCredentials, "AWS_CREDENTIAL_EXPIRATION", variables={
        "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CREDENTIAL_EXPIRATION": PAST}),
    "strange expiration": Broken(errors.NoCredentials, "AWS_CREDENTIAL_EXPIRATION", variables={
        "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CREDENTIAL_EXPIRATION": "tomorrow"}),
    "process fails": Broken(errors.ExpiredCredentials, "credential_process", "credential_process = false"),
    "process is missing": Broken(errors.NoCredentials, CORRECT, "credential_process = /nowhere/at/all"),
    "process without quotes": Broken(errors.NoCredentials, "credential_process of profile 'lab'", "credential_process = a 'b"),
    "process prints text": Broken(errors.NoCredentials, "credential_process of profile 'lab'", process("hello")),
    "process prints nothing": Broken(errors.NoCredentials, "credential_process of profile 'lab'", process("")),
    "process prints bytes": Broken(
        errors.NoCredentials, "credential_process of profile 'lab'", "credential_process = printf '\\377'"),
    "process prints list": Broken(errors.NoCredentials, "credential_process of profile 'lab'", process([])),
    "process prints null": Broken(errors.NoCredentials, "credential_process of profile 'lab'", process("null")),
    "process of version 2": Broken(errors.ExpiredCredentials, "credential_process", process(VALID | {"Version": 2})),
    "process without keys": Broken(errors.ExpiredCredentials, "credential_process", process({"Version": 1})),
    "process with null keys": Broken(
        errors.NoCredentials, "credential_process", process(VALID | {"AccessKeyId": None, "SecretAccessKey": None})),
    "process is late": Broken(
        errors.ExpiredCredentials, "credential_process of profile 'lab'", process(VALID | {"Expiration": PAST})),
    "process expires at text": Broken(errors.NoCredentials, "credential_process", process(VALID | {"Expiration": "soon"})),
    "process expires at number": Broken(errors.NoCredentials, "credential_process", process(VALID | {"Expiration": 1})),
    "aws login": Broken(errors.MissingExtra, "pip install 'botocore[crt]'", "login_session = arn:aws:iam::444455556666:user/u"),
    "SSO before login": Broken(errors.ExpiredCredentials, "aws sso login --profile lab", LEGACY_SSO),
    "SSO without session": Broken(errors.NoCredentials, CORRECT, f"{SSO}sso_session = none"),
    "SSO without URL": Broken(errors.NoCredentials, CORRECT, SSO),
    "MFA": Broken(
        errors.NoCredentials, "MFA", f"role_arn = {ROLE}\nmfa_serial = {MFA}\nsource_profile = base",
        other=f"[profile base]\n{KEYS}"),
    "MFA of the source": Broken(
        errors.NoCredentials, "export-credentials --profile lab", f"role_arn = {ROLE}\nsource_profile = middle",
        other=f"[profile middle]\nrole_arn = {ROLE}\nmfa_serial = {MFA}\nsource_profile = base\n[profile base]\n{KEYS}"),
    "process of the source": Broken(
        errors.ExpiredCredentials, "credential_process", f"role_arn = {ROLE}\nsource_profile = base",
        other="[profile base]\ncredential_process = false"),
    "role without source": Broken(errors.NoCredentials, CORRECT, f"role_arn = {ROLE}"),
    "role of no source": Broken(errors.NoCredentials, CORRECT, f"role_arn = {ROLE}\nsource_profile = none"),
    "role of two sources": Broken(
        errors.NoCredentials, CORRECT, f"role_arn = {ROLE}\nsource_profile = lab\ncredential_source = Environment"),
    "role of nested source": Broken(
        errors.NoCredentials, CORRECT, f"role_arn = {ROLE}\nsource_profile =\n  name = base"
    ),
    "role of itself": Broken(errors.NoCredentials, CORRECT, f"role_arn = {ROLE}\nsource_profile = lab"),
    "role that is no ARN": Broken(
        errors.NoCredentials, CORRECT, "role_arn = Reader\nsource_profile = base", other=f"[profile base]\n{KEYS}"),
    "SSO of no region": Broken(errors.NoCredentials, CORRECT, f"{LEGACY_SSO}, eu-west-1"),
    "role of unknown source": Broken(errors.NoCredentials, CORRECT, f"role_arn = {ROLE}\ncredential_source = Moon"),
    "no token": Broken(errors.NoCredentials, CORRECT, f"role_arn = {ROLE}\nweb_identity_token_file = /nowhere"),
    "token without role": Broken(errors.NoCredentials, CORRECT, "web_identity_token_file = /nowhere"),
    "container elsewhere": Broken(
        errors.NoCredentials, FULL_URI, variables={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}),
    "container without token file": Broken(errors.NoCredentials, FULL_URI, variables={
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere"}),
    "container with two lines of token": Broken(errors.NoCredentials, FULL_URI, variables={
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\nb"}),
    "endpoint of no URL": Broken(errors.NoCredentials, "Correct the profile", KEYS, variables={"AWS_ENDPOINT_URL": "nowhere"}),
    "endpoint of no port": Broken(errors.NoCredentials, "variable that begins with AWS_", KEYS, variables={
        "AWS_ENDPOINT_URL": "http://127.0.0.1:99999"}),
    "no S3 option": Broken(errors.NoCredentials, "Correct the profile", f"{KEYS}s3 =\n  addressing_style = x"),
    "versions without a service": Broken(errors.NoCredentials, "Correct the profile", f"{KEYS}api_versions = x"),
    "lines in a variable": Broken(errors.NoCredentials, "Correct the profile", KEYS, variables={"AWS_DEFAULTS_MODE": "a\nb"}),
    "lines in a profile's name": Broken(errors.NoCredentials, "AWS_PROFILE names it", variables={"AWS_PROFILE": "a\nb"}),
    "unknown defaults": Broken(errors.NoCredentials, "Correct the profile", f"{KEYS}defaults_mode = best"),
    "unknown STS endpoints": Broken(errors.NoCredentials, "Correct the profile", f"{KEYS}sts_regional_endpoints = none"),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[kvs.Sandbox]:
    """Yield the account that a repaired configuration leads to."""
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        yield sandbox


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], None]:
    """Return a function that writes the config file; the default profile is ``lab``."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    def _write(text: str | bytes) -> None:
        (tmp_path / "config").write_bytes(text.encode() if isinstance(text, str) else text)

    return _write


@pytest.fixture
def break_it(write: Callable[[str | bytes], None], monkeypatch: pytest.MonkeyPatch) -> Callable[[Broken], None]:
    def _break(broken: Broken) -> None:
        text = f"[profile lab]\n{broken.lines}\n{broken.region}\n".encode()
        other = broken.other.encode() if isinstance(broken.other, str) else broken.other
        write(other + text if b"[profile base]" not in other else text + other)
        for name, value in broken.variables.items():
            monkeypatch.setenv(name, value)

    return _break


@pytest.fixture
def repair(
    write: Callable[[str | bytes], None], server: kvs.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Broken], None]:
    def _repair(broken: Broken) -> None:
        for name in broken.variables:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_PROFILE", "lab")
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
        text = Path(server.environment({})["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
        write(text.replace("[profile sandbox]", "[profile lab]"))

    return _repair


@pytest.fixture(autouse=True)
def close_forms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("kvs_notebook.forms.channel_poller.SECONDS_BETWEEN_LISTS", 0)
    yield
    widgets.Widget.close_all()
    for thread in threading.enumerate():  # a form that still asks for the identity would make a default connection
        if thread.name.startswith("kvs-form"):
            thread.join(20)


def submit(form: Any) -> Any:
    form.submit.click()
    return form.future.result(20)


def refresh(console: Any) -> Any:
    return console.refresh().result(20)


def run_command(*arguments: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.main(["inventory", *arguments, "--no-tags"], standalone_mode=False) == 0


ENTRY_POINTS: dict[str, Callable[[], Any]] = {
    "connect": kvs.connect,
    "list_channels": kvs.list_channels,
    "sign_url": lambda: kvs.sign_url("front-door", client_id="tablet"),
    "inventory": lambda: kvs.inventory().raise_for_failures(),
    "command": run_command,
    "connection form": lambda: submit(kvs.forms.connection()),
}
OF_PROFILE: dict[str, Callable[[], Any]] = {
    "connect with profile": lambda: kvs.connect("lab"),
    "command with profile": lambda: run_command("--profile", "lab"),
}
CHEAP = ("connect", "list_channels", "connect with profile")
"""The other entry points handle each cause in the same way, so they are tested with one cause of each kind."""

REPAIRED = ["no such profile", "no credentials", "aws login", "no sections", "empty region"]
AT_EACH_ENTRY_POINT = {
    *REPAIRED,
    "empty variable",
    "half a key in environment",
    "expired environment",
    "process fails",
    "MFA",
}


@pytest.mark.draw(12)
@pytest.mark.parametrize("name", BROKEN)
def test_broken_configuration_says_what_mends_it(name, break_it):
    broken = BROKEN[name]
    break_it(broken)
    for entry, use in {**ENTRY_POINTS, **(OF_PROFILE if broken.is_of_profile else {})}.items():
        if entry not in CHEAP and name not in AT_EACH_ENTRY_POINT:
            continue
        if entry == "connection form" and broken.kind is errors.NoRegion:
            continue  # it has a field for the region
        with warnings.catch_warnings(action="ignore"), pytest.raises(errors.KVSError) as raised:
            use()
        if entry == "inventory" and isinstance(raised.value, errors.InventoryIncomplete):
            assert ": expired (" in str(raised.value), str(raised.value)
        else:
            assert type(raised.value) is broken.kind, f"{entry}: {raised.value!r}"
        assert broken.mend in str(raised.value), f"{entry}: {raised.value}"
        assert "\n" not in str(raised.value), entry
    if broken.kind is not errors.NoRegion and broken.is_of_profile and "/config" not in broken.mend:
        connection = for_profile("lab")
        for _ in range(2):  # botocore's providers remember an attempt
            with pytest.raises((broken.kind, errors.ExpiredCredentials), match=re.escape(broken.mend)):
                kvs.list_channels(connection=connection)


def test_each_broken_profile_is_gap_of_inventory(write, server):
    """All profiles are in one file; one of them can be used."""
    usable = {
        name: each
        for name, each in BROKEN.items()
        if each.is_of_profile and not each.other and each.kind is not errors.NoRegion and name != "no nesting"
    }
    text = "".join(
        f"[profile {number}]\nregion = us-east-1\n{each.lines.replace('lab', str(number))}\n"
        for number, each in enumerate(usable.values())
    )
    keys = Path(server.environment({})["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
    write(text + keys)
    profiles = [*map(str, range(len(usable))), "sandbox"]
    with pytest.warns(UserWarning, match="Nothing is read of") as warned:
        found = kvs.inventory(profiles=profiles, tags="none", connection=server.connection())
    assert len(warned) == sum(each.kind is not errors.MissingExtra for each in usable.values())
    gaps = found.gaps.set_index(found.gaps["message"].str.partition(":")[0].str.strip())
    assert found.coverage["status"].value_counts().to_dict() == {"expired": len(usable), "ok": 1}
    for number, (name, each) in enumerate(usable.items()):
        row = gaps.loc[str(number)]
        assert row["error_code"] == each.kind.__name__, name
        assert each.mend.replace("lab", str(number)) in row["message"], name


@pytest.mark.draw(1, of_each=("entry",))
@pytest.mark.parametrize("name", REPAIRED[:3])
@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_repaired_configuration_works_without_restart(entry, name, server, break_it, repair):
    server.reset()
    kvs.create_channel("front-door", connection=server.connection())
    break_it(BROKEN[name])
    with contextlib.suppress(errors.KVSError), warnings.catch_warnings(action="ignore"):
        ENTRY_POINTS[entry]()
    repair(BROKEN[name])
    ENTRY_POINTS[entry]()


@pytest.mark.draw(1)
@pytest.mark.parametrize("name", REPAIRED)
def test_open_form_and_console_recover_after_repair(name, server, break_it, repair):
    server.reset()
    kvs.create_channel("front-door", connection=server.connection())
    break_it(BROKEN[name])
    console, form = kvs.forms.console(), kvs.forms.connection()
    with pytest.raises(errors.KVSError):
        refresh(console)
    create = console.open_form("Create")
    assert create.submit.disabled or not console.connection.may_change()
    assert console.status.role == "alert"
    if BROKEN[name].kind is not errors.NoRegion:
        assert "kvs-error" in form.header.value
    repair(BROKEN[name])
    assert refresh(console)["channel_name"].tolist() == ["front-door"]
    assert "Channels (1)" in console.title.value
    assert console.header.form.region.value == "us-east-1"
    assert not console.form.submit.disabled, "the form that was open is opened again"
    assert submit(form).account_id == "111122223333"
    assert "lab" in [value for _, value in form.profile.options]


@pytest.mark.parametrize("name", ["no credentials", "process fails", "process is late"])
def test_worker_that_runs_on_reads_repaired_profile(name, server, break_it, repair):
    """A worker process of an executor keeps its connections for the next inventory."""
    break_it(BROKEN[name])
    connections = ConnectionFactory.for_workers(for_profile(None))
    where = AccountRegion(Account("lab"), server.account_id, "us-east-1", None, "none")
    assert read_account_regions([where], connections)[0].coverage["status"] == "expired"
    repair(BROKEN[name])
    assert read_account_regions([where], connections)[0].coverage["status"] == "ok"


# --- credentials that fail midway


@pytest.fixture
def provider(write, server, tmp_path, monkeypatch):
    """A credential_process whose keys are renewed at each call; returns a function that sets its output and exit code."""
    keys = server._profile._address.keys
    access_key = keys.access_key_id(server.account_id)
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)).isoformat()
    valid = {"Version": 1, "AccessKeyId": access_key, "SecretAccessKey": keys.secret(access_key)}
    program, script = tmp_path / "provider", tmp_path / "script"
    program.write_text(f"#!/bin/sh\nexec sh {script}\n")
    program.chmod(stat.S_IRWXU)

    def prints(change: dict[str, Any] | str, code: int = 0) -> None:
        printed = change if isinstance(change, str) else json.dumps({**valid, "Expiration": soon, **change})
        changed = tmp_path / "changed"  # a program that runs, in a console's thread for instance, cannot be written to
        changed.write_text(f"cat <<'END'\n{printed}\nEND\nexit {code}\n")
        changed.replace(script)

    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
    write(f"[profile lab]\nregion = us-east-1\ncredential_process = {program}\n")
    prints({})
    return prints


MIDWAY = {
    "fails": (("", 1), errors.ExpiredCredentials),
    "prints text": (("Your session has expired\n\x1b[31mLog in", 0), errors.NoCredentials),
    "prints what expired": (({"Expiration": PAST}, 0), errors.ExpiredCredentials),
    "prints no time zone": (({"Expiration": "2999-01-01T00:00:00"}, 0), errors.NoCredentials),
    "prints no key": (({"AccessKeyId": ""}, 0), errors.NoCredentials),
}


@pytest.mark.draw(2)
@pytest.mark.parametrize("name", MIDWAY)
def test_credentials_that_fail_midway_are_reported_and_recover(name, provider):
    printed, kind = MIDWAY[name]
    connection = kvs.connect()
    console = kvs.forms.console()
    assert kvs.list_channels() is not None
    provider(*printed)
    uses = [
        kvs.list_channels,
        lambda: kvs.sign_url(ARN, client_id="a"),
        lambda: refresh(console),
        connection.credentials,
    ]
    for use in uses:
        with pytest.raises(kind, match="credential_process of profile 'lab' in .*config, then call again"):
            use()
    with pytest.warns(UserWarning, match="The inventory ends early"):
        found = kvs.inventory(regions=["us-east-1", "eu-west-1"])
    assert found.coverage["status"].tolist() == ["expired"] * 2
    provider({})
    assert kvs.list_channels() is not None
    assert refresh(console) is not None
    assert kvs.inventory().gaps.empty


def test_credentials_of_another_account_midway_send_nothing(provider, server):
    """A helper that gives the session of the moment may switch accounts: an empty list would be of the wrong one."""
    other = "444455556666"
    server.reset()
    kvs.create_channel("gate", connection=server.connection(other))
    kvs.connect(allow_changes=True)
    console = kvs.forms.console()
    assert kvs.create_channel("gate")["account_id"].item() == server.account_id
    refresh(console)
    keys = server._profile._address.keys
    access_key = keys.access_key_id(other)
    provider({"AccessKeyId": access_key, "SecretAccessKey": keys.secret(access_key)})
    sent = len(server.requests)
    uses = [
        kvs.list_channels,
        lambda: kvs.describe_channel("gate"),
        lambda: kvs.sign_url("gate", client_id="a"),
        lambda: kvs.create_channel("other"),
        lambda: kvs.delete_channel("gate"),
        lambda: refresh(console),
        lambda: kvs.inventory().raise_for_failures(),
    ]
    for use in uses:
        with pytest.raises(errors.KVSError, match="its credentials now belong to account 444455556666"):
            use()
    requests = server.requests[sent:]
    assert set(requests["operation"][requests["account_id"] == other]) == {"GetCallerIdentity"}
    provider({})
    assert kvs.list_channels()["channel_name"].tolist() == ["gate"]
    kvs.connect()
    provider({"AccessKeyId": access_key, "SecretAccessKey": keys.secret(access_key)})
    assert kvs.connect().account_id == other


@pytest.mark.parametrize("account", [Account("lab"), Account()], ids=["profile", "connection itself"])
def test_worker_with_credentials_of_another_account_reports_a_gap(account, provider, server):
    """A worker process has a configuration of its own, which may change while it runs; an empty list would be believed."""
    other = "444455556666"
    server.reset()
    kvs.create_channel("gate", connection=server.connection())
    connections = ConnectionFactory.for_workers(for_profile(None))
    where = [AccountRegion(account, server.account_id, region, None, "bulk") for region in ("us-east-1", "eu-west-1")]
    keys = server._profile._address.keys
    of_other = {"AccessKeyId": (key := keys.access_key_id(other)), "SecretAccessKey": keys.secret(key)}
    for printed in (of_other, {}, of_other):
        provider(printed)
        results = read_account_regions(where, connections)
        if printed:
            assert [each.coverage["error_code"] for each in results] == ["WrongConnection"] * 2
            assert all(f"account {other}" in each.coverage["message"] for each in results)
            assert not any(each.channels for each in results)
        else:
            assert [[info["ChannelName"] for info in each.channels] for each in results] == [["gate"], []]
    requests = server.requests
    assert set(requests["operation"][requests["account_id"] == other]) == {"GetCallerIdentity"}


# --- what aws login has stored

KEY_TEXT = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
VALID_LOGIN: dict[str, Any] = {
    "accessToken": {
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "secretAccessKey": "s",
        "sessionToken": "t",
        "accountId": "444455556666",
        "expiresAt": "2999-01-01T00:00:00Z",
    },
    "refreshToken": "r",
    "dpopKey": KEY_TEXT,
    "clientId": "c",
}


def login_with(key: str = KEY_TEXT, **changes: Any) -> str:
    return json.dumps({**VALID_LOGIN, "dpopKey": key, "accessToken": {**VALID_LOGIN["accessToken"], **changes}})


LOGIN_CACHES: dict[str, tuple[str | bytes | None, type[errors.KVSError]]] = {
    "missing": (None, errors.ExpiredCredentials),
    "null": ("null", errors.ExpiredCredentials),
    "list": ("[]", errors.ExpiredCredentials),
    "without members": ("{}", errors.ExpiredCredentials),
    "expired, of a damaged key": (login_with("", expiresAt=PAST), errors.ExpiredCredentials),
    "empty": ("", errors.NoCredentials),
    "half": (login_with()[:80], errors.NoCredentials),
    "number": ("1", errors.NoCredentials),
    "bytes": (b"\xff", errors.NoCredentials),
    "deep": ("[" * 100_000, errors.NoCredentials),
    "token of text": (json.dumps({**VALID_LOGIN, "accessToken": "t"}), errors.NoCredentials),
    "no key": (login_with(accessKeyId=None), errors.NoCredentials),
    "key of a number": (login_with(accessKeyId=1), errors.NoCredentials),
    "strange expiration": (login_with(expiresAt="soon"), errors.NoCredentials),
    "expiration of a number": (login_with(expiresAt=1), errors.NoCredentials),
    "no time zone": (login_with(expiresAt="2999-01-01T00:00:00"), errors.NoCredentials),
}
"""Contents of a file in ~/.aws/login/cache, and the errors that they lead to."""


class EllipticCurve:
    """What botocore uses of awscrt, which is not installed here, before it sends anything."""

    @staticmethod
    def new_key_from_der_data(data: bytes) -> bytes:
        if not data:
            raise ValueError
        return data


@pytest.fixture
def logins(write, server, tmp_path, monkeypatch):
    """Write a profile for each content; return a function that writes the file of one."""
    monkeypatch.setattr("botocore.credentials.EC", EllipticCurve)
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setenv("AWS_PROFILE", "0")
    write("".join(f"[profile {i}]\nregion = us-east-1\nlogin_session = {i}\n" for i in range(len(LOGIN_CACHES))))

    def _write(number: int, content: str | bytes | None) -> None:
        path = tmp_path / f"{generate_login_cache_key(str(number))}.json"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return _write


def test_unusable_login_is_mended_by_aws_login(logins, server):
    keys = server._profile._address.keys
    key = keys.access_key_id(server.account_id)
    usable = login_with(accessKeyId=key, secretAccessKey=keys.secret(key), sessionToken=None)
    for number, (content, _) in enumerate(LOGIN_CACHES.values()):
        logins(number, content)
    with pytest.warns(UserWarning, match="Nothing is read of"):
        found = kvs.inventory(profiles=map(str, range(len(LOGIN_CACHES))), tags="none", connection=server.connection())
    assert set(found.coverage["status"]) == {"expired"}
    for (number, (name, (_, kind))), message in zip(
        enumerate(LOGIN_CACHES.items()),
        sorted(found.gaps["message"], key=lambda text: int(text.partition(":")[0])),
        strict=True,
    ):
        connection = for_profile(str(number))
        for _ in range(2):
            with pytest.raises(kind) as raised:
                kvs.list_channels(connection=connection)
            assert type(raised.value) is kind, name
            assert f"Run: aws login --profile {number}, then call again." in str(raised.value), name
            assert str(raised.value).isprintable(), name
        assert f"Run: aws login --profile {number}, then call again." in message, name
        logins(number, usable)
        assert kvs.list_channels(connection=connection) is not None, name
    logins(0, "half")
    form = kvs.forms.connection()
    with pytest.raises(errors.NoCredentials, match="Run: aws login --profile 0"):
        submit(form)
    logins(0, usable)
    assert submit(form).account_id == server.account_id


def test_login_of_another_account_midway_sends_nothing(logins, server):
    """Credentials of aws login are read again from the file before they expire."""
    keys = server._profile._address.keys
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=12)).isoformat()

    def of(account_id: str) -> str:
        key = keys.access_key_id(account_id)
        return login_with(accessKeyId=key, secretAccessKey=keys.secret(key), sessionToken=None, expiresAt=soon)

    logins(0, of(server.account_id))
    connection = kvs.connect("0")
    logins(0, of("444455556666"))
    with pytest.raises(errors.WrongConnection, match="credentials now belong to account 444455556666"):
        kvs.list_channels(connection=connection)
