"""What NATS itself refuses the gateway of cameras: all but which cameras there are, and how they are."""

from __future__ import annotations

from pathlib import Path

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import TRUST, Stored
from tests.intruder import KeyedServer, intrude
from tests.nats_server import until

NOT_OF_CAMERAS = {
    "a camera of its own": "fc.trust.camera.00", "an order": "fc.call.44.01.06", "receipts": "fc.receipt.camera",
    "that radios are called": "fc.radio.ring.44.01.06", "a question of commanders": "fc.api.add-camera",
    "radios": "fc.js.CONSUMER.CREATE.FC_TRUST.camera-radio.fc.trust.radio.>",
    "all of the trust stream": "fc.js.CONSUMER.CREATE.FC_TRUST.camera", "the inbox of the node": "_INBOX.node.x",
    "video, which is another user's": "fc.video.44.01.06.gate-1.rtp",
}  # fmt: skip


async def test_the_gateway_of_cameras_reads_which_there_are_and_nothing_else(tmp_path: Path) -> None:
    server = KeyedServer(tmp_path, ("node", "node", "440106"), ("camera", "camera", "440106"))
    try:
        node = await open_bus(server.url, "node", key=server.key("node"))
        await node.ensure_streams()
        camera = await open_bus(server.url, "camera", key=server.key("camera"), gateway=True)
        read, told = list[Stored](), list[bytes]()
        await node.hear("fc.camera.here", lambda _, data: told.append(data))
        tail = await camera.tail(TRUST, read.append, filters=("fc.trust.camera.>",))
        await tail.caught_up()
        await node.store("fc.trust.radio.61", b"an account")
        await node.store("fc.trust.camera.61", b"a camera")
        await camera.say("fc.camera.here", b"how they are")
        await until(lambda: read and told)
        assert [stored.data for stored in read] == [b"a camera"]
        intruder = await intrude(server.url, server.key("camera"))
        for what, subject in NOT_OF_CAMERAS.items():
            assert not await intruder.publish(subject), what
        for heard in ("fc.>", "fc.trust.>", "fc.api.>", "fc.call.>", "fc.video.>", ">"):
            assert not await intruder.hear(heard), heard
        await tail.stop()
        for each in (intruder.client, camera, node):
            await each.close()
    finally:
        server.stop()
