"""What NATS itself refuses who looks for smoke and fire: all but its own alarms, their pictures, and to hear video."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

import pytest

from fusioncmd.alarm import subjects
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.users import BusUser, UserKind
from fusioncmd.codes import parse
from tests.intruder import KeyedServer, intrude
from tiers.nats_links import user_line

IDENT = bytes(range(16))
TOWN = parse("440106001")
NOT_OF_SEEING = {
    "an alarm of the neighbour": "fc.alarm.44.01.07", "that an alarm is confirmed": "fc.decided.44.01.06",
    "the picture of a person's report": f"fc.picture.44.01.06.001.00000007.{IDENT.hex()}.0",
    "a further part of one": f"fc.picture.44.01.06.001.00000000.{IDENT.hex()}.1",
    "a picture of the neighbour": f"fc.picture.44.01.07.001.00000000.{IDENT.hex()}.0",
    "an order": "fc.call.44.01.06", "receipts": "fc.receipt.seeing", "a question": "fc.api.alarms",
    "a camera": "fc.trust.camera.61", "the inbox of the node": "_INBOX.node.x",
}  # fmt: skip
NOT_OF_WATCHING = (
    "fc.video.44.01.06.001.gate-1.rtp",
    "fc.video.44.01.06.001.gate-1.ask",
    "fc.show.44.01.06",
    "fc.call.44.01.06",
)


@pytest.mark.parametrize("role", get_args(UserKind))
def test_no_user_has_an_empty_list_which_would_allow_everything(role: UserKind) -> None:
    line = user_line(BusUser("one", role, "440106", "U" + "A" * 55))
    assert "[]" not in line and line.count("allow: [") + line.count('deny: [">"]') == 2


async def test_who_looks_says_alarms_and_their_pictures_and_hears_video_and_nothing_else(tmp_path: Path) -> None:
    server = KeyedServer(
        tmp_path, ("node", "node", "440106"), ("seeing", "seeing", "440106"), ("seeing-video", "watching", "440106"),
        ("camera-video", "talk", "440106"),
    )  # fmt: skip
    try:
        node = await open_bus(server.url, "node", key=server.key("node"))
        await node.ensure_streams()
        seeing = await open_bus(server.url, "seeing", key=server.key("seeing"), gateway=True)
        await seeing.store(subjects.alarm(TOWN), b"an alarm")
        await seeing.store(subjects.still(TOWN, IDENT), b"its picture")
        for subject, data in ((subjects.alarm(TOWN), b"an alarm"), (subjects.still(TOWN, IDENT), b"its picture")):
            stored = await node.last(subject)
            assert stored is not None and stored.data == data
        watching = await open_bus(server.url, "seeing-video", key=server.key("seeing-video"))
        camera = await open_bus(server.url, "camera-video", key=server.key("camera-video"))
        heard = list[bytes]()
        await watching.hear("fc.video.44.01.06.001.gate-1.rtp", lambda _, data: heard.append(data))
        async with asyncio.timeout(10.0):
            while not heard:
                await camera.say("fc.video.44.01.06.001.gate-1.rtp", b"packets")
                await asyncio.sleep(0.05)
        intruder = await intrude(server.url, server.key("seeing"))
        for what, subject in NOT_OF_SEEING.items():
            assert not await intruder.publish(subject), what
        for subject in ("fc.>", "fc.alarm.>", "fc.video.>", "fc.picture.>", "fc.call.>", ">"):
            assert not await intruder.hear(subject), subject
        listener = await intrude(server.url, server.key("seeing-video"))
        for subject in NOT_OF_WATCHING:
            assert not await listener.publish(subject), subject
        for subject in ("fc.>", "fc.voice.>", "fc.video.44.01.07.>", "fc.link.>", ">"):
            assert not await listener.hear(subject), subject
        for each in (intruder.client, listener.client, seeing, watching, camera, node):
            await each.close()
    finally:
        server.stop()
