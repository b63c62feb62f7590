"""How much is done for who has proven nothing: so much an address, and so much for all of them together. Pure.

Time is an argument, in seconds of a clock that runs on. An address is forgotten when it has been still for so long that
nothing would be different, or when ADDRESSES_MAX others were heard since.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Literal

from gateways.radio import bounds


class Allowance:
    """`burst` at once, then `per_s`."""

    __slots__ = ("_at_s", "_burst", "_left", "_per_s")

    def __init__(self, burst: float, per_s: float, now_s: float) -> None:
        self._burst, self._per_s, self._left, self._at_s = burst, per_s, burst, now_s

    def take(self, now_s: float) -> bool:
        if not self.has(now_s):
            return False
        self._left -= 1
        return True

    def has(self, now_s: float) -> bool:
        return self.left(now_s) >= 1

    def left(self, now_s: float) -> float:
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return self._left


class Strangers:
    """`shed` counts requests that nobody looked at."""

    def __init__(self, now_s: float) -> None:
        self._all = Allowance(bounds.STRANGERS_BURST, bounds.STRANGERS_PER_S, now_s)
        self._asking: OrderedDict[str, Allowance] = OrderedDict()
        self._failing: OrderedDict[str, Allowance] = OrderedDict()
        self._proven: OrderedDict[tuple[str, int], tuple[float, Allowance]] = OrderedDict()  # until when
        self.shed = 0

    def may_ask(self, host: str, now_s: float) -> Literal["seldom", "often"] | None:
        """A request without proof. First its address pays, so that one address takes nothing from the others; and where
        what is there for all runs low, only an address is heard that has asked little: `seldom`."""
        own = _of(self._asking, host, bounds.STRANGER_BURST, bounds.STRANGER_PER_S, now_s)
        seldom = own.left(now_s) > bounds.STRANGER_BURST / 2
        if own.take(now_s) and (seldom or self._all.left(now_s) > bounds.STRANGERS_BURST / 2) and self._all.take(now_s):
            return "seldom" if seldom else "often"
        self.shed += 1
        return None

    def proved(self, host: str, port: int, now_s: float) -> None:
        """Somebody there proved who they are: for an hour it is heard before others, also without proof."""
        held = self._proven.pop((host, port), None)
        allowance = held[1] if held is not None else Allowance(bounds.KNOWN_BURST, bounds.KNOWN_PER_S, now_s)
        self._proven[host, port] = now_s + bounds.REGISTERED_S_MAX, allowance
        if len(self._proven) > bounds.KNOWN_MAX:
            self._proven.popitem(last=False)

    def is_proven(self, host: str, port: int, now_s: float) -> bool:
        """Whether it is, and has not asked too much."""
        held = self._proven.get((host, port))
        return held is not None and held[0] > now_s and held[1].take(now_s)

    def tend(self, now_s: float) -> None:
        while self._proven and next(iter(self._proven.values()))[0] <= now_s:
            self._proven.popitem(last=False)

    def failed(self, host: str, now_s: float) -> None:
        """A wrong secret came from there."""
        _of(self._failing, host, bounds.FAILURES_BURST, bounds.FAILURES_PER_S, now_s).take(now_s)

    def is_struck(self, host: str, now_s: float) -> bool:
        """So many failed from there that a claim from there counts as none, and waits like any stranger."""
        held = self._failing.get(network(host))
        return held is not None and not held.has(now_s)


def network(host: str) -> str:
    """The address; of IPv6 its /64, for whoever has one address there has them all."""
    if ":" not in host:
        return host
    found = ip_address(host.partition("%")[0])
    return str(IPv6Address(int(found) >> 64 << 64))


def _of(held: OrderedDict[str, Allowance], host: str, burst: float, per_s: float, now_s: float) -> Allowance:
    name = network(host)
    if name in held:
        held.move_to_end(name)
        return held[name]
    if len(held) >= bounds.ADDRESSES_MAX:
        held.popitem(last=False)
    held[name] = made = Allowance(burst, per_s, now_s)
    return made
