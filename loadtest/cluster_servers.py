"""Three NATS servers as one bus, as `tiers.nats_cluster` writes them: started, asked who leads, killed and paused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fusioncmd.bus import users
from fusioncmd.bus.port import STREAMS
from fusioncmd.errors import Unavailable
from fusioncmd.limits import CLUSTER_SERVERS
from fusioncmd.supervisor import die_with_parent
from loadtest.harness import free_ports
from tiers.nats_cluster import Spot, configurations, kept_secret, write
from tiers.nats_server import server_binary

WHOLE_S_MAX = 60.0
LOOK_EVERY_S = 0.1
ASK_S_MAX = 1.0
META = "meta"


class Servers:
    """Three servers of `node` in `folder`, whose `bus` names the users; counted from 1, as they call themselves."""

    def __init__(self, folder: Path, node: str, tls: tuple[Path, Path, Path] | None = None) -> None:
        self._node = node
        ports = free_ports(3 * CLUSTER_SERVERS)
        spots = tuple(Spot("127.0.0.1", *ports[2 * i : 2 * i + 2]) for i in range(CLUSTER_SERVERS))
        self._looks = ports[2 * CLUSTER_SERVERS :]
        out, known = folder / "cluster", users.users(users.folder_of(folder))
        texts = configurations(node, spots, out / "store", known, kept_secret(out), tls)
        watched = (f'{text}http: "127.0.0.1:{port}"\n' for text, port in zip(texts, self._looks, strict=True))
        self._files = write(out, watched)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.url = ",".join(f"{'tls' if tls else 'nats'}://127.0.0.1:{each.port}" for each in spots)

    def start(self, number: int) -> None:
        file = self._files[number - 1]
        with (file.parent / "log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [server_binary(None), "--config", file], stdout=log, stderr=log, preexec_fn=die_with_parent
            )

    def kill(self, number: int) -> None:
        """As a power cut would."""
        self._processes[number].kill()
        self._processes[number].wait()

    def pause(self, number: int) -> None:
        self._processes[number].send_signal(signal.SIGSTOP)

    def resume(self, number: int) -> None:
        self._processes[number].send_signal(signal.SIGCONT)

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    async def leader(self, of: str) -> int:
        """Which server leads the stream `of`, or with META the three of them. `Unavailable` when none does for long."""
        give_up = time.monotonic() + WHOLE_S_MAX
        while time.monotonic() < give_up:
            for seen in await self._seen():
                known = seen.get("meta_cluster", {}) if of == META else _streams(seen).get(of, {})
                if name := known.get("leader"):
                    return int(name.rpartition("-")[2])
            await asyncio.sleep(LOOK_EVERY_S)
        raise Unavailable(f"Nobody leads {of}.", f"{of} 没有主服务器。")

    async def until_whole(self) -> None:
        """Until each stream has three copies that are up to date: only then may the next server be lost."""
        give_up = time.monotonic() + WHOLE_S_MAX
        while time.monotonic() < give_up:
            looks = await self._seen()
            led = [
                cluster  # by whoever leads it: the others do not know of each other
                for seen in looks
                for cluster in (seen.get("meta_cluster", {}), *_streams(seen).values())
                if cluster.get("leader") == seen["server_name"]
            ]
            copies = [copy for cluster in led for copy in cluster.get("replicas", [])]
            if len(led) == 1 + len(STREAMS) and len(copies) == 2 * len(led) and all(map(_current, copies)):
                return
            await asyncio.sleep(LOOK_EVERY_S)
        raise Unavailable(
            f"The cluster is not whole after {WHOLE_S_MAX:.0f} s.", f"{WHOLE_S_MAX:.0f} 秒后集群仍不完整。"
        )

    async def _seen(self) -> list[dict[str, Any]]:
        """What each server that answers says of JetStream, with its name."""
        looks = await asyncio.gather(*(asyncio.to_thread(_look, port) for port in self._looks))
        return [
            seen | {"server_name": f"fc-{self._node}-{number}"}
            for number, seen in enumerate(looks, start=1)
            if seen is not None
        ]


@contextlib.asynccontextmanager
async def serving(folder: Path, node: str, tls: tuple[Path, Path, Path] | None = None) -> AsyncIterator[Servers]:
    """`tls`: as `configurations` takes it."""
    servers = Servers(folder, node, tls)
    try:
        for number in range(1, CLUSTER_SERVERS + 1):
            servers.start(number)
        await servers.leader(META)
        yield servers
    finally:
        servers.end()


def _look(port: int) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        url = f"http://127.0.0.1:{port}/jsz?streams=true&accounts=true"
        with urllib.request.urlopen(url, timeout=ASK_S_MAX) as reply:
            said: dict[str, Any] = json.load(reply)
            return said
    return None


def _streams(seen: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Stream → its cluster, as this server knows it."""
    accounts = seen.get("account_details") or []
    return {s["name"]: s.get("cluster", {}) for account in accounts for s in account.get("stream_detail") or []}


def _current(copy: dict[str, Any]) -> bool:
    return bool(copy.get("current")) and not copy.get("offline") and not copy.get("lag")
