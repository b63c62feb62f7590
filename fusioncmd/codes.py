"""Administrative codes as places in the five tiers. Pure: text in, `Path` out.

A code has 2, 4, 6, 9 or 12 digits (GB/T 2260 down to the county, GB/T 10114 below): province, city, county, town,
village. It is written `440106001` or, as subject tokens, `44.01.06.001`. Because every tier has a fixed width, a
code is an ancestor of another exactly when it is a prefix of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from fusioncmd.errors import BadCode


class Tier(IntEnum):
    PROVINCE = 1
    CITY = 2
    COUNTY = 3
    TOWN = 4
    VILLAGE = 5


LENGTHS = (2, 4, 6, 9, 12)
_TIER_OF_LENGTH = dict(zip(LENGTHS, Tier, strict=True))
_STARTS = (0, 2, 4, 6, 9)
_ABOVE = dict(zip(LENGTHS, (0, *LENGTHS), strict=False))
WIDTHS = (2, 2, 2, 3, 3)


@dataclass(frozen=True, slots=True, order=True)
class Path:
    """One place in the tree, held as its code; orders as codes do, so a parent sorts before its children."""

    code: str

    @property
    def tier(self) -> Tier:
        return _TIER_OF_LENGTH[len(self.code)]

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self.code[a:b] for a, b in zip(_STARTS, LENGTHS, strict=True) if b <= len(self.code))

    @property
    def dotted(self) -> str:
        return ".".join(self.tokens)

    @property
    def parent(self) -> Path | None:
        return Path(self.code[: LENGTHS[self.tier - 2]]) if self.tier > Tier.PROVINCE else None

    def at(self, tier: Tier) -> Path:
        """The ancestor (or self) at `tier`; asking below oneself is a `BadCode`."""
        if tier > self.tier:
            raise BadCode(f"{self.code} lies above the {tier.name.lower()} tier.", f"{self.code} 高于所求层级。")
        return Path(self.code[: LENGTHS[tier - 1]])

    def ancestors(self) -> tuple[Path, ...]:
        """From the province down, without self."""
        return tuple(Path(self.code[:n]) for n in LENGTHS if n < len(self.code))

    def covers(self, other: Path) -> bool:
        """True when `other` is this place or lies below it."""
        return self.covers_code(other.code)

    def covers_code(self, code: str) -> bool:
        """The same, of a code that is known to be a place's: thousands connect at once."""
        return code.startswith(self.code)

    def __str__(self) -> str:
        return self.code


def parse(text: str) -> Path:
    """A `Path` from `440106001`, `44.01.06.001` or the statistics bureau's zero-padded `440106001000`.

    Six digits are always a county: `441900` is the county row of Dongguan, which has no counties. `440100`, a city
    written with padding, is told apart from it by the tree, not here (`Divisions.find`).
    """
    return Path(digits_of(text))


def digits_of(text: str) -> str:
    """The code alone of what `parse` reads: a province has 30,000 of them, and each process reads them at its start."""
    raw = text.strip()
    code = raw
    if "." in raw:
        tokens = raw.split(".")
        if len(tokens) > len(WIDTHS) or any(len(t) != w for t, w in zip(tokens, WIDTHS, strict=False)):
            raise _bad(text)
        code = "".join(tokens)
    if len(code) not in _TIER_OF_LENGTH or not (code.isascii() and code.isdigit()):
        raise _bad(text)
    if len(code) == 12 and code.endswith("000"):
        code = _unpadded(code)
    return code


def above(code: str) -> str:
    """The code of the place above; empty for a province's."""
    return code[: _ABOVE[len(code)]]


def common_ancestor(paths: list[Path]) -> Path:
    """The deepest place that covers all of `paths` (at least one, all of one province)."""
    first, last = min(paths).code, max(paths).code
    for n in reversed(LENGTHS):
        if first[:n] == last[:n] and len(first) >= n:
            return Path(first[:n])
    raise BadCode("The places lie in different provinces.", "所选地点不在同一省份。")


def _unpadded(code: str) -> str:
    if code[6:9] != "000":
        return code[:9]
    if code[4:6] != "00":
        return code[:6]
    return code[:4] if code[2:4] != "00" else code[:2]


def _bad(text: str) -> BadCode:
    shown = text if len(text) <= 40 else text[:40] + "…"
    return BadCode(
        f"{shown!r} is not an administrative code (2, 4, 6, 9 or 12 digits, such as 44.01.06 or 440106).",
        f"“{shown}”不是行政区划代码（应为 2、4、6、9 或 12 位数字，例如 44.01.06 或 440106）。",
    )
