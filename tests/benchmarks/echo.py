"""Echo: a bare server that sends each WebSocket frame back, over TLS, on the server that the sandbox stands on."""

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

from tests.benchmarks.load import HOST
from tests.benchmarks.served import ended


class Echo(NamedTuple):
    """Where it answers, and whom to trust for that."""

    url: str
    ca_bundle: str


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one connection until it ends."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@contextmanager
def echoing() -> Iterator[Echo]:
    """Serve it in another process while the context lasts."""
    import trustme

    with tempfile.TemporaryDirectory(prefix="kvs-notebook-benchmark-") as directory:
        authority, server = Path(directory) / "ca.pem", Path(directory) / "server.pem"
        ca = trustme.CA()
        ca.cert_pem.write_to_path(authority)
        ca.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(server)
        command = [sys.executable, "-m", "tests.benchmarks.echo", str(server)]
        with ended(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)) as process:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError("The echo's process ended before it answered: its error stands above.")
            yield Echo(f"wss://{HOST}:{port}/", str(authority))


def serve(certificate: str) -> None:
    """Be the process: say which port, and end with standard input."""
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
