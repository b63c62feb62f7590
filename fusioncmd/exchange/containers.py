"""The wire form of a town's container: who stands on which rung, in as few bytes as both sides' knowledge allows. Pure.

    head        1 byte: 1 when the people are those whom the order means (both sides hold the audience), 2 when the
                sender asks to be told what it lacks (`whole`)
    people      without the first flag: one more than the highest slot in question (varint), and those up to it as a set
    rungs       varint: a bit for each rung that follows
    reported    a set of positions among the people
    answers     from the last to the first, then received, then sent: each a set of positions among those people who are
                in none of the sets before it

Because a person stands on one rung, each set leaves fewer positions for the next, and the last is often "all of them":
one byte. For random answers among three, with some silent, that is 2.1 bits a person.
"""

from __future__ import annotations

from fusioncmd import limits
from fusioncmd.exchange import sets
from fusioncmd.exchange.evidence import ANSWERS_AT, RECEIVED_AT, REPORTED_AT, RUNGS, SENT_AT, Evidence, everyone
from fusioncmd.exchange.varints import Reader, malformed, put

BY_AUDIENCE, WHOLE = 1, 2
_NESTED = (*range(RUNGS - 1, ANSWERS_AT - 1, -1), RECEIVED_AT, SENT_AT)


def write(value: Evidence, audience: int | None, whole: bool) -> bytes:
    """`value` (reduced, not empty); `audience` are the slots that the order means here, where both know them."""
    named = everyone(value)
    asks = WHOLE if whole else 0
    plain = bytearray((asks,))
    put(plain, named.bit_length())
    plain += sets.write(sets.flags_of(named, named.bit_length()))
    _write_rungs(plain, value, named)
    if audience is None or named & ~audience:
        return bytes(plain)
    short = bytearray((asks | BY_AUDIENCE,))
    _write_rungs(short, value, audience)
    return bytes(min(plain, short, key=len))


def _write_rungs(out: bytearray, value: Evidence, people: int) -> None:
    width = people.bit_length()
    marked = sets.flags_of(people, width)
    put(out, sum(1 << at for at, rung in enumerate(value) if rung))
    if value[REPORTED_AT]:
        out += sets.write(sets.chosen(sets.flags_of(value[REPORTED_AT], width), marked))
    for at in _NESTED:
        if value[at]:
            out += sets.write(sets.chosen(sets.flags_of(value[at], width), marked))
            people &= ~value[at]
            marked = sets.flags_of(people, width)


def asks_whole(data: Reader) -> bool:
    """Whether the container at this place asks what its sender lacks."""
    byte = data.byte()
    data.at -= 1
    return bool(byte & WHOLE)


def read(reader: Reader, audience: int | None) -> Evidence | None:
    """The value at the reader's place; None when it rests on an audience that is not known here (nothing after it can
    be read then). `BadMessage` for anything else."""
    head = reader.byte()
    if head > (BY_AUDIENCE | WHOLE):
        raise malformed()
    if head & BY_AUDIENCE:
        if audience is None:
            return None
        people = audience
    else:
        width = reader.varint()
        if width > limits.SLOTS_PER_TOWN_MAX:
            raise malformed()
        people = sets.bits_of(sets.read(reader, width))
    present = reader.varint()
    if not people or not present or present >> RUNGS:
        raise malformed()
    slots = _positions(people)
    found = [0] * RUNGS
    if present >> REPORTED_AT & 1:
        found[REPORTED_AT] = _spread(sets.read(reader, len(slots)), slots)
    for at in _NESTED:
        if present >> at & 1:
            if not slots:
                raise malformed()
            flags = sets.read(reader, len(slots))
            found[at] = _spread(flags, slots)
            slots = [slot for slot, taken in zip(slots, flags, strict=True) if not taken]
    return tuple(found)


def _positions(people: int) -> list[int]:
    return [slot for slot, there in enumerate(sets.flags_of(people, people.bit_length())) if there]


def _spread(flags: bytes, slots: list[int]) -> int:
    """The set of the `slots` that are flagged."""
    spread = bytearray(slots[-1] + 1)
    for slot, there in zip(slots, flags, strict=True):
        spread[slot] = there
    return sets.bits_of(bytes(spread))
