"""What NATS itself refuses the radio gateway: all but accounts, orders and whose keys ended, whom to call, and what it
tells: who is there, wrong secrets, and answers by key under its own name."""

from __future__ import annotations

from pathlib import Path

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import TRUST, Stored
from tests.intruder import KeyedServer, intrude
from tests.nats_server import until

NOT_OF_A_RADIO = {
    "an account of its own": "fc.trust.radio.00", "an order": "fc.call.44.01.06",
    "another's receipts": "fc.receipt.gw-1", "that radios are called": "fc.radio.ring.44.01.06",
    "a question of commanders": "fc.api.ring-radios",
    "devices": "$JS.API.CONSUMER.CREATE.FC_TRUST.radio-device.fc.trust.device.>",
    "proposals": "fc.js.CONSUMER.CREATE.FC_TRUST.radio-proposal.fc.trust.proposal.>",
    "more than revocations": "fc.js.CONSUMER.CREATE.FC_TRUST.radio-revocation.fc.trust.>",
    "who is here": "fc.presence.radio", "a report": "fc.report.44.01.06.001", "a device": "fc.api.enrol",
    "the inbox of the node": "_INBOX.node.x",
}  # fmt: skip


async def test_the_radio_gateway_reads_accounts_and_hears_whom_to_call_and_nothing_else(tmp_path: Path) -> None:
    server = KeyedServer(tmp_path, ("node", "node", "440106"), ("radio", "radio", "440106"))
    try:
        node = await open_bus(server.url, "node", key=server.key("node"))
        await node.ensure_streams()
        radio = await open_bus(server.url, "radio", key=server.key("radio"), gateway=True)
        read, told, rung = list[Stored](), list[bytes](), list[bytes]()
        await node.hear("fc.radio.failed", lambda _, data: told.append(data))
        await radio.hear("fc.radio.ring.44.01.06.>", lambda _, data: rung.append(data))
        tail = await radio.tail(TRUST, read.append, filters=("fc.trust.radio.>",))
        await tail.caught_up()
        await node.store("fc.trust.radio.61", b"an account")
        await node.store("fc.trust.lost.00", b"a loss")
        await node.say("fc.radio.ring.44.01.06.001", b"call them")
        await radio.say("fc.radio.failed", b"wrong secrets")
        await until(lambda: read and told and rung)
        assert [stored.data for stored in read] == [b"an account"] and rung == [b"call them"]
        intruder = await intrude(server.url, server.key("radio"))
        for what, subject in NOT_OF_A_RADIO.items():
            assert not await intruder.publish(subject), what
        assert await intruder.publish("fc.receipt.radio"), "answers by key"
        for heard in ("fc.>", "fc.radio.>", "fc.api.>", "fc.call.>", ">"):
            assert not await intruder.hear(heard), heard
        for each in (intruder.client, radio, node):
            await each.close()
    finally:
        server.stop()
