"""Secrets are found in every form, and harmless texts are not reported."""

from __future__ import annotations

import base64
import json
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.secret_scan.notebook_text import iterate_export_texts
from kvs_notebook.secret_scan.patterns import (
    KEY_ID,
    SECRET_KEY,
    SESSION_TOKEN,
    SIGNED_URL,
    TURN_PASSWORD,
    TURN_USERNAME,
    SecretDetector,
)
from kvs_notebook.secret_scan.scanner import find_secrets, scan_files
from kvs_notebook.secret_scan.text_views import text_views
from tests.secret_scan.notebooks import (
    AKIA,
    ALPHABET,
    ARN,
    ASIA,
    PASSWORD,
    ROOT,
    SECRET,
    SIGNATURE,
    TOKEN,
    TURN,
    URL,
    USERNAME,
    code_cell,
    locate_secrets,
    notebook,
    output_cell,
    random_base64,
    random_text,
    result,
)

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
    "token with another prefix": (f"token = '{random_base64(300)}' # session_token: {random_base64(200)}", {SESSION_TOKEN}),
    "header": (f"{{'x-amz-security-token': '{TOKEN}'}}", {SIGNED_URL}),
    "https URL": (URL.replace("wss://", "https://"), {SIGNED_URL}),
    "of another service": (f"https://bucket.s3.amazonaws.com/a.csv?X-Amz-Signature={SIGNATURE}", {SIGNED_URL}),
    "with a port": (f"https://proxy.example:8443?X-Amz-Signature={SIGNATURE}", {SIGNED_URL}),
    "URL in a URL": (f"https://a.example/?next={URL.replace('=', '%3D').replace('&', '%26')}", {SIGNED_URL}),
    "truncated before its signature": (URL[:150], {SIGNED_URL}),
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
    "authorization": (f"Basic {base64.b64encode(f'{AKIA}:{SECRET}'.encode()).decode()}", {KEY_ID, SECRET_KEY}),
    "hyperlink": (f"\x1b]8;;{URL}\x1b\\here\x1b]8;;\x1b\\", {SIGNED_URL}),
    "overstrike": ("".join(f"{each}\b{each}" for each in AKIA), {KEY_ID}),
}  # fmt: skip


@pytest.mark.parametrize("media_type", ["text/plain", "text/html", "source"])
def test_secret_is_found_in_every_form(media_type: str, tmp_path: Path) -> None:
    wrong = {}
    for shape, (text, kinds) in SHAPES.items():
        content = notebook(
            code_cell(text) if media_type == "source" else output_cell(media_type, text.splitlines(keepends=True))
        )
        found = {kind for _, kind in locate_secrets(content, tmp_path)}
        if found != kinds:
            wrong[shape] = found
    assert wrong == {}


UNSEEN = (
    "\x1b[1;34m",
    "\x1b[0m",
    "\x1b[K",
    "\x9b1m",
    "\u200b",
    "\u200d",
    "\u202e",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "x\b",
)


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(UNSEEN)), min_size=1, max_size=5))
def test_secret_is_found_among_invisible_characters(unseen: list[tuple[int, str]]) -> None:
    text = f"secret\u00a0access\u00a0key\u3000= '{SECRET}'"
    for at, character in sorted(unseen, reverse=True):
        text = text[:at] + character + text[at:]
    [found] = iterate_export_texts(text)
    kinds = {each.kind for each in SecretDetector(found.text, notebook_has_key_id=False).detect(text_views(found.text))}
    assert kinds == {SECRET_KEY}


def test_attachment_is_searched(tmp_path: Path) -> None:
    attached = base64.b64encode(f"aws_secret_access_key\n= {SECRET}\n".encode()).decode()
    cell = {"cell_type": "markdown", "metadata": {}, "source": [], "attachments": {"a.txt": {"text/plain": attached}}}
    assert locate_secrets(notebook(cell), tmp_path) == [("cell 1, attachments", SECRET_KEY)]


def test_secret_key_is_found_when_its_id_is_elsewhere(tmp_path: Path) -> None:
    apart = notebook(code_cell(f"k = '{AKIA}'"), code_cell(f"s = '{SECRET}'"))
    assert locate_secrets(apart, tmp_path) == [("cell 1, source", KEY_ID), ("cell 2, source", SECRET_KEY)]
    assert locate_secrets(notebook(code_cell(f"s = '{SECRET}'")), tmp_path) == []  # 40 characters alone may be anything


@given(st.text(alphabet=ALPHABET, min_size=40, max_size=40), st.sampled_from(["secret_key = '{}'", f"{AKIA}: {{}}"]))
def test_findings_never_contain_a_secret_key(tmp_path_factory: pytest.TempPathFactory, secret: str, line: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    path.write_text(json.dumps(notebook(code_cell(line.format(secret)))))
    assert secret not in "\n".join(map(str, find_secrets(path)))


# --- harmless texts

SDP = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{random_text(40, seed=9)}
a=candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0"""

HARMLESS = {
    "ARN": ARN,
    "ARN of a camel": "arn:aws:kinesisvideo:us-east-1:111122223333:channel/FrontDoorCameraHq12/1767603600000",
    "version": "version='3Ikjs9sOSk6Q4Alisl0d'",
    "longest version": f"version='{random_text(64, string.ascii_letters + string.digits)}'",
    "SDP": SDP,
    "payload of a message": base64.b64encode(json.dumps({"type": "offer", "sdp": SDP}).encode()).decode(),
    "git commit": "secret = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'",
    "digest": f"password: sha256-{random_base64(32)}",
    "hexadecimal digest": f"password_hash = '{SIGNATURE}'",
    "page token": f"NextToken='{random_base64(60)}'",
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
    "a Secret": "<Secret: use .reveal()> password=<Secret: use .reveal()>",
    "a picture in HTML": f'<img alt="password" src="data:image/png;base64,{random_base64(5_000)}">',
    "STUN": "stun:stun.kinesisvideo.us-east-1.amazonaws.com:443",
}  # fmt: skip


@pytest.mark.parametrize("example", HARMLESS)
def test_harmless_text_is_not_reported(example: str, tmp_path: Path) -> None:
    text = HARMLESS[example]
    stream = {"output_type": "stream", "name": "stdout", "text": text}
    assert locate_secrets(notebook(code_cell(text, stream), output_cell("text/html", text)), tmp_path) == []


def test_picture_beside_a_key_is_not_reported(tmp_path: Path) -> None:
    lines = re.sub(
        r"(.{76})", r"\1\n", random_base64(57 * 400 + 30)
    )  # the last line has 40 characters, as a secret key
    assert len(lines.splitlines()[-1]) == 40
    picture = output_cell("image/png", lines)
    picture["outputs"][0]["data"]["text/plain"] = AKIA
    assert locate_secrets(notebook(picture), tmp_path) == [("cell 1, output 1 (text/plain)", KEY_ID)]


def test_frames_of_a_fleet_are_not_reported(sandbox: kvs.Sandbox, connection: kvs.Connection, tmp_path: Path) -> None:
    sandbox.seed()
    sandbox.seed(500)
    channels = kvs.list_channels()
    assert len(channels) > 500
    frames = [channels, kvs.list_tags(channels.tail(20)), kvs.get_endpoints(channels.head(5)), sandbox.requests]
    shown = [result(**{"text/plain": frame.to_string(), "text/html": frame.to_html()}) for frame in frames]
    records = result(**{"application/json": json.loads(channels.to_json(orient="records", date_format="iso"))})
    assert locate_secrets(notebook(code_cell(f"boto3.Session('{AKIA}')", *shown, records)), tmp_path) == [
        ("cell 1, source", KEY_ID)
    ]


def test_walkthroughs_contain_no_secrets() -> None:
    scanned = list(scan_files([ROOT / "notebooks"]))
    assert len(scanned) >= 7
    assert [file for file in scanned if file.findings or file.problem] == []


# --- secrets of a sandbox


@pytest.fixture
def revealed(sandbox: kvs.Sandbox, connection: kvs.Connection) -> dict[str, str]:
    """Return the secrets that a user may reveal on a sandbox, as a notebook shows them."""
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
def test_secrets_of_a_sandbox_are_not_reported(revealed: dict[str, str], what: str, tmp_path: Path) -> None:
    assert locate_secrets(notebook(output_cell("text/plain", revealed[what])), tmp_path) == []


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("url", {SIGNED_URL}),
        ("keys", {KEY_ID, SECRET_KEY}),
        ("role", {KEY_ID, SECRET_KEY, SESSION_TOKEN}),
        ("ice", {TURN_USERNAME, TURN_PASSWORD}),
    ],
)
def test_same_secrets_of_a_real_account_are_reported(
    revealed: dict[str, str], what: str, kinds: set[str], tmp_path: Path
) -> None:
    text = re.sub(r"KVS[BT]\d{12}\w{4}", AKIA, revealed[what])
    text = re.sub(r"127\.0\.0\.1:\d+(/[mv])?", "r-1a2b3c4d.kinesisvideo.us-east-1.amazonaws.com", text)
    assert {kind for _, kind in locate_secrets(notebook(output_cell("text/plain", text)), tmp_path)} == kinds


def test_aws_key_that_signs_for_a_sandbox_is_reported(revealed: dict[str, str], tmp_path: Path) -> None:
    text = re.sub(r"KVSB\d{12}\w{4}", AKIA, revealed["url"])
    assert locate_secrets(notebook(code_cell(text)), tmp_path) == [("cell 1, source", SIGNED_URL)]


def test_aws_key_beside_sandbox_keys_is_reported(revealed: dict[str, str], tmp_path: Path) -> None:
    content = notebook(output_cell("text/plain", f"{revealed['keys']} {AKIA} secret={SECRET}"))
    assert {kind for _, kind in locate_secrets(content, tmp_path)} == {KEY_ID, SECRET_KEY}


def test_aws_key_beside_a_loopback_endpoint_is_reported(tmp_path: Path) -> None:
    local = f"boto3.client('s3', endpoint_url='https://localhost:4566', aws_secret_access_key='{SECRET}')"
    assert locate_secrets(notebook(code_cell(local)), tmp_path) == [("cell 1, source", SECRET_KEY)]
    proxied = f"https://127.0.0.1:8888/proxy?next={URL.replace('=', '%3D').replace('&', '%26')}"
    assert locate_secrets(notebook(code_cell(proxied)), tmp_path) == [("cell 1, source", SIGNED_URL)]
    hosted = re.sub("X-Amz-Credential=[^&]*&", "", proxied)
    assert locate_secrets(notebook(code_cell(hosted)), tmp_path) == [("cell 1, source", SIGNED_URL)]
    assert locate_secrets(notebook(code_cell(f"password = '{PASSWORD}' # https://127.0.0.1:8888")), tmp_path) == [
        ("cell 1, source", TURN_PASSWORD)
    ]


def test_password_shown_alone_is_reported(tmp_path: Path) -> None:
    content = notebook(code_cell("ice['password'][0].reveal()", result(**{"text/plain": repr(PASSWORD)})))
    assert locate_secrets(content, tmp_path) == [("cell 1, output 1 (text/plain)", TURN_PASSWORD)]


def test_unrevealed_secret_objects_are_not_reported(connection: kvs.Connection, tmp_path: Path) -> None:
    kvs.create_channel("front-door")
    ice, url = kvs.get_ice_servers("front-door"), kvs.sign_url("front-door", client_id="tablet")
    shown = result(**{"text/plain": f"{ice.to_string()} {url}", "text/html": ice.to_html() + url._repr_html_()})
    assert locate_secrets(notebook(code_cell("ice", shown)), tmp_path) == []
