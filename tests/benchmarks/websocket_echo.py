"""A bare WebSocket echo server over TLS, on the same HTTP server as the sandbox (uvicorn)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.http_load import HOST
from tests.benchmarks.sandbox_process import terminate_after


class Echo(NamedTuple):
    """The URL of a running echo server, and the CA bundle that verifies it."""

    url: str
    ca_bundle: str


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Echo the frames of one connection until it closes."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@contextmanager
def run_echo() -> Iterator[Echo]:
    """Run the echo server in another process for the duration of the context."""
    import trustme

    with tempfile.TemporaryDirectory(prefix="kvs-notebook-benchmark-") as directory:
        ca_bundle, certificate = Path(directory) / "ca.pem", Path(directory) / "server.pem"
        ca = trustme.CA()
        ca.cert_pem.write_to_path(ca_bundle)
        ca.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(certificate)
        command = [sys.executable, "-m", "tests.benchmarks.websocket_echo", str(certificate)]
        with terminate_after(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ) as process:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError("The echo server exited before it was ready. Its error is on standard error above.")
            yield Echo(f"wss://{HOST}:{port}/", str(ca_bundle))


def serve(certificate: str) -> None:
    """Write the port to standard output and serve until standard input closes."""
    import uvicorn

    listener = socket.create_server((HOST, 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
        ssl_certfile=certificate,
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    serve(sys.argv[1])
