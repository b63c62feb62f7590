"""What NATS itself refuses: a gateway, a commander, a city's node, with all that they have, at what is not theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import CALL, RECEIPT, STREAMS, TRUST, Stored
from fusioncmd.errors import BusRefused
from tests.intruder import Intruder, KeyedServer, intrude
from tests.nats_server import until
from tiers.bus_rights import rights_of

ANSWER_S_MAX = 5.0
OWN = {
    "fc.picture.44.01.06.001.0000002a.00.0",
    "fc.receipt.gw-1", "fc.presence.gw-1", "fc.report.44.01", "fc.report.44.01.06.001",
    "fc.push.44.01.06.001.00000001.none", "fc.api.enrol", "fc.api.renew",
}  # fmt: skip
NOT_OF_A_GATEWAY = {
    "an order": "fc.call.44.01", "an order to the province": "fc.call.44", "an audience": "fc.audience.01J",
    "another's receipts": "fc.receipt.gw-2", "another's presence": "fc.presence.gw-2",
    "a report of another city": "fc.report.44.02.01.001", "a slice of its own roster": "fc.roster.44.01.06.001",
    "another tier's roster": "fc.roster.44.02.01.001", "the table of towns": "fc.roster.44",
    "an account": "fc.account.00", "the audit": "fc.audit.44", "a revocation": "fc.trust.revocation.00",
    "a device": "fc.trust.device.44.01.06.001.00", "a question of commanders": "fc.api.issue",
    "the inbox of the node": "_INBOX.node.x", "a new stream": "$JS.API.STREAM.CREATE.MINE",
    "another shape of a stream": "$JS.API.STREAM.UPDATE.FC_CALL",
    "the end of a stream": "$JS.API.STREAM.DELETE.FC_CALL",
    "the end of what a stream holds": "$JS.API.STREAM.PURGE.FC_CALL",
    "the end of a message": "$JS.API.STREAM.MSG.DELETE.FC_CALL",
    "accounts": "$JS.API.CONSUMER.CREATE.FC_ACCOUNT.gw-1", "the roster": "$JS.API.CONSUMER.CREATE.FC_ROSTER.gw-1",
    "audits": "$JS.API.CONSUMER.CREATE.FC_AUDIT.gw-1", "receipts": "$JS.API.CONSUMER.CREATE.FC_RECEIPT.gw-1",
    "all of the trust": "$JS.API.CONSUMER.CREATE.FC_TRUST.gw-1",
    "devices": "$JS.API.CONSUMER.CREATE.FC_TRUST.gw-1-device.fc.trust.device.>",
    "a roster slice": "$JS.API.DIRECT.GET.FC_ROSTER.fc.roster.44.01.06.001",
    "a message of the roster": "$JS.API.STREAM.MSG.GET.FC_ROSTER",
    "an account at once": "$JS.API.DIRECT.GET.FC_ACCOUNT",
    "another's consumer": "$JS.API.CONSUMER.DELETE.FC_CALL.gw-2", "the pace of another": "$JS.FC.FC_CALL.gw-2.x",
    "the server": "$SYS.REQ.SERVER.PING", "anything else": "mine",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    made: tuple[tuple[str, users.UserKind, str], ...] = (
        ("node", "node", "44"), ("city", "node", "4401"), ("gw-1", "gateway", "4401"), ("gw-2", "gateway", "44"),
        ("office", "office", "44"), ("commander", "commander", "44"),
    )  # fmt: skip
    running = KeyedServer(tmp_path_factory.mktemp("bus"), *made)
    yield running
    running.stop()


@pytest.fixture
async def gateway(server: KeyedServer) -> AsyncIterator[Intruder]:
    node = await open_bus(server.url, "node", key=server.key("node"))
    await node.ensure_streams()
    await node.close()
    intruder = await intrude(server.url, server.key("gw-1"))
    yield intruder
    await intruder.client.close()


async def test_a_gateway_may_do_its_own_things_and_nothing_else(gateway: Intruder) -> None:
    for subject in OWN:
        assert await gateway.publish(subject), subject
    for what, subject in NOT_OF_A_GATEWAY.items():
        assert not await gateway.publish(subject), what
    for heard in ("fc.>", "fc.call.>", "fc.receipt.>", "fc.api.>", "_INBOX.>", "_INBOX.node.>", "$JS.>", ">"):
        assert not await gateway.hear(heard), heard
    assert await gateway.hear("_INBOX.gw-1.mine")


async def test_a_gateway_reads_orders_and_revocations_by_its_own_consumers(server: KeyedServer) -> None:
    node = await open_bus(server.url, "node", key=server.key("node"))
    await node.ensure_streams()
    bus = await open_bus(server.url, "gw-1", key=server.key("gw-1"), gateway=True)
    heard: list[Stored] = []
    filters = ("fc.trust.revocation.>", "fc.trust.heartbeat.>", "fc.trust.lost.>")
    tails = [await bus.tail(TRUST, heard.append, filters=filters)]
    tails.append(await bus.tail(CALL, heard.append, filters=("fc.call.44.01", "fc.call.44.01.>", "fc.audience.>")))
    for tail in tails:
        await tail.caught_up()
    said = ["fc.trust.revocation.0a", "fc.trust.heartbeat.0b", "fc.trust.lost.0c", "fc.call.44.01", "fc.audience.X"]
    unheard = ["fc.trust.device.44.01.06.001.0d", "fc.trust.head.44", "fc.call.44"]
    for subject in (*unheard, *said):
        await node.store(subject, b"x")
    await until(lambda: len(heard) >= len(said))
    assert sorted(stored.subject for stored in heard) == sorted(said)
    assert await bus.store("fc.receipt.gw-1", b"mine") >= 1
    with pytest.raises(BusRefused, match=r"fc\.receipt\.gw-2"):
        await bus.store("fc.receipt.gw-2", b"another's")
    await tails[0].stop()
    await node.store("fc.trust.revocation.0e", b"after the end")
    bus.begin_tails_again()  # the consumer is made anew under the one name that it may have
    await node.store("fc.call.44.01", b"later")
    await until(lambda: heard[-1].data == b"later")
    assert b"after the end" not in [stored.data for stored in heard]
    await bus.close()
    await node.close()


WIDER: tuple[dict[str, object], ...] = (
    {}, {"filter_subject": "fc.trust.>"}, {"filter_subjects": ["fc.trust.>"]},
    {"filter_subjects": ["fc.trust.revocation.>", "fc.trust.device.>"]},
    {"filter_subject": "fc.trust.revocation.>", "filter_subjects": ["fc.trust.>"]},
)  # fmt: skip


@pytest.mark.parametrize("wider", WIDER, ids=str)
async def test_a_filter_that_the_rights_name_cannot_be_widened(gateway: Intruder, wider: dict[str, object]) -> None:
    """The body of the request may say what it likes: the server holds it to its subject."""
    config = {"name": "gw-1-revocation", "ack_policy": "none", "deliver_subject": "_INBOX.gw-1.x"} | wider
    subject = "fc.js.CONSUMER.CREATE.FC_TRUST.gw-1-revocation.fc.trust.revocation.>"
    request = json.dumps({"stream_name": "FC_TRUST", "config": config}).encode()
    reply = await gateway.client.request(subject, request, timeout=ANSWER_S_MAX)
    assert "error" in json.loads(reply.data), reply.data


async def test_what_a_gateway_asks_for_cannot_be_sent_to_where_it_may_not_write(
    server: KeyedServer, gateway: Intruder
) -> None:
    """Replies of NATS, and what a consumer delivers, go where the request says: not into the node's account."""
    node = await open_bus(server.url, "node", key=server.key("node"))
    slices = {"fc.roster.44.01.06.001": b"everyone", "fc.trust.revocation.00": b"ended", "fc.account.00": b"chief"}
    for subject, content in slices.items():
        await node.store(subject, content)
    await node.store("fc.call.44.01", b"an order")
    calls = (await node.edge(CALL)).last
    for aim in (*slices, "fc.call.44", "fc.receipt.gw-2"):
        for asks in ("fc.receipt.gw-1", "fc.report.44.01", "fc.js.STREAM.INFO.FC_CALL", "fc.js.STREAM.INFO.FC_TRUST"):
            await gateway.client.publish(asks, b"", reply=aim)
        config = {"name": "gw-1", "ack_policy": "none", "deliver_policy": "all", "deliver_subject": aim}
        request = json.dumps({"stream_name": "FC_CALL", "config": config}).encode()
        await gateway.client.publish("fc.js.CONSUMER.CREATE.FC_CALL.gw-1", request, reply=aim)
        await gateway.client.request("fc.js.CONSUMER.CREATE.FC_CALL.gw-1", request, timeout=ANSWER_S_MAX)
        await gateway.client.request("fc.js.CONSUMER.DELETE.FC_CALL.gw-1", b"", timeout=ANSWER_S_MAX)
    assert not gateway.refused  # it asked for nothing that it may not ask
    assert {subject: (await node.last(subject)).data for subject in slices} == slices  # type: ignore[union-attr]
    assert (await node.edge(CALL)).last == calls
    assert {stored.subject async for stored in node.read(RECEIPT)} == {"fc.receipt.gw-1"}
    await node.close()


async def test_a_city_gives_no_orders_to_its_province(server: KeyedServer) -> None:
    city = await intrude(server.url, server.key("city"))
    for own in ("fc.call.44.01", "fc.call.44.01.06", "fc.roster.44.01", "fc.audit.44.01", "fc.trust.head.44.01"):
        assert await city.publish(own), own
    for other in ("fc.call.44", "fc.call.44.02", "fc.call.44.010", "fc.roster.44", "fc.audit.44", "fc.trust.head.44",
                  "fc.receipt.gw-1", "fc.presence.gw-1", "fc.trust.device.44.02.01.001.00"):  # fmt: skip
        assert not await city.publish(other), other
    await city.client.close()


async def test_a_commander_only_asks_and_the_office_loads_the_roster(server: KeyedServer) -> None:
    for name, may in (("commander", {"fc.api.issue"}), ("office", {"fc.api.issue", "fc.roster.44.01.06.001"})):
        user = await intrude(server.url, server.key(name))
        wanted = {"fc.api.issue", "fc.roster.44.01.06.001", "fc.call.44", "fc.audience.X", "fc.account.00",
                  "fc.audit.44", "fc.receipt.gw-1", "$JS.API.CONSUMER.CREATE.FC_ACCOUNT.x",
                  "$JS.API.CONSUMER.CREATE.FC_CALL.x", "$JS.API.STREAM.PURGE.FC_ROSTER"}  # fmt: skip
        assert {subject for subject in wanted if await user.publish(subject)} == may
        assert not await user.hear("fc.call.>") and not await user.hear("_INBOX.node.>")
        await user.client.close()


async def test_the_node_answers_into_inboxes_and_nowhere_else(server: KeyedServer) -> None:
    node = await open_bus(server.url, "node", key=server.key("node"), quiet=True)
    await node.ensure_streams()

    async def answer(data: bytes) -> bytes:
        return b"answered " + data

    await node.serve("fc.api.health", answer)
    await node.store("fc.roster.44.01.06.001", b"everyone")
    commander = await intrude(server.url, server.key("commander"))
    for aim in ("fc.roster.44.01.06.001", "fc.call.44", "_INBOXES.x"):
        await commander.client.publish("fc.api.health", b"put it there", reply=aim)
    reply = await commander.client.request("fc.api.health", b"me", timeout=ANSWER_S_MAX)  # after those before it
    assert reply.data == b"answered me"
    await node.serve("fc.api.renew", answer)  # for a gateway, which is in another account
    gateway = await open_bus(server.url, "gw-1", key=server.key("gw-1"), gateway=True)
    assert await gateway.ask("fc.api.renew", b"me", ANSWER_S_MAX) == b"answered me"
    kept = await node.last("fc.roster.44.01.06.001")
    assert kept is not None and kept.data == b"everyone"
    assert not [stored.data async for stored in node.read(CALL) if stored.data.startswith(b"answered")]
    for bus in (gateway, node):
        await bus.close()
    await commander.client.close()


async def test_nobody_comes_in_without_a_key_or_with_another(server: KeyedServer, tmp_path: Path) -> None:
    with pytest.raises(BusRefused, match="lets nobody in without a key"):
        await open_bus(server.url, "stranger")
    users.ensure(tmp_path, "gw-1", "gateway", "4401")  # the right name, another key
    with pytest.raises(BusRefused, match="does not take the key of gw-1"):
        await open_bus(server.url, "stranger", key=users.seed_file(tmp_path, "gw-1"))
    for how in ('"user":"node","pass":"node"', '"user":"admin","pass":"password"', '"auth_token":"s3cr3t"'):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f'CONNECT {{"verbose":false,{how}}}\r\nPING\r\n'.encode())
        assert (await reader.readline()).startswith(b"INFO")
        assert await reader.readline() == b"-ERR 'Authorization Violation'\r\n"
        writer.close()
        await writer.wait_closed()


def test_every_right_is_an_allowance_within_the_bus() -> None:
    """No user may use everything, and no kind of user has a stream's whole interface."""
    public = "U" + "A" * 55
    for role in ("node", "gateway", "office", "commander", "channels"):
        rights = rights_of(users.BusUser("u", role, "44", public))  # type: ignore[arg-type]
        for subject in (*rights.publish, *rights.subscribe):
            assert not subject.startswith((">", "*", "$SYS")) and subject not in ("fc.>", "$JS.>", "$JS.API.>"), subject
        assert all(not right.endswith("API.*") for right in rights.publish)
    assert len({stream.name for stream in STREAMS}) == 13
