"""The ``kvs-notebook sandbox`` command: a local sandbox for other programs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from threading import Event

import click

from kvs_notebook.cli.process import run


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--state", metavar="DIR", type=click.Path(file_okay=False), help="Keep it there; memory otherwise.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="Port on loopback; any by default.")
@click.option("--fleet", is_flag=True, help="Fill it with the example fleet.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def sandbox(*, state: str | None, port: int, fleet: bool, command: tuple[str, ...]) -> int:
    """Serve a local sandbox of the service to other programs.

    Without COMMAND it serves until Ctrl-C; its first lines on standard output are "export NAME=value": an AWS profile of its
    own, in which nothing can reach a real account by accident. With
    "-- COMMAND ARGS..." it runs COMMAND in that environment, stops after it, and passes its exit code on.
    """
    from kvs_notebook.sandbox.sandbox import Sandbox

    with Sandbox(state=state, port=port) as service:
        if fleet:
            service.seed()
        environment = service.environment(os.environ)
        if command:
            return run(command, environment)
        _serve(environment, service.endpoint_url)
    return 0


def _serve(environment: Mapping[str, str], endpoint_url: str) -> None:
    """Print the environment and wait: Ctrl-C and SIGTERM are how a server is told that its work is done."""
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in environment.items()
        if name.startswith("AWS_") or os.environ.get(name) != value
    ]
    lines += [f"unset {name}" for name in os.environ if name not in environment]
    try:
        click.echo("\n".join(lines))
        click.echo(f"# The sandbox answers on {endpoint_url} until Ctrl-C.", err=True)
        Event().wait()
    except (KeyboardInterrupt, SystemExit):
        click.echo("# The sandbox has stopped.", err=True)
