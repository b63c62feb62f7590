"""`python -m gateways.shortmessage`: the modem of the last line, at a serial port."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from pathlib import Path

import structlog

from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.programs import run_program
from gateways.shortmessage.carrier import Carrier

log = structlog.get_logger("shortmessage")
BUS_WAIT_S = 30.0


async def _run(given: argparse.Namespace) -> None:
    bus = await open_bus(given.nats, users.LINE, wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    carrier = Carrier(bus, given.port, given.speed, time.monotonic)
    running = asyncio.create_task(carrier.run())
    running.add_done_callback(lambda _: stop.set())
    log.info("shortmessage.ready", port=given.port)
    await stop.wait()
    carrier.stop()
    await running
    await bus.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.shortmessage", description=__doc__)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--port", required=True, help="the serial port of the modem, such as /dev/ttyUSB0")
    parser.add_argument("--speed", type=int, default=115_200, help="of the port, in baud")
    parser.add_argument("--bus-key", type=Path, help="shortmessage.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
