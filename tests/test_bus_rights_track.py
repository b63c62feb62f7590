"""What NATS itself refuses whoever says positions: all but those of the own place and below."""

from __future__ import annotations

from pathlib import Path

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.users import BusUser
from tests.intruder import KeyedServer, intrude
from tests.nats_server import until
from tiers.bus_rights import rights_of

NOT_OF_POSITIONS = {
    "a unit of the place above": "fc.track.44.01.u", "of the neighbour": "fc.track.44.01.07.u",
    "an order": "fc.call.44.01.06", "a question": "fc.api.tracks", "voice": "fc.voice.44.01.06.g",
    "a link": "fc.link.440106.up", "phones": "fc.phones.gw", "what another gateway counts": "fc.tracked.44.01.07",
}  # fmt: skip


async def test_the_gateway_of_positions_says_its_own_units_and_nothing_else(tmp_path: Path) -> None:
    server = KeyedServer(tmp_path, ("track", "track", "440106"), ("node-tracks", "track", "440106"))
    try:
        heard = list[str]()
        node = await open_bus(server.url, "tracks", key=server.key("node-tracks"))
        for subject in ("fc.track.44.01.06.>", "fc.tracked.44.01.06"):
            await node.hear(subject, lambda subject, _: heard.append(subject))
        intruder = await intrude(server.url, server.key("track"))
        for subject in ("fc.track.44.01.06.mav-1", "fc.track.44.01.06.001.mav-1", "fc.tracked.44.01.06"):
            assert await intruder.publish(subject), subject
        await until(lambda: len(heard) == 3)
        for what, subject in NOT_OF_POSITIONS.items():
            assert not await intruder.publish(subject), what
        for subject in ("fc.>", "fc.track.>", "fc.track.44.01.07.>", "fc.call.>", "fc.api.>", ">"):
            assert not await intruder.hear(subject), subject
        for each in (intruder.client, node):
            await each.close()
    finally:
        server.stop()


def test_a_gateway_of_phones_says_them_to_its_node_and_a_kits_carrier_its_own_side() -> None:
    gateway = rights_of(BusUser("responder-1", "gateway", "440106", "U" * 56))
    assert "fc.phones.responder-1" in gateway.publish and not any("fc.track" in one for one in gateway.publish)
    carrier = rights_of(BusUser("satellite", "satellite", "440106", "U" * 56))
    assert "fc.track.44.01.06.>" in carrier.publish and "fc.track.44.01.06.>" in carrier.subscribe
