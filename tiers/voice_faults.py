"""What of voice fails at this node, for its health: told by the process that records, and by its radio gateways."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.voice import faults
from fusioncmd.voice import subjects as talk_subjects
from fusioncmd.voice.faults import Failing, Kind

log = structlog.get_logger("node")

TALK = "talk"
WORDS: dict[Kind, tuple[str, str]] = {
    "unwritten": (
        "{n} recordings of voice were not written: is the disk full? (see the log of {who})",
        "{n} 条录音未写入，请检查磁盘（见 {who} 日志）",
    ),
    "unrecorded": (
        "{n} bursts were not recorded: more spoke at once than are kept",
        "{n} 段讲话未录音：同时讲话数超出录音上限",
    ),
    "unsaid": (
        "{n} floor messages were shed: the bus did not take them (see the log of {who})",
        "{n} 条话权消息未被总线接收，已舍弃（见 {who} 日志）",
    ),
    "unspoken": ("{n} orders were not spoken by {who} (see its log)", "{n} 条指令未由 {who} 播报（见其日志）"),
    "requests": (
        "{n} requests of radios were shed unread by {who}: a flood, or too many at once",
        "{who} 舍弃了 {n} 条电台请求：遭受洪泛或请求过多",
    ),
    "connections": (
        "{n} connections of radios were refused by {who}: there was no room",
        "{who} 拒绝了 {n} 个电台连接：连接数已满",
    ),
    "mistakes": ("{n} calls ended by a mistake of {who} (see its log)", "{who} 因故障中断了 {n} 个通话（见其日志）"),
}


class VoiceFaults:
    """`monotonic` gives seconds."""

    def __init__(self, bus: Bus, node: Path, monotonic: Callable[[], float]) -> None:
        self._bus, self._node, self._monotonic, self._failing = bus, node, monotonic, Failing()

    async def start(self) -> None:
        await self._bus.hear(talk_subjects.faults(self._node), self._hear)

    def told(self, who: str, totals: dict[Kind, int]) -> None:
        if not self._failing.told(who, totals, self._monotonic()):
            log.warning("node.faults_not_shown", of=who)

    def said(self) -> tuple[tuple[str, str], ...]:
        """For health, in both languages."""
        found = self._failing.now(self._monotonic())
        return tuple(
            (en.format(n=n, who=who), zh.format(n=n, who=who)) for who, kind, n in found for en, zh in [WORDS[kind]]
        )

    def _hear(self, subject: str, data: bytes) -> None:
        try:
            self.told(TALK, faults.decode(data).totals)
        except BadMessage as problem:
            log.error("node.bad_message", subject=subject, problem=problem.en)
