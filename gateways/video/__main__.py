"""`python -m gateways.video`: browsers take part in talkgroups, publish video and watch it, by WebRTC."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import uvicorn

from fusioncmd import codes, divisions, keys, limits, subjects
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import TRUST, Stored
from fusioncmd.descriptors import raise_descriptors
from fusioncmd.devices import BadEnrolment
from fusioncmd.programs import run_program
from gateways.responder.lost import KEPT_S, LostDevices
from gateways.video import bounds
from gateways.video.calling import Calling
from gateways.video.forwarding import Forwarding
from gateways.video.http import make_app
from gateways.video.missed import MissedDesk
from gateways.video.rtc import listen_at
from gateways.video.talking import Talking
from gateways.video.who import Doorman

log = structlog.get_logger("video")
BUS_WAIT_S = 30.0


async def _run(given: argparse.Namespace) -> None:
    serves = codes.parse(given.serve)
    places = divisions.load(given.divisions)
    key = keys.read_ticket_key(given.data)
    raise_descriptors()
    listen_at(given.host)
    bus = await open_bus(given.nats, given.name, wait_s=BUS_WAIT_S, key=given.bus_key, gateway=True, ca=given.tls_ca)
    voice_key = given.bus_key and users.seed_file(given.bus_key.parent, users.BROWSERS)
    voice = await open_bus(given.nats, "browsers' media", wait_s=BUS_WAIT_S, key=voice_key, ca=given.tls_ca)
    gateway = f"{serves.code}-{users.BROWSERS}"
    talking = Talking(voice, gateway, serves, time.time, places.__contains__)
    forwarding = Forwarding(voice, gateway, serves, time.time)
    calling = Calling(voice, serves, time.time)
    lost = LostDevices(key)

    def fold(stored: Stored) -> None:
        """A device was revoked."""
        try:
            device = lost.take(stored, time.time()).device
            talking.lost(device)
            forwarding.lost(device)
        except BadEnrolment as problem:
            log.error("video.bad_loss", subject=stored.subject, seq=stored.seq, problem=problem.en)

    await calling.begin()
    tail = await bus.tail(TRUST, fold, from_ms=int((time.time() - KEPT_S) * 1_000), filters=(subjects.LOST_ALL,))
    await tail.caught_up()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        tasks = [asyncio.create_task(talking.run()), asyncio.create_task(forwarding.run())]
        for task in tasks:
            task.add_done_callback(_stop_if_it_failed)
        try:
            yield
        finally:
            await talking.stop()
            await forwarding.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = make_app(
        talking, forwarding, calling, MissedDesk(bus), Doorman(key, serves, lost, places.name), running
    )  # fmt: skip
    config = uvicorn.Config(
        app, host=given.host, port=given.port, loop="none", http="h11", ws="none", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=2, lifespan="on",
        limit_concurrency=bounds.CONNECTIONS_MAX, h11_max_incomplete_event_size=limits.HANDSHAKE_BYTES_MAX,
    )  # fmt: skip
    log.info("video.ready", port=given.port, serves=str(serves))
    await uvicorn.Server(config).serve()
    await tail.stop()
    await bus.close()
    await voice.close()


def _stop_if_it_failed(task: asyncio.Task[None]) -> None:
    """By a mistake of ours nobody is heard or seen any more: to be started again is better than silence."""
    if not task.cancelled() and task.exception() is not None:
        log.error("video.failed", error=repr(task.exception()))
        signal.raise_signal(signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.video", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place whose people speak and show here, such as 44.01.06")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--host", default="127.0.0.1", help="one address of this machine: media comes to it by UDP")
    parser.add_argument("--port", type=int, required=True, help="HTTP")
    parser.add_argument("--name", default="video")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--divisions", type=Path)
    parser.add_argument("--bus-key", type=Path, help="video.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
