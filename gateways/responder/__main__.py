"""`python -m gateways.responder`: one gateway process. Several side by side share one port (SO_REUSEPORT)."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import resource
import signal
import socket
import sys
import time
from pathlib import Path

import structlog
import uvloop

from fusioncmd import codes, keys, limits, subjects
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import CALL, Bus, Tail
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.logs import configure_logs
from fusioncmd.messages import Presence, encode
from fusioncmd.words import sentence
from gateways.responder.engine import Engine
from gateways.responder.gateway import Gateway
from gateways.responder.publisher import Publisher
from gateways.responder.reports import ReportBox

log = structlog.get_logger("gateway")

BUS_WAIT_S = 30.0
BACKLOG = 4096
PUMP_S = 0.02
GOODBYE_S = 3.0


def listen(host: str, port: int) -> socket.socket:
    """A listener that other gateway processes may share. `Unavailable` when the port belongs to somebody else."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
    try:
        listener.bind((host, port))
    except OSError as error:
        raise Unavailable(
            f"Port {port} on {host} cannot be used: {error.strerror}.",
            f"无法使用 {host} 的端口 {port}：{error.strerror}。",
        ) from None
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


async def _run(given: argparse.Namespace) -> None:
    descriptors_max, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    serves = codes.parse(given.serve)
    key = keys.read_ticket_key(given.data)
    bus = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S)
    listener = listen(given.host, given.port)
    engine = Engine(listener, descriptors_max)
    gateway = Gateway(engine, serves, key, descriptors_max, time.time)
    gateway.publisher = Publisher(bus, given.name, gateway.confirm)
    gateway.reports = ReportBox(bus, gateway)
    engine.sessions = gateway

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tail = await _read_orders(bus, gateway, serves)
    gc.freeze()  # what is loaded now stays: full collections need not walk it
    engine.start()
    log.info("gateway.ready", name=given.name, port=given.port, serves=str(serves))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_pump(gateway)), tasks.create_task(_tick(bus, gateway, given.name))]
        await stop.wait()
        for task in running:
            task.cancel()
    engine.stop_listening()
    await gateway.publisher.drain(GOODBYE_S)
    await gateway.reports.drain(GOODBYE_S)
    gateway.goodbye()
    await tail.stop()
    await bus.close()


async def _read_orders(bus: Bus, gateway: Gateway, serves: codes.Path) -> Tail:
    """Every order that can still be open, and from then on each that comes."""
    filters = (*subjects.calls_heard_at(serves), subjects.AUDIENCE_ALL)
    since_ms = int((time.time() - limits.ORDER_OPEN_S_MAX) * 1000)
    tail = await bus.tail(CALL, gateway.fold_call, from_ms=since_ms, filters=filters)
    await tail.caught_up()
    return tail


async def _pump(gateway: Gateway) -> None:
    """Deliveries wait for answers; when none come, time moves them on."""
    while True:
        await asyncio.sleep(PUMP_S)
        if gateway.delivering:
            gateway.pump()


async def _tick(bus: Bus, gateway: Gateway, name: str) -> None:
    while True:
        gateway.tick()
        with contextlib.suppress(Unavailable):  # said again in a second
            await bus.say(subjects.presence(name), encode(Presence(name, "responder", gateway.connected.serialize())))
        await asyncio.sleep(limits.PRESENCE_EVERY_S)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.responder", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose responders connect here, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    configure_logs()
    try:
        uvloop.run(_run(given))
    except Problem as problem:
        sys.exit(sentence(problem))


if __name__ == "__main__":
    main()
