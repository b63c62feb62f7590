"""A kit's disk: what goes first, what never goes, who is told; and that no bound is passed."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import msgspec
import pytest

from fusioncmd.audit.entries import Entry
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import PICTURE, Bus
from fusioncmd.canary import Word
from fusioncmd.errors import StorageFull
from fusioncmd.kit_disk import DiskWord
from fusioncmd.room import refuses_reports
from fusioncmd.voice.recorded import HOUR_MS, hour_of
from loadtest.kept_world import Simulated, World
from tests.test_bus import bus as bus
from tests.test_bus import held
from tests.test_bus import server as server
from tiers import kept_wanted
from tiers.kept_store import SHARE, folder_of
from tiers.kit_disk import KitDisk, measure, unbounded

MIB, GIB = 1024**2, 1024**3


class Notes:
    """A recorder that keeps what is noted."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def record(self, entry: Entry) -> None:
        self.note(entry)

    record_after = record


class Kit:
    """A kit's node beside its files; `budget` bytes for all of them."""

    def __init__(self, data: Path, budget: int) -> None:
        self.data, self.bus, self.notes, self.now_s = data, MemoryBus(), Notes(), 1_800_000_000.0
        self.budget = budget
        self.video = folder_of(data)
        self.video.mkdir(parents=True, exist_ok=True)
        self.disk = self.made()

    def made(self) -> KitDisk:
        return KitDisk(self.bus, "440106001", self.data, self.budget, self.notes, lambda: self.now_s)

    def grow(self, name: str, size: int) -> None:
        """A file that takes no room of this machine."""
        file = self.data / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.truncate(file, size)

    def recorder_shed(self, count: int) -> None:
        kept_wanted.write(self.video, kept_wanted.State(0, 0, (), count))

    @property
    def share(self) -> int:
        return int((self.video / SHARE).read_text())


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path, 800 * MIB)


async def put_pictures(kit: Kit, count: int) -> None:
    for n in range(count):
        await kit.bus.store(f"fc.picture.44.{n}", bytes(MIB // 2))
    kit.grow(f"nats/store/jetstream/fc/streams/{PICTURE.name}/msgs/1.blk", count * MIB // 2)


async def test_the_recorder_is_told_what_is_left_and_gives_it_back_as_orders_grow(kit: Kit) -> None:
    await kit.disk.look()
    assert kit.share == 800 * MIB * 27 // 32 - measure(kit.data).kept and kit.disk.said is None
    kit.grow("video/2026/one.mp4", 600 * MIB)
    kit.grow("ledger/orders", 300 * MIB)
    await kit.disk.look()
    assert kit.share < 400 * MIB and measure(kit.data).recordings >= 600 * MIB
    kit.recorder_shed(9)
    await kit.disk.look()
    assert kit.disk.said == DiskWord("440106001", 9, 0, "")
    assert "9 recordings of video and voice" in kit.disk.problems()[0][0]


async def test_pictures_go_when_orders_need_their_room_and_are_counted(kit: Kit) -> None:
    await kit.disk.look()
    await put_pictures(kit, 200)
    await kit.disk.look()
    assert kit.disk.said is None and (await kit.bus.edge(PICTURE)).first == 1
    kit.grow("ledger/orders", 680 * MIB)
    await kit.disk.look()
    await kit.disk.look()
    said = kit.disk.said
    assert said is not None and 150 < said.parts < 200 and (await kit.bus.edge(PICTURE)).first == said.parts + 1
    assert (await kit.bus.edge(PICTURE)).size_bytes <= 21 * MIB


async def test_old_voice_goes_by_the_hour_and_that_of_now_stays(kit: Kit) -> None:
    now_hour, old = hour_of(int(kit.now_s * 1_000)), hour_of(int(kit.now_s * 1_000) - 5 * HOUR_MS)
    for hour in (old, now_hour):
        kit.grow(f"voice/{hour}/{hour}-1.ogg", 200 * MIB)
    await kit.disk.look()
    assert kit.disk.said == DiskWord("440106001", 1) and not list((kit.data / "voice" / old).glob("*"))
    kit.grow("ledger/orders", 700 * MIB)
    await kit.disk.look()
    assert (kit.data / "voice" / now_hour / f"{now_hour}-1.ogg").exists() and kit.share == 0


async def test_reports_are_refused_before_orders_and_both_are_taken_again_when_there_is_room(kit: Kit) -> None:
    kit.grow("ledger/orders", 760 * MIB)
    await kit.disk.look()
    kit.disk.check_room()
    assert refuses_reports(kit.data) and kit.disk.word.full == "reports"
    kit.grow("ledger/orders", 800 * MIB)
    await kit.disk.look()
    with pytest.raises(StorageFull, match="--disk-gib"):
        kit.disk.check_room()
    kit.grow("ledger/orders", MIB)
    await kit.disk.look()
    kit.disk.check_room()
    assert not refuses_reports(kit.data) and kit.disk.said is None


async def test_what_was_shed_is_in_the_audit_and_said_for_a_day_also_by_a_node_that_was_started_anew(kit: Kit) -> None:
    kit.recorder_shed(4)
    kit.disk = kit.made()
    kit.recorder_shed(7)
    await kit.disk.look()
    assert kit.notes.entries == []
    kit.now_s += 61
    await kit.disk.look()
    assert [entry.details for entry in kit.notes.entries] == [
        {"change": "shed", "segments": "3", "parts of pictures": "0"}
    ]
    kit.disk = kit.made()
    await kit.disk.look()
    assert kit.disk.said == DiskWord("440106001", 3)
    kit.recorder_shed(1)  # it was started anew as well
    await kit.disk.look()
    assert kit.disk.shed.segments == 3
    kit.now_s += 86_401
    await kit.disk.look()
    assert kit.disk.said is None


async def test_a_node_that_is_a_kit_no_more_bounds_nothing(kit: Kit) -> None:
    kit.grow("ledger/orders", 800 * MIB)
    await kit.disk.look()
    assert kit.share == 0 and refuses_reports(kit.data)
    unbounded(kit.data)
    assert not (kit.video / SHARE).exists() and not refuses_reports(kit.data)


def test_a_word_of_a_beat_without_disks_is_one_of_before() -> None:
    before = msgspec.msgpack.encode([0, 5, [], 2])
    assert msgspec.msgpack.decode(before, type=Word) == Word(0, 5, (), 2)
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode([0, 5, [], 2, [["44", -1]]]), type=Word)


def test_a_recorder_sheds_to_its_share_and_records_on(tmp_path: Path) -> None:
    world = World(tmp_path, "4401", 1_795_000_000_000, 1024 * MIB)
    source = Simulated("440106001", "p1", Random(1), [], 2, 5_000)
    keeper = world.start()
    for _ in range(400):
        world.turn([source], 1_000)
    had = measure(tmp_path).recordings
    (folder_of(tmp_path) / SHARE).write_text(str(had // 2))
    for _ in range(10):
        world.turn([source], 1_000)
    said = kept_wanted.state(folder_of(tmp_path))
    assert said is not None and 0 < said.shed <= world.store.shed_for_room
    assert sum(file.stat().st_size for file in folder_of(tmp_path).rglob("*.mp4")) <= had // 2
    shed = world.store.shed
    (folder_of(tmp_path) / SHARE).unlink()
    for _ in range(200):
        world.turn([source], 1_000)
    assert world.store.shed == shed and measure(tmp_path).recordings > had // 2
    keeper.end(world.now_ms)


async def test_a_stream_that_sheds_is_given_a_smaller_bound_and_its_oldest_go(bus: Bus) -> None:
    for n in range(8):
        await bus.store(f"fc.picture.44.{n}", bytes(1_000))
    await bus.bound(PICTURE, 4_500)
    assert [stored.seq for stored in await held(bus, PICTURE)] == [5, 6, 7, 8]
    await bus.store("fc.picture.44.8", bytes(1_000))
    assert [stored.seq for stored in await held(bus, PICTURE)] == [6, 7, 8, 9]
    await bus.bound(PICTURE, 1_000_000)
    await bus.store("fc.picture.44.9", bytes(1_000))
    assert len(await held(bus, PICTURE)) == 5
