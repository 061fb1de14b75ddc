"""Diagrams: pictures of what happened, for those who would rather look than read.

>>> import kvs_notebook as kvs
>>> from datetime import datetime
>>> kvs.diagrams.lifecycle([(datetime(2026, 1, 5, 9), "CREATING"), (datetime(2026, 1, 5, 9, 0, 2), "ACTIVE")])
<Chart: CREATING, ACTIVE: 2 s>

They draw what was seen and nothing else, with matplotlib (the extra ``lab``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value
from kvs_notebook.plotting.figure import COLORS, GREY, RED, WIDTH, Chart, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["conversation", "lifecycle"]


def __dir__() -> list[str]:
    """Name what is public, and not what this room itself imports."""
    return [*__all__]


GONE = "gone"
PLACES = {
    "CREATING": (1.6, 1.0),
    "ACTIVE": (4.0, 1.0),
    "UPDATING": (6.4, 1.0),
    "DELETING": (4.0, 0.0),
    GONE: (6.4, 0.0),
}
"""Where each status stands, one of them below the other where time goes on."""

BEGIN = (0.0, 1.0)
STATUS_COLORS = {"CREATING": COLORS[4], "ACTIVE": COLORS[2], "UPDATING": COLORS[1], "DELETING": COLORS[3], GONE: GREY}
CAUSES = {("ACTIVE", "UPDATING"): "update", ("ACTIVE", "DELETING"): "delete", (GONE, "CREATING"): "create again"}
HALF_WIDTH, HALF_HEIGHT = 0.72, 0.22
INK = "#333333"
PALE, FAINT = "#EEEEEE", "#767676"

WORDS = {"SDP_OFFER": "offer", "SDP_ANSWER": "answer", "ICE_CANDIDATE": "candidate"}
MESSAGE_COLORS = {"SDP_OFFER": COLORS[0], "SDP_ANSWER": COLORS[2], "ICE_CANDIDATE": "#8A5A00"}
ROW = 0.36
"""Inches that a message takes."""

HEAD = 0.75
"""Where the names of the peers stand above the messages."""

MOST_LETTERS = 24


class Peer(Protocol):
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


# --- the life of a channel


def lifecycle(looks: Iterable[tuple[datetime, str | None]]) -> Chart:
    """Draw the statuses that a channel was seen in, and how many seconds after each other.

    Parameters
    ----------
    looks
        When somebody looked, and the channel_status then; None once the service knew the channel no more. The arrows say how long
        a status had been seen until the next one was: as exact as the looks are frequent.

    Returns
    -------
    Chart
        Shows itself; ``.save(path)`` writes it. A status that was not seen is drawn without colour, and no arrow leads to it.

    Raises
    ------
    InvalidInput
        When there is no look, or for a status that a channel does not have.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped", assumptions=kvs.Assumptions(creating_seconds=3))
    >>> now = kvs.current_connection().now
    >>> channel = kvs.create_channel("front-door", wait=False)
    >>> looks = [(now(), channel["channel_status"].item())]
    >>> channel = kvs.wait_for_channel("front-door")
    >>> looks += [(now(), channel["channel_status"].item())]
    >>> kvs.diagrams.lifecycle(looks)
    <Chart: CREATING, ACTIVE: 2 s>
    """
    stays = _stays(looks)
    seconds = (stays[-1][0] - stays[0][0]).total_seconds()
    title = f"{', '.join(status for _, status in stays)}: {seconds:g} s"
    with figure_of(WIDTH, 2.7) as figure:
        above, below = figure.subplots(2, height_ratios=(6, 1))
        _plain(above, (-0.3, 7.3), (-0.35, 1.6))
        for status in PLACES:
            _status(above, status, seen=any(status == each for _, each in stays))
        _transitions(above, stays)
        _timeline(below, stays)
    return Chart(figure, title)


def _stays(looks: Iterable[tuple[datetime, str | None]]) -> list[tuple[datetime, str]]:
    """Give each status with the time at which it was first seen."""
    stays: list[tuple[datetime, str]] = []
    for time, status in looks:
        name = GONE if status is None else status
        if name not in PLACES:
            raise InvalidInput(
                f"Status {format_value(name)}: a channel is {', '.join(PLACES)[: -len(GONE)]}or None once gone."
            )
        if not stays or stays[-1][1] != name:
            stays.append((time, name))
    if not stays:
        raise InvalidInput("There is no look to draw: give pairs of a time and a channel_status.")
    return stays


def _status(axes: Axes, status: str, *, seen: bool) -> None:
    x, y = PLACES[status]
    _box(
        axes,
        (x, y),
        (HALF_WIDTH, HALF_HEIGHT),
        facecolor=STATUS_COLORS[status] if seen and status != GONE else "white",
        edgecolor=INK if seen else GREY,
        alpha=0.9 if seen else 1,
        linestyle="--" if status == GONE else "-",
    )
    axes.text(
        x, y, status, ha="center", va="center", color="black" if seen else GREY, weight="bold" if seen else "normal"
    )


def _transitions(axes: Axes, stays: Sequence[tuple[datetime, str]]) -> None:
    """Draw an arrow for each change of status that was seen, with the seconds that it took each time."""
    took: dict[tuple[str, str], list[float]] = {}
    for (since, status), (until, after) in pairwise(stays):
        took.setdefault((status, after), []).append((until - since).total_seconds())
    if stays[0][1] == "CREATING":
        x, y = PLACES["CREATING"]
        axes.plot(*BEGIN, "o", color=INK, markersize=6)
        _arrow(axes, BEGIN, (x - HALF_WIDTH, y), "create")
    for (status, after), seconds in took.items():
        times = " and ".join(f"{each:g} s" for each in seconds)
        said = CAUSES.get((status, after))
        _transition(axes, status, after, f"{said}, after {times}" if said else f"after {times}")


def _transition(axes: Axes, status: str, after: str, text: str) -> None:
    (x, y), (to_x, to_y) = PLACES[status], PLACES[after]
    if y == to_y:
        side = 1 if to_x > x else -1
        back = {"ACTIVE", "UPDATING"} == {status, after}
        start, end = (x + side * HALF_WIDTH, y + side * 0.12 * back), (to_x - side * HALF_WIDTH, y + side * 0.12 * back)
        _arrow(axes, start, end, text, above=side > 0, bend=0.25 if back else 0)
    else:
        side = 1 if to_y > y else -1
        _arrow(axes, (x, y + side * HALF_HEIGHT), (to_x, to_y - side * HALF_HEIGHT), text, beside=True)


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    text: str,
    *,
    above: bool = True,
    beside: bool = False,
    bend: float = 0,
) -> None:
    style = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 1, "connectionstyle": f"arc3,rad={-bend}"}
    axes.annotate("", end, start, arrowprops=style)
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    if beside:
        axes.text(x - 0.1, y, text, ha="right", va="center", color=INK, size=8)  # to the right an arc has its words
    else:
        away = 0.07 + bend * 0.5
        axes.text(
            x,
            y + (away if above else -away),
            text.replace(", ", "\n"),
            ha="center",
            va="bottom" if above else "top",
            color=INK,
            size=8,
        )


def _timeline(axes: Axes, stays: Sequence[tuple[datetime, str]]) -> None:
    """Draw the same as a strip, each status as long as it was seen."""
    begin, end = stays[0][0], stays[-1][0]
    for (since, status), (until, _) in pairwise(stays):
        left, width = (since - begin).total_seconds(), (until - since).total_seconds()
        axes.barh(0, width, left=left, color=STATUS_COLORS[status], alpha=0.9, edgecolor="white")
    ticks = sorted({(time - begin).total_seconds() for time, _ in stays})
    axes.set_xticks(ticks, [f"{tick:g} s" for tick in ticks])
    axes.set_xlim(0, max((end - begin).total_seconds(), 1))
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


# --- a conversation


@dataclass(frozen=True, slots=True)
class _Passage:
    """Say what went from whom to whom: positions of peers, None for somebody who is not drawn."""

    message_type: str
    sender: int | None
    receiver: int | None
    note: str = ""


def conversation(*peers: Peer) -> Chart:
    """Draw which peers are connected to a channel, and each message that went between them, in the order of sending.

    Parameters
    ----------
    *peers
        Peers of one channel, as open_signaling() gave them. What they sent and received is taken from their ``messages``.

    Returns
    -------
    Chart
        Shows itself; ``.save(path)`` writes it. An arrow that ends at the channel is a message that none of these peers has
        received: it waits there, or its time is over, or somebody else got it.

    Raises
    ------
    InvalidInput
        When no peer is given, or they are on several channels.

    Examples
    --------
    >>> import asyncio
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> door = kvs.create_channel("front-door")
    >>> async def call():
    ...     async with (
    ...         kvs.open_signaling(door, role="MASTER") as camera,
    ...         kvs.open_signaling(door, client_id="tablet") as tablet,
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
            f"A conversation is on one channel, and these peers are on {len(channels)}: give peers of one."
        )
    passages = _passages(peers)
    lost = sum(each.receiver is None for each in passages)
    title = (
        f"{len(peers)} peer{'' if len(peers) == 1 else 's'} on {channels.pop()}, "
        f"{len(passages)} message{'' if len(passages) == 1 else 's'}{f', {lost} not received' if lost else ''}"
    )
    columns = _columns(peers)
    with figure_of(WIDTH, ROW * (len(passages) + 2.3)) as figure:
        axes = figure.add_subplot()
        _plain(axes, (-0.5, max(*columns.values(), 0) + 0.5), (-len(passages) - 0.6, 1.5))
        _lifelines(axes, peers, columns, -len(passages) - 0.5)
        for row, passage in enumerate(passages):
            _message(axes, passage, columns, -row - 0.75)
    return Chart(figure, title)


def _passages(peers: Sequence[Peer]) -> list[_Passage]:
    """Bring together what one peer has sent and another received; what is on one side only stays so."""
    logs = [peer.ordered_messages() for peer in peers]
    unclaimed = [[row for row in log if row["direction"] == "received"] for log in logs]
    refused = {row["correlation_id"]: row["error_code"] for rows in unclaimed for row in rows if row["error_code"]}
    events: list[tuple[int, _Passage]] = []
    for position, log in enumerate(logs):
        for row in log:
            if row["direction"] == "sent":
                receiver = _claimed(row, peers[position], peers, unclaimed)
                note = refused.get(row["correlation_id"], "")
                events.append((row["order"], _Passage(row["message_type"], position, receiver, note)))
    for position, rows in enumerate(unclaimed):
        events += [
            (row["order"], _Passage(row["message_type"], None, position))
            for row in rows
            if row["message_type"] != "STATUS_RESPONSE"
        ]
    return [passage for _, passage in sorted(events, key=lambda event: event[0])]


def _claimed(row: Mapping[Any, Any], sender: Peer, peers: Sequence[Peer], unclaimed: list[list[Any]]) -> int | None:
    """Give the peer that has received what was sent, and take it from what nobody has claimed."""
    for position, peer in enumerate(peers):
        if peer.role == sender.role or (sender.role == "MASTER" and peer.client_id != row["recipient_client_id"]):
            continue
        for received in unclaimed[position]:
            same = all(received[column] == row[column] for column in ("message_type", "message_payload"))
            if same and (sender.role == "MASTER" or received["sender_client_id"] == sender.client_id):
                unclaimed[position].remove(received)
                return position
    return None


def _columns(peers: Sequence[Peer]) -> dict[int | None, float]:
    """Give where each peer stands: masters to the left, viewers to the right, and None, the channel, between them."""
    masters = [position for position, peer in enumerate(peers) if peer.role == "MASTER"]
    viewers = [position for position, peer in enumerate(peers) if peer.role != "MASTER"]
    order: list[int | None] = [*masters, None, *viewers]
    return {position: float(place) for place, position in enumerate(order)}


def _lifelines(axes: Axes, peers: Sequence[Peer], columns: Mapping[int | None, float], bottom: float) -> None:
    """Draw a head and a line for each peer, solid while it is connected, and the channel as a broad band."""
    for position, x in columns.items():
        peer = None if position is None else peers[position]
        up = peer is None or peer.connected
        color = INK if up else FAINT
        if peer is None:
            axes.plot([x, x], [0, bottom], color=PALE, linewidth=18, solid_capstyle="butt", zorder=0)
            first, second, state = "channel", peers[0].channel_name, ""
        else:
            axes.plot([x, x], [0, bottom], color=color, linewidth=1, linestyle="-" if up else ":", zorder=0)
            first, second, state = peer.role, peer.client_id or "", "connected" if up else "not connected"
        _box(axes, (x, HEAD), (0.42, 0.62), facecolor=PALE if peer is None else "white", edgecolor=color)
        axes.text(x, HEAD + 0.32, first, ha="center", va="center", weight="bold", color=color)
        axes.text(x, HEAD - 0.04, _shortened(second), ha="center", va="center", size=8, color=color)
        axes.text(x, HEAD - 0.4, state, ha="center", va="center", size=8, color=COLORS[2] if up else FAINT)


def _message(axes: Axes, passage: _Passage, columns: Mapping[int | None, float], y: float) -> None:
    start, end, middle = columns[passage.sender], columns[passage.receiver], columns[None]
    color = MESSAGE_COLORS.get(passage.message_type, INK)
    word = WORDS.get(passage.message_type, passage.message_type)
    axes.annotate(
        "", (end, y), (start, y), arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
    )
    if passage.receiver is None:
        axes.plot(end, y, "o", color=RED, markerfacecolor="white", markersize=8, zorder=3)
        axes.text(end, y + 0.2, passage.note or "not received", ha="center", va="bottom", size=8, color=RED)
    else:
        axes.plot(middle, y, "o", color=color, markersize=4, zorder=3)
    side = 0.5 if start == middle else min(0.5, 0.5 / abs(end - start))
    axes.text(start + side * (end - start), y + 0.08, word, ha="center", va="bottom", size=8, color=color)


def _plain(axes: Axes, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Take away all that belongs to a plot of numbers."""
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.axis("off")


def _box(axes: Axes, middle: tuple[float, float], half: tuple[float, float], **look: Any) -> None:
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = middle, half
    corners = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((x - width, y - height), 2 * width, 2 * height, boxstyle=corners, **look))


def _shortened(name: str) -> str:
    """Give a name that fits its box."""
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 3]}..."
