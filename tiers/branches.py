"""What is known of the links of this node and of the branches behind them: what is cut, and what carries nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fusioncmd import api
from fusioncmd.canary import AGE_MS_MAX, COUNT_MAX, Branch, Flight, Trail, Word, gravest
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.exchange import bounds
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.kit_disk import DiskWord, sentence_of
from fusioncmd.pulse import Pulse
from fusioncmd.satellite import LinkFacts
from tiers.problems import Said

NO_WORD = Word()


@dataclass(slots=True)
class Link:
    """To the node `peer`; `says` and `beats` are the subjects on which this end speaks. `word` is what the peer said
    last, at `word_s`; `trail` of a node below, whether canaries come back from there."""

    peer: str
    exchange: Exchange
    pulse: Pulse
    says: str
    beats: str
    trail: Trail
    facts: LinkFacts | None = None  # of a link over a satellite
    word: Word = field(default=NO_WORD)
    word_s: float = 0.0


class Branches:
    """`links` by the code of their peer, `above` the one of them that leads up; `clock` gives seconds since 1970,
    `monotonic` seconds."""

    def __init__(
        self, node: Path, above: str, links: dict[str, Link], flight: Flight,
        clock: Callable[[], float], monotonic: Callable[[], float],
    ) -> None:  # fmt: skip
        self._node, self._above, self._links, self.flight = node, above, links, flight
        self._clock, self._monotonic = clock, monotonic
        self.disk: Callable[[], DiskWord | None] = lambda: None  # of this node, where it is a kit

    # --- what neighbours are told, and tell

    def word_to(self, link: Link, now_s: float) -> Word:
        if link.peer != self._above:
            link.trail.say(self.flight.number, now_s)
            return Word(said=self.flight.number)
        found = self._below(now_s)
        told = gravest(found)
        more = min(len(found) - len(told) + self._more(), COUNT_MAX)  # or the node above could read none of it
        own = self.disk()
        disks = (*([] if own is None else [own]), *self._disks())[: bounds.DISKS_TOLD_MAX]
        return Word(0, self.flight.answered_above, told, more, disks)

    def hear(self, link: Link, word: Word, now_s: float) -> None:
        """`BadMessage` for a node that speaks of what does not lie below it."""
        if link.peer != self._above:
            spoken = (*(b.code for b in word.below), *(b.by for b in word.below), *(d.code for d in word.disks))
            if not all(code.startswith(link.peer) for code in spoken):
                raise BadMessage(f"{link.peer} speaks of other branches.", f"{link.peer} 涉及非其下级的分支。")
            link.trail.hear(word.answered)
        link.word, link.word_s = word, now_s

    @property
    def said_above(self) -> int:
        """The newest canary of the node above; 0: there is none."""
        link = self._links.get(self._above)
        return 0 if link is None else link.word.said

    # --- what is shown

    def lines(self) -> tuple[api.LinkLine, ...]:
        now_s, now_ms = self._monotonic(), self._now_ms
        found = []
        for link in self._links.values():
            state, since_s = self._state(link, now_s)
            trip_s = link.pulse.round_trip_s
            trip_ms = None if trip_s is None else int(trip_s * 1000)
            found.append(api.LinkLine(link.peer, state, now_ms - int((now_s - since_s) * 1000), trip_ms, link.facts))
        return tuple(found)

    def cuts(self) -> tuple[api.CutLine, ...]:
        """Everything that does not carry: the own links, gateways that answer nothing, and what nodes below tell."""
        now_s, now_ms = self._monotonic(), self._now_ms
        return tuple(
            api.CutLine(b.code, b.state, now_ms - b.age_ms, b.by, b.gateway)
            for b in (*self._upwards(now_s), *gravest(self._below(now_s)))
        )

    def problems(self) -> Iterator[Said]:
        now_s = self._monotonic()
        found = self._below(now_s)
        told = gravest(found)
        for branch in (*self._upwards(now_s), *told):
            yield self._sentence(branch)
        if more := len(found) - len(told) + self._more():
            yield f"{more} further branches do not carry", f"另有 {more} 个分支不通"
        yield from (sentence_of(disk, own=False) for disk in self._disks())

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _state(self, link: Link, now_s: float) -> tuple[api.LinkState, float]:
        state, since_s = link.pulse.state(now_s), link.pulse.since_s
        if state != "cut" and link.facts is not None and not link.facts.up:  # its gateway knows before its beats stop
            return "cut", max(link.pulse.heard_s or link.pulse.began_s, link.pulse.began_s)
        if state == "up" and link.peer != self._above:
            silent_s = link.trail.silent_since_s(since_s, now_s)
            if silent_s is not None:
                return "mute", silent_s
        return state, since_s

    def _upwards(self, now_s: float) -> Iterator[Branch]:
        link = self._links.get(self._above)
        if link is not None:
            state, since_s = self._state(link, now_s)
            if state != "up":
                yield Branch(self._above, state, _age_ms(now_s, since_s), self._node.code)

    def _below(self, now_s: float) -> list[Branch]:
        own = self._node.code
        found = [
            Branch(own, "mute", _age_ms(now_s, since_s), own, gateway)
            for gateway, since_s in self.flight.silent(now_s)
        ]  # fmt: skip
        for link in self._links.values():
            if link.peer == self._above:
                continue
            state, since_s = self._state(link, now_s)
            waited_ms = _age_ms(now_s, link.word_s)
            below = [] if state == "cut" else [
                Branch(b.code, b.state, min(b.age_ms + waited_ms, AGE_MS_MAX), b.by, b.gateway) for b in link.word.below
            ]  # fmt: skip
            if state != "up" and not (state == "mute" and any(b.code == link.peer == b.by for b in below)):
                found.append(Branch(link.peer, state, _age_ms(now_s, since_s), own))
            found += below
        return found

    def _disks(self) -> list[DiskWord]:
        """Of kits below, as they said last."""
        told = (disk for link in self._links.values() if link.peer != self._above for disk in link.word.disks)
        return sorted(told, key=lambda disk: disk.code)

    def _more(self) -> int:
        return sum(link.word.more for link in self._links.values() if link.peer != self._above)

    def _sentence(self, branch: Branch) -> Said:
        own, code, seconds = self._node.code, branch.code, branch.age_ms // 1000
        if code == branch.by:
            here_en, here_zh = ("", "") if code == own else (f"{code}: ", f"{code}：")
            if branch.gateway:
                return (
                    f"{here_en}The gateway {branch.gateway} has answered no canary for {seconds} s: orders may not "
                    "reach its terminals",
                    f"{here_zh}网关 {branch.gateway} 已 {seconds} 秒未应答探测指令：指令可能送不到其终端",
                )
            return (
                f"{here_en}The order stream has given no canary back for {seconds} s: orders may not get through",
                f"{here_zh}指令流已 {seconds} 秒未返回探测指令：指令可能无法下达",
            )
        link_en = f"The link to {code}" if branch.by == own else f"The link from {branch.by} to {code}"
        link_zh = f"至 {code} 的链路" if branch.by == own else f"{branch.by} 至 {code} 的链路"
        if branch.state == "mute":
            return (
                f"{link_en} is up, and no canary came back for {seconds} s: orders may not get through",
                f"{link_zh}在线，但探测指令已 {seconds} 秒无应答：指令可能送不到",
            )
        if branch.state == "cut":
            return f"{link_en} carries nothing, for {seconds} s", f"{link_zh}已中断 {seconds} 秒"
        return (
            f"{link_en} carries nothing {'from here to there' if branch.by == own else 'downwards'}, for {seconds} s",
            f"{link_zh}单向不通已 {seconds} 秒",
        )


def _age_ms(now_s: float, since_s: float) -> int:
    return min(max(0, int((now_s - since_s) * 1000)), AGE_MS_MAX)
