"""`python -m gateways.console`: the commander's console over HTTP, on the loopback or behind a proxy with TLS."""

from __future__ import annotations

import argparse
import asyncio
import time
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec
import structlog
import uvicorn
from msgspec import Struct

from fusioncmd import divisions, limits
from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import BadInput
from fusioncmd.networks import is_loopback
from fusioncmd.pages import folder_of, is_built
from fusioncmd.programs import run_program
from fusioncmd.words import reason
from gateways.console import bounds
from gateways.console.desk import Desk
from gateways.console.http.app import make_app
from gateways.console.watching import Watching

log = structlog.get_logger("console")
BUS_WAIT_S = 30.0
SETTLED_S = 2.0
COUNTIES = "counties.geojson"


class County(Struct):
    code: str
    name: str
    city: str
    lon: float
    lat: float


class Feature(Struct):
    properties: County
    geometry: msgspec.Raw


class Counties(Struct):
    features: list[Feature]


async def _run(given: argparse.Namespace) -> None:
    if not (given.proxied or is_loopback(given.host)):
        raise BadInput(
            "Passwords would cross the network in plain text: put HAProxy or nginx in front and say --proxied.",
            "密码将以明文传输：请在前面部署 HAProxy 或 nginx 并加 --proxied。",
        )
    places = divisions.load(given.divisions)
    with_counties({}, given.counties)  # a file that is none is said before anybody asks
    bus = await open_bus(given.nats, "console", wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    desk = Desk(bus, places)
    watching = Watching(desk, asyncio.get_running_loop().time)
    app = make_app(desk, watching, lambda: with_counties(built_pages(), given.counties), given.proxied, given.talk)
    config = uvicorn.Config(
        app, host=given.host, port=given.port, loop="none", http="h11", ws="none", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=2, lifespan="on",
        limit_concurrency=bounds.CONNECTIONS_MAX, h11_max_incomplete_event_size=limits.HANDSHAKE_BYTES_MAX,
    )  # fmt: skip
    log.info("console.ready", port=given.port)
    await uvicorn.Server(config).serve()
    await bus.close()


def built_pages() -> dict[str, bytes]:
    """What `make pages` made; empty where it was not run, or runs now."""
    found: dict[str, bytes] = {}

    def collect(below: Traversable, name: str) -> None:
        for entry in below.iterdir():
            if entry.is_dir():
                collect(entry, f"{name}{entry.name}/")
            else:
                found[f"{name}{entry.name}"] = entry.read_bytes()

    folder = folder_of("console")
    if is_built("console") and _is_settled(Path(str(folder))):
        collect(folder, "")
    return found


def _is_settled(folder: Path) -> bool:
    """Nothing in it is being written."""
    return max(path.stat().st_mtime for path in folder.rglob("*")) < time.time() - SETTLED_S


def with_counties(pages: dict[str, bytes], file: Path | None) -> dict[str, bytes]:
    """The pages, with the operator's own polygons for the map; `BadInput` for a file that is none."""
    if file is None:
        return pages
    try:
        data = file.read_bytes()
        counties = msgspec.json.decode(data, type=Counties)
    except OSError as error:
        en, zh = reason(error)
        raise BadInput(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        counties = Counties([])
    if not counties.features:
        raise BadInput(
            f"{file} is no GeoJSON of counties: each feature needs the properties code, name, city, lon and lat.",
            f"{file} 不是县区 GeoJSON：每个要素须有 code、name、city、lon、lat 属性。",
        )
    kept = {name: page for name, page in pages.items() if not name.startswith(COUNTIES)}
    return kept | {COUNTIES: data}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.console", description=__doc__)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--proxied", action="store_true", help="a proxy with TLS is in front: cookies are kept to TLS")
    parser.add_argument("--divisions", type=Path, help="another province's CSV of code,name")
    parser.add_argument("--counties", type=Path, help="the map's own polygons, as GeoJSON")
    parser.add_argument("--talk", default="", metavar=":PORT|URL", help="where pages join talkgroups")
    parser.add_argument("--bus-key", type=Path, help="NAME.nk: the console's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
