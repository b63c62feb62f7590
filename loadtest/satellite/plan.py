"""The parts of the scenario, and how long each lasts: said before it begins, and bounded. Pure."""

from __future__ import annotations

from typing import NamedTuple

from loadtest.satellite import busy, joining, quiet

STARTS_S_MAX = 300.0  # until two tiers run, are linked, and have their people


class Part(NamedTuple):
    """`about_s` with its start; it is ended after `most_s`, and what was not measured by then counts as missed."""

    name: str
    says: str
    about_s: float
    most_s: float


def parts(seconds: float, idle_s: float, outage_s: float) -> tuple[Part, ...]:
    rest_s = quiet.rest_s() + idle_s
    return (
        Part("quiet", "the link at rest, orders and positions in bytes", 45 + rest_s, 120 + rest_s),
        Part("busy", "orders, answers and a voice beside an upload", 30 + seconds, 240 + seconds),
        Part("outage", "the link is cut, in real time", 45 + outage_s, 360 + busy.RETURN_S_MAX + outage_s),
        Part("joining", "a kit's first roster, and orders", 90, STARTS_S_MAX + joining.ROSTER_S_MAX),
        Part("away", "72 hours without a link, by the clock of every process", 240, STARTS_S_MAX + 600),
        Part("paths", "the kit changes its way (satellite only)", 150, STARTS_S_MAX + 480),
    )


def told(chosen: tuple[Part, ...]) -> str:
    about, most = (sum(getattr(part, name) for part in chosen) / 60 for name in ("about_s", "most_s"))
    lines = [f"  {part.name:<8} {part.about_s / 60:4.1f} min  {part.says}" for part in chosen]
    return "\n".join((f"About {about:.0f} minutes, {most + STARTS_S_MAX / 60:.0f} at most:", *lines))
