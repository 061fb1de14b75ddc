"""``kvs-notebook sandbox``: run a local sandbox of the service for other programs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from threading import Event

import click

from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.process import run_process
from kvs_notebook.cli.terminal import print_exactly, print_text

IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_]*")
"""Name of a variable in a shell."""


@click.command(
    cls=ExampleCommand,
    example="kvs-notebook sandbox --fleet -- python report.py",
    context_settings={"allow_interspersed_args": False},
)
@click.option(
    "--state", metavar="DIR", type=click.Path(file_okay=False), help="Keep the state in DIR.  [default: in memory]"
)
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="Port on loopback.  [default: any free port]"
)
@click.option("--fleet", is_flag=True, help="Create the example fleet.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def sandbox(*, state: str | None, port: int, fleet: bool, command: tuple[str, ...]) -> int:
    """Run a local sandbox of the service for other programs.

    Without COMMAND it runs until Ctrl-C. It first prints its environment to standard output as "export NAME=value": an
    AWS profile of its own, with which a program cannot reach a real account by accident. With "-- COMMAND ARGS..." it runs
    COMMAND in that environment, stops when COMMAND ends, and returns its exit code.
    """
    from kvs_notebook.sandbox.sandbox import Sandbox

    with Sandbox(state=state, port=port) as started:
        if fleet:
            started.seed()
        environment = started.environment(os.environ)
        if command:
            return run_process(command, environment)
        _serve_until_signal(environment, started.endpoint_url)
    return 0


def _serve_until_signal(environment: Mapping[str, str], endpoint_url: str) -> None:
    """Print the environment, then wait for Ctrl-C or SIGTERM, with which a server is stopped without a failure."""
    try:
        print_exactly("\n".join(_shell_lines(environment)))
        print_text(f"# The sandbox answers on {endpoint_url} until Ctrl-C.", to_standard_error=True)
        Event().wait()
    except (KeyboardInterrupt, SystemExit):
        print_text("# The sandbox has stopped.", to_standard_error=True)


def _shell_lines(environment: Mapping[str, str]) -> list[str]:
    """Return the shell commands that turn the current environment into this one.

    A variable whose name is not an identifier is left out: no shell can set it, and eval would run the rest of its name.
    """
    exports = {
        name: f"export {name}={shlex.quote(value)}"
        for name, value in environment.items()
        if name.startswith("AWS_") or os.environ.get(name) != value
    }
    commands = exports | {name: f"unset {name}" for name in os.environ if name not in environment}
    return [command for name, command in commands.items() if IDENTIFIER.fullmatch(name)]
