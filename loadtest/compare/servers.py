"""The servers of a comparison: what each is, whether it is here, how many connections it takes, and how it is run."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from fusioncmd.errors import NotFound
from fusioncmd.words import say, sentence
from loadtest.compare import configurations
from loadtest.compare.payloads import ORDER_BYTES
from loadtest.compare.processes import Worker, broker, worker
from loadtest.harness import free_ports
from tiers.nats_server import server_binary

SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # where Debian has servers, and a user's PATH has not
MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/nginx/modules")


class Plan(NamedTuple):
    terminals: int
    servers: int  # processes, where there is a choice
    people: int
    seed: int
    folder: Path
    descriptors: int  # of one process


class Answered(NamedTuple):
    answered: int
    last_s: float  # of the monotonic clock
    strange: int = 0  # answers twice, or that nobody gave


class Server(Protocol):
    """A server that is up."""

    dialect: str
    port: int
    path: str
    tickets: Path | None
    confirms: bool

    @property
    def order_bytes(self) -> int:
        """What each terminal was sent last, without the transport's framing."""
        ...

    def pids(self) -> dict[str, int]:
        """All processes that the server side consists of, with the program that counts."""
        ...

    async def call(self) -> None:
        """Issue the order."""
        ...

    async def answers(self) -> Answered:
        """What the server side has counted in this round."""
        ...


@dataclass(slots=True)
class Counting:
    """A server with our programs in it, which are told `go` and count; `caller` are those who are told."""

    dialect: str
    port: int
    programs: list[Worker]
    path: str = "/"
    brokers: dict[str, int] = field(default_factory=dict)
    tickets: Path | None = None
    confirms: bool = False
    order_bytes: int = ORDER_BYTES

    def pids(self) -> dict[str, int]:
        return self.brokers | {f"program-{k}": program.pid for k, program in enumerate(self.programs)}

    async def call(self) -> None:
        await asyncio.gather(*(program.ask("go") for program in self.programs))

    async def answers(self) -> Answered:
        found = await asyncio.gather(*(program.ask("status") for program in self.programs))
        strange = sum(f.get("strange", 0) + f.get("again", 0) for f in found)
        return Answered(sum(f["answered"] for f in found), max(f["last_s"] for f in found), strange)


Run = Callable[[Plan], AbstractAsyncContextManager[Server]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`processes` hold connections, of a plan; `absent` is a sentence when the server is not installed."""

    run: Run
    processes: Callable[[Plan], int]
    absent: Callable[[], str | None] = lambda: None


@contextlib.asynccontextmanager
async def floor(plan: Plan) -> AsyncIterator[Server]:
    """Bare sockets that send and read and do nothing else."""
    (port,) = free_ports(1)
    async with _programs(
        "loadtest.floor_process", plan.servers, "server", "--port", port, "--bytes", ORDER_BYTES
    ) as programs:
        yield Counting("floor", port, programs)


@contextlib.asynccontextmanager
async def nats(plan: Plan, dialect: str) -> AsyncIterator[Server]:
    tcp, websocket = free_ports(2)
    config = plan.folder / f"{dialect}.conf"
    config.write_text(configurations.nats(tcp, websocket), "utf-8")
    argv = [server_binary(None), "--config", str(config)]
    async with broker(argv, tcp, config.with_suffix(".log")) as pid, _application("nats", tcp, plan) as programs:
        yield Counting(dialect, tcp if dialect == "nats-tcp" else websocket, programs, brokers={"nats-server": pid})


@contextlib.asynccontextmanager
async def mosquitto(plan: Plan) -> AsyncIterator[Server]:
    (port,) = free_ports(1)
    config = plan.folder / "mosquitto.conf"
    config.write_text(configurations.mosquitto(port), "utf-8")
    argv = [program_path("mosquitto") or "mosquitto", "-c", str(config)]
    async with broker(argv, port, config.with_suffix(".log")) as pid, _application("mqtt", port, plan) as programs:
        yield Counting("mqtt", port, programs, brokers={"mosquitto": pid})


@contextlib.asynccontextmanager
async def nchan(plan: Plan) -> AsyncIterator[Server]:
    (port,) = free_ports(1)
    config, module = plan.folder / "nginx.conf", _nchan_module()
    assert module is not None
    config.write_text(configurations.nchan(port, module, plan.folder, plan.servers, plan.descriptors), "utf-8")
    argv = [program_path("nginx") or "nginx", "-c", str(config), "-e", "stderr"]
    async with broker(argv, port, config.with_suffix(".log")) as pid, _application("nchan", port, plan) as programs:
        yield Counting("ws", port, programs, "/terminal", {"nginx": pid})


@contextlib.asynccontextmanager
async def library(plan: Plan, module: str) -> AsyncIterator[Server]:
    (port,) = free_ports(1)
    async with _programs(module, plan.servers, "--port", port, "--terminals", plan.terminals) as programs:
        yield Counting("ws", port, programs)


@contextlib.asynccontextmanager
async def _programs(module: str, processes: int, *arguments: object) -> AsyncIterator[list[Worker]]:
    """As many processes of one program, once each of them answers."""
    async with contextlib.AsyncExitStack() as stack:
        started = [await stack.enter_async_context(worker(module, *arguments)) for _ in range(processes)]
        await asyncio.gather(*(program.ask("status") for program in started))
        yield started


@contextlib.asynccontextmanager
async def _application(protocol: str, port: int, plan: Plan) -> AsyncIterator[list[Worker]]:
    arguments = ("--protocol", protocol, "--port", port, "--terminals", plan.terminals)
    async with worker("loadtest.compare.application", *arguments) as program:
        await program.told()  # that it is subscribed
        yield [program]


def no_nats_server() -> str | None:
    try:
        server_binary(None)
    except NotFound as problem:
        return sentence(problem)
    return None


def no_mosquitto() -> str | None:
    return None if program_path("mosquitto") else not_installed("apt-get install mosquitto")


def no_nchan() -> str | None:
    here = program_path("nginx") and _nchan_module()
    return None if here else not_installed("apt-get install nginx libnginx-mod-nchan")


def no_library(name: str) -> str | None:
    return None if importlib.util.find_spec(name) else not_installed(f"pip install {name}")


def not_installed(remedy: str) -> str:
    return say(f"not installed: {remedy}", f"未安装：{remedy}")


def program_path(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}")


def _nchan_module() -> Path | None:
    return next((file for folder in MODULE_FOLDERS if (file := Path(folder) / "ngx_nchan_module.so").exists()), None)
