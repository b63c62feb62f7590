"""A node shows a source to everybody below and calls a roll, over the bus, as a commander asks; and who may not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fusioncmd.api import video as asked
from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, Conflict, Forbidden, NotFound, Unavailable
from fusioncmd.roster.directory import Roster
from fusioncmd.video import subjects
from fusioncmd.video.bounds import ROLLS_MAX, SILENT_S
from fusioncmd.video.roll import RollCall, Turn, begun
from fusioncmd.video.source import Roll, Show, Source, decode, encode
from tests.hearing import Heard
from tests.login_counter import Counter, counter
from tests.nats_server import until
from tests.test_desk import PLACES, VILLAGES
from tests.worlds import NOW_MS, Notebook
from tiers.roll_desk import LISTENS_S, RollDesk
from tiers.roll_files import RollFiles

TOWN, OTHER = sorted({code[:9] for code in VILLAGES})[:2]
CAMERA = "44." + parse(TOWN).dotted[3:] + ".cam1"


@contextlib.asynccontextmanager
async def world(data: Path) -> AsyncIterator[tuple[Counter, Heard, dict[str, list[Any]]]]:
    """A node with video; what it writes into the audit, and what it said on the bus."""
    said: dict[str, list[Any]] = {"show": [], "roll": []}
    async with counter(data) as here:
        heard = Heard(here.node.recorder, {"video"})
        for what in said:
            await here.bus.hear(f"fc.{what}.44", lambda subject, data, what=what: said[what].append(decode(data)))
        here.node.media.video.bus = here.bus
        carrying = asyncio.create_task(here.node.media.video.run())
        here.now_s += LISTENS_S
        await until(lambda: here.node.media.video._saying is not None)
        try:
            yield here, heard, said
        finally:
            carrying.cancel()


async def publish(here: Counter, code: str, name: str, kind: str = "browser", **more: Any) -> None:
    source = Source(code, name, "title", kind, "g", NOW_MS, (), **more)  # type: ignore[arg-type]
    await here.bus.say(subjects.what(parse(code), name), encode(source))


async def test_a_source_is_shown_until_it_is_hidden_and_each_is_in_the_audit(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, heard, said):
        with pytest.raises(NotFound):
            await here.admin(asked.ShowSource(CAMERA))
        await publish(here, TOWN, "cam1", "camera", width=640, height=360)
        (line,) = (await here.admin(asked.Video())).sources
        assert (line.address, line.width, line.kind) == (CAMERA, 640, "camera")
        assert (await here.admin(asked.Video(OTHER))).sources == ()
        shown = await here.admin(asked.ShowSource(f"{TOWN}.cam1"))
        assert (shown.source, shown.by, shown.live) == (CAMERA, "duty", True)
        await until(lambda: said["show"])
        assert said["show"][0] == Show("44", CAMERA, "duty")
        here.now_s += 2.1
        await until(lambda: len(said["show"]) == 2)  # again, as long as it is
        here.now_s += SILENT_S
        assert (await here.admin(asked.Video())).shown.live is False
        assert RollFiles(tmp_path / "rolls").shown() == shown  # and after a restart
        assert (await here.admin(asked.HideSource())).source == CAMERA
        await until(lambda: said["show"][-1].source == "")
        assert (await here.admin(asked.Video())).shown is None and RollFiles(tmp_path / "rolls").shown() is None
        assert (await here.admin(asked.HideSource())).source == ""
        what = [(entry.actor, entry.about, entry.details["what"]) for entry in heard.entries]
        assert what == [("duty", CAMERA, "shown to everybody below"), ("duty", CAMERA, "shown no more")]


async def test_what_is_shown_above_is_told_and_not_shown_again(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, _, _):
        await publish(here, "44", "shown", "shown", of=CAMERA)
        assert (await here.admin(asked.Video())).above == ()  # that is its own
        with pytest.raises(BadInput):
            await here.admin(asked.ShowSource("44.shown"))
        await here.bus.say(subjects.what(parse(TOWN), "x1"), encode(Source("44", "x2", "", "browser", "g", 1, ())))
        assert (await here.admin(asked.Video())).sources == ()  # of another subject than its own


async def test_two_towns_answer_a_roll_and_one_does_not(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, heard, said):
        call = await here.admin(asked.BeginRoll((TOWN, OTHER), wait_s=10, hold_s=10))
        with pytest.raises(Conflict):
            await here.admin(asked.BeginRoll((TOWN,)))
        await until(lambda: said["roll"])
        assert said["roll"][0] == Roll("44", call.id, TOWN, call.until_ms, "duty")
        await publish(here, TOWN, "cam1", "camera")  # is nobody
        here.node.media.video.rolls.tick()
        assert here.node.media.video.rolls.running.called.outcome == "called"
        await publish(here, TOWN + "001" if TOWN + "001" in VILLAGES else VILLAGES[0], "p1", number=7)
        await until(lambda: here.node.media.video.rolls.running.called.outcome == "live")
        with pytest.raises(Conflict):
            await here.admin(asked.TurnRoll("present", call.id, OTHER))
        after = await here.admin(asked.TurnRoll("present", call.id, TOWN))
        assert [one.outcome for one in after.turns] == ["present", "called"]
        here.now_s += 10.1
        await until(lambda: here.node.media.video.rolls.running is None)
        report = await here.admin(asked.RollReport(call.id))
        assert report.counts() == {"present": 1, "absent": 1} and report.turns[0].who == "title"
        await until(lambda: said["roll"][-1].called == "")
        (line,) = (await here.admin(asked.Rolls())).lines
        assert (line.id, line.counts, line.over_ms) == (call.id, {"present": 1, "absent": 1}, report.over_ms)
        what = [(entry.actor, entry.details["what"], entry.details.get("place", "")) for entry in heard.entries]
        assert what == [
            ("duty", "roll begun", ""), ("duty", "roll: present", TOWN), ("node 44", "roll: absent", OTHER),
            ("node 44", "roll over", ""),
        ]  # fmt: skip


async def test_a_roll_is_drawn_by_a_seed_that_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, heard, _):
        call = await here.admin(asked.BeginRoll(count=2))
        assert call.seed == heard.entries[0].details["seed"] and call.within == "44" and len(call.turns) == 2
        assert (await here.admin(asked.TurnRoll("end"))).over_ms
        again = await here.admin(asked.BeginRoll(count=2, seed=call.seed))
        assert [one.place for one in again.turns] == [one.place for one in call.turns]
        await here.admin(asked.TurnRoll("end"))
        for bad, problem in (
            (asked.BeginRoll(), BadInput), (asked.BeginRoll((TOWN,), count=1), BadInput),
            (asked.BeginRoll(("4499",)), NotFound), (asked.BeginRoll(count=199), BadInput),
        ):  # fmt: skip
            with pytest.raises(problem):
                await here.admin(bad)


async def test_a_roll_goes_on_after_a_restart_and_nobody_is_absent_before_they_could_be_heard(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, _, _):
        call = await here.admin(asked.BeginRoll((TOWN, OTHER), wait_s=10))
    async with world(tmp_path) as (here, _, said):
        running = here.node.media.video.rolls.running
        assert running is not None and running.id == call.id
        await until(lambda: said["roll"])
        here.now_s += 60
        await until(
            lambda: here.node.media.video.rolls.running is None or here.node.media.video.rolls.running.turn == 1
        )


def test_after_a_restart_a_place_is_absent_only_once_it_could_have_been_heard(tmp_path: Path) -> None:
    files, now_s, said = RollFiles(tmp_path), [NOW_MS / 1_000], list[bytes]()
    files.keep(begun(RollCall("0" * 26, "44", "chen", NOW_MS - 99_000, (Turn(TOWN), Turn(OTHER)))))
    desk = RollDesk(
        parse("44"), Roster(PLACES), files, Notebook(), lambda: now_s[0], lambda who: None, lambda code: None,
        lambda subject, data: said.append(data),
    )  # fmt: skip
    assert desk.running is not None
    for later_s, turn in ((0.0, 0), (LISTENS_S - 0.1, 0), (0.1, 1)):
        now_s[0] += later_s
        desk.tick()
        assert desk.running.turn == turn
    assert [message.called for message in map(decode, said) if isinstance(message, Roll)][-1] == OTHER


async def test_the_called_are_told_and_who_commands_below_calls_no_roll(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, _, _):
        await here.add(path=TOWN)
        chen = await here.login()
        await here.admin(asked.BeginRoll((TOWN,)))
        told = await chen.ask(asked.Video())
        assert [(one.node, one.called, one.by) for one in told.called] == [("44", TOWN, "duty")]
        assert told.roll is None and not told.may_call
        own = await here.admin(asked.Video())
        assert own.called == () and own.may_call and own.roll is not None
        for question in (asked.HideSource(), asked.TurnRoll("end"), asked.BeginRoll((TOWN,)), asked.Rolls(),
                         asked.ShowSource(CAMERA), asked.RollReport("0" * 26)):  # fmt: skip
            with pytest.raises(Forbidden):
                await chen.ask(question)


async def test_a_tier_without_video_says_so(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        assert not (await here.admin(asked.Video())).carried
        for question in (asked.ShowSource(CAMERA), asked.BeginRoll((TOWN,))):
            with pytest.raises(Unavailable):
                await here.admin(question)


def test_the_oldest_rolls_go_and_what_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    files = RollFiles(tmp_path)
    for at in range(ROLLS_MAX + 2):
        files.keep(RollCall(f"{at:026d}", "44", "chen", at, (Turn("4401", "absent"),), over_ms=at + 1))
    assert [line.begun_ms for line in files.lines(ROLLS_MAX)] == list(range(ROLLS_MAX + 1, 1, -1))
    newest = tmp_path / f"{ROLLS_MAX + 1:026d}.json"
    newest.write_bytes(b"{")
    again = RollFiles(tmp_path)
    assert again.running() is None and len(again.lines(3)) == 3
    assert newest.with_suffix(".unreadable").exists()
    with pytest.raises(NotFound):
        again.find(f"{0:026d}")


async def test_health_says_when_what_the_node_does_for_video_is_over(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, _, _):
        media = here.node.media
        failing = asyncio.get_running_loop().create_future()
        failing.set_exception(RuntimeError("a mistake"))
        media.note_end(failing)
        assert any("video has failed" in en for en, _ in media.problems())
