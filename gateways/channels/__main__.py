"""`python -m gateways.channels`: the process that reaches people by the ways that `channels.toml` names."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog
import uvloop

from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import BadInput, NotFound, Problem, Unavailable
from fusioncmd.ladder.config import FILE, FILE_BYTES_MAX, Channels, Push, Sms, Webhook, read_channels, secret_of
from fusioncmd.logs import configure_logs
from fusioncmd.trust.keyfile import OTHERS
from fusioncmd.words import reason, sentence
from gateways.channels.http import PushSender, WebhookSender
from gateways.channels.lane import Lane
from gateways.channels.push_crypto import Vapid
from gateways.channels.smpp import SmppSender
from gateways.channels.telling import Telling

log = structlog.get_logger("channels")

BUS_WAIT_S = 30.0


def secret(data: Path, one: Sms | Push | Webhook) -> bytes:
    """From a file that nobody else may read, or a variable."""
    name, variable = secret_of(one)
    if variable:
        if not (found := os.environ.get(variable, "")):
            raise NotFound(f"The variable {variable} is not set.", f"未设置环境变量 {variable}。")
        return found.encode()
    file = data / name
    data_read, mode = _read(file)
    if mode & OTHERS:
        raise BadInput(
            f"{file} can be read by others than its owner; `chmod 600` it.", f"{file} 可被他人读取；请执行 chmod 600。"
        )
    if not data_read.strip():
        raise BadInput(f"{file} is empty.", f"{file} 为空。")
    return data_read.strip()


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
    text = _read(given.data / FILE)[0]
    try:
        settings = read_channels(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadInput(f"{FILE} is not UTF-8 text.", f"{FILE} 不是 UTF-8 文本。") from None
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


def _read(file: Path) -> tuple[bytes, int]:
    try:
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.channels", description=__doc__)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--data", type=Path, required=True, help=f"the folder with {FILE}")
    parser.add_argument("--bus-key", type=Path, help="channels.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    given = parser.parse_args()
    configure_logs()
    try:
        uvloop.run(_run(given))
    except Problem as problem:
        sys.exit(sentence(problem))


if __name__ == "__main__":
    main()
