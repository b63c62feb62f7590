"""A synthetic roster over the real villages: the same people for the same seed, everywhere. Pure.

Sizes vary as real ones do (log-normal over villages, larger where the name says an urban community), every village
has a grid worker as long as there are people enough, and numbers of telephones begin with 100, which no operator uses.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput

# Role ids, their Chinese names, and the share of people who have each.
ROLES = {
    "grid-worker": ("网格员", 0.0),  # the first in every village
    "flood": ("防汛", 0.22),
    "forest-fire": ("森林防火", 0.14),
    "geology": ("地质灾害", 0.10),
    "hazchem": ("危化品", 0.05),
    "duty-leader": ("值班领导", 0.04),
}
_FAMILY = "陈林黄李张梁吴刘罗王杨郑何叶谢曾周许钟邓朱蔡江冯苏徐彭胡廖潘温余郭温卢赖叶袁邱赵"
_GIVEN = "伟强志文明华建国军平辉丽芳敏静燕玲梅红英秀霞婷杰勇涛斌超鹏浩俊峰宇欣怡晓春海珍桂金水荣"
Row = tuple[str, str, str, str, str]


def sample_rows(divisions: Divisions, people: int, seed: int) -> Iterator[Row]:
    """`people` rows of id, name, phone, village code and roles, in village order."""
    rng = random.Random(seed)
    villages = [code for code in divisions.names if len(code) == 12] or [town.code for town in divisions.towns]
    if not villages:
        raise BadInput("The divisions name neither villages nor towns.", "区划中没有村级或乡镇代码。")
    number = 0
    for village, size in zip(villages, _sizes(divisions, villages, people, rng), strict=True):
        for nth in range(size):
            number += 1
            yield (
                f"{divisions.root.code}{number:08}",
                sample_name(rng),
                f"100{rng.randrange(10**8):08}",
                village,
                ";".join(_roles(rng, nth)),
            )


def sample_csv(divisions: Divisions, people: int, seed: int) -> Iterator[str]:
    """The lines of people.csv, in pieces of some thousand."""
    lines = ["id,name,phone,village,roles\n"]
    for row in sample_rows(divisions, people, seed):
        lines.append(",".join(row) + "\n")
        if len(lines) >= 8192:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _sizes(divisions: Divisions, villages: list[str], people: int, rng: random.Random) -> list[int]:
    """People per village, exactly `people` in all; one each first, the rest by weight."""
    weights = [rng.lognormvariate(0, 0.6) * (2.0 if "社区" in divisions.names[v] else 1.0) for v in villages]
    each = min(1, people // max(len(villages), 1))
    rest = people - each * len(villages)
    total = sum(weights)
    ends = [round(part / total * rest) for part in accumulate(weights)]
    return [each + end - start for start, end in zip([0, *ends], ends, strict=False)]


def sample_name(rng: random.Random) -> str:
    given = rng.choice(_GIVEN)
    return rng.choice(_FAMILY) + (given + rng.choice(_GIVEN) if rng.random() < 0.8 else given)


def _roles(rng: random.Random, nth: int) -> list[str]:
    roles = ["grid-worker"] if nth == 0 else []
    roles += [role for role, (_, share) in ROLES.items() if rng.random() < share]
    return roles or ["grid-worker"]
