"""What is known of a town's people about one order, as one value with a join: the highest rung of each. Pure.

A container is eleven sets of slots in one town (16 bits each), in the order of `tally.Marks.rungs`: sent, received,
reported, then an answer each. A set is a Python integer whose bit n is slot n: union, difference and size are single
operations on it, and its bytes are the dense form.

Values are kept *reduced*: of a person who answered, neither the answers listed before nor `received` nor `sent` says
more, and of one who reported or received, `sent` does not. `tally.View` counts the same from a reduced value as from
the raw evidence. So a person stands in one set, or in two when they reported; the raw evidence stays with the node
that stored it. The join of two values is the union, reduced: idempotent, commutative, associative.
"""

from __future__ import annotations

from collections.abc import Iterable

from fusioncmd import limits

Evidence = tuple[int, ...]

SENT_AT, RECEIVED_AT, REPORTED_AT, ANSWERS_AT = 0, 1, 2, 3
RUNGS = ANSWERS_AT + limits.ANSWERS_MAX
NOTHING: Evidence = (0,) * RUNGS
SLOTS = (1 << limits.SLOTS_PER_TOWN_MAX) - 1


def reduced(rungs: Iterable[int]) -> Evidence:
    """The value of raw evidence: every person on their highest rung only."""
    found = list(rungs)
    taken = 0
    for at in range(RUNGS - 1, ANSWERS_AT - 1, -1):
        if found[at]:
            found[at] &= ~taken
            taken |= found[at]
    taken |= found[REPORTED_AT]
    found[RECEIVED_AT] &= ~taken
    found[SENT_AT] &= ~(taken | found[RECEIVED_AT])
    return tuple(found)


def join(one: Evidence, other: Evidence) -> Evidence:
    if one == other:
        return one
    return reduced(a | b for a, b in zip(one, other, strict=True))


def minus(one: Evidence, other: Evidence) -> Evidence:
    """What `one` says beyond `other`: joined to `other` it gives the join of both, and nothing smaller does."""
    left = list(one)
    said = 0
    for at in range(RUNGS - 1, ANSWERS_AT - 1, -1):
        said |= other[at]
        left[at] &= ~said
    left[REPORTED_AT] &= ~other[REPORTED_AT]
    said |= other[REPORTED_AT] | other[RECEIVED_AT]
    left[RECEIVED_AT] &= ~said
    left[SENT_AT] &= ~(said | other[SENT_AT])
    return tuple(left)


def everyone(value: Evidence) -> int:
    """All slots that the value says anything of."""
    found = 0
    for rung in value:
        found |= rung
    return found


def within(value: Evidence, slots: int) -> Evidence:
    """What it says of these slots."""
    return tuple(rung & slots for rung in value)


def canonical(value: Evidence) -> bytes:
    """Bytes that two nodes agree on exactly when they hold the same; for digests, not for the wire."""
    parts = []
    for at, rung in enumerate(value):
        if rung:
            packed = rung.to_bytes((rung.bit_length() + 7) // 8, "little")
            parts.append(bytes((at, len(packed) >> 8, len(packed) & 0xFF)) + packed)
    return b"".join(parts)
