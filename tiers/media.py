"""Who answers at a node for voice, video and positions: radios and cameras, talkgroups, what was said, what is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from fusioncmd.audit.entries import Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.trust.notices import Notices
from tiers.cameras import CameraDesk
from tiers.desk import Desk
from tiers.kept_desk import KeptDesk
from tiers.problems import Said
from tiers.radios import RadioDesk
from tiers.serving import Answer
from tiers.talkgroups import TalkgroupDesk
from tiers.tracks import TrackDesk
from tiers.video_desk import VideoDesk
from tiers.voice_desk import VoiceDesk
from tiers.voice_faults import VoiceFaults

log = structlog.get_logger("node")


class Media:
    """`key` is the tier's ticket key; `clock` gives seconds since 1970, `monotonic` seconds."""

    def __init__(
        self, bus: Bus, desk: Desk, data: Path, key: bytes, recorder: Recorder, notices: Notices,
        clock: Callable[[], float], monotonic: Callable[[], float],
    ) -> None:  # fmt: skip
        self._has_failed = False
        self._faults = VoiceFaults(bus, desk.node, monotonic)
        self._radios = RadioDesk(bus, desk.roster, key, recorder, clock, notices)
        self._radios.faults = self._faults.told
        self._cameras = CameraDesk(bus, desk.roster, key, recorder, clock, notices)
        self._talkgroups = TalkgroupDesk(bus, desk.roster, self._radios, key, recorder, clock, notices)
        self._voice = VoiceDesk(bus, desk, data, key, recorder, clock)
        self._voice.groups_of = self._talkgroups.of
        self._voice.gateways = lambda: self._radios.gateways
        self.video = VideoDesk(desk, data, recorder, clock)
        self.kept = KeptDesk(desk, data, recorder, clock)
        self.tracks = TrackDesk(bus, desk, data, recorder, clock)

    async def start(self) -> None:
        await self._radios.start()
        await self._cameras.start()
        await self._faults.start()
        await self.tracks.start()

    def cameras(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """The tier's own that stand somewhere: the source of each, and where."""
        return self._cameras.standing()

    async def run(self) -> None:
        """Until cancelled: what is shown is said again and again, and digests of recordings go into the audit."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.video.run())
            group.create_task(self.kept.run())
            group.create_task(self.tracks.run())

    def note_end(self, task: asyncio.Future[None]) -> None:
        """Orders go on without it; health says that it is over."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("node.media_failed", error=repr(error))
            self._has_failed = True

    async def tend(self) -> None:
        """Now and then."""
        await self._talkgroups.tend()
        await self.tracks.tend()

    def problems(self) -> Iterator[Said]:
        yield from self._faults.said()
        yield from self.kept.problems()
        yield from self.tracks.problems()
        if self._has_failed:
            yield (
                "What the node does for video has failed (see its log): restart it when no order runs",
                "节点的视频功能已停止（见日志）：请在无指令运行时重启节点",
            )

    def answers(self) -> dict[type[Any], Answer]:
        desks = (self._radios, self._cameras, self._voice, self._talkgroups, self.video, self.kept, self.tracks)
        return {kind: answer for each in desks for kind, answer in each.answers().items()}
