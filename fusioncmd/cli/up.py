"""`fusioncmd up`: a tier's NATS server, node and gateways, in one command and one terminal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import api, divisions, keys
from fusioncmd.bus.nats import open_bus
from fusioncmd.cli import shell
from fusioncmd.client import Commander
from fusioncmd.errors import Unavailable
from fusioncmd.supervisor import Child, Supervisor
from fusioncmd.words import say

READY_S_MAX = 60.0
STARTS_MAX = 3  # a child that ended so often before the tier was ready will not get better


@dataclass(frozen=True, slots=True)
class Tier:
    """What one `up` runs. `nats` is given when a server runs already."""

    node: str
    data: Path
    divisions: Path | None
    nats: str | None
    nats_port: int
    nats_server: str | None
    host: str
    port: int
    gateways: int

    @property
    def nats_url(self) -> str:
        return self.nats or f"nats://127.0.0.1:{self.nats_port}"

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Each child's name and command line, in starting order."""
        python = [sys.executable, "-m"]
        common = ["--data", str(self.data)]
        if self.nats is None:
            own = ["--node", self.node, "--port", str(self.nats_port), *common]
            yield (
                "nats",
                [
                    *python,
                    "tiers.nats_server",
                    *own,
                    *(["--nats-server", self.nats_server] if self.nats_server else []),
                ],
            )
        places = ["--divisions", str(self.divisions)] if self.divisions else []
        yield "node", [*python, "tiers", "--node", self.node, "--nats", self.nats_url, *common, *places]
        for i in range(1, self.gateways + 1):
            listen = ["--host", self.host, "--port", str(self.port), "--name", f"responder-{i}"]
            yield (
                f"responder-{i}",
                [*python, "gateways.responder", "--serve", self.node, "--nats", self.nats_url, *listen, *common],
            )


async def run_tier(tier: Tier, say_line: shell.SayLine, env: dict[str, str] | None = None) -> Supervisor:
    """Start everything and return when the node and every gateway are ready; `Unavailable` when they do not get so."""
    with contextlib.ExitStack() as undo:
        _check_ports(tier)
        keys.ensure_ticket_key(tier.data)
        supervisor = Supervisor(tier.data / "logs", lambda child, code: say_line(_ended(child, code)))
        for name, argv in tier.commands():
            await supervisor.start(name, argv, env)
        try:
            await _until_ready(tier, supervisor)
        except BaseException:
            await supervisor.stop()
            raise
        undo.pop_all()
    return supervisor


async def _until_ready(tier: Tier, supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_S_MAX
    while loop.time() < deadline:
        for child in supervisor.children.values():
            if child.starts > STARTS_MAX:
                words = supervisor.last_words(child.name)
                raise Unavailable(f"{child.name} does not start: {words}", f"{child.name} 无法启动：{words}")
        with contextlib.suppress(Unavailable):
            bus = await open_bus(tier.nats_url, "cli", wait_s=1.0)
            try:
                health = await Commander(bus).ask(api.Health(), timeout_s=1.0)
            finally:
                await bus.close()
            if health.caught_up and len(health.gateways) >= tier.gateways:
                return
        await asyncio.sleep(0.2)
    raise Unavailable(
        f"The tier was not ready within {READY_S_MAX:.0f} s; see {tier.data / 'logs'}.",
        f"{READY_S_MAX:.0f} 秒内未就绪，请查看 {tier.data / 'logs'}。",
    )


def _check_ports(tier: Tier) -> None:
    wanted = [(tier.host, tier.port)] + ([] if tier.nats else [("127.0.0.1", tier.nats_port)])
    for host, port in wanted:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise Unavailable(
                    f"Port {port} on {host} cannot be used: {error.strerror}.",
                    f"无法使用 {host} 的端口 {port}：{error.strerror}。",
                ) from None


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """One `up` per data folder."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("w")
    except OSError as error:
        raise Unavailable(
            f"{data} cannot be written: {error.strerror}.", f"无法写入 {data}：{error.strerror}。"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable(f"Another fusioncmd runs on {data}.", f"已有 fusioncmd 在使用 {data}。") from None
        yield


def up(
    node: Annotated[str, typer.Option(help=say("The tier node's place.", "本节点所在地点。"))] = "44",
    data: Annotated[Path | None, typer.Option(help=say("Where its files are kept.", "数据目录。"))] = None,
    divisions_csv: Annotated[
        Path | None,
        typer.Option("--divisions", help=say("Another province: a CSV of code,name.", "其他省份的 code,name CSV。")),
    ] = None,
    nats: Annotated[str | None, typer.Option(help=say("Join this NATS server.", "加入已运行的 NATS 服务器。"))] = None,
    nats_port: Annotated[int, typer.Option(help=say("Port of the own NATS server.", "自带 NATS 服务器端口。"))] = 4222,
    nats_server: Annotated[
        str | None, typer.Option(help=say("Another nats-server program.", "指定 nats-server 程序。"))
    ] = None,
    host: Annotated[str, typer.Option(help=say("Where terminals connect.", "终端接入地址。"))] = "127.0.0.1",
    port: Annotated[int, typer.Option(help=say("Port for terminals.", "终端接入端口。"))] = 8701,
    gateways: Annotated[int, typer.Option(min=1, max=64, help=say("Gateway processes.", "网关进程数。"))] = 2,
    as_json: shell.JsonOption = False,
) -> None:
    """Run a tier: NATS server, node and responder gateways, until Ctrl-C."""
    shell.run(_up(node, data, divisions_csv, nats, nats_port, nats_server, host, port, gateways, as_json), as_json)


async def _up(
    node: str, data: Path | None, divisions_csv: Path | None, nats: str | None, nats_port: int,
    nats_server: str | None, host: str, port: int, gateways: int, as_json: bool,
) -> None:  # fmt: skip
    places = divisions.load(divisions_csv)
    path = places.find(node)
    tier = Tier(
        path.code,
        data or keys.data_folder(path.code),
        divisions_csv,
        nats,
        nats_port,
        nats_server,
        host,
        port,
        gateways,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with only_one(tier.data):
        starting = asyncio.create_task(run_tier(tier, shell.say_line))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        supervisor = starting.result()
        try:
            _tell_ready(tier, places.full_name(path), as_json)
            await waiting
        finally:
            await supervisor.stop()


def _tell_ready(tier: Tier, name: str, as_json: bool) -> None:
    terminals = f"ws://{tier.host}:{tier.port}/terminal"
    if as_json:
        shell.print_json(
            {"ready": True, "node": tier.node, "nats": tier.nats_url, "terminals": terminals, "data": str(tier.data)}
        )
        return
    shell.say_line(say(f"{name} ({tier.node}) is ready.", f"{name}（{tier.node}）已就绪。"))
    shell.say_line(say(f"  terminals  {terminals}", f"  终端  {terminals}"))
    shell.say_line(say(f"  bus        {tier.nats_url}", f"  总线  {tier.nats_url}"))
    shell.say_line(say(f"  files      {tier.data}", f"  数据  {tier.data}"))
    shell.say_line(say("Ctrl-C stops everything.", "按 Ctrl-C 停止全部。"))


def _ended(child: Child, returncode: int) -> str:
    how = signal.Signals(-returncode).name if returncode < 0 else str(returncode)
    return say(f"{child.name} ended ({how}); it is started again.", f"{child.name} 已退出（{how}），正在重启。")
