"""Entry point of the ``kvs-notebook`` command: its subcommands, signals and exit codes.

Every module of a subcommand imports what is heavy (pandas, boto3, the sandbox) inside its functions, so that ``--help`` answers
at once.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from kvs_notebook.cli.apply_command import apply, undo
from kvs_notebook.cli.console_command import console
from kvs_notebook.cli.example_command import CommandGroup
from kvs_notebook.cli.exit_codes import FAILED, SIGNAL_BASE
from kvs_notebook.cli.inventory_command import inventory
from kvs_notebook.cli.lab_command import lab
from kvs_notebook.cli.picture_command import picture, pictures
from kvs_notebook.cli.plan_command import plan
from kvs_notebook.cli.policy_command import policy
from kvs_notebook.cli.process import handle_signals
from kvs_notebook.cli.sandbox_command import sandbox
from kvs_notebook.cli.scan_command import scan
from kvs_notebook.cli.sign_command import sign
from kvs_notebook.cli.standard_streams import open_standard_streams
from kvs_notebook.cli.terminal import print_error
from kvs_notebook.errors import KVSError
from kvs_notebook.version import __version__

MEANT = {
    "list": "inventory",
    "ls": "inventory",
    "channels": "inventory",
    "export": "inventory --csv FILE",
    "report": "inventory --report FILE",
    "snapshot": "inventory --snapshot DIR",
    "compare": "inventory --compare DIR",
    "diff": "inventory --compare DIR",
    "create": "plan ensure",
    "delete": "plan delete",
    "update": "plan ttl for the message TTL, or kvs-notebook plan tags for tags",
    "tag": "plan tags --set KEY=VALUE",
    "tags": "plan tags --set KEY=VALUE",
    "untag": "plan tags --remove KEY",
    "ttl": "plan ttl",
    "resume": "apply DIR --resume",
    "url": "sign",
    "notebook": "lab",
    "jupyter": "lab",
}
"""The subcommand that is meant by a word of boto3, the AWS CLI or a shell."""


@click.group(
    cls=CommandGroup,
    meant=MEANT,
    context_settings={"help_option_names": ["-h", "--help"]},
    commands=[inventory, plan, apply, undo, policy, sign, picture, pictures, scan, sandbox, lab, console],
)
@click.version_option(__version__, prog_name="kvs-notebook")
def cli() -> None:
    """Explore and manage Amazon Kinesis Video Streams signaling channels."""


def main() -> NoReturn:
    """Run the command and end the process with its exit code."""
    open_standard_streams()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a script ignore it by default
    handle_signals(_exit_on_signal, "SIGTERM", "SIGHUP")
    try:
        code = cli.main(prog_name="kvs-notebook", standalone_mode=False)
    except click.ClickException as error:
        error.show(sys.stderr)
        code = error.exit_code
    except click.Abort:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(
            SIGNAL_BASE + signal.SIGINT
        )  # everything is cleaned up; calls that still run in threads are not awaited
    except KVSError as error:
        print_error(str(error))
        code = FAILED
    sys.exit(code)


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind as Ctrl-C does, so that a sandbox is stopped and its directory removed."""
    raise SystemExit(SIGNAL_BASE + number)
