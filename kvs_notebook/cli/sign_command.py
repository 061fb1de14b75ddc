"""``kvs-notebook sign``: sign a viewer's URL, for a terminal or for a file that only its owner may read."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kvs_notebook.atomic_file import OWNER_ONLY
from kvs_notebook.cli.account_options import PROFILE
from kvs_notebook.cli.channel_connection import connect_to_channel
from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.terminal import STANDARD_OUTPUT, print_exactly, print_text

if TYPE_CHECKING:
    import pandas as pd

SECONDS = 299
"""Validity of a URL, as in AWS's own clients."""


@click.command(cls=ExampleCommand, example="kvs-notebook sign front-door --client-id support-1")
@click.argument("channel", metavar="NAME")
@click.option("--client-id", metavar="ID", required=True, help="Id of the viewer that connects with the URL.")
@click.option(
    "--expires",
    metavar="SECONDS",
    type=click.IntRange(1, 604_800),
    default=SECONDS,
    show_default=True,
    help="How long the URL can be used to connect.",
)
@click.option(
    "--with-ice",
    is_flag=True,
    help="Also the ICE servers, as JSON for RTCPeerConnection: below the URL, or in NAME-ice.json beside -o NAME.url.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to FILE, which only you may read; - is standard output, also a pipe or a log.",
)
@PROFILE
@click.option("--region", metavar="CODE", help="AWS region.  [default: that of the ARN, else of the profile]")
def sign(
    *,
    channel: str,
    client_id: str,
    expires: int,
    with_ice: bool,
    output: str | None,
    profile: str | None,
    region: str | None,
) -> None:
    """Sign a URL with which a viewer connects to a channel.

    The viewer needs no AWS credentials. NAME is the name or the ARN of a channel. Every holder of the URL can connect until it
    expires, so it is printed on a terminal only; a pipe, a log and a notebook's output do not get it unless -o - asks for that.
    """
    if output is None and not _is_terminal():
        raise click.UsageError(
            "A signed URL is a secret, and standard output is not a terminal. Pass -o FILE, or -o - to print it anyway."
        )
    from kvs_notebook.signaling.endpoints import get_ice_servers
    from kvs_notebook.signaling.presign import sign_url

    connection = connect_to_channel(channel, profile, region)
    url = sign_url(channel, client_id=client_id, expires=expires, connection=connection)
    texts = [url.reveal()]
    validity = f"The URL can be used to connect for {expires:,} s"
    if with_ice:
        servers = get_ice_servers(channel, client_id=client_id, connection=connection)
        texts.append(_rtc_ice_servers(servers))
        validity += f", the ICE servers for {servers['ttl_seconds'].min()} s"
    if output is None or output == STANDARD_OUTPUT:
        print_exactly("\n".join(texts))
    else:
        _write(texts, Path(output))
    print_text(f"{validity}, by everyone who has {'them' if with_ice else 'it'}.", to_standard_error=True)


def _is_terminal() -> bool:
    """Return whether a user reads standard output: a notebook runs commands on a pseudo-terminal, and saves what they print."""
    backend = os.environ.get("MPLBACKEND", "")  # set by every kernel, also one that Jupyter has not started
    is_notebook = "JPY_PARENT_PID" in os.environ or backend.startswith("module://matplotlib_inline")
    return sys.stdout.isatty() and not is_notebook


def _rtc_ice_servers(servers: pd.DataFrame) -> str:
    """Return the ICE servers as JSON: the iceServers of an RTCPeerConnection."""
    by_login: dict[tuple[str, str], list[str]] = {}
    for row in servers.to_dict("records"):
        by_login.setdefault((row["username"].reveal(), row["password"].reveal()), []).append(row["uri"])
    return json.dumps(
        [{"urls": uris, "username": name, "credential": password} for (name, password), uris in by_login.items()]
    )


def _write(texts: list[str], path: Path) -> None:
    """Write the URL to a file, and the ICE servers beside it: both or neither."""
    from kvs_notebook.dataframes.files import open_output

    paths = [path, path.with_name(f"{path.stem}-ice.json")]
    with ExitStack() as files:
        for text, each in zip(texts, paths, strict=False):
            stream = files.enter_context(open_output(each, "w", permissions=OWNER_ONLY))
            stream.write(f"{text}\n")
            stream.flush()
    for _, each in zip(texts, paths, strict=False):
        print_text(f"Wrote {each}, which only you may read.", to_standard_error=True)
