"""Cameras and drones of a tier, as they stand in the trust stream, and how they are, as their gateway says. Pure.

A camera's password has to be shown to the camera, so it is kept, and all of a record is locked with it (`locked.py`):
it can be read by who has the tier's ticket key, which are the node and its gateways. A broker that is taken over reads
no password and can put no camera of its own there.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from fusioncmd.camera_urls import URL_CHARS_MAX
from fusioncmd.errors import BadInput
from fusioncmd.locked import lock, unlock
from fusioncmd.messages import Code, GatewayName, Millis
from fusioncmd.video.bounds import TITLE_CHARS_MAX

CAMERAS_MAX = 64  # of one node, as many as one gateway takes; reject
NAMES_MAX = 4_096  # also of those that were removed; reject
PORTS_MAX = 64  # where drones push to; reject
HERE_S = 10.0  # a gateway that was not heard so long is not there
KEY_BYTES = 15  # of the secret that a drone pushes with: 24 characters
KIND = b"fc-camera"

Name = Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_-]{0,31}\Z")]
Url = Annotated[str, Meta(max_length=URL_CHARS_MAX)]
Push = Literal["", "rtmp", "srt"]
Kind = Literal["camera", "drone"]
Title = Annotated[str, Meta(max_length=TITLE_CHARS_MAX)]
Where = tuple[Annotated[float, Meta(ge=-90, le=90)], Annotated[float, Meta(ge=-180, le=180)]]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Words = tuple[Annotated[str, Meta(max_length=160)], Annotated[str, Meta(max_length=160)]]
_TAKEN = re.compile(r"shown|p[0-9a-f]{8}|c-.*")  # sources of browsers, and what a place shows


class Camera(Struct, frozen=True, array_like=True, tag="camera.1"):
    """`path`: the place that it shows. It is pulled from `url`, or pushes to `port` with `key`. `where`: latitude and
    longitude, degrees, WGS 84. `removed`: there is none of that name."""

    name: Name
    path: Code
    kind: Kind
    title: Title
    url: Url
    push: Push
    port: Port
    key: Annotated[str, Meta(max_length=64)]
    where: Where | None
    changed_ms: Millis
    removed: bool = False

    def __repr__(self) -> str:
        """Without its secrets, whoever writes it down."""
        return f"Camera({self.name!r}, {self.path!r})"


class State(Struct, frozen=True, array_like=True):
    """How a camera is. `trouble`: why nothing comes, in English and Chinese; `note`: what else is to be known."""

    name: Name
    state: Literal["waiting", "opening", "playing"]
    since_ms: Millis
    trouble: Words = ("", "")
    note: Words = ("", "")
    width: Annotated[int, Meta(ge=0, le=16_384)] = 0
    height: Annotated[int, Meta(ge=0, le=16_384)] = 0
    bits_per_s: Annotated[int, Meta(ge=0, lt=1 << 40)] = 0


class Here(Struct, frozen=True, array_like=True, tag="cameras-here.1"):
    """What a gateway has; `host` and `ports` (the first one, and how many) is where drones push to."""

    gateway: GatewayName
    host: Annotated[str, Meta(max_length=253)]
    ports: tuple[Port, Annotated[int, Meta(ge=0, le=PORTS_MAX)]]
    states: Annotated[tuple[State, ...], Meta(max_length=CAMERAS_MAX)]


T = TypeVar("T", Camera, Here)


def check_name(name: str) -> None:
    if _TAKEN.fullmatch(name):
        raise BadInput(f"{name} is a name of browsers' sources; take another one.", f"名称 {name} 已预留，请换一个。")


def pack(camera: Camera, key: bytes, about: str, nonce: bytes) -> bytes:
    """`key`: the tier's ticket key; `about`: the subject on which it will lie."""
    return lock(msgspec.msgpack.encode(camera), key, KIND, about, nonce)


def unpack(data: bytes, key: bytes, about: str) -> Camera:
    """`BadInput` for what no node of this tier wrote there."""
    return decode(Camera, unlock(data, key, KIND, about))


def encode(told: Here) -> bytes:
    return msgspec.msgpack.encode(told)


def decode(kind: type[T], data: bytes) -> T:
    """`BadInput` for bytes that are no such message."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadInput(f"Not a {kind.__name__}.", f"不是有效的 {kind.__name__}。") from None
