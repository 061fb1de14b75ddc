"""Every form: its header, its connection, and whether it may change anything."""

from __future__ import annotations

import re
import threading

import boto3
import pytest

import kvs_notebook as kvs
from kvs_notebook import errors
from tests.connections import connect_session

CHANGING = ["create_channel", "update_channel", "delete_channel", "edit_tags"]
FORMS = [*CHANGING, "get_endpoints", "connection"]


def text_of(header) -> str:
    header.identified.result(20)
    return re.sub(r"<style>.*</style>|<[^>]*>", " ", header.value, flags=re.DOTALL)


@pytest.mark.parametrize("name", FORMS)
def test_header_shows_account_region_and_endpoint(connection, name):
    header = text_of(getattr(kvs.forms, name)().header)
    for part in ("account 111122223333", "us-east-1", connection.endpoint_url, "SANDBOX"):
        assert part in header


def test_header_shows_account_that_is_known_only_from_sts(sandbox):
    """On loopback the badge asks STS for the identity, while the header is drawn for the first time."""
    key = sandbox.connection().credentials()
    session = boto3.Session(key.access_key, key.secret_key, region_name="us-east-1")
    form = kvs.forms.create_channel(connection=connect_session(session, "us-east-1", endpoint_url=sandbox.endpoint_url))
    form.header.identified.result(10)
    assert "account 111122223333" in form.header.value
    assert "SANDBOX" in form.header.value


@pytest.mark.parametrize("name", CHANGING)
def test_changing_form_is_disabled_on_read_only_connection(real_account, name):
    kvs.connect("sandbox")
    form = getattr(kvs.forms, name)()
    header = text_of(form.header)
    assert "profile sandbox" in header
    assert "real account, read-only" in header
    assert "kvs.connect(&#x27;sandbox&#x27;, region=&#x27;us-east-1&#x27;, allow_changes=True)" in header
    assert form.submit.disabled
    assert all(field.input.disabled for field in form.fields() if hasattr(field, "input"))
    kvs.connect("sandbox", allow_changes=True)
    form = getattr(kvs.forms, name)()
    assert "changes take effect at once" in text_of(form.header)
    assert form.submit.disabled is (name == "delete_channel"), "to delete, the name has to be typed"


def test_reading_form_is_enabled_on_read_only_connection(real_account, submit):
    kvs.connect("sandbox", allow_changes=True)
    kvs.create_channel("gate")
    kvs.connect("sandbox")
    form = kvs.forms.get_endpoints("gate")
    assert not form.submit.disabled
    assert len(submit(form)) == 2


def test_disabled_form_sends_nothing_from_code(real_account, submit):
    kvs.connect("sandbox")
    form = kvs.forms.create_channel()
    form.name.value = "gate"
    assert isinstance(submit(form), errors.ReadOnly)
    assert "connect again with Allow changes ticked" in form.status.text
    assert "allow_changes=True" in form.status.value
    assert form.submit.disabled
    assert not (real_account.requests["operation"] == "CreateSignalingChannel").any()


@pytest.mark.parametrize("name", FORMS)
def test_form_creates_its_clients_when_it_opens(sandbox, name):
    made = sandbox.connection()
    getattr(kvs.forms, name)(connection=made)
    assert {service for service, *_ in made._clients._clients} >= {"kinesisvideo"}


def test_header_shows_why_identity_is_unknown(sandbox):
    sandbox.faults.add("GetCallerIdentity", "expired", times=None)
    form = kvs.forms.create_channel(connection=sandbox.connection())
    header = text_of(form.header)
    assert "account not known" in header
    assert "Renew the credentials" in header


def test_profile_name_is_escaped(sandbox):
    made = sandbox.connection().replace(profile="<script>alert(1)</script>")
    form = kvs.forms.create_channel(connection=made)
    assert "<script>" not in form.header.value
    assert "&lt;script&gt;" in form.header.value


def test_form_keeps_its_connection(sandbox, connection, submit):
    form = kvs.forms.create_channel()
    kvs.current_connection(None)
    other = sandbox.connection(region="eu-west-1")
    form.name.value = "gate"
    submit(form)
    assert len(kvs.list_channels(connection=connection)) == 1
    assert len(kvs.list_channels(connection=other)) == 0


def test_cell_and_loading_job_set_field_at_same_moment(sandbox, connection):
    """A cell sets a field, whose listeners use the form, while the worker's thread writes what it has loaded into that field."""
    sandbox.seed()
    form = kvs.forms.update_channel("parking-north")
    form.future.result(20)
    is_loaded = threading.Event()
    load = form.set_loaded

    def set_loaded(*arguments):
        is_loaded.set()
        load(*arguments)

    form.set_loaded = set_loaded
    # As slow as the first listener may be: the worker's thread gets as far as it can.
    form.message_ttl_seconds._listeners.insert(0, lambda: is_loaded.wait(1))
    form.channel.value = "parking-south"
    form.load.click()
    cell = threading.Thread(target=setattr, args=(form.message_ttl_seconds, "value", "90"), daemon=True)
    cell.start()
    cell.join(10)
    assert not cell.is_alive()
    assert form.future.result(10)["channel_name"].item() == "parking-south"
