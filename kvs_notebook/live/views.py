"""Viewers and cameras as widgets: kvs.live.viewer() and kvs.live.camera()."""

from __future__ import annotations

from typing import Final

from kvs_notebook.arguments import check_seconds
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.default_connection import current_connection
from kvs_notebook.channels.reference import Channel, one_channel_ref
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.live.call_target import CallTarget
from kvs_notebook.live.codecs import check_codec
from kvs_notebook.live.session import Timeouts
from kvs_notebook.live.view_widget import LiveView
from kvs_notebook.signaling.websocket import require_websockets

SOURCES: Final = ("test picture", "webcam")

MIN_SIZE: Final = 16

MAX_SIZE: Final = (1920, 1080)

MAX_FPS: Final = 30

MAX_SECONDS: Final = 600


def viewer(
    channel: Channel,
    *,
    audio: bool = False,
    codec: str | None = None,
    relay_only: bool = False,
    autoplay: bool = False,
    answer_timeout: float = 15.0,
    client_id: str | None = None,
    connection: Connection | None = None,
) -> LiveView:
    """Return a widget that plays the video of a channel's camera in the browser.

    The browser receives the video directly from the camera; the kernel
    exchanges offer, answer and candidates over the channel.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    audio
        Also ask for sound. It is off until the user turns it on in the page,
        as browsers require.
    codec
        ``"VP8"`` or ``"H264"``; None offers both, the camera chooses.
    relay_only
        Use TURN servers only: shows whether a camera can be reached from a
        network that blocks everything else.
    autoplay
        Start as soon as the page shows the widget, without a click.
    answer_timeout
        Seconds after which a camera that does not answer counts as absent, at
        most 600.
    client_id
        The viewer's id: 1 to 256 letters, digits and ``. _ -``. None takes one
        that stays the same for this notebook, so that its viewers do not use
        up the 10 that a channel accepts.
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    LiveView
        Display it and press Start, or call its ``start()``. ``stop()``,
        ``state``, ``status`` (a sentence), ``stats`` and ``timeline``
        (DataFrames), ``snapshot()`` (a PIL image), ``client`` (for
        ``kvs.diagrams.conversation``).

    Raises
    ------
    InvalidInput
        If the service would refuse the channel or the client id, or a
        parameter is out of range.
    MissingExtra
        If the extra ``lab`` or ``signaling`` is not installed.

    Notes
    -----
    Makes no call itself. Each start spends one DescribeSignalingChannel call
    if only a name is given, one GetSignalingChannelEndpoint call and one
    ConnectAsViewer, and one GetIceServerConfig call with its
    GetSignalingChannelEndpoint call unless those servers were requested
    shortly before. A viewer counts toward the 10 of its channel until it
    stops: 3 s after the last view of the widget was closed, or 20 s after its
    page was.

    Tested with Chromium, cameras in a browser and aiortc, on the sandbox. Real
    cameras, TURN relays, Firefox and Safari were not tested.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> kvs.live.viewer(channel)
    <LiveView: viewer of front-door, stopped>
    """
    require_websockets()
    connection = current_connection(connection)
    ref = one_channel_ref(channel, connection)
    answer_timeout = check_seconds("answer_timeout", answer_timeout, most=MAX_SECONDS, above=True)
    check_codec(codec)

    def new_target(used_id: str | None) -> CallTarget:
        return CallTarget(
            ref, "VIEWER", "viewer" if used_id is None else used_id, take_over=False, connection=connection
        )

    settings = {"role": "viewer", "audio": bool(audio), "codec": codec or "", "relay_only": bool(relay_only)}
    return LiveView(new_target, client_id, settings, Timeouts(answer=answer_timeout), autoplay=autoplay)


def camera(
    channel: Channel,
    *,
    source: str = "test picture",
    size: tuple[int, int] = (640, 360),
    fps: int = 15,
    take_over: bool = False,
    connection: Connection | None = None,
) -> LiveView:
    """Return a widget that is a channel's camera.

    The browser sends a test picture or a webcam to up to 10 viewers.

    Parameters
    ----------
    channel
        A name, an ARN, or a row.
    source
        ``"test picture"``, which moves and counts its pictures in a bar code,
        or ``"webcam"``, for which the browser asks the user, and which needs a
        page from https or localhost.
    size
        Width and height in pixels, even numbers, at most 1920 and 1080.
    fps
        Pictures a second, 1 to 30.
    take_over
        Required on a real account: all further calls go to the newest MASTER,
        and the one that was connected before, usually a camera, is not
        notified.
    connection
        The connection to use; None takes the current connection.

    Returns
    -------
    LiveView
        The widget, with the methods and attributes of :func:`viewer`'s.

    Raises
    ------
    InvalidInput
        If the service would refuse the channel, or a parameter is out of
        range.
    ReadOnly
        If ``take_over`` is not True on a real account.
    MissingExtra
        If the extra ``lab`` or ``signaling`` is not installed.

    Notes
    -----
    Makes no call itself. Each start spends one DescribeSignalingChannel call
    if only a name is given, one GetSignalingChannelEndpoint call and one
    ConnectAsMaster; a viewer's call one GetIceServerConfig call with its
    GetSignalingChannelEndpoint call, unless those servers were requested
    shortly before. When an eleventh viewer calls, the one that has been silent
    for longest is dropped.

    A camera waits for viewers without a time limit. If another process
    connects as MASTER, the service may leave this connection open without a
    notice: the camera then receives no more calls, and still says that it
    waits.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> kvs.live.camera(channel)
    <LiveView: camera of front-door, stopped>
    """
    require_websockets()
    connection = current_connection(connection)
    target = CallTarget(one_channel_ref(channel, connection), "MASTER", None, take_over, connection)
    _check_source(source)
    width, height = _check_size(size)
    settings = {"role": "camera", "source": source, "width": width, "height": height, "fps": _check_fps(fps)}
    return LiveView(lambda _: target, None, settings, Timeouts(), autoplay=False)


def _check_source(source: object) -> None:
    if not isinstance(source, str) or source not in SOURCES:
        raise InvalidInput(f"Source {format_value(source)} is not supported. Expected one of: {', '.join(SOURCES)}.")


def _check_size(size: object) -> tuple[int, int]:
    """Return the width and the height of a picture; encoders need even numbers."""
    match size:
        case [int(width), int(height)] if all(
            MIN_SIZE <= number <= limit and number % 2 == 0
            for number, limit in zip((width, height), MAX_SIZE, strict=True)
        ):
            return width, height
    raise InvalidInput(
        f"Size {format_value(size)} is not valid. Expected even numbers for width and height, from {MIN_SIZE} to "
        f"{MAX_SIZE[0]} and {MAX_SIZE[1]}."
    )


def _check_fps(fps: object) -> int:
    if isinstance(fps, bool) or not isinstance(fps, int) or not 1 <= fps <= MAX_FPS:
        raise InvalidInput(f"fps {format_value(fps)} is out of range: 1 to {MAX_FPS} whole pictures a second.")
    return fps
