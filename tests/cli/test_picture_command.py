"""kvs-notebook picture and pictures: files of what cameras send, and exit codes for those that send nothing."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook.cli import picture_command
from tests.cli.conftest import Run, Start, lines_of, single_line, wait_until
from tests.live.scripted_cameras import SIZE, cameras_in_background, clients_of

CAMERAS = ("back-door", "front-door")
REGION = ("--region", "us-east-1")


@pytest.fixture(scope="module")
def shared() -> Iterator[kvs.Sandbox]:
    """Yield one sandbox for the file, with three channels, of which two have a camera."""
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        connection = sandbox.connection()
        for name in (*CAMERAS, "roof"):
            kvs.create_channel(name, connection=connection)
        with cameras_in_background(CAMERAS, connection):
            yield sandbox


@pytest.fixture
def account(shared: kvs.Sandbox) -> kvs.Sandbox:
    shared.clear_denials()
    return shared


@pytest.mark.parametrize(("name", "kind"), [("door.jpg", "JPEG"), ("door.PNG", "PNG")])
def test_picture_is_written_in_the_format_of_its_name(run, profile, tmp_path, name, kind):
    done = run("picture", "front-door", "-o", name, env=profile)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Wrote {name} (160x96).\n", "")
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size) == (kind, SIZE)


def test_failure_leaves_an_older_picture_and_names_the_stage(run, profile, tmp_path):
    (tmp_path / "roof.jpg").write_bytes(b"older")
    done = run("picture", "roof", "-o", "roof.jpg", "--timeout", "5", env=profile)
    assert done.returncode == 1
    assert single_line(done.stderr).startswith("kvs-notebook: No answer from roof within 5 s")
    assert (tmp_path / "roof.jpg").read_bytes() == b"older"


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (("picture", "roof", "-o", "roof.gif"), "roof.gif is not the name of a picture. End it with .jpg or .png."),
        (("picture", "roof"), "Missing option '-o'"),
        (("picture", "roof", "-o", "roof.jpg", "--sandbox", "--profile", "x"), "can't be combined"),
        (("picture", "arn:aws:x", "-o", "roof.jpg", "--sandbox"), "Pass a name, not an ARN."),
        (("pictures",), "Missing option '-o'"),
        (("pictures", "-o", "d", "--sandbox", "--profile", "x"), "can't be combined"),
        (("pictures", "-o", "d", "--region", "us-east-1", "--all-regions"), "can't be combined"),
        (("pictures", "-o", "d", "--role-name", "reader"), "--role-name needs --accounts"),
        (("pictures", "-o", "d", "--concurrency", "65"), "'--concurrency'"),
        (("pictures", "-o", "d", "--timeout", "0"), "'--timeout'"),
    ],
)
def test_wrong_usage(run, environment, arguments, because):
    done = run(*arguments, env=environment)
    assert done.returncode == 2
    assert because in done.stderr


def test_some_failures_are_named_and_counted_by_the_exit_code(run: Run, profile, tmp_path):
    folder = tmp_path / "out" / "today"
    folder.mkdir(parents=True)
    (folder / "roof.jpg").write_bytes(b"of yesterday")
    done = run("pictures", "-o", "out/today", "--timeout", "12", *REGION, env=profile)
    assert done.returncode == 3
    assert done.stdout == "2 pictures of 3 cameras in out/today.\n"
    assert [*lines_of(done.stderr)] == [
        "roof: No answer from roof within 12 s. Check that the camera is on and uses this channel."
    ]
    assert {each.name for each in folder.iterdir()} == {
        *(f"{name}.jpg" for name in CAMERAS),
        "contact-sheet.jpg",
        "failures.csv",
    }
    failures = kvs.read_csv(folder / "failures.csv")
    assert failures[["channel_name", "stage"]].to_numpy().tolist() == [["roof", "waiting"]]
    with Image.open(folder / "contact-sheet.jpg") as sheet:
        assert sheet.size == (2 * 328 + 8, 2 * 212 + 8)


def test_pictures_of_one_prefix_all_succeed(run, profile, tmp_path):
    done = run("pictures", "-o", "out", "--prefix", "front", "--quiet", *REGION, env=profile)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert kvs.read_csv(tmp_path / "out" / "failures.csv").empty


def test_no_picture_at_all_is_a_failure(run, profile, monkeypatch):
    monkeypatch.setattr(picture_command, "MOST_PRINTED", 0)
    done = run("pictures", "-o", "out", "--prefix", "roof", "--timeout", "0.5", *REGION, env=profile)
    assert done.returncode == 1
    assert single_line(done.stderr) == "and 1 more, in out/failures.csv\n"


def test_region_that_cannot_be_read_is_a_gap(run, account, profile):
    account.deny("kinesisvideo:ListSignalingChannels", region="eu-west-1")
    done = run("pictures", "-o", "out", *REGION, "--region", "eu-west-1", "--prefix", "front", env=profile)
    assert done.returncode == 3
    assert single_line(done.stderr).startswith("eu-west-1: ")


def test_folder_that_cannot_be_written_is_named(run, profile, tmp_path):
    (tmp_path / "out").write_text("a file")
    done = run("pictures", "-o", "out", *REGION, env=profile)
    assert done.returncode == 1
    assert "Can't create out: File exists." in single_line(done.stderr)


def test_accounts_file_names_the_roles(run, profile, account, tmp_path):
    other = account.connection("444455556666")
    kvs.create_channel("gate", connection=other)
    (tmp_path / "accounts.csv").write_text(
        "account_id,role_arn\n444455556666,arn:aws:iam::444455556666:role/reader\n", encoding="utf-8"
    )
    with cameras_in_background(["gate"], other):
        done = run("pictures", "-o", "out", "--accounts", "accounts.csv", *REGION, env=profile)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "gate.jpg").exists()


def test_sandbox_creates_the_channel_or_has_an_example_fleet(run, environment, tmp_path):
    one = run("picture", "my-door", "-o", "my-door.jpg", "--sandbox", env=environment)
    assert (one.returncode, one.stderr) == (0, "")
    assert one.stdout == "Wrote my-door.jpg (640x360, of a test camera in a sandbox).\n"
    assert (tmp_path / "my-door.jpg").exists()
    done = run("pictures", "-o", "out", "--sandbox", "--region", "eu-west-1", "--timeout", "10", env=environment)
    assert done.returncode == 3
    assert re.fullmatch(r"[1-5] pictures? of 9 cameras in out\.\n", done.stdout), "10 s are short on a busy machine"


def test_interrupt_leaves_no_viewer(start: Start, profile, account):
    process = start("picture", "roof", "-o", "roof.jpg", "--timeout", "60", env=profile)
    wait_until(lambda: clients_of(account, "roof") == 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert clients_of(account, "roof") == 0
