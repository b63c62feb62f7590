"""What NATS itself refuses a department: all but what is listed for it. Two of them, a node and a gateway, for real."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.departments import folder
from fusioncmd.departments.department import Department
from fusioncmd.errors import BusDown, BusRefused
from tests.intruder import Intruder, KeyedServer, intrude

NOT_OF_A_DEPARTMENT = (
    "fc.alarm.44", "fc.call.44", "fc.receipt.department", "fc.api.alarms", "fc.department.fire.answer",
    "fc.department.weather.answer", "fc.department.weather.alarm", "take.alarm", "take.order", "say.anything",
    "$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.CONSUMER.CREATE.FC_CALL.x", "$SYS.REQ.SERVER.PING", "mine",
)  # fmt: skip
UNHEARD = ("fc.>", "fc.department.>", "fc.alarm.>", ">", "say.alarm", "say.>", "take.>", "$JS.>", "_R_.>")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KeyedServer]:
    running = KeyedServer(tmp_path, ("node", "node", "44"), ("alarm", "alarm", "44"))
    yield running
    running.stop()


def made(server: KeyedServer, name: str, **changes: object) -> Department:
    public, _ = folder.make_secret(server.keys, name, by_http="url" in changes)
    fields: dict[str, object] = {"takes": ("*",), "gives": {"rainstorm": ()}, "at": ("44",), "desk": "440106001"}
    return Department(name, name, "44", public, **(fields | changes))  # type: ignore[arg-type]


async def department(server: KeyedServer, name: str) -> Intruder:
    return await intrude(server.url, folder.seed_file(server.keys, name))


async def refused(client: Client, subject: str) -> bool:
    try:
        await client.request(subject, b"x", timeout=1.0)
    except (TimeoutError, NoRespondersError):
        return True
    return False


async def answered(client: Client, subject: str) -> bytes:
    """Whoever answers there may be subscribing still."""
    for _ in range(100):
        try:
            return bytes((await client.request(subject, b"x", timeout=5)).data)
        except NoRespondersError:
            await asyncio.sleep(0.05)
    raise AssertionError(subject)


async def asked(bus: Bus, subject: str, data: bytes) -> bytes:
    """The same, by us."""
    for _ in range(100):
        try:
            return await bus.ask(subject, data, 5.0)
        except BusDown:
            await asyncio.sleep(0.05)
    raise AssertionError(subject)


async def test_a_department_says_and_takes_what_is_listed_for_it_and_sees_nothing_else(server: KeyedServer) -> None:
    weather, fire = made(server, "weather"), made(server, "fire", desk="")
    server.let_in(weather, fire, made(server, "water", url="http://127.0.0.1:1/"))
    await until_in(server, "weather")
    node = await open_bus(server.url, "node", key=server.key("node"))
    gateway = await open_bus(server.url, "alarm", key=server.key("alarm"), gateway=True)
    heard: list[bytes] = []

    def answering(as_: bytes) -> object:
        async def answer(data: bytes) -> bytes:
            heard.append(data)
            return as_ + data

        return answer

    serves = (
        (gateway, "weather.alarm"),
        (node, "weather.answer"),
        (gateway, "fire.alarm"),
        (gateway, "water.take.order"),
    )
    for bus, subject in ((bus, f"fc.department.{subject}") for bus, subject in serves):
        await bus.serve(subject, answering(subject.encode() + b": "))  # type: ignore[arg-type]
    one, other = await department(server, "weather"), await department(server, "fire")
    for client, subject, served in ((one, "say.alarm", b"fc.department.weather.alarm: x"),
                                    (one, "say.answer", b"fc.department.weather.answer: x"),
                                    (other, "say.alarm", b"fc.department.fire.alarm: x")):  # fmt: skip
        assert await answered(client.client, subject) == served
    assert await refused(other.client, "say.answer")  # it has no duty desk

    async def take(msg: Msg) -> None:
        await msg.respond(b"taken " + msg.data)

    for subject in ("take.alarm", "take.order", "take.hello"):
        await one.client.subscribe(subject, cb=take)
    await one.client.flush()
    assert await asked(node, "fc.department.weather.take.order", b"an order") == b"taken an order"
    assert await asked(node, "fc.department.water.take.order", b"y") == b"fc.department.water.take.order: y"
    for subject in NOT_OF_A_DEPARTMENT:
        assert not await one.publish(subject), subject
    for subject in UNHEARD:
        assert not await one.hear(subject), subject
    # It hears its own inboxes, and only its own: another's are in another account.
    assert await one.hear("_INBOX.>") and await other.hear("_INBOX.>")
    before = len(heard)
    await other.client.publish("_R_.guessed", b"z")
    await other.client.flush()
    assert len(heard) == before
    for bus in (node, gateway):
        await bus.close()
    for each in (one, other):
        await each.client.close()


async def test_a_department_that_was_removed_is_put_out_and_let_in_no_more(server: KeyedServer) -> None:
    weather, fire = made(server, "weather"), made(server, "fire")
    server.let_in(weather, fire)
    await until_in(server, "weather")
    out = asyncio.Event()

    async def closed() -> None:
        out.set()

    client = await nats.connect(
        server.url, nkeys_seed=str(folder.seed_file(server.keys, "weather")), disconnected_cb=closed,
        allow_reconnect=False,
    )  # fmt: skip
    stays = await nats.connect(server.url, nkeys_seed=str(folder.seed_file(server.keys, "fire")))
    server.let_in(fire)
    async with asyncio.timeout(5):
        await out.wait()
    with pytest.raises(BusRefused):
        await open_bus(server.url, "weather", key=folder.seed_file(server.keys, "weather"), quiet=True)
    assert stays.is_connected
    await stays.close()
    await client.close()


async def until_in(server: KeyedServer, name: str) -> None:
    """The server reads its configuration again meanwhile."""
    for _ in range(50):
        try:
            bus = await open_bus(server.url, name, key=folder.seed_file(server.keys, name), quiet=True)
        except BusRefused:
            await asyncio.sleep(0.1)
            continue
        return await bus.close()
    raise AssertionError((server.folder / "log").read_text("utf-8")[-2_000:])
