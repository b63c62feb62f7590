"""A plan for people: the answer first, and then the arithmetic, a line each. Pure: plans in, lines out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.text import Text

from fusioncmd.cli.lists import aligned
from fusioncmd.cli.plan_words import GROUPS, STEPS
from fusioncmd.plan.costs import BASES, TABLE
from fusioncmd.plan.nation import Nation
from fusioncmd.plan.province import REFERENCE_CORES, REFERENCE_MEMORY_GIB, Plan
from fusioncmd.plan.steps import Group, Step, quantity
from fusioncmd.words import say

MARK, NO_MARK = "▸ ", "  "
NAMES = {"44": ("Guangdong", "广东"), "54": ("Xizang (Tibet)", "西藏")}  # the largest and the smallest
DECIDING = ("gateway_cpu", "processes", "cores", "machines")  # the arithmetic that is shown without being asked for


def lines_of(planned: Plan | Nation, everything: bool) -> list[Text]:
    if isinstance(planned, Plan):
        return [*_answer(planned), *_arithmetic(planned, everything), Text(), _more(everything)]
    name = NAMES[planned.largest]
    head = Text(say(f"{name[0]}, the largest", f"{name[1]}（最大）"), "bold underline")
    return [*_nation(planned), Text(), head, *lines_of(planned.provinces[planned.largest], everything)]


def cost_lines() -> list[Text]:
    """Every cost: its name, its value, how far it may be trusted, and what it is."""
    rows = [
        [Text(name.lower()), Text(str(cost.factor)), Text(cost.basis, "dim"), Text(say(cost.en, cost.zh))]
        for name, cost in TABLE.items()
    ]
    lines = [Text(), *aligned([say("cost", "开销"), "", "", ""], rows, right=(1,)), Text()]
    lines += [Text(f"{basis}: {say(*words)}", "dim") for basis, words in BASES.items()]
    commands = dict.fromkeys(cost.source for cost in TABLE.values() if cost.basis == "measured")
    return [*lines, *(Text(command, "dim") for command in commands)]


def as_numbers(planned: Plan | Nation) -> dict[str, Any]:
    """The same for programs: values in seconds, bytes, cores and ones."""
    found = {
        "asked": asdict(planned.asked), "machines": planned.machines, "gateways": planned.processes,
        "nats_servers": planned.nats_servers, "nodes": planned.nodes, "groups": _numbers(planned.groups),
    }  # fmt: skip
    if isinstance(planned, Nation):
        provinces = {code: as_numbers(plan) for code, plan in planned.provinces.items()}
        return found | {"provinces": provinces}
    return found | {"connected": planned.connected, "fits_one_machine": planned.fits_one}


def cost_numbers() -> dict[str, Any]:
    return {name.lower(): asdict(cost) for name, cost in TABLE.items()}


def _numbers(groups: tuple[Group, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for group in groups:
        steps = {s.name: {"formula": s.formula, "value": s.value, "unit": s.unit} for s in group.steps}
        found[group.name] = {"steps": steps}
        if group.kind != "apart":
            found[group.name] |= {"value": group.value, "unit": group.unit}
        if group.kind == "largest":
            found[group.name]["binding"] = group.binding.name
    return found


def _answer(plan: Plan) -> list[Text]:
    asked, kind = plan.asked, _kind(plan.asked.cores, plan.asked.memory_gib)
    batches, disk = f"{plan.group('traffic').step('batches').value:,.0f}", plan.group("disk").total
    spare_en = f", {asked.spare} in reserve" if asked.spare else ""
    spare_zh = f"，其中备用 {asked.spare} 台" if asked.spare else ""
    lines = [
        _bold(
            f"{asked.people:,} people: {_many(plan.machines, 'machine')} of {kind}{spare_en}.",
            f"{asked.people:,} 人：{plan.machines:,} 台 {kind} 机器{spare_zh}。",
        ),
        _plain(
            f"{_many(plan.processes, 'gateway')}, 1 node, {_many(plan.nats_servers, 'NATS server')}; "
            f"{batches} batches of answers a second.",
            f"{plan.processes:,} 个网关、1 个节点、{plan.nats_servers} 个 NATS 服务器；每秒 {batches} 批回执。",
        ),
        _plain(
            f"Disk: {disk} an order, {plan.group('disk_kept').total} after {asked.keep_days:,} days.",
            f"磁盘：每条指令 {disk}，{asked.keep_days:,} 天共 {plan.group('disk_kept').total}。",
        ),
        _binding(plan),
        *_one_machine(plan),
    ]
    if asked.replicas > 1:
        lines.append(_plain("In this version a stream has one copy.", "本版本每个流只有一份。"))
    return lines


def _binding(plan: Plan) -> Text:
    """What would have to be less for fewer gateways and fewer machines to do."""
    processes = _word("processes", plan.group("processes").binding)
    binding = plan.group("machines").binding
    machines = _word("machines", binding)
    if binding.name == "cores":
        machines += say(", ", "，") + _word("gateway_cpu", plan.group("gateway_cpu").binding)
    if plan.carrying == 1:
        return _plain(
            f"What binds gateways: {processes}. One machine is enough.", f"限制网关数的是{processes}；一台机器即可。"
        )
    return _plain(
        f"What binds gateways: {processes}; machines: {machines}.",
        f"限制网关数的是{processes}；限制机器数的是{machines}。",
    )


def _one_machine(plan: Plan) -> list[Text]:
    after = {step.name: quantity(step.value, "s") for step in plan.group("one_time").steps}
    memory = plan.group("one_memory").steps[0]
    kind = _kind(REFERENCE_CORES, REFERENCE_MEMORY_GIB)
    needs, has = memory.times[0], memory.over[0]
    if not plan.fits_one:
        return [
            _plain(f"One machine of {kind}: no, {needs} of {has}.", f"单台 {kind} 机器：不够，需 {needs}，可用 {has}。")
        ]
    return [
        _plain(f"One machine of {kind}: yes, {needs} of {has}.", f"单台 {kind} 机器：可以，需 {needs}，可用 {has}。"),
        _plain(
            f"There all are back after {after['back']}, and the last answer counts after {after['confirmed']}.",
            f"届时全员重连 {after['back']}，末次答复确认 {after['confirmed']}。",
        ),
    ]


def _nation(nation: Nation) -> list[Text]:
    """Its sum, its largest and smallest province, and what passes above them."""
    asked, kind = nation.asked, _kind(nation.asked.cores, nation.asked.memory_gib)
    reserve = asked.spare * nation.nodes
    spare_en, spare_zh = (f", {reserve} in reserve", f"，其中备用 {reserve} 台") if reserve else ("", "")
    lines = [
        _bold(
            f"{asked.people:,} people: {nation.machines:,} machines of {kind}{spare_en}.",
            f"{asked.people:,} 人：{nation.machines:,} 台 {kind} 机器{spare_zh}。",
        ),
        _plain(
            f"31 provinces: {nation.processes:,} gateways, {nation.nodes} nodes, {nation.nats_servers} NATS servers.",
            f"31 省：{nation.processes:,} 个网关、{nation.nodes} 个节点、{nation.nats_servers} 个 NATS 服务器。",
        ),
        Text(),
    ]
    heads = ["", say("people", "人数"), say("gateways", "网关"), say("machines", "机器")]
    plans = [(say(*NAMES[code]), nation.provinces[code]) for code in (nation.largest, nation.smallest)]
    rows = [[Text(name), *_counts(plan.asked.people, plan.processes, plan.machines)] for name, plan in plans]
    own = nation.machines_of_the_nation
    rows.append([Text(say("31 provinces", "31 省")), *_counts(asked.people, nation.processes, nation.machines - own)])
    rows.append([Text(say("the nation's node", "国家节点")), *_counts(0, 0, own)])
    lines += [*aligned(heads, rows, right=(1, 2, 3)), Text()]
    for group in nation.groups:
        lines += _group(group)
    lines.append(_plain("Nodes above a province are not in this version.", "本版本尚无省级以上节点。"))
    return lines


def _arithmetic(plan: Plan, everything: bool) -> list[Text]:
    lines: list[Text] = []
    for group in plan.groups:
        if everything or group.name in DECIDING:
            lines += [Text(), *_group(group)]
    return lines


def _group(group: Group) -> list[Text]:
    """Its name and sum, and under it the steps; the one that binds is marked."""
    title = Text(say(*GROUPS[group.name]), "bold")
    if group.kind != "apart":
        title.append(f"  {_local(group.total)}")
    rows = []
    for step in group.steps:
        binds = group.kind == "largest" and step is group.binding
        name = Text(MARK if binds else NO_MARK).append(_word(group.name, step))
        rows.append([name, Text(_local(step.formula), "dim"), Text(f"= {_local(step.total)}", "bold" if binds else "")])
    return [title, *aligned(["", "", ""], rows)[1:]]


def _more(everything: bool) -> Text:
    rest = say("--all: memory, node, NATS, wire, disk. ", "--all：内存、节点、总线、流量、磁盘。")
    return Text(("" if everything else rest) + say("--costs: what all follows from.", "--costs：所据开销。"), "dim")


def _counts(*numbers: int) -> list[Text]:
    return [Text(f"{n:,}" if n else "–") for n in numbers]


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _word(group: str, step: Step) -> str:
    return say(*STEPS[f"{group}.{step.name}"])


def _local(text: str) -> str:
    """Units are the same everywhere but for this one."""
    return text.replace("cores", say("cores", "核"))


def _kind(cores: int, memory_gib: int) -> str:
    return say(f"{_many(cores, 'core')} and {memory_gib:,} GiB", f"{cores} 核 {memory_gib:,} GiB")


def _bold(en: str, zh: str) -> Text:
    return Text(say(en, zh), "bold")


def _plain(en: str, zh: str) -> Text:
    return Text(say(en, zh))
