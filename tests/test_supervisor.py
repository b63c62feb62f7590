"""The supervisor with real processes: what ends is started again, what is stopped is gone, nothing is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fusioncmd import supervisor as module
from fusioncmd.cli.tier import _ended
from fusioncmd.supervisor import Child, Supervisor
from tests.tier_process import alive
from tests.tier_process import until as wait_until

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
BROKEN = [sys.executable, "-c", "import sys; print('fine'); sys.exit('out of order')"]


class Scene:
    """A supervisor, and what it said about ends that nobody asked for."""

    def __init__(self, folder: Path) -> None:
        self.ends: list[tuple[str, int]] = []
        self.supervisor = Supervisor(folder, self._ended)

    def pid(self, name: str) -> int:
        process = self.supervisor.children[name].process
        assert process is not None
        return process.pid

    def _ended(self, child: Child, returncode: int) -> None:
        self.ends.append((child.name, returncode))


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(module, "RESTART_S_MIN", 0.02)
    monkeypatch.setattr(module, "RESTART_S_MAX", 0.05)
    scene = Scene(tmp_path / "logs")
    yield scene
    await scene.supervisor.stop()


async def until(wanted: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not wanted():
            await asyncio.sleep(0.01)


async def test_a_child_that_ends_is_told_of_and_started_again(scene: Scene) -> None:
    await scene.supervisor.start("one", FOREVER)
    first = scene.pid("one")
    os.kill(first, signal.SIGKILL)
    await until(lambda: scene.supervisor.children["one"].starts == 2)
    assert scene.ends == [("one", -signal.SIGKILL)]
    assert scene.pid("one") != first and alive(scene.pid("one")) and not alive(first)


async def test_stopping_ends_the_children_last_first_and_tells_nobody(scene: Scene) -> None:
    for name in ("one", "two"):
        await scene.supervisor.start(name, FOREVER)
    pids = [scene.pid(name) for name in ("one", "two")]
    await scene.supervisor.stop()
    await scene.supervisor.stop()
    assert scene.ends == [] and not any(map(alive, pids))


async def test_a_child_that_does_not_listen_is_killed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_S_MAX", 0.1)
    await scene.supervisor.start("stubborn", [sys.executable, "-c", DEAF])
    await until(lambda: scene.supervisor.last_words("stubborn") == "up")
    pid = scene.pid("stubborn")
    await scene.supervisor.stop()
    assert not alive(pid)


async def test_a_child_that_cannot_run_is_tried_again_and_its_last_words_are_kept(scene: Scene) -> None:
    await scene.supervisor.start("broken", BROKEN)
    await until(lambda: len(scene.ends) >= 3)
    assert set(scene.ends) == {("broken", 1)}
    assert scene.supervisor.last_words("broken") == "out of order"
    told = _ended(scene.supervisor.children["broken"], 1, scene.supervisor)
    assert told.endswith("broken.log\n  out of order")  # an operator's mistake in a file is told where they look
    assert scene.supervisor.last_words("unknown") == ""


async def test_a_program_that_is_gone_for_a_while_is_started_when_it_is_back(scene: Scene, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    await scene.supervisor.start("one", [str(program), *FOREVER[1:]])
    program.unlink()
    os.kill(scene.pid("one"), signal.SIGKILL)
    await until(lambda: scene.ends)
    await asyncio.sleep(0.1)
    assert scene.supervisor.children["one"].starts == 1 and len(scene.ends) == 1
    program.symlink_to(sys.executable)
    await until(lambda: scene.supervisor.children["one"].starts == 2)


async def test_a_child_has_the_environment_and_the_log_that_it_was_given(scene: Scene) -> None:
    say = [sys.executable, "-c", "import os, time; print(os.environ['WHO'], flush=True); time.sleep(600)"]
    await scene.supervisor.start("one", say, os.environ | {"WHO": "me"})
    await until(lambda: scene.supervisor.log_file("one").read_text() == "me\n")
    assert os.getsid(scene.pid("one")) == scene.pid("one")  # ctrl-c in a terminal does not reach it


async def test_a_log_that_has_grown_too_long_is_set_aside(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_BYTES_MAX", 8)
    scene.supervisor.logs.mkdir()
    scene.supervisor.log_file("one").write_text("long before\n")
    await scene.supervisor.start("one", FOREVER)
    assert (scene.supervisor.logs / "one.old.log").read_text() == "long before\n"
    assert scene.supervisor.log_file("one").read_text() == ""


def test_a_supervisor_that_is_killed_takes_its_children_with_it(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
from pathlib import Path
from fusioncmd.supervisor import Supervisor

async def main():
    child = await Supervisor(Path({str(tmp_path)!r}), lambda *_: None).start("one", {FOREVER!r})
    print(child.process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as out:
        child = int(out.readline())
    assert alive(child)
    process.kill()
    process.wait()
    wait_until(lambda: not alive(child))
