"""`python -m gateways.radio`: SIP for radios and phones. They register here, dial a place, and are in its talkgroup."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from fusioncmd import codes, divisions, keys, radios, subjects
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import TRUST, Bus
from fusioncmd.descriptors import raise_descriptors
from fusioncmd.errors import BadInput, Problem, Unavailable
from fusioncmd.machine_clock import machine_clock
from fusioncmd.programs import run_program
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from fusioncmd.voice.faults import Kind
from fusioncmd.words import reason
from gateways.radio.accounts import Accounts
from gateways.radio.bounds import FAILURES_TOLD_EVERY_S
from gateways.radio.echo import EchoMedia
from gateways.radio.gateway import Gateway
from gateways.radio.listener import Listener
from gateways.radio.media import TalkgroupMedia
from gateways.radio.sip_agent import Agent
from gateways.radio.sip_reply import Flow
from gateways.radio.speaking import Sip
from gateways.radio.spoken import SpokenOrders

log = structlog.get_logger("radio")

BUS_WAIT_S = 30.0
TELL_EVERY_S = 1.0
TOLD_PER_S = 1_000
TELL_ALL_THE_SAME_S = 60.0
FAULTS_TOLD_S = 5.0  # since who is here was told last
GOODBYE_S = 0.5


async def _run(given: argparse.Namespace) -> None:
    serves = codes.parse(given.serve)
    places = divisions.load(given.divisions)
    key = keys.read_ticket_key(given.data)
    raise_descriptors()
    bus = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S, key=given.bus_key, gateway=True, ca=given.tls_ca)
    listener: Listener
    gateway: Gateway
    accounts = Accounts(key, lambda account: agent.forget(account, listener.now_s))
    address = given.advertise or given.host
    at = _addresses(address, given.port, given.tls_port)
    agent = Agent(
        serves.code, os.urandom(32), accounts.secrets, os.urandom,
        lambda flow: at[flow.transport], lambda flow: _contact(flow, at), time.monotonic(),
    )  # fmt: skip
    listener = Listener(agent, lambda event: gateway.hear(event))
    voice_key = given.bus_key and users.seed_file(given.bus_key.parent, users.TALK)
    voice = await open_bus(given.nats, "radio voice", wait_s=BUS_WAIT_S, key=voice_key, ca=given.tls_ca)
    media = TalkgroupMedia(voice, f"{serves.code}-{users.TALK}", serves, address)
    gateway = Gateway(Sip(listener, _bracketed(address)), media, EchoMedia(address), accounts.held, places.__contains__)
    await media.start()
    clock = machine_clock()
    judge = Judge(ring.anchors(ring.folder_of(given.data)), clock)
    orders = SpokenOrders(bus, given.name, serves, judge, media, clock)
    tail = await bus.tail(TRUST, accounts.fold, filters=(subjects.RADIO_ALL,))
    await tail.caught_up()
    tails = [tail, *await orders.start()]
    await bus.hear(f"{subjects.radio_ring(serves)}", lambda subject, data: _ring(gateway, data))
    await bus.hear(f"{subjects.radio_ring(serves)}.>", lambda subject, data: _ring(gateway, data))
    try:
        await listener.open(given.host, given.port, given.tls_port, _context(given))
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(
            f"Radios cannot reach {given.host}:{given.port}: {en}.", f"无法监听 {given.host}:{given.port}：{zh}。"
        ) from None
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log.info("radio.ready", port=given.port, tls_port=given.tls_port, serves=str(serves), accounts=len(accounts.held))
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(listener.run()),
            tasks.create_task(media.run()),
            tasks.create_task(_tell(bus, gateway, agent, given.name, lambda: _faults(gateway, listener, orders))),
        ]
        await stop.wait()
        await gateway.close()
        await asyncio.sleep(GOODBYE_S)
        for task in running:
            task.cancel()
    await listener.close()
    await media.stop()
    await orders.stop()
    for each in tails:
        await each.stop()
    await bus.close()
    await voice.close()


async def _tell(bus: Bus, gateway: Gateway, agent: Agent, name: str, faults: Callable[[], dict[Kind, int]]) -> None:
    """Who is here and what failed, when it is another than before and each minute; and wrong secrets, for the audit."""
    here_s = looked_s = time.monotonic()
    shed, told_faults = 0, faults()
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        now_s = time.monotonic()
        with contextlib.suppress(Unavailable):  # said again in a second
            pause_s = len(agent.registrar) / TOLD_PER_S  # a storm of registrations is told of in few messages
            totals = faults()
            if totals != told_faults and now_s - here_s >= FAULTS_TOLD_S:
                gateway.changed = True
            if (gateway.changed and now_s - here_s >= pause_s) or now_s - here_s >= TELL_ALL_THE_SAME_S:
                accounts = tuple(agent.registrar.accounts(now_s))
                await bus.say(subjects.RADIO_HERE, radios.encode(radios.Here(name, accounts, gateway.calls, totals)))
                gateway.changed, here_s, told_faults = False, now_s, totals
            if now_s - looked_s < FAILURES_TOLD_EVERY_S:
                continue
            looked_s = now_s
            if agent.strangers.shed > shed or agent.failures:
                log.warning("radio.shed", requests=agent.strangers.shed - shed, failed=agent.failures.total())
                shed = agent.strangers.shed
            if agent.failures:
                worst = dict(agent.failures.most_common(radios.FAILURES_SHOWN_MAX))
                told = radios.Failures(worst, agent.failures.total())
                await bus.say(subjects.RADIO_FAILED, radios.encode(told))
                agent.failures.clear()


def _faults(gateway: Gateway, listener: Listener, orders: SpokenOrders) -> dict[Kind, int]:
    """For the node's health, since this process began."""
    return {
        "unspoken": orders.unspoken, "requests": listener.agent.strangers.shed,
        "connections": listener.counts["no room"], "mistakes": gateway.counts["ended by a mistake"],
    }  # fmt: skip


def _ring(gateway: Gateway, data: bytes) -> None:
    try:
        ring = radios.decode(radios.Ring, data)
        called = gateway.ring(ring)
    except Problem as problem:
        log.error("radio.bad_ring", problem=problem.en)
        return
    log.info("radio.rung", where=ring.where, called=called, by=ring.by)


def _addresses(address: str, port: int, tls_port: int | None) -> dict[str, str]:
    """By transport, where we are reached."""
    host = _bracketed(address)
    return {"udp": f"{host}:{port}", "tcp": f"{host}:{port}", "tls": f"{host}:{tls_port or port}"}


def _contact(flow: Flow, at: dict[str, str]) -> str:
    return f"sip:gateway@{at[flow.transport]};transport={flow.transport}"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _context(given: argparse.Namespace) -> ssl.SSLContext | None:
    if given.tls_port is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(given.cert, given.cert_key)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(
            f"{given.cert} and {given.cert_key} are no certificate and key: {error}.",
            f"{given.cert} 与 {given.cert_key} 不是证书与私钥：{error}。",
        ) from None
    return context


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.radio", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose radios register here, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5060, help="UDP and TCP")
    parser.add_argument("--tls-port", type=int, help="SIP over TLS; without it keys for sound are not taken")
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--cert-key", type=Path)
    parser.add_argument("--advertise", default="", metavar="ADDRESS", help="what radios reach this machine by")
    parser.add_argument("--name", default="radio")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--divisions", type=Path)
    parser.add_argument("--bus-key", type=Path, help="radio.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
