"""What a node says of its own state: figures, and every problem that somebody has to look after, the gravest first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from fusioncmd import __version__, api, limits
from fusioncmd.access import Actor
from fusioncmd.reachable import Reachable
from fusioncmd.trust.judge import Judge
from tiers.desk import Desk
from tiers.folding import Folding
from tiers.ledger import Ledger
from tiers.ledger_files import LedgerFiles
from tiers.problems import Said, problems_of

Sayers = Callable[[], Iterable[Said]]


def _no_links() -> tuple[api.LinkLine, ...]:
    return ()


class HealthDesk:
    """`clock` gives seconds since 1970; `keys`, `recorder` and `logins` say their own problems."""

    def __init__(
        self, desk: Desk, reachable: Reachable, ledger: Ledger, files: LedgerFiles, folding: Folding, judge: Judge,
        data: Path, clock: Callable[[], float], said: tuple[Sayers, Sayers, Sayers],
    ) -> None:  # fmt: skip
        self._desk, self._reachable, self._ledger, self._files = desk, reachable, ledger, files
        self._folding, self._judge, self._data, self._clock = folding, judge, data, clock
        self._keys, self._recorder, self._logins = said
        self.troubles: dict[str, Said] = {}  # what is wrong now, by what it is with
        self.links: Callable[[], tuple[api.LinkLine, ...]] = _no_links
        self.cut: Sayers = tuple  # what links have to say
        self.clock_off_s: Callable[[], float] = lambda: 0.0  # how far the machine's clock jumped; 0: it did not
        self.ready_s = 0.0  # from the start until everything that is stored had been folded; 0 until then

    @property
    def ready(self) -> bool:
        return self.ready_s > 0

    async def health(self, _: api.Health, who: Actor | None) -> api.HealthReply:
        people, towns, orders, reachable = self._desk.figures(who)
        problems = self._problems()
        return api.HealthReply(
            node=self._desk.node.code,
            version=__version__,
            people=people,
            towns=towns,
            orders=orders,
            reachable=reachable,
            gateways=tuple(self._reachable.gateways(self._clock())),
            ready_s=self.ready_s,
            caught_up=self.ready,
            now_ms=self._desk.now_ms,
            problems=tuple(en for en, _ in problems),
            links=self.links(),
            problems_zh=tuple(zh for _, zh in problems),
        )

    def lagging(self) -> tuple[Said, ...]:
        """Why figures may lag behind what people did."""
        found = [
            (f"{name} cannot store receipts: answers wait there", f"{name} 无法保存回执：答复在该处等待")
            for name in self._reachable.failing(self._clock())
        ]
        free = shutil.disk_usage(self._data).free
        if free < limits.DISK_FREE_BYTES_MIN:
            left = free // 2**20
            found.append(
                (f"Only {left} MiB are free on the disk of {self._data}", f"{self._data} 所在磁盘仅剩 {left} MiB")
            )
        return tuple(found)

    def _problems(self) -> tuple[Said, ...]:
        refused = {"the node": self._judge.refused} | self._reachable.refused(self._clock())
        distrusted = self._reachable.distrusted(self._clock())
        clock = []
        if off_s := self.clock_off_s():
            clock.append(
                (f"The clock of this machine jumped by {off_s:+,.0f} s; deadlines run on as before. Set it right, or "
                 "start `fusioncmd up` anew if it is right now",
                 f"本机时钟跳变了 {off_s:+,.0f} 秒；各项期限仍按原时钟计。请校正时钟；若现在的时间正确，请重新启动 "
                 "fusioncmd up")
            )  # fmt: skip
        found = problems_of(self._files, self._ledger, self._folding.bad_messages, refused, distrusted)
        return (
            *self._keys(),
            *self.lagging(),
            *self.cut(),
            *clock,
            *self.troubles.values(),
            *self._recorder(),
            *self._logins(),
            *found,
        )
