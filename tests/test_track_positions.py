"""Positions: what is one, what is believed of it, what a node knows, and where a map of GCJ-02 shows it."""

from __future__ import annotations

import math

import pytest
from msgspec import structs

from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.track.bounds import KEPT_MS, TRACK_BYTES_MAX, TRAIL_POINTS_MAX
from fusioncmd.track.datum import to_gcj02
from fusioncmd.track.judging import Jump, OldPosition, judged, timed
from fusioncmd.track.known import Units
from fusioncmd.track.position import Track, decode, degrees, encode, heard, metres, place, subject_of

NOW_MS = 1_795_000_000_000
TOWN = "440106001"
AT = degrees(23.1291, 113.3644)
WALKER = Track(TOWN, "p-1", "person", "巡查一组", *AT, NOW_MS, "phone", accuracy_m=8)


def moved(track: Track, north_m: float, after_ms: int = 1_000, **more: object) -> Track:
    lat_e7 = track.lat_e7 + round(north_m / 111_194.9 * 1e7)
    return structs.replace(track, lat_e7=lat_e7, at_ms=track.at_ms + after_ms, **more)


def subject(track: Track) -> str:
    return f"fc.track.{track.address}"


def test_a_position_says_whose_it_is_and_nobody_says_anothers() -> None:
    assert subject(WALKER) == "fc.track.44.01.06.001.p-1"
    assert heard(subject(WALKER), encode(WALKER)) == WALKER
    for other in ("fc.track.44.01.06.001.p-2", "fc.track.44.01.06.002.p-1", "fc.track.44.01.06.p-1"):
        with pytest.raises(BadMessage):
            heard(other, encode(WALKER))
    with pytest.raises(BadInput):
        from fusioncmd.codes import Path

        subject_of(Path(TOWN), "1>*")


@pytest.mark.parametrize(
    "place",
    [(math.nan, 113.0), (23.0, math.inf), (-math.inf, 0.0), (91.0, 0.0), (23.0, 180.5), (0.0, 0.0), (0.0002, -0.0004)],
)  # fmt: skip
def test_what_is_no_place_is_refused_with_a_sentence(place: tuple[float, float]) -> None:
    with pytest.raises(BadInput) as caught:
        degrees(*place)
    assert caught.value.en.endswith(".") and caught.value.zh.endswith("。")


def test_odd_bytes_are_refused() -> None:
    for data in (b"", b"\xc1", encode(WALKER)[:-3], b"\x90" * 40, b"a" * (TRACK_BYTES_MAX + 1), b"\x91" * 10_000):
        with pytest.raises(BadMessage):
            decode(data)
    assert len(encode(structs.replace(WALKER, title="县" * 64))) < TRACK_BYTES_MAX


@pytest.mark.parametrize("off_ms", [61_000, 2 * 365 * 86_400_000, -8 * 86_400_000, 100 - NOW_MS])
def test_a_clock_that_is_off_costs_the_time_and_not_the_place(off_ms: int) -> None:
    track = timed(structs.replace(WALKER, at_ms=NOW_MS + off_ms), NOW_MS)
    assert (track.at_ms, track.mark, place(track)) == (NOW_MS, "clock", AT)
    late = structs.replace(WALKER, at_ms=NOW_MS - 3 * 86_400_000)
    assert timed(late, NOW_MS) == late  # after a cut of three days it is what it says


def test_a_jump_is_refused_until_three_fixes_agree() -> None:
    far = moved(WALKER, 5_000)
    with pytest.raises(Jump) as first:
        judged(far, WALKER, None, NOW_MS)
    assert "5.0 km in 1.0 s" in first.value.en
    with pytest.raises(Jump) as elsewhere:  # agrees with neither: counting begins anew
        judged(moved(WALKER, -7_000, 2_000), WALKER, first.value.doubt, NOW_MS)
    assert elsewhere.value.doubt.times == 1
    with pytest.raises(Jump) as second:
        judged(moved(far, 10), WALKER, first.value.doubt, NOW_MS)
    assert judged(moved(far, 20, 2_000), WALKER, second.value.doubt, NOW_MS) == moved(far, 20, 2_000)
    assert judged(moved(WALKER, 300), WALKER, None, NOW_MS)  # within what a fix may be off
    with pytest.raises(OldPosition):
        judged(WALKER, far, None, NOW_MS)


def test_a_node_knows_the_last_of_each_unit_and_a_short_trail() -> None:
    units = Units()
    for step in range(2 * TRAIL_POINTS_MAX):
        assert units.take(subject(WALKER), encode(moved(WALKER, 20 * step, 20_000 * step)), NOW_MS + 20_000 * step)
    known = units.find("44.01.06.001.p-1")
    assert known is not None and len(known.trail) == TRAIL_POINTS_MAX and len(units) == 1
    assert units.take(subject(WALKER), encode(WALKER), NOW_MS) is None and units.late == 1
    with pytest.raises(Jump, match="faster than sound"):
        units.put(moved(WALKER, 9e5, 1_300_000), NOW_MS + 1_300_000)
    null = structs.replace(WALKER, lat_e7=1, lon_e7=1, at_ms=NOW_MS + 1_300_000)
    assert units.take(subject(WALKER), encode(null), NOW_MS + 1_300_000) is None
    assert units.refused == 1 and "without a fix" in units.why[0]
    assert units.take("fc.track.44.01.06.001.x", encode(WALKER), NOW_MS) is None and units.refused == 2
    edition = units.edition
    units.put(structs.replace(known.track, at_ms=known.track.at_ms + 1, over=True), NOW_MS + 1_300_000)
    assert len(units) == 0 and units.edition > edition


def test_a_flood_at_one_place_costs_no_other_its_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusioncmd.track.known.UNITS_OF_PLACE_MAX", 3)
    monkeypatch.setattr("fusioncmd.track.known.UNITS_MAX", 5)
    units = Units()
    units.put(structs.replace(WALKER, node="440106002"), NOW_MS)
    for i in range(10):
        units.put(structs.replace(WALKER, unit=f"u{i}"), NOW_MS + i)
    assert [one.track.unit for one in units.within("4401", NOW_MS)] == ["u7", "u8", "u9", "p-1"]
    assert units.shed == 7
    assert len([*units.within("44", NOW_MS + KEPT_MS + 5)]) == 3, "who was silent for a week is forgotten"
    assert [*units.within("44", NOW_MS + KEPT_MS + 50)] == [] and len(units) == 0


def test_a_map_in_gcj02_shows_a_position_where_it_is() -> None:
    # The example of the coordtransform library, and a place abroad.
    assert to_gcj02(39.915, 116.404) == pytest.approx((39.91640428150164, 116.41024449916938), abs=1e-12)
    assert to_gcj02(48.8566, 2.3522) == (48.8566, 2.3522)
    off_m = metres(degrees(23.1292, 113.2644), degrees(*to_gcj02(23.1292, 113.2644)))
    assert 300 < off_m < 700
