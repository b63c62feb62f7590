"""`python -m loadtest exchange`: what two tiers say to each other, in bytes and round trips, and what it costs.

Pure simulation: real orders with their seals, containers, slices and exchanges; the pipe between them is made up (300
ms each way, as over a geostationary satellite). Nothing is timed but CPU.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from rich.table import Table

from fusioncmd.codes import Path
from fusioncmd.divisions import guangdong
from fusioncmd.exchange import containers, evidence, items
from fusioncmd.exchange.evidence import ANSWERS_AT, NOTHING
from fusioncmd.exchange.items import Kind
from fusioncmd.exchange.pace import Pace
from fusioncmd.exchange.replica import MemoryReplica
from fusioncmd.exchange.varints import Reader
from fusioncmd.words import say
from loadtest import measure
from loadtest.exchange_world import Makers, Pair, Traffic
from loadtest.output import Result, note, number, show

PROVINCE, CITY, COUNTY = "44", "4401", "440106"
COUNTY_PEOPLE = 4_000
AIM_BYTES = 64 * 1024  # of a county that was cut off for 72 hours
SHAPES = ((4, 32), (8, 64), (16, 128), (16, 512), (32, 512), (64, 512))  # parts, listed at most
COPIES = 2_000


class Weighing:
    """Rows of the table, and the figures of the JSON."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.grid = Table(title="exchange", title_style="bold", title_justify="left", box=None, pad_edge=False)
        for title in (
            "",
            say("down", "下行"),
            say("up", "上行"),
            say("messages", "消息"),
            say("same after", "一致用时"),
        ):
            self.grid.add_column(title, justify="left" if not title else "right")
        result.grid = self.grid

    def row(self, name: str, traffic: Traffic) -> None:
        self.grid.add_row(
            name, f"{traffic.down:,} B", f"{traffic.up:,} B", f"{traffic.messages:,}", f"{traffic.ms / 1000:.1f} s"
        )
        self.result.add(f"{name}: down", traffic.down, "B")
        self.result.add(f"{name}: up", traffic.up, "B")
        self.result.add(f"{name}: messages", traffic.messages)
        self.result.add(f"{name}: same after", traffic.ms, "ms")

    def cost(self, name: str, value: float, unit: str) -> None:
        self.grid.add_row(name, f"{number(value)} {unit}", "", "", "")
        self.result.add(name, value, unit)


async def run(given: argparse.Namespace) -> Result:
    result = Result(
        "exchange", measure.conditions() | {"people": given.people, "orders": given.orders, "seed": given.seed}
    )
    weighing, makers = Weighing(result), Makers(given.seed)
    note("a county that was cut off …")
    _county(weighing, makers, given)
    note("a province of two nodes …")
    _province(weighing, makers, given)
    note("what an item costs …")
    _costs(weighing, makers)
    return result


def _county(weighing: Weighing, makers: Makers, given: argparse.Namespace) -> None:
    """Twenty orders, and 100,000 answers of 4,000 people to them, of which the city saw none, or half."""
    towns = tuple(path.code for path in guangdong().towns_under(Path(COUNTY)))
    each = COUNTY_PEOPLE // len(towns)
    touches = given.answers / (given.orders * each * len(towns))
    cases = {
        say("orders that both have, all answers since", "双方已有指令，答复全在断链后"): (True, 0.0),
        say("orders that both have, half of the answers since", "双方已有指令，半数答复在断链后"): (True, 0.5),
        say("the county's own orders", "县级自发指令"): (False, 0.0),
    }
    for name, (both, before) in cases.items():
        city, county = makers.replica(towns), makers.replica(towns)
        for n in range(1, given.orders + 1):
            key, value = makers.order(n, COUNTY, (t << 16 | s for t in range(len(towns)) for s in range(each)))
            for node in (county, city)[: 1 + both]:
                node.put(key, value)
            for town in range(len(towns)):
                container = items.container_key(items.order_of(key), town)
                county.put(container, makers.answered(each, touches * (1 - before)))
                if before:
                    known = makers.answered(each, touches * before)
                    county.put(container, known)
                    city.put(container, known)
        traffic = _joined(city, county, (CITY, COUNTY))
        weighing.row(say(f"county, cut for 72 h: {name}", f"县断链 72 小时：{name}"), traffic)
        if (total := traffic.down + traffic.up) > AIM_BYTES:
            weighing.result.failures.append(f"A county's return took {total} bytes, over {AIM_BYTES}.")
        if not both:
            _slow(weighing, city, county)


def _slow(weighing: Weighing, city: MemoryReplica, county: MemoryReplica) -> None:
    """One more answer, told at once; and by messages of 560 bits."""
    key = next(key for key in county.held() if key[0] == Kind.CONTAINER)
    for bytes_max in (Pace().message_bytes, 70):
        pair = Pair(city, county, (CITY, COUNTY), Pace(message_bytes=bytes_max, in_flight_bytes=1_024))
        pair.connect()
        pair.settle()
        held = county.get(key)
        assert isinstance(held, tuple)
        county.put(key, _touched(held))
        name = say(f"one answer, told at once ({bytes_max} B)", f"一个答复，即时上报（{bytes_max} B）")
        weighing.row(name, pair.until_same())


def _touched(held: evidence.Evidence) -> evidence.Evidence:
    """Somebody who had not yet gives the answer that is listed last."""
    last = ANSWERS_AT + 2
    slot = next(slot for slot in range(1 << 16) if not held[last] >> slot & 1)
    return evidence.reduced(rung | (at == last) << slot for at, rung in enumerate(held))


def _joined(upper: MemoryReplica, lower: MemoryReplica, places: tuple[str, str], pace: Pace | None = None) -> Traffic:
    pair = Pair(upper, lower, places, pace or Pace())
    pair.connect()
    return pair.settle()


def _province(weighing: Weighing, makers: Makers, given: argparse.Namespace) -> None:
    towns = tuple(path.code for path in guangdong().towns)
    each = -(-given.people // len(towns))
    full, empty = makers.replica(towns), makers.replica(towns)
    everyone = [t << 16 | s for t in range(len(towns)) for s in range(each)]
    for n in range(1, given.orders + 1):
        key, value = makers.order(n, PROVINCE, everyone)
        full.put(key, value)
        for town in range(len(towns)):
            full.put(items.container_key(items.order_of(key), town), makers.random(each))
    for code in towns:
        full.put(*makers.slice(code, each))
    began_s = time.process_time()
    traffic = _joined(empty, full, (PROVINCE, PROVINCE))
    spent_s = time.process_time() - began_s
    held = sum(1 for _ in full.held())
    weighing.row(say("province, joined from nothing", "省级节点从零加入"), traffic)
    slices = [full.get(items.roster_key(code)) for code in towns]
    weighing.cost(say("… of it rosters", "… 其中名册"), sum(len(part) for part in slices if part), "B")
    weighing.cost(say("… items", "… 条目"), held, "")
    weighing.cost(say("… CPU per item, both ends", "… 每条目 CPU（两端）"), spent_s / held * 1e6, "µs")
    weighing.row(say("province, nothing differs", "省级：无差异"), _joined(empty, full, (PROVINCE, PROVINCE)))
    _one_differs(weighing, empty, full)


def _one_differs(weighing: Weighing, stale: MemoryReplica, full: MemoryReplica) -> None:
    """One answer more on one side, found by digests, with ranges cut and listed in several ways."""
    keys = sorted(key for key in full.held() if key[0] == Kind.CONTAINER)
    for at, (parts, listed) in enumerate(SHAPES):
        key = keys[len(keys) * (2 * at + 1) // (2 * len(SHAPES))]
        held = full.get(key)
        assert isinstance(held, tuple)
        full.put(key, _touched(held))
        traffic = _joined(stale, full, (PROVINCE, PROVINCE), replace(Pace(), parts=parts, listed_max=listed))
        weighing.row(
            say(f"province, one answer differs: {parts} parts, {listed} listed",
                f"省级：一个答复不同：分 {parts} 段，列 {listed} 条"), traffic
        )  # fmt: skip


def _costs(weighing: Weighing, makers: Makers) -> None:
    """One container of 513 people, over and over."""
    people = 513
    audience = (1 << people) - 1
    values = [makers.random(people) for _ in range(COPIES)]
    began_s = time.process_time()
    packed = [containers.write(value, audience, False) for value in values]
    weighing.cost(say("CPU to write a container", "写出一个容器的 CPU"), _micros(began_s), "µs")
    weighing.cost(say("a container of 513 people", "513 人的容器"), sum(map(len, packed)) / COPIES, "B")
    began_s = time.process_time()
    read = [containers.read(Reader(data), audience) for data in packed]
    weighing.cost(say("CPU to read it", "读入"), _micros(began_s), "µs")
    if read != values:
        weighing.result.failures.append("A container was not read as it was written.")
    began_s = time.process_time()
    for value in values:
        items.digest(b"\3" + bytes(18), value)
    weighing.cost(say("CPU of its digest", "摘要"), _micros(began_s), "µs")
    one = tuple(1 if at == ANSWERS_AT else 0 for at in range(len(NOTHING)))
    began_s = time.process_time()
    for value in values:
        evidence.join(value, one)
    weighing.cost(say("CPU to join one answer", "并入一个答复"), _micros(began_s), "µs")


def _micros(began_s: float) -> float:
    return (time.process_time() - began_s) / COPIES * 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=840_000, help="of the province")
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--answers", type=int, default=100_000, help="of the county while it was cut off")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
