"""Who may use a tier's bus: one key each, in the folder `bus` of its data. There is no default, and no password.

`NAME.nk` holds the secret seed, for its owner's eyes, and belongs on the machine of whoever uses it; `NAME.user` says
what that user is and its public key, which is all that the server needs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd import codes
from fusioncmd.bus import nkey
from fusioncmd.errors import BadInput, Conflict, NotFound, Unavailable
from fusioncmd.trust.keyfile import OTHERS, make_file, open_to_others
from fusioncmd.words import reason

NODE, OFFICE, COMMANDER, CHANNELS, CONSOLE = "node", "office", "commander", "channels", "console"
RADIO, TALK, FLOOR = "radio", "radio-voice", "floor"
VIDEO, BROWSERS = "video", "browser-voice"
CAMERA, PICTURES = "camera", "camera-video"
SATELLITE, LINE = "satellite", "shortmessage"
ALARM, SENSORS = "alarm", "sensors"  # the gateway of alarms, and as who it hears sensors
SEEING, WATCHING = "seeing", "seeing-video"  # who looks for smoke and fire, and as who it hears video
TRACK, TRACKS = "track", "node-tracks"  # the gateway of positions, and the node itself where they pass
# A link is the NATS server of a node below; `talk` is the voice of a gateway, `floor` who arbitrates and records it.
UserKind = Literal[
    "node", "office", "commander", "gateway", "channels", "link", "radio", "talk", "floor", "video", "camera",
    "satellite", "track", "shortmessage", "alarm", "sensors", "seeing", "watching",
]  # fmt: skip
# In the account that passes between tiers:
LINKED: tuple[UserKind, ...] = ("link", "talk", "floor", "satellite", "track", "watching")
PublicKey = Annotated[str, Meta(pattern=r"\AU[A-Z2-7]{55}\Z")]
NAME = r"[A-Za-z0-9_-]{1,64}"  # one token of a subject; what `messages.GatewayName` takes
FILE_BYTES_MAX = 4_096
KEEPER_FILE = "keeper.pid"  # beside the server's configuration: whom SIGHUP tells that users are others now


class BusUser(Struct, frozen=True, tag="bus-user.1", forbid_unknown_fields=True):
    """`serves` is the code of the place at which, and below, the user may do what its kind does."""

    name: Annotated[str, Meta(pattern=rf"\A{NAME}\Z")]
    role: UserKind
    serves: Annotated[str, Meta(pattern=r"\A[0-9]{2,12}\Z")]
    public: PublicKey

    @property
    def path(self) -> codes.Path:
        return codes.parse(self.serves)


def folder_of(data: Path) -> Path:
    return data / "bus"


def seed_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.nk"


def ensure(folder: Path, name: str, role: UserKind, serves: str) -> BusUser:
    """The user of that name, made now if there is none; `Conflict` when it is there for something else."""
    if not re.fullmatch(NAME, name):
        raise BadInput(
            f"{name!r} is no name for a user of the bus: 1 to 64 letters, digits, - and _.",
            f"“{name}”不能作总线用户名：须为 1–64 个字母、数字、- 或 _。",
        )
    file = folder / f"{name}.user"
    if file.exists():
        found = _read(file)
        if (found.role, found.serves) != (role, serves):
            raise Conflict(
                f"{name} is on the bus already, as {found.role} at {found.serves}.",
                f"总线上已有 {name}：{found.role}，{found.serves}。",
            )
        return found
    made = BusUser(name, role, serves, secret(folder, name))
    make_file(file, msgspec.json.encode(made), 0o644)
    return made


def secret(folder: Path, name: str) -> str:
    """The public key of the seed of that name, which is made now if there is none."""
    file = seed_file(folder, name)
    if not file.exists():
        make_file(file, nkey.seed_of(os.urandom(nkey.SEED_BYTES)).encode(), 0o600)
    return nkey.public_of(read_seed(file))


def admit(folder: Path, name: str, serves: str, public: str) -> BusUser:
    """A link from below, whose secret is there; the same name with another key replaces it."""
    made = BusUser(name, "link", serves, public)
    file = folder / f"{name}.user"
    file.unlink(missing_ok=True)
    make_file(file, msgspec.json.encode(made), 0o644)
    return made


def dismiss(folder: Path, name: str) -> bool:
    """Whether there was such a user; from the next start or SIGHUP of the server on there is none."""
    file = folder / f"{name}.user"
    there = file.exists()
    file.unlink(missing_ok=True)
    return there


def find(folder: Path, name: str) -> BusUser | None:
    """None where there is none of that name."""
    try:
        return _read(folder / f"{name}.user")
    except NotFound:
        return None


def users(folder: Path) -> Iterator[BusUser]:
    """All whom the server lets in, by name."""
    for file in sorted(folder.glob("*.user")):
        yield _read(file)


def read_seed(file: Path) -> str:
    """The seed in `file`; a sentence when others may read it, or when it is no secret."""
    data, mode = _bytes(file)
    if mode & OTHERS:
        raise BadInput(*open_to_others(file))
    try:
        seed = data.decode("ascii").strip()
        nkey.public_of(seed)
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not a key of the bus.", f"{file} 不是总线密钥。") from None
    except BadInput as problem:
        raise BadInput(f"{file}: {problem.en}", f"{file}：{problem.zh}") from None
    return seed


def _read(file: Path) -> BusUser:
    try:
        found = msgspec.json.decode(_bytes(file)[0], type=BusUser)
        if found.name != file.stem:
            raise ValueError
        found.path  # noqa: B018  # a code that is none is refused here
    except (msgspec.MsgspecError, ValueError, BadInput):
        raise BadInput(f"{file} does not say who a user of the bus is.", f"{file} 不是总线用户文件。") from None
    if found.public in nkey.EXAMPLES:
        raise BadInput(f"{file} names a well-known key: anybody may have it.", f"{file} 中是众所周知的密钥。")
    return found


def _bytes(file: Path) -> tuple[bytes, int]:
    try:
        with file.open("rb") as opened:
            data, mode = opened.read(FILE_BYTES_MAX + 1), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        en, zh = reason(error)
        kind = NotFound if isinstance(error, FileNotFoundError) else Unavailable
        raise kind(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"{file} is too large for a key of the bus.", f"{file} 过大，不是总线密钥。")
    return data, mode
