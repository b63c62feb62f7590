"""What is said over a satellite link, made of a seed: messages of the exchange and what ends tell, no two alike.

Every few samples have other keys, places and people, as every kit has: what a dictionary learns of them is the form,
the words of the field and the names of fields, and no key that would not come again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from pyroaring import BitMap

from fusioncmd import ids
from fusioncmd.divisions import guangdong
from fusioncmd.exchange import evidence, items, wire
from fusioncmd.exchange.evidence import ANSWERS_AT, NOTHING, RECEIVED_AT
from fusioncmd.exchange.pace import thin
from fusioncmd.exchange.replica import MemoryReplica
from fusioncmd.messages import Audience, Order, Report, Selector, Severity, Status, encode
from fusioncmd.trust import seals, witnesses
from fusioncmd.trust.grants import Credential
from gateways.satellite.beats import Told, packed
from loadtest.exchange_world import Makers, Pair, Traffic
from loadtest.offices import BOTH, NOW_MS

WHAT = (
    "堤围出现管涌", "水库泄洪", "山体滑坡", "道路中断", "发生森林火情", "台风即将登陆", "短时强降雨", "城市内涝",
    "通信中断", "供电中断", "地质灾害隐患点告警", "危化品泄漏", "人员被困", "桥梁受损", "船只回港避风",
)  # fmt: skip
DO = (
    "请立即到岗，清点人员并报告需要支援的地点。", "请立即组织群众转移到安置点，并报告人数。",
    "请各责任人核查辖区情况，半小时内反馈。", "请做好值守，加强巡查，险情第一时间上报。",
    "请确认收到并报告现场情况、位置和所需物资。", "请立即封控危险路段，设置警示标志。",
    "请前往集结点待命，携带卫星电话和救援装备。", "请解除警戒，恢复正常值班。",
)  # fmt: skip
DO_EN = (
    "Report to your post at once and say what you need.", "Evacuate the low ground now; report how many people.",
    "Check every hazard point and answer within 30 minutes.", "Stand by at the assembly point with satellite phone.",
)  # fmt: skip
ANSWERS = (
    ("到岗", "在途", "需要支援"), ("收到", "已转移", "需要支援"), ("正常", "有险情", "人员被困"), ("收到",),
    ("On site", "On my way", "Need help"), ("已到位", "无法到位"),
)  # fmt: skip
SAID = (
    "路口积水约半米，车辆无法通过", "已转移群众三十余人，均安全", "水位仍在上涨，请求增派冲锋舟", "物资已送达",
    "桥面塌陷，绕行",
    "电力中断，发电机可用两小时", "山体有裂缝，已拉警戒线", "一名群众受伤，需要救护车", "All well here",
    "Road cut by a landslide, two houses damaged",
)  # fmt: skip
SEVERITIES: tuple[Severity, ...] = ("extreme", "severe", "moderate", "minor")
PEOPLE = 60


def letters(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """(kind, body) of `count` letters; the same for the same seed."""
    rng = random.Random(seed)
    made = 0
    while True:
        for each in _link(rng):
            yield each
            made += 1
            if made >= count:
                return


def _link(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Of one kit under its county, for some orders."""
    makers = Makers(rng.randrange(1 << 30))
    mode: Status = rng.choice(BOTH)
    town = rng.choice(guangdong().towns)
    county = town.ancestors()[-1]
    upper, lower = makers.replica((town.code,)), makers.replica((town.code,))
    name = rng.choice(("县应急局", "值班室", "County Office"))
    office = makers.offices.grant(
        makers.offices.province, name, path=county.code, statuses=BOTH, may_delegate=True
    )  # fmt: skip
    by = makers.offices.grant(
        office, rng.choice("王李张刘陈") + rng.choice("伟芳娜敏静"), purposes=("issue",), statuses=(mode,)
    )
    node = makers.offices.grant(office, f"节点 {county.code}", purposes=("node",), statuses=BOTH)
    pair = Pair(upper, lower, (county.code, town.code), replace(thin(64_000), quiet_ms=500))
    said: list[bytes] = []
    for end in pair.ends:
        end_due = end.due
        end.due = lambda now_ms, due=end_due: _kept(due(now_ms), said)  # type: ignore[method-assign,misc]
    pair.connect()
    for _ in range(4):
        order = _order(rng, mode, by.grant.holder, county.code, town.code)
        upper.put(*_sealed(order, by, node))
        _run(pair, 1_500)
        _answers(rng, pair, lower, order)
        _reports(rng, lower, order)
        _run(pair, 2_500)
    for data in said:
        yield "exchange", wire.released(data)[1]
    for _ in range(6):
        people = BitMap(n for n in range(PEOPLE) if rng.random() < rng.choice((0.3, 0.9, 1.0)))
        people.run_optimize()
        yield "beat", packed(Told(True, rng.random() < 0.9, people.serialize(), (), 0))
        yield "beat", packed(Told(True, True))


def _kept(frames: list[bytes], said: list[bytes]) -> list[bytes]:
    said += frames
    return frames


def _run(pair: Pair, ms: int) -> None:
    traffic = Traffic()
    for _ in range(ms // 10):
        pair.step(traffic)


def _order(rng: random.Random, mode: Status, holder: str, above: str, place: str) -> Order:
    issued_ms = NOW_MS - rng.randrange(1 << 30)
    text = f"{rng.choice(WHAT)}，{rng.choice(DO)}" if rng.random() < 0.75 else rng.choice(DO_EN)
    return Order(
        ids.make(issued_ms, rng.randbytes(10)), "alert", mode, None, None, above, holder,
        issued_ms, text, rng.choice(SEVERITIES), rng.choice(ANSWERS), Selector((rng.choice((above, place)),)),
        rng.choice((60, 120, 300)), rng.choice((300, 600, 1_800)), rng.choice((3_600, 86_400, 7 * 86_400)),
    )  # fmt: skip


def _sealed(order: Order, by: Credential, node: Credential) -> tuple[bytes, bytes]:
    body, people = encode(order), BitMap(range(PEOPLE))
    people.run_optimize()
    numbers = people.serialize()
    audience = Audience(order.id, numbers, witnesses.accept(body, numbers, node, order.issued_ms))
    return items.order_key(order.id), items.pack_order(seals.seal(body, by), encode(audience))


def _answers(rng: random.Random, pair: Pair, lower: MemoryReplica, order: Order) -> None:
    for _ in range(rng.randrange(1, 6)):
        rungs = list(NOTHING)
        for _ in range(rng.choice((1, 1, 2, 8))):
            rungs[rng.choice((RECEIVED_AT, *range(ANSWERS_AT, ANSWERS_AT + len(order.answers))))] |= 1 << rng.randrange(
                PEOPLE
            )
        lower.put(items.container_key(order.id, 0), evidence.reduced(rungs))
        _run(pair, 200)


def _reports(rng: random.Random, lower: MemoryReplica, order: Order) -> None:
    for _ in range(rng.randrange(3)):
        at_ms, number = order.issued_ms + rng.randrange(10**6), rng.randrange(PEOPLE)
        where = (22 + rng.random(), 113 + rng.random()) if rng.random() < 0.7 else (None, None)
        made = Report(ids.make(at_ms, rng.randbytes(10)), order.id, number, at_ms, rng.choice(SAID), *where)
        lower.put(items.report_key(order.id, number, made.id), encode(made))
