"""`fusioncmd up`: a tier's NATS server, node and gateways, in one command and one terminal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from fusioncmd import keys, limits
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.entrance import address, proxies_of, way_in
from fusioncmd.cli.keys import root_key_words
from fusioncmd.cli.tier import Tier as Tier
from fusioncmd.cli.tier import run_tier as run_tier
from fusioncmd.errors import Unavailable
from fusioncmd.words import reason, say


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """One `up` per data folder, which its owner alone may read: it holds keys, names and phones."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data / "lock").open("w")
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{data} cannot be written: {en}.", f"无法写入 {data}：{zh}。") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable(f"Another fusioncmd runs on {data}.", f"已有 fusioncmd 在使用 {data}。") from None
        yield


def _option(metavar: str, en: str, zh: str, complete: Callable[..., Any] | None = None) -> Any:
    return typer.Option(metavar=metavar, help=say(en, zh), autocompletion=complete)


def _port(en: str, zh: str) -> Any:
    return typer.Option(min=1, max=65_535, metavar="PORT", help=say(en, zh))


def _flag(name: str, en: str, zh: str) -> Any:
    return typer.Option(name, help=say(en, zh))


_second = say("An actual order to more needs two persons.", "实战指令对象超过此人数须两人签署。")
SecondAbove = Annotated[
    int, typer.Option(min=0, max=limits.SECOND_PERSON_PEOPLE_MAX, metavar="PEOPLE", help=_second)
]  # fmt: skip
_proxied = _flag(
    "--proxied", "Terminals come through proxies that speak the PROXY protocol.", "终端经由支持 PROXY 协议的代理接入。"
)
Proxied = Annotated[bool, _proxied]


def up(
    node: Annotated[
        str,
        _option(
            "PLACE", "The tier node's place (default: the province).", "本节点所在地点（默认为省级）。", complete_place
        ),
    ] = "",
    data: Annotated[Path | None, _option("FOLDER", "Where its files are kept.", "数据目录。")] = None,
    divisions: shell.DivisionsOption = None,
    nats: Annotated[str | None, _option("URL", "Join this NATS server.", "加入已运行的 NATS 服务器。")] = None,
    nats_port: Annotated[int, _port("Port of the own NATS server.", "自带 NATS 服务器端口。")] = 4222,
    nats_server: Annotated[
        str | None, _option("FILE", "Another nats-server program.", "指定 nats-server 程序。")
    ] = None,
    host: Annotated[str, _option("ADDRESS", "Where terminals connect.", "终端接入地址。")] = "127.0.0.1",
    port: Annotated[int, _port("Port for terminals.", "终端接入端口。")] = 8701,
    gateways: Annotated[
        int, typer.Option(min=1, max=64, metavar="NUMBER", help=say("Gateway processes.", "网关进程数。"))
    ] = 2,
    proxied: Proxied = False,
    trust: Annotated[
        list[str] | None,
        _option("NETWORK", "A proxy's address or network (default: loopback).", "代理的地址或网段（默认为本机）。"),
    ] = None,
    plaintext: Annotated[
        bool, _flag("--plaintext", "Terminals may come from elsewhere without TLS.", "允许其他机器上的终端不加密接入。")
    ] = False,
    second_person_above: SecondAbove = limits.SECOND_PERSON_PEOPLE,
    as_json: shell.JsonOption = False,
) -> None:
    """Run a tier: NATS server, node and responder gateways, until Ctrl-C."""

    async def go() -> None:
        places = shell.load_divisions(divisions)
        path = places.find(node) if node else places.root
        folder = data or keys.data_folder(path.code)
        proxies = proxies_of(host, proxied, trust or (), plaintext)
        tier = Tier(
            path.code,
            folder,
            divisions,
            nats,
            nats_port,
            nats_server,
            host,
            port,
            gateways,
            proxies,
            second_person_above,
        )
        await _run(tier, places.full_name(path), as_json)

    shell.run(go(), as_json)


async def _run(tier: Tier, name: str, as_json: bool) -> None:
    """Until a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with only_one(tier.data):
        starting = asyncio.create_task(run_tier(tier, _tell_err if as_json else _tell))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        supervisor = starting.result()
        try:
            _tell_ready(tier, name, as_json)
            await waiting
        finally:
            await supervisor.stop()


def _tell_ready(tier: Tier, name: str, as_json: bool) -> None:
    if as_json:
        shell.print_json(
            {
                "ready": True, "node": tier.node, "nats": tier.nats_url, "terminals": address(tier),
                "proxied": bool(tier.proxies), "data": tier.data,
            }
        )  # fmt: skip
        return
    shell.say_line(say(f"{name} ({tier.node}) is ready.", f"{name}（{tier.node}）已就绪。"))
    shell.say_line(way_in(tier))
    shell.say_line(say(f"  bus        {tier.nats_url}", f"  总线  {tier.nats_url}"))
    shell.say_line(say(f"  files      {tier.data}", f"  数据  {tier.data}"))
    if root := root_key_words(tier.data):
        shell.say_line(root)
    shell.say_line(say("Ctrl-C stops everything.", "按 Ctrl-C 停止全部。"))


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # whoever read us is gone; the tier goes on
        shell.say_line(line)


def _tell_err(line: str) -> None:
    with contextlib.suppress(OSError):
        shell.err.print(line, soft_wrap=True)
