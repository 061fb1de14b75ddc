"""Matplotlib diagrams of channel state and signaling.

>>> import kvs_notebook as kvs
>>> from datetime import datetime
>>> kvs.diagrams.lifecycle([(datetime(2026, 1, 5, 9), "CREATING"), (datetime(2026, 1, 5, 9, 0, 2), "ACTIVE")])
<Chart: CREATING, ACTIVE: 2 s>

They draw only what was observed, with matplotlib (the extra ``lab``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count, format_value
from kvs_notebook.plotting.figure import COLORS, GREY, RED, WIDTH, Chart, drawn_text, open_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["conversation", "lifecycle"]


def __dir__() -> list[str]:
    """Return the public names, without those that this module imports."""
    return [*__all__]


GONE = "gone"
STATUS_POSITIONS = {
    "CREATING": (1.6, 1.0),
    "ACTIVE": (4.0, 1.0),
    "UPDATING": (6.4, 1.0),
    "DELETING": (4.0, 0.0),
    GONE: (6.4, 0.0),
}
"""The position of each status in the diagram, and of the state after deletion."""

START_POSITION = (0.0, 1.0)
STATUS_COLORS = {"CREATING": COLORS[4], "ACTIVE": COLORS[2], "UPDATING": COLORS[1], "DELETING": COLORS[3], GONE: GREY}
TRANSITION_LABELS = {
    ("ACTIVE", "UPDATING"): "update",
    ("ACTIVE", "DELETING"): "delete",
    (GONE, "CREATING"): "create again",
}
HALF_WIDTH, HALF_HEIGHT = 0.72, 0.22
DARK = "#333333"
PALE, FAINT = "#EEEEEE", "#767676"

MESSAGE_LABELS = {"SDP_OFFER": "offer", "SDP_ANSWER": "answer", "ICE_CANDIDATE": "candidate"}
MESSAGE_COLORS = {"SDP_OFFER": COLORS[0], "SDP_ANSWER": COLORS[2], "ICE_CANDIDATE": "#8A5A00"}
MESSAGE_HEIGHT = 0.36
"""Inches of one message."""

HEAD_POSITION = 0.75
"""The height of the peers' names above the first message."""

MAX_NAME_LENGTH = 24


class ClientLike(Protocol):
    """What a diagram reads of a signaling client."""

    role: str
    client_id: str | None

    @property
    def channel_name(self) -> str:
        """The channel's name."""

    @property
    def connected(self) -> bool:
        """Whether a connection is open now."""

    def ordered_messages(self) -> list[dict[str, Any]]:
        """Return what was sent and received, each message with its ``order`` in this process."""


# --- lifecycle of a channel


def lifecycle(observations: Iterable[tuple[datetime, str | None]]) -> Chart:
    """Draw the observed statuses of a channel, and the seconds between them.

    Parameters
    ----------
    observations
        Pairs of a time and the channel_status at that time, None if the
        channel did not exist any more, for example from ``watch_channel``. The
        seconds of an arrow lie between the first observations of two statuses,
        so they are as exact as the observations are frequent.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it. A status that was
        not observed is drawn without colour and arrows.

    Raises
    ------
    InvalidInput
        If there is no observation, or a status is not one of a channel.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped", assumptions=kvs.Assumptions(creating_seconds=3))
    >>> channel = kvs.create_channel("front-door", wait=False)
    >>> observations = list(kvs.watch_channel(channel))
    >>> kvs.diagrams.lifecycle(observations)
    <Chart: CREATING, ACTIVE: 1 s>
    """
    changes = _status_changes(observations)
    seconds = (changes[-1][0] - changes[0][0]).total_seconds()
    title = f"{', '.join(status for _, status in changes)}: {seconds:g} s"
    with open_figure(WIDTH, 2.7) as figure:
        above, below = figure.subplots(2, height_ratios=(6, 1))
        _hide_axes(above, (-0.3, 7.3), (-0.35, 1.6))
        for status in STATUS_POSITIONS:
            _draw_status(above, status, observed=any(status == each for _, each in changes))
        _draw_transitions(above, changes)
        _draw_timeline(below, changes)
    return Chart(figure, title)


def _status_changes(observations: Iterable[tuple[datetime, str | None]]) -> list[tuple[datetime, str]]:
    """Return each status with the time of its first observation.

    Raises
    ------
    InvalidInput
        If there is none, or a status is not one of a channel.
    """
    changes: list[tuple[datetime, str]] = []
    for time, status in _pairs(observations):
        name = GONE if status is None else status
        if not isinstance(name, str) or name not in STATUS_POSITIONS:
            raise InvalidInput(
                f"{format_value(name)} is not a channel_status. Expected one of {', '.join(STATUS_COLORS)}, or None."
            )
        if not changes or changes[-1][1] != name:
            changes.append((time, name))
    if not changes:
        raise InvalidInput("There is no observation to draw. Pass pairs of a time and a channel_status.")
    return changes


def _pairs(observations: object) -> Iterator[tuple[datetime, Any]]:
    """Yield the observations; raise InvalidInput at the first that is not a pair of a time and something else."""
    if not isinstance(observations, Iterable) or isinstance(observations, Mapping) or hasattr(observations, "columns"):
        raise InvalidInput(
            f"{format_value(observations)} is not a list of observations. Pass those of watch_channel()."
        )
    for each in observations:
        if (
            not isinstance(each, tuple | list)
            or len(each) != len(("time", "status"))
            or not isinstance(each[0], datetime)
        ):
            raise InvalidInput(
                f"{format_value(each)} is not an observation. Pass pairs of a time and a channel_status."
            )
        yield each[0], each[1]


def _draw_status(axes: Axes, status: str, *, observed: bool) -> None:
    x, y = STATUS_POSITIONS[status]
    _draw_box(
        axes,
        (x, y),
        (HALF_WIDTH, HALF_HEIGHT),
        facecolor=STATUS_COLORS[status] if observed and status != GONE else "white",
        edgecolor=DARK if observed else GREY,
        alpha=0.9 if observed else 1,
        linestyle="--" if status == GONE else "-",
    )
    axes.text(
        x,
        y,
        status,
        ha="center",
        va="center",
        color="black" if observed else GREY,
        weight="bold" if observed else "normal",
    )


def _draw_transitions(axes: Axes, changes: Sequence[tuple[datetime, str]]) -> None:
    """Draw an arrow for each change of status that was observed, with its seconds each time."""
    took: dict[tuple[str, str], list[float]] = {}
    for (since, status), (until, after) in pairwise(changes):
        took.setdefault((status, after), []).append((until - since).total_seconds())
    if changes[0][1] == "CREATING":
        x, y = STATUS_POSITIONS["CREATING"]
        axes.plot(*START_POSITION, "o", color=DARK, markersize=6)
        _draw_arrow(axes, START_POSITION, (x - HALF_WIDTH, y), "create")
    for (status, after), seconds in took.items():
        times = " and ".join(f"{each:g} s" for each in seconds)
        label = TRANSITION_LABELS.get((status, after))
        _draw_transition(axes, status, after, f"{label}, after {times}" if label else f"after {times}")


def _draw_transition(axes: Axes, status: str, after: str, text: str) -> None:
    (x, y), (to_x, to_y) = STATUS_POSITIONS[status], STATUS_POSITIONS[after]
    if y == to_y:
        side = 1 if to_x > x else -1
        back = {"ACTIVE", "UPDATING"} == {status, after}
        start, end = (x + side * HALF_WIDTH, y + side * 0.12 * back), (to_x - side * HALF_WIDTH, y + side * 0.12 * back)
        _draw_arrow(axes, start, end, text, above=side > 0, bend=0.25 if back else 0)
    else:
        side = 1 if to_y > y else -1
        _draw_arrow(axes, (x, y + side * HALF_HEIGHT), (to_x, to_y - side * HALF_HEIGHT), text, beside=True)


def _draw_arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    text: str,
    *,
    above: bool = True,
    beside: bool = False,
    bend: float = 0,
) -> None:
    style = {"arrowstyle": "-|>", "color": DARK, "shrinkA": 0, "shrinkB": 1, "connectionstyle": f"arc3,rad={-bend}"}
    axes.annotate("", end, start, arrowprops=style)
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    if beside:
        axes.text(x - 0.1, y, text, ha="right", va="center", color=DARK, size=8)  # the text of an arc is on its right
    else:
        away = 0.07 + bend * 0.5
        axes.text(
            x,
            y + (away if above else -away),
            text.replace(", ", "\n"),
            ha="center",
            va="bottom" if above else "top",
            color=DARK,
            size=8,
        )


def _draw_timeline(axes: Axes, changes: Sequence[tuple[datetime, str]]) -> None:
    """Draw a strip in which each status is as long as it was observed."""
    begin, end = changes[0][0], changes[-1][0]
    for (since, status), (until, _) in pairwise(changes):
        left, width = (since - begin).total_seconds(), (until - since).total_seconds()
        axes.barh(0, width, left=left, color=STATUS_COLORS[status], alpha=0.9, edgecolor="white")
    ticks = sorted({(time - begin).total_seconds() for time, _ in changes})
    axes.set_xticks(ticks, [f"{tick:g} s" for tick in ticks])
    axes.set_xlim(0, max((end - begin).total_seconds(), 1))
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


# --- a conversation


@dataclass(frozen=True, slots=True)
class _Message:
    """A message between two peers, given by their positions; None is a peer that is not drawn."""

    message_type: str
    sender: int | None
    receiver: int | None
    note: str = ""


def conversation(*peers: ClientLike) -> Chart:
    """Draw the peers of a channel and the messages between them.

    The messages are in the order of sending.

    Parameters
    ----------
    *peers
        Peers of one channel, as open_signaling() returned them; their
        ``messages`` are drawn.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it. An arrow that ends
        at the channel is a message that none of these peers has received: it
        is still queued, has expired, or went to another peer.

    Raises
    ------
    InvalidInput
        If there is no peer, or the peers are on several channels.

    Examples
    --------
    >>> import asyncio
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> channel = kvs.create_channel("front-door")
    >>> async def call():
    ...     async with (
    ...         kvs.open_signaling(channel, role="MASTER") as camera,
    ...         kvs.open_signaling(channel, client_id="tablet") as tablet,
    ...     ):
    ...         await tablet.send_offer("v=0 ...")
    ...         await anext(camera)
    ...         return kvs.diagrams.conversation(camera, tablet)
    >>> asyncio.run(call())
    <Chart: 2 peers on front-door, 1 message>
    """
    channels = {peer.channel_name for peer in peers}
    if len(channels) != 1:
        raise InvalidInput(
            f"The peers are on {len(channels)} channels. Pass at least one peer, and peers of one channel only."
        )
    messages = _match_messages(peers)
    unreceived = sum(each.receiver is None for each in messages)
    title = (
        f"{format_count(len(peers), 'peer')} on {channels.pop()}, {format_count(len(messages), 'message')}"
        f"{f', {unreceived} not received' if unreceived else ''}"
    )
    columns = _columns(peers)
    with open_figure(WIDTH, MESSAGE_HEIGHT * (len(messages) + 2.3)) as figure:
        axes = figure.add_subplot()
        _hide_axes(axes, (-0.5, max(*columns.values(), 0) + 0.5), (-len(messages) - 0.6, 1.5))
        _draw_lifelines(axes, peers, columns, -len(messages) - 0.5)
        for row, message in enumerate(messages):
            _draw_message(axes, message, columns, -row - 0.75)
    return Chart(figure, title)


def _match_messages(peers: Sequence[ClientLike]) -> list[_Message]:
    """Match what one peer has sent with what another received; a message of one side only has no other peer."""
    logs = [peer.ordered_messages() for peer in peers]
    unmatched = [[row for row in log if row["direction"] == "received"] for log in logs]
    refused = {row["correlation_id"]: row["error_code"] for rows in unmatched for row in rows if row["error_code"]}
    events: list[tuple[int, _Message]] = []
    for position, log in enumerate(logs):
        for row in log:
            if row["direction"] == "sent":
                receiver = _take_receiver(row, peers[position], peers, unmatched)
                note = refused.get(row["correlation_id"], "")
                events.append((row["order"], _Message(row["message_type"], position, receiver, note)))
    for position, rows in enumerate(unmatched):
        events += [
            (row["order"], _Message(row["message_type"], None, position))
            for row in rows
            if row["message_type"] != "STATUS_RESPONSE"
        ]
    return [message for _, message in sorted(events, key=lambda event: event[0])]


def _take_receiver(
    row: Mapping[Any, Any], sender: ClientLike, peers: Sequence[ClientLike], unmatched: list[list[Any]]
) -> int | None:
    """Return the position of the peer that has received a sent message, and remove it from the unmatched ones."""
    for position, peer in enumerate(peers):
        if peer.role == sender.role or (sender.role == "MASTER" and peer.client_id != row["recipient_client_id"]):
            continue
        for received in unmatched[position]:
            same = all(received[column] == row[column] for column in ("message_type", "message_payload"))
            if same and (sender.role == "MASTER" or received["sender_client_id"] == sender.client_id):
                unmatched[position].remove(received)
                return position
    return None


def _columns(peers: Sequence[ClientLike]) -> dict[int | None, float]:
    """Return the column of each peer: masters left, viewers right, and the channel, whose key is None, between them."""
    masters = [position for position, peer in enumerate(peers) if peer.role == "MASTER"]
    viewers = [position for position, peer in enumerate(peers) if peer.role != "MASTER"]
    order: list[int | None] = [*masters, None, *viewers]
    return {position: float(column) for column, position in enumerate(order)}


def _draw_lifelines(
    axes: Axes, peers: Sequence[ClientLike], columns: Mapping[int | None, float], bottom: float
) -> None:
    """Draw the name and a line of each peer, solid if it is connected, and the channel as a wide band."""
    for position, x in columns.items():
        peer = None if position is None else peers[position]
        connected = peer is None or peer.connected
        color = DARK if connected else FAINT
        if peer is None:
            axes.plot([x, x], [0, bottom], color=PALE, linewidth=18, solid_capstyle="butt", zorder=0)
            first, second, state = "channel", peers[0].channel_name, ""
        else:
            axes.plot([x, x], [0, bottom], color=color, linewidth=1, linestyle="-" if connected else ":", zorder=0)
            first, second, state = peer.role, peer.client_id or "", "connected" if connected else "not connected"
        _draw_box(axes, (x, HEAD_POSITION), (0.42, 0.62), facecolor=PALE if peer is None else "white", edgecolor=color)
        axes.text(x, HEAD_POSITION + 0.32, first, ha="center", va="center", weight="bold", color=color)
        axes.text(
            x, HEAD_POSITION - 0.04, drawn_text(second, MAX_NAME_LENGTH), ha="center", va="center", size=8, color=color
        )
        axes.text(
            x, HEAD_POSITION - 0.4, state, ha="center", va="center", size=8, color=COLORS[2] if connected else FAINT
        )


def _draw_message(axes: Axes, message: _Message, columns: Mapping[int | None, float], y: float) -> None:
    start, end, middle = columns[message.sender], columns[message.receiver], columns[None]
    color = MESSAGE_COLORS.get(message.message_type, DARK)
    label = drawn_text(MESSAGE_LABELS.get(message.message_type, message.message_type), MAX_NAME_LENGTH)
    axes.annotate(
        "", (end, y), (start, y), arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
    )
    if message.receiver is None:
        axes.plot(end, y, "o", color=RED, markerfacecolor="white", markersize=8, zorder=3)
        axes.text(end, y + 0.2, drawn_text(message.note) or "not received", ha="center", va="bottom", size=8, color=RED)
    else:
        axes.plot(middle, y, "o", color=color, markersize=4, zorder=3)
    side = 0.5 if start == middle else min(0.5, 0.5 / abs(end - start))
    axes.text(start + side * (end - start), y + 0.08, label, ha="center", va="bottom", size=8, color=color)


def _hide_axes(axes: Axes, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Set the limits of axes without ticks, labels and frame."""
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.axis("off")


def _draw_box(axes: Axes, center: tuple[float, float], half: tuple[float, float], **style: Any) -> None:
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = center, half
    corners = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((x - width, y - height), 2 * width, 2 * height, boxstyle=corners, **style))
