"""Links that come by satellite: what their gateway says of them, what the exchange and health make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path as FilePath

import structlog

from fusioncmd import satellite
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.exchange.pace import thin
from fusioncmd.satellite import FACTS_OLD_S, HubFacts, LinkFacts
from fusioncmd.trust import told_ends
from fusioncmd.trust.revocations import Revocations
from tiers.branches import Link
from tiers.problems import Said

log = structlog.get_logger("satellite-links")

CLOCK_OFF_MS_MAX = 120_000  # by which the clocks of two ends may differ without a word


class SatelliteLinks:
    """`link` gives the node's link to the peer whose kit has that code, or None; `monotonic` seconds."""

    def __init__(self, link: Callable[[str], Link | None], monotonic: Callable[[], float]) -> None:
        self._link, self._monotonic = link, monotonic
        self._facts: dict[str, tuple[LinkFacts, float]] = {}  # by the code of the kit
        self._hub: tuple[HubFacts, float] | None = None
        self._told: tuple[bytes, ...] | None = None
        self._ends: tuple[FilePath, Revocations] | None = None
        self.bad = 0

    def tell_ends(self, folder: FilePath, revocations: Revocations) -> None:
        """From now on the gateway is told there which keys have ended: it reads no stream."""
        self._ends = folder, revocations

    def hear(self, subject: str, data: bytes) -> None:
        """Of the tier's own gateway: no other may say it."""
        try:
            said = satellite.unpack(data)
        except Problem as problem:
            self.bad += 1
            log.error("satellite.bad_message", subject=subject, problem=problem.en)
            return
        now_s = self._monotonic()
        self._tell_ends()
        if isinstance(said, HubFacts):
            self._hub = said, now_s
        elif (link := self._link(said.kit)) is not None:
            before = self._facts.get(said.kit)
            self._facts[said.kit] = said, now_s
            link.facts = said
            self._suit(link, said, before and before[0], int(now_s * 1000))

    def _tell_ends(self) -> None:
        if self._ends is None or (known := self._ends[1].statements) == self._told:
            return
        try:
            told_ends.tell(self._ends[0], known)
        except Unavailable as problem:
            log.error("satellite.ends_not_told", problem=problem.en)
            return
        self._told = known

    def _suit(self, link: Link, said: LinkFacts, before: LinkFacts | None, now_ms: int) -> None:
        """The pipe of the exchange is told to be there, or not, as often as it changed."""
        rate_bps = said.provisioned_bps or said.rate_bps
        if before is None or rate_bps != (before.provisioned_bps or before.rate_bps):
            link.exchange.suit(thin(rate_bps))
        same = before is not None and before.session == said.session and before.up == said.up
        if same:
            return
        link.exchange.cut(now_ms)
        if said.up:
            link.exchange.connect(now_ms)
        log.info("satellite.turned", peer=link.peer, up=said.up, way=said.way)

    def problems(self) -> Iterator[Said]:
        now_s = self._monotonic()
        for kit, (facts, said_s) in sorted(self._facts.items()):
            if now_s - said_s > FACTS_OLD_S:
                yield (
                    f"The gateway of the satellite link of {kit} has said nothing for {now_s - said_s:.0f} s",
                    f"{kit} 卫星链路的网关已 {now_s - said_s:.0f} 秒无消息",
                )
                continue
            if facts.refused and not facts.up:
                yield facts.refused.rstrip("."), facts.refused_zh.rstrip("。")
            if any(facts.shed.values()):
                en = ", ".join(f"{name} {count:,}" for name, count in facts.shed.items() if count)
                yield (
                    f"On the satellite link of {kit} there was no room for: {en}",
                    f"{kit} 卫星链路放不下而舍弃：{en}",
                )
            off_ms = facts.clock_off_ms
            if off_ms is not None and abs(off_ms) > CLOCK_OFF_MS_MAX:
                seconds = off_ms / 1000
                yield (
                    f"The clock at the other end of the satellite link of {kit} differs by {seconds:+,.0f} s",
                    f"{kit} 卫星链路对端的时钟与本机相差 {seconds:+,.0f} 秒",
                )
        if self._hub is not None and self._hub[0].refused and now_s - self._hub[1] <= FACTS_OLD_S:
            yield self._hub[0].refused.rstrip("."), self._hub[0].refused_zh.rstrip("。")
