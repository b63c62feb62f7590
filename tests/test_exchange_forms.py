"""The values and wire forms of the exchange: a join that counts as the tally does, and sets in few bytes."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.exchange import bounds, containers, digests, evidence, sets, wire
from fusioncmd.exchange.digests import Index
from fusioncmd.exchange.evidence import ANSWERS_AT, NOTHING, RUNGS, Evidence
from fusioncmd.exchange.items import Kind, container_key, digest
from fusioncmd.exchange.varints import Reader, pack_keys, unpack_keys
from fusioncmd.tally import Marks, View

WIDTH = 40
rungs = st.lists(st.integers(0, (1 << WIDTH) - 1), min_size=RUNGS, max_size=RUNGS)
values = rungs.map(evidence.reduced)


def view(raw: list[int] | Evidence) -> dict[str, object]:
    marks = Marks()
    for rung, bits in zip(marks.rungs(), raw, strict=True):
        rung |= BitMap(slot for slot in range(WIDTH) if bits >> slot & 1)
    seen = View(marks, BitMap(range(0, WIDTH, 2)), BitMap(range(0, WIDTH, 3)))
    names = ("sent", "received", "answered", "reported", "waiting", "silent", "unreachable", "by_answer", "outside")
    return {name: getattr(seen, name) for name in names}


@given(rungs)
def test_a_reduced_value_counts_as_the_evidence_does(raw: list[int]) -> None:
    assert view(evidence.reduced(raw)) == view(raw)


@given(rungs, rungs)
def test_the_join_is_the_union_of_what_was_said(one: list[int], other: list[int]) -> None:
    union = evidence.reduced(a | b for a, b in zip(one, other, strict=True))
    assert evidence.join(evidence.reduced(one), evidence.reduced(other)) == union


@given(values, values, values)
def test_the_join_knows_no_order_and_no_repetition(a: Evidence, b: Evidence, c: Evidence) -> None:
    join = evidence.join
    assert join(a, b) == join(b, a) and join(a, join(b, c)) == join(join(a, b), c) and join(a, a) == a


@given(values, values)
def test_a_difference_is_all_that_is_missing_and_no_more(one: Evidence, other: Evidence) -> None:
    left = evidence.minus(one, other)
    assert evidence.join(other, left) == evidence.join(one, other)
    assert evidence.minus(left, other) == left and evidence.minus(one, one) == NOTHING
    assert not any(evidence.minus(other, evidence.join(one, other)))


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.sampled_from([0.0, 0.02, 0.98, 1.0]))
def test_any_set_is_read_as_it_was_written(given_flags: list[bool], bias: float) -> None:
    mixed = [flag if n % 50 < 25 else n / len(given_flags) < bias for n, flag in enumerate(given_flags)]
    flags = bytes(mixed)
    packed = sets.write(flags)
    reader = Reader(packed)
    assert sets.read(reader, len(flags)) == flags and not reader.left
    assert len(packed) <= 1 + -(-len(flags) // 8)


@pytest.mark.parametrize(
    ("positions", "count", "form", "size"),
    [
        (range(512), 512, sets.ALL, 1), ([5], 512, sets.ARRAY, 3), (range(1, 512), 512, sets.REST, 3),
        ([*range(10, 200), *range(300, 400)], 512, sets.RUNS, 7), (range(0, 512, 2), 512, sets.BITS, 65),
        (range(65_000, 65_090, 2), 65_536, sets.TRIMMED, 16),
    ],
)  # fmt: skip
def test_the_smallest_form_is_taken(positions: list[int], count: int, form: int, size: int) -> None:
    chosen = set(positions)
    packed = sets.write(bytes(at in chosen for at in range(count)))
    assert (packed[0], len(packed)) == (form, size)


@given(values.filter(any), st.one_of(st.none(), st.integers(0, (1 << WIDTH) - 1)), st.booleans())
def test_a_container_is_read_as_it_was_written(value: Evidence, audience: int | None, whole: bool) -> None:
    packed = containers.write(value, audience, whole)
    reader = Reader(packed)
    assert containers.asks_whole(reader) == whole
    assert containers.read(reader, audience) == value and not reader.left


def test_random_answers_cost_little_more_than_two_bits() -> None:
    """Three answers and silence, one in four each: 2 bits a person are the least."""
    value = list(NOTHING)
    for slot in range(4_000):
        value[(1, ANSWERS_AT, ANSWERS_AT + 1, ANSWERS_AT + 2)[slot * 2_654_435_761 % 2**32 >> 30]] |= 1 << slot
    assert len(containers.write(evidence.reduced(value), (1 << 4_000) - 1, False)) < 4_000 * 2.4 / 8


def test_what_rests_on_the_audience_is_not_read_without_it() -> None:
    value = (0b1010, *NOTHING[1:])
    packed = containers.write(value, 0b1010, False)
    assert packed[0] == containers.BY_AUDIENCE
    assert containers.read(Reader(packed), None) is None


@given(st.binary(max_size=60), st.one_of(st.none(), st.integers(1, 1 << 40)))
def test_bytes_that_nobody_wrote_are_refused_or_read_within_bounds(data: bytes, audience: int | None) -> None:
    try:
        value = containers.read(Reader(data), audience)
    except BadMessage:
        return
    assert value is None or all(rung < 1 << limits.SLOTS_PER_TOWN_MAX for rung in value)


@given(st.binary(max_size=80))
def test_a_frame_that_nobody_sent_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        wire.read_frame(b"\x97" + data)  # seven fields


def test_a_long_frame_is_squeezed_and_what_swells_beyond_the_bound_is_refused() -> None:
    entry = wire.pack_entry(wire.Plain(b"\2key", b"grant" * 1_000))
    packed = wire.pack_frame(1, 2, 3, (4, 0), [entry, entry])
    assert len(packed) < 300
    assert wire.read_frame(packed).entries == (wire.Plain(b"\2key", b"grant" * 1_000),) * 2
    bomb = zlib.compress(bytes(bounds.MESSAGE_BYTES_MAX + 1))
    for bad in (bomb, packed[:-1], packed + b"x", b"\x78", b""):
        with pytest.raises(BadMessage):
            wire.read_frame(bad)


@given(st.lists(st.binary(min_size=1, max_size=40)))
def test_keys_share_their_beginnings_and_come_back(keys: list[bytes]) -> None:
    keys.sort()
    assert unpack_keys(pack_keys(keys), 40) == keys


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), min_size=1))
def test_a_digest_does_not_depend_on_how_things_came(changes: list[tuple[int, int]]) -> None:
    """Ever so many changes leave the sums of what is held at the end."""
    grown, fresh = Index(), Index()
    for n, change in changes:
        grown.put(container_key(bytes(16), n), digest(b"k", bytes([change])))
    for n, change in sorted(dict(changes).items(), reverse=True):
        fresh.put(container_key(bytes(16), n), digest(b"k", bytes([change])))
    assert grown.kinds() == fresh.kinds()
    low, high = digests.bounds(Kind.CONTAINER)
    assert grown.sum(low, high) == fresh.sum(low, high) == fresh.kinds()[Kind.CONTAINER - 1]
    bounds = digests.cuts(grown.keys(low, high), low, high, 4)
    assert bounds == sorted(set(bounds))
    assert sum(len(grown.keys(*pair)) for pair in pairwise(bounds)) == len(grown)


def test_ranges_are_cut_where_an_order_begins() -> None:
    keys = [container_key(bytes([order]) * 16, town) for order in range(4) for town in range(25 + order)]
    low, high = digests.bounds(Kind.CONTAINER)
    assert digests.cuts(keys, low, high, 4) == [low, b"\3\1", b"\3\2", b"\3\3", high]
