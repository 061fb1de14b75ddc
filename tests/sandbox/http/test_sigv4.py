"""Verification of signatures that botocore's signers create."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.sandbox.backend.access_keys import AccessKeys
from kvs_notebook.sandbox.backend.validation import ServiceError
from kvs_notebook.sandbox.http import wire_format
from kvs_notebook.sandbox.http.sigv4 import HttpRequest, Signer, sign, verify

ACCOUNT = "111122223333"
TIME = "[0-9]{8}T[0-9]{6}Z"
KEYS = AccessKeys(b"a root secret")
KEY_ID = KEYS.access_key_id(ACCOUNT)
CREDENTIALS = Credentials(KEY_ID, KEYS.secret(KEY_ID))
URL = "http://127.0.0.1:4433/describeSignalingChannel"

texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs"]), min_size=1, max_size=12
)


def prepared(request: AWSRequest) -> HttpRequest:
    """Return a request that botocore has signed, as the sandbox receives it."""
    sent = request.prepare()
    parts = urlsplit(sent.url)
    headers = {"host": parts.netloc, **{name.lower(): str(value) for name, value in sent.headers.items()}}
    body = sent.body or b""
    return HttpRequest(sent.method, parts.path, parts.query, headers, body.encode() if isinstance(body, str) else body)


def signed(
    url: str = URL, body: bytes = b"{}", *, region: str = "eu-west-1", credentials: Credentials = CREDENTIALS
) -> HttpRequest:
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(credentials, "kinesisvideo", region).add_auth(request)
    return prepared(request)


def presigned(
    url: str = "wss://127.0.0.1:4433/v", *, expires: int = 299, credentials: Credentials = CREDENTIALS
) -> HttpRequest:
    request = AWSRequest("GET", url)
    SigV4QueryAuth(credentials, "kinesisvideo", "eu-west-1", expires=expires).add_auth(request)
    return prepared(request)


def now() -> datetime:
    return datetime.now(UTC)


def rejection(request: HttpRequest, at: datetime | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        verify(request, KEYS, at or now())
    return refused.value


def test_signed_request_names_its_account_and_region():
    assert verify(signed(), KEYS, now()) == Signer(ACCOUNT, "eu-west-1", "kinesisvideo", KEY_ID)


@given(body=st.binary(max_size=64), query=st.dictionaries(texts, texts, max_size=3), header=texts)
def test_any_request_that_botocore_signs_is_verified(body, query, header):
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    request = AWSRequest("POST", f"{URL}?{text}", data=body, headers={"X-Note": quote(header)})
    SigV4Auth(CREDENTIALS, "kinesisvideo", "us-east-1").add_auth(request)
    assert verify(prepared(request), KEYS, now()).account_id == ACCOUNT


@given(query=st.dictionaries(texts, texts, max_size=4))
def test_any_url_that_botocore_signs_is_verified(query):
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    url = f"wss://127.0.0.1:4433/v{'?' if text else ''}{text}"
    assert verify(presigned(url), KEYS, now()).region == "eu-west-1"


def test_url_that_was_signed_without_a_path_is_verified():
    assert verify(presigned("wss://127.0.0.1:4433?X-Amz-ClientId=a"), KEYS, now()).account_id == ACCOUNT


def test_plus_in_a_url_is_not_a_space():
    request = presigned("wss://127.0.0.1:4433/v?X-Amz-ClientId=a%2Bb")
    assert "a%2Bb" in request.query
    assert verify(request._replace(query=request.query.replace("%2B", "+")), KEYS, now()).account_id == ACCOUNT


def test_order_of_a_urls_parameters_does_not_matter():
    request = presigned()
    turned = request._replace(query="&".join(reversed(request.query.split("&"))))
    assert verify(turned, KEYS, now()).account_id == ACCOUNT


def test_any_signed_headers_with_host_are_accepted():
    few = HttpRequest("POST", "/listSignalingChannels", "", {"host": "127.0.0.1:1", "user-agent": "C"}, b"{}")
    headers = sign(few, KEYS, Signer(ACCOUNT, "us-east-1", "kinesisvideo", KEY_ID), now())
    assert "SignedHeaders=host;user-agent;x-amz-date" in headers["authorization"]
    assert verify(few._replace(headers=headers), KEYS, now()).account_id == ACCOUNT
    without_host = headers["authorization"].replace("host;", "")
    assert (
        rejection(few._replace(headers={**headers, "authorization": without_host})).code
        == "IncompleteSignatureException"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"path": "/deleteSignalingChannel"},
        {"query": "a=b"},
        {"body": b'{"ChannelName": "other"}'},
    ],
    ids=str,
)
def test_changed_request_is_rejected(changed):
    error = rejection(signed()._replace(**changed))
    assert (error.code, error.status) == ("InvalidSignatureException", 403)
    assert error.message.startswith("The request signature we calculated does not match")


def test_changed_header_or_host_is_rejected():
    request = signed()
    minute_ago = (now() - timedelta(minutes=1)).strftime("%Y%m%dT%H%M%SZ")
    for name, value in (("host", "localhost:4433"), ("content-type", "text/plain"), ("x-amz-date", minute_ago)):
        headers = {**request.headers, name: value}
        assert rejection(request._replace(headers=headers)).code == "InvalidSignatureException", name


def test_body_is_hashed_and_the_stated_hash_ignored():
    request = AWSRequest("POST", URL, data=b"{}", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    SigV4Auth(CREDENTIALS, "kinesisvideo", "us-east-1").add_auth(request)
    assert rejection(prepared(request)).code == "InvalidSignatureException"


def test_unsigned_request_is_rejected():
    error = rejection(HttpRequest("POST", "/listSignalingChannels", "", {"host": "127.0.0.1"}))
    assert (error.code, error.status) == ("MissingAuthenticationTokenException", 403)


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic dTpw",
        "AWS4-HMAC-SHA256 Credential=a/b",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0a",
    ],
)
def test_incomplete_signature_is_rejected(authorization):
    headers = {"host": "127.0.0.1", "authorization": authorization, "x-amz-date": "20260105T090000Z"}
    error = rejection(HttpRequest("POST", "/listSignalingChannels", "", headers))
    assert (error.code, error.status) == ("IncompleteSignatureException", 400)


@pytest.mark.parametrize("key_id", ["AKIAIOSFODNN7EXAMPLE", f"KVSB{ACCOUNT}AAAA", "KVSB999999999999"])
def test_key_that_the_sandbox_did_not_issue_is_unknown(key_id):
    error = rejection(signed(credentials=Credentials(key_id, "secret")))
    assert (error.code, error.status) == ("UnrecognizedClientException", 403)


def test_key_of_another_sandbox_is_unknown():
    other = AccessKeys(b"another root secret")
    key_id = other.access_key_id(ACCOUNT)
    assert (
        rejection(signed(credentials=Credentials(key_id, other.secret(key_id)))).code == "UnrecognizedClientException"
    )


def test_wrong_secret_is_rejected():
    assert rejection(signed(credentials=Credentials(KEY_ID, "wrong"))).code == "InvalidSignatureException"


def test_invented_session_token_is_unknown():
    with_token = Credentials(KEY_ID, KEYS.secret(KEY_ID), "token+/=")
    assert rejection(signed(credentials=with_token)).code == "UnrecognizedClientException"
    assert rejection(presigned(credentials=with_token)).code == "UnrecognizedClientException"


def test_clock_skew_has_the_message_that_clients_parse():
    request = signed()
    late = rejection(request, now() + timedelta(minutes=6))
    early = rejection(request, now() - timedelta(minutes=6))
    assert (late.code, early.code) == ("InvalidSignatureException", "InvalidSignatureException")
    assert re.fullmatch(rf"Signature expired: {TIME} is now earlier than {TIME} \({TIME} - 5 min\.\)", late.message)
    assert re.fullmatch(
        rf"Signature not yet current: {TIME} is still later than {TIME} \({TIME} \+ 5 min\.\)", early.message
    )
    assert verify(request, KEYS, now() + timedelta(minutes=4)).account_id == ACCOUNT


def test_url_is_valid_until_it_expires():
    request = presigned(expires=60)
    assert verify(request, KEYS, now() + timedelta(seconds=58)).account_id == ACCOUNT
    assert rejection(request, now() + timedelta(seconds=62)).message.startswith("Signature expired: ")


@pytest.mark.parametrize("expires", ["0", "604801", "x", "-1", "1e3"])
def test_expiry_out_of_bounds_is_rejected(expires):
    request = presigned()
    query = request.query.replace("X-Amz-Expires=299", f"X-Amz-Expires={expires}")
    assert "1 to 604800" in rejection(request._replace(query=query)).message


def test_keys_contain_their_account_and_differ():
    ids = {KEYS.access_key_id(account) for account in (ACCOUNT, "000000000000", "444455556666")}
    assert len(ids) == 3
    assert all(len(key_id) == 20 and len(KEYS.secret(key_id)) == 40 for key_id in ids)
    assert {KEYS.account_of(key_id) for key_id in ids} == {ACCOUNT, "000000000000", "444455556666"}


@pytest.mark.parametrize("region", ["us-esat-1", "", "x" * 200, "aws-global", "us-east-1a"])
def test_signature_for_region_that_does_not_exist_is_rejected(region):
    assert rejection(signed(region=region)).code == "UnrecognizedClientException"


def test_newer_region_than_botocores_is_served():
    assert verify(signed(region="ap-southeast-8"), KEYS, now()).region == "ap-southeast-8"


@pytest.mark.parametrize("header", ["amz-sdk-request", "x-amz-security-token", "x-amz-date"])
@pytest.mark.parametrize("value", ["attempt=" + "9" * 5_000, "é", "99991231T235959Z", "00010101T000000Z"])
def test_extreme_header_is_an_error_of_the_caller(header, value):
    request = signed()
    changed = request._replace(headers={**request.headers, header: value})
    assert wire_format.attempt_number(changed) == 1
    with suppress(ServiceError):
        verify(changed, KEYS, now())


@pytest.mark.parametrize("parameter", ["X-Amz-Expires", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Credential"])
@pytest.mark.parametrize("value", ["9" * 5_000, "%C3%A9", "99991231T235959Z", "00010101T000000Z", "\xe9", "/" * 300])
def test_extreme_url_parameter_is_an_error_of_the_caller(parameter, value):
    request = presigned()
    query = "&".join(
        f"{parameter}={value}" if part.startswith(f"{parameter}=") else part for part in request.query.split("&")
    )
    assert rejection(request._replace(query=query)).status < 500


@given(st.lists(st.sampled_from(["host", "x-amz-date", "x"]), min_size=1, max_size=6))
def test_each_signed_header_is_named_once(names):
    """Each repetition would copy the header's value: a head of 64 KB would take 1 GB of memory."""
    request = signed()
    changed = re.sub("SignedHeaders=[^,]*", f"SignedHeaders={';'.join(names)}", request.headers["authorization"])
    error = rejection(request._replace(headers={**request.headers, "x": "a", "authorization": changed}))
    refused = len(names) != len(set(names)) or "host" not in names
    assert error.code == ("IncompleteSignatureException" if refused else "InvalidSignatureException")
