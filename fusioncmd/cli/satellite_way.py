"""How a tier's links go over satellites: to the node above, by one of several ways, and where kits come in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from fusioncmd.cli.linked import host_port
from fusioncmd.errors import BadInput
from fusioncmd.satellite import RATE_BPS, RATE_BPS_MAX, RATE_BPS_MIN

WAYS_MAX = 4
DEFAULT_RATE = f"{RATE_BPS // 1000}k"
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


class Way(NamedTuple):
    """`address`: of this machine, to send from; empty: what the system chooses."""

    name: str
    address: str
    rate_bps: int

    def __str__(self) -> str:
        return f"{self.name}={self.address}@{self.rate_bps}"


@dataclass(frozen=True, slots=True)
class Satellite:
    """`hub` is where the node `above` takes this one in; `ways` are tried in this order. `listens`: where kits come in,
    and what is sent to each, bits/s. Either may be missing."""

    hub: tuple[str, int] | None = None
    above: str = ""
    ways: tuple[Way, ...] = ()
    listens: tuple[str, int] | None = None
    rate_bps: int = RATE_BPS

    def up_options(self) -> list[str]:
        """Of the process that reaches the node above."""
        assert self.hub is not None
        return ["--hub", _joined(self.hub), "--above", self.above, *(f"--way={way}" for way in self.ways)]

    def hub_options(self) -> list[str]:
        """Of the process where kits come in."""
        assert self.listens is not None
        return ["--listen", _joined(self.listens), "--rate", str(self.rate_bps)]

    @property
    def words(self) -> str:
        return _joined(self.listens) if self.listens else ""


def satellite_of(
    hub: str | None, above: str, rate: str, ways: str | None, host: str, port: int | None
) -> Satellite | None:
    """None where no link goes over a satellite. `above` is known where there is a `hub`. `BadInput` for what makes no
    sense."""
    if hub is None and port is None:
        if ways is not None:
            raise BadInput("--satellite-ways goes with --satellite.", "--satellite-ways 须与 --satellite 同用。")
        return None
    rate_bps = read_rate(rate, "--satellite-rate")
    listens = None if port is None else (host, port)
    if hub is None:
        if ways is not None:
            raise BadInput("--satellite-ways goes with --satellite.", "--satellite-ways 须与 --satellite 同用。")
        return Satellite(listens=listens, rate_bps=rate_bps)
    found = (Way("satellite", "", rate_bps),) if ways is None else read_ways(ways)
    return Satellite(host_port(hub, "--satellite"), above, found, listens, rate_bps)


def read_rate(text: str, option: str) -> int:
    """`64k`, `2M` or `9600`: bits a second."""
    found = re.fullmatch(r"([0-9]{1,10}(?:\.[0-9]{1,3})?)([km]?)", text.strip().lower())
    rate_bps = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if not RATE_BPS_MIN <= rate_bps <= RATE_BPS_MAX:
        raise BadInput(
            f"{option}: {text[:20]!r} is no rate of a link; say bits a second, such as 64k or 2M.",
            f"{option}：“{text[:20]}”不是链路速率；请以比特每秒给出，例如 64k 或 2M。",
        )
    return rate_bps


def read_ways(text: str) -> tuple[Way, ...]:
    """`NAME=ADDRESS@RATE,…`, best first; the address may be empty."""
    made = []
    for part in text.split(","):
        found = re.fullmatch(r"([A-Za-z][A-Za-z0-9-]{0,15})=([0-9A-Fa-f.:]{0,45})@(.{1,20})", part.strip())
        if found is None:
            raise BadInput(
                f"--satellite-ways is NAME=ADDRESS@RATE, and more with commas, best first; not {part[:40]!r}.",
                f"--satellite-ways 须为 名称=本机地址@速率，多条以逗号分隔，优先者在前，而非“{part[:40]}”。",
            )
        made.append(Way(found[1], found[2], read_rate(found[3], "--satellite-ways")))
    if len(made) > WAYS_MAX or len({way.name for way in made}) < len(made):
        raise BadInput(
            f"--satellite-ways are {WAYS_MAX} at most, each with a name of its own.",
            f"--satellite-ways 至多 {WAYS_MAX} 条，名称不得重复。",
        )
    return tuple(made)


def _joined(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
