"""The nation: 31 provinces, each with its own node and NATS, its people by its share of the population. Pure.

Populations: Seventh National Population Census, communiqué no. 3 (National Bureau of Statistics, 2021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from fusioncmd.plan import costs as c
from fusioncmd.plan.asked import Asked, check
from fusioncmd.plan.province import Plan, plan_province
from fusioncmd.plan.steps import Factor, Group, Step

POPULATION = {
    "11": 21_893_095, "12": 13_866_009, "13": 74_610_235, "14": 34_915_616, "15": 24_049_155, "21": 42_591_407,
    "22": 24_073_453, "23": 31_850_088, "31": 24_870_895, "32": 84_748_016, "33": 64_567_588, "34": 61_027_171,
    "35": 41_540_086, "36": 45_188_635, "37": 101_527_453, "41": 99_365_519, "42": 57_752_557, "43": 66_444_864,
    "44": 126_012_510, "45": 50_126_804, "46": 10_081_232, "50": 32_054_159, "51": 83_674_866, "52": 38_562_148,
    "53": 47_209_277, "54": 3_648_100, "61": 39_528_999, "62": 25_019_831, "63": 5_923_957, "64": 7_202_654,
    "65": 25_852_345,
}  # fmt: skip
RUNGS = 2  # received and answered: what is sent is known where it is sent


@dataclass(frozen=True, slots=True)
class Nation:
    """`provinces` by code; `groups` is what passes from them to the nation's node."""

    asked: Asked
    provinces: dict[str, Plan]
    groups: tuple[Group, ...]

    @property
    def largest(self) -> str:
        return max(self.provinces, key=lambda code: self.provinces[code].asked.people)

    @property
    def smallest(self) -> str:
        return min(self.provinces, key=lambda code: self.provinces[code].asked.people)

    @property
    def machines(self) -> int:
        """Of the provinces, and the nation's own."""
        return sum(plan.machines for plan in self.provinces.values()) + self.machines_of_the_nation

    @property
    def machines_of_the_nation(self) -> int:
        """A node, and its NATS servers on as many machines."""
        return self.asked.replicas + self.asked.spare

    @property
    def nodes(self) -> int:
        return len(self.provinces) + 1

    @property
    def processes(self) -> int:
        return sum(plan.processes for plan in self.provinces.values())

    @property
    def nats_servers(self) -> int:
        return self.asked.replicas * self.nodes


def plan_nation(asked: Asked) -> Nation:
    """Each province is planned by itself. Above them passes one bitmap per town, order and rung, and nobody's name."""
    check(asked)
    everyone = sum(POPULATION.values())
    provinces = {
        code: plan_province(replace(asked, people=ceil(asked.people * population / everyone)))
        for code, population in POPULATION.items()
    }
    people, rungs = Factor(asked.people), Factor(RUNGS)
    steps = (
        Step("order", "B", (people, c.RUNG.factor, rungs)),
        Step("second", "B/s", (people, c.RUNG.factor, rungs), (Factor(asked.confirmed_s, "s"),)),
        Step("memory", "B", (people, c.ACCOUNT.factor)),
    )
    return Nation(asked, provinces, (Group("above", "", steps, "apart"),))
