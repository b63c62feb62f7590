"""A town's receipts and answers as a map: what a short message says of them. Pure.

    32 bits     short id of the order, and then sections, each of one town or of a stretch of one:
      1         another section follows this
      1         the town's number follows (16); or else it is the town of the node that says it
      8         the edition of the roster by which it was counted, modulo 256
      5 + n     the first slot, and how many slots (`Writer.number`)
      10        which rungs follow: received, reported, and answers from the first to the eighth
      ...       reported, among the slots; then answers from the last to the first, then received, each among those
                slots that are in none of the sets before it (subsets.py)

It is the value of `exchange/evidence.py`, without `sent`. Slots are never given to somebody else, so what was counted
by an older or newer roster says the same of the same people. Each message stands by itself: whoever takes it joins it
to what is known, so it may be lost, doubled or overtaken. What does not fit is said in several: answers first, then who
received; and then stretch by stretch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fusioncmd import limits
from fusioncmd.exchange import sets
from fusioncmd.exchange.evidence import ANSWERS_AT, NOTHING, RECEIVED_AT, REPORTED_AT, RUNGS, SENT_AT, Evidence
from fusioncmd.lastline import bounds, subsets
from fusioncmd.lastline.bits import Reader, Writer, malformed

TOWN_BITS, EDITION_BITS, SAID_BITS = 16, 8, RUNGS - 1
ID_BITS = 8 * bounds.ANSWERED_ID_BYTES
_NESTED = (*range(RUNGS - 1, ANSWERS_AT - 1, -1), RECEIVED_AT)


@dataclass(frozen=True, slots=True)
class Section:
    """`value` says something of slots from `low` on, `width` of them, and of no others. `town` None: the node's own."""

    town: int | None
    edition: int
    low: int
    width: int
    value: Evidence


def pack(short: bytes, sections: Iterable[Section], room_bits: int) -> list[tuple[tuple[Section, ...], Writer]]:
    """As few messages as it takes, and what each says; none where nothing is known, or where there is no room for a
    single person."""
    found, held, size = [], list[Section](), ID_BITS
    waiting = [part for section in sections for part in _bounded(section)]
    while waiting:
        section = waiting.pop(0)
        bits = size_of(section)
        if size + bits <= room_bits and len(held) < bounds.SECTIONS_MAX:
            held.append(section)
            size += bits
            continue
        if held:
            found.append((tuple(held), _written(short, held)))
            held, size = [], ID_BITS
            waiting.insert(0, section)
        else:
            waiting[:0] = _apart(section) or _longest(section, room_bits - ID_BITS)
    if held:
        found.append((tuple(held), _written(short, held)))
    return found


def read(data: Reader) -> tuple[bytes, tuple[Section, ...]]:
    """The short id of the order, and what is said of it; `BadMessage` for what no writer writes."""
    short, found, more = data.raw(bounds.ANSWERED_ID_BYTES), list[Section](), 1
    while more:
        more = data.take(1)
        found.append(_read_section(data))
        if len(found) > bounds.SECTIONS_MAX:
            raise malformed()
    data.end()
    return short, tuple(found)


def size_of(section: Section) -> int:
    """In bits."""
    out = Writer()
    _write_head(out, section, False)
    size, left = out.count, section.width
    if section.value[REPORTED_AT]:
        size += subsets.size(left, section.value[REPORTED_AT].bit_count())
    for at in _NESTED:
        if section.value[at]:
            taken = section.value[at].bit_count()
            size += subsets.size(left, taken)
            left -= taken
    return size


def stretch(section: Section, low: int, width: int) -> Section:
    """What it says of slots from `low` on, `width` of them."""
    mask = (1 << width) - 1 << low
    return Section(section.town, section.edition, low, width, tuple(rung & mask for rung in section.value))


def _bounded(section: Section) -> list[Section]:
    """Without `sent`, and in stretches of a bounded width; of those who are known, nothing where there is nobody."""
    value = tuple(0 if at == SENT_AT else rung for at, rung in enumerate(section.value))
    plain = Section(section.town, section.edition, section.low, section.width, value)
    ends = section.low + section.width
    parts = (
        stretch(plain, low, min(bounds.WIDTH_MAX, ends - low)) for low in range(section.low, ends, bounds.WIDTH_MAX)
    )
    return [part for part in parts if any(part.value)]


def _apart(section: Section) -> list[Section]:
    """Who answered, and who only received; nothing, where it says one of them alone."""
    received = section.value[RECEIVED_AT]
    others = tuple(0 if at == RECEIVED_AT else rung for at, rung in enumerate(section.value))
    if not received or not any(others):
        return []
    alone = tuple(received if at == RECEIVED_AT else 0 for at in range(RUNGS))
    return [replace(section, value=others), replace(section, value=alone)]


def _longest(section: Section, room_bits: int) -> list[Section]:
    """The longest beginning that fits, and the rest; nothing where not even one slot does."""
    widths = range(1, section.width + 1)
    width = bisect_right(widths, room_bits, key=lambda width: size_of(stretch(section, section.low, width)))
    if not width:
        return []
    begin = stretch(section, section.low, width)
    rest = stretch(section, section.low + width, section.width - width)
    return [part for part in (begin, rest) if any(part.value)]


def _written(short: bytes, sections: list[Section]) -> Writer:
    out = Writer()
    out.raw(short[: bounds.ANSWERED_ID_BYTES])
    for at, section in enumerate(sections):
        _write_head(out, section, at < len(sections) - 1)
        people = (1 << section.width) - 1
        rungs = [rung >> section.low for rung in section.value]
        if rungs[REPORTED_AT]:
            subsets.write(out, sets.flags_of(rungs[REPORTED_AT], section.width))
        for rung in _NESTED:
            if rungs[rung]:
                marked = sets.flags_of(people, section.width)
                subsets.write(out, sets.chosen(sets.flags_of(rungs[rung], section.width), marked))
                people &= ~rungs[rung]
    return out


def _write_head(out: Writer, section: Section, more: bool) -> None:
    out.put(more, 1)
    out.put(section.town is not None, 1)
    if section.town is not None:
        out.put(section.town, TOWN_BITS)
    out.put(section.edition % (1 << EDITION_BITS), EDITION_BITS)
    out.number(section.low)
    out.number(section.width)
    for at in range(RECEIVED_AT, RUNGS):
        out.put(bool(section.value[at]), 1)


def _read_section(data: Reader) -> Section:
    town = data.take(TOWN_BITS) if data.take(1) else None
    edition, low, width = data.take(EDITION_BITS), data.number(), data.number()
    said = [bool(data.take(1)) for _ in range(SAID_BITS)]
    if not 1 <= width <= bounds.WIDTH_MAX or low + width > limits.SLOTS_PER_TOWN_MAX or not any(said):
        raise malformed()
    found = list(NOTHING)
    if said[REPORTED_AT - 1]:
        found[REPORTED_AT] = sets.bits_of(subsets.read(data, width)) << low
    slots = list(range(width))
    for at in _NESTED:
        if said[at - 1]:
            flags = subsets.read(data, len(slots))
            spread = bytearray(width)
            for slot, taken in zip(slots, flags, strict=True):
                spread[slot] = taken
            found[at] = sets.bits_of(bytes(spread)) << low
            slots = [slot for slot, taken in zip(slots, flags, strict=True) if not taken]
    return Section(town, edition, low, width, tuple(found))
