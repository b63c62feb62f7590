"""One tier is run: what has to be there before, and when it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from typing import Any

from fusioncmd import api, divisions, keys
from fusioncmd.bus import users
from fusioncmd.bus.port import CALL
from fusioncmd.cli import shell
from fusioncmd.cli.bus_way import lets_everyone_in, make_users, write_way
from fusioncmd.cli.keys import make_keys
from fusioncmd.cli.processes import Tier as Tier
from fusioncmd.cli.radio_way import listens
from fusioncmd.client import Commander
from fusioncmd.errors import BusDown, BusRefused, NotFound, Unavailable
from fusioncmd.ladder.settings import push_point
from fusioncmd.machine_clock import machine_clock
from fusioncmd.steady import VARIABLE
from fusioncmd.supervisor import Child, Supervisor
from fusioncmd.trust.link_keys import ensure_link_certificate
from fusioncmd.words import reason, say

READY_S_MAX = 60.0
LOOK_EVERY_S = 0.1
_SIGNALS = {number.value: number.name for number in signal.Signals}
STARTS_MAX = 3  # a child that ended so often before the tier was ready will not get better


async def run_tier(tier: Tier, say_line: shell.SayLine, env: dict[str, str] | None = None) -> Supervisor:
    """Start everything and return when the node and every gateway are ready; `Unavailable` when they do not get so.

    From then on `say_line` is told of children that end. Before, how the first of them failed is the sentence.
    """
    _check_ports(tier)
    if tier.nats is not None:
        await _check_joined(tier)
    elif tier.nats_server is not None and not os.access(tier.nats_server, os.X_OK):
        raise NotFound(f"There is no nats-server at {tier.nats_server}.", f"{tier.nats_server} 处没有 nats-server。")
    push_point(tier.data)  # a file that cannot be taken is told of before anything starts
    keys.claim(tier.data, tier.node)
    keys.ensure_ticket_key(tier.data)
    make_keys(tier.data, tier.node, divisions.load(tier.divisions))
    if tier.nats is None:
        make_users(tier.data, tier.node, tier.gateways, tier.parts)
    if tier.satellite is not None:
        ensure_link_certificate(tier.data, tier.node, int(machine_clock()() * 1000))
    write_way(tier.data, tier.nats_url, tier.way)
    ready = False
    hopeless: asyncio.Future[Child] = asyncio.get_running_loop().create_future()

    def tell(child: Child, returncode: int) -> None:
        if ready:
            say_line(_ended(child, returncode, supervisor))
        elif child.starts >= STARTS_MAX and not hopeless.done():
            hopeless.set_result(child)

    env = (os.environ if env is None else env) | {VARIABLE: repr(machine_clock().set_s)}
    supervisor = Supervisor(tier.data / "logs", tell)
    try:
        for name, argv in tier.commands():
            await supervisor.start(name, argv, env)
        await _until_ready(tier, supervisor, hopeless)
    except BaseException:
        await supervisor.stop()
        raise
    ready = True
    return supervisor


async def _until_ready(tier: Tier, supervisor: Supervisor, hopeless: asyncio.Future[Child]) -> None:
    answers = asyncio.create_task(_until_answered(tier))
    try:
        either: set[asyncio.Future[Any]] = {answers, hopeless}
        await asyncio.wait(either, timeout=READY_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        if hopeless.done():
            name = hopeless.result().name
            words = supervisor.last_words(name) or str(supervisor.log_file(name))
            raise Unavailable(f"{name} does not start: {words}", f"{name} 无法启动：{words}")
        if not answers.done():
            raise Unavailable(
                f"The tier was not ready within {READY_S_MAX:.0f} s; see {tier.data / 'logs'}.",
                f"{READY_S_MAX:.0f} 秒内未就绪，请查看 {tier.data / 'logs'}。",
            )
        answers.result()
    finally:
        answers.cancel()


async def _until_answered(tier: Tier) -> None:
    """Until the node has read all that is stored, and knows of every gateway."""
    while True:
        with contextlib.suppress(Unavailable):
            async with shell.connect(tier.nats_url, 1.0, tier.bus_key(users.OFFICE), tier.way.ca) as bus:
                health = await Commander(bus).ask(api.Health(), timeout_s=1.0)
            listening = [await listens(*at) for at in _answering(tier)]
            if health.caught_up and len(health.gateways) >= tier.gateways and all(listening):
                return
        await asyncio.sleep(LOOK_EVERY_S)


def _answering(tier: Tier) -> list[tuple[str, int]]:
    """What the node does not know of, and is there when its port answers."""
    return [(one.host, one.port) for one in (tier.console, tier.radio, tier.video) if one is not None]


def _check_ports(tier: Tier) -> None:
    wanted = [(tier.host, tier.port)] + ([] if tier.nats else [(tier.way.host, tier.nats_port)])
    wanted += [tier.linked.listens] if tier.linked.listens else []
    wanted += _answering(tier)
    datagrams = [tier.satellite.listens] if tier.satellite and tier.satellite.listens else []
    for host, port in (*wanted, *datagrams):
        kind = socket.SOCK_DGRAM if (host, port) in datagrams else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                en, zh = reason(error)
                raise Unavailable(
                    f"Port {port} on {host} cannot be used: {en}.", f"无法使用 {host} 的端口 {port}：{zh}。"
                ) from None


async def _check_joined(tier: Tier) -> None:
    """A server that is not there, keeps nothing, or lets anyone in, is told of now; no child would get further."""
    url = tier.nats_url
    if not tier.way.open and await lets_everyone_in(url, tier.way.ca):
        raise BusRefused(
            f"The NATS server at {url} lets everyone in; give it users with keys, or say --open-bus if that is meant.",
            f"{url} 的 NATS 服务器允许任何人接入；请为其配置密钥用户，若确实如此请加 --open-bus。",
        )
    try:
        async with shell.connect(url, key=tier.bus_key(users.NODE), ca=tier.way.ca) as bus:
            await bus.edge(CALL)
    except BusDown:
        raise BusDown(
            f"No NATS server with JetStream answers at {url}.", f"{url} 没有启用 JetStream 的 NATS 服务器应答。"
        ) from None
    except BusRefused:
        raise
    except Unavailable:  # JetStream has no such stream yet; the node makes it
        pass


def _ended(child: Child, returncode: int, supervisor: Supervisor) -> str:
    how = _SIGNALS.get(-returncode, str(returncode))
    log, last = supervisor.log_file(child.name), supervisor.last_words(child.name)
    why = f"\n  {last}" if returncode > 0 and last and not last.startswith("{") else ""  # a sentence, and no event
    return say(
        f"{child.name} ended ({how}) and is started again; its log: {log}{why}",
        f"{child.name} 已退出（{how}），正在重启；日志：{log}{why}",
    )
