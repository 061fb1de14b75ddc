"""A secret is found in whatever it is wrapped in, and harmless texts in the same wrappings are not reported."""

from __future__ import annotations

import base64
import html
import json
import re
import string
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.secret_scan.notebook_text import TYPED_PASSWORD
from kvs_notebook.secret_scan.patterns import ACCESS_TOKEN, KEY_ID, PRIVATE_KEY, SECRET_KEY, SESSION_TOKEN
from kvs_notebook.secret_scan.scanner import find_secrets, scan_files, summarize
from tests.secret_scan.notebooks import (
    AKIA,
    ALPHABET,
    ROOT,
    SECRET,
    TOKEN,
    URL,
    VIEW,
    code_cell,
    notebook,
    output_cell,
    random_base64,
    random_text,
    result,
    saved_widgets,
    widget_model,
    write_notebook,
)

Wrapping = Callable[[str, str], dict[str, Any]]
"""Return a notebook with a value of a name."""


def is_mixed(text: str) -> bool:
    return all(
        any(letter in kind for letter in text)
        for kind in (string.ascii_lowercase, string.ascii_uppercase, "0123456789")
    )


def mixed(minimum: int, maximum: int, letters: str = ALPHABET) -> st.SearchStrategy[str]:
    """Return texts of random letters, as secrets are; those of Hypothesis are often one letter repeated, a placeholder."""
    lengths, seeds = st.integers(minimum, maximum), st.integers(0, 2**32)
    return st.builds(lambda length, seed: random_text(length, letters, seed=seed), lengths, seeds).filter(is_mixed)


SECRETS = {
    "aws_secret_access_key": (SECRET_KEY, mixed(40, 40)),
    "SecretAccessKey": (SECRET_KEY, mixed(40, 40)),
    "aws_session_token": (SESSION_TOKEN, mixed(100, 200)),
    "accessToken": (ACCESS_TOKEN, mixed(80, 120, string.ascii_letters + string.digits).map("aoaAAAAAG{}".format)),
    "refresh_token": (ACCESS_TOKEN, mixed(80, 120, string.ascii_letters + string.digits + "-_.")),
    "clientSecret": (ACCESS_TOKEN, mixed(80, 120, string.ascii_letters + string.digits + "-_.").map("eyJ{}".format)),
    "aws_access_key_id": (
        KEY_ID,
        st.text(string.ascii_uppercase + "234567", min_size=16, max_size=16)
        .filter(lambda text: len(set(text)) >= 8 and not text.endswith("EXAMPLE"))
        .map("AKIA{}".format),
    ),
}
"""What a user may have saved: its kind, and how AWS makes it."""


def cell(text: str) -> dict[str, Any]:
    return notebook(code_cell(text))


def stream(*texts: Any) -> dict[str, Any]:
    return notebook(code_cell("look()", *({"output_type": "stream", "name": "stdout", "text": text} for text in texts)))


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def split_source(name: str, value: str, sep: str) -> dict[str, Any]:
    first, second = halves(value)
    return cell(f"{name} = '{first}'{sep}'{second}'")


def frame(name: str, value: str) -> pd.DataFrame:
    return pd.DataFrame({"user": ["alice", "bob"], name: [value, "-"], "region": ["us-east-1", "eu-west-1"]})


def hex_dump(text: str) -> str:
    """Return what ``hexdump -C`` prints."""
    lines = [text[at : at + 16] for at in range(0, len(text), 16)]
    return "\n".join(f"{16 * at:08x}  {line.encode().hex(' '):<48}  |{line}|" for at, line in enumerate(lines))


UNICODE, HEXADECIMAL, OCTAL = "\\u{:04x}", "\\x{:02x}", "\\{:03o}"


def spelt(value: str, escape: str) -> str:
    return "".join(escape.format(ord(letter)) for letter in value)


def widget(**state: Any) -> dict[str, Any]:
    return notebook(code_cell("form"), **saved_widgets(a=widget_model("TextModel", **state)))


def words(name: str) -> str:
    return {
        "SecretAccessKey": "AWS secret access key",
        "accessToken": "SSO access token",
        "clientSecret": "Client secret",
    }.get(name, name.replace("_", " "))


WRAPPINGS: dict[str, Wrapping] = {
    **{
        f"literal {prefix}{mark}": lambda name, value, prefix=prefix, mark=mark: cell(
            f"{name} = {prefix}{mark}{value}{mark}"
        )  # type: ignore[misc]
        for prefix in ("", "f", "b", "r", "u", "rb", "Rb", "F")
        for mark in ("'", '"', '"""')
    },
    "annotated bytes": lambda name, value: cell(f'{name}: bytes = b"{value}"'),
    "in parentheses": lambda name, value: cell(f'{name} = (\n    "{value}"\n)'),
    "keyword of bytes": lambda name, value: cell(f"connect({name}=b'{value}')"),
    "JSON": lambda name, value: stream(json.dumps({name: value})),
    "JSON in JSON": lambda name, value: stream(json.dumps(json.dumps({name: value}))),
    "JSON in JSON in JSON": lambda name, value: stream(json.dumps(json.dumps(json.dumps({name: value})))),
    "JSON in a source": lambda name, value: cell(f"config = {json.dumps(json.dumps({name: value}))}"),
    "JSON with escaped slashes": lambda name, value: stream(json.dumps({name: value}).replace("/", "\\/")),
    "repr of repr": lambda name, value: stream(repr(repr({name: value}))),
    "name and value": lambda name, value: stream(json.dumps([{"name": name, "value": value}])),
    "YAML": lambda name, value: stream(f"- name: {name}\n  value: {value}\n"),
    "one escaped letter": lambda name, value: cell(f'{name} = "\\u{ord(value[0]):04x}{value[1:]}"'),
    "escaped letters": lambda name, value: cell(f'{name} = "{spelt(value, UNICODE)}"'),
    "hexadecimal letters": lambda name, value: cell(f'{name} = b"{spelt(value, HEXADECIMAL)}"'),
    "octal letters": lambda name, value: cell(f'{name} = "{spelt(value, OCTAL)}"'),
    "URL-encoded": lambda name, value: stream(f"GET /login?{name}={quote(value, safe='')}&x=1"),
    "URL-encoded letters": lambda name, value: stream(f"{name}={''.join(f'%{ord(letter):02X}' for letter in value)}"),
    "URL-encoded twice": lambda name, value: stream(f"next={quote(quote(f'{name}={value}', safe=''), safe='')}"),
    "URL-encoded JSON": lambda name, value: stream(f"payload={quote(json.dumps({name: value}), safe='')}"),
    "HTML": lambda name, value: notebook(output_cell("text/html", html.escape(json.dumps({name: value})))),
    "HTML twice": lambda name, value: notebook(
        output_cell("text/html", html.escape(html.escape(json.dumps({name: value}))))
    ),
    "HTML entities": lambda name, value: notebook(
        output_cell("text/html", f"{name}={''.join(f'&#x{ord(letter):x};' for letter in value)}")
    ),
    "highlighted HTML": lambda name, value: notebook(
        output_cell(
            "text/html",
            f'<span class="n">{name}</span> <span class="o">=</span> <span class="s2">&quot;{value}&quot;</span>',
        )
    ),
    "adjacent literals": lambda name, value: split_source(name, value, " "),
    "added literals": lambda name, value: split_source(name, value, " + "),
    "continued literals": lambda name, value: split_source(name, value, " \\\n    "),
    "adjacent literals on lines": lambda name, value: split_source(name, value, "\n    "),
    "continued line": lambda name, value: cell(f"!login --{name} {halves(value)[0]}\\\n{halves(value)[1]}"),
    "continued literal": lambda name, value: cell(f"{name} = '{halves(value)[0]}\\\n{halves(value)[1]}'"),
    "wrapped output": lambda name, value: stream(textwrap.fill(f"Found {name} = {value}", 50)),
    "wrapped output with indents": lambda name, value: stream(
        textwrap.fill(f"{name}: {value}", 48, subsequent_indent="    ")
    ),
    "wrapped comment": lambda name, value: cell(textwrap.fill(f"# {name}: {value}", 48, subsequent_indent="# ")),
    "wrapped at each space": lambda name, value: stream(textwrap.fill(f"{name} {value}", 30)),
    "list items": lambda name, value: cell(f"{name} = ''.join({[*halves(value)]})"),
    "tuple": lambda name, value: cell(f"{name} = {halves(value)}"),
    "list items on lines": lambda name, value: stream(json.dumps({name: [*halves(value)]}, indent=2)),
    "hex": lambda name, value: stream(f"{name} {value.encode().hex()}"),
    "hex in a literal": lambda name, value: cell(f"{name} = bytes.fromhex('{value.encode().hex().upper()}')"),
    "hex with spaces": lambda name, value: stream(f"{name}: {value.encode().hex(' ')}"),
    "hex with colons": lambda name, value: stream(f"{name}: {value.encode().hex(':')}"),
    "hex numbers": lambda name, value: cell(f"{name} = bytes([{', '.join(map(hex, value.encode()))}])"),
    "hex dump": lambda name, value: stream(hex_dump(f"{name}={value}")),
    "two outputs of a stream": lambda name, value: stream(f"{name}={halves(value)[0]}", f"{halves(value)[1]}\n"),
    "stream with another between": lambda name, value: notebook(
        code_cell(
            "look()",
            {"output_type": "stream", "name": "stdout", "text": [f"{name}={halves(value)[0]}"]},
            {"output_type": "stream", "name": "stderr", "text": ["warning\n"]},
            {"output_type": "stream", "name": "stdout", "text": [halves(value)[1]]},
        )
    ),
    "letters of a stream": lambda name, value: stream(*f"{name}={value}\n"),
    "pieces of a stream": lambda name, value: stream([f"{name}={halves(value)[0]}", halves(value)[1]]),
    "pieces of a result": lambda name, value: notebook(
        output_cell("text/plain", [f"{{'{name}': '{halves(value)[0]}", f"{halves(value)[1]}'}}"])
    ),
    "pieces of a source": lambda name, value: notebook(
        {"cell_type": "code", "source": [f"{name} = '{halves(value)[0]}", f"{halves(value)[1]}'"]}
    ),
    "output widget": lambda name, value: notebook(
        code_cell("form"),
        **saved_widgets(
            a=widget_model(
                "OutputModel",
                outputs=[
                    {"output_type": "stream", "name": "stdout", "text": part} for part in halves(f"{name}={value}")
                ],
            )
        ),
    ),
    "widget with a description": lambda name, value: widget(value=value, description=words(name)),
    "widget with a placeholder": lambda name, value: widget(
        value=value, description="", placeholder=f"Your {words(name)}"
    ),
    "widget with a tooltip": lambda name, value: widget(value=value, tooltip=f"{words(name)} (see the console)"),
    "widget beside a label": lambda name, value: notebook(
        code_cell("form"),
        **saved_widgets(
            a=widget_model("LabelModel", value=words(name)),
            b=widget_model("TextModel", value=value),
            c=widget_model("HBoxModel", children=["IPY_MODEL_a", "IPY_MODEL_b"]),
        ),
    ),
    "printed frame": lambda name, value: stream(frame(name, value).to_string()),
    "printed frame without index": lambda name, value: stream(frame(name, value).to_string(index=False)),
    "printed frame, left": lambda name, value: stream(frame(name, value).to_string(justify="left")),
    "printed series": lambda name, value: stream(
        pd.Series({"a name that is longer than the others": "x", name: value}).to_string()
    ),
    "printed row": lambda name, value: stream(frame(name, value).iloc[0].to_string()),
    "transposed frame": lambda name, value: stream(frame(name, value).T.to_string()),
    "frame as HTML": lambda name, value: notebook(output_cell("text/html", frame(name, value).to_html())),
    "frame as CSV": lambda name, value: stream(frame(name, value).to_csv()),
    "frame as tabs": lambda name, value: stream(frame(name, value).to_csv(sep="\t")),
    "frame as Markdown": lambda name, value: notebook(
        output_cell("text/markdown", f"| user | {name} |\n|---|---|\n| alice | {value} |\n")
    ),
    "highlighted literals": lambda name, value: notebook(
        output_cell(
            "text/html",
            f"<b>{name}</b> = <i>&quot;{halves(value)[0]}&quot;</i> + <i>&quot;{halves(value)[1]}&quot;</i>",
        )
    ),
    "frame of words": lambda name, value: stream(frame(words(name), value).to_string()),
    "frame as JSON": lambda name, value: notebook(
        output_cell("application/json", json.loads(frame(name, value).to_json(orient="records")))
    ),
}


CUT_BY_PANDAS = {"printed series", "printed row"}
"""pandas shows at most 50 characters of a value there."""


def kinds_in(content: Any, folder: Path) -> set[str]:
    path = folder / "wrapped.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return {finding.kind for finding in find_secrets(path)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wrappings")


@settings(max_examples=60)
@given(data=st.data(), wrapping=st.sampled_from(sorted(WRAPPINGS)))
def test_generated_secret_is_found_in_any_wrapping(folder: Path, wrapping: str, data: st.DataObject) -> None:
    names = ["aws_access_key_id", "aws_secret_access_key"] if wrapping in CUT_BY_PANDAS else sorted(SECRETS)
    name = data.draw(st.sampled_from(names))
    kind, values = SECRETS[name]
    assert kind in kinds_in(WRAPPINGS[wrapping](name, data.draw(values)), folder)


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_secret_is_counted_once_and_never_shown(folder: Path, wrapping: str) -> None:
    path = folder / "once.ipynb"
    path.write_text(json.dumps(WRAPPINGS[wrapping]("aws_secret_access_key", SECRET)), encoding="utf-8")
    (finding,) = find_secrets(path)
    assert (finding.kind, finding.occurrences) == (SECRET_KEY, 1)
    assert SECRET not in str(finding)


HEX = "0123456789abcdef"
HARMLESS = {
    "git commit": st.text(HEX, min_size=40, max_size=40),
    "digest": st.text(HEX, min_size=64, max_size=64),
    "integrity": st.binary(min_size=64, max_size=64).map(lambda data: f"sha512-{base64.b64encode(data).decode()}"),
    "digest in pairs": st.binary(min_size=32, max_size=32).map(lambda data: data.hex(":")),
    "picture in hex": st.binary(min_size=60, max_size=200).map(lambda data: data.hex()),
    "UUID": st.uuids().map(str),
    "version": st.text(string.ascii_letters + string.digits, min_size=20, max_size=20),
    "longest version": st.text(string.ascii_letters + string.digits, min_size=64, max_size=64),
    "ARN": st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=256).map(
        lambda name: f"arn:aws:kinesisvideo:us-east-1:111122223333:channel/{name}/1767603600000"
    ),
    "URL": st.text(string.ascii_letters + string.digits, min_size=1, max_size=80).map(
        "https://docs.aws.amazon.com/{}.html".format
    ),
    "picture": st.binary(min_size=200, max_size=400).map(
        lambda data: f"data:image/png;base64,{base64.b64encode(data).decode()}"
    ),
    "lines of a picture": st.binary(min_size=200, max_size=400).map(lambda data: base64.encodebytes(data).decode()),
    "words": st.text(string.ascii_lowercase + " ", min_size=20, max_size=200),
}
JOINED = [name for name in WRAPPINGS if name.startswith(("wrapped", "list", "tuple", "continued", "hex "))]
HARMLESS_NAMES = ["version", "commit", "channel_arn", "etag", "note", "NextToken", "image"]


@settings(max_examples=60)
@given(data=st.data(), wrapping=st.sampled_from(sorted(WRAPPINGS)))
def test_generated_harmless_text_is_not_reported(folder: Path, wrapping: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(HARMLESS_NAMES))
    value = data.draw(HARMLESS[data.draw(st.sampled_from(sorted(HARMLESS)))])
    assert kinds_in(WRAPPINGS[wrapping](name, value), folder) == set()


@settings(max_examples=30)
@given(data=st.data(), name=st.sampled_from(sorted(SECRETS)))
def test_harmless_value_below_a_secrets_name_is_not_reported(folder: Path, name: str, data: st.DataObject) -> None:
    value = data.draw(HARMLESS[data.draw(st.sampled_from(["git commit", "UUID", "ARN", "digest"]))])
    for wrapping in ("literal '", "JSON", "printed frame", "frame as HTML", "widget with a description"):
        assert kinds_in(WRAPPINGS[wrapping](name, value), folder) == set(), wrapping


@settings(max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(SECRETS)), wrapping=st.sampled_from(sorted(JOINED)))
def test_harmless_pieces_below_a_secrets_name_are_not_reported(
    folder: Path, name: str, wrapping: str, data: st.DataObject
) -> None:
    value = data.draw(HARMLESS[data.draw(st.sampled_from(["git commit", "UUID", "ARN", "digest", "words"]))])
    assert kinds_in(WRAPPINGS[wrapping](name, value), folder) == set()


def test_placeholder_in_a_piece_does_not_hide_the_whole_secret(folder: Path) -> None:
    value = f"eyJ{'0' * 37}.{'0' * 32}12345678Aa"
    assert kinds_in(WRAPPINGS["pieces of a source"]("clientSecret", value), folder) == {ACCESS_TOKEN}


@pytest.mark.parametrize("model", ["TextModel", "TextareaModel", "ComboboxModel"])
@pytest.mark.parametrize("words", [{"description": "Password:"}, {"description": "", "placeholder": "your passphrase"}])
def test_text_field_for_a_password_is_found(folder: Path, model: str, words: dict[str, str]) -> None:
    content = notebook(code_cell("form"), **saved_widgets(a=widget_model(model, value="hunter2!", **words)))
    assert kinds_in(content, folder) == {TYPED_PASSWORD}
    assert kinds_in(notebook(**saved_widgets(a=widget_model(model, value="", **words))), folder) == set()


def test_secret_in_lines_broken_after_hyphens_is_found(folder: Path) -> None:
    value = "eyJ2XBqHAYtEL7GsXOq7_06uV6SEgCN7-F4q0JaUz1RaG4pv4mKp-0DfuH8hJTJ0J-NMCMzLsmmNQEfX482"
    lines = textwrap.fill(f"clientSecret {value}", 30)
    assert any(len(line) < 20 for line in lines.splitlines())
    assert kinds_in(stream(lines), folder) == {ACCESS_TOKEN}


def test_keys_in_a_url_are_found(folder: Path) -> None:
    url = f"s3://{AKIA}:{quote(SECRET, safe='')}@bucket"
    assert kinds_in(stream(url), folder) == {KEY_ID, SECRET_KEY}


# --- caches of the AWS CLI


def test_caches_of_sso_and_login_are_found(folder: Path) -> None:
    letters = string.ascii_letters + string.digits
    sso = {
        "startUrl": "https://x.awsapps.com/start",
        "accessToken": "aoaAAAAAG" + random_text(300, letters, seed=1),
        "refreshToken": "aorAAAAAG" + random_text(300, letters, seed=2),
        "clientId": random_text(22, letters),
        "clientSecret": "eyJ" + ".".join(random_text(count, letters, seed=count) for count in (60, 300, 43)),
    }
    pem = "-----BEGIN EC PRIVATE KEY-----\n" + random_base64(120) + "\n-----END EC PRIVATE KEY-----\n"
    login = {
        "accessToken": {"accessKeyId": AKIA, "secretAccessKey": SECRET, "sessionToken": TOKEN},
        "idToken": f"eyJ{random_text(80, letters, seed=6)}.{random_text(80, letters, seed=7)}",
        "dpopKey": pem,
    }
    path = folder / "caches.ipynb"
    path.write_text(json.dumps(stream(json.dumps(sso))))
    assert {(finding.kind, finding.occurrences) for finding in find_secrets(path)} == {(ACCESS_TOKEN, 3)}
    assert "sign out (aws sso logout)" in summarize(list(scan_files([path])))
    assert kinds_in(stream(json.dumps(login)), folder) == {KEY_ID, SECRET_KEY, SESSION_TOKEN, ACCESS_TOKEN, PRIVATE_KEY}
    assert kinds_in(stream(pem), folder) == {PRIVATE_KEY}
    assert kinds_in(stream("-----BEGIN PUBLIC KEY-----\n" + random_base64(120)), folder) == set()


@pytest.mark.parametrize(
    "token",
    [
        "aoaAAAAAG" + random_text(200, string.ascii_letters),
        f"eyJwYXlsb2FkIjoi{random_base64(900)}",
        f"QVdTOmV5S{random_base64(900)}",
        ".".join(f"eyJ{random_text(count, string.ascii_letters)}" for count in (40, 41, 43)),
    ],
    ids=["SSO", "ECR", "Docker", "JSON Web Token"],
)
def test_token_of_a_login_is_found_without_a_name(folder: Path, token: str) -> None:
    assert kinds_in(stream(f"{token}\n"), folder) == {ACCESS_TOKEN}


# --- exports


@pytest.fixture(scope="module")
def exported(folder: Path) -> dict[str, Path]:
    """Return a notebook with secrets in its source, its outputs and its widgets, exported as JupyterLab does."""
    content = notebook(
        code_cell("import boto3"),
        code_cell(
            f'session = boto3.Session(\n    aws_access_key_id="{AKIA}",\n    aws_secret_access_key=b"{SECRET}",\n)'
        ),
        code_cell("look()", result(**{"text/plain": [f"{{'SessionToken': '{TOKEN}'}}"]})),
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"},
        language_info={"name": "python", "file_extension": ".py"},
        **saved_widgets(a=widget_model("PasswordModel", value="hunter2!")),
    )
    parsed = nbformat.reads(json.dumps(content | {"nbformat_minor": 4}), as_version=4)  # since 5, cells have ids
    paths = {}
    from nbconvert import HTMLExporter, PythonExporter  # takes a second

    for suffix, exporter in (("py", PythonExporter()), ("html", HTMLExporter())):
        paths[suffix] = folder / f"export.{suffix}"
        paths[suffix].write_text(exporter.from_notebook_node(parsed)[0], encoding="utf-8")
    return paths


def test_export_to_a_script_is_scanned_by_lines(exported: dict[str, Path]) -> None:
    lines = exported["py"].read_text().splitlines()
    found = {finding.kind: finding for finding in find_secrets(exported["py"])}
    assert found.keys() == {KEY_ID, SECRET_KEY}
    for kind, secret in ((KEY_ID, AKIA), (SECRET_KEY, SECRET)):
        assert found[kind].cell is None
        assert secret in lines[int(found[kind].location.removeprefix("line ")) - 1]


def test_export_to_html_is_scanned_with_its_outputs_and_widgets(exported: dict[str, Path]) -> None:
    lines = exported["html"].read_text(encoding="utf-8").splitlines()
    found = {finding.kind: finding for finding in find_secrets(exported["html"])}
    assert found.keys() == {KEY_ID, SECRET_KEY, SESSION_TOKEN, TYPED_PASSWORD}
    for kind, secret in ((KEY_ID, AKIA), (SECRET_KEY, SECRET), (SESSION_TOKEN, TOKEN)):
        assert secret in lines[int(found[kind].location.removeprefix("line ")) - 1]
    assert found[TYPED_PASSWORD].location == "widget state (PasswordModel)"


def test_exports_in_folders_are_scanned(exported: dict[str, Path], tmp_path: Path) -> None:
    for path in exported.values():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "c.ipynb").write_text(json.dumps(notebook(code_cell())))
    (tmp_path / "notes.txt").write_text(AKIA)
    files = list(scan_files([tmp_path]))
    assert [(file.path.name, bool(file.findings)) for file in files] == [
        ("c.ipynb", False),
        ("export.html", True),
        ("export.py", True),
    ]
    assert " in 2 of 3 files." in summarize(files)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("suffix", ["py", "html", "HTM"])
def test_export_in_any_encoding_is_scanned(tmp_path: Path, encoding: str, suffix: str) -> None:
    path = tmp_path / f"page.{suffix}"
    path.write_text(f"# Zürich\nsecret_key = '{SECRET}'\n", encoding=encoding)
    (file,) = scan_files([tmp_path])
    assert [(finding.kind, finding.location) for finding in file.findings] == [(SECRET_KEY, "line 2")]


def test_export_that_is_not_a_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(b"\0\xd8\0")
    (file,) = scan_files([tmp_path])
    assert file.problem is not None
    assert "page.html is not a text" in file.problem


def test_walkthrough_exported_to_html_has_no_secret(folder: Path) -> None:
    walkthrough = nbformat.read(ROOT / "notebooks" / "00-start-here.ipynb", as_version=4)
    path = folder / "walkthrough.html"
    from nbconvert import HTMLExporter  # takes a second

    path.write_text(HTMLExporter().from_notebook_node(walkthrough)[0], encoding="utf-8")
    assert find_secrets(path) == []


def test_command_in_summary_removes_all_secrets(tmp_path: Path) -> None:
    from nbconvert.nbconvertapp import NbConvertApp

    path = write_notebook(
        tmp_path / "a.ipynb",
        notebook(
            code_cell("form", VIEW, result(**{"text/plain": URL})),
            **saved_widgets(box=widget_model("TextModel", value=URL)),
        )
        | {"nbformat_minor": 4},  # since 5, cells have ids
    )
    command = re.search(r"\(jupyter nbconvert (.*) FILE\)", summarize(list(scan_files([path]))))
    assert command is not None
    program = NbConvertApp()
    program.initialize([*command[1].split(), str(path)])
    program.start()
    assert summarize(list(scan_files([path]))) == "No secrets in 1 notebook."


def test_sources_of_the_project_have_no_false_alarm() -> None:
    files = list(scan_files([Path(kvs.__file__).parent]))
    assert len(files) > 100
    assert [file for file in files if file.problem] == []
    assert {str(finding) for file in files for finding in file.findings} == set()
