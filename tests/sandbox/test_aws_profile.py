"""The AWS profile of a sandbox: its files and its environment."""

from __future__ import annotations

import configparser
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme

import kvs_notebook as kvs
from kvs_notebook.sandbox.address import Address
from kvs_notebook.sandbox.aws_profile import AwsProfile
from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.certificates import CertificateAuthority
from kvs_notebook.sandbox.state_directory import StateDirectory

KEYS = AccessKeys(b"a root secret")
ADDRESS = Address("http://127.0.0.1:4566", KEYS, {"account_id": "111122223333", "region": "eu-west-1"})

IDENTITY_SCRIPT = """
import boto3
client = boto3.client("kinesisvideo")
print(boto3.client("sts").get_caller_identity()["Account"], client.meta.region_name, client.meta.endpoint_url)
print(len(client.list_signaling_channels().get("ChannelInfoList", [])))
"""


@pytest.fixture
def profile(tmp_path: Path) -> AwsProfile:
    directory = StateDirectory(tmp_path)
    certificates = CertificateAuthority(directory)
    certificates.create()
    profile = AwsProfile(directory, certificates, ADDRESS)
    profile.write()
    return profile


def test_config_file_has_one_profile_and_credentials_file_none(profile, tmp_path):
    config = configparser.ConfigParser()
    config.read(tmp_path / "config")
    assert config.sections() == ["profile sandbox"]
    assert dict(config["profile sandbox"]) == {
        "endpoint_url": "http://127.0.0.1:4566",
        "region": "eu-west-1",
        "aws_access_key_id": KEYS.access_key_id("111122223333"),
        "aws_secret_access_key": KEYS.secret(KEYS.access_key_id("111122223333")),
    }
    assert (tmp_path / "credentials").read_text() == ""


def test_only_the_owner_may_read_its_files(profile, tmp_path):
    (tmp_path / "config").chmod(0o644)
    profile.write()
    profile.environment({})
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == dict.fromkeys(
        ["config", "credentials", "ca.pem", "ca-key.pem", "bundle.pem"], "0o600"
    )


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_DEFAULT_PROFILE",
        "AWS_ENDPOINT_URL_KINESIS_VIDEO",
        "AWS_ENDPOINT_URL_STS",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    ],
)
def test_variable_that_outranks_the_profile_is_removed(profile, name):
    assert name not in profile.environment({name: "real"})


def test_all_other_variables_stay(profile):
    kept = {
        "PATH": "/usr/bin",
        "HOME": "/home/u",
        "AWS_MAX_ATTEMPTS": "5",
        "AWS_PAGER": "",
        "HTTP_PROXY": "http://proxy:3128",
    }
    environment = profile.environment(kept)
    assert environment.items() >= kept.items()


def test_environment_names_the_profile_in_every_variable(profile, tmp_path):
    real = {"AWS_PROFILE": "production", "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"}
    environment = profile.environment(
        {**real, "AWS_ENDPOINT_URL": "https://example.com", "AWS_CONFIG_FILE": "/etc/aws"}
    )
    assert {name: value for name, value in environment.items() if not value.startswith(str(tmp_path))} == {
        "AWS_PROFILE": "sandbox",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
    }
    assert all(Path(value).is_file() for value in environment.values() if value.startswith(str(tmp_path)))


def test_no_proxy_keeps_hosts_and_adds_loopback(profile):
    environment = profile.environment({"no_proxy": "intranet,localhost"})
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet,localhost,127.0.0.1,::1"


def test_certificates_trusted_before_stay_trusted(profile, tmp_path):
    roots = ssl.create_default_context().cert_store_stats()["x509_ca"]
    everything = ssl.create_default_context(cafile=profile.environment({})["SSL_CERT_FILE"])
    assert everything.cert_store_stats()["x509_ca"] > max(roots, 50)
    company = tmp_path / "company.pem"
    trustme.CA().cert_pem.write_to_path(str(company))
    own = ssl.create_default_context(cafile=profile.environment({"AWS_CA_BUNDLE": str(company)})["AWS_CA_BUNDLE"])
    assert own.cert_store_stats()["x509_ca"] == 2


def test_missing_bundle_is_ignored(profile):
    bundle = profile.environment({"AWS_CA_BUNDLE": "/no/such/file.pem"})["AWS_CA_BUNDLE"]
    assert ssl.create_default_context(cafile=bundle).cert_store_stats()["x509_ca"] > 50


def test_ca_stays_the_same_in_a_durable_directory(tmp_path):
    first = CertificateAuthority(StateDirectory(tmp_path))
    first.create()
    certificate = first.path.read_bytes()
    again = CertificateAuthority(StateDirectory(tmp_path))
    assert again.path.read_bytes() == certificate
    assert again.server_context()


def test_threads_that_ask_for_the_ca_get_one_file(monkeypatch):
    def slow_mkdtemp(**options: Any) -> str:
        time.sleep(0.05)  # long enough for every other thread to ask
        return create(**options)

    create = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", slow_mkdtemp)
    directory = StateDirectory(None)
    certificates = CertificateAuthority(directory)
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: certificates.path, range(8)))
    exist = [path.is_file() for path in paths]
    for path in paths:
        shutil.rmtree(path.parent)
    assert exist == [True]


def test_program_in_hostile_environment_finds_only_the_sandbox(tmp_path):
    (tmp_path / "config").write_text("[profile sandbox]\nregion = us-west-2\nendpoint_url = http://192.0.2.1\n")
    (tmp_path / "credentials").write_text("[sandbox]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
    hostile = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_PROFILE": "sandbox",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_ENDPOINT_URL_KINESIS_VIDEO": "http://192.0.2.1",
        "AWS_DEFAULT_REGION": "us-west-2",
        "HTTP_PROXY": "http://192.0.2.1:3128",
        "HTTPS_PROXY": "http://192.0.2.1:3128",
    }
    with kvs.Sandbox(account_id="444455556666", region="eu-west-1") as sandbox:
        sandbox.seed()
        done = subprocess.run(
            [sys.executable, "-c", IDENTITY_SCRIPT],
            env=sandbox.environment({"PATH": "/usr/bin", **hostile}),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["444455556666", "eu-west-1", sandbox.endpoint_url, "9"]


def test_environment_defaults_to_the_process_environment(sandbox, monkeypatch):
    monkeypatch.setenv("SOME_SETTING", "kept")
    environment = sandbox.environment()
    assert environment["SOME_SETTING"] == "kept"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert boto3.Session().client("sts").get_caller_identity()["Account"] == sandbox.account_id


def test_stopped_sandbox_writes_no_ca_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with kvs.Sandbox() as sandbox:
        connection = sandbox.connection()
    with pytest.raises(kvs.errors.EndpointUnreachable, match="has stopped"):
        connection.tls_context("https://127.0.0.1")
    assert list(tmp_path.iterdir()) == []
