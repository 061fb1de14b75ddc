"""The form that connects, and never asks for an access key."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as widgets
import pytest
from ipywidgets.widgets.widget import _instances as all_widgets

import kvs_notebook as kvs
from kvs_notebook import errors
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.forms.connection_form import DEFAULT_CHAIN, SANDBOX
from tests.aws.fake_service import ALIASES, fake_service


@pytest.fixture
def profiles(sandbox, monkeypatch, tmp_path):
    """A machine with three profiles: one that reaches a sandbox, one without keys, one with a strange name."""
    environment = sandbox.environment({})
    config = tmp_path / "config"
    text = (
        Path(environment["AWS_CONFIG_FILE"]).read_text(encoding="utf-8").replace("[profile sandbox]", "[profile fleet]")
    )
    config.write_text(
        f"{text}\n[profile keyless]\nregion = eu-west-1\nendpoint_url = {sandbox.endpoint_url}\n"
        f"[profile <b>bold</b>]\nregion = ap-southeast-2\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setattr("kvs_notebook.aws.identity.SANDBOX_USER", "another-user")
    return sandbox


def choices(form) -> list[str]:
    return [value for _, value in form.profile.options]


def test_choices_are_sandbox_default_chain_profiles_and_regions(profiles):
    form = kvs.forms.connection()
    assert choices(form) == [SANDBOX, DEFAULT_CHAIN, "fleet", "keyless", "<b>bold</b>"]
    assert {"us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"} <= set(form.region.options)


def test_form_opens_without_configuration():
    form = kvs.forms.connection()
    form.header.identified.result(20)
    assert "account not known" in form.header.value
    assert "Configure a profile (in a terminal: aws configure sso)" in form.header.value
    assert not form.submit.disabled


def test_submit_identifies_and_sets_current_connection(profiles, submit):
    form = kvs.forms.connection()
    form.profile.value = "fleet"
    assert form.region.value == "us-east-1", "the profile's region is proposed"
    form.region.value = "eu-west-1"
    made = submit(form)
    assert kvs.current_connection() is made
    assert (made.profile, made.region, made.may_change()) == ("fleet", "eu-west-1", False)
    assert "Connected to account 111122223333 as arn:aws:iam::111122223333:user/" in form.status.text
    assert "kvs.connect(&#x27;fleet&#x27;, region=&#x27;eu-west-1&#x27;)" in form.status.value
    assert "profile fleet" in form.header.value


def test_stopped_connection_does_not_become_current(profiles, submit, slow_identity):
    form = kvs.forms.connection()
    form.profile.value, form.region.value = "fleet", "eu-west-1"
    form.submit.click()
    late = form.future
    assert slow_identity.begun.wait(20)
    form.cancel.click()
    form.region.value = "ap-southeast-2"
    made = submit(form)
    slow_identity.go_on.set()
    assert late.result(20).region == "eu-west-1"
    assert kvs.current_connection() is form.connection is form.value is made
    assert "eu-west-1" not in form.header.value


def test_every_header_shows_the_alias_as_text_once_read():
    hostile = "&lt;img src=x&gt;"
    with fake_service() as service:
        service.replies["ListAccountAliases"] = ALIASES.replace("acme-prod", hostile)
        account = service.connect()
        form = kvs.forms.connection(connection=account)
        form.header.named.result(20)
        for header in (form.header, kvs.forms.get_endpoints(connection=account).header):
            assert f'title="Alias of the account">{hostile}</span>' in header.value
            assert "account 111122223333" in header.value
        assert service.operations().count("ListAccountAliases") == 1


def test_changes_need_ticked_checkbox(profiles, submit):
    form = kvs.forms.connection()
    form.profile.value = "fleet"
    assert form.allow_changes.value is False
    form.allow_changes.value = True
    assert submit(form).may_change()
    assert "allow_changes=True" in form.status.value


@pytest.mark.parametrize(
    ("profile", "fault", "kind", "said"),
    [
        ("keyless", None, errors.NoCredentials, "Configure a profile"),
        ("fleet", "expired", errors.ExpiredCredentials, "aws configure --profile fleet"),
        ("fleet", "denied", errors.AccessDenied, "IAM policy"),
    ],
)
def test_failed_connection_shows_next_step(profiles, connection, submit, profile, fault, kind, said):
    if fault:
        profiles.faults.add("GetCallerIdentity", fault, times=None)
    form = kvs.forms.connection()
    form.profile.value = profile
    assert isinstance(submit(form), kind)
    assert form.status.role == "alert"
    assert said in form.status.text
    assert "\n" not in form.status.text
    assert kvs.current_connection() is connection, "the connection that was in use stays"
    assert not form.submit.disabled


def test_sandbox_is_started_with_example_fleet(submit):
    form = kvs.forms.connection()
    form.profile.value = SANDBOX
    made = submit(form)
    assert made.is_sandbox()
    assert len(kvs.list_channels()) == 11
    assert "SANDBOX" in form.header.value


def test_sandbox_in_use_is_kept(submit):
    with kvs.use_sandbox() as sandbox:
        kvs.create_channel("gate")
        form = kvs.forms.connection()
        assert form.profile.value == SANDBOX
        form.region.value = "eu-west-1"
        made = submit(form)
        assert made.endpoint_url == sandbox.endpoint_url
        form.region.value = "us-east-1"
        submit(form)
        assert kvs.list_channels()["channel_name"].tolist() == ["gate"]
    set_current(None)


def test_no_form_asks_for_access_keys(connection):
    for name in kvs.forms.__all__:
        getattr(kvs.forms, name)(*([kvs.plans.Plan([], source="a test")] if name == "plan" else []))
    shown = [each for each in all_widgets.values() if hasattr(each, "description")]
    assert len(shown) > 20
    assert not [each for each in shown if isinstance(each, widgets.Password)]
    assert not [
        each for each in shown if "secret" in str(each.description).lower() or "access key" in str(each.description)
    ]


def test_unreadable_configuration_is_shown(monkeypatch, tmp_path, connection):
    broken = tmp_path / "config"
    broken.write_text("[profile fleet\nregion", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    form = kvs.forms.connection()
    assert form.status.role == "alert"
    assert "Unable to parse config file" in form.status.text
