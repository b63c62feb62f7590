"""The node's counter for cameras and drones: which there are, where one pushes to, and how they are.

A camera is one message in the trust stream, locked; the node and its camera gateway hold them all. What is added is in
the audit before it holds, without its secrets; a removal holds at once, and is told after.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from fusioncmd import camera_urls, cameras, subjects
from fusioncmd.access import Actor, check_places
from fusioncmd.api import cameras as asked
from fusioncmd.audit.entries import Deed, Entry, Recorder
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.cameras import Camera, Here, State
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, Conflict, NotFound, Unavailable
from fusioncmd.locked import NONCE_BYTES
from fusioncmd.roster.directory import Roster
from fusioncmd.trust.notices import Notices
from tiers.serving import Answer

log = structlog.get_logger("cameras")

DEED: Deed = "camera"


class CameraDesk:
    """`key` is the tier's ticket key; `clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, roster: Roster, key: bytes, audit: Recorder, clock: Callable[[], float], notices: Notices,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:  # fmt: skip
        self._bus, self._roster, self._key, self._audit, self._clock = bus, roster, key, audit, clock
        self._entropy, self._adding = entropy, asyncio.Lock()
        self._held: dict[str, tuple[Camera, int]] = {}  # by name, also those that were removed; and the sequence
        self._here: tuple[Here, float] | None = None
        self._states: dict[str, State] = {}
        notices.on("camera", self.fold)

    async def start(self) -> None:
        await self._bus.hear(subjects.CAMERAS_HERE, self._told_here)

    def answers(self) -> dict[type[Any], Answer]:
        return {asked.AddCamera: self.add, asked.Cameras: self.list, asked.RemoveCamera: self.remove}

    def fold(self, stored: Stored) -> None:
        camera = cameras.unpack(stored.data, self._key, stored.subject)
        held = self._held.get(camera.name)
        if held is None or stored.seq > held[1]:
            self._held[camera.name] = camera, stored.seq

    async def add(self, request: asked.AddCamera, who: Actor) -> asked.CamerasReply:
        async with self._adding:  # one after the other: no two are given one port
            return await self._add(request, who)

    async def _add(self, request: asked.AddCamera, who: Actor) -> asked.CamerasReply:
        cameras.check_name(request.name)
        if bool(request.url) == bool(request.push):
            raise BadInput("A camera has a URL, or pushes: one of both.", "摄像头须给出拉流地址或推流方式，二者取一。")
        url = str(camera_urls.read(request.url)) if request.url else ""
        path = Path(request.path or who.path.code)
        check_places(who, (path.code,))
        if path not in self._roster.divisions:
            raise NotFound(f"There is no place with the code {path}.", f"没有代码为 {path} 的地点。")
        before = self._held.get(request.name)
        if before is not None and not before[0].removed:
            check_places(who, (before[0].path,))
            if not request.again:
                raise Conflict(
                    f"There is a camera {request.name} already; --again replaces it.",
                    f"摄像头 {request.name} 已存在；如需替换请加 --again。",
                )
        elif (
            sum(not one.removed for one, _ in self._held.values()) >= cameras.CAMERAS_MAX
            or len(self._held) >= cameras.NAMES_MAX
        ):
            raise BadInput(
                f"A node has {cameras.CAMERAS_MAX} cameras at most.", f"每个节点最多 {cameras.CAMERAS_MAX} 路摄像头。"
            )
        port = self._port(request.name) if request.push else 0
        key = base64.b32encode(self._entropy(cameras.KEY_BYTES)).decode().lower() if request.push else ""
        made = Camera(
            request.name, path.code, request.kind, request.title or request.name, url, request.push, port, key,
            request.where, self._now_ms,
        )  # fmt: skip
        await self._audit.record(self._entry(who.name, made, "replaced" if request.again else "added"))
        await self._put(made, 0 if before is None else before[1])
        return asked.CamerasReply((self._line(made),), self._heard is not None, push_to=self._push_to(made))

    async def remove(self, request: asked.RemoveCamera, who: Actor) -> asked.CamerasReply:
        held = self._held.get(request.name)
        if held is None or (held[0].removed and not Path(held[0].path).code.startswith(who.path.code)):
            raise NotFound(f"There is no camera {request.name}.", f"没有摄像头 {request.name}。")
        check_places(who, (held[0].path,))
        gone = Camera(
            request.name, held[0].path, held[0].kind, "", "", "", 0, "", None, self._now_ms, removed=True
        )  # fmt: skip
        await self._put(gone, held[1])
        await self._audit.record_after(self._entry(who.name, gone, "removed"))
        return asked.CamerasReply((self._line(gone),), self._heard is not None)

    async def list(self, request: asked.Cameras, who: Actor) -> asked.CamerasReply:
        place = request.node or who.path.code
        check_places(who, (place,))
        mine = sorted(c.name for c, _ in self._held.values() if not c.removed and c.path.startswith(place))
        page = [name for name in mine if name > request.after][: request.limit]
        more = bool(page) and page[-1] != mine[-1]
        lines = tuple(self._line(self._held[name][0]) for name in page)
        return asked.CamerasReply(lines, self._heard is not None, page[-1] if more else None)

    def standing(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """Those of whom it is known where they stand: the source that each is, `44.01.06.gate-1`, and where."""
        for camera, _ in self._held.values():
            if camera.where is not None and not camera.removed:
                yield f"{Path(camera.path).dotted}.{camera.name}", camera.where

    async def _put(self, camera: Camera, last: int) -> None:
        """`Conflict` when it was changed meanwhile."""
        subject = subjects.camera(camera.name)
        data = cameras.pack(camera, self._key, subject, self._entropy(NONCE_BYTES))
        self._held[camera.name] = camera, await self._bus.store(subject, data, expect_last=last)

    def _port(self, name: str) -> int:
        """Where it pushes to: the one that it had, or the first that is no other's."""
        if (here := self._heard) is None:
            raise Unavailable(
                "No camera gateway of this node is there to push to: `fusioncmd up --cameras FIRST-LAST`.",
                "本节点没有可供推流的摄像头网关：请以 fusioncmd up --cameras 起-止 启动。",
            )
        first, count = here.ports
        others = {c.port for c, _ in self._held.values() if not c.removed and c.push and c.name != name}
        free = (port for port in range(first, first + count) if port not in others)
        if (port := next(free, None)) is None:
            raise Conflict(
                f"Each of the {count} ports for pushing is another camera's: give `up --cameras` more.",
                f"{count} 个推流端口均已占用：请为 up --cameras 增加端口。",
            )
        held = self._held.get(name)
        before = held[0].port if held is not None else 0
        return before if first <= before < first + count and before not in others else port

    def _push_to(self, camera: Camera) -> str:
        if not camera.push or (here := self._heard) is None:
            return ""
        host = f"[{here.host}]" if ":" in here.host else here.host
        if camera.push == "rtmp":
            return f"rtmp://{host}:{camera.port}/live/{camera.key}"
        return f"srt://{host}:{camera.port}?mode=caller&passphrase={camera.key}"

    def _line(self, camera: Camera) -> asked.CameraLine:
        at = camera_urls.shown(camera.url) if camera.url else f"{camera.push} :{camera.port}" if camera.push else ""
        own = asked.CameraLine(
            camera.name, camera.path, camera.kind, camera.title, at, camera.where, camera.changed_ms
        )  # fmt: skip
        how = None if camera.removed or self._heard is None else self._states.get(camera.name)
        if how is None:
            return own
        return asked.CameraLine(
            own.name, own.path, own.kind, own.title, own.at, own.where, own.changed_ms, how.state, how.since_ms,
            *how.trouble, *how.note, how.width, how.height, how.bits_per_s,
        )  # fmt: skip

    @property
    def _heard(self) -> Here | None:
        """The gateway that is there."""
        if self._here is None or self._clock() - self._here[1] > cameras.HERE_S:
            return None
        return self._here[0]

    def _told_here(self, subject: str, data: bytes) -> None:
        try:
            told = cameras.decode(Here, data)
        except BadInput as problem:
            log.error("cameras.bad_message", subject=subject, problem=problem.en)
            return
        self._here = told, self._clock()
        self._states = {state.name: state for state in told.states}

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _entry(self, by: str, camera: Camera, what: str) -> Entry:
        details = {"what": what, "path": camera.path}
        if at := self._line(camera).at:
            details["at"] = at
        return Entry(self._now_ms, by, DEED, camera.name, details=details)
