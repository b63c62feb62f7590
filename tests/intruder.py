"""Somebody with the key of one user of the bus, and any program; and a server as a tier configures it, for both."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from nats.aio.client import Client

from fusioncmd.bus import users
from fusioncmd.departments.department import Department
from tests.nats_server import free_port, wait_for_jetstream
from tiers.nats_config import NatsSettings, render
from tiers.nats_server import server_binary


class KeyedServer:
    """A node's NATS server as `up` configures it, with the users that are given."""

    def __init__(self, folder: Path, *made: tuple[str, users.UserKind, str]) -> None:
        self.folder, self.port = folder, free_port()
        self.url, self.keys = f"nats://127.0.0.1:{self.port}", users.folder_of(folder)
        for name, role, serves in made:
            users.ensure(self.keys, name, role, serves)
        self.config = folder / "nats.conf"
        self.configure()
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen([server_binary(None), "-c", self.config], stderr=log)
        wait_for_jetstream(self.port)

    def configure(self, departments: tuple[Department, ...] = ()) -> None:
        settings = NatsSettings("44", self.port, self.folder / "store")
        text = render(settings, users.users(self.keys), departments=departments)
        self.config.write_text(text, "utf-8")

    def let_in(self, *departments: Department) -> None:
        """From now on these departments, and no others."""
        self.configure(departments)
        for _ in range(2):  # as `tiers.nats_server` does
            self.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)

    def key(self, name: str) -> Path:
        return users.seed_file(self.keys, name)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class Intruder:
    """Whoever has the key of a user and any program: not bound to what ours would do."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.refused: list[str] = []

    async def publish(self, subject: str, data: bytes = b"forged") -> bool:
        """Whether NATS let it through."""
        return await self._let(self.client.publish(subject, data), subject)

    async def hear(self, subject: str) -> bool:
        return await self._let(self.client.subscribe(subject), subject)

    async def _let(self, doing: object, subject: str) -> bool:
        before = len(self.refused)
        await doing  # type: ignore[misc]
        for _ in range(
            2
        ):  # what the server says of it comes before its pong; but nats-py may send the first ping early
            await self.client.flush()
        said = self.refused[before:]
        assert len(said) <= 1 and all(f'"{subject.lower()}"' in line.lower() for line in said), (subject, said)
        return not said


async def intrude(url: str, key: Path) -> Intruder:
    async def errored(error: Exception) -> None:
        intruder.refused.append(str(error))

    client = Client()
    intruder = Intruder(client, key.stem)
    await client.connect(
        url, nkeys_seed_str=users.read_seed(key), error_cb=errored, inbox_prefix=f"_INBOX.{key.stem}",
        skip_subject_validation=True,
    )  # fmt: skip
    return intruder
