"""Video that is kept: every second is accounted for, files are cut to the moment, and what was torn is mended."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random
from typing import Any

import av
import msgspec
import pytest

from fusioncmd.errors import BadInput, NotFound
from fusioncmd.video import boxes
from fusioncmd.video.cutting import Part, cut
from fusioncmd.video.keeping import Gone, Keeping
from fusioncmd.video.kept import Ended, Missing, Pin, Row, Segment, Shed, is_pinned, line, pins, rows, stretches
from fusioncmd.video.mp4 import Writer, label_of, repair
from fusioncmd.video.units import Depacketiser
from fusioncmd.video.wall import FAR_MS, Wall
from loadtest.kept import day
from loadtest.output import Result
from tests.kept_recordings import KEY, T0, play, record, recorder
from tests.video_frames import encoded, flat
from tiers.kept_store import KeptStore


def segment(begin: int, end: int, ident: str = "2026111811-0000001-00000000", **more: Any) -> Segment:
    made = Segment(ident, *KEY, "门口", "camera", "H264", False, begin, end, True, 1, "0" * 64, 0, 0, "4401")
    return msgspec.structs.replace(made, **more)


def test_nine_minutes_with_gaps_clocks_and_kills_is_accounted_for_to_the_second(tmp_path: Path) -> None:
    result = Result("kept", {})
    world = day(tmp_path, 0.15, kills=3, count=1, seed=5, bytes_max=1 << 40, result=result)
    assert result.failures == [] and len(world.kills) == 3


def test_what_is_known_of_each_moment_has_no_hole_and_no_overlap() -> None:
    found: list[Row] = [
        segment(10, 20), segment(18, 30, "2026111811-0000002-00000000"), Missing(*KEY, 25, 50, "silent"),
        segment(60, 70, "2026111811-0000003-00000000"), Shed("2026111811-0000003-00000000", 99, "bytes"),
        Ended(*KEY, 70),
    ]  # fmt: skip
    assert stretches(found, 0, 80) == [
        (0, 10, "none"), (10, 30, ""), (30, 50, "silent"), (50, 60, "none"), (60, 70, "shed"), (70, 80, "none")
    ]  # fmt: skip
    assert list(rows(b"".join(map(line, found)) + b'\n{"type":"segm')) == found


def test_a_pin_holds_until_it_is_taken_back() -> None:
    on = Pin("4401", "", 5, 15, True, "wang", 1)
    off = Pin("4401", "", 5, 15, False, "wang", 2)
    assert is_pinned(segment(10, 20), pins(line(on))) and not is_pinned(segment(15, 20), [on])
    assert pins(line(on) + line(off)) == []


def test_a_clock_that_jumps_moves_no_picture() -> None:
    wall = Wall()
    assert wall.at(1, 90_000, 0, T0) == T0
    wall.report(1, 90_000, T0 + 1_040.0, T0 + 1_050.0)
    assert wall.at(1, 90_000, 180_000, T0 + 2_050) == T0 + 2_040
    wall.report(1, 180_000, T0 + 2_040.0 + 86_400_000, T0 + 2_050.0)  # a day ahead
    assert wall.off_ms == 86_400_000 - 10 and abs(wall.at(1, 90_000, 270_000, T0 + 3_050) - T0 - 3_050) < 1
    wall.report(2, 0, T0 + 3_000.0 + 86_400_000, T0 + 3_050.0)  # its sound stays with its picture
    assert abs(wall.at(2, 48_000, 48_000, T0 + 4_050) - T0 - 4_010) < 1
    assert wall.at(1, 90_000, 270_000 + 90 * 2 * int(FAR_MS), T0 + 3_060) == T0 + 3_060


@pytest.mark.parametrize(("codec", "form"), [("H264", "mp4"), ("VP8", "webm")])
def test_pictures_of_a_real_encoder_are_kept_and_cut_and_played(tmp_path: Path, codec: str, form: str) -> None:
    store, keeper = recorder(tmp_path, T0)
    end_ms = play(keeper, codec, T0, encoded(codec))
    keeper.end(end_ms)
    (one,) = [row for row in store.between(T0, end_ms) if isinstance(row, Segment)]
    data = store.file(one).read_bytes()
    assert hashlib.sha256(data).hexdigest() == one.sha256 and (one.begin_ms, one.codec) == (T0, codec)
    assert abs(one.end_ms - T0 - 24 * 33.3) < 40
    target = tmp_path / f"x.{form}"
    begins_ms = cut(target, [Part(store.file(one), one.begin_ms)], codec, T0 + 500, T0 + 700, "of it")
    with av.open(str(target)) as container:
        shown = [(frame.time or 0.0) * 1_000 for frame in container.decode(video=0)]
        assert container.streams.video[0].width == 322 and label_of(target) == b"of it"
    if codec == "H264":
        assert begins_ms == T0 + 500 and len(shown) == 6 and 0 <= shown[0] < 40, shown
    else:
        assert begins_ms == T0 + 400 and len(shown) == 9, shown  # from the keyframe on: WebM has no edit list
    with pytest.raises(BadInput):
        cut(target, [Part(store.file(one), one.begin_ms)], codec, T0 + 5_000, T0 + 7_000, "")


def test_a_camera_that_changes_its_resolution_begins_another_segment_and_both_play_as_one(tmp_path: Path) -> None:
    store, keeper = recorder(tmp_path, T0)
    middle_ms = play(keeper, "H264", T0, encoded("H264"))
    end_ms = play(keeper, "H264", middle_ms, renumbered(encoded("H264", 160, 96), 24))
    keeper.end(end_ms)
    found = [row for row in store.between(T0, end_ms) if isinstance(row, Segment)]
    assert len(found) == 2 and found[0].end_ms == found[1].begin_ms
    target = tmp_path / "x.mp4"
    cut(target, [Part(store.file(one), one.begin_ms) for one in found], "H264", T0, end_ms, "")
    with av.open(str(target)) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(322, 178)] * 24 + [(160, 96)] * 24


def renumbered(frames: list[list[bytes]], ahead: int) -> list[list[bytes]]:
    """Packets that go on where so many frames before end."""
    base = len(flat(encoded("H264")))
    return [
        [p[:2] + (int.from_bytes(p[2:4], "big") + base & 0xFFFF).to_bytes(2, "big")
         + (int.from_bytes(p[4:8], "big") + ahead * 3_000 & 0xFFFF_FFFF).to_bytes(4, "big") + p[8:] for p in frame]
        for frame in frames
    ]  # fmt: skip


def test_a_segment_that_was_torn_is_whole_up_to_its_last_fragment(tmp_path: Path) -> None:
    whole = tmp_path / "a.mp4"
    writer = Writer(whole, "H264", (322, 178), True, "label")
    units = Depacketiser("H264")
    pictures = [unit.data for packet in flat(encoded("H264")) for unit in units.put(packet, 0)]
    for i in range(120):
        writer.put(True, i * 40, i % 12 == 0, pictures[i % 24])
        writer.put(False, i * 40, True, b"\xfc\xff\xfe")
    assert writer.close()[0] == whole.stat().st_size
    data = whole.read_bytes()
    for size in (len(data) - 1, len(data) * 2 // 3, len(data) // 2):
        torn = tmp_path / "torn.mp4"
        torn.write_bytes(data[:size])
        found = repair(torn)
        assert found is not None and found.label == "label" and found.sound
        assert torn.stat().st_size == found.bytes == boxes.whole(lambda at, n: data[at : at + n], size) <= size
        assert found.lasts_ms in (1_000, 2_000, 3_000, 4_000, 4_800), found.lasts_ms
    torn.write_bytes(data[:600])
    assert repair(torn) is None


def test_boxes_of_any_bytes_are_looked_at_in_bounds() -> None:
    random, data = Random(3), b""

    def read(at: int, count: int) -> bytes:
        return data[at : at + count]

    for _ in range(300):
        data = random.randbytes(random.randrange(64))
        assert boxes.whole(read, len(data)) == 0


def test_the_oldest_goes_first_never_what_is_pinned_and_the_index_says_so(tmp_path: Path) -> None:
    store, found = record(tmp_path, (0, 5_000, 10_000, 15_000))
    store.pin(Pin("4401", "", T0, T0 + 1_000, True, "wang", T0))
    size = found[0].bytes
    few = KeptStore(tmp_path, store.folder, lambda: T0 / 1_000 + 20, bytes_max=size * 5 // 2 + 8_000)
    assert few.prune() == 2 and not few.full
    assert [few.file(one).exists() for one in found] == [True, False, False, True]
    gone = [row for row in few.between(T0, T0 + 20_000) if isinstance(row, Shed)]
    assert [(row.id, row.why) for row in gone] == [(one.id, "bytes") for one in found[1:3]]
    with pytest.raises(NotFound, match="was shed"):
        few.find(found[1].id)
    old = KeptStore(tmp_path, store.folder, lambda: T0 / 1_000 + 40 * 86_400, days_max=30)
    assert old.prune() == 1 and old.find(found[0].id)
    few.free_bytes_min = 1 << 62  # a disk that is full, whatever is done
    assert few.prune() == 0 and few.full
    with pytest.raises(OSError, match="for orders and answers"):
        few.place(found[0].id, "H264")


def test_what_the_disk_does_not_take_is_missing_for_want_of_room(tmp_path: Path) -> None:
    store, keeper = recorder(tmp_path, T0)
    store.free_bytes_min = 1 << 62
    end_ms = play(keeper, "H264", T0, encoded("H264"))
    assert store.full
    keeper.end(end_ms)
    known = stretches(store.between(T0, end_ms), T0, end_ms)
    assert {one.cause for one in known} == {"room"}, known


def test_a_recorder_that_is_killed_before_it_kept_anything_owes_the_time_since_it_was_to(tmp_path: Path) -> None:
    recorder(tmp_path, T0, ("440106001.cam1",))[1].work([], [], 0, T0)
    store, again = recorder(tmp_path, T0 + 50_000, ("440106001.cam1",))
    again.end(T0 + 51_000)
    known = stretches(store.between(T0, T0 + 51_000), T0, T0 + 51_000)
    assert [(one.end_ms - T0, one.cause) for one in known] == [(50_000, "down"), (51_000, "silent")]


def test_packets_that_were_lost_are_a_gap_and_a_source_that_was_quiet_is_silent(tmp_path: Path) -> None:
    keeping, at_ms = Keeping(T0), T0 + 0.0
    causes = []
    for lost, pause_ms in ((0, 40), (7, 8_000), (0, 8_000)):
        at_ms += pause_ms
        acts = [*keeping.tick(at_ms - 1), *keeping.picture(at_ms, True, b"x", lost, 1, at_ms)]
        causes += [act.cause for act in acts if isinstance(act, Gone)]
    keeping.tick(at_ms + 9_000)
    keeping.begun_anew()
    causes += [act.cause for act in keeping.picture(at_ms + 9_000, True, b"x", 7, 1, at_ms) if isinstance(act, Gone)]
    assert causes == ["silent", "gap", "silent", "silent"]
