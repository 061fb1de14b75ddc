"""Check an installed package on its sandbox: ``python tests/smoke.py`` needs the extras lab and sandbox, and no test tool."""

from __future__ import annotations

import asyncio
import platform
import sys

import kvs_notebook as kvs


def read_inventory(sandbox: kvs.Sandbox) -> str:
    """Read the channels of the example fleet in two regions."""
    sandbox.seed()
    fleet = kvs.inventory(regions=["us-east-1", "eu-west-1"])
    fleet.raise_for_failures()
    names = fleet.table()["channel_name"]
    assert "front-door-hq" in set(names), names
    return f"an inventory of {len(names)} channels"


def create_by_form() -> str:
    """Fill in the create form and submit it."""
    form = kvs.forms.create_channel()
    form.name.value, form.tags.value = "smoke", {"Site": "hq"}
    form.submit.click()
    created = form.future.result(timeout=60)
    assert created["channel_name"].tolist() == ["smoke"], created
    assert kvs.list_tags("smoke")[["key", "value"]].values.tolist() == [["Site", "hq"]]
    return "a channel created by a form"


async def exchange_messages() -> str:
    """Send an offer to the MASTER and an answer back to the viewer."""
    async with (
        asyncio.timeout(60),
        kvs.open_signaling("smoke", role="MASTER") as camera,
        kvs.open_signaling("smoke", client_id="tablet") as tablet,
    ):
        await tablet.send_offer("v=0 offer")
        offer = await anext(camera)
        await camera.send_answer("v=0 answer", recipient_client_id=offer.sender_client_id)
        answer = await anext(tablet)
    assert (offer.sdp, answer.sdp) == ("v=0 offer", "v=0 answer"), (offer, answer)
    return "an offer and its answer"


def main() -> None:
    """Run the three checks and print what was done."""
    sandbox = kvs.use_sandbox(clock="stepped")
    try:
        done = [read_inventory(sandbox), create_by_form(), asyncio.run(exchange_messages())]
    finally:
        sandbox.stop()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    sys.stdout.write(f"kvs_notebook {kvs.__version__} on {python}: {', '.join(done)}\n")


if __name__ == "__main__":
    main()
