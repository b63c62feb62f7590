"""One line of arithmetic that can be read and checked: what × how many ÷ what = how much. Pure.

A step's value is computed from the same factors that are shown, so what is printed is what was reckoned with.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

KIB, MIB, GIB = 1024, 1024**2, 1024**3
_SCALE = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "KiB": KIB, "MiB": MIB, "GiB": GIB, "%": 0.01}  # others are as they are
_UNITS = {  # of values: the largest first in which a value is at least 1
    "B": ((1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "B")),
    "B/s": ((GIB, "GiB/s"), (MIB, "MiB/s"), (KIB, "KiB/s"), (1, "B/s")),
    "bit/s": ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1, "bit/s")),
}


@dataclass(frozen=True, slots=True)
class Factor:
    value: float
    unit: str = ""

    @property
    def plain(self) -> float:
        """In seconds, bytes and ones."""
        return self.value * _SCALE.get(self.unit, 1)

    def __str__(self) -> str:
        if self.unit == "%":
            return f"{number(self.value)}%"
        return f"{number(self.value)} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Step:
    """`times` multiplied, divided by `over`, is `value` in `unit`: "cores", "B", "s", "" …"""

    name: str
    unit: str
    times: tuple[Factor, ...]
    over: tuple[Factor, ...] = ()

    @property
    def value(self) -> float:
        return prod(f.plain for f in self.times) / prod(f.plain for f in self.over)

    @property
    def formula(self) -> str:
        shown = " × ".join(map(str, self.times))
        return " / ".join([shown, *map(str, self.over)])

    @property
    def total(self) -> str:
        return quantity(self.value, self.unit)


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that add up, of which the `largest` decides, or that stand apart."""

    name: str
    unit: str
    steps: tuple[Step, ...]
    kind: Literal["sum", "largest", "apart"] = "sum"

    @property
    def value(self) -> float:
        values = [step.value for step in self.steps]
        return sum(values) if self.kind == "sum" else max(values)

    @property
    def binding(self) -> Step:
        """The largest of them: the first, where several are as large."""
        return max(self.steps, key=lambda step: step.value)

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    @property
    def total(self) -> str:
        """Of things that are counted, a part is a whole one."""
        whole = self.kind == "largest" and not self.unit
        return quantity(ceil(self.value) if whole else self.value, self.unit)


def number(value: float) -> str:
    """Whole numbers whole and in thousands, others to three figures."""
    if value == int(value) or value >= 1_000:
        return f"{value:,.0f}"
    if value < 0.01:
        return f"{value:.1g}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def quantity(value: float, unit: str) -> str:
    """A value with the unit in which it is easy to read."""
    for scale, name in _UNITS.get(unit, ()):
        if value >= scale:
            return f"{number(_three(value / scale))} {name}"
    return f"{number(_three(value))} {unit}".rstrip()


def _three(value: float) -> float:
    """To three figures, that 1,023.4 MiB is not read as if it were exact; whole above a thousand."""
    return float(f"{value:.3g}") if value < 1_000 else round(value)
