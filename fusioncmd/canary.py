"""Whether orders come through: a canary, its answer, and what a node says of both to its neighbours. Pure.

A beat (pulse.py) proves that two nodes hear each other; it does not prove that an order comes to a terminal. So each
node puts a canary into its own order stream every few seconds, where each of its gateways reads it as it reads orders,
and answers it as terminals' answers go: gathered, stored, folded by the node. It carries the number that the node above
said last; when every gateway has answered it, that number goes back up. So it has passed the link, the node, its
stream, each gateway and the way back, and whatever of these is up and carries nothing is found. No terminal is sent
one, and no ledger knows of one: its id is that of no order.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.exchange import bounds
from fusioncmd.kit_disk import DiskWord
from fusioncmd.messages import Code

COUNT_MAX = (1 << 63) - 1
AGE_MS_MAX = 1 << 40  # 34 years; what is older is said to be so old
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Fault = Literal["deaf", "cut", "mute"]  # mute: what is up carries nothing
_BEFORE = bytes(8)  # an order's id begins with its time (ids.py); none is of 1970


class Canary(Struct, frozen=True, array_like=True, tag="canary.1"):
    """In the order stream. `above` is the number that the node above said last; 0: there is none."""

    number: Count
    above: Count


class Branch(Struct, frozen=True, array_like=True):
    """What does not carry below: the link from `by` to `code`, or a gateway of `code`, which then is `by` too; with no
    gateway named, the order stream there. For `age_ms`."""

    code: Code
    state: Fault
    age_ms: Annotated[int, Meta(ge=0, le=AGE_MS_MAX)]
    by: Code
    gateway: Annotated[str, Meta(max_length=64)] = ""


class Word(Struct, frozen=True, array_like=True):
    """Goes with each beat. Downwards `said`: the newest canary of who speaks. Upwards `answered`: the newest `said`
    that came back from all that is there; `below`, the gravest first, and how many `more` there are; `disks` of kits
    that are full."""

    said: Count = 0
    answered: Count = 0
    below: Annotated[tuple[Branch, ...], Meta(max_length=bounds.BELOW_TOLD_MAX)] = ()
    more: Count = 0
    disks: Annotated[tuple[DiskWord, ...], Meta(max_length=bounds.DISKS_TOLD_MAX)] = ()


_decoder = msgspec.msgpack.Decoder(Canary)
_encoder = msgspec.msgpack.Encoder()


def pack(canary: Canary) -> bytes:
    return _encoder.encode(canary)


def unpack(data: bytes) -> Canary:
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not a canary: {error}.", f"不是探测指令：{error}。") from None


def ident_of(number: int) -> bytes:
    """What receipts call it: 16 bytes that are no order's id."""
    return _BEFORE + number.to_bytes(8, "big")


def number_of(ident: bytes) -> int | None:
    """None: it is an order's id."""
    return int.from_bytes(ident[8:], "big") if ident.startswith(_BEFORE) else None


def gravest(branches: list[Branch]) -> tuple[Branch, ...]:
    """As many as may be told: the highest in the tree first, as most people are behind them."""
    return tuple(sorted(branches, key=lambda b: (len(b.code), b.code, b.by, b.gateway))[: bounds.BELOW_TOLD_MAX])


class Flight:
    """A node's own canaries, and who answered them: `""` is the node itself, reading its stream, and the others are
    gateways, expected while they say that they are there, and for CANARY_GATEWAY_KEPT_S after. Times are seconds of a
    clock that nobody sets."""

    def __init__(self, now_s: float, lost_s: float) -> None:
        self._lost_s = lost_s
        self._flown: OrderedDict[int, tuple[int, float]] = OrderedDict()  # number → above, when
        self._seen_s: OrderedDict[str, float] = OrderedDict()  # gateway → when it said last that it is there
        self._answered: dict[str, int] = {"": 0}
        self._since_s: dict[str, float] = {"": now_s}  # when that which it answered last began
        self.number = 0
        self.answered_above = 0

    def start(self, now_s: float) -> None:
        """Nobody could answer before."""
        self._since_s = dict.fromkeys(self._since_s, now_s)

    def begin(self, number: int, above: int, now_s: float) -> Canary:
        self.number = number
        self._flown[number] = above, now_s
        if len(self._flown) > bounds.CANARIES_FLYING_MAX:
            self._flown.popitem(last=False)
        return Canary(number, above)

    def expect(self, gateway: str, now_s: float) -> None:
        if gateway not in self._seen_s:
            self._answered[gateway], self._since_s[gateway] = 0, now_s
        self._seen_s[gateway] = now_s
        self._seen_s.move_to_end(gateway)
        while self._seen_s:
            oldest, seen_s = next(iter(self._seen_s.items()))
            crowded = len(self._seen_s) > bounds.CANARY_GATEWAYS_MAX
            if not crowded and now_s - seen_s <= bounds.CANARY_GATEWAY_KEPT_S:
                break
            for table in (self._seen_s, self._answered, self._since_s):
                del table[oldest]

    def answer(self, who: str, number: int) -> None:
        """What is unknown, came late or comes again says nothing."""
        flown = self._flown.get(number)
        if flown is None or number <= self._answered.get(who, number):
            return
        self._answered[who], self._since_s[who] = number, flown[1]
        by_all = self._flown.get(min(self._answered.values()))
        if by_all is not None:
            self.answered_above = by_all[0]

    def silent(self, now_s: float) -> list[tuple[str, float]]:
        """Who has answered none for too long, and since when."""
        return [(who, since_s) for who, since_s in self._since_s.items() if now_s - since_s > self._lost_s]


class Trail:
    """The upper end of a link: which of the canaries that were said there came back."""

    def __init__(self, lost_s: float) -> None:
        self._lost_s = lost_s
        self._said: OrderedDict[int, float] = OrderedDict()
        self._answered_s = float("-inf")
        self._speaks = False  # a node of an older version knows of no canaries

    def say(self, number: int, now_s: float) -> None:
        if self._said.setdefault(number, now_s) == now_s and len(self._said) > bounds.CANARIES_FLYING_MAX:
            self._said.popitem(last=False)

    def hear(self, answered: int) -> None:
        self._speaks = True
        self._answered_s = max(self._answered_s, self._said.get(answered, float("-inf")))

    def silent_since_s(self, up_since_s: float, now_s: float) -> float | None:
        """Since when nothing comes back over a link that is up since `up_since_s`; None: it does, or cannot be told."""
        since_s = max(up_since_s, self._answered_s)
        return since_s if self._speaks and now_s - since_s > self._lost_s else None
