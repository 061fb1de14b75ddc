"""An endpoint that credentials are requested from, and that does not answer or does so byte by byte, is given up in time."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.utils import ContainerMetadataFetcher, InstanceMetadataFetcher, JSONFileCache

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws import client_config, reply_limits
from kvs_notebook.aws.default_connection import for_profile
from kvs_notebook.fleet.account_region import AccountRegion, read_account_regions
from kvs_notebook.fleet.accounts import Account
from kvs_notebook.fleet.connection_factory import ConnectionFactory

SECONDS = 0.15
ROLE = "role_arn = arn:aws:iam::444455556666:role/Reader\n"
BASE = "[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s\n"
URL = "https://127.0.0.1/start"
SSO = "sso_account_id = 444455556666\nsso_role_name = Reader\n"
SESSION = f"{SSO}sso_session = corp\n[sso-session corp]\nsso_start_url = {URL}\nsso_region = us-east-1\n"
PROFILES = {
    "SSO": SESSION,
    "SSO without session": f"{SSO}sso_start_url = {URL}\nsso_region = us-east-1\n",
    "SSO to be renewed": SESSION,
    "role": f"{ROLE}source_profile = base\n{BASE}",
    "web identity": f"{ROLE}web_identity_token_file = token\n",
    "container": "",
    "instance": "",
}
VARIABLES = {"container": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "instance": "AWS_EC2_METADATA_SERVICE_ENDPOINT"}
"""The variables that name the endpoint of providers that use no client of botocore."""


@contextlib.contextmanager
def endpoint(each: bytes) -> Iterator[tuple[str, list[socket.socket]]]:
    """Yield the URL of a server that writes the same bytes again and again, none if they are empty, and its connections."""
    accepted: list[socket.socket] = []
    ended = threading.Event()

    def write(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
            while not ended.is_set():
                connection.sendall(each)
                ended.wait(0.01)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted.append(listener.accept()[0])
                if each:
                    threads.append(threading.Thread(target=write, args=(accepted[-1],)))
                    threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", accepted
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
    for connection in accepted:
        connection.close()


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that writes a profile ``lab`` whose credentials come from an endpoint."""
    monkeypatch.setattr(reply_limits, "REPLY_SECONDS", SECONDS)
    monkeypatch.setattr(client_config, "READ_SECONDS", SECONDS)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
    monkeypatch.setattr(ContainerMetadataFetcher, "TIMEOUT_SECONDS", SECONDS)
    monkeypatch.setattr(
        "botocore.credentials.InstanceMetadataFetcher",
        lambda **options: InstanceMetadataFetcher(**options | {"timeout": SECONDS}),
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def _configure(name: str, url: str) -> None:
        token = tmp_path / "token"
        token.write_text("a token")
        (tmp_path / "config").write_text(
            "[profile lab]\nregion = us-east-1\n" + PROFILES[name].replace("token\n", f"{token}\n")
        )
        past = "2020-01-01T00:00:00Z"
        cached = {"startUrl": URL, "region": "us-east-1", "accessToken": "t", "expiresAt": "2999-01-01T00:00:00Z"}
        if name == "SSO to be renewed":
            cached |= {"expiresAt": past, "refreshToken": "r", "clientId": "c", "clientSecret": "s",
                       "registrationExpiresAt": "2999-01-01T00:00:00Z"}  # fmt: skip
        monkeypatch.setattr(JSONFileCache, "__contains__", lambda *_: True)
        monkeypatch.setattr(JSONFileCache, "__getitem__", lambda *_: cached)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        if name in VARIABLES:
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
            monkeypatch.setenv(VARIABLES[name], url)

    return _configure


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("each", [b"", b" "], ids=["silent", "byte by byte"])
def test_provider_that_does_not_answer_is_given_up(name, each, configure):
    with endpoint(each) as (url, accepted):
        configure(name, url)
        connection = for_profile("lab")
        kind = errors.NoCredentials if name in VARIABLES else errors.EndpointUnreachable
        with pytest.raises((kind, errors.ExpiredCredentials)) as raised:
            kvs.list_channels(connection=connection)
        assert VARIABLES.get(name, "") in str(raised.value)
        assert len(accepted) <= client_config.MAX_ATTEMPTS * 2
        assert str(raised.value).isprintable()
        where = AccountRegion(Account("lab"), "444455556666", "us-east-1", None, "none")
        row = read_account_regions([where], ConnectionFactory.in_process(connection))[0].coverage
        is_expired = isinstance(raised.value, (errors.ExpiredCredentials, errors.NoCredentials))
        assert row["status"] == ("expired" if is_expired else "error")
