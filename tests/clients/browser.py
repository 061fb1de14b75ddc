"""A page in headless Chromium calls, with AWS's JavaScript client, an aiortc camera that uses this package.

``kvs-notebook sandbox -- python browser.py CHROMIUM DIRECTORY``: the directory contains the page, which gets the sandbox's
address and keys.
"""

import asyncio
import base64
import functools
import hashlib
import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import aioice.ice
import boto3
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import async_playwright

import kvs_notebook as kvs
from kvs_notebook.signaling.client import SignalingClient

aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]  # aiortc leaves loopback out
CHANNEL, CLIENT_ID = "front-door", "page"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",  # a name in place of the address would be looked up by multicast
]


class Quiet(SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, *_: object) -> None:
        """Do nothing."""


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory on loopback, which browsers treat as a secure context."""
    handler = functools.partial(Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def pin(endpoint: str) -> str:
    """Return the hash of an endpoint's key, checked against the sandbox's CA; Chromium takes no CA file."""
    port = urlsplit(endpoint).port
    assert port is not None
    with (
        socket.create_connection(("127.0.0.1", port)) as line,
        ssl.create_default_context().wrap_socket(line, server_hostname="127.0.0.1") as secured,
    ):
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


async def answer_calls(camera: SignalingClient) -> None:
    """Answer calls as the camera; echo each message of a data channel."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @connection.on("datachannel")
    def opened(data: object) -> None:
        data.on("message", lambda text: data.send(f"echo of {text}"))  # type: ignore[attr-defined]

    try:
        async for message in camera:
            if isinstance(message, kvs.messages.Offer):
                await connection.setRemoteDescription(RTCSessionDescription(message.sdp, "offer"))
                await connection.setLocalDescription(await connection.createAnswer())
                await camera.send_answer(connection.localDescription.sdp, recipient_client_id=message.sender_client_id)
            elif isinstance(message, kvs.messages.Candidate):
                candidate = candidate_from_sdp(message.candidate.removeprefix("candidate:"))
                candidate.sdpMid, candidate.sdpMLineIndex = message.sdp_mid, message.sdp_m_line_index
                await connection.addIceCandidate(candidate)
    finally:
        await connection.close()


async def call(chromium: str, url: str, sandbox_key: str) -> dict[str, object]:
    """Open the page, let it call, and return what it reports."""
    session = boto3.Session()
    credentials = session.get_credentials().get_frozen_credentials()
    settings = {
        "endpoint": session.client("kinesisvideo").meta.endpoint_url,
        "region": session.region_name,
        "credentials": {"accessKeyId": credentials.access_key, "secretAccessKey": credentials.secret_key},
        "channelName": CHANNEL,
        "clientId": CLIENT_ID,
    }
    flags = [*FLAGS, f"--ignore-certificate-errors-spki-list={sandbox_key}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=flags)
        page = await browser.new_page()
        page.on("pageerror", lambda error: print(error, file=sys.stderr))  # noqa: T201 - shown where the test fails
        await page.goto(url)
        seen: dict[str, object] = await page.evaluate("settings => window.call(settings)", settings)
        await browser.close()
    return seen


async def main(chromium: str, directory: Path) -> dict[str, object]:
    """Connect a camera, then let the page call it."""
    kvs.connect(allow_changes=True)
    channel = kvs.create_channel(CHANNEL)
    endpoints = kvs.get_endpoints(channel, role="VIEWER", protocols=("HTTPS",))
    with served(directory) as url:
        async with asyncio.timeout(80), kvs.open_signaling(channel, role="MASTER") as camera:
            answering = asyncio.create_task(answer_calls(camera))
            try:
                return await call(chromium, url, pin(endpoints["endpoint"].item()))
            finally:
                answering.cancel()
                await asyncio.wait([answering])


print(json.dumps(asyncio.run(main(sys.argv[1], Path(sys.argv[2])))))  # noqa: T201 - what it is for
