"""Terminals and a satellite that are not there: each terminal is a pty that speaks as the real one does.

    python -m gateways.shortmessage.simulator --loss 20 --twice 10 --every 60

prints the device and card of each; give the devices to `fusioncmd up --modem`. Messages between the terminals are lost,
come twice, late or out of order, as `--seed` decides; a terminal refuses what comes sooner than its card allows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pty
import random
import signal
import tty
from dataclasses import dataclass, field

from fusioncmd.errors import BadInput
from gateways.shortmessage.sentences import Sentence, Splitter, written

FIRST_CARD = 242_407
WRITE_WAITS_MAX = 64 * 1024  # for a program that does not read; shed


@dataclass(frozen=True, slots=True)
class Weather:
    """Shares from 0 to 1; seconds. `bits` 14,000: BeiDou-3 terminals."""

    loss: float = 0.0
    twice: float = 0.0
    delay_s: float = 1.0
    every_s: int = 60
    bits: int = 560


@dataclass(slots=True)
class Terminal:
    card: int
    device: str
    ours: int  # file descriptor
    theirs: int  # held open, so that the line stays while nobody reads it
    splitter: Splitter = field(default_factory=Splitter)
    next_s: float = 0.0
    said: int = 0
    refused: int = 0


class Sky:
    """`count` terminals under one satellite, from `start` to `stop`."""

    def __init__(self, weather: Weather, count: int = 2, seed: int = 1) -> None:
        self._weather, self._chance, self._loop = weather, random.Random(seed), asyncio.get_running_loop()
        self.terminals = [self._terminal(FIRST_CARD + n) for n in range(count)]
        self.lost = self.doubled = 0

    @staticmethod
    def _terminal(card: int) -> Terminal:
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        return Terminal(card, os.ttyname(theirs), ours, theirs)

    def start(self) -> None:
        for terminal in self.terminals:
            self._loop.add_reader(terminal.ours, self._read, terminal)

    def stop(self) -> None:
        for terminal in self.terminals:
            self._loop.remove_reader(terminal.ours)
            os.close(terminal.ours)
            os.close(terminal.theirs)
        self.terminals = []

    def _read(self, terminal: Terminal) -> None:
        for sentence in terminal.splitter.feed(os.read(terminal.ours, 4_096)):
            self._told(terminal, sentence)

    def _told(self, terminal: Terminal, sentence: Sentence) -> None:
        three = self._weather.bits > 1_000
        match sentence.kind:
            case "CCICA" if not three:
                card = f"{terminal.card:07}", f"{terminal.card:08}", "0000011", 6, self._weather.every_s, 3, "N", 0
                self._write(terminal, written("BDICI", *card))
            case "CCICR" if three:
                head = (terminal.card, 0, 0, 3, 0, "N", 2, "N", 1, 0, 0, 3, 1, self._weather.every_s, 0)
                self._write(terminal, written("BDICP", *head, 0, 0, 0, 0, 21, 0, 0))
            case "CCRMO":
                self._write(terminal, written("BDBSI", "01", "02", 4, 3, 0, 0, 2, 0, 0, 0, 0, 0))
            case "CCTXA" if not three:
                self._say(terminal, sentence.number(0), sentence.field(3))
            case "CCTCQ" if three:
                self._say(terminal, sentence.number(0), sentence.field(4))

    def _say(self, terminal: Terminal, to: int, content: str) -> None:
        now_s, three = self._loop.time(), self._weather.bits > 1_000
        wait_s = max(0, round(terminal.next_s - now_s))
        if terminal.next_s > now_s:
            terminal.refused += 1
            told = ("000000", "TCQ", "N", 1, wait_s) if three else ("TXA", "N", "N", 0, f"{wait_s:04}")
            return self._write(terminal, written("BDFKI", *told))
        terminal.next_s, terminal.said = now_s + self._weather.every_s, terminal.said + 1
        told = ("000000", "TCQ", "Y", 0, 0) if three else ("TXA", "Y", "Y", 0, "0000")
        self._write(terminal, written("BDFKI", *told))
        there = next((one for one in self.terminals if one.card == to), None)
        if there is None or len(content) * 4 > self._weather.bits + 100 or self._chance.random() < self._weather.loss:
            self.lost += 1
            return None
        came = (
            written("BDTCI", f"{terminal.card:08}", to, 2, "120000", 3, 0, content) if three
            else written("BDTXR", 1, f"{terminal.card:07}", 2, "", content)
        )  # fmt: skip
        again = self._chance.random() < self._weather.twice
        self.doubled += again
        for _ in range(1 + again):
            self._loop.call_later(self._weather.delay_s * (0.5 + self._chance.random()), self._write, there, came)
        return None

    def _write(self, terminal: Terminal, data: bytes) -> None:
        if terminal in self.terminals:
            try:
                os.write(terminal.ours, data)
            except BlockingIOError:  # nobody reads there: it is lost, as in a real one
                self.lost += 1


async def _run(given: argparse.Namespace) -> None:
    if given.terminals < 2:
        raise BadInput("A message goes from one terminal to another: two at least.", "至少需要两个终端。")
    weather = Weather(given.loss / 100, given.twice / 100, given.delay, given.every, given.bits)
    sky = Sky(weather, given.terminals, given.seed)
    sky.start()
    for terminal in sky.terminals:
        print(terminal.device, terminal.card, flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    sky.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.shortmessage.simulator", description=__doc__)
    parser.add_argument("--terminals", type=int, default=2)
    parser.add_argument("--loss", type=float, default=0, help="percent of the messages")
    parser.add_argument("--twice", type=float, default=0, help="percent that come twice")
    parser.add_argument("--delay", type=float, default=1, help="seconds on the way, about")
    parser.add_argument("--every", type=int, default=60, help="seconds between two messages of a terminal")
    parser.add_argument("--bits", type=int, default=560, choices=(560, 14_000))
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
