"""Experts at a node: imported, drawn by a seed committed before, asked, and signed off; anybody replays the draw."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from fusioncmd.api.experts import DrawExperts, Draws, Experts, NoteDraw, OneDraw, PutExperts, SetExpert
from fusioncmd.errors import BadInput, Conflict, Forbidden, NotFound
from fusioncmd.experts import record, registry
from fusioncmd.experts.draw import Need
from fusioncmd.messages import Selector
from tests.hearing import Heard
from tests.key_tier import Tier
from tests.nats_server import until
from tests.test_alarm_desk import tier_in
from tests.worlds import make_id
from tiers import expert_desk

CSV = """id,name,phone,place,fields,organisation,lat,lon,state
e1,李一,13800000001,440103,化工;消防,院一,23.10,113.30,
e2,李二,,440103,化工,院二,23.11,113.31,
e3,李三,,440106,化工,南方化工,23.12,113.32,
e4,李四,,440106,化工,院四,23.13,113.33,leave
e5,李五,,440106,结构,院五,23.14,113.34,
e6,李六,,4419,化工,院六,22.00,113.30,
"""
NEEDS = (Need("化工", 1), Need("结构", 1))
AT = (23.12, 113.32)


async def filled(tier: Tier) -> None:
    reply = await tier.ask(PutExperts(tuple(registry.read_csv(CSV.encode()))))
    assert (reply.added, reply.changed) == (6, 0)


def ask(number: int, needs: tuple[Need, ...] = NEEDS) -> DrawExperts:
    return DrawExperts(make_id(number), needs, at=AT, within_km=20, parties=("南方化工",), officials=("王", "赵"))


async def test_a_draw_is_by_the_seed_that_was_committed_before_and_anybody_replays_it(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running():
        await filled(tier)
        committed = hashlib.sha256(bytes.fromhex((tier.folder / "data" / "draw.seed").read_text("ascii"))).hexdigest()
        reply = await tier.ask(ask(1))
        assert set(reply.record.listed.experts) == {"e1", "e2", "e5"}
        assert reply.record.listed.excluded == {"e3": "conflict: 南方化工", "e4": "leave", "e6": "far"}
        assert reply.official in ("王", "赵") and [line.field for line in reply.lines] == ["化工", "结构"]
        record = json.loads(msgspec.json.encode(reply.record))
        seed = bytes.fromhex(record["seed"])
        assert hashlib.sha256(seed).hexdigest() == record["commitment"] == committed
        text = json.dumps(record["listed"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        digest = hashlib.sha256(text.encode()).digest()
        key = lambda name: hmac.digest(seed, digest + b"expert" + name.encode(), "sha256")  # noqa: E731
        first = next(name for name in sorted(record["listed"]["experts"], key=key) if name != "e5")
        assert [line.id for line in reply.lines] == [first, "e5"]
        assert (await tier.ask(ask(1))).record == reply.record  # asked again, it is the same draw
        found = {line.expert.id: line.expert.state for line in (await tier.ask(Experts())).lines}
        assert found[first] == found["e5"] == "task"
        new = (tier.folder / "data" / "draw.seed").read_text("ascii")
        assert new != record["seed"]  # a seed is used once


async def test_who_declines_is_followed_by_the_next_and_a_record_goes_to_its_end(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running():
        await filled(tier)
        reply = await tier.ask(ask(1, (Need("化工", 1),)))
        first, other = reply.lines[0].id, ({"e1", "e2"} - {reply.lines[0].id}).pop()
        after = await tier.ask(NoteDraw(make_id(1), first, "declined", "在外地"))
        assert [line.id for line in after.lines] == [other]
        states = {line.expert.id: line.expert.state for line in (await tier.ask(Experts())).lines}
        assert (states[first], states[other]) == ("available", "task")
        for wrong, problem in (
            ((other, "arrived"), Conflict),
            ((first, "accepted"), Conflict),
            (("e5", "accepted"), BadInput),
        ):
            with pytest.raises(problem):
                await tier.ask(NoteDraw(make_id(1), *wrong))  # type: ignore[arg-type]
        for what, words in (("accepted", ""), ("arrived", ""), ("opinion", "立即关闭三号阀门。"), ("signed", "")):
            await tier.ask(NoteDraw(make_id(1), other, what, words))  # type: ignore[arg-type]
        one = await tier.ask(OneDraw(make_id(1)))
        assert [step.what for step in one.record.steps] == ["declined", "accepted", "arrived", "opinion", "signed"]
        short = await tier.ask(ask(2, (Need("化工", 2),)))
        left = await tier.ask(NoteDraw(make_id(2), short.lines[0].id, "declined"))
        (last,) = left.lines  # who is left comes all the same
        assert "1 are left" in left.short_en and last.id != short.lines[0].id
        for what in ("accepted", "arrived"):
            assert (await tier.ask(NoteDraw(make_id(2), last.id, what))).lines[0].standing == what
    async with tier.running():  # and after a restart
        await until(lambda: tier.bus is not None)
        for _ in range(100):
            if (await tier.ask(Draws())).total == 2:
                break
        assert (await tier.ask(OneDraw(make_id(1)))).record == one.record


async def test_a_seed_that_was_published_is_never_drawn_by_again(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    file = tier.folder / "data" / "draw.seed"
    async with tier.running():
        await filled(tier)
        before = file.read_text("ascii")
        first = await tier.ask(ask(1, (Need("化工", 1),)))
    file.write_text(before, "ascii")  # the node ended before it was taken away, or the folder is one of before
    async with tier.running():
        for _ in range(100):
            if (await tier.ask(Draws())).total:
                break
        second = await tier.ask(ask(2, (Need("结构", 1),)))
    assert second.record.seed != first.record.seed == before


async def test_when_nobody_is_left_those_who_came_go_on(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running():
        await filled(tier)
        drawn = await tier.ask(ask(1, (Need("化工", 1), Need("结构", 1))))
        first, other = drawn.lines[0].id, ({"e1", "e2"} - {drawn.lines[0].id}).pop()
        await tier.ask(NoteDraw(make_id(1), first, "declined"))
        await tier.ask(NoteDraw(make_id(1), other, "accepted"))
        short = await tier.ask(NoteDraw(make_id(1), "e5", "declined"))
        assert "1 experts in 结构 are needed, and 0 are left" in short.short_en
        assert [(line.id, line.standing) for line in short.lines] == [(other, "accepted")]
        after = await tier.ask(NoteDraw(make_id(1), other, "arrived"))
        assert [line.standing for line in after.lines] == ["arrived"]


async def test_a_draw_for_others_orders_is_noted_by_others(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    tier.grant(30)
    async with tier.running():
        await filled(tier)
        order = await tier.issue(tier.duty, issuer=tier.duty.grant.holder, audience=Selector(("4419",)))
        draw = await tier.ask(structs.replace(ask(1), order=order.id))
        step = NoteDraw(make_id(1), draw.lines[0].id, "declined")
        with pytest.raises((NotFound, Forbidden)):
            await tier._commander(tier.own).ask(step, timeout_s=2.0)
        assert not (await tier.ask(OneDraw(make_id(1)))).record.steps
        assert (await tier.ask(step)).record.steps


async def test_draws_of_long_lists_fit_into_a_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tier = await tier_in(tmp_path)
    monkeypatch.setattr(expert_desk, "DRAWS_BYTES_MAX", 1_500)
    async with tier.running():
        await filled(tier)
        for number in (1, 2, 3):
            await tier.ask(ask(number, (Need("化工" if number < 3 else "结构", 1),)))
        found = await tier.ask(Draws())
        assert found.total == 3 and 0 < len(found.lines) < 3 and found.lines[0].record.id == make_id(3)


async def test_a_draw_that_cannot_be_kept_is_told_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running() as node:
        await filled(tier)
        heard = Heard(node.recorder, {"expert"}).entries
        monkeypatch.setattr(record, "RECORD_BYTES_MAX", 100)
        with pytest.raises(BadInput, match="too much in it"):
            await tier.ask(ask(1))
        assert not heard


async def test_what_cannot_be_drawn_or_taken_is_said(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running():
        await filled(tier)
        with pytest.raises(BadInput, match="3 experts in 化工 are needed, and 2 are left"):
            await tier.ask(ask(1, (Need("化工", 3),)))
        with pytest.raises(NotFound):
            await tier.ask(SetExpert("nobody", "leave"))
        with pytest.raises(NotFound):
            await tier.ask(OneDraw(make_id(9)))
        near = await tier.ask(Experts(at=AT, within_km=2))
        assert [line.expert.id for line in near.lines] == ["e3", "e4", "e2"] and near.lines[0].away_m == 0
        assert [line.expert.id for line in (await tier.ask(Experts(field="结构"))).lines] == ["e5"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("name\nx\n", "without id"), ("id,age\nx,1\n", "age"), (CSV + "e1,李一,,440103,化工,,,,\n", "e1 is there twice"),
     (CSV.replace("113.30,\n", "200,\n", 1), "Line 2"), ("id,name,place,fields\ne,n,44,\n", "Line 2"),
     ("id,name,place,fields\ne,n,4,x\n", "Line 2")],
)  # fmt: skip
def test_files_that_are_no_experts(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        registry.read_csv(text.encode())
    assert len(registry.read_csv(CSV.encode("gb18030"))) == 6
