"""`python -m gateways.alarm`: CAP, signed hooks and sensors; each alarm becomes one message on the bus."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from fusioncmd import codes, gazetteer, limits
from fusioncmd.alarm import cap_signature
from fusioncmd.alarm.cap_out import sender_of
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.descriptors import raise_descriptors
from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.programs import run_program
from fusioncmd.trust.keyfile import OTHERS, open_to_others
from fusioncmd.words import reason
from gateways.alarm.department_alarms import DepartmentAlarms
from gateways.alarm.departments import Departments
from gateways.alarm.desk import Desk
from gateways.alarm.http import make_app
from gateways.alarm.intake import Intake
from gateways.alarm.polling import Polling
from gateways.alarm.signed import signers
from gateways.alarm.sources import FILE, FILE_BYTES_MAX, Sources, read

log = structlog.get_logger("alarm")
BUS_WAIT_S = 30.0
LATE_S = 1.0
CONNECTIONS_MAX = 512  # reject


async def _run(given: argparse.Namespace) -> None:
    serves = codes.parse(given.serve)
    sources = _sources(given.data / FILE)
    places = gazetteer.load(given.counties, given.towns)
    raise_descriptors()
    bus = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S, key=given.bus_key, gateway=True, ca=given.tls_ca)
    intake = Intake(bus, serves, time.time)
    signed = signers(sources.cap, lambda name: _bytes(given.data / name, cap_signature.FILE_BYTES_MAX)[0])
    desk = Desk(intake, sources, places, signed)
    if lost := desk.sensors.lost():
        log.error("alarm.sensors_nowhere", sensors=lost[:20], count=len(lost))
    polling = Polling(sources.cap, desk.alert, signed)
    alarms = DepartmentAlarms(desk.meant, intake.make_id, places.at, intake.serves, sender_of(intake.serves))
    departments = Departments(bus, desk, alarms, users.folder_of(given.data), time.time)
    heard = None
    if given.sensors:
        key = given.bus_key and users.seed_file(given.bus_key.parent, users.SENSORS)
        heard = await open_bus(given.nats, users.SENSORS, wait_s=BUS_WAIT_S, key=key, ca=given.tls_ca)

        def reported(subject: str, data: bytes) -> None:
            _, name, *series = subject.split(".")
            desk.sensor(name, ".".join(series), data)

        await heard.hear("sensor.>", reported)

    async def late() -> None:
        while True:
            await asyncio.sleep(LATE_S)
            desk.late()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        tasks = [asyncio.create_task(run) for run in (intake.run(), polling.run(), late(), departments.run())]
        for task in tasks:
            task.add_done_callback(_stop_if_it_failed)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    log.info("alarm.ready", serves=str(serves), port=given.port, sensors=len(sources.sensor), places=len(places))
    if given.port:
        await _serve(given, make_app(desk, departments, running))
    else:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with running():
            await stop.wait()
    for each in (heard, bus):
        if each is not None:
            await each.close()


async def _serve(given: argparse.Namespace, app: Any) -> None:
    config = uvicorn.Config(
        app, host=given.host, port=given.port, loop="none", http="h11", ws="none", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=2, lifespan="on",
        limit_concurrency=CONNECTIONS_MAX, h11_max_incomplete_event_size=limits.HANDSHAKE_BYTES_MAX,
    )  # fmt: skip
    await uvicorn.Server(config).serve()


def _sources(file: Path) -> Sources:
    """Who may say alarms: it holds keys, so nobody else may read it."""
    if not file.exists():
        return Sources()
    data, mode = _bytes(file, FILE_BYTES_MAX)
    if mode & OTHERS:
        raise BadInput(*open_to_others(file))
    return read(data)


def _bytes(file: Path, most: int) -> tuple[bytes, int]:
    try:
        with file.open("rb") as opened:
            data, mode = opened.read(most + 1), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    if len(data) > most:
        raise BadInput(f"{file} has more than {most} bytes.", f"{file} 过大。")
    return data, mode


def _stop_if_it_failed(task: asyncio.Task[None]) -> None:
    """By a mistake of ours nothing is told on any more: to be started again is better than silence."""
    if not task.cancelled() and task.exception() is not None:
        log.error("alarm.failed", error=repr(task.exception()))
        signal.raise_signal(signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.alarm", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose alarms are taken, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="HTTP; 0: nothing is pushed here")
    parser.add_argument("--sensors", action="store_true", help="hear sensors, who come in by MQTT")
    parser.add_argument("--counties", type=Path, help="GeoJSON of counties and towns, with their codes")
    parser.add_argument("--towns", type=Path, help="CSV of towns: code, lat, lon")
    parser.add_argument("--name", default=users.ALARM)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bus-key", type=Path, help="alarm.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
