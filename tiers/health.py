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
from tiers.problems import problems_of

Said = Callable[[], Iterable[str]]


class HealthDesk:
    """`clock` gives seconds since 1970; `keys`, `recorder` and `logins` say their own problems."""

    def __init__(
        self, desk: Desk, reachable: Reachable, ledger: Ledger, files: LedgerFiles, folding: Folding, judge: Judge,
        data: Path, clock: Callable[[], float], said: tuple[Said, Said, Said],
    ) -> None:  # fmt: skip
        self._desk, self._reachable, self._ledger, self._files = desk, reachable, ledger, files
        self._folding, self._judge, self._data, self._clock = folding, judge, data, clock
        self._keys, self._recorder, self._logins = said
        self.troubles: dict[str, str] = {}  # what is wrong now, by what it is with
        self.ready_s = 0.0  # from the start until everything that is stored had been folded; 0 until then

    @property
    def ready(self) -> bool:
        return self.ready_s > 0

    async def health(self, _: api.Health, who: Actor | None) -> api.HealthReply:
        people, towns, orders, reachable = self._desk.figures(who)
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
            problems=self._problems(),
        )

    def lagging(self) -> tuple[str, ...]:
        """Why figures may lag behind what people did."""
        found = [f"{name} cannot store receipts: answers wait there" for name in self._reachable.failing(self._clock())]
        free = shutil.disk_usage(self._data).free
        if free < limits.DISK_FREE_BYTES_MIN:
            found.append(f"Only {free // 2**20} MiB are free on the disk of {self._data}")
        return tuple(found)

    def _problems(self) -> tuple[str, ...]:
        refused = {"the node": self._judge.refused} | self._reachable.refused(self._clock())
        distrusted = self._reachable.distrusted(self._clock())
        found = problems_of(self._files, self._ledger, self._folding.bad_messages, refused, distrusted)
        return (
            *self._keys(),
            *self.lagging(),
            *self.troubles.values(),
            *self._recorder(),
            *self._logins(),
            *found,
        )
