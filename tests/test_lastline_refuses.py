"""The last line refuses: what is forged, spoilt, echoed, of nobody's card, of a node that was revoked, or too late."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd.exchange.evidence import RUNGS, Evidence
from fusioncmd.lastline import answer_maps, frames, order_codes, twins
from fusioncmd.lastline.answer_maps import Section
from fusioncmd.lastline.bits import Writer
from fusioncmd.lastline.frames import Kind
from fusioncmd.trust import handing, joining, line_keys, ring
from fusioncmd.trust.revocations import revoke
from tests.line_world import HUB, KIT, PEOPLE, TOWN, LineWorld, counted, line_world, stand_in
from tests.nats_server import until
from tests.worlds import NOW_MS


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda data: data[:-1] + bytes((data[-1] ^ 1,)), "did not make"),
        (lambda data: data[:10] + bytes((data[10] ^ 4,)) + data[11:], "did not make"),
        (lambda data: data[:5], "did not make"),
        (lambda data: bytes(70), "did not make"),
    ],
)
async def test_a_message_that_is_forged_or_spoilt_changes_nothing_and_is_told(
    tmp_path: Path, spoil: object, sentence: str
) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say = await world.next(HUB)
        assert await world.bring(KIT, spoil(say.data))  # type: ignore[operator]
        assert world.orders(KIT) == [] and sentence in world.problems(KIT)
        assert await world.bring(KIT, say.data) and len(world.orders(KIT)) == 1


async def test_a_message_from_a_card_that_is_nobodys_is_refused(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say = await world.next(HUB)
        await world.bring(KIT, say.data, by=999)
        assert world.orders(KIT) == [] and "card 999" in world.problems(KIT)


async def test_a_node_that_was_revoked_is_heard_no_more(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        here = await stand_in(world, order := await world.call())
        await world.answer(here, PEOPLE[:5])
        await until(lambda: world.answered(here, KIT) == [5, 0])
        keys = ring.folder_of(world.data(HUB))
        (chain,) = joining.approved(keys, KIT)
        revoked = revoke(handing.signer_of(keys, ring.ROOT), chain, NOW_MS)
        world.nodes[HUB]._judge.revocations.add(revoked)
        assert await world.carry(KIT)
        assert world.answered(order) == [0, 0] and "names no node of it" in world.problems(HUB)
        world.pass_time(3_600)
        assert not (await world.next(HUB)).data


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("lastline.toml", "[cards", "lastline.toml cannot be taken"),
        ("templates.toml", "[[template]]", "file of templates cannot be taken"),
        ("lastline.state", "{", "lastline.state is damaged"),
    ],
)
async def test_a_file_that_cannot_be_taken_is_told_and_keeps_no_node_from_running(
    tmp_path: Path, file: str, text: str, sentence: str
) -> None:
    async with line_world(tmp_path, files={file: text}) as world:
        await world.call()
        say = await world.next(HUB)
        assert bool(say.data) == (file == "templates.toml")
        assert sentence in world.problems(HUB) and world.nodes[HUB].ready


async def test_an_echo_of_ones_own_message_is_none_of_the_other_end(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say = await world.next(HUB)
        await world.bring(HUB, say.data)
        assert "did not make" in world.problems(HUB)


async def test_answers_by_another_roster_count_and_it_is_said(tmp_path: Path) -> None:
    async with line_world(tmp_path, hub_edition=2) as world:
        order = await world.call()
        here = await stand_in(world, order)
        await world.answer(here, PEOPLE[:5])
        await until(lambda: world.answered(here, KIT) == [5, 0])
        await world.carry(KIT)
        await counted(world, order, 5, 0)
        assert "another edition of the roster" in world.problems(HUB)


async def test_an_order_whose_time_is_over_is_not_issued(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call(open_s=600)
        say = await world.next(HUB)
        world.pass_time(700)
        await world.bring(KIT, say.data)
        assert world.orders(KIT) == [] and "its time was over" in world.problems(KIT)


def evidence(**rungs: int) -> Evidence:
    return tuple(rungs.get(f"r{at}", 0) for at in range(RUNGS))


def from_kit(world: LineWorld, kind: Kind, said: Writer, counter: int = 500) -> bytes:
    """What the kit's own key makes, whoever has it."""
    (key,) = line_keys.read_all(ring.folder_of(world.data(KIT)))
    return frames.close(frames.key_of(key.secret, KIT, "up"), kind, counter, said)


@pytest.mark.parametrize(
    ("short", "section", "sentence"),
    [
        (None, Section(TOWN + 1, 1, 0, 8, evidence(r3=1)), "people of another place"),
        (None, Section(60_000, 1, 0, 8, evidence(r3=1)), "people of another place"),
        (None, Section(None, 1, 0, 8, evidence(r5=1)), "an answer that the order does not have"),
        (b"nobody", Section(None, 1, 0, 8, evidence(r3=1)), "an order that is not known here"),
    ],
)
async def test_a_node_below_that_is_taken_over_counts_its_own_people_and_no_others(
    tmp_path: Path, short: bytes | None, section: Section, sentence: str
) -> None:
    async with line_world(tmp_path) as world:
        order = await world.call()
        ((_, said),) = answer_maps.pack(short or twins.short_of(order.id), [section], 1_000)
        await world.bring(HUB, from_kit(world, Kind.ANSWERS, said))
        assert sentence in world.problems(HUB) and world.answered(order) == [0, 0]


async def test_a_node_below_gives_no_orders_and_of_a_village_nobody_else_is_counted(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        order = await world.call()
        said = order_codes.write(order_codes.cancel_of(order), KIT)
        await world.bring(HUB, from_kit(world, Kind.ORDER, said))
        assert "may not say that" in world.problems(HUB) and world.orders(HUB) == [order]
        hearing, section = world.nodes[HUB].lastline._hearing, Section(None, 1, 0, 8, evidence(r3=0b1001))
        assert len([*hearing._marks(order, section, TOWN, KIT)]) == 1
        assert [*hearing._marks(order, section, TOWN, f"{KIT}001")] == []  # they are of the town itself
