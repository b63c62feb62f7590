"""Recordings: a burst is as long as it was, found by time, place and person, and told to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from fusioncmd.access import Actor
from fusioncmd.api.voice import Bursts as Asked
from fusioncmd.api.voice import Recording
from fusioncmd.audit.entries import Entry
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path as Place
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.voice import ogg
from fusioncmd.voice.bounds import RECORDING_MAX
from fusioncmd.voice.codecs import OpusEncoder
from fusioncmd.voice.frames import Speaker, VoiceFrame
from tests.nats_server import until
from tiers.bursts import ENDED_MS, Bursts, Ended
from tiers.listener import Listener
from tiers.recordings import Recordings
from tiers.voice_desk import VoiceDesk

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
SOUND = OpusEncoder().encode(bytes(2 * 960 * 12))


def frame(n: int, opus: bytes = b"", last: bool = False, gateway: str = "g", at: int | None = None) -> VoiceFrame:
    who = Speaker(7, "440106001", "陈村长")
    return VoiceFrame(gateway, 3, n, 960 * n if at is None else at, "44", 32, who, opus or SOUND[n % 12], last)


def burst(
    at_ms: int = NOW_MS, place: str = "440106", name: str = "陈村长", node: str = "440106001", group: str = "main"
) -> Ended:
    bursts = Bursts()
    for n in range(10):
        said = frame(n)
        bursts.hear(place, group, VoiceFrame(*[getattr(said, f) for f in said.__struct_fields__[:6]],
                                              Speaker(7, node, name), said.opus), at_ms)  # fmt: skip
    return bursts.over(at_ms + ENDED_MS)[0]


def test_a_burst_is_put_together_whatever_order_it_came_in() -> None:
    bursts = Bursts()
    for n in (0, 2, 1, 1, 5, 6):  # 3 and 4 never come
        assert bursts.hear("44", "main", frame(n), NOW_MS) == []
    (ended,) = bursts.hear("44", "main", frame(7, last=True), NOW_MS + 140)
    one = ended.recorded
    assert (one.lasts_ms, one.packets, one.lost, one.granted) == (140, 5, 2, "44")
    assert ended.packets[:3] == SOUND[:3] and ended.packets[5:] == SOUND[5:7] and len(ended.packets[3]) == 1
    assert bursts.hear("44", "main", frame(8, last=True), NOW_MS) == []


def test_silence_that_was_not_sent_lasts_as_long_as_it_did() -> None:
    bursts = Bursts()
    for n in range(5):
        bursts.hear("44", "main", frame(n), NOW_MS)
    bursts.hear("44", "main", frame(5, at=960 * 55), NOW_MS)
    (ended,) = bursts.over(NOW_MS + ENDED_MS)
    assert ended.recorded.lasts_ms == 56 * 20 and ended.recorded.lost == 0


def test_a_burst_without_end_is_cut_and_no_more_than_so_many_are_held() -> None:
    bursts, whole = Bursts(), 0
    for n in range(6_010):
        whole += len(bursts.hear("44", "main", frame(n), NOW_MS))
    assert whole == 1
    for n in range(RECORDING_MAX + 5):
        bursts.hear("44", f"x{n}", frame(0), NOW_MS)
    assert bursts.shed == 6
    assert (
        bursts.hear("44", "main", frame(0, at=1 << 40), NOW_MS) and len(bursts.over(NOW_MS, True)) == RECORDING_MAX - 1
    )


def test_it_is_found_by_time_place_and_person_and_holds_what_was_said(tmp_path: Path) -> None:
    store = Recordings(tmp_path, lambda: NOW_MS / 1_000)
    for hours, place, name in ((5, "440106", "陈村长"), (1, "440106001", "李四"), (0, "44", "Wang")):
        store.write(burst(NOW_MS - hours * HOUR_MS, place, name))

    def found(from_ms: int = 0, **wanted: str) -> list[str]:
        keep = {"place": "", "person": ""} | wanted
        from fusioncmd.voice.recorded import matches

        rows = store.found(from_ms, NOW_MS, lambda one: matches(one, **keep), 10)
        return [one.name for one in rows]

    assert found() == ["Wang", "李四", "陈村长"] and found(NOW_MS - 2 * HOUR_MS) == ["Wang", "李四"]
    assert found(person="陈") == ["陈村长"] and found(person="wang") == ["Wang"] and len(found(person="7")) == 3
    assert found(place="4401060") == ["Wang", "李四", "陈村长"] and found(place="4402") == []
    one, data = store.read(store.found(0, NOW_MS, lambda one: one.name == "李四", 1)[0].id)
    packets, tags = ogg.read(data)
    assert packets == SOUND[:10] and "李四" in tags.values() and one.lasts_ms == 200
    with pytest.raises(NotFound):
        store.read("2026010100-0000000-00000000")


def test_a_line_that_was_cut_off_with_the_machine_costs_no_other(tmp_path: Path) -> None:
    store = Recordings(tmp_path)
    store.write(burst())
    (index,) = tmp_path.glob("voice/*/index")
    index.write_bytes(index.read_bytes() * 2 + b'{"id":"20')
    assert len(store.found(0, NOW_MS * 2, lambda _: True, 10)) == 2
    store.write(burst(NOW_MS + 1))
    assert len(store.found(0, NOW_MS * 2, lambda _: True, 10)) == 3


def test_what_the_disk_takes_by_parts_is_whole_and_orders_have_the_last_of_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, real = Recordings(tmp_path), os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:100]))
    store.write(burst())
    (one,) = store.found(0, NOW_MS * 2, lambda _: True, 10)
    assert ogg.read(store.read(one.id)[1])[0] == SOUND[:10]
    store.free_bytes_min = 1 << 62
    with pytest.raises(OSError, match="for orders and answers"):
        store.write(burst(NOW_MS + 1))
    assert len([*tmp_path.glob("voice/*/*")]) == 2


def test_the_oldest_hours_go_by_size_and_by_age(tmp_path: Path) -> None:
    store = Recordings(tmp_path, lambda: NOW_MS / 1_000, bytes_max=3_000, days_max=30)
    for hours in (31 * 24, 3, 2, 1, 0):
        store.write(burst(NOW_MS - hours * HOUR_MS))
    size = sum(file.stat().st_size for file in tmp_path.glob("voice/*/*")) // 5
    store.prune()
    left = store.found(0, NOW_MS, lambda _: True, 10)
    assert len(left) == 3_000 // size and left[0].at_ms == NOW_MS


class Noted:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)


async def test_nobody_hears_what_is_of_another_place_and_who_hears_is_noted(tmp_path: Path) -> None:
    store, noted = Recordings(tmp_path), Noted()
    store.write(burst(place="44", node="440106001"))
    store.write(burst(NOW_MS + 1, place="440104", node="440104002", name="别处"))
    desk = VoiceDesk(None, None, tmp_path, b"", noted, lambda: 0.0)  # type: ignore[arg-type]
    county = Actor("county", frozenset({"commander"}), Place("440106"))
    reply = await desk.bursts(Asked(NOW_MS - 10, NOW_MS + 10), county)
    assert [one.name for one in reply.bursts] == ["陈村长"] and not reply.more
    province = Actor("province", frozenset({"auditor"}), Place("44"))
    both = await desk.bursts(Asked(NOW_MS - 10, NOW_MS + 10, limit=1), province)
    assert both.more and both.bursts[0].name == "别处"
    with pytest.raises(NotFound):
        await desk.recording(Recording(both.bursts[0].id), county)
    assert not noted.entries
    heard = await desk.recording(Recording(both.bursts[0].id), province)
    assert ogg.read(heard.ogg)[0] == SOUND[:10]
    assert [(entry.actor, entry.deed, entry.details["speaker"]) for entry in noted.entries] == [
        ("province", "voice", "别处")
    ]
    with pytest.raises(BadInput):
        await desk.bursts(Asked(NOW_MS, NOW_MS - 1), province)


async def test_a_folder_that_cannot_be_looked_through_keeps_no_voice_from_being_heard(tmp_path: Path) -> None:
    listener = Listener(MemoryBus(), Place("44"), tmp_path, lambda: NOW_MS / 1_000, lambda: 0.0)
    (tmp_path / "voice" / "2026010100").mkdir(parents=True)
    (tmp_path / "voice" / "2026010100" / "x.ogg").symlink_to("nowhere")
    running = asyncio.create_task(listener.run())
    await until(lambda: listener.failed or running.done())
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
