"""Messages of the exchange over a thin link: each in the class of what it says. Pure.

The exchange at both ends suits itself to such a link (`fusioncmd.exchange.pace.thin`): a message says what is urgent,
or rosters and reports, never both. What the node squeezed is released first: the bridge squeezes it better. While the
link is down nothing is kept here: the nodes are told so, and compare what they hold when it is back.
"""

from __future__ import annotations

from collections import OrderedDict

from fusioncmd import subjects
from fusioncmd.exchange.items import Kind as ItemKind
from fusioncmd.exchange.wire import Entry, Part, Plain, released
from gateways.satellite.carrying import Kind, Letter, Link, Work
from gateways.satellite.carrying import Publish as Said
from gateways.satellite.classes import LETTER_BYTES_MAX, Class

BULK = (ItemKind.ROSTER, ItemKind.REPORT)
PIECES_KNOWN_MAX = 256  # items that go in pieces, whose kind is known by their first; shed, the oldest: they are bulk


class ExchangeCarrier:
    kinds = (Kind.EXCHANGE,)

    def __init__(self, link: Link) -> None:
        up, down = subjects.link_up(link.kit.code), subjects.link_down(link.kit.code)
        self._hears, self._says = (up, down) if link.side == "kit" else (down, up)
        self._pieces: OrderedDict[bytes, int] = OrderedDict()  # the mark of an item → its kind
        self._up = False

    def hears(self) -> tuple[str, ...]:
        return (self._hears,)

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        if not self._up:
            return Work()
        frame, whole = released(data)
        if len(whole) + 2 > LETTER_BYTES_MAX:
            whole = data
        bulk = bool(frame.entries) and all(self._kind(entry) in BULK for entry in frame.entries)
        return Work([Letter(Class.REPORTS if bulk else Class.ORDERS, Kind.EXCHANGE, whole)])

    def _kind(self, entry: Entry) -> int:
        """0 for what is about many items, or about evidence."""
        match entry:
            case Plain():
                return entry.key[0] if entry.key else 0
            case Part():
                if not entry.at and len(entry.piece) > 1:  # `wire.pack_item`: a length, then the key
                    self._pieces[entry.item] = entry.piece[1]
                    if len(self._pieces) > PIECES_KNOWN_MAX:
                        self._pieces.popitem(last=False)
                return self._pieces.get(entry.item, ItemKind.ROSTER)
            case _:
                return 0

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        """What it says is judged by the node."""
        return Work(publishes=[Said(self._says, body)])

    def turned(self, up: bool, now_s: float) -> Work:
        self._up = up
        return Work()

    def due(self, now_s: float) -> Work:
        return Work()
