"""``kvs-notebook picture`` and ``kvs-notebook pictures``: save pictures of one camera or of many to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kvs_notebook.cli.account_options import ACCOUNTS, ALL_REGIONS, EXTERNAL_ID, PROFILE, REGIONS, ROLE_ARNS, ROLE_NAME
from kvs_notebook.cli.channel_connection import connect_to_channel
from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.exit_codes import FAILED, PARTIAL
from kvs_notebook.cli.sandbox_cameras import sandbox_with_camera, sandbox_with_cameras
from kvs_notebook.cli.terminal import print_text, printed_warnings

if TYPE_CHECKING:
    from PIL.Image import Image

    from kvs_notebook.aws.connection import Connection
    from kvs_notebook.fleet.inventory import Inventory
    from kvs_notebook.live.cameras import Camera
    from kvs_notebook.live.pictures import Shot

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
JPEG_QUALITY = 90
MOST_PRINTED = 20
"""Failures that are printed; all are in failures.csv."""

TIMEOUT = click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=15.0,
    show_default=True,
    help="How long to wait for each picture.",
)


@click.command(cls=ExampleCommand, example="kvs-notebook picture front-door -o front-door.jpg")
@click.argument("channel", metavar="NAME")
@click.option("-o", "--output", metavar="FILE", required=True, help="Write the picture to FILE: .jpg or .png.")
@TIMEOUT
@PROFILE
@click.option("--region", metavar="CODE", help="AWS region.  [default: that of the ARN, else of the profile]")
@click.option(
    "--sandbox",
    is_flag=True,
    help="Create NAME in a local sandbox, which ends with the command, and take the picture of a test camera; no AWS account.",
)
def picture(
    *, channel: str, output: str, timeout: float, profile: str | None, region: str | None, sandbox: bool
) -> None:
    """Take a picture of a camera, as a viewer of its channel.

    NAME is the name or the ARN of a channel. The camera must be connected to it as MASTER and send video to viewers.
    """
    path = Path(output)
    if path.suffix.lower() not in FORMATS:
        raise click.UsageError(f"{output} is not the name of a picture. End it with .jpg or .png.")
    if sandbox and (profile or region):
        raise click.UsageError("--sandbox can't be combined with --profile or --region.")
    if sandbox and channel.startswith("arn:"):
        raise click.UsageError("--sandbox creates the channel. Pass a name, not an ARN.")
    _require_media()
    from kvs_notebook.live.pictures import take_picture

    given = sandbox_with_camera(channel) if sandbox else nullcontext(connect_to_channel(channel, profile, region))
    with given as connection:
        image = take_picture(channel, timeout=timeout, connection=connection)
    _write_image(image, path)
    filmed = ", of a test camera in a sandbox" if sandbox else ""
    print_text(f"Wrote {path} ({image.width}x{image.height}{filmed}).")


@click.command(cls=ExampleCommand, example="kvs-notebook pictures --prefix front- -o pictures")
@click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=Path), required=True, help="Write to DIR.")
@TIMEOUT
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="How many cameras are called at a time.",
)
@click.option(
    "--sandbox",
    is_flag=True,
    help="Use the example fleet of a local sandbox, in which every second channel has a test camera.",
)
@PROFILE
@REGIONS
@ALL_REGIONS
@ROLE_ARNS
@EXTERNAL_ID
@ACCOUNTS
@ROLE_NAME
@click.option("--prefix", metavar="TEXT", help="Only channels whose name starts with TEXT.")
@click.option("-q", "--quiet", is_flag=True, help="Print only problems, on standard error.")
def pictures(*, output: Path, quiet: bool, **options: Any) -> int:
    """Take a picture of the camera of each channel.

    DIR gets NAME.jpg for each channel, contact-sheet.jpg with all pictures, and failures.csv. If several accounts or regions
    are read, the names of files begin with them. Pictures of an earlier run are replaced; if a camera fails, its older picture
    is removed.

    Exit codes: 130 interrupted; 2 wrong usage; 1 no camera sent a picture, or nothing could be read or written; 3 some cameras
    failed, or an account could not be read in a region; 0 otherwise.
    """
    if options["sandbox"] and options["profile"]:
        raise click.UsageError("--sandbox and --profile can't be combined.")
    if options["regions"] and options["all_regions"]:
        raise click.UsageError("--region and --all-regions can't be combined.")
    if options["role_name"] and not options["accounts"]:
        raise click.UsageError("--role-name needs --accounts, the file of the accounts that have a role of this name.")
    _require_media()
    from kvs_notebook.aws.concurrency import hidden_progress

    with _connect(options) as (connection, regions), hidden_progress() if quiet else nullcontext():
        fleet = _read(connection, regions, options)
        folder = PictureFolder(output, _cameras(fleet, connection, options))
        folder.fill(options["timeout"], options["concurrency"])
    gaps = _print_gaps(fleet)
    folder.print_failures()
    if not quiet:
        print_text(folder.summary())
    if folder.failures and len(folder.failures) == len(folder.cameras):
        return FAILED
    return PARTIAL if gaps or folder.failures else 0


class PictureFolder:
    """A folder with the pictures of cameras; each is written when it comes, and only a small copy is kept.

    Parameters
    ----------
    path
        The folder, created if it does not exist.
    cameras
        The cameras to call.

    Attributes
    ----------
    failures
        The calls of cameras that sent no picture, by the index of the camera.
    """

    def __init__(self, path: Path, cameras: Sequence[Camera]) -> None:
        from kvs_notebook.live.picture_files import picture_file_names

        self.path = path
        self.cameras = cameras
        self.failures: dict[int, Shot] = {}
        self._names = picture_file_names(cameras)

    def fill(self, timeout: float, concurrency: int) -> None:
        """Call the cameras, and write the pictures, the sheet and the failures."""
        from kvs_notebook.dataframes.builders import rows_frame
        from kvs_notebook.dataframes.files import to_csv
        from kvs_notebook.dataframes.schemas import PICTURES
        from kvs_notebook.live.picture_files import FAILURES, SHEET
        from kvs_notebook.live.picture_sheet import TILE, contact_sheet
        from kvs_notebook.live.pictures import picture_row, take_shots

        _make_folder(self.path)
        rows: list[Any] = [None] * len(self.cameras)
        with closing(take_shots(self.cameras, timeout, concurrency)) as shots:
            for index, shot in shots:
                rows[index] = picture_row(self.cameras[index], self._keep(index, shot, TILE))
        found = rows_frame(rows, PICTURES)
        if self.cameras:
            _write_image(contact_sheet(found), self.path / SHEET)
        to_csv(found[found["error"].notna()].drop(columns="image").reset_index(drop=True), self.path / FAILURES)

    def _keep(self, index: int, shot: Shot, size: tuple[int, int]) -> Shot:
        """Write a picture, and return the call with a small copy of it."""
        from dataclasses import replace

        path = self.path / self._names[index]
        if shot.image is None:
            self.failures[index] = shot
            path.unlink(missing_ok=True)  # an older picture would look current
            return shot
        _write_image(shot.image, path)
        small = shot.image.copy()
        small.thumbnail(size)
        return replace(shot, image=small)

    def print_failures(self) -> None:
        """Print why cameras sent no picture, on standard error."""
        lines = [f"{self.cameras[index].channel_name}: {shot.error}" for index, shot in sorted(self.failures.items())]
        if len(lines) > MOST_PRINTED:
            lines[MOST_PRINTED:] = [f"and {len(lines) - MOST_PRINTED} more, in {self.path / 'failures.csv'}"]
        for line in lines:
            print_text(line, to_standard_error=True)

    def summary(self) -> str:
        """Return what was written, as a line."""
        from kvs_notebook.formatting import format_count

        taken = len(self.cameras) - len(self.failures)
        return f"{format_count(taken, 'picture')} of {format_count(len(self.cameras), 'camera')} in {self.path}."


def _require_media() -> None:
    """Raise MissingExtra if the extra ``media`` is not installed."""
    from kvs_notebook import live

    live.take_pictures  # noqa: B018 - this imports its libraries


@contextmanager
def _connect(options: dict[str, Any]) -> Iterator[tuple[Connection, Sequence[str] | str | None]]:
    """Open the connection to start from, and yield it with the regions to read."""
    given = "all" if options["all_regions"] else options["regions"] or None
    if options["sandbox"]:
        with sandbox_with_cameras() as (connection, regions):
            yield connection, given or regions
    else:
        from kvs_notebook.aws.default_connection import connect

        yield connect(options["profile"], region=options["regions"][0] if options["regions"] else None), given


def _read(connection: Connection, regions: Sequence[str] | str | None, options: dict[str, Any]) -> Inventory:
    """Read the channels; raise KVSError if nothing could be read."""
    from kvs_notebook.errors import KVSError
    from kvs_notebook.fleet.credential_failures import IN_COVERAGE
    from kvs_notebook.fleet.inventory import inventory

    with printed_warnings(hidden=IN_COVERAGE):  # _print_gaps() prints each gap
        fleet = inventory(
            regions=regions,
            prefix=options["prefix"],
            tags="none",
            connection=connection,
            **_reach(options),
        )
    if "Interrupted" in set(fleet.coverage["error_code"]):
        raise click.Abort
    if len(fleet.coverage) and not fleet.coverage["status"].isin(["ok", "region_disabled"]).any():
        raise KVSError(f"No region could be read. {' '.join(_gap_lines(fleet))}")
    return fleet


def _reach(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that tell how accounts are reached, as arguments of inventory()."""
    names = ("external_id", "accounts", "role_name")
    return {"role_arns": options["role_arns"] or None} | {name: options[name] for name in names}


def _cameras(fleet: Inventory, connection: Connection, options: dict[str, Any]) -> list[Camera]:
    from kvs_notebook.live.cameras import Reach, find_cameras

    return find_cameras(fleet.channels, Reach(**_reach(options)), connection)


def _gap_lines(fleet: Inventory) -> Iterator[str]:
    from kvs_notebook.fleet.summary import describe_gaps

    for label, message in describe_gaps(fleet):
        yield f"{label}: {message}"


def _print_gaps(fleet: Inventory) -> bool:
    lines = [*_gap_lines(fleet)]
    for line in lines:
        print_text(line, to_standard_error=True)
    return bool(lines)


def _make_folder(path: Path) -> None:
    from kvs_notebook.arguments import check_path
    from kvs_notebook.errors import ExportFailed

    check_path("--output", path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportFailed(f"Can't create {path}: {error.strerror}. Choose a folder with write permission.") from error


def _write_image(image: Image, path: Path) -> None:
    from kvs_notebook.dataframes.files import open_output

    with open_output(path, "wb") as stream:
        image.save(stream, FORMATS[path.suffix.lower()], quality=JPEG_QUALITY)
