"""``kvs-notebook scan``: find secrets that were saved in notebooks."""

from __future__ import annotations

from pathlib import Path

import click

from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.exit_codes import FAILED
from kvs_notebook.cli.terminal import print_error, print_text


@click.command(cls=ExampleCommand, example="kvs-notebook scan notebooks")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def scan(*, paths: tuple[Path, ...]) -> int:
    """Find secrets that were saved in notebooks.

    PATH is a notebook, a script (.py) or an HTML page that was made from one, or a folder with such files. Signed URLs, AWS
    keys, session and access tokens and TURN passwords are found in sources, in outputs of every kind, in widget state
    and in metadata, also if they are escaped, divided or in printed tables. They are reported by file and cell, and never
    printed. The secrets of a sandbox are not reported. If a secret is found, or a file cannot be scanned, the exit code is 1.
    """
    from kvs_notebook.secret_scan.scanner import scan_files, summarize

    files = []
    for file in scan_files(paths):
        files.append(file)
        for finding in file.findings:
            print_text(str(finding))
        if file.problem:
            print_error(file.problem)
    if any(file.findings or file.problem for file in files):
        print_error(summarize(files))
        return FAILED
    print_text(summarize(files))
    return 0
