"""Sandboxes that are started, joined, killed, taken over and stopped."""

from __future__ import annotations

import gc
import json
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.identity import SANDBOX_USER
from kvs_notebook.sandbox.backend import context
from kvs_notebook.sandbox.clock import ManualClock
from kvs_notebook.sandbox.http import asgi_server
from tests.sandbox.raw_client import Target, frame

SERVE = """
import json, sys
import kvs_notebook as kvs
sandbox = kvs.Sandbox(**json.loads(sys.argv[1]))
print(json.dumps({"endpoint_url": sandbox.endpoint_url}), flush=True)
sys.stdin.read()
"""

Serve = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Run a sandbox in another process until its standard input ends."""
    processes = []

    def _serve(**settings: object) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, json.dumps(settings)], stdin=pipe, stdout=pipe, text=True
        )
        processes.append(process)
        process.endpoint_url = json.loads(process.stdout.readline())["endpoint_url"]  # type: ignore[attr-defined, union-attr]
        return process

    yield _serve
    for process in processes:
        process.communicate(timeout=20)


def names(sandbox: kvs.Sandbox) -> list[str]:
    return kvs.list_channels(connection=sandbox.connection())["channel_name"].tolist()


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Return a directory for temporary files of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


# --- started


def test_sandbox_begins_empty_in_a_known_account_and_region(sandbox):
    connection = sandbox.connection()
    assert (sandbox.account_id, sandbox.region) == ("111122223333", "us-east-1")
    assert (connection.account_id, connection.region) == ("111122223333", "us-east-1")
    assert kvs.list_channels(connection=connection).empty


def test_repr_names_address_account_region_and_state(sandbox, tmp_path):
    assert repr(sandbox) == f"<Sandbox: {sandbox.endpoint_url}, account 111122223333, us-east-1, in memory>"
    sandbox.stop()
    assert repr(sandbox).endswith("in memory, stopped>")
    with kvs.Sandbox(tmp_path / "state", account_id="444455556666", region="eu-west-1") as durable:
        assert repr(durable).endswith(f"account 444455556666, eu-west-1, {tmp_path / 'state'}>")


def test_accounts_and_regions_have_separate_channels(sandbox):
    places = [("111122223333", "us-east-1"), ("111122223333", "eu-west-1"), ("444455556666", "us-east-1")]
    for number, (account_id, region) in enumerate(places):
        for name in range(number + 1):
            kvs.create_channel(f"c{name}", connection=sandbox.connection(account_id, region=region))
    for number, (account_id, region) in enumerate(places):
        channels = kvs.list_channels(connection=sandbox.connection(account_id, region=region))
        assert len(channels) == number + 1
        assert set(channels["account_id"]) == {account_id}
        assert set(channels["region"]) == {region}


def test_identity_shows_that_a_connection_is_a_sandboxs(sandbox):
    assert context.USER == SANDBOX_USER
    assert sandbox.connection().identity().arn == f"arn:aws:iam::111122223333:user/{SANDBOX_USER}"


def test_port_is_on_loopback_alone(sandbox):
    port = int(sandbox.endpoint_url.rsplit(":", 1)[1])
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, family=socket.AF_INET)}
    for address in addresses - {"127.0.0.1"}:
        if not address.startswith("127."):
            with socket.socket() as probe:
                assert probe.connect_ex((address, port)) != 0


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({"account_id": "12"}, "'12' is not a string of 12 digits"),
        ({"region": "Ireland"}, "'Ireland' is not a known AWS region"),
        ({"clock": "fast"}, "clock='fast' is not valid. Expected 'real' or 'stepped'"),
    ],
)
def test_invalid_setting_starts_nothing(settings, because):
    before = threading.active_count()
    with pytest.raises(errors.InvalidInput, match=re.escape(because)):
        kvs.Sandbox(**settings)
    assert threading.active_count() == before


def test_taken_port_is_named_in_the_error(sandbox, temporary):
    port = int(sandbox.endpoint_url.rsplit(":", 1)[1])
    before = threading.active_count()
    with pytest.raises(errors.SandboxError, match=f"Cannot listen on port {port}.*omit port="):
        kvs.Sandbox(port=port)
    assert threading.active_count() == before
    assert list(temporary.iterdir()) == []


def test_given_port_is_used():
    with asgi_server.listen(0) as free:
        port = free.getsockname()[1]
    with kvs.Sandbox(port=port) as sandbox:
        assert sandbox.endpoint_url == f"http://127.0.0.1:{port}"


# --- administration


def test_example_fleet_and_numbered_channels_can_be_seeded(sandbox):
    assert (sandbox.seed(), sandbox.seed()) == (26, 0)
    assert sandbox.seed(1200, account_id="444455556666", region="eu-west-1") == 1200
    seed_numbered = kvs.list_channels(connection=sandbox.connection("444455556666", region="eu-west-1"))
    assert seed_numbered["channel_name"].tolist() == [f"device-{number:07}" for number in range(1200)]
    with pytest.raises(errors.InvalidInput, match="count=-1 is not valid"):
        sandbox.seed(-1)


def test_seeding_adds_deleted_channels_again(sandbox, connection):
    sandbox.seed()
    for name in ("front-door-hq", "test-jchen"):
        kvs.delete_channel(name, connection=connection)
    sandbox.advance(3_600)
    assert sandbox.seed() == 2
    assert len(kvs.list_channels(connection=connection)) == 11


def test_channel_name_with_lone_surrogate_is_logged(sandbox, connection):
    client = connection.client()
    with pytest.raises(client.exceptions.ClientError):
        client.create_signaling_channel(ChannelName="channel-\ud800")
    assert sandbox.requests["channel_name"].tolist() == ["channel-?"]
    assert sandbox.requests["status"].tolist() == [400]


def test_reset_keeps_the_address_and_keys(sandbox, connection):
    kvs.create_channel("front-door")
    sandbox.deny("kinesisvideo:Delete*")
    sandbox.faults.add("*", "error", times=None)
    sandbox.reset()
    assert sandbox.requests.empty
    assert kvs.list_channels().empty
    kvs.delete_channel(kvs.create_channel("front-door"))


def test_advance_replaces_waiting():
    clock = ManualClock(datetime(2027, 5, 1, tzinfo=UTC))
    with kvs.Sandbox(clock=clock) as sandbox:
        connection = sandbox.connection()
        created = kvs.create_channel("front-door", wait=False, connection=connection)
        assert created["channel_status"].item() == "CREATING"
        assert created["creation_time"].item() == datetime(2027, 5, 1, tzinfo=UTC)
        sandbox.advance(1)
        assert kvs.describe_channel("front-door", connection=connection)["channel_status"].item() == "ACTIVE"
        with pytest.raises(errors.InvalidInput, match="seconds=-5.* cannot go back"):
            sandbox.advance(-5)


def test_stepped_clock_gives_reproducible_outputs():
    def run_walkthrough() -> list[str]:
        with kvs.Sandbox(clock="stepped") as sandbox:
            connection = sandbox.connection()
            channel = kvs.create_channel("front-door", tags={"Site": "hq"}, connection=connection)
            changed = kvs.update_channel(channel, message_ttl_seconds=90, connection=connection)
            return [frame.to_csv() for frame in (channel, changed, kvs.list_tags(channel, connection=connection))]

    first = run_walkthrough()
    assert first == run_walkthrough()
    assert "2026-01-05 09:00:01+00:00" in first[0]


def test_real_time_gives_versions_that_differ():
    versions = set()
    for _ in range(2):
        with kvs.Sandbox() as sandbox:
            versions.add(kvs.create_channel("a", wait=False, connection=sandbox.connection())["version"].item())
    assert len(versions) == 2


def test_requests_list_what_was_served(sandbox, connection):
    kvs.create_channel("front-door")
    with pytest.raises(errors.ChannelNotFound):
        kvs.describe_channel("no-such")
    assert connection.identity().account_id == "111122223333"
    requests = sandbox.requests
    assert dict(requests.dtypes.astype(str)) == {
        "time": "datetime64[ms, UTC]",
        **dict.fromkeys(["account_id", "region", "operation", "channel_name"], "str"),
        "status": "Int64",
        "error_code": "str",
        "attempt": "Int64",
        "seconds": "float64",
    }
    served = requests[["operation", "channel_name", "status", "error_code"]].astype(object)
    assert served.where(served.notna(), None).to_numpy().tolist() == [
        ["CreateSignalingChannel", "front-door", 200, None],
        ["DescribeSignalingChannel", "front-door", 200, None],
        ["DescribeSignalingChannel", "no-such", 404, "ResourceNotFoundException"],
        ["GetCallerIdentity", None, 200, None],
    ]
    assert set(requests["account_id"]) == {"111122223333"}
    assert requests["seconds"].between(0, 30).all()


def test_empty_requests_frame_has_the_same_dtypes(sandbox):
    dtypes = sandbox.requests.dtypes
    kvs.list_channels(connection=sandbox.connection())
    assert sandbox.requests.dtypes.equals(dtypes)


def test_attempts_are_those_that_the_client_states(sandbox, connection):
    sandbox.faults.add("ListSignalingChannels", "error", times=2)
    kvs.list_channels()
    assert sandbox.requests[["status", "attempt"]].to_numpy().tolist() == [[500, 1], [500, 2], [200, 3]]


@pytest.mark.parametrize("kind", ["reset", "lost_reply"])
def test_cut_connection_is_logged_with_status_zero(sandbox, connection, kind):
    sandbox.faults.add("TagResource", kind, times=None)
    channel = kvs.create_channel("front-door")
    with pytest.raises(
        errors.EndpointUnreachable, match=r"The sandbox is still running: call again, after sandbox\.faults"
    ):
        kvs.tag_channel(channel, {"Site": "hq"})
    assert sandbox.requests.query("operation == 'TagResource'")["status"].tolist() == [0, 0, 0]
    assert kvs.list_tags(channel)["value"].tolist() == ([] if kind == "reset" else ["hq"])


def test_delay_affects_one_response_only(sandbox, connection):
    sandbox.faults.add("ListSignalingChannels", "delay", seconds=1.0)
    late = threading.Thread(target=kvs.list_channels, kwargs={"connection": connection})
    late.start()
    kvs.create_channel("front-door", wait=False)
    assert "ListSignalingChannels" not in sandbox.requests["operation"].tolist()
    late.join()
    assert sandbox.requests["operation"].tolist()[-1] == "ListSignalingChannels"
    assert sandbox.requests["seconds"].iloc[-1] >= 1.0


def test_action_is_denied_until_denials_are_cleared(sandbox, connection):
    channel = kvs.create_channel("front-door")
    sandbox.deny("kinesisvideo:Delete*")
    with pytest.raises(errors.AccessDenied, match="is not authorized to perform: kinesisvideo:DeleteSignalingChannel"):
        kvs.delete_channel(channel)
    kvs.describe_channel(channel)
    sandbox.clear_denials()
    kvs.delete_channel(channel)


@pytest.mark.parametrize(
    "ask",
    [
        lambda sandbox: sandbox.faults.add("CreateSignallingChannel", "error"),
        lambda sandbox: sandbox.faults.add("*", "meteor"),
        lambda sandbox: sandbox.deny("s3:*"),
        lambda sandbox: sandbox.seed(region="Mars"),
        lambda sandbox: sandbox.connection("1"),
    ],
)
def test_invalid_admin_arguments_are_rejected(sandbox, ask):
    with pytest.raises(errors.InvalidInput):
        ask(sandbox)


def test_misspelt_region_is_a_gap_and_never_an_empty_fleet(sandbox, connection):
    sandbox.seed()
    regions = ["us-east-1", "us-esat-1", "us-east-1a", "eu-west-1"]
    coverage = kvs.inventory(regions=regions, connection=connection).coverage.set_index("region")
    assert coverage["status"].to_dict() == {
        "us-east-1": "ok",
        "us-esat-1": "region_disabled",
        "us-east-1a": "region_disabled",
        "eu-west-1": "ok",
    }
    with pytest.raises(errors.InvalidInput, match="'us-esat-1' is not a known AWS region"):
        sandbox.connection(region="us-esat-1")


# --- the data plane


def test_tls_port_opens_on_first_use_and_rejects_unknown_keys(sandbox, connection, caplog):
    channel = kvs.create_channel("front-door")
    endpoints = kvs.get_endpoints(channel, role="MASTER").set_index("protocol")["endpoint"]
    assert re.fullmatch(r"wss://127\.0\.0\.1:\d+/m", endpoints["WSS"])
    client = boto3.Session().client(
        "kinesis-video-signaling",
        endpoint_url=endpoints["HTTPS"],
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        verify=sandbox.environment()["AWS_CA_BUNDLE"],
    )
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client.get_ice_server_config(ChannelARN=channel["channel_arn"].item())
    trust = ssl.create_default_context(cafile=sandbox.environment()["NODE_EXTRA_CA_CERTS"])
    with pytest.raises(InvalidStatus) as refused:
        connect(endpoints["WSS"].replace("127.0.0.1", "localhost"), ssl=trust, proxy=None)
    assert refused.value.response.status_code == 403
    assert refused.value.response.headers["x-amzn-errortype"].startswith("MissingAuthenticationTokenException:")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_uvicorn_still_logs_a_rejected_websocket_as_error():
    """If this fails, remove the filter from kvs_notebook.sandbox.http.asgi_server: uvicorn no longer logs it."""
    from uvicorn.protocols.websockets import websockets_sansio_impl

    assert asgi_server.REFUSED_WEBSOCKET in Path(websockets_sansio_impl.__file__).read_text()


# --- stopped


def test_stopped_sandbox_leaves_no_thread_port_or_file(temporary, caplog):
    before = threading.active_count()
    sandbox = kvs.Sandbox()
    connection = sandbox.connection()
    sandbox.environment()
    assert len(list(temporary.iterdir())) == 1
    kvs.get_endpoints(kvs.create_channel("a", wait=False, connection=connection), connection=connection)
    sandbox.faults.add("ListSignalingChannels", "delay", None, seconds=60)  # a retry before the port is closed too

    def listing() -> None:
        with pytest.raises(errors.KVSError):
            kvs.list_channels(connection=connection)

    late = threading.Thread(target=listing)
    late.start()
    sandbox.stop()
    sandbox.stop()
    late.join()
    assert threading.active_count() == before
    assert list(temporary.iterdir()) == []
    assert not caplog.records
    with pytest.raises(errors.EndpointUnreachable, match=r"kvs\.use_sandbox\(\)"):
        kvs.create_channel("b", connection=connection)
    with pytest.raises(errors.SandboxError, match="has stopped"):
        sandbox.seed()


def test_stop_cuts_connections_in_every_state(caplog):
    before = {*threading.enumerate()}  # one may be of a sandbox that the tests of the file share
    sandbox = kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=0))
    target = Target(sandbox)
    with ExitStack() as stack:
        handshake = stack.enter_context(target.open("HTTPS", tls=False))
        handshake.sendall(b"\x16\x03\x01\x02\x00")
        request = stack.enter_context(target.open("HTTP"))
        request.sendall(b"POST / HTTP/1.1\r\n")
        peer, leaving = (stack.enter_context(target.peer()) for _ in range(2))
        target.assert_answers()
        leaving.sendall(frame(8, b""))
        accepted = stack.enter_context(target.open("HTTP"))
        sandbox.stop()
        for connected in (handshake, request, peer, leaving, accepted):
            with suppress(ConnectionError, ssl.SSLError):
                while connected.recv(65_536):
                    pass  # a TimeoutError fails the test
    assert "kvs-notebook-sandbox" not in {thread.name for thread in threading.enumerate() if thread not in before}
    assert not caplog.records


def test_killed_sandbox_leaves_no_file(serve, temporary):
    process = serve()
    process.kill()
    process.wait(timeout=20)
    assert list(temporary.iterdir()) == []


def test_endpoints_and_environment_trust_one_ca(sandbox, connection):
    kvs.get_endpoints(kvs.create_channel("front-door"))
    served = sandbox._certificates.path.read_bytes()
    assert Path(sandbox.environment()["NODE_EXTRA_CA_CERTS"]).read_bytes() == served


def test_unreferenced_sandbox_stops():
    sandbox = kvs.Sandbox()
    gone, port = weakref.ref(sandbox), int(sandbox.endpoint_url.rsplit(":", 1)[1])
    del sandbox
    gc.collect()
    assert gone() is None
    with asgi_server.listen(port):
        pass


def test_sandbox_ends_with_its_process_and_removes_its_directory(temporary):
    code = "import kvs_notebook as kvs; print(kvs.use_sandbox().environment()['AWS_CONFIG_FILE'])"
    # Not -X dev, in which asyncio complains of a machine that is slow.
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert Path(done.stdout.strip()).parent.parent == temporary
    assert list(temporary.iterdir()) == []


# --- use_sandbox


def test_use_sandbox_makes_its_connection_the_current_one():
    with kvs.use_sandbox(clock="stepped") as sandbox:
        assert kvs.current_connection().endpoint_url == sandbox.endpoint_url
        assert kvs.current_connection().is_sandbox()
        kvs.create_channel("front-door")


def test_use_sandbox_again_stops_the_previous_sandbox():
    with kvs.use_sandbox() as first:
        kvs.create_channel("front-door", wait=False)
        with kvs.use_sandbox():
            assert kvs.list_channels().empty
            assert repr(first).endswith("stopped>")


@pytest.mark.parametrize(
    "arguments",
    [
        {"region": "eu-west1"},
        {"account_id": "12"},
        {"clock": "fast"},
        {"assumptions": 7},
        {"port": 70_000},
        {"state": "/dev/null/state"},
    ],
)
def test_use_sandbox_with_invalid_argument_keeps_the_previous_one(arguments):
    with kvs.use_sandbox() as first:
        kvs.create_channel("front-door", wait=False)
        with pytest.raises(errors.KVSError):
            kvs.use_sandbox(**arguments)
        assert first.is_running
        assert len(kvs.list_channels()) == 1


def test_use_sandbox_again_keeps_state_directory_and_port(tmp_path):
    with kvs.use_sandbox(tmp_path) as first:
        kvs.create_channel("front-door", wait=False)
        port = urlsplit(first.endpoint_url).port
        with kvs.use_sandbox(tmp_path, port) as second:
            assert second.endpoint_url == first.endpoint_url
            assert len(kvs.list_channels()) == 1


def test_sandbox_lives_as_long_as_its_connection_is_current():
    kvs.use_sandbox()
    gc.collect()
    assert kvs.list_channels().empty
    kvs.use_sandbox().stop()


# --- durable


def test_acknowledged_changes_survive_a_kill(serve, tmp_path):
    state = tmp_path / "state"
    process = serve(state=str(state))
    with kvs.Sandbox(state) as joined:
        connection = joined.connection()
        arn = kvs.create_channel("front-door", tags={"Site": "hq"}, wait=False, connection=connection)[
            "channel_arn"
        ].item()
        key, ca = (
            connection.client()._request_signer._credentials.access_key,
            joined.environment()["NODE_EXTRA_CA_CERTS"],
        )
        certificate = Path(ca).read_bytes()
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        with pytest.raises(errors.SandboxError, match="has stopped.*with the same arguments"):
            joined.seed()
        with pytest.raises(errors.EndpointUnreachable):
            kvs.list_channels(connection=connection)
    assert (state / "sandbox.json").exists()  # the address of the killed server, which the next one ignores
    with kvs.Sandbox(state) as after:
        channel = kvs.wait_for_channel("front-door", connection=after.connection())
        assert channel["channel_arn"].item() == arn
        assert kvs.list_tags(channel, connection=after.connection())["value"].tolist() == ["hq"]
        assert after.endpoint_url == process.endpoint_url
        assert after.connection().client()._request_signer._credentials.access_key == key
        assert Path(after.environment()["NODE_EXTRA_CA_CERTS"]).read_bytes() == certificate


def test_kill_during_creates_loses_no_acknowledged_channel(serve, tmp_path):
    state = tmp_path / "state"
    process = serve(state=str(state), quotas=False)
    acknowledged: list[str] = []
    with kvs.Sandbox(state) as joined:
        client = joined.connection().client()

        def create() -> None:
            with pytest.raises((BotoCoreError, ClientError)):
                for number in range(100_000):
                    client.create_signaling_channel(ChannelName=f"c{number}")
                    acknowledged.append(f"c{number}")

        worker = threading.Thread(target=create)
        worker.start()
        while len(acknowledged) < 60:
            worker.join(0.01)
        process.send_signal(signal.SIGKILL)
        worker.join()
    with kvs.Sandbox(state) as after:
        assert set(acknowledged) <= set(names(after))
        assert len(names(after)) <= len(acknowledged) + 1


def test_second_process_joins_the_running_sandbox(serve, tmp_path, monkeypatch):
    state = tmp_path / "state"
    process = serve(state=str(state), account_id="444455556666", region="eu-west-1")
    with kvs.Sandbox(state) as joined:
        assert joined.endpoint_url == process.endpoint_url
        assert (joined.account_id, joined.region) == ("444455556666", "eu-west-1")
        joined.seed()
        assert len(names(joined)) == 9
    with kvs.Sandbox(state, account_id="444455556666") as again:
        assert len(names(again)) == 9
        for name, value in again.environment({}).items():
            monkeypatch.setenv(name, value)
    assert boto3.Session().client("sts").get_caller_identity()["Account"] == "444455556666"


def test_equal_settings_join_the_running_sandbox(tmp_path):
    settings = {
        "account_id": "444455556666",
        "region": "eu-west-1",
        "clock": "stepped",
        "quotas": False,
        "assumptions": kvs.Assumptions(creating_seconds=9, endpoint_protocols=("WSS",)),
    }
    with kvs.Sandbox(tmp_path, **settings) as first, kvs.Sandbox(tmp_path, **settings) as joined:
        assert joined.endpoint_url == first.endpoint_url


def test_two_sandboxes_of_one_process_share_a_directory(tmp_path):
    with kvs.Sandbox(tmp_path) as first, kvs.Sandbox(tmp_path) as joined:
        kvs.create_channel("front-door", wait=False, connection=joined.connection())
        assert names(first) == ["front-door"]
        joined.stop()
        assert names(first) == ["front-door"]


@pytest.mark.parametrize(
    "settings",
    [{"account_id": "999988887777"}, {"region": "eu-west-1"}, {"clock": "stepped"}, {"quotas": False}, {"port": 9},
     {"assumptions": kvs.Assumptions(creating_seconds=9)}],
    ids=lambda settings: next(iter(settings)),
)  # fmt: skip
def test_joining_with_other_settings_is_rejected(tmp_path, settings):
    with (
        kvs.Sandbox(tmp_path),
        pytest.raises(errors.SandboxError, match=f"already runs in .* with {next(iter(settings))}="),
    ):
        kvs.Sandbox(tmp_path, **settings)


def test_restart_uses_another_port_if_the_old_is_taken(tmp_path):
    with kvs.Sandbox(tmp_path) as sandbox:
        port = int(sandbox.endpoint_url.rsplit(":", 1)[1])
    with asgi_server.listen(port), kvs.Sandbox(tmp_path) as again:
        assert again.endpoint_url != f"http://127.0.0.1:{port}"
        assert names(again) == []


def test_stepped_clock_continues_after_a_restart(tmp_path):
    with kvs.Sandbox(tmp_path, clock="stepped") as sandbox:
        first = kvs.create_channel("a", connection=sandbox.connection())
    with kvs.Sandbox(tmp_path, clock="stepped") as sandbox:
        second = kvs.create_channel("b", connection=sandbox.connection())
    assert second["creation_time"].item() > first["creation_time"].item()


def test_files_are_readable_by_their_owner_alone(tmp_path):
    state = tmp_path / "state"
    with kvs.Sandbox(state) as sandbox:
        kvs.create_channel("a", wait=False, connection=sandbox.connection())
        sandbox.environment()
        assert state.stat().st_mode & 0o777 == 0o700
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in state.iterdir()}
        assert set(modes.values()) == {"0o600"}, modes
        assert modes.keys() >= {"sandbox.sqlite", "sandbox.json", "config", "ca-key.pem"}
    assert not (state / "sandbox.json").exists()


def test_relative_state_path_is_resolved_at_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with kvs.Sandbox("state") as sandbox:
        monkeypatch.chdir("/")
        environment = sandbox.environment()
    names = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]
    assert {Path(environment[name]).parent for name in names} == {tmp_path / "state"}


def test_unusable_state_directory_is_named_in_the_error(tmp_path):
    (tmp_path / "file").write_text("")
    for state in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(errors.SandboxError, match="Cannot keep the sandbox's state in .*state="):
            kvs.Sandbox(state)


def test_unreadable_database_is_named_and_left_unchanged(tmp_path):
    database = tmp_path / "sandbox.sqlite"
    database.write_bytes(b"this is no database, " * 100)
    with pytest.raises(
        errors.SandboxError, match=r"Cannot read the sandbox's state.*Move sandbox\.sqlite away"
    ) as raised:
        kvs.Sandbox(tmp_path)
    assert isinstance(raised.value.__cause__, sqlite3.Error)
    assert database.read_bytes().startswith(b"this is no database")
    database.unlink()
    with kvs.Sandbox(tmp_path):
        pass


# --- tags with aws: keys

STACK = "aws:cloudformation:stack-name"


def test_seeded_aws_tags_are_listed_but_not_changed_by_requests(sandbox, connection):
    assert sandbox.seed(1, tags={STACK: "doors", "Owner": "ops"}) == 1
    channel = kvs.describe_channel("device-0000000")
    arn, client = channel["channel_arn"].item(), connection.client()
    expected = {STACK: "doors", "Owner": "ops"}
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == expected
    refused = [
        lambda: client.tag_resource(ResourceARN=arn, Tags=[{"Key": STACK, "Value": "mine"}]),
        lambda: client.untag_resource(ResourceARN=arn, TagKeyList=["Owner", STACK]),
        lambda: client.create_signaling_channel(ChannelName="b", Tags=[{"Key": STACK, "Value": "mine"}]),
    ]
    for request in refused:
        with pytest.raises(client.exceptions.InvalidArgumentException, match="the prefix aws: is reserved"):
            request()
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == expected
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": f"key-{number}", "Value": ""} for number in range(49)])
    assert len(client.list_tags_for_resource(ResourceARN=arn)["Tags"]) == 51  # aws: tags do not count against the 50


def test_example_fleet_can_be_seeded_with_further_tags(sandbox):
    assert sandbox.seed(tags={STACK: "doors"}) == 26
    connection = sandbox.connection()
    tags = kvs.list_tags(kvs.list_channels(connection=connection), connection=connection)
    assert tags.query("key == @STACK")["value"].tolist() == ["doors"] * 11


@pytest.mark.parametrize("tags", [{"": "x"}, {"k": "v" * 257}, {f"k{number}": "" for number in range(51)}, ["k"]])
def test_seed_rejects_tags_that_no_channel_can_have(sandbox, tags):
    with pytest.raises(errors.InvalidInput):
        sandbox.seed(1, tags=tags)
    assert names(sandbox) == []
