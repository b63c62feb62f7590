"""`python -m gateways.track`: drones by MAVLink and TAK clients by Cursor on Target, onto the bus and back."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import structlog

from fusioncmd import codes
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import Unavailable
from fusioncmd.networks import read_networks
from fusioncmd.programs import run_program
from fusioncmd.words import reason
from gateways.track.gateway import Gateway

log = structlog.get_logger("track")
BUS_WAIT_S = 30.0


async def _run(given: argparse.Namespace) -> None:
    serves = codes.parse(given.serve)
    bus = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    gateway = Gateway(bus, serves, read_networks(given.network))
    try:
        await gateway.listen(given.host, given.mavlink, given.cot)
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(
            f"Positions cannot come in at {given.host}: {en}.", f"无法在 {given.host} 接入位置：{zh}。"
        ) from None
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.create_task(gateway.run())
    running.add_done_callback(lambda _: stop.set())
    log.info("track.ready", serves=str(serves), host=given.host, mavlink=given.mavlink, cot=given.cot)
    await stop.wait()
    failed = running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=not failed)
    gateway.stop()
    await bus.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.track", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose units these are, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--mavlink", type=int, default=0, help="UDP port of MAVLink; 0: none")
    parser.add_argument("--cot", type=int, default=0, help="TCP and UDP port of Cursor on Target; 0: none")
    parser.add_argument(
        "--from", dest="network", action="append", default=[], help="an address or network that may come"
    )
    parser.add_argument("--name", default=users.TRACK)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bus-key", type=Path, help="track.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
