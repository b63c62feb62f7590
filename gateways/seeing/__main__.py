"""`python -m gateways.seeing`: looks for smoke and fire on what cameras show; each becomes an alarm on the bus."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from pathlib import Path

import structlog

from fusioncmd import codes
from fusioncmd.alarm import subjects as alarm_subjects
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import parse
from fusioncmd.messages import PicturePart, encode
from fusioncmd.programs import run_program
from fusioncmd.video.heard import parsed
from gateways.alarm.intake import Intake
from gateways.seeing.gateway import Seeing

log = structlog.get_logger("seeing")
BUS_WAIT_S = 30.0
MODEL = "seeing.onnx"  # in the data folder: in place of the detector that ships


async def _run(given: argparse.Namespace) -> None:
    serves = codes.parse(given.serve)
    arguments = _arguments((given.data / MODEL).absolute())
    chosen = frozenset(".".join(parsed(address)) for address in given.source)
    own = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S, key=given.bus_key, gateway=True, ca=given.tls_ca)
    key = given.bus_key and users.seed_file(given.bus_key.parent, users.WATCHING)
    links = await open_bus(given.nats, users.WATCHING, wait_s=BUS_WAIT_S, key=key, ca=given.tls_ca)
    intake = Intake(own, serves, time.time)

    async def keep(alarm: Alarm, still: bytes) -> None:
        part = PicturePart(alarm.id, bytes(len(alarm.id)), 0, 0, still)
        await own.store(alarm_subjects.still(parse(alarm.nodes[0]), alarm.id), encode(part))

    seeing = Seeing(links, intake, serves, chosen, keep, *arguments)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = [asyncio.create_task(run) for run in (intake.run(), seeing.run())]
    for task in running:
        task.add_done_callback(lambda _: stop.set())
    log.info("seeing.ready", serves=str(serves), sources=sorted(chosen) or "all", model=bool(arguments))
    await stop.wait()
    failed = any(task.done() for task in running)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=not failed)
    for bus in (links, own):
        await bus.close()


def _arguments(model: Path) -> tuple[str, ...]:
    """Of the child. BadInput for a model that is none: a sentence now, and not a child that never starts."""
    if not model.exists():
        return ()
    from gateways.seeing.model import read_model  # OpenCV, which this process does not need otherwise

    read_model(model.read_bytes())
    return "--model", str(model)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.seeing", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose cameras are watched, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--source", action="append", default=[], help="one to watch; none: all cameras there and below")
    parser.add_argument("--name", default=users.SEEING)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bus-key", type=Path, help="seeing.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
