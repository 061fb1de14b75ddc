"""The ``kvs-notebook scan`` command: secrets that were saved in notebooks."""

from __future__ import annotations

from pathlib import Path

import click

from kvs_notebook.cli.exit_codes import FAILED
from kvs_notebook.cli.process import complain


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def scan(*, paths: tuple[Path, ...]) -> int:
    """Find secrets that were saved in notebooks.

    PATH is a notebook, or a folder that holds some. Signed URLs, AWS keys, session tokens and TURN passwords are found in
    sources, in outputs of every kind and in the state of widgets, and named by file and cell; none of them is printed.
    A sandbox's own are no secrets. Exit code 1 where one is found, or a file cannot be read.
    """
    from kvs_notebook.secret_scan.scanner import scan as look_through
    from kvs_notebook.secret_scan.scanner import summary

    scanned = []
    for file in look_through(paths):
        scanned.append(file)
        for finding in file.findings:
            click.echo(finding)
        if file.problem:
            complain(file.problem)
    went_well = not any(file.findings or file.problem for file in scanned)
    if went_well:
        click.echo(summary(scanned))
    else:
        complain(summary(scanned))
    return 0 if went_well else FAILED
