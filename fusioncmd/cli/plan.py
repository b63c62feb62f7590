"""`plan`: how many gateways, nodes, NATS servers and machines a number of people needs. Asks no running tier."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from fusioncmd.cli import shell
from fusioncmd.cli.durations import seconds
from fusioncmd.cli.plan_view import as_numbers, cost_lines, cost_numbers, lines_of
from fusioncmd.errors import BadInput
from fusioncmd.plan.asked import PEOPLE_PER_NODE_MAX, Asked
from fusioncmd.plan.nation import plan_nation
from fusioncmd.plan.province import plan_province
from fusioncmd.words import say

DAY_S = 86_400


def _option(name: str, metavar: str, en: str, zh: str) -> Any:
    return typer.Option(name, metavar=metavar, help=say(en, zh))


def plan(
    people: Annotated[str, _option("--people", "NUMBER", "How many people; 84万 will do.", "人数，可写 84万。")],
    connected: Annotated[
        str, _option("--connected", "PERCENT", "Of them connected at once.", "同时在线比例。")
    ] = "100%",
    back: Annotated[str, _option("--back-within", "TIME", "All back after a cut.", "断线后全员重连时限。")] = "60s",
    delivered: Annotated[str, _option("--delivered-within", "TIME", "Last delivery.", "末次下发时限。")] = "30s",
    confirmed: Annotated[
        str, _option("--confirmed-within", "TIME", "Last answer on disk.", "末次答复落盘时限。")
    ] = "60s",
    cores: Annotated[int, _option("--cores", "NUMBER", "Of a machine.", "每台机器核数。")] = 16,
    memory: Annotated[int, _option("--memory", "GIB", "Of a machine.", "每台机器内存（GiB）。")] = 64,
    descriptors: Annotated[
        int, _option("--descriptors", "NUMBER", "Of a process (ulimit -Hn).", "每进程描述符上限（ulimit -Hn）。")
    ] = 20_000,
    replicas: Annotated[
        int, _option("--replicas", "NUMBER", "NATS servers that hold each stream.", "流副本数（NATS 服务器数）。")
    ] = 1,
    spare: Annotated[int, _option("--spare", "NUMBER", "Machines in reserve.", "备用机器数。")] = 1,
    orders: Annotated[float, _option("--orders-per-day", "NUMBER", "To everyone.", "每日全员指令数。")] = 1.0,
    keep: Annotated[str, _option("--keep", "TIME", "How long it has to last.", "规划保留时长。")] = "365d",
    reports: Annotated[str, _option("--reports", "PERCENT", "Who report, per order.", "每条指令的报告比例。")] = "2%",
    satellite: Annotated[str, _option("--satellite", "PERCENT", "Connected by satellite.", "卫星接入比例。")] = "0%",
    everything: Annotated[bool, typer.Option("--all", help=say("All of the arithmetic.", "列出全部算式。"))] = False,
    costs: Annotated[
        bool, typer.Option("--costs", help=say("The costs that all follows from.", "列出所依据的各项开销。"))
    ] = False,
    as_json: shell.JsonOption = False,
) -> None:
    """What a number of people needs: gateways, nodes, NATS servers, machines."""

    async def go() -> None:
        asked = Asked(
            people=_count(people), connected=_share("--connected", connected), back_s=seconds(back),
            delivered_s=seconds(delivered), confirmed_s=seconds(confirmed), cores=cores, memory_gib=memory,
            descriptors=descriptors, replicas=replicas, spare=spare, orders_per_day=orders,
            keep_days=seconds(keep) // DAY_S, reports=_share("--reports", reports),
            satellite=_share("--satellite", satellite),
        )  # fmt: skip
        planned = plan_nation(asked) if asked.people > PEOPLE_PER_NODE_MAX else plan_province(asked)
        if as_json:
            shell.print_json(as_numbers(planned) | {"costs": cost_numbers()})
            return
        for line in lines_of(planned, everything) + (cost_lines() if costs else []):
            shell.say_line(line)

    shell.run(go(), as_json)


def _count(text: str) -> int:
    """`840000`, `840,000`, `84万`."""
    found = re.fullmatch(r"\s*(-?\d{1,30})(万?)\s*", text.replace(",", "").replace("_", ""))
    if found is None:
        raise BadInput(f"{text[:40]!r} is not a number of people.", f"“{text[:40]}”不是人数。")
    return int(found[1]) * (10_000 if found[2] else 1)


def _share(option: str, text: str) -> float:
    """`80%` or `80`: per cent."""
    found = re.fullmatch(r"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*[%％]?\s*", text)
    if found is None:
        raise BadInput(f"{option} is {text[:40]!r}; write a share like 80%.", f"{option} 为“{text[:40]}”，应写作 80%。")
    return float(found[1])
