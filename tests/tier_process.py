"""A tier as a person starts it: `fusioncmd up` in a process of its own, on free ports, and the commands beside it.

Everything lives in the folder given, listens on the loopback alone, and is stopped by process id.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
from typer.testing import CliRunner

from fusioncmd import words
from fusioncmd.bus import users
from fusioncmd.cli.__main__ import app
from tests.nats_server import free_port

PROGRAM = Path(sys.executable).parent / "fusioncmd"
READY_S_MAX = 40.0
STOP_S_MAX = 20.0
COMMAND_S_MAX = 30.0
T = TypeVar("T")


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The only line, or the last of those that `watch` writes."""
        return json.loads(self.lines[-1])

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(*arguments: object, lang: str = "en", **env: str) -> Ran:
    """`fusioncmd` with `arguments`, to its end; without a screen."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], env=environment(lang, **env), stdin=subprocess.DEVNULL, capture_output=True,
        timeout=COMMAND_S_MAX,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def environment(lang: str = "en", **more: str) -> dict[str, str]:
    ours = ("FUSIONCMD_", "LC_", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"FUSIONCMD_LANG": lang, "LANG": "C.UTF-8"} | more


def until(wanted: Callable[[], T | None], wait_s: float = 10.0) -> T:
    """What `wanted` gives, as soon as it is something."""
    give_up = time.monotonic() + wait_s
    while not (found := wanted()):
        assert time.monotonic() < give_up, "it did not come true"
        time.sleep(0.05)
    return found


def speak(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    """This process speaks `lang` until the end of the test."""
    monkeypatch.setattr(words, "chinese", lambda: lang == "zh")


class TierProcess:
    """`fusioncmd up --data folder …`; as a context it is ready inside, and nothing of it is left after."""

    def __init__(
        self, folder: Path, *options: object, nats: str | None = None, lang: str = "en", console: bool = False,
        more: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`more`: of its environment."""
        self.data = folder / "data"
        self.port, nats_port = free_port(), free_port()
        self.nats = nats or f"nats://127.0.0.1:{nats_port}"
        self.console_port = free_port() if console else 0
        self.terminals = f"ws://127.0.0.1:{self.port}/terminal"
        bus = ["--nats", nats, "--open-bus"] if nats else ["--nats-port", nats_port]
        self.argv = [
            str(PROGRAM),
            "up",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
            "--console-port",
            str(self.console_port),
            *map(str, (*bus, *options)),
        ]
        self._lang, self._more = lang, more or {}
        self.said: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.argv, env=environment(self._lang, **self._more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            until(lambda: "Ctrl-C" in "".join(self.said) or self.process.poll() is not None, READY_S_MAX)
            assert self.process.poll() is None, self.said
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send the signal, wait for the end, and see that no child is left."""
        children = list(self.children())
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(STOP_S_MAX)
        finally:
            self.process.kill()
            self._reader.join(STOP_S_MAX)
        until(lambda: not any(alive(pid) for pid in children), 5.0)
        return code

    def children(self) -> dict[int, str]:
        """Process id → command line, of every child that runs."""
        return {pid: command_line(pid) for pid in children_of(self.process.pid)}

    def child(self, part: str) -> int:
        """The process id of the child whose command line holds `part`."""
        return until(lambda: next((pid for pid, line in self.children().items() if part in line), None))

    @property
    def env(self) -> dict[str, str]:
        """Of somebody on its machine, with a home of their own."""
        return {"FUSIONCMD_NATS": self.nats, "FUSIONCMD_DATA": str(self.data), "HOME": str(self.data.parent)}

    @property
    def far(self) -> dict[str, str]:
        """Of a commander elsewhere: a key of the bus, and nothing of this machine."""
        return {"FUSIONCMD_NATS": self.nats, "FUSIONCMD_BUS_KEY": str(self.bus_key("commander"))}

    def cli(self, *arguments: object, lang: str = "en") -> Ran:
        """A command of somebody at this tier."""
        return run(*arguments, lang=lang, **self.env)

    def bus_key(self, name: str) -> Path:
        return users.seed_file(users.folder_of(self.data), name)

    def ask(self, *arguments: object) -> Any:
        """What a command says to a program; it must have gone well."""
        ran = self.here(*arguments, "--json")
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.json

    def here(self, *arguments: object) -> Ran:
        """As `cli`, in this process and in its language: quicker where many are asked."""
        done = CliRunner().invoke(app, [*map(str, arguments)], env=self.env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as out:
            self.said.extend(iter(out.readline, ""))


def alive(pid: int) -> bool:
    """Runs, and is not just waiting to be told of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                yield int(entry.name)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
