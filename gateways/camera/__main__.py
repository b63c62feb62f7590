"""`python -m gateways.camera`: cameras and drones, by RTSP, RTMP and SRT, remuxed onto the bus."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import structlog

from fusioncmd import cameras, codes, keys, subjects
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import TRUST
from fusioncmd.descriptors import raise_descriptors
from fusioncmd.programs import run_program
from gateways.camera.gateway import Gateway
from gateways.camera.run import clear_away

log = structlog.get_logger("camera")
BUS_WAIT_S = 30.0


async def _run(given: argparse.Namespace) -> None:
    serves = codes.parse(given.serve)
    key = keys.read_ticket_key(given.data)
    raise_descriptors()
    clear_away()
    own = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S, key=given.bus_key, gateway=True, ca=given.tls_ca)
    pictures = given.bus_key and users.seed_file(given.bus_key.parent, users.PICTURES)
    links = await open_bus(given.nats, "cameras' pictures", wait_s=BUS_WAIT_S, key=pictures, ca=given.tls_ca)
    ports = range(given.port, given.port + given.ports)
    gateway = Gateway(links, own, key, given.name, given.host, ports)
    tail = await own.tail(TRUST, gateway.fold, filters=(subjects.CAMERA_ALL,))
    await tail.caught_up()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.create_task(gateway.run())
    running.add_done_callback(lambda _: stop.set())
    log.info("camera.ready", serves=str(serves), host=given.host, ports=given.ports)
    await stop.wait()
    failed = running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=not failed)
    await gateway.stop()
    await tail.stop()
    await own.close()
    await links.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.camera", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose cameras these are, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1", help="one address of this machine: drones push to it")
    parser.add_argument("--port", type=int, default=0, help="the first one that drones push to (RTMP and SRT)")
    parser.add_argument("--ports", type=int, default=0, choices=range(cameras.PORTS_MAX + 1), metavar="COUNT")
    parser.add_argument("--name", default=users.CAMERA)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bus-key", type=Path, help="camera.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
