"""Recordings of a kit fetched over its link: what was wished for, whole, also after cuts, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fusioncmd.access import Actor, check
from fusioncmd.api.kept import FetchFootage, Fetching, Footage, FootageCut
from fusioncmd.codes import Path as Place
from fusioncmd.errors import BadInput, BadMessage, Forbidden, NotFound
from fusioncmd.video import copying, subjects
from fusioncmd.video.copying import AskBytes, Bytes, Here, encode
from fusioncmd.video.kept import Missing
from fusioncmd.video.source import Source, Track
from gateways.satellite.carrying import Kind, Letter, Work
from gateways.satellite.classes import Class
from gateways.satellite.kept import HubKept, KitKept
from tests.kept_recordings import KEY, T0, recorder
from tests.nats_server import until
from tests.test_video_kept_desk import asking, desk_of
from tests.thin_link import KIT, ThinLink
from tests.thin_recorders import Ends
from tests.worlds import Notebook
from tiers import kept_copies, kept_thin, kept_wishes
from tiers.kept_finding import Finding
from tiers.kept_store import folder_of

CITY = Actor("city", frozenset({"commander", "auditor"}), Place("4401"))


async def test_what_is_wished_for_comes_whole_through_cuts_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_thin, "IDLE_S", 0.05)
    monkeypatch.setattr(kept_copies, "HERE_S", 0.05)
    ends, notes = Ends(tmp_path), Notebook()
    ask = asking(desk_of(ends.hub_data, notes), CITY, notes)
    await ends.begin()
    finding = Finding(ends.hub_data, ends.clock)
    await until(lambda: ([one.cause for one in _missing(finding)].count("below"), len(_missing(finding))) == (2, 3))
    lines = (await ask(Footage(T0, T0 + 9_000, "440106"))).lines
    assert lines[0].cause == "below" and ends.bytes < 3_000  # the index; no picture
    with pytest.raises(NotFound, match="video fetch"):
        await ask(FootageCut(*KEY, T0, T0 + 400))
    assert not finding.cut(T0, T0 + 9_000, *KEY).segments

    wish = FetchFootage(*KEY, T0, T0 + 700)
    assert (await ask(wish)).lines[0].wish.by == "city" and notes.entries[-1].details["what"] == "to be fetched"
    await until(lambda: ends.partial().exists() and ends.partial().stat().st_size > 20_000)
    ends.turn(False)
    held = ends.partial().stat().st_size
    before = ends.bytes
    await asyncio.sleep(0.05)
    assert ends.partial().exists() and ends.bytes == before
    ends.begin_anew()  # the recorder above is another process now
    ends.turn(True)
    await until(lambda: finding.cut(T0, T0 + 700, *KEY).segments)
    assert ends.bytes - before < ends.found[0].bytes - held + 80_000  # it went on from there
    file, row = finding.file(ends.found[0].id)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == row.sha256
    await until(lambda: _is_told(ends))
    quiet = ends.bytes
    await asyncio.sleep(0.3)
    assert ends.bytes == quiet  # who wishes for nothing uses no link
    done: Fetching = await ask(FetchFootage())
    assert [(one.fetched.here, one.fetched.bytes_here) for one in done.lines] == [(1, ends.found[0].bytes)]
    assert len(finding.cut(T0, T0 + 9_000, *KEY).segments) == 1  # the other one was not wished for
    assert (await ask(FetchFootage(*KEY, T0, T0 + 700, on=False))).lines == ()
    await ends.end()


def _missing(finding: Finding) -> list[Missing]:
    rows = finding.rows(T0, T0 + 9_000, "440106", "").get(KEY, [])
    return [one for one in rows if isinstance(one, Missing)]


def _is_told(ends: Ends) -> bool:
    return any(one.here for one in kept_wishes.fetched(folder_of(ends.hub_data)).values())


async def test_a_wish_is_refused_with_a_sentence(tmp_path: Path) -> None:
    notes = Notebook()
    ask = asking(desk_of(tmp_path, notes), CITY, notes)
    county = asking(desk_of(tmp_path, notes), Actor("c", frozenset({"commander"}), Place("440104")), notes)
    for wrong in (FetchFootage("4401", "x", T0, T0 + 9), FetchFootage(KEY[0], "", T0, T0 + 9)):
        with pytest.raises(BadInput):
            await ask(wrong)
    with pytest.raises(BadInput, match="too long"):
        await ask(FetchFootage(*KEY, T0, T0))
    with pytest.raises(NotFound):
        await ask(FetchFootage(*KEY, T0, T0 + 9, on=False))
    with pytest.raises(Forbidden):
        await county(FetchFootage(*KEY, T0, T0 + 9))
    with pytest.raises(Forbidden):
        check(Actor("v", frozenset({"auditor"}), Place("44")), FetchFootage(*KEY, T0, T0 + 9))
    for i in range(64):
        await ask(FetchFootage(*KEY, T0, T0 + 10 + i))
    with pytest.raises(Exception, match="64 are fetched"):
        await ask(FetchFootage(*KEY, T0, T0 + 9))


@pytest.mark.parametrize("idle", [False, True])
def test_a_clip_uses_what_others_leave_and_what_may_wait_uses_nothing_else(idle: bool) -> None:
    clip = bytes(range(256)) * 1_024  # 256 KiB
    link = ThinLink(KitKept, HubKept, 64_000, loss=0.01)
    fetched, pieces = _fetch(link, clip, idle)
    link.say(link.kit, subjects.kept_said(KIT), encode(Here(KIT.code)))
    began_s, waited, turns = link.now_s, list[int](), [0]

    def turn(now_s: float) -> None:
        turns[0] += 1
        if turns[0] % 40 == 0:  # an order each 2 s
            link.kit.take(Work([Letter(Class.ORDERS, Kind.EXCHANGE, b"o" * 300)]), now_s)
        if turns[0] % 4 == 0:  # a picture, 24 kbit/s
            link.kit.take(Work([Letter(Class.VIDEO, Kind.VIDEO, b"v" * 600, 3.0)]), now_s)
        waited.append(link.kit.waiting(Class.ORDERS))
        pieces(now_s)

    while len(fetched) < len(clip) and link.now_s - began_s < 400:
        link.run(1.0, turn)
    took_s = link.now_s - began_s
    assert bytes(fetched) == clip and max(waited) <= 300
    share, live = (link.kit.sent_bytes[cls] * 8 / took_s / 64_000 for cls in (Class.CLIPS, Class.VIDEO))
    if idle:
        assert live > 0.95 * (640 * 5 * 8) / 64_000 and share > 0.4, (live, share)
    else:
        assert share > 0.9 and live < 0.1, (live, share)
    assert all(isinstance(copying.decode(each.data), Here | Bytes) for each in link.hub.of(".said"))


def _fetch(link: ThinLink, clip: bytes, idle: bool) -> tuple[bytearray, Callable[[float], None]]:
    """A recorder above that asks as `kept_thin.py` does, and one below that answers at once."""
    fetched, open_, after = bytearray(), dict[int, bytes | None](), [0]

    def hub(each: object) -> None:
        said = copying.decode(each.data)  # type: ignore[attr-defined]
        if isinstance(said, Bytes):
            open_[said.number] = said.data

    def kit(each: object) -> None:
        asked = copying.decode(each.data)  # type: ignore[attr-defined]
        assert isinstance(asked, AskBytes)
        data = clip[asked.offset : asked.offset + asked.limit]
        noise = hashlib.shake_128(data + asked.offset.to_bytes(4, "big")).digest(len(data))
        answers.append((asked.number, noise))
        plain[asked.number] = data

    size = copying.THIN_IDLE_BYTES if idle else copying.THIN_PIECE_BYTES
    answers, plain = list[tuple[int, bytes]](), dict[int, bytes]()
    link.hub.heard_by, link.kit.heard_by = hub, kit

    def turn(_: float) -> None:
        while len(open_) < copying.THIN_WINDOW and after[0] < len(clip):
            number = after[0] // size + 1
            open_[number] = None
            asked = AskBytes(number, "2026070108-0000000-00000000", after[0], size, idle)
            after[0] += size
            link.say(link.hub, subjects.kept_ask(KIT), encode(asked))
        while answers:
            number, data = answers.pop(0)
            link.say(link.kit, subjects.kept_said(KIT), encode(Bytes(number, data)))
        while open_ and (first := next(iter(open_.values()))) is not None:
            number = next(iter(open_))
            del open_[number]
            assert len(first) == len(plain[number])
            fetched.extend(plain.pop(number))

    return fetched, turn


def test_what_goes_after_a_cut_is_asked_again_and_a_recorder_that_went_is_not_there() -> None:
    link = ThinLink(KitKept, HubKept, loss=0.0)
    link.say(link.kit, subjects.kept_said(KIT), encode(Here(KIT.code)))
    link.say(link.hub, subjects.kept_ask(KIT), encode(AskBytes(5, "2026070108-0000000-00000000", 0)))
    link.run(2.0)
    asked = link.kit.of(".ask")
    assert len(asked) == 1 and len(link.hub.of(".said")) == 1
    link.turn(False)
    link.run(30.0)
    assert len(link.hub.of(".said")) == 1  # nobody is there now
    link.turn(True)
    link.say(link.kit, subjects.kept_said(KIT), encode(Here(KIT.code)))
    link.run(2.0)
    assert len(link.kit.of(".ask")) == 2
    link.say(link.kit, subjects.kept_said(KIT), encode(Bytes(5, b"x")))
    link.say(link.kit, subjects.kept_said(KIT), encode(Bytes(6, b"nobody asked")))
    link.run(30.0)
    said = [copying.decode(each.data) for each in link.hub.of(".said")]
    assert [one.data for one in said if isinstance(one, Bytes)] == [b"x"]
    here = len([one for one in said if isinstance(one, Here) and one.thin])
    link.run(60.0)
    assert len(link.hub.of(".said")) - len(said) <= 2 and here >= 4


def test_what_may_wait_is_answered_once_however_often_it_was_asked_meanwhile() -> None:
    link = ThinLink(KitKept, HubKept, loss=0.0)
    link.kit.take(Work([Letter(Class.VIDEO, Kind.VIDEO, b"v" * 30_000)]), link.now_s)
    asked = AskBytes(5, "2026070108-0000000-00000000", 0, idle=True)
    link.say(link.hub, subjects.kept_ask(KIT), encode(asked))

    def answered(_: float) -> None:  # as often as it is asked, and the link is busy
        link.kit.take(Work([Letter(Class.VIDEO, Kind.VIDEO, b"v" * 600)]), link.now_s)
        while len(link.kit.of(".ask")) > len(told):
            told.append(5)
            link.say(link.kit, subjects.kept_said(KIT), encode(Bytes(5, noise)))

    told, noise = list[int](), hashlib.shake_128(b"a piece").digest(2_000)
    link.run(200.0, answered)
    assert len(told) >= 3
    link.run(60.0)
    assert link.kit.sent_bytes[Class.CLIPS] < 2_100, "once"


@pytest.mark.parametrize("forged", [b"", b"\0", b"\1xyz", b"\3abc", b"\0" + encode(Here("440107"))])
def test_what_cannot_be_read_is_refused(forged: bytes) -> None:
    link = ThinLink(KitKept, HubKept)
    for end in (link.kit, link.hub):
        with pytest.raises(BadMessage):
            end.carrier.from_link(Kind.KEPT, forged, 1.0)


def test_a_source_over_a_thin_link_is_not_recorded_above_for_the_whole_of_it_comes_later(tmp_path: Path) -> None:
    store, keeper = recorder(tmp_path, T0, (KEY[0],), "440106")
    said = Source(*KEY, "", "drone", "g", 1, (Track("H264", 9),))
    assert keeper.work([said], [], 0, T0).hear == {KEY}
    store, keeper = recorder(tmp_path / "b", T0, (KEY[0],), "440106")
    thin = Source(*KEY, "", "drone", "g", 1, (Track("H264", 9),), thin="live")
    assert not keeper.work([thin], [], 0, T0).hear and not store.hours()
