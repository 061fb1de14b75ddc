"""Files of sandboxes: who may write them, full disks, forked children, and what killed processes left."""

from __future__ import annotations

import errno
import gc
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.sandbox import state_directory
from kvs_notebook.sandbox.certificates import CertificateAuthority
from kvs_notebook.sandbox.http import asgi_server
from kvs_notebook.sandbox.server import Server
from kvs_notebook.sandbox.state_directory import FILES, StateDirectory
from kvs_notebook.sandbox.temporary_directory import LOCK_FILE, TemporaryDirectory, remove_abandoned_directories

AT_ONCE = kvs.Assumptions(creating_seconds=0)


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Return a directory for temporary files of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def server_of(sandbox: kvs.Sandbox) -> Server:
    found = sandbox._stop.peek()
    assert found is not None
    server = found[1].__self__
    assert isinstance(server, Server)
    return server


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return inode and content of each file, except the database's own, which the server writes."""
    files = (path for path in directory.iterdir() if "sqlite" not in path.name)
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in files}


# --- who may write


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o775, 0o757, 0o1777])
def test_directory_that_others_may_write_is_refused(tmp_path, mode):
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(mode)
    with pytest.raises(errors.SandboxError, match=r"Other users may write to .*state .*chmod 700"):
        kvs.Sandbox(state)
    assert list(state.iterdir()) == []
    state.chmod(0o700)
    kvs.Sandbox(state).stop()


@pytest.mark.parametrize(
    ("name", "because"),
    [
        (".", "who could read the sandbox's keys. Pass a directory of your own as state="),
        *((name, "Remove it, or pass another directory as state=") for name in FILES),
    ],
)
def test_directory_and_files_of_another_user_are_refused(tmp_path, monkeypatch, name, because):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / name).touch()
    own_lstat = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = own_lstat(path)
        return os.stat_result((*found[:4], os.geteuid() + 1, *found[5:])) if path == state / name else found

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(errors.SandboxError, match=f"belongs to another user.*{re.escape(because)}"):
        kvs.Sandbox(state)


@pytest.mark.parametrize("name", FILES)
def test_wide_mode_of_an_existing_file_is_tightened(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / name).chmod(0o666)
    StateDirectory(tmp_path).create()
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["link to a file", "link to nothing", "hard link", "directory"])
@pytest.mark.parametrize("name", FILES)
def test_link_in_place_of_a_file_is_refused(tmp_path, name, kind):
    victim, state = tmp_path / "victim", tmp_path / "state"
    state.mkdir()
    if kind == "directory":
        (state / name).mkdir()
    elif kind == "hard link":
        victim.write_text("")  # which a database may become
        victim.chmod(0o644)
        (state / name).hardlink_to(victim)
    else:
        (state / name).symlink_to(victim)
    if kind == "link to a file":
        victim.write_text("precious")
    with pytest.raises(errors.SandboxError, match=rf"{name} is (a symbolic|a hard|not a) .*(Remove|Replace) it"):
        kvs.Sandbox(state)
    assert victim.exists() == (kind in {"link to a file", "hard link"})
    assert not victim.exists() or victim.read_text() == ("" if kind == "hard link" else "precious")
    assert kind != "hard link" or stat.S_IMODE(victim.stat().st_mode) == 0o644


# --- full disks


@pytest.fixture
def full_disk(monkeypatch):
    """Return a function that lets every later write of a file of a state directory fail as on a full disk."""

    def fill() -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(state_directory, "replace_file", fail)
        monkeypatch.setattr(tempfile, "mkdtemp", fail)

    return fill


@pytest.mark.parametrize(
    "act",
    [
        lambda sandbox: sandbox.environment({}),
        lambda sandbox: sandbox.connection().tls_context("https://127.0.0.1"),
        lambda sandbox: (
            kvs.Sandbox(sandbox._directory.path / "below")
            if sandbox._directory.durable
            else kvs.Sandbox().environment({})
        ),
    ],
    ids=["environment", "CA", "start"],
)
@pytest.mark.parametrize("durable", [True, False], ids=["durable", "in memory"])
def test_full_disk_is_a_sandbox_error_that_names_it(tmp_path, full_disk, act, durable):
    with kvs.Sandbox(tmp_path if durable else None) as sandbox:
        if durable:
            (tmp_path / "ca.pem").unlink()  # else it needs no write
            sandbox._certificates._ca = trustme.CA()
        full_disk()
        with pytest.raises(errors.SandboxError, match=r"No space left on device\. Free space on the disk of /"):
            act(sandbox)


@pytest.mark.parametrize("operation", ["CreateSignalingChannel", "TagResource"])
def test_request_on_a_full_disk_is_answered_and_changes_nothing(tmp_path, operation, caplog):
    with kvs.Sandbox(tmp_path, quotas=False, assumptions=AT_ONCE) as sandbox:
        connection = sandbox.connection()
        arn = kvs.create_channel("a", connection=connection)["channel_arn"].item()
        sandbox.seed(200)
        database = server_of(sandbox)._service.store.db
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        client = connection.client()
        tags = [{"Key": f"key-{number}", "Value": "v" * 256} for number in range(50)]
        with pytest.raises(client.exceptions.ClientError, match="database or disk is full. Free space") as refused:
            if operation == "TagResource":
                client.tag_resource(ResourceARN=arn, Tags=tags)
            else:
                for number in range(1_000):
                    client.create_signaling_channel(ChannelName=f"b{number}" + "x" * 200)
        assert refused.value.response["Error"]["Code"] == "InternalFailure"
        with pytest.raises(errors.SandboxError, match="database or disk is full"):
            sandbox.seed(2_000)
        assert kvs.list_tags(arn, connection=connection).empty
        database.execute("PRAGMA max_page_count = 1000000")
        client.tag_resource(ResourceARN=arn, Tags=tags)
        assert len(kvs.list_tags(arn, connection=connection)) == 50
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_data_plane_that_cannot_open_names_no_endpoint(tmp_path):
    with kvs.Sandbox(tmp_path, assumptions=AT_ONCE) as sandbox:
        client = sandbox.connection().client()
        arn = client.create_signaling_channel(ChannelName="a")["ChannelARN"]
        role = {"Role": "VIEWER", "Protocols": ["WSS"]}
        good = (tmp_path / "ca.pem").read_bytes()
        server_of(sandbox)._certificates._ca = None
        for damaged in (b"", good[:100], b"\xff"):
            (tmp_path / "ca.pem").write_bytes(damaged)
            with pytest.raises(client.exceptions.ClientError, match="Cannot read the CA.*remove ca.pem and ca-key.pem"):
                client.get_signaling_channel_endpoint(ChannelARN=arn, SingleMasterChannelEndpointConfiguration=role)
        (tmp_path / "ca.pem").write_bytes(good)
        client.get_signaling_channel_endpoint(ChannelARN=arn, SingleMasterChannelEndpointConfiguration=role)
        kvs.get_ice_servers("a", connection=sandbox.connection())


# --- replaced files


OF_THE_SERVER = {state_directory.LOCK_FILE, *(name for name in FILES if "sqlite" in name)}
"""Files that the server holds open; they are not written as a whole."""


def test_reader_sees_a_whole_file_while_it_is_replaced(tmp_path):
    """Each file is replaced by another one: a reader that has opened it keeps the old one, and sees no half of the new one."""
    with kvs.Sandbox(tmp_path) as sandbox:
        sandbox.environment({})
        written = sorted({*FILES} & {path.name for path in tmp_path.iterdir()} - OF_THE_SERVER)
        opened = {name: (tmp_path / name).open("rb") for name in written}
        before = {name: (tmp_path / name).read_bytes() for name in written}
        server = server_of(sandbox)
        server._certificates._save(trustme.CA())
        server._directory.publish(server.address)
        sandbox._profile.write()
        sandbox.environment({})
        for name, file in opened.items():
            with file:
                assert os.fstat(file.fileno()).st_ino != (tmp_path / name).stat().st_ino, name
                assert file.read() == before[name]
    assert written == ["bundle.pem", "ca-key.pem", "ca.pem", "config", "credentials", "sandbox.json"]


# --- one CA


def test_ca_is_written_before_the_address(tmp_path, monkeypatch):
    seen: list[bool] = []
    publish = StateDirectory.publish
    monkeypatch.setattr(
        StateDirectory,
        "publish",
        lambda self, address: (seen.append((self.path / "ca.pem").exists()), publish(self, address)),
    )
    with kvs.Sandbox(tmp_path):
        pass
    assert seen == [True]


def test_process_that_joins_creates_no_ca(tmp_path):
    with kvs.Sandbox(tmp_path):
        (tmp_path / "ca.pem").unlink()
        with pytest.raises(errors.SandboxError, match="Cannot read the CA of the sandbox"):
            _ = CertificateAuthority(StateDirectory(tmp_path)).path
        assert not (tmp_path / "ca.pem").exists()


# --- forked children


def in_child(act: Callable[[], object]) -> int:
    """Run a function in a forked child that then ends at once; return its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, from Python 3.12 on
        child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def stop(held: list[kvs.Sandbox]) -> None:
    held[0].stop()


def collect(held: list[kvs.Sandbox]) -> None:
    held.clear()
    gc.collect()


def use_another(held: list[kvs.Sandbox]) -> None:
    del held
    kvs.use_sandbox().stop()


@needs_fork
@pytest.mark.parametrize("act", [stop, collect, use_another])
@pytest.mark.parametrize("durable", [True, False], ids=["durable", "in memory"])
def test_forked_child_changes_no_file_of_its_parent(tmp_path, temporary, act, durable):
    state = tmp_path / "state" if durable else None
    with kvs.use_sandbox(state, assumptions=AT_ONCE) as sandbox:
        kvs.create_channel("a")
        kvs.get_ice_servers("a")
        sandbox.environment({})
        directory = sandbox._directory.path
        before = contents(directory)
        assert in_child(lambda: act([sandbox])) == 0
        assert contents(directory) == before
        assert len(kvs.get_ice_servers("a", refresh=True)) > 0
        kvs.create_channel("b")
        if durable:
            with kvs.Sandbox(state) as joined:
                assert joined.endpoint_url == sandbox.endpoint_url
    if durable:
        with kvs.Sandbox(state) as again:
            assert len(kvs.list_channels(connection=again.connection())) == 2
    assert [path for path in temporary.iterdir() if path.is_dir()] == []


@needs_fork
def test_child_does_not_remove_the_directory_of_its_parent(temporary):
    directory = TemporaryDirectory.create()
    (directory.path / "ca.pem").touch()
    assert in_child(directory.remove) == 0
    assert {path.name for path in directory.path.iterdir()} == {LOCK_FILE, "ca.pem"}
    directory.remove()
    assert list(temporary.iterdir()) == []


@needs_fork
def test_ordinary_exit_of_a_child_changes_no_file():
    script = """
import os, sys
import kvs_notebook as kvs
sandbox = kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=0))
connection = sandbox.connection()  # whose clients need no pandas
arn = connection.client().create_signaling_channel(ChannelName="a")["ChannelARN"]
[endpoint] = connection.client().get_signaling_channel_endpoint(
    ChannelARN=arn, SingleMasterChannelEndpointConfiguration={"Protocols": ["HTTPS"], "Role": "MASTER"}
)["ResourceEndpointList"]
ice = connection.client("kinesis-video-signaling", endpoint_url=endpoint["ResourceEndpoint"])
ice.get_ice_server_config(ChannelARN=arn)
child = os.fork()
if child == 0: sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert ice.get_ice_server_config(ChannelARN=arn)["IceServerList"] and sandbox._certificates.path.exists()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


@needs_fork
def test_port_and_lock_are_free_while_a_child_lives(tmp_path):
    read, write = os.pipe()
    lives, tell = os.pipe()
    sandbox = kvs.Sandbox(tmp_path)
    port = int(sandbox.endpoint_url.rsplit(":", 1)[1])
    child = threading.Thread(target=in_child, args=(lambda: (os.write(tell, b"."), os.close(write), os.read(read, 1)),))
    child.start()
    os.read(lives, 1)
    try:
        sandbox.stop()
        with asgi_server.listen(port):
            pass
        with kvs.Sandbox(tmp_path) as again:
            assert again.is_running
    finally:
        os.close(write)
        child.join()
        for end in (read, lives, tell):
            os.close(end)


# --- what killed processes left


def test_next_start_removes_what_killed_processes_left(temporary):
    script = "import kvs_notebook as kvs; kept = kvs.Sandbox(); kept.environment(); print('ready', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    process.stdout.readline()
    with kvs.Sandbox():
        assert len(list(temporary.iterdir())) == 1  # its owner lives
    process.kill()
    process.communicate()
    assert len(list(temporary.iterdir())) == 1
    with kvs.Sandbox():
        assert list(temporary.iterdir()) == []


def test_only_directories_of_ours_are_removed(temporary):
    living = TemporaryDirectory.create()
    (temporary / "kvs-notebook-file").touch()
    (temporary / "kvs-notebook-without-lock").mkdir(mode=0o700)
    (temporary / "kvs-notebook-link").symlink_to(living.path)
    wide = temporary / "kvs-notebook-wide"
    wide.mkdir()
    wide.chmod(0o755)
    (wide / LOCK_FILE).touch()
    (temporary / "other").mkdir(mode=0o700)
    (temporary / "other" / LOCK_FILE).touch()
    abandoned = temporary / "kvs-notebook-abandoned"
    abandoned.mkdir(mode=0o700)
    for name in (LOCK_FILE, "ca-key.pem"):
        (abandoned / name).touch()
    before = set(temporary.iterdir())
    remove_abandoned_directories()
    assert before - set(temporary.iterdir()) == {abandoned}
    assert (living.path / LOCK_FILE).exists()
    living.remove()
    assert not living.path.exists()


def test_directory_removed_before_its_lock_is_created_again(temporary, monkeypatch):
    create, made = tempfile.mkdtemp, []

    def create_and_lose(**options: Any) -> str:
        made.append(create(**options))
        if len(made) == 1:
            shutil.rmtree(made[0])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", create_and_lose)
    directory = TemporaryDirectory.create()
    assert str(directory.path) == made[1]
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    directory.remove()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["a\0b", "\ud800"], ids=["zero", "surrogate"])
def test_name_that_cannot_be_a_path_is_refused(tmp_path, name):
    with pytest.raises(kvs.errors.InvalidInput, match="is not a path"):
        kvs.Sandbox(state=tmp_path / name)


def test_name_that_is_too_long_is_a_sandbox_error(tmp_path):
    with pytest.raises(kvs.errors.SandboxError, match="Cannot keep the sandbox's state in"):
        kvs.Sandbox(state=tmp_path / ("a" * 300))


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem"])
def test_large_ca_file_is_not_read_into_memory(tmp_path, name):
    with kvs.Sandbox(state=tmp_path) as sandbox:
        channel = kvs.create_channel("front-door", connection=sandbox.connection())
        sandbox.environment({})
    os.truncate(tmp_path / name, 2**32)
    with (
        kvs.Sandbox(state=tmp_path) as sandbox,
        pytest.raises(kvs.errors.KVSError, match=f"{name} has over 65,536 bytes"),
    ):
        kvs.get_endpoints(channel, connection=sandbox.connection())
