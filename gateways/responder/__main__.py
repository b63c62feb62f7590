"""`python -m gateways.responder`: one gateway process. Several side by side share one port (SO_REUSEPORT)."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import re
import signal
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path

import structlog

from fusioncmd import codes, keys, limits, many, pages, subjects
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import CALL, TRUST, Bus, Tail
from fusioncmd.descriptors import raise_descriptors
from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.machine_clock import machine_clock
from fusioncmd.messages import Presence, encode
from fusioncmd.networks import LOOPBACK, read_networks
from fusioncmd.programs import run_program
from fusioncmd.room import refuses_reports
from fusioncmd.terminal import Close
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from gateways.responder.aviary import Aviary
from gateways.responder.engine import Engine
from gateways.responder.gateway import Gateway
from gateways.responder.heeding import Heeding
from gateways.responder.listener import bind
from gateways.responder.lost import KEPT_S
from gateways.responder.neighbours import Neighbours
from gateways.responder.pages import Pages
from gateways.responder.peers import Peers

log = structlog.get_logger("gateway")

GATEWAY_NAME = r"[A-Za-z0-9_-]{1,64}"  # what `messages.GatewayName` takes

BUS_WAIT_S = 30.0
DRAIN_S = 3.0
GOODBYE_S = 1.0
GOODBYE_LOOK_S = 0.02


async def _run(given: argparse.Namespace) -> None:
    if not re.fullmatch(GATEWAY_NAME, given.name):
        raise BadInput(
            f"{given.name!r} is no name for a gateway: 1 to 64 letters, digits, - and _.",
            f"“{given.name}”不能作网关名称：须为 1–64 个字母、数字、- 或 _。",
        )
    serves = codes.parse(given.serve)
    key = keys.read_ticket_key(given.data)
    clock = machine_clock()
    judge = Judge(ring.anchors(ring.folder_of(given.data)), clock)
    proxies = read_networks(given.trust or LOOPBACK) if given.proxy_protocol else None
    descriptors_max = raise_descriptors()
    os.nice(limits.GATEWAY_NICE)  # where cores are few, what puts answers on disk comes before what gathers them
    listener = bind(given.host, given.port)
    bus = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S, key=given.bus_key, gateway=True, ca=given.tls_ca)
    engine = Engine(listener, descriptors_max, peers=Peers(proxies), pages=_pages(given.talk))
    gateway = Gateway(engine, serves, key, judge, descriptors_max, clock)
    gateway.outflow.neighbours = Neighbours(given.data / "delivering.lock")
    gateway.push_key = given.push_key
    gateway.connect(bus, given.name)
    gateway.reports.refuses = partial(refuses_reports, given.data)
    engine.serve(gateway)
    heeding = Heeding(judge, gateway.board, clock)
    tails = [await heeding.read(bus), await _read_losses(bus, gateway, clock())]  # whom to believe, and then orders
    tails.append(await _read_orders(bus, gateway, serves))

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gc.freeze()  # what is loaded now stays: full collections need not walk it
    engine.start()
    port = listener.getsockname()[1]
    log.info("gateway.ready", name=given.name, port=port, serves=str(serves), many_at_once=many.at_once())
    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(_tick(bus, gateway, given.name))
        asking = tasks.create_task(gateway.escalated.run())
        await stop.wait()
        ticking.cancel()
        asking.cancel()
    engine.stop_listening()
    await asyncio.gather(gateway.publisher.drain(DRAIN_S), gateway.reports.drain(DRAIN_S), gateway.relay.drain(DRAIN_S))
    await _say_goodbye(engine)
    await asyncio.gather(*(tail.stop() for tail in tails))
    await bus.close()


def _pages(talk: str) -> Pages:
    files = _page_files(pages.folder_of("responder"))
    return Pages(pages.with_talk(files, talk), reaches=pages.source_of(talk)) if talk else Pages(files)


def _page_files(folder: Traversable, below: str = "") -> dict[str, bytes]:
    """What `make pages` built, by path; nothing where it has not, and where it is more than a phone should load."""
    if not folder.is_dir():
        return {}
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        name = f"{below}{entry.name}"
        found |= _page_files(entry, f"{name}/") if entry.is_dir() else {name: entry.read_bytes()}
    if sum(map(len, found.values())) > limits.PAGES_BYTES_MAX:
        log.error("gateway.pages_too_large", bytes_max=limits.PAGES_BYTES_MAX)
        return {}
    return found


async def _say_goodbye(engine: Engine) -> None:
    """Close every connection, and wait a moment for the terminals to have read why."""
    for fd in engine.descriptors():
        engine.close(fd, Close.RESTART, "the gateway restarts")
    for _ in range(round(GOODBYE_S / GOODBYE_LOOK_S)):
        if not engine.descriptors():
            break
        await asyncio.sleep(GOODBYE_LOOK_S)
    engine.stop()


async def _read_orders(bus: Bus, gateway: Gateway, serves: codes.Path) -> Tail:
    """Every order there is, and from then on each that comes.

    From the beginning, because an update that is open goes back to an alert of any age, which fixed whom it is for.
    """
    filters = (*subjects.calls_heard_at(serves), subjects.AUDIENCE_ALL)
    tail = await bus.tail(CALL, Aviary(gateway.publisher, gateway.fold_call).fold, filters=filters)
    await tail.caught_up()
    return tail


async def _read_losses(bus: Bus, gateway: Gateway, now_s: float) -> Tail:
    """The devices that were revoked while tickets of theirs could still be good; before anyone is let in."""
    from_ms = int((now_s - KEPT_S) * 1000)
    tail = await bus.tail(TRUST, gateway.relay.fold_lost, from_ms=from_ms, filters=(subjects.LOST_ALL,))
    await tail.caught_up()
    return tail


async def _tick(bus: Bus, gateway: Gateway, name: str) -> None:
    while True:
        gateway.tick()
        with contextlib.suppress(Unavailable):  # said again in a second
            numbers, refused = gateway.connected.serialize(), gateway.judge.refused
            distrusted = len(gateway.distrusted.numbers)
            here = Presence(name, "responder", numbers, gateway.publisher.failing, refused, distrusted)
            await bus.say(subjects.presence(name), encode(here))
        await asyncio.sleep(limits.PRESENCE_EVERY_S)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.responder", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose responders connect here, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--proxy-protocol", action="store_true", help="each connection begins with a PROXY header")
    parser.add_argument("--trust", action="append", metavar="NETWORK", help="a proxy's address or network [loopback]")
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bus-key", type=Path, help="NAME.nk: this gateway's key of the bus")
    parser.add_argument("--push-key", type=bytes.fromhex, default=b"", help="what devices subscribe with, as hex")
    parser.add_argument("--talk", default="", metavar=":PORT|URL", help="where pages join talkgroups")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
