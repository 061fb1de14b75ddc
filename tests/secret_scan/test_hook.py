"""The pre-commit hook rejects a commit with a secret in a notebook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.secret_scan.notebooks import (
    ROOT,
    SIGNATURE,
    code_cell,
    notebook,
    write_notebook,
)

BIN = Path(sys.executable).parent


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_hook_rejects_only_commits_with_secrets(tmp_path: Path) -> None:
    (offered,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    repository = tmp_path / "repository"
    leaky = write_notebook(repository / "a.ipynb")
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
    write_notebook(leaky, notebook(code_cell("url = kvs.sign_url('front-door', client_id='tablet')")))
    run("git", "add", ".")
    passed = run(str(BIN / "pre-commit"), "run")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "Passed" in passed.stdout


@pytest.mark.parametrize(
    "command", [["validate-manifest", ".pre-commit-hooks.yaml"], ["validate-config", ".pre-commit-config.yaml"]]
)
def test_pre_commit_accepts_our_manifests(command: list[str]) -> None:
    done = subprocess.run([str(BIN / "pre-commit"), *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_our_commits_and_ci_run_the_scan() -> None:
    assert "entry: kvs-notebook scan" in (ROOT / ".pre-commit-config.yaml").read_text()
    assert ".venv/bin/kvs-notebook scan notebooks" in (ROOT / ".ci" / "run").read_text()
