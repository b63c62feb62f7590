"""The session that a person keeps on this machine, and the way in without one: by the keys that lie in a folder."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

from fusioncmd import api, limits
from fusioncmd.accounts import sessions
from fusioncmd.client import Commander, key_login
from fusioncmd.errors import Unavailable
from fusioncmd.keys import data_folder
from fusioncmd.trust import ring
from fusioncmd.words import reason

KEYS_VARIABLE = "FUSIONCMD_KEYS"


class WayIn:
    """A saved session; where there is none, or it is not taken any more, the keys in `keys` or in the usual folder."""

    def __init__(self, nats: str, keys: Path | None) -> None:
        self._nats, self._keys = nats, keys

    async def __call__(self, commander: Commander) -> bytes:
        health = await commander.ask(api.Health())
        node = health.node
        saved = read(file_of(node, self._nats))
        if saved and saved != commander.session:
            return saved
        held = ring.login_keys(keys_folder(node, self._keys), health.now_ms)
        if not held:
            raise sessions.ended() if saved else sessions.nobody()
        return (await key_login(commander, held)).session


def keys_folder(node: str, given: Path | None) -> Path:
    """Where a person's keys lie: as they say, else with the files of a tier on this machine."""
    named = os.environ.get(KEYS_VARIABLE)
    return given or (Path(named) if named else ring.folder_of(data_folder(node)))


def file_of(node: str, nats: str) -> Path:
    """Where the session with that node on that bus is kept."""
    bus = blake2b(nats.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return Path.home() / ".fusioncmd" / "sessions" / f"{node}-{bus}.session"


def read(file: Path) -> bytes:
    """Empty when none is kept."""
    try:
        with file.open("rb") as opened:
            return opened.read(limits.SESSION_BYTES_MAX)
    except FileNotFoundError:
        return b""
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None


def keep(file: Path, session: bytes) -> None:
    """For its owner only, whole or not at all."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(session)
        new.rename(file)
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be written: {en}.", f"无法写入 {file}：{zh}。") from None
