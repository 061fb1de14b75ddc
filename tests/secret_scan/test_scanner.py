"""Scan: every secret is found wherever a notebook keeps it, named without being told, and what looks like one is left alone."""

from __future__ import annotations

import base64
import doctest
import json
import os
import random
import re
import shutil
import string
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.secret_scan import scanner as scan_room
from kvs_notebook.secret_scan.notebook_text import TYPED_PASSWORD, WIDGET_STATE
from kvs_notebook.secret_scan.patterns import (
    KEY_ID,
    SECRET_KEY,
    SESSION_TOKEN,
    SIGNED_URL,
    TURN_PASSWORD,
    TURN_USERNAME,
)
from kvs_notebook.secret_scan.scanner import Scanned, findings, scan, summary

ROOT = Path(__file__).parents[2]
LETTERS = string.ascii_letters + string.digits + "+/"


def drawn(count: int, letters: str = LETTERS, seed: int = 4) -> str:
    """Letters as AWS draws them; none of these has ever opened anything."""
    return "".join(random.Random(seed).choices(letters, k=count))  # noqa: S311 - the same each time


def base64_of(count: int) -> str:
    return base64.b64encode(random.Random(count).randbytes(count)).decode()  # noqa: S311 - the same each time


AKIA = "AKIA" + drawn(16, string.ascii_uppercase + "234567")
ASIA = "ASIA" + drawn(16, string.ascii_uppercase + "234567", seed=5)
SECRET = drawn(40)
TOKEN = "IQoJb3JpZ2luX2Vj" + drawn(400)
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"
USERNAME = "1767603900:" + base64.b64encode(f"v1:{ARN}".encode()).decode()
PASSWORD = base64_of(32)
SIGNATURE = drawn(64, "0123456789abcdef")
URL = (
    "wss://v-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com/?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    f"&X-Amz-Credential={AKIA}%2F20260105%2Fus-east-1%2Fkinesisvideo%2Faws4_request&X-Amz-Date=20260105T090000Z"
    f"&X-Amz-Expires=299&X-Amz-SignedHeaders=host&X-Amz-ChannelARN={ARN}&X-Amz-Signature={SIGNATURE}"
)
TURN = "turn:10-0-0-1.t-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com:443?transport=udp"

# --- notebooks


def code(source: str = "", *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A cell as JupyterLab saves it: lines in lists."""
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": 1, "metadata": metadata, "outputs": outputs, "source": lines}


def result(**data: Any) -> dict[str, Any]:
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}


def of_type(media_type: str, value: Any) -> dict[str, Any]:
    return code("look()", result(**{"text/plain": ["..."], media_type: value}))


def notebook(*cells: Any, **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def saved_widgets(**models: Any) -> dict[str, Any]:
    return {"widgets": {WIDGET_STATE: {"version_major": 2, "version_minor": 0, "state": models}}}


def model(name: str, **state: Any) -> dict[str, Any]:
    return {"model_module": "@jupyter-widgets/controls", "model_name": name, "state": state}


def found_in(content: Any, folder: Path) -> list[tuple[str, str]]:
    """Place and kind of what is found in a notebook; that no secret is told is held against every one."""
    path = folder / "a.ipynb"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    found = findings(path)
    for secret in (AKIA, ASIA, SECRET, TOKEN, USERNAME, PASSWORD, SIGNATURE, "hunter2!"):
        assert secret not in "".join(map(str, found)) + summary([Scanned(path, found)])
    return [(finding.place, finding.kind) for finding in found]


# --- wherever it is

URL_IN_HTML = f'<a href="{URL}">connect</a>'.replace("&", "&amp;")
VIEW = result(**{"application/vnd.jupyter.widget-view+json": {"model_id": "box", "version_major": 2}})
PLACES = {
    "source": (notebook(code(f"url = '{URL}'")), "cell 1, source"),
    "markdown": (
        notebook(code(), {"cell_type": "markdown", "metadata": {}, "source": f"[connect]({URL})"}),
        "cell 2, source",
    ),
    "text/plain": (notebook(of_type("text/plain", [f"'{URL}'"])), "cell 1, output 1 (text/plain)"),
    "text/html": (notebook(of_type("text/html", [URL_IN_HTML])), "cell 1, output 1 (text/html)"),
    "text/markdown": (notebook(of_type("text/markdown", URL)), "cell 1, output 1 (text/markdown)"),
    "image/svg+xml": (notebook(of_type("image/svg+xml", f"<text>{URL}</text>")), "cell 1, output 1 (image/svg+xml)"),
    "application/json": (
        notebook(of_type("application/json", {"servers": [{"url": URL}]})),
        "cell 1, output 1 (application/json)",
    ),
    "a key of JSON": (
        notebook(of_type("application/json", {URL: {"seen": 1}})),
        "cell 1, output 1 (application/json)",
    ),
    "stream": (
        notebook(code("", {"output_type": "stream", "name": "stderr", "text": ["line\n", f"GET {URL}\n"]})),
        "cell 1, output 1 (stderr)",
    ),
    "second output": (
        notebook(code("", result(), {"output_type": "stream", "name": "stdout", "text": URL})),
        "cell 1, output 2 (stdout)",
    ),
    "traceback": (
        notebook(
            code(
                "", {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["\x1b[31mE\x1b[0m", f"x {URL}"]}
            )
        ),
        "cell 1, output 1 (traceback)",
    ),
    "metadata of a cell": (notebook(code(papermill={"parameters": {"url": URL}})), "cell 1, metadata"),
    "metadata": (notebook(code(), papermill={"parameters": {"url": URL}}), "metadata of the notebook"),
    "widget": (notebook(**saved_widgets(a=model("TextModel", value=URL))), "widget state (TextModel)"),
    "widget that a cell shows": (
        notebook(code(), code("form", VIEW), **saved_widgets(box=model("TextModel", value=URL))),
        "cell 2, widget state (TextModel)",
    ),
    "widget in a widget that a cell shows": (
        notebook(
            code("form", VIEW),
            **saved_widgets(
                html=model("HTMLModel", value=URL_IN_HTML), box=model("VBoxModel", children=["IPY_MODEL_html"])
            ),
        ),
        "cell 1, widget state (HTMLModel)",
    ),
    "widget state of an earlier form": (
        notebook(widgets={"state": {"a": model("TextModel", value=URL)}}),
        "widget state (TextModel)",
    ),
    "nbformat 3": (
        {
            "nbformat": 3,
            "metadata": {},
            "worksheets": [{"cells": [{"cell_type": "code", "input": [""], "outputs": [{"text": [URL]}]}]}],
        },
        "cell 1, output 1 (text)",
    ),
    "no nbformat at all": ({"cells": [URL, 1, None, {"outputs": 1, "source": {"x": 2}}]}, "cell 1, source"),
}


@pytest.mark.parametrize("where", PLACES)
def test_a_secret_is_found_wherever_a_notebook_keeps_it(where: str, tmp_path: Path) -> None:
    content, place = PLACES[where]
    assert found_in(content, tmp_path) == [(place, SIGNED_URL)]


def test_what_was_typed_into_a_password_field_is_found(tmp_path: Path) -> None:
    typed, empty = model("PasswordModel", value="hunter2!"), model("PasswordModel", value="", description="Password")
    content = notebook(code("form", VIEW), **saved_widgets(box=typed, other=empty))
    assert found_in(content, tmp_path) == [("cell 1, widget state (PasswordModel)", TYPED_PASSWORD)]


def test_secrets_of_one_kind_in_one_place_are_one_line_that_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(code(f"a = '{AKIA}'\nb = '{ASIA}'"))))
    (finding,) = findings(path)
    assert str(finding) == f"{path}: cell 1, source: access key id: AKIA...{AKIA[-4:]} (2 times)"


def test_a_place_tells_no_secret_either(tmp_path: Path) -> None:
    content = notebook(
        code(**{AKIA: {}}) | {ASIA: TOKEN},
        of_type(AKIA, {}),
        code("", {"output_type": "stream", "name": f"{SECRET}\n", "text": AKIA}),
        **saved_widgets(a=model(f"{AKIA}", value=URL)),
    )
    assert {place for place, _ in found_in(content, tmp_path)} == {
        "cell 1, metadata", "cell 1, other", "cell 2, output 1 (other)", "cell 3, output 1 (other)", "widget state"
    }  # fmt: skip


def test_a_files_name_adds_no_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a\n\x1b[2J.ipynb")
    (finding,) = findings(path)
    assert str(finding).isprintable()


# --- whatever form it has

STS = (
    f"<AccessKeyId>{ASIA}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>"
)
SHAPES: dict[str, tuple[str, set[str]]] = {
    "two arguments": (f'boto3.Session("{AKIA}", "{SECRET}")', {KEY_ID, SECRET_KEY}),
    "keyword": (f'connect(aws_secret_access_key="{SECRET}")', {SECRET_KEY}),
    "variable": (f"secret = '{SECRET}'", {SECRET_KEY}),
    "variable with a type": (f"secret_key: str = '{SECRET}'", {SECRET_KEY}),
    "os.environ": (f'os.environ["AWS_SECRET_ACCESS_KEY"] = "{SECRET}"', {SECRET_KEY}),
    "%env": (f"%env AWS_SECRET_ACCESS_KEY {SECRET}", {SECRET_KEY}),
    "shell": (f"!export AWS_ACCESS_KEY_ID={AKIA} AWS_SECRET_ACCESS_KEY={SECRET}", {KEY_ID, SECRET_KEY}),
    "credentials file": (
        f"aws_access_key_id = {ASIA}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}",
        {KEY_ID, SECRET_KEY, SESSION_TOKEN},
    ),
    "JSON": (
        json.dumps({"AccessKeyId": ASIA, "SecretAccessKey": SECRET, "SessionToken": TOKEN}),
        {KEY_ID, SECRET_KEY, SESSION_TOKEN},
    ),
    "JSON in JSON": (json.dumps(json.dumps({"SecretAccessKey": SECRET, "SessionToken": TOKEN})), {SECRET_KEY, SESSION_TOKEN}),
    "repr": (repr({"AccessKeyId": ASIA, "SecretAccessKey": SECRET}), {KEY_ID, SECRET_KEY}),
    "escaped repr": (f"&#x27;SecretAccessKey&#x27;: &#x27;{SECRET}&#x27;", {SECRET_KEY}),
    "XML": (STS, {KEY_ID, SECRET_KEY, SESSION_TOKEN}),
    "table": (f"<tr><td>{AKIA}</td><td>{SECRET}</td></tr>", {KEY_ID, SECRET_KEY}),
    "coloured": (f"aws_secret_access_key\x1b[39m=\x1b[33m'{SECRET}'\x1b[39m", {SECRET_KEY}),
    "token alone": (TOKEN, {SESSION_TOKEN}),
    "token of another make": (f"token = '{base64_of(300)}' # session_token: {base64_of(200)}", {SESSION_TOKEN}),
    "header": (f"{{'x-amz-security-token': '{TOKEN}'}}", {SIGNED_URL}),
    "https URL": (URL.replace("wss://", "https://"), {SIGNED_URL}),
    "of another service": (f"https://bucket.s3.amazonaws.com/a.csv?X-Amz-Signature={SIGNATURE}", {SIGNED_URL}),
    "with a port": (f"https://proxy.example:8443?X-Amz-Signature={SIGNATURE}", {SIGNED_URL}),
    "URL in a URL": (f"https://a.example/?next={URL.replace('=', '%3D').replace('&', '%26')}", {SIGNED_URL}),
    "cut before its signature": (URL[:150], {SIGNED_URL}),
    "parameters": (f"X-Amz-Date=20260105T090000Z&X-Amz-Signature={SIGNATURE}", {SIGNED_URL}),
    "parsed parameters": (repr({"X-Amz-Signature": [SIGNATURE]}), {SIGNED_URL}),
    "signed with a session": (f"{URL}&X-Amz-Security-Token={TOKEN.replace('+', '%2B')}", {SIGNED_URL}),
    "ICE servers": (
        repr([{"Uris": [TURN], "Username": USERNAME, "Password": PASSWORD, "Ttl": 300}]),
        {TURN_USERNAME, TURN_PASSWORD},
    ),
    "RTCIceServer": (f"RTCIceServer(urls={TURN!r}, credential={PASSWORD!r})", {TURN_PASSWORD}),
    "ICE table": (f"0  {TURN}  {USERNAME[:47]}...  {PASSWORD}  300", {TURN_USERNAME, TURN_PASSWORD}),
    "password alone": (f"password = {PASSWORD!r}", {TURN_PASSWORD}),
}  # fmt: skip


@pytest.mark.parametrize("media_type", ["text/plain", "text/html", "source"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_is_found_in_the_form_in_which_people_leave_it(shape: str, media_type: str, tmp_path: Path) -> None:
    text, kinds = SHAPES[shape]
    content = notebook(code(text) if media_type == "source" else of_type(media_type, text.splitlines(keepends=True)))
    assert {kind for _, kind in found_in(content, tmp_path)} == kinds


def test_a_secret_key_is_found_in_another_cell_than_its_id(tmp_path: Path) -> None:
    apart = notebook(code(f"k = '{AKIA}'"), code(f"s = '{SECRET}'"))
    assert found_in(apart, tmp_path) == [("cell 1, source", KEY_ID), ("cell 2, source", SECRET_KEY)]
    assert found_in(notebook(code(f"s = '{SECRET}'")), tmp_path) == []  # 40 letters may be anything


@given(st.text(alphabet=LETTERS, min_size=40, max_size=40), st.sampled_from(["secret_key = '{}'", f"{AKIA}: {{}}"]))
def test_no_secret_key_is_ever_printed(tmp_path_factory: pytest.TempPathFactory, secret: str, line: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    path.write_text(json.dumps(notebook(code(line.format(secret)))))
    assert secret not in "\n".join(map(str, findings(path)))


# --- what is none

SDP = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{drawn(40, seed=9)}
a=candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0"""

HARMLESS = {
    "ARN": ARN,
    "ARN of a camel": "arn:aws:kinesisvideo:us-east-1:111122223333:channel/FrontDoorCameraHq12/1767603600000",
    "version": "version='3Ikjs9sOSk6Q4Alisl0d'",
    "longest version": f"version='{drawn(64, string.ascii_letters + string.digits)}'",
    "SDP": SDP,
    "payload of a message": base64.b64encode(json.dumps({"type": "offer", "sdp": SDP}).encode()).decode(),
    "git commit": "secret = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'",
    "digest": f"password: sha256-{base64_of(32)}",
    "hexadecimal digest": f"password_hash = '{SIGNATURE}'",
    "page token": f"NextToken='{base64_of(60)}'",
    "UUID": "session_token = '7f0b5c1e-7f3d-4c43-8a0a-6c1f9d6c2b11'",
    "names in prose": "The query has X-Amz-Credential, X-Amz-Security-Token, X-Amz-SignedHeaders and X-Amz-Signature.",
    "names in code": 'shown = ["X-Amz-ChannelARN", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Expires"]',
    "URL without a signature": f"wss://v-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com/?X-Amz-ChannelARN={ARN}",
    "placeholders": "aws_secret_access_key = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxXXX1' AKIAXXXXXXXXXXXXXXXX X-Amz-Signature=...",
    "AWS's own examples": "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS's own example with its name": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a URL of AWS's own examples": f"https://a.example/?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260105&X-Amz-Signature={SIGNATURE}",
    "other ids": "AROAJ5Q7WZLMXN2RTVBC2 AIDAJ5Q7WZLMXN2RTVBC2 ASIAN PACIFIC REGIONS",
    "in a word": f"x{AKIA}",
    "a Secret": "<Secret: .reveal() gives it> password=<Secret: .reveal() gives it>",
    "a picture in HTML": f'<img alt="password" src="data:image/png;base64,{base64_of(5_000)}">',
    "STUN": "stun:stun.kinesisvideo.us-east-1.amazonaws.com:443",
}  # fmt: skip


@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_looks_like_a_secret_is_left_alone(what: str, tmp_path: Path) -> None:
    text = HARMLESS[what]
    stream = {"output_type": "stream", "name": "stdout", "text": text}
    assert found_in(notebook(code(text, stream), of_type("text/html", text)), tmp_path) == []


def test_a_picture_is_none_even_beside_a_key(tmp_path: Path) -> None:
    lines = re.sub(r"(.{76})", r"\1\n", base64_of(57 * 400 + 30))  # the last line has 40 characters, as a secret key
    assert len(lines.splitlines()[-1]) == 40
    picture = of_type("image/png", lines)
    picture["outputs"][0]["data"]["text/plain"] = AKIA
    assert found_in(notebook(picture), tmp_path) == [("cell 1, output 1 (text/plain)", KEY_ID)]


def test_what_the_toolkit_shows_of_a_fleet_is_none(
    sandbox: kvs.Sandbox, connection: kvs.Connection, tmp_path: Path
) -> None:
    sandbox.seed()
    sandbox.seed(500)
    channels = kvs.list_channels()
    assert len(channels) > 500
    frames = [channels, kvs.list_tags(channels.tail(20)), kvs.get_endpoints(channels.head(5)), sandbox.requests]
    shown = [result(**{"text/plain": frame.to_string(), "text/html": frame.to_html()}) for frame in frames]
    records = result(**{"application/json": json.loads(channels.to_json(orient="records", date_format="iso"))})
    assert found_in(notebook(code(f"boto3.Session('{AKIA}')", *shown, records)), tmp_path) == [
        ("cell 1, source", KEY_ID)
    ]


def test_our_own_notebooks_hold_none() -> None:
    scanned = list(scan([ROOT / "notebooks"]))
    assert len(scanned) >= 7
    assert [file for file in scanned if file.findings or file.problem] == []


# --- a sandbox's own


@pytest.fixture
def revealed(sandbox: kvs.Sandbox, connection: kvs.Connection) -> dict[str, str]:
    """What a learner may reveal on a sandbox, as a notebook would show it."""
    kvs.create_channel("front-door")
    keys = connection.credentials()
    role = connection.client("sts").assume_role(
        RoleArn="arn:aws:iam::444455556666:role/Reader", RoleSessionName="learner"
    )
    ice = kvs.get_ice_servers("front-door")
    servers = [
        {"uri": uri, "username": username.reveal(), "password": password.reveal()}
        for uri, username, password in zip(ice["uri"], ice["username"], ice["password"], strict=True)
    ]
    return {
        "url": kvs.sign_url("front-door", client_id="tablet").reveal(),
        "keys": repr((keys.access_key, keys.secret_key)),
        "role": repr(role["Credentials"]),
        "ice": repr(servers),
    }


@pytest.mark.parametrize("what", ["url", "keys", "role", "ice"])
def test_what_opens_a_sandbox_only_is_no_secret(revealed: dict[str, str], what: str, tmp_path: Path) -> None:
    assert found_in(notebook(of_type("text/plain", revealed[what])), tmp_path) == []


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("url", {SIGNED_URL}),
        ("keys", {KEY_ID, SECRET_KEY}),
        ("role", {KEY_ID, SECRET_KEY, SESSION_TOKEN}),
        ("ice", {TURN_USERNAME, TURN_PASSWORD}),
    ],
)
def test_the_same_from_a_real_account_is_one(
    revealed: dict[str, str], what: str, kinds: set[str], tmp_path: Path
) -> None:
    text = re.sub(r"KVS[BT]\d{12}\w{4}", AKIA, revealed[what])
    text = re.sub(r"127\.0\.0\.1:\d+(/[mv])?", "r-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com", text)
    assert {kind for _, kind in found_in(notebook(of_type("text/plain", text)), tmp_path)} == kinds


def test_a_key_of_aws_that_signs_for_a_sandbox_is_one(revealed: dict[str, str], tmp_path: Path) -> None:
    text = re.sub(r"KVSB\d{12}\w{4}", AKIA, revealed["url"])
    assert found_in(notebook(code(text)), tmp_path) == [("cell 1, source", SIGNED_URL)]


def test_a_sandbox_beside_a_key_of_aws_excuses_nothing(revealed: dict[str, str], tmp_path: Path) -> None:
    content = notebook(of_type("text/plain", f"{revealed['keys']} {AKIA} secret={SECRET}"))
    assert {kind for _, kind in found_in(content, tmp_path)} == {KEY_ID, SECRET_KEY}


def test_a_local_endpoint_excuses_no_key(tmp_path: Path) -> None:
    local = f"boto3.client('s3', endpoint_url='https://localhost:4566', aws_secret_access_key='{SECRET}')"
    assert found_in(notebook(code(local)), tmp_path) == [("cell 1, source", SECRET_KEY)]
    proxied = f"https://127.0.0.1:8888/proxy?next={URL.replace('=', '%3D').replace('&', '%26')}"
    assert found_in(notebook(code(proxied)), tmp_path) == [("cell 1, source", SIGNED_URL)]
    hosted = re.sub("X-Amz-Credential=[^&]*&", "", proxied)
    assert found_in(notebook(code(hosted)), tmp_path) == [("cell 1, source", SIGNED_URL)]
    assert found_in(notebook(code(f"password = '{PASSWORD}' # https://127.0.0.1:8888")), tmp_path) == [
        ("cell 1, source", TURN_PASSWORD)
    ]


def test_a_password_that_a_cell_shows_alone_counts_as_real(tmp_path: Path) -> None:
    content = notebook(code("ice['password'][0].reveal()", result(**{"text/plain": repr(PASSWORD)})))
    assert found_in(content, tmp_path) == [("cell 1, output 1 (text/plain)", TURN_PASSWORD)]


def test_what_is_shown_without_being_revealed_is_none(connection: kvs.Connection, tmp_path: Path) -> None:
    kvs.create_channel("front-door")
    ice, url = kvs.get_ice_servers("front-door"), kvs.sign_url("front-door", client_id="tablet")
    shown = result(**{"text/plain": f"{ice.to_string()} {url}", "text/html": ice.to_html() + url._repr_html_()})
    assert found_in(notebook(code("ice", shown)), tmp_path) == []


# --- files


def write(path: Path, content: Any = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content or notebook(code(f"url = '{URL}'"))))
    return path


def test_folders_are_walked_for_notebooks_and_each_is_read_once(tmp_path: Path) -> None:
    wanted = [write(tmp_path / name) for name in ("a.ipynb", "b/a.ipynb", "b/c/ä b.ipynb", ".hidden/a.ipynb")]
    for name in (".ipynb_checkpoints/a.ipynb", "b/.venv/a.ipynb", "node_modules/a.ipynb", ".git/a.ipynb", "a.json"):
        write(tmp_path / name)
    write(tmp_path / "my-env" / "share" / "a.ipynb")
    (tmp_path / "my-env" / "pyvenv.cfg").touch()
    (tmp_path / "same.ipynb").symlink_to(wanted[0])
    (tmp_path / "round").symlink_to(tmp_path)
    scanned = list(scan([tmp_path, tmp_path / "b", wanted[0]]))
    assert sorted(file.path for file in scanned) == sorted(wanted)
    assert all(file.findings for file in scanned)


def test_a_file_that_is_named_is_read_whatever_its_name(tmp_path: Path) -> None:
    named = [write(tmp_path / ".ipynb_checkpoints" / "a.ipynb"), write(tmp_path / "notebook.json")]
    assert [bool(file.findings) for file in scan(named)] == [True, True]


DAMAGED = {
    "empty": (b"", "is damaged, or no notebook: Expecting value: line 1 column 1 (char 0)."),
    "cut": (b'{"cells": [', "is damaged, or no notebook: Expecting value: line 1 column 12 (char 11)."),
    "a merge that was left": (b'{\n<<<<<<< HEAD\n"cells": []}', "is damaged, or no notebook: "),
    "no UTF-8": (b'{"cells": ["\xff"]}', "is damaged, or no notebook: 'utf-8' codec can't decode byte 0xff"),
    "nested without end": (b"[" * 100_000, "is damaged: it is nested without end."),
    "a list": (b"[]", "is no notebook: it has no cells."),
    "other JSON": (b'{"name": "x"}', "is no notebook: it has no cells."),
    "cells that are none": (b'{"cells": {}}', "is no notebook: it has no cells."),
    "a picture": (b"\x89PNG\r\n", "is damaged, or no notebook: "),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_looked_at(how: str, tmp_path: Path) -> None:
    content, why = DAMAGED[how]
    (tmp_path / "a.ipynb").write_bytes(content)
    write(tmp_path / "b.ipynb")
    bad, good = scan([tmp_path])
    assert bad.problem is not None
    assert bad.problem.startswith(f"{bad.path} {why}")
    assert "\n" not in bad.problem
    assert len(good.findings) == 1
    with pytest.raises(InvalidInput if "no notebook: it" in why else DamagedFile):
        findings(bad.path)


def test_a_notebook_with_a_byte_order_mark_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(code(URL))), encoding="utf-8-sig")
    assert len(findings(path)) == 1


def test_what_is_no_file_and_what_is_not_there_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ipynb")
    (tmp_path / "b.ipynb").symlink_to(tmp_path / "nowhere")
    pipe, lost = scan([tmp_path])
    assert pipe.problem == f"{pipe.path} is no file."
    assert lost.problem == (
        f"Can't read {lost.path}: No such file or directory. What is in it is not known: mend it and scan it again."
    )


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb")
    write(tmp_path / "b" / "a.ipynb")
    walk = scan([tmp_path])
    assert next(walk).problem is None
    shutil.rmtree(tmp_path / "b")
    (lost,) = walk
    assert lost.problem is not None
    assert lost.problem.startswith(f"Can't look into {tmp_path / 'b'}: No such file or directory. What is in it")


def test_a_large_notebook_takes_seconds(tmp_path: Path) -> None:
    rows = [{"name": f"camera-{n}", "arn": ARN, "x": drawn(40, seed=n)} for n in range(30_000)]
    cells = [
        of_type("application/json", rows),
        of_type("text/html", f"<div {'https://a.example/' * 60_000}>{base64_of(2_000_000)}"),
        code(f"x-amz- {'secret ' * 50_000} {'session_token = ' * 20_000}{' ' * 100_000}"),
        code(f"url = '{URL}'"),
    ]
    path = write(tmp_path / "large.ipynb", notebook(*cells))
    assert path.stat().st_size > 5_000_000
    began = time.process_time()
    kinds = {finding.kind for finding in findings(path)}
    assert time.process_time() - began < 20
    assert SIGNED_URL in kinds


# --- what to do next


def test_the_summary_says_what_to_do_next(tmp_path: Path) -> None:
    in_source = write(tmp_path / "a.ipynb", notebook(code(f"boto3.Session('{AKIA}', '{SECRET}', '{TOKEN}')")))
    in_output = write(tmp_path / "b.ipynb", notebook(of_type("text/plain", URL)))
    in_widget = write(tmp_path / "w.ipynb", notebook(**saved_widgets(box=model("PasswordModel", value="hunter2!"))))
    clean = write(tmp_path / "c.ipynb", notebook(code()))
    (tmp_path / "d.ipynb").touch()
    assert summary(list(scan([in_source, clean]))) == (
        "3 secrets in 1 of 2 notebooks. Take them out of the source; where others have seen the file, deactivate "
        "the key in IAM and revoke the role's sessions in IAM."
    )
    assert summary(list(scan([in_output]))) == (
        "1 secret in 1 of 1 notebook. Clear the outputs (jupyter nbconvert --clear-output --inplace FILE); where others have "
        "seen the file, let signed URLs and TURN passwords expire."
    )
    assert (
        "Clear the outputs (jupyter nbconvert --clear-output --inplace --ClearMetadataPreprocessor.enabled=True FILE); "
        in (summary(list(scan([in_widget]))))
    )
    assert "FILE) and take the rest out of the source; where" in summary(list(scan([in_source, in_output])))
    assert summary(list(scan([clean]))) == "No secret in 1 notebook."
    assert (
        summary(list(scan([clean, tmp_path / "d.ipynb"]))) == "No secret in 1 notebook; 1 file could not be looked at."
    )
    assert summary([]) == "No notebook is there: nothing was looked at."


def test_its_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = doctest.testmod(scan_room)
    assert (ran.failed, ran.attempted) == (0, 7)


def test_what_the_summary_says_leaves_nothing(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ipynb",
        notebook(code("form", VIEW, result(**{"text/plain": URL})), **saved_widgets(box=model("TextModel", value=URL))),
    )
    said = re.search(r"\(jupyter (.*) FILE\)", summary(list(scan([path]))))
    assert said is not None
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", *said[1].split(), str(path)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert summary(list(scan([path]))) == "No secret in 1 notebook."


# --- as a hook


BIN = Path(sys.executable).parent


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_hook_refuses_a_commit_that_holds_a_secret_and_lets_a_clean_one_pass(tmp_path: Path) -> None:
    (offered,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    repository = tmp_path / "repository"
    leaky = write(repository / "a.ipynb")
    config = {"repos": [{"repo": "local", "hooks": [offered | {"language": "system"}]}]}
    (repository / ".pre-commit-config.yaml").write_text(json.dumps(config))
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(tmp_path), "PRE_COMMIT_HOME": str(tmp_path / "cache")}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)

    run("git", "init", "--quiet")
    run("git", "add", ".")
    refused = run(str(BIN / "pre-commit"), "run")
    assert refused.returncode == 1
    assert "a.ipynb: cell 1, source: signed URL: wss://v-1a2b3c4d." in refused.stdout
    assert SIGNATURE not in refused.stdout
    write(leaky, notebook(code("url = kvs.sign_url('front-door', client_id='tablet')")))
    run("git", "add", ".")
    passed = run(str(BIN / "pre-commit"), "run")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "Passed" in passed.stdout


@pytest.mark.parametrize(
    "command", [["validate-manifest", ".pre-commit-hooks.yaml"], ["validate-config", ".pre-commit-config.yaml"]]
)
def test_the_hooks_are_described_as_pre_commit_asks(command: list[str]) -> None:
    done = subprocess.run([str(BIN / "pre-commit"), *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_our_own_commits_and_ci_are_held_to_it() -> None:
    assert "entry: kvs-notebook scan" in (ROOT / ".pre-commit-config.yaml").read_text()
    assert ".venv/bin/kvs-notebook scan notebooks" in (ROOT / ".ci" / "run").read_text()
