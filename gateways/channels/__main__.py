"""`python -m gateways.channels`: the process that reaches people by the ways that `channels.toml` names."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog

from fusioncmd.bus.nats import open_bus
from fusioncmd.ladder.config import FILE, Channels
from fusioncmd.ladder.settings import read_settings, secret
from fusioncmd.programs import run_program
from gateways.channels.http import PushSender, WebhookSender
from gateways.channels.lane import Lane
from gateways.channels.push_crypto import Vapid
from gateways.channels.smpp import SmppSender
from gateways.channels.telling import Telling

log = structlog.get_logger("channels")

BUS_WAIT_S = 30.0


def lanes(settings: Channels, data: Path, telling: Telling) -> Iterator[Lane]:
    if (sms := settings.sms) is not None:
        password = secret(data, sms).decode("latin-1")
        sender = SmppSender(sms, password, telling.delivered, partial(telling.reply, "sms"))
        yield Lane("sms", sender, sms.per_s, telling, time.monotonic)
    if (push := settings.push) is not None:
        pusher = PushSender(push, Vapid(secret(data, push), push.contact), time.time)
        yield Lane("push", pusher, push.per_s, telling, time.monotonic)
    if (voice := settings.voice) is not None:
        caller = WebhookSender("voice", voice, secret(data, voice), time.time)
        yield Lane("voice", caller, voice.per_s, telling, time.monotonic)
    if (hook := settings.webhook) is not None:
        poster = WebhookSender("webhook", hook, secret(data, hook), time.time)
        yield Lane("webhook", poster, hook.per_s, telling, time.monotonic)


async def _run(given: argparse.Namespace) -> None:
    settings = read_settings(given.data)
    bus = await open_bus(given.nats, "channels", wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    telling = Telling(bus)
    found = [*lanes(settings, given.data, telling)]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(telling.run())]
        for lane in found:
            await lane.serve(bus)
            running.append(tasks.create_task(lane.run()))
        log.info("channels.ready", channels=[lane.channel for lane in found])
        await stop.wait()
        for task in running:
            task.cancel()
    await telling.flush()
    await bus.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.channels", description=__doc__)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--data", type=Path, required=True, help=f"the folder with {FILE}")
    parser.add_argument("--bus-key", type=Path, help="channels.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
