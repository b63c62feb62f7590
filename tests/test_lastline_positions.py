"""Where units are, by short messages: as many as fit, each where it was, and on the map above."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.errors import BadMessage
from fusioncmd.lastline import frames, positions
from fusioncmd.lastline.bits import Reader
from fusioncmd.track.position import Track, metres, place
from tests.line_world import HUB, KIT, line_world
from tests.worlds import NOW_MS

UNITS = st.builds(
    Track,
    st.sampled_from((KIT, f"{KIT}001")), st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True),
    st.sampled_from(("person", "vehicle", "drone", "kit", "sensor")), st.just("无人机"),
    st.integers(-900_000_000, 900_000_000), st.integers(-1_800_000_000, 1_800_000_000),
    st.integers(NOW_MS - 3_600_000, NOW_MS), st.sampled_from(("mavlink", "cot", "phone", "manual")),
    battery=st.one_of(st.none(), st.integers(0, 100)),
)  # fmt: skip


@given(st.lists(UNITS, max_size=12, unique_by=lambda track: track.address), st.sampled_from((560, 14_000)))
def test_each_unit_is_where_it_was_within_a_step_and_a_minute(tracks: list[Track], bits: int) -> None:
    messages = positions.pack(tracks, KIT, frames.room(bits))
    assert all(out.count <= frames.room(bits) for _, out in messages)
    found = {t.address: t for _, out in messages for t in positions.read(Reader(out.packed()), KIT)}
    assert found.keys() == {track.address for track in tracks}
    for track in tracks:
        said = found[track.address]
        assert metres(place(said), place(track)) < 1 and 0 <= track.at_ms - said.at_ms < 60_000
        assert (said.kind, said.source, said.battery, said.link) == (
            track.kind,
            track.source,
            track.battery,
            "satellite",
        )


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_but_that_they_are_no_message(data: bytes) -> None:
    try:
        assert all(track.node.startswith(KIT) for track in positions.read(Reader(data), KIT))
    except BadMessage:
        return


@pytest.mark.parametrize("again", [0, 601])
async def test_a_unit_of_the_kit_is_on_the_map_of_the_province_and_moves_on_it(tmp_path: Path, again: int) -> None:
    async with line_world(tmp_path) as world:
        drone = Track(KIT, "drone1", "drone", "一号机", 231_482_190, 1_133_441_170, NOW_MS, "mavlink", battery=71)
        world.nodes[KIT].media.tracks.units.put(drone, NOW_MS)
        assert len(await world.carry(KIT)) <= 70
        known = world.nodes[HUB].media.tracks.units.find(drone.address)
        assert known is not None and metres(place(known.track), place(drone)) < 1
        assert (known.track.battery, known.track.kind, known.track.title) == (71, "drone", "drone1")
        assert not world.problems(HUB)
        while await world.carry(HUB):  # that it came
            pass
        world.pass_time(again)
        moved = Track(KIT, "drone1", "drone", "一号机", 231_492_190, 1_133_441_170, NOW_MS + 60_000, "mavlink")
        world.nodes[KIT].media.tracks.units.put(moved, NOW_MS + 60_000)
        assert bool([1 for _ in range(3) if len(await world.carry(KIT)) > 25]) == bool(again)  # not each minute
        known = world.nodes[HUB].media.tracks.units.find(drone.address)
        assert known is not None and (metres(place(known.track), place(moved)) < 1) == bool(again)
