"""`fusioncmd kit` in a process of its own, on free ports; and the commands beside it."""

from __future__ import annotations

from pathlib import Path
from random import Random

from fusioncmd.cli.kit_plan import PORTS
from loadtest.kit_process import free_block
from tests.tier_process import PROGRAM, TierProcess


class KitProcess(TierProcess):
    """With its files in `folder/data`; `options` of `fusioncmd kit`. Ready inside the context, as any tier."""

    def __init__(self, folder: Path, *options: object, more: dict[str, str] | None = None, lang: str = "en") -> None:
        super().__init__(folder, lang=lang, more=more)
        first = free_block(PORTS, Random())
        self.port, self.console_port = first + 1, first + 2
        self.terminals = f"ws://127.0.0.1:{self.port}/terminal"
        ports = ("--first-port", first, "--nats-port", self.nats.rpartition(":")[2])
        self.argv = [str(PROGRAM), "kit", "--data", str(self.data), *map(str, (*ports, *options))]

    @property
    def screen(self) -> str:
        return "".join(self.said)
