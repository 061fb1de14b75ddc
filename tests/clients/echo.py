"""WebRTC by aiortc over this package's signaling: viewers call before the camera connects, and each gets its own echo."""

import asyncio
import json
import sys

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

import kvs_notebook as kvs

aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]  # aiortc leaves loopback out
NO_SERVERS = RTCConfiguration(iceServers=[])  # its default is a public STUN server


async def camera(channel: str, calls: int) -> list[RTCPeerConnection]:
    """Answer a number of calls; echo each message of a data channel."""
    connections = []
    async with kvs.open_signaling(channel, role="MASTER") as peer:
        for _ in range(calls):
            offer = await anext(peer)
            connection = RTCPeerConnection(NO_SERVERS)
            connections.append(connection)

            @connection.on("datachannel")
            def opened(data: object) -> None:
                data.on("message", lambda text: data.send(f"echo of {text}"))  # type: ignore[attr-defined]

            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            await peer.send_answer(connection.localDescription.sdp, recipient_client_id=offer.sender_client_id)
    return connections


async def viewer(channel: str, client_id: str, called: asyncio.Event) -> str:
    """Call, send the client id over a data channel, and return the echo."""
    connection, echo = RTCPeerConnection(NO_SERVERS), asyncio.get_running_loop().create_future()
    data = connection.createDataChannel("echo")
    data.on("open", lambda: data.send(client_id))
    data.on("message", echo.set_result)
    await connection.setLocalDescription(await connection.createOffer())
    async with kvs.open_signaling(channel, client_id=client_id) as peer:
        await peer.send_offer(connection.localDescription.sdp)
        await peer.ping()  # the offer has arrived
        called.set()
        answer = await anext(peer)
    await connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    text: str = await echo
    await connection.close()
    return text


async def main(viewers: int) -> list[str]:
    """Connect the viewers first, then the camera."""
    kvs.connect(allow_changes=True)
    kvs.create_channel("front-door")
    called = [asyncio.Event() for _ in range(viewers)]
    async with asyncio.timeout(80), asyncio.TaskGroup() as group:
        calls = [group.create_task(viewer("front-door", f"viewer-{n}", event)) for n, event in enumerate(called)]
        for event in called:
            await event.wait()
        connections = await camera("front-door", viewers)
    heard = [call.result() for call in calls]
    await asyncio.gather(*(connection.close() for connection in connections))
    return heard


print(json.dumps(asyncio.run(main(int(sys.argv[1])))))  # noqa: T201 - what it is for
