"""One camera at its gateway: its life, the run of ffmpeg that it has now, and what is said of it on the bus."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from subprocess import SubprocessError

import structlog

from fusioncmd.cameras import Camera, State
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput
from fusioncmd.video import subjects
from fusioncmd.video.source import Source
from gateways.camera import troubles
from gateways.camera.bounds import B_FRAMES_MIN, WAITING_BYTES_MAX
from gateways.camera.coming import Coming
from gateways.camera.life import Life
from gateways.camera.run import Run
from gateways.camera.signs import read
from gateways.camera.troubles import Words

log = structlog.get_logger("camera")
_NOTED_S = 60.0  # a change is told so long


def now_s() -> float:
    return time.monotonic()


class Feed:
    """`ready` is told when packets wait for the bus, and whether a frame ended with them."""

    def __init__(
        self, camera: Camera, gateway: str, host: str, ports: range, ready: Callable[[Feed, bool], None]
    ) -> None:
        self.camera = camera
        path = Path(camera.path)
        self.packets, self.what = subjects.packets(path, camera.name), subjects.what(path, camera.name)
        self.waiting: list[bytes] = []
        self.waiting_bytes = self.shed = 0
        self.said_s = 0.0  # when its source was described last
        self._gateway, self._host, self._ports, self._ready = gateway, host, ports, ready
        share = int.from_bytes(os.urandom(2), "big") / 65_536
        self.life = Life(bool(camera.push), share, now_s())
        self._run: Run | None = None
        self._closed = False
        self._coming: Coming | None = None
        self._state, self._since_ms, self._began_ms = "", 0, int(time.time() * 1_000)
        self._size, self._change, self._changed_s = (0, 0), troubles.FINE, -_NOTED_S
        self._told: object = None
        self._measured = (0, now_s(), 0)  # octets, when, and bits per second

    async def tick(self, may_start: bool) -> bool:
        """Does what is due; whether what is said of it is another than before."""
        if self._closed:
            return False
        at_s = now_s()
        match self.life.due(at_s, may_start):
            case "start":
                await self._start(at_s)
            case "stop" if self._run is not None:
                self.life.stopping()
                self._run.stop()
        if self.life.state == "opening" and self.camera.push == "rtmp" and self._run is not None and self._run.joined:
            self.life.joined(at_s)
        if self._coming is not None and self.life.state == "playing":
            self.life.keyframe(self._coming.keyframe_ms / 1_000)
            self._put(self._coming.reports(at_s * 1_000, time.time() * 1_000), True)
            self._look(at_s)
        if self.life.state != self._state:
            self._state, self._since_ms = self.life.state, int(time.time() * 1_000)
        now = (self._state, self.life.trouble(at_s), self._note(at_s), self._size, self._tracks)
        before, self._told = self._told, now
        return before != now

    async def _start(self, at_s: float) -> None:
        if self.camera.push and self.camera.port not in self._ports:
            self.life.ended(at_s, troubles.NO_PORT)
            return
        try:
            run = Run(self.camera, self._line, self._came, self._ended)
            await run.begin(self._host, self.life.sound, self.life.probe_s)
        except FileNotFoundError:
            self.life.ended(at_s, troubles.NO_FFMPEG)
            return
        except (OSError, SubprocessError, BadInput) as error:
            log.error("camera.cannot_start", camera=self.camera.name, error=repr(error)[:200])
            self.life.ended(at_s, troubles.FAILED)
            return
        if self._closed:  # it was removed meanwhile
            run.stop()
            await run.over()
            return
        self._run, self._coming = run, None
        self.life.begun(at_s)

    async def stop(self) -> None:
        """For good."""
        self._closed = True
        if self._run is not None:
            self._run.stop()
            await self._run.over()

    def _line(self, line: str) -> None:
        if (sign := read(line)) is not None:
            self.life.sign(sign)
            if self.life.takes and self._run is not None:
                self._run.read()

    def _came(self, found: list[bytes]) -> None:
        if not self.life.takes:
            return
        at_s = now_s()
        if self._coming is None:
            count = 2 if self.life.sound else 1
            ssrcs = tuple(int.from_bytes(os.urandom(4), "big") | 1 for _ in range(count))
            self._coming, self._began_ms = Coming(ssrcs, at_s * 1_000), int(time.time() * 1_000)
        out: list[bytes] = []
        ended = False
        for packet in found:
            made, ends = self._coming.put(packet, at_s * 1_000)
            out += made
            ended |= ends
        if out:
            if self.life.state == "opening":
                log.info("camera.plays", camera=self.camera.name)
            self.life.came(at_s)
            self._put(out, ended)

    def _put(self, packets: list[bytes], ended: bool) -> None:
        if not packets:
            return
        if self.waiting_bytes > WAITING_BYTES_MAX:
            self.shed += len(self.waiting)
            self.waiting, self.waiting_bytes = [], 0
        self.waiting += packets
        self.waiting_bytes += sum(map(len, packets))
        self._ready(self, ended)

    def _ended(self, last: list[str]) -> None:
        self._run = self._coming = None
        self.life.ended(now_s())
        log.warning("camera.ended", camera=self.camera.name, trouble=self.life.trouble(now_s())[0], ffmpeg=last)

    def _look(self, at_s: float) -> None:
        """At what its picture is, and how much comes."""
        assert self._coming is not None
        size = self._coming.size
        if size != self._size:
            if self._size != (0, 0) and size != (0, 0):
                self._change, self._changed_s = troubles.changed(self._size, size), at_s
                log.info("camera.changed", camera=self.camera.name, width=size[0], height=size[1])
            self._size = size
        octets, when_s, _ = self._measured
        if at_s - when_s >= 1.0:
            bits = int(8 * max(0, self._coming.octets - octets) / (at_s - when_s))
            self._measured = (self._coming.octets, at_s, bits)

    def _note(self, at_s: float) -> Words:
        """What is to be known beside its trouble, the most pressing first."""
        if self._coming is not None and self._coming.disordered >= B_FRAMES_MIN:
            return troubles.B_FRAMES
        if at_s - self._changed_s < _NOTED_S:
            return self._change
        return troubles.no_sound(self.life.no_sound) if self.life.no_sound else troubles.FINE

    @property
    def _tracks(self) -> tuple[object, ...]:
        return () if self._coming is None or self.life.state != "playing" else self._coming.tracks

    def source(self, over: bool = False) -> Source:
        camera, playing = self.camera, self._coming if self.life.state == "playing" else None
        width, height = (0, 0) if playing is None else playing.size
        return Source(
            camera.path, camera.name, camera.title, camera.kind, self._gateway, self._began_ms,
            () if playing is None else playing.tracks, width=width, height=height, place=camera.where,
            trouble=self.life.trouble(now_s()), over=over,
        )  # fmt: skip

    def state(self) -> State:
        at_s = now_s()
        state = self.life.state
        playing = state == "playing"
        shown = "waiting" if state == "ending" or (state == "opening" and self.camera.push) else state
        return State(
            self.camera.name, shown, self._since_ms, self.life.trouble(at_s), self._note(at_s), *self._size,
            self._measured[2] if playing else 0,
        )  # fmt: skip
