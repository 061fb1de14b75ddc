"""Signaling connections that are admitted or rejected before the upgrade, and ICE servers."""

from __future__ import annotations

import asyncio
import base64
import time
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus

import kvs_notebook as kvs
from kvs_notebook.aws.quotas import MAX_VIEWERS
from tests.sandbox.websocket_peer import OFFER, ChannelSignaling, run

CODE = "x-amzn-errortype"
AT_ONCE = kvs.Assumptions(creating_seconds=0, deleting_seconds=0)


@pytest.fixture(scope="module")
def shared():
    """Yield a channel of a sandbox for the file: starting one with TLS takes longer than most tests."""
    with kvs.Sandbox(quotas=False, assumptions=AT_ONCE) as started:
        yield ChannelSignaling(started)


@pytest.fixture
def signaling(shared):
    shared.begin_again()
    return shared


@pytest.fixture
def limited():
    """Yield a channel of a sandbox with quotas."""
    with kvs.Sandbox(assumptions=AT_ONCE) as started:
        yield ChannelSignaling(started)


async def rejection(signaling, url):
    """Return status and code of a rejected upgrade; fail if it is admitted."""
    with pytest.raises(InvalidStatus) as refused:
        async with asyncio.timeout(20), signaling.open(url):
            pass
    response = refused.value.response
    return response.status_code, response.headers[CODE].split(":")[0]


def signed(signaling, path="/v", *, region="us-east-1", expires=299, at=None, **parameters):
    """Sign a URL that the toolkit would not sign."""
    base = signaling.url("tablet").partition("/v?")[0]
    query = "&".join(f"X-Amz-{name}={quote(value, safe='')}" for name, value in parameters.items())
    request = AWSRequest("GET", f"{base}{path}?{query}")
    SigV4QueryAuth(signaling.connection.credentials(), "kinesisvideo", region, expires).add_auth(request)
    return request.url


def test_signed_url_admits_its_viewer_and_is_logged(signaling):
    async def visit():
        async with signaling.peer("tablet"):
            pass

    run(visit())
    row = signaling.sandbox.requests.iloc[-1]
    assert (row["operation"], row["status"], row["channel_name"]) == ("ConnectAsViewer", 101, "front-door")


DENIED, INVALID, MISSING = "AccessDeniedException", "InvalidArgumentException", "ResourceNotFoundException"
REFUSED = {
    "a signature that does not match": (
        lambda signaling: signaling.url("tablet")[:-1] + "x",
        403,
        "InvalidSignatureException",
    ),
    "no signature at all": (
        lambda signaling: signaling.url("tablet").partition("?")[0] + f"?X-Amz-ChannelARN={signaling.arn}",
        403,
        "MissingAuthenticationTokenException",
    ),
    "another client id than was signed": (
        lambda signaling: signaling.url("tablet").replace("tablet", "another-viewer"),
        403,
        "InvalidSignatureException",
    ),
    "the MASTER's path on a viewer's URL": (
        lambda signaling: signaling.url("tablet").replace("/v?", "/m?"),
        403,
        "InvalidSignatureException",
    ),
    "a session token that was not signed": (
        lambda signaling: signaling.url("tablet") + "&X-Amz-Security-Token=made-up",
        403,
        "UnrecognizedClientException",
    ),
    "another region": (
        lambda signaling: signed(signaling, region="eu-west-1", ChannelARN=signaling.arn, ClientId="a"),
        403,
        DENIED,
    ),
    "another account's channel": (
        lambda signaling: signed(
            signaling, ChannelARN=signaling.arn.replace("111122223333", "444455556666"), ClientId="a"
        ),
        403,
        DENIED,
    ),
    "no client id": (lambda signaling: signed(signaling, ChannelARN=signaling.arn), 400, INVALID),
    "no channel": (lambda signaling: signed(signaling, ClientId="a"), 400, INVALID),
    "a channel that is no ARN": (
        lambda signaling: signed(signaling, ChannelARN="front-door", ClientId="a"),
        400,
        INVALID,
    ),
    "a channel that is not there": (
        lambda signaling: signed(signaling, ChannelARN=signaling.arn.replace("front-door", "nowhere"), ClientId="a"),
        404,
        MISSING,
    ),
    "a path that is no role's": (
        lambda signaling: signed(signaling, "/x", ChannelARN=signaling.arn, ClientId="a"),
        404,
        MISSING,
    ),
    **{
        f"the client id {client_id[:8]!r}": (
            lambda signaling, client_id=client_id: signed(signaling, ChannelARN=signaling.arn, ClientId=client_id),
            400,
            INVALID,
        )
        for client_id in ("", "AWS_me", "aws_me", "Aws_Me", "a b", "a/b", "x" * 257)
    },
}


@pytest.mark.parametrize("why", REFUSED)
def test_invalid_url_is_rejected_before_the_upgrade(signaling, why):
    url, status, code = REFUSED[why]
    assert run(rejection(signaling, url(signaling))) == (status, code)
    if "path that" not in why:
        row = signaling.sandbox.requests.iloc[-1]
        assert (row["status"], row["error_code"]) == (status, code)


def test_expired_url_is_rejected_but_its_connection_stays_open(signaling):
    async def visit():
        url = signed(signaling, expires=1, ChannelARN=signaling.arn, ClientId="tablet")
        async with asyncio.timeout(20), signaling.open(url) as socket, signaling.master() as camera:
            signed_at = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
            while time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 2)) <= signed_at:
                await (await socket.ping())  # one second of wall time, which advance() does not move
            assert await rejection(signaling, url) == (403, "InvalidSignatureException")
            await socket.send('{"action":"SDP_OFFER","messagePayload":"e30="}')
            assert (await camera.receive())["senderClientId"] == "tablet"

    run(visit())


def test_session_token_must_be_signed(signaling):
    assumed = signaling.connection.client("sts").assume_role(
        RoleArn="arn:aws:iam::111122223333:role/Camera", RoleSessionName="front-door"
    )["Credentials"]

    def url(token):
        query = f"X-Amz-ChannelARN={quote(signaling.arn, safe='')}&X-Amz-ClientId=tablet"
        request = AWSRequest("GET", f"{signaling.url('tablet').partition('?')[0]}?{query}")
        keys = Credentials(assumed["AccessKeyId"], assumed["SecretAccessKey"], token)
        SigV4QueryAuth(keys, "kinesisvideo", "us-east-1", 299).add_auth(request)
        return request.url

    async def visit():
        async with signaling.open(url(assumed["SessionToken"])):
            pass
        added_afterwards = f"{url(None)}&X-Amz-Security-Token={quote(assumed['SessionToken'], safe='')}"
        assert await rejection(signaling, added_afterwards) == (403, "InvalidSignatureException")
        assert await rejection(signaling, url(None)) == (403, "UnrecognizedClientException")

    run(visit())


def test_deleted_channel_is_not_found(signaling):
    url = signaling.url("tablet")
    kvs.delete_channel(signaling.channel, connection=signaling.connection, wait=True)
    assert run(rejection(signaling, url)) == (404, MISSING)


def test_client_id_of_a_master_is_ignored(signaling):
    async def visit():
        url = signed(signaling, "/m", ChannelARN=signaling.arn, ClientId="AWS_whatever")
        async with asyncio.timeout(20), signaling.open(url) as socket, signaling.peer("tablet") as tablet:
            await tablet.send(OFFER, "to the master")
            assert "to the master" in str(
                base64.b64decode(__import__("json").loads(await socket.recv())["messagePayload"])
            )

    run(visit())


def test_viewer_limit_does_not_reject_a_reconnecting_viewer():
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def crowd():
            peers = [signaling.peer(f"viewer-{number}") for number in range(MAX_VIEWERS)]
            for peer in peers:
                await peer.__aenter__()
            assert await rejection(signaling, signaling.url("one-more")) == (400, "ClientLimitExceededException")
            async with signaling.peer("viewer-0"):  # replaces its own connection
                pass
            for peer in peers:
                await peer.__aexit__(None, None, None)

        run(crowd())


def test_aborted_viewer_may_count_for_a_while():
    assumed = kvs.Assumptions(creating_seconds=0, lingering_viewer_seconds=7200)
    with kvs.Sandbox(quotas=False, assumptions=assumed) as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def visit():
            for number in range(MAX_VIEWERS):
                async with signaling.peer(f"viewer-{number}") as peer:
                    peer.socket.transport.abort()
            while True:  # until the sandbox has seen the last of them break off
                if await rejection(signaling, signaling.url("one-more")) == (400, "ClientLimitExceededException"):
                    break
            sandbox.advance(7200)
            async with signaling.peer("one-more"):
                pass

        run(visit())


@pytest.mark.parametrize("client_id", ["tablet", None], ids=["viewer", "master"])
def test_more_than_three_connects_a_second_are_throttled(limited, client_id):
    url = limited.url(client_id)

    async def connect():
        try:
            async with limited.open(url):
                return "admitted"
        except InvalidStatus as refused:
            return refused.response.headers[CODE].split(":")[0]

    async def hurry():
        return await asyncio.gather(*(connect() for _ in range(30)))

    answers = run(hurry())
    assert set(answers) == {"admitted", "ClientLimitExceededException"}
    assert answers.count("admitted") >= 3


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttle", 400, "ClientLimitExceededException"),
        ("denied", 403, DENIED),
        ("expired", 403, "ExpiredTokenException"),
        ("revoked", 403, "UnrecognizedClientException"),
        ("error", 500, "InternalFailure"),
    ],
)
def test_faults_apply_to_connects(signaling, kind, status, code):
    signaling.sandbox.faults.add("ConnectAsViewer", kind)
    assert run(rejection(signaling, signaling.url("tablet"))) == (status, code)


@pytest.mark.parametrize("kind", ["reset", "lost_reply"])
def test_connect_can_be_cut(signaling, kind):
    async def visit():
        signaling.sandbox.faults.add("ConnectAsViewer", kind)
        with pytest.raises((OSError, EOFError, Exception), match=r"reset|EOF|no close|did not receive|closed|lost"):
            async with signaling.open(signaling.url("tablet")):
                pass

    run(visit())


def test_connecting_can_be_denied(signaling):
    signaling.sandbox.deny("kinesisvideo:Connect*")
    assert run(rejection(signaling, signaling.url("tablet"))) == (403, DENIED)
    assert run(rejection(signaling, signaling.url())) == (403, DENIED)


def test_url_is_valid_for_its_signed_host_only(signaling):
    assert run(rejection(signaling, signaling.url("tablet").replace("127.0.0.1", "localhost"))) == (
        403,
        "InvalidSignatureException",
    )


def test_sandbox_stops_although_a_peer_blocks_its_loop():
    sandbox = kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=0))
    signaling = ChannelSignaling(sandbox)

    async def stop():
        async with signaling.peer("tablet") as tablet:
            began = time.monotonic()
            sandbox.stop()  # blocks this loop, which so can't answer a close
            assert time.monotonic() - began < 5
            assert await tablet.closed() == 1006

    run(stop())


# --- ICE servers


@pytest.fixture
def ice(signaling):
    return ice_client(signaling)


def ice_client(signaling):
    endpoint = kvs.get_endpoints(signaling.channel, protocols=["HTTPS"], connection=signaling.connection)[
        "endpoint"
    ].item()
    return signaling.connection.client("kinesis-video-signaling", endpoint_url=endpoint)


def test_ice_servers_have_the_observed_format(signaling, ice):
    servers = ice.get_ice_server_config(ChannelARN=signaling.arn, ClientId="tablet", Service="TURN")["IceServerList"]
    assert len(servers) == 2
    assert len(ice.get_ice_server_config(ChannelARN=signaling.arn)["IceServerList"]) == 1  # two and one in turn
    for server in servers:
        assert server["Ttl"] == 300
        assert len(server["Uris"]) == 3
        assert [uri.partition(":")[0] for uri in server["Uris"]] == ["turn", "turns", "turns"]
        assert all(uri.split(":")[1] == "127.0.0.1" for uri in server["Uris"])
        epoch, about = server["Username"].split(":")
        assert 0 < int(epoch) - time.time() <= 301
        assert base64.b64decode(about).decode() == f"v1:{signaling.arn}"
        assert len(server["Password"]) == 44
    assert servers[0]["Password"] != servers[1]["Password"]


@pytest.mark.parametrize(
    ("request_of", "code"),
    [
        (lambda signaling: {"ChannelARN": signaling.arn.replace("front", "back")}, MISSING),
        (lambda signaling: {"ChannelARN": "x"}, INVALID),
        (lambda signaling: {"ChannelARN": signaling.arn, "ClientId": "a b"}, INVALID),
        (lambda signaling: {"ChannelARN": signaling.arn, "Service": "STUN"}, INVALID),
        (lambda signaling: {"ChannelARN": signaling.arn.replace("111122223333", "444455556666")}, DENIED),
    ],
)
def test_invalid_ice_server_requests_are_rejected(signaling, ice, request_of, code):
    with pytest.raises(ClientError) as refused:
        ice.get_ice_server_config(**request_of(signaling))
    assert refused.value.response["Error"]["Code"] == code
    assert signaling.sandbox.requests.iloc[-1]["error_code"] == code


def test_ice_servers_are_limited_per_channel(limited):
    ice = ice_client(limited)
    with pytest.raises(ClientError, match="ClientLimitExceededException"):
        for _ in range(60):
            ice.get_ice_server_config(ChannelARN=limited.arn)
    served = limited.sandbox.requests.query("operation == 'GetIceServerConfig'")["status"]
    assert (served == 200).sum() >= 5


def test_other_operations_are_unknown_on_the_data_plane(signaling, ice):
    with pytest.raises(ClientError, match="UnknownOperationException"):
        ice.send_alexa_offer_to_master(ChannelARN=signaling.arn, SenderClientId="a", MessagePayload="e30=")
