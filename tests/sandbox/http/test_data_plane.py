"""Who is let in to signaling, and who is refused before the upgrade; ICE servers."""

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


@pytest.fixture
def sandbox():
    with kvs.Sandbox(assumptions=kvs.Assumptions(creating_seconds=0, deleting_seconds=0)) as started:
        yield started


@pytest.fixture
def signaling(sandbox):
    return ChannelSignaling(sandbox)


async def refusal(signaling, url):
    """Give the status and code of a refused upgrade; fail where it is let in."""
    with pytest.raises(InvalidStatus) as refused:
        async with asyncio.timeout(20), signaling.open(url):
            pass
    response = refused.value.response
    return response.status_code, response.headers[CODE].split(":")[0]


def signed(signaling, path="/v", *, region="us-east-1", expires=299, at=None, **parameters):
    """Sign what our own functions would not."""
    base = signaling.url("tablet").partition("/v?")[0]
    query = "&".join(f"X-Amz-{name}={quote(value, safe='')}" for name, value in parameters.items())
    request = AWSRequest("GET", f"{base}{path}?{query}")
    SigV4QueryAuth(signaling.connection.credentials(), "kinesisvideo", region, expires).add_auth(request)
    return request.url


def test_a_signed_url_lets_its_viewer_in_and_that_is_written_down(signaling):
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
        lambda signaling: signaling.url("tablet").replace("tablet", "intruder"),
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
def test_it_is_refused_before_the_upgrade(signaling, why):
    url, status, code = REFUSED[why]
    assert run(refusal(signaling, url(signaling))) == (status, code)
    if "path that" not in why:
        row = signaling.sandbox.requests.iloc[-1]
        assert (row["status"], row["error_code"]) == (status, code)


def test_a_url_that_has_expired_is_refused_and_a_connection_outlasts_it(signaling):
    async def visit():
        url = signed(signaling, expires=1, ChannelARN=signaling.arn, ClientId="tablet")
        async with asyncio.timeout(20), signaling.open(url) as socket, signaling.master() as camera:
            signed_at = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
            while time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 2)) <= signed_at:
                await (await socket.ping())  # a second of wall time, which nobody can move
            assert await refusal(signaling, url) == (403, "InvalidSignatureException")
            await socket.send('{"action":"SDP_OFFER","messagePayload":"e30="}')
            assert (await camera.receive())["senderClientId"] == "tablet"

    run(visit())


def test_a_session_token_counts_only_where_it_was_signed_too(signaling):
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
        assert await refusal(signaling, added_afterwards) == (403, "InvalidSignatureException")
        assert await refusal(signaling, url(None)) == (403, "UnrecognizedClientException")

    run(visit())


def test_a_deleted_channel_is_not_found(signaling):
    url = signaling.url("tablet")
    kvs.delete_channel(signaling.channel, connection=signaling.connection, wait=True)
    assert run(refusal(signaling, url)) == (404, MISSING)


def test_a_masters_client_id_counts_for_nothing(signaling):
    async def visit():
        url = signed(signaling, "/m", ChannelARN=signaling.arn, ClientId="AWS_whatever")
        async with asyncio.timeout(20), signaling.open(url) as socket, signaling.peer("tablet") as tablet:
            await tablet.send(OFFER, "to the master")
            assert "to the master" in str(
                base64.b64decode(__import__("json").loads(await socket.recv())["messagePayload"])
            )

    run(visit())


def test_one_viewer_too_many_is_refused_and_one_that_comes_again_is_not():
    with kvs.Sandbox(quotas=False, assumptions=kvs.Assumptions(creating_seconds=0)) as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def crowd():
            peers = [signaling.peer(f"viewer-{number}") for number in range(MAX_VIEWERS)]
            for peer in peers:
                await peer.__aenter__()
            assert await refusal(signaling, signaling.url("one-more")) == (400, "ClientLimitExceededException")
            async with signaling.peer("viewer-0"):  # the same again takes its own place
                pass
            for peer in peers:
                await peer.__aexit__(None, None, None)

        run(crowd())


def test_a_viewer_that_broke_off_may_keep_its_place_for_a_while():
    assumed = kvs.Assumptions(creating_seconds=0, lingering_viewer_seconds=7200)
    with kvs.Sandbox(quotas=False, assumptions=assumed) as sandbox:
        signaling = ChannelSignaling(sandbox)

        async def visit():
            for number in range(MAX_VIEWERS):
                async with signaling.peer(f"viewer-{number}") as peer:
                    peer.socket.transport.abort()
            while True:  # until the sandbox has seen the last of them break off
                if await refusal(signaling, signaling.url("one-more")) == (400, "ClientLimitExceededException"):
                    break
            sandbox.advance(7200)
            async with signaling.peer("one-more"):
                pass

        run(visit())


@pytest.mark.parametrize("client_id", ["tablet", None], ids=["viewer", "master"])
def test_more_than_three_connects_a_second_are_refused(signaling, client_id):
    url = signaling.url(client_id)

    async def knock():
        try:
            async with signaling.open(url):
                return "let in"
        except InvalidStatus as refused:
            return refused.response.headers[CODE].split(":")[0]

    async def hurry():
        return await asyncio.gather(*(knock() for _ in range(30)))

    answers = run(hurry())
    assert set(answers) == {"let in", "ClientLimitExceededException"}
    assert answers.count("let in") >= 3


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
def test_trouble_can_be_scheduled_for_connects(signaling, kind, status, code):
    signaling.sandbox.faults.add("ConnectAsViewer", kind)
    assert run(refusal(signaling, signaling.url("tablet"))) == (status, code)


@pytest.mark.parametrize("kind", ["reset", "lost_reply"])
def test_a_connect_can_be_cut(signaling, kind):
    async def visit():
        signaling.sandbox.faults.add("ConnectAsViewer", kind)
        with pytest.raises((OSError, EOFError, Exception), match=r"reset|EOF|no close|did not receive|closed|lost"):
            async with signaling.open(signaling.url("tablet")):
                pass

    run(visit())


def test_connecting_can_be_denied(signaling):
    signaling.sandbox.deny("kinesisvideo:Connect*")
    assert run(refusal(signaling, signaling.url("tablet"))) == (403, DENIED)
    assert run(refusal(signaling, signaling.url())) == (403, DENIED)


def test_a_url_is_good_for_the_host_that_it_was_signed_for(signaling):
    assert run(refusal(signaling, signaling.url("tablet").replace("127.0.0.1", "localhost"))) == (
        403,
        "InvalidSignatureException",
    )


def test_a_sandbox_stops_at_once_though_a_peer_of_the_same_loop_is_connected():
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
    endpoint = kvs.get_endpoints(signaling.channel, protocols=["HTTPS"], connection=signaling.connection)[
        "endpoint"
    ].item()
    return signaling.connection.client("kinesis-video-signaling", endpoint_url=endpoint)


def test_ice_servers_come_in_the_form_that_was_seen_of_the_service(signaling, ice):
    servers = ice.get_ice_server_config(ChannelARN=signaling.arn, ClientId="tablet", Service="TURN")["IceServerList"]
    assert len(servers) == 2
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
def test_ice_servers_are_refused_as_the_model_says(signaling, ice, request_of, code):
    with pytest.raises(ClientError) as refused:
        ice.get_ice_server_config(**request_of(signaling))
    assert refused.value.response["Error"]["Code"] == code
    assert signaling.sandbox.requests.iloc[-1]["error_code"] == code


def test_five_calls_a_second_are_what_a_channel_gets(signaling, ice):
    with pytest.raises(ClientError, match="ClientLimitExceededException"):
        for _ in range(60):
            ice.get_ice_server_config(ChannelARN=signaling.arn)
    served = signaling.sandbox.requests.query("operation == 'GetIceServerConfig'")["status"]
    assert (served == 200).sum() >= 5


def test_another_operation_is_not_known_there(signaling, ice):
    with pytest.raises(ClientError, match="UnknownOperationException"):
        ice.send_alexa_offer_to_master(ChannelARN=signaling.arn, SenderClientId="a", MessagePayload="e30=")
