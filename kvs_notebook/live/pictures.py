"""Take one picture of a camera, or of each camera of a frame of channels, without a browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pandas as pd
from PIL import Image

from kvs_notebook.arguments import check_seconds
from kvs_notebook.aws.concurrency import progress_bar
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.channels.reference import Channel, ChannelRef, one_channel_ref
from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.schemas import PICTURES
from kvs_notebook.errors import InvalidInput, KVSError, to_kvs_error
from kvs_notebook.fleet.accounts import AccountsFile
from kvs_notebook.formatting import format_value
from kvs_notebook.live.background_run import Emit, iterate_in_background, run_in_background
from kvs_notebook.live.call_target import CallTarget
from kvs_notebook.live.cameras import Camera, Reach, close_connections, find_cameras
from kvs_notebook.live.client_ids import client_ids
from kvs_notebook.live.free_memory import return_free_memory
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.picture_call import PictureCall
from kvs_notebook.live.stages import Stage

TIMEOUT_SECONDS = 15.0
LONGEST_TIMEOUT = 86_400
"""A day: a camera that does not answer must not keep a script for ever."""
CONCURRENCY = 8
MOST_CONCURRENT = 64


def take_picture(
    channel: Channel,
    *,
    timeout: float = TIMEOUT_SECONDS,
    client_id: str | None = None,
    connection: Connection | None = None,
) -> Image.Image:
    """Call a camera as a viewer, and return the first whole picture.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    timeout
        Seconds from the look-up of the channel to the picture, at most 86,400.
    client_id
        The viewer's id. None takes one that is the same in each call of this
        notebook or script, since a viewer that has lost its connection may
        count among the channel's 10 viewers for hours.
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    PIL.Image.Image
        The picture in RGB, in the size that the camera sends.

    Raises
    ------
    InvalidInput
        If the service would refuse the channel or client id, or ``timeout`` is
        not above 0.
    NoVideo
        If no picture came within the timeout, or the camera's answer cannot be
        used; ``error.stage`` is the last stage that was reached.
    ChannelNotFound
        If the channel does not exist.
    AccessDenied
        If the identity lacks a permission.
    Throttled
        If the channel has its 10 viewers, or too many connects a second.
    MissingExtra
        If the extra ``media`` is not installed.

    Notes
    -----
    Spends one GetSignalingChannelEndpoint call and one ConnectAsViewer, of
    which a channel accepts 3 a second; one DescribeSignalingChannel call if
    only a name is given; and, on a real account, one GetIceServerConfig call
    and its GetSignalingChannelEndpoint call, unless the servers of an earlier
    call are usable. A sandbox relays no media: its cameras are called over
    this machine's own addresses.

    Examples
    --------
    >>> import asyncio
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> async def look():
    ...     async with kvs.live.serve_test_camera(channel):
    ...         return await asyncio.to_thread(kvs.live.take_picture, channel)
    >>> asyncio.run(look()).mode
    'RGB'
    """
    connection = current_connection(connection)
    timeout = check_seconds("timeout", timeout, most=LONGEST_TIMEOUT, above=True)
    ref = one_channel_ref(channel, connection)
    CallTarget(ref, "VIEWER", client_id or "any", take_over=False, connection=connection).check()
    shot = run_in_background(lambda: _shoot(ref, connection, timeout, client_id))
    return shot.picture()


def take_pictures(
    channels: Channel,
    *,
    timeout: float = TIMEOUT_SECONDS,
    concurrency: int = CONCURRENCY,
    profiles: Iterable[str] | None = None,
    role_arns: Iterable[str] | None = None,
    external_id: str | None = None,
    accounts: AccountsFile | None = None,
    role_name: str | None = None,
    connection: Connection | None = None,
) -> pd.DataFrame:
    """Take one picture of each camera, several at a time.

    A camera that fails does not stop the others.

    Parameters
    ----------
    channels
        A channels frame of any length, also of several accounts and regions,
        or a name, an ARN, or a row.
    timeout
        Seconds for each camera, from the look-up of its channel to the
        picture, at most 86,400.
    concurrency
        How many cameras are called at a time, 1 to 64.
    profiles, role_arns, external_id, accounts, role_name
        How the accounts of the channels are reached, as for
        :func:`kvs_notebook.inventory`; if none is given, by the connection.
    connection
        The connection to start from; None takes the current connection.

    Returns
    -------
    pandas.DataFrame
        One row per channel, in their order: channel_name, region (str), image
        (object: a PIL image in RGB, None if there is none), seconds (float64:
        how long the call took), stage (str: playing, or the last stage that
        was reached), error (str: why there is no picture), account_id,
        channel_arn (str).

    Raises
    ------
    InvalidInput
        If a channel, ``timeout``, ``concurrency`` or how accounts are reached
        is not valid; nothing was sent.
    MissingExtra
        If the extra ``media`` is not installed.

    Notes
    -----
    An interrupt closes all calls before it is raised. Each picture takes 3
    bytes a pixel of memory.

    Spends for each camera what :func:`take_picture` does: one
    GetSignalingChannelEndpoint call and one ConnectAsViewer and, on a real
    account, up to one more GetSignalingChannelEndpoint and one
    GetIceServerConfig call; and one GetCallerIdentity call per account that is
    not known.

    Examples
    --------
    >>> import asyncio
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> async def look():
    ...     async with kvs.live.serve_test_camera(channel):
    ...         return await asyncio.to_thread(kvs.live.take_pictures, kvs.list_channels())
    >>> asyncio.run(look())[["channel_name", "stage", "error"]]
      channel_name    stage error
    0   front-door  playing   NaN
    """
    connection = current_connection(connection)
    timeout = check_seconds("timeout", timeout, most=LONGEST_TIMEOUT, above=True)
    _check_concurrency(concurrency)
    reach = Reach(profiles, role_arns, external_id, accounts, role_name)
    cameras = find_cameras(channels, reach, connection)
    rows: list[tuple[Any, ...]] = [()] * len(cameras)
    try:
        with closing(take_shots(cameras, timeout, concurrency)) as shots:
            for index, shot in shots:
                rows[index] = picture_row(cameras[index], shot)
    finally:
        close_connections(cameras, connection)
    return rows_frame(rows, PICTURES)


def picture_row(camera: Camera, shot: Shot) -> tuple[Any, ...]:
    """Return the row of a camera in a pictures frame."""
    return (
        camera.channel_name,
        camera.region,
        shot.image,
        round(shot.seconds, 3),
        shot.stage,
        None if shot.error is None else safe_line(shot.error),
        camera.account_id,
        shot.channel_arn or camera.channel_arn,
    )


@dataclass(frozen=True)
class Shot:
    """The result of one call: a picture, or the error that ended it."""

    image: Image.Image | None
    seconds: float
    stage: Stage
    error: KVSError | None = None
    channel_arn: str | None = None

    def picture(self) -> Image.Image:
        """Return the picture, or raise the error of a call that failed."""
        if self.error is not None:
            raise self.error
        assert self.image is not None  # noqa: S101 - a call has one or the other
        return self.image


def take_shots(cameras: Sequence[Camera], timeout: float, concurrency: int) -> Generator[tuple[int, Shot], None, None]:
    """Yield the result of each camera with its index, as it comes, with a progress bar."""

    async def call_all(emit: Emit[tuple[int, Shot]]) -> None:
        places = asyncio.Semaphore(concurrency)

        async def call(index: int, camera: Camera) -> None:
            async with places:
                emit((index, await _call(camera, timeout)))

        async with asyncio.TaskGroup() as group:
            for index, camera in enumerate(cameras):
                group.create_task(call(index, camera))

    with (
        closing(iterate_in_background(call_all)) as shots,
        progress_bar(len(cameras), "Taking pictures", "channel") as bar,
    ):
        for shot in shots:
            bar.update()
            yield shot


async def _call(camera: Camera, timeout: float) -> Shot:  # noqa: ASYNC109 - the caller's, told in the error
    if camera.connection is None:
        return Shot(None, 0.0, "looking_up", camera.error)
    return await _shoot(camera.ref, camera.connection, timeout, None)


async def _shoot(
    ref: ChannelRef,
    connection: Connection,
    timeout: float,  # noqa: ASYNC109 - the caller's, told in the error
    client_id: str | None,
) -> Shot:
    """Call one camera; every error becomes part of the result."""
    began = time.monotonic()
    taken = client_id or client_ids.take(ref.label)
    call = PictureCall(CallTarget(ref, "VIEWER", taken, take_over=False, connection=connection))
    image, error = None, None
    try:
        image = await call.picture(timeout)
    except Exception as raised:  # noqa: BLE001 - a camera may send anything; the others are still called
        error = to_kvs_error(raised)
    finally:
        if client_id is None:
            client_ids.release(ref.label, taken)
        return_free_memory()
    return Shot(image, time.monotonic() - began, call.stage, error, call.channel_arn)


def _check_concurrency(concurrency: object) -> None:
    if not isinstance(concurrency, int) or not 1 <= concurrency <= MOST_CONCURRENT:
        raise InvalidInput(
            f"concurrency={format_value(concurrency)} is not valid. Expected a number from 1 to {MOST_CONCURRENT}."
        )
