"""A node's answers about sources over a thin link: stills, asked for while somebody does; and at the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fusioncmd.access import Actor, check
from fusioncmd.api import video as asked
from fusioncmd.api.video import AskStill, StillReply
from fusioncmd.cli import thin
from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, Forbidden, NotFound
from fusioncmd.video import still, subjects
from fusioncmd.video.source import Ask, decode
from fusioncmd.video.still import STILLS_MAX, Still, StillsHeard
from tests.nats_server import until
from tests.test_video_desk import TOWN, publish, world


async def test_a_still_is_asked_for_while_somebody_wants_it_and_kept_as_the_last_one(tmp_path: Path) -> None:
    async with world(tmp_path) as (here, _, _said):
        asks: list[Ask] = []
        place = parse(TOWN)
        await here.bus.hear(subjects.ask(place, "drone1"), lambda _, data: asks.append(decode(data)))  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            await here.admin(AskStill(f"{TOWN}.drone1"))
        await publish(here, TOWN, "drone1", "drone", thin="stills", trouble=("Only stills.", "仅静态画面。"))
        assert (await here.admin(asked.Video())).sources[0].thin == "stills"
        none = await here.admin(AskStill(f"{TOWN}.drone1", 5))
        assert not none.data and none.at_ms == 0
        await until(lambda: asks)
        assert asks[0] == Ask("node-44", 0, still_s=5)
        for width, number, age_ms in ((320, 1, 700), (640, 1, 2_700), (320, 1, 900)):
            said = Still(TOWN, "drone1", number, width, width * 9 // 16, age_ms, b"x" * width)
            await here.bus.say(subjects.still(place, "drone1"), still.encode(said))
        found: StillReply = await here.admin(AskStill(f"{TOWN}.drone1", 5))
        assert (found.width, len(found.data), found.now_ms - found.at_ms) == (640, 640, 2_700)
        here.now_s += 2.1
        await until(lambda: len(asks) == 2)  # said again, as long as somebody asks
        here.now_s += 30
        await publish(here, TOWN, "cam1", "camera")
        with pytest.raises(BadInput, match="watch it"):
            await here.admin(AskStill(f"{TOWN}.cam1"))
        assert (await here.admin(AskStill(f"{place.dotted}.drone1"))).data  # it is gone, its last picture is not
        assert len(asks) == 2


def test_whose_place_it_is_may_ask_however_the_address_is_spelt() -> None:
    city = Actor("city", frozenset({"auditor"}), parse("4401"))
    for address in ("44.01.06.001.drone1", "440106001.drone1"):
        check(city, AskStill(address))
    for other in ("44.02.01.drone1", "440201.drone1", "44.drone1"):
        with pytest.raises(Forbidden):
            check(city, AskStill(other))


def test_stills_are_bounded_and_of_whom_they_say() -> None:
    held = StillsHeard()
    for i in range(STILLS_MAX + 1):
        one = Still("440106001", f"cam{i}", 1, 320, 180, 0, b"x")
        held.take(subjects.still(parse("440106001"), f"cam{i}"), still.encode(one), 1_000)
    assert held.shed == 1 and held.find("44.01.06.001.cam0", 1_000) is None
    other = still.encode(Still("440106002", "cam9", 1, 320, 180, 0, b"x"))
    for wrong in (other, b"", b"x" * 70_000):
        held.take(subjects.still(parse("440106001"), "cam9"), wrong, 1_000)
    assert held.refused == 3
    assert held.find("44.01.06.001.cam9", 2_000) and held.find("44.01.06.001.cam9", 90_000_000) is None


async def test_the_command_waits_for_a_new_one_and_takes_an_old_one_only_after(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (StillReply("a.b", 100_000 + i, at, 320, 180, b"x") for i, at in enumerate((50_000, 99_500)))
    larger = StillReply("a.b", 100_900, 99_500, 640, 360, b"xx")
    answers = [old, old, new, larger, old]

    async def ask() -> StillReply:
        return answers.pop(0)

    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(asyncio, "sleep", at_once)
    assert await thin.newest(ask, 30) == larger and answers == [old]
    assert await thin.newest(ask, 0) == old
    answers = [StillReply("a.b", 1, 0, 0, 0, b"")]
    with pytest.raises(NotFound, match="No still"):
        await thin.newest(ask, 0)
