"""What NATS itself refuses the gateway of browsers: all but whose devices are lost, and what people missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import TRUST, Stored
from fusioncmd.bus.users import BusUser, UserKind
from tests.intruder import KeyedServer, intrude
from tests.nats_server import until
from tiers.bus_rights import rights_of

NOT_OF_BROWSERS = {
    "a loss of its own": "fc.trust.lost.00", "an order": "fc.call.44.01.06", "receipts": "fc.receipt.video",
    "that radios are called": "fc.radio.ring.44.01.06", "a question of commanders": "fc.api.talk-pass",
    "devices": "fc.js.CONSUMER.CREATE.FC_TRUST.video-device.fc.trust.device.>",
    "all of the trust stream": "fc.js.CONSUMER.CREATE.FC_TRUST.video", "the inbox of the node": "_INBOX.node.x",
}  # fmt: skip


async def test_the_gateway_of_browsers_reads_losses_and_nothing_else(tmp_path: Path) -> None:
    server = KeyedServer(tmp_path, ("node", "node", "440106"), ("video", "video", "440106"))
    try:
        node = await open_bus(server.url, "node", key=server.key("node"))
        await node.ensure_streams()
        video = await open_bus(server.url, "video", key=server.key("video"), gateway=True)
        read = list[Stored]()
        tail = await video.tail(TRUST, read.append, filters=("fc.trust.lost.*",))
        await tail.caught_up()
        await node.store("fc.trust.radio.61", b"an account")
        await node.store("fc.trust.lost.00", b"a loss")
        await until(lambda: read)
        assert [stored.data for stored in read] == [b"a loss"]

        async def served(data: bytes) -> bytes:
            return data[::-1]

        for asked in ("fc.api.missed", "fc.api.missed-recording"):
            await node.serve(asked, served)
            await node.edge(TRUST)  # a round trip: the server knows who serves
            assert await video.ask(asked, b"ab", 5.0) == b"ba"
        intruder = await intrude(server.url, server.key("video"))
        for what, subject in NOT_OF_BROWSERS.items():
            assert not await intruder.publish(subject), what
        for heard in ("fc.>", "fc.trust.>", "fc.api.>", "fc.call.>", "fc.voice.>", ">"):
            assert not await intruder.hear(heard), heard
        await tail.stop()
        for each in (intruder.client, video, node):
            await each.close()
    finally:
        server.stop()


@pytest.mark.parametrize("role", ["talk", "floor", "link"])
def test_of_video_above_only_what_is_shown_is_heard_and_asked_of(role: UserKind) -> None:
    rights = rights_of(BusUser("county", role, "440106", "U" * 56))
    for above in ("44", "44.01"):
        assert f"fc.video.{above}.shown.rtp" in rights.subscribe and f"fc.video.{above}.shown.ask" in rights.publish
    beyond = [each for each in (*rights.publish, *rights.subscribe) if each.startswith("fc.video.")]
    assert all(each.startswith("fc.video.44.01.06.") or ".shown." in each for each in beyond)
    assert not any(each.endswith((".rtp", ".what")) for each in rights.publish if ".shown." in each)


def test_who_carries_video_over_a_satellite_speaks_for_the_places_below_and_of_no_others() -> None:
    kit = rights_of(BusUser("satellite", "satellite", "440106001", "U" * 56))
    hub = rights_of(BusUser("satellite", "satellite", "440106", "U" * 56))
    assert {"fc.video.44.01.06.001.>", "fc.thin.44.01.06.001.>", "fc.roll.44.01.06"} <= set(kit.publish)
    assert {"fc.video.44.01.06.001.>", "fc.kept.44.01.06.001.said"} <= set(kit.subscribe)
    assert {"fc.video.44.01.06.>", "fc.kept.44.01.06.*.said"} <= set(hub.publish)
    assert {"fc.roll.44.01.06", "fc.roll.44", "fc.kept.44.01.06.*.ask"} <= set(hub.subscribe)
    for rights in (kit, hub):
        said = [each for each in rights.publish if each.startswith(("fc.video.", "fc.kept.", "fc.thin."))]
        assert all("44.01.06" in each or each.endswith(".shown.ask") for each in said)
