"""What a plan is asked for, and the sentences for what cannot be meant. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.plan.costs import MEMORY, SYSTEM
from fusioncmd.plan.steps import GIB

PEOPLE_PER_NODE_MAX = 2_000_000  # an order to scattered people is 2 bytes each, and one message
PEOPLE_MAX = 22_000_000  # of whom Guangdong has just so many
DESCRIPTORS_MAX = 1 << 16  # of one gateway process (fusioncmd/descriptors.py)
CORES_MAX, MEMORY_GIB_MAX, MEMORY_GIB_MIN = 512, 8_192, 2
SECONDS_MAX = 86_400
ORDERS_PER_DAY_MAX = 1_000
DAYS_MAX = 36_500
SPARE_MAX = 100
REPLICAS = (1, 3, 5)  # JetStream's: a majority has to agree

assert PEOPLE_PER_NODE_MAX * 2 + 8 * 20_000 < limits.AUDIENCE_BYTES_MAX
assert MEMORY_GIB_MIN * GIB * MEMORY.plain > SYSTEM.plain


@dataclass(frozen=True, slots=True)
class Asked:
    """Shares are in per cent; times count from the moment at which everyone is cut off, or the order is issued."""

    people: int
    connected: float = 100  # of the people, at once
    back_s: int = 60  # all are connected again, after all were cut off
    delivered_s: int = 30
    confirmed_s: int = 60
    cores: int = 16
    memory_gib: int = 64
    descriptors: int = 20_000  # per gateway process: what was measured with
    replicas: int = 1
    spare: int = 1
    orders_per_day: float = 1
    keep_days: int = 365
    reports: float = 2  # of the people, per order
    satellite: float = 0  # of the people connected


def check(asked: Asked) -> Asked:
    """`asked`, or one sentence about what is wrong with it."""
    if asked.people < 1:
        raise BadInput(f"--people is {asked.people:,}; give at least 1.", f"--people 为 {asked.people:,}，至少为 1。")
    if asked.people > PEOPLE_MAX:
        raise BadInput(
            f"--people is {asked.people:,}; a plan is for {PEOPLE_MAX:,} at most, because with more an order to the "
            "largest province is longer than one message.",
            f"--people 为 {asked.people:,}；至多 {PEOPLE_MAX:,} 人，否则最大省份的一条指令超过单条消息上限。",
        )
    for option, share, least in (
        ("--connected", asked.connected, 0.1), ("--reports", asked.reports, 0), ("--satellite", asked.satellite, 0),
    ):  # fmt: skip
        if not least <= share <= 100:  # and so no NaN
            raise BadInput(
                f"{option} is {share:g}%; a share is {least:g}% to 100%.",
                f"{option} 为 {share:g}%，须在 {least:g}% 至 100%。",
            )
    for option, value, least, most in (
        ("--back-within in seconds", asked.back_s, 1, SECONDS_MAX),
        ("--delivered-within in seconds", asked.delivered_s, 1, SECONDS_MAX),
        ("--confirmed-within in seconds", asked.confirmed_s, 1, SECONDS_MAX),
        ("--cores", asked.cores, 1, CORES_MAX),
        ("--memory in GiB", asked.memory_gib, MEMORY_GIB_MIN, MEMORY_GIB_MAX),
        ("--descriptors", asked.descriptors, 2 * limits.DESCRIPTORS_SPARE, DESCRIPTORS_MAX),
        ("--spare", asked.spare, 0, SPARE_MAX),
        ("--orders-per-day", asked.orders_per_day, 0.01, ORDERS_PER_DAY_MAX),
        ("--keep in days", asked.keep_days, 1, DAYS_MAX),
    ):
        if not least <= value <= most:
            raise BadInput(
                f"{option} is {value:,}; it may be {least:,} to {most:,}.",
                f"{option} 为 {value:,}，须在 {least:,} 至 {most:,}。",
            )
    if asked.replicas not in REPLICAS:
        raise BadInput("--replicas is 1, 3 or 5: a majority has to agree.", "--replicas 须为 1、3 或 5（须有多数派）。")
    if asked.confirmed_s < asked.delivered_s:
        raise BadInput(
            "--confirmed-within is shorter than --delivered-within: nobody answers before the order is there.",
            "--confirmed-within 短于 --delivered-within：指令未达则无从答复。",
        )
    return asked
