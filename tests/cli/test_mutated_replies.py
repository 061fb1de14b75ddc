"""A mutated reply of the service ends the command with its result or with a message, never with a traceback or a false "none"."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvs_notebook as kvs
from kvs_notebook.dataframes.schemas import CHANNELS
from kvs_notebook.plans.steps import Step
from tests.aws.fake_service import ACCOUNT, ARN, NAME, REGION
from tests.aws.test_reply_check import WITHOUT_CHANNELS, mutations, mutations_of_xml
from tests.cli.conftest import lines_of
from tests.hostile_texts import is_shown_only

INVENTORY = ("inventory", "--region", REGION, "--table", "--csv", "a.csv", "--report", "a.md", "--require", "Site")
APPLY = ("apply", "plan", "--allow-changes", "--max-delete", "1", "--max-share", "1", "--confirm")
COMMANDS = {
    "GetCallerIdentity": INVENTORY,
    "ListSignalingChannels": INVENTORY,
    "GetResources": INVENTORY,
    "ListTagsForResource": INVENTORY,
    "ListRegions": ("inventory", "--all-regions", "--table"),
    "DescribeSignalingChannel": ("sign", NAME, "--client-id", "tablet", "-o", "-"),
    "GetSignalingChannelEndpoint": ("sign", NAME, "--client-id", "tablet", "-o", "-"),
    "GetIceServerConfig": ("sign", NAME, "--client-id", "tablet", "--with-ice", "-o", "-"),
    "CreateSignalingChannel": APPLY,
    "UpdateSignalingChannel": APPLY,
    "DeleteSignalingChannel": APPLY,
    "TagResource": APPLY,
    "UntagResource": APPLY,
}
STEPS = {
    "CreateSignalingChannel": Step(ACCOUNT, REGION, NAME, None, "create", "message_ttl_seconds", None, "60"),
    "UpdateSignalingChannel": Step(ACCOUNT, REGION, NAME, ARN, "update", "message_ttl_seconds", "60", "90"),
    "DeleteSignalingChannel": Step(ACCOUNT, REGION, NAME, ARN, "delete", version="v1"),
    "TagResource": Step(ACCOUNT, REGION, NAME, ARN, "tag", "tag:Env", None, "prod"),
    "UntagResource": Step(ACCOUNT, REGION, NAME, ARN, "untag", "tag:Site", "hq", None),
}
PARTS = 10
"""Parts of the mutations of an operation's reply; a run that draws cases tries one mutation of a part."""

MISSING_VALUE = re.compile(r"\b(?:nan|NaN|NaT|None|<NA>)\b")


def problems_of(done: subprocess.CompletedProcess[str], folder: Path, *, is_empty: bool) -> Iterator[str]:
    """Yield what is wrong with how a command has ended; ``is_empty`` is whether the reply says that there are no channels."""
    command, said = done.args[0], lines_of(done.stderr)
    if done.returncode not in {0, 1, 3}:
        yield f"exit code {done.returncode}: {said}"
    if not is_shown_only(done.stdout + done.stderr):
        yield f"control characters: {done.stdout + done.stderr!r}"
    if command != "sign" and MISSING_VALUE.search(done.stdout + done.stderr):
        yield f"missing value: {done.stdout}{done.stderr}"
    if command != "inventory":
        return
    if any(not line.startswith("kvs-notebook: ") for line in said):
        yield f"not a message: {said}"
    if done.returncode == 0 and "0 channels" in done.stdout and not is_empty:
        yield f"no channels: {done.stdout}"
    if done.returncode != 0 and not said:
        yield f"exit code {done.returncode} without a message"
    if (folder / "a.csv").exists():
        frame = kvs.read_csv(folder / "a.csv")[[*CHANNELS]].drop(columns="message_ttl_seconds")
        if frame.isna().any(axis=None):
            yield f"missing values: {frame.to_dict('records')}"


def arguments_of(operation: str, folder: Path) -> tuple[str, ...]:
    """Return the command that uses an operation's reply; a plan is saved to a folder first."""
    if operation not in STEPS:
        return COMMANDS[operation]
    plan = kvs.plans.Plan([STEPS[operation]], source="fleet.csv")
    plan.save(folder)
    return (*COMMANDS[operation], plan.confirmation)


@pytest.mark.draw(3)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("operation", COMMANDS)
def test_mutated_reply_ends_in_a_result_or_a_message(
    operation, part, request, service, user, run_here, tmp_path, monkeypatch
):
    monkeypatch.setattr("kvs_notebook.channels.waiters.SECONDS_BETWEEN_DESCRIBES", 0)
    monkeypatch.setattr("kvs_notebook.aws.connection.RateLimiter.wait", lambda *_: 0.0)
    valid = service.replies[operation]
    mutated = [*(mutations(valid) if isinstance(valid, dict) else mutations_of_xml(valid))][part::PARTS]
    wrong = []
    for name, body in mutated if request.config.getoption("all_cases") else random.sample(mutated, 1):
        service.reset()
        service.replies[operation] = body
        if operation == "ListTagsForResource":
            service.replies["GetResources"] = {"ResourceTagMappingList": []}
        for path in (*tmp_path.glob("a*"), *tmp_path.glob("plan/*")):
            path.unlink()
        done = run_here(*arguments_of(operation, tmp_path / "plan"), env=user)
        is_empty = name in WITHOUT_CHANNELS and operation == "ListSignalingChannels"
        wrong += [f"{name}: {problem}" for problem in problems_of(done, tmp_path, is_empty=is_empty)]
    assert wrong == []
