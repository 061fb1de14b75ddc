"""kvs-notebook policy: the same policy as in Python, and invalid options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvs_notebook.fleet.iam_policy import iam_policy, trust_policy
from tests.cli.conftest import Run


def test_policy_is_reproducible_json(run: Run) -> None:
    arguments = ("policy", "--read-only", "--account", "111122223333", "--region", "us-gov-west-1", "--prefix", "lab-")
    first, second = run(*arguments), run(*arguments)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == second.stdout
    document = json.loads(first.stdout)
    assert document == iam_policy(read_only=True, account_id="111122223333", region="us-gov-west-1", prefix="lab-")
    assert (
        document["Statement"][1]["Resource"] == "arn:aws-us-gov:kinesisvideo:us-gov-west-1:111122223333:channel/lab-*/*"
    )


def test_policy_needs_neither_credentials_nor_network(run: Run, environment: dict[str, str]) -> None:
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://192.0.2.1:3128")
    role = "arn:aws:iam::444455556666:role/Reader"
    done = run("policy", "--role-arn", role, env={**environment, **nowhere})
    assert json.loads(done.stdout) == iam_policy(role_arns=[role])


def test_policy_of_an_auditor_names_roles_of_accounts(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("Account ID,Name\n444455556666,Lab\n777788889999,Shop\n")
    done = run("policy", "--auditor", "--accounts", "accounts.csv", "--role-name", "Auditor")
    assert json.loads(done.stdout) == iam_policy(auditor=True, accounts=path, role_name="Auditor")
    assert json.loads(done.stdout)["Statement"][-1]["Resource"] == [
        f"arn:aws:iam::{account_id}:role/Auditor" for account_id in ("444455556666", "777788889999")
    ]


def test_trust_policy_is_printed(run: Run) -> None:
    done = run("policy", "--trust", "111122223333", "--external-id", "fleet-1", "--region", "cn-north-1")
    assert json.loads(done.stdout) == trust_policy("111122223333", external_id="fleet-1", region="cn-north-1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--account", "12345"],
            "Error: Account id '12345' is not a string of 12 digits. Expected one such as '111122223333'.\n",
        ),
        (
            ["--region", "eu-wst-1"],
            "Error: 'eu-wst-1' is not a known AWS region. Did you mean 'eu-west-1'?\n",
        ),
        (["--prefix", "a*"], "Error: Channel name 'a*': '*' is not allowed. Use letters, digits and . _ - only.\n"),
    ],
)
def test_invalid_policy_option_is_rejected(run: Run, arguments: list[str], message: str) -> None:
    assert run("policy", *arguments).stderr.endswith(message)
