"""The commander at a terminal: the live screen is drawn, keys move through the tiers, the terminal is given back."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.smoke.handset import Handset
from tests.tier_process import PROGRAM, TierProcess, environment, speak

LEAVE = "\x1b[?1049l"
HOME = "\x1b[H"  # where Rich begins each picture
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07)")
DOWN, ENTER, FIRST, END = b"\x1b[B", b"\r", b"\x1b[H", b"\x1b[F"


class Terminal:
    """A command in a pseudo-terminal of so many columns and lines."""

    def __init__(self, tier: TierProcess, *arguments: str, lang: str, size: tuple[int, int]) -> None:
        self.fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.before = termios.tcgetattr(inner)
        self.process = subprocess.Popen(
            [PROGRAM, *arguments], stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
            env=environment(lang, **tier.env, TERM="xterm-256color"),
        )  # fmt: skip
        self._inner = inner
        self._text = ""

    def screen(self) -> str:
        """The last picture, without colours."""
        return ESCAPES.sub("", self._text.split(HOME)[-1]).replace("\r\n", "\n")

    def left(self) -> str:
        """What stays on the ordinary screen when the live one is gone."""
        return ESCAPES.sub("", self._text.split(LEAVE)[-1])

    def shows(self, *words: str, without: str = "\0", wait_s: float = 15.0) -> str:
        """The screen, once all these words are on it."""
        give_up = time.monotonic() + wait_s
        while without in self.screen() or not all(word in self.screen() for word in words):
            assert time.monotonic() < give_up, f"{words} not in:\n{self.screen()}"
            self._read()
        return self.screen()

    def press(self, *keys: bytes) -> None:
        for key in keys:
            os.write(self.fd, key)

    def ended(self) -> int:
        """How it ended; the terminal is as it was before."""
        while self._read():
            pass
        code = self.process.wait(10)
        assert termios.tcgetattr(self._inner) == self.before
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._inner)
        os.close(self.fd)

    def _read(self) -> bool:
        """False when it has ended and nothing is left to be read."""
        ready, _, _ = select.select([self.fd], [], [], 0.1)
        if ready:
            self._text += os.read(self.fd, 1 << 16).decode("utf-8", "replace")
        return bool(ready) or self.process.poll() is None


@pytest.fixture
def watching(tier: TierProcess) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(*arguments: str, lang: str = "en", size: tuple[int, int] = (100, 30)) -> Terminal:
        made.append(Terminal(tier, *arguments, lang=lang, size=size))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def order(tier: TierProcess) -> dict[str, Any]:
    issued: dict[str, Any] = tier.ask(
        "call", "--to", "44", "--text", "Watch this.", "--answer", "here", "--answer", "need help", "--exercise",
    )  # fmt: skip
    return issued


def test_watch_draws_drills_down_with_keys_and_quits_with_q(
    watching: Callable[..., Terminal], order: dict[str, Any]
) -> None:
    terminal = watching("watch", order["id"])
    first = terminal.shows("EXERCISE  Watch this.", "01 广州市", "1–20 of 21", "q quit")
    assert first.splitlines()[0].startswith(" EXERCISE  Watch this.") and "广东省   3,000 meant" in first
    assert max(map(len, first.splitlines())) <= 100 and len(first.splitlines()) <= 30
    terminal.press(END)
    terminal.shows("53 云浮市", "2–21 of 21")
    terminal.press(FIRST, DOWN, ENTER)
    terminal.shows("韶关市", "03 武江区", "1–10 of 10")
    terminal.press(b"u")
    terminal.shows("广东省   3,000 meant", "01 广州市")
    terminal.press(b"0", b"1")
    terminal.shows("广州市", "06 天河区")
    terminal.press(b"06")
    town = terminal.shows("天河区", "001 五山街道")
    assert "town" in town
    terminal.press(b"w", b"q")
    assert terminal.ended() == 0
    assert "001 五山街道" in terminal.left()


def test_answers_move_the_figures_while_one_watches(
    watching: Callable[..., Terminal],
    order: dict[str, Any],
    flood: list[dict[str, Any]],
    handset: Callable[..., Handset],
) -> None:
    terminal = watching("watch", order["id"], "--node", "4401", "--worst", lang="zh", size=(80, 24))
    terminal.shows("演练", "不可达", "q 退出")
    device = handset(flood[0]["number"])
    watched = device.order("Watch this.", order["id"])  # its fixture may have been made before: there are two then
    device.answer(watched, "need help")
    shown = terminal.shows("█ 2 need help 1", "最差在前", wait_s=40.0)
    assert len(shown.splitlines()) <= 24
    terminal.press(b"q")
    assert terminal.ended() == 0


def test_when_the_node_stands_still_the_screen_and_the_commands_say_so(
    watching: Callable[..., Terminal], tier: TierProcess, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = watching("watch", order["id"])
    terminal.shows("01 广州市")
    node = tier.child("tiers --node")
    os.kill(node, signal.SIGSTOP)
    try:
        assert "01 广州市" in terminal.shows("These figures are old. The node does not answer.", "q quit")
        speak(monkeypatch, "zh")
        said = tier.here("health")
        assert (said.code, said.out, said.err) == (1, "", f"{tier.nats} 的节点没有应答，可能正在启动或已停止。\n")
    finally:
        os.kill(node, signal.SIGCONT)
    terminal.shows("01 广州市", "q quit", without="These figures are old.")
    terminal.press(b"q")
    assert terminal.ended() == 0


def test_ctrl_c_gives_the_terminal_back(watching: Callable[..., Terminal], order: dict[str, Any]) -> None:
    terminal = watching("watch", order["id"], size=(60, 12))
    shown = terminal.shows("01 广州市")
    assert len(shown.splitlines()) <= 12
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.ended() == 130


@pytest.mark.parametrize("columns", [50, 80, 140])
def test_lists_and_tables_fit_the_screen(
    watching: Callable[..., Terminal], order: dict[str, Any], columns: int
) -> None:
    for lang in ("en", "zh"):
        terminal = watching("watch", order["id"], "--once", lang=lang, size=(columns, 40))
        assert terminal.ended() == 0
        from rich.cells import cell_len

        assert max(cell_len(line) for line in terminal.screen().splitlines()) <= columns
        assert "01 广州市" in terminal.screen()
