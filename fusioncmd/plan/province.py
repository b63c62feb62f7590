"""What one province needs: its gateways, its node, its NATS servers, and the machines for them. Pure.

Everything is lines of arithmetic (`steps`); in a group the largest decides, or they add up. More people never need
less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.plan import costs as c
from fusioncmd.plan.asked import SECONDS_MAX, Asked, check
from fusioncmd.plan.steps import GIB, Factor, Group, Step
from fusioncmd.plan.storage import (
    HELD_DAYS,
    disk,
    disk_kept,
    gateway_memory,
    ladders_kept,
    ladders_until_full,
    node_memory,
    orders_kept,
    orders_until_full,
    traffic,
)

REFERENCE_CORES, REFERENCE_MEMORY_GIB = 2, 24  # the machine on which the costs were measured


@dataclass(frozen=True, slots=True)
class Plan:
    asked: Asked
    connected: int
    processes: int
    carrying: int  # machines that are needed
    groups: tuple[Group, ...]  # in the order in which they are told

    @property
    def machines(self) -> int:
        return self.carrying + self.asked.spare

    @property
    def nodes(self) -> int:
        return 1

    @property
    def nats_servers(self) -> int:
        return self.asked.replicas

    @property
    def fits_one(self) -> bool:
        """Whether a machine like the one measured on holds it all in memory; how long it takes is another question."""
        return self.group("one_memory").value <= 1

    def group(self, name: str) -> Group:
        return next(group for group in self.groups if group.name == name)


def plan_province(asked: Asked) -> Plan:
    """The plan for one node's people; `BadInput` for what no number of machines can do."""
    connected = ceil(check(asked).people * asked.connected / 100)
    worst = _gateway_cpu(asked, connected)
    alive = Step(
        "alive", "cores", (Factor(connected), c.ALIVE.factor), (Factor(limits.HEARTBEAT_S, "s"), c.LOAD.factor)
    )
    processes_by = _processes(asked, connected, worst.value + alive.value)
    processes = ceil(processes_by.value)
    node = _core_cpu("node_cpu", asked, connected, processes, (c.FOLD, c.BATCH_NODE, c.SEEN_NODE, c.RENEW_NODE), 1)
    nats = _core_cpu(
        "nats_cpu", asked, connected, processes, (c.CARRY, c.BATCH_NATS, c.SEEN_NATS, c.RENEW_NATS), asked.replicas
    )
    memory, memory_of_node = gateway_memory(asked, connected, processes), node_memory(asked)
    _check_node(asked, node, memory_of_node)
    sums = [Step(part.name, "cores", (Factor(part.value, "cores"),)) for part in (worst, node, nats)]
    cores = Group("cores", "cores", (sums[0], alive, *sums[1:]))
    machines = _machines(asked, processes, cores.value, memory.value + memory_of_node.value)
    one_time, one_memory = _one_machine(asked, connected)
    groups = (
        worst, processes_by, node, nats, cores, memory, memory_of_node, machines,
        traffic(asked, connected, processes), disk(asked), disk_kept(asked), one_time, one_memory,
    )  # fmt: skip
    return Plan(asked, connected, processes, ceil(machines.value), groups)


def _gateway_cpu(asked: Asked, connected: int) -> Group:
    """Cores that gateways need at their worst moment: a storm of reconnects, or a call-down."""
    people, call = Factor(connected), (Factor(connected), c.CALL.factor)
    steps = (
        Step("back", "cores", (people, c.CONNECT.factor), (Factor(asked.back_s, "s"), c.LOAD.factor)),
        Step("delivered", "cores", (*call, c.DELIVERED.factor), (Factor(asked.delivered_s, "s"), c.LOAD.factor)),
        Step("confirmed", "cores", call, (Factor(asked.confirmed_s, "s"), c.LOAD.factor)),
    )
    return Group("gateway_cpu", "cores", steps, "largest")


def _processes(asked: Asked, connected: int, cores: float) -> Group:
    """A process has so many descriptors, one core, and a window of deliveries that are on their way (Little's law)."""
    far = asked.satellite / 100
    round_trip_ms = (1 - far) * c.PHONE.value + far * c.SATELLITE.value
    steps = (
        Step("descriptors", "", (Factor(connected),), (Factor(asked.descriptors - limits.DESCRIPTORS_SPARE),)),
        Step("cores", "", (Factor(cores, "cores"),)),
        Step("windows", "", (Factor(connected), Factor(round_trip_ms, "ms")),
             (c.WINDOW.factor, Factor(asked.delivered_s, "s"))),
    )  # fmt: skip
    return Group("processes", "", steps, "largest")


def _core_cpu(name: str, asked: Asked, connected: int, processes: int, costs: tuple[c.Cost, ...], copies: int) -> Group:
    """Cores of node or NATS while answers come in. A batch each 50 ms is the most that a gateway sends."""
    evidence, batch, seen, renewal = (cost.factor for cost in costs)
    soonest = Factor(limits.DEVICE_RENEW_AFTER_S[0], "s")
    people, servers = Factor(connected), (Factor(copies),) if copies > 1 else ()
    batches = (Factor(processes), Factor(1000 / limits.GATHER_MS_MAX, "/s"))
    steps = (
        Step("evidence", "cores", (people, evidence, *servers), (Factor(asked.confirmed_s, "s"), c.LOAD.factor)),
        Step("batches", "cores", (*batches, batch, *servers), (c.LOAD.factor,)),
        Step(
            "presence", "cores", (people, Factor(1 / limits.PRESENCE_EVERY_S, "/s"), seen, *servers), (c.LOAD.factor,)
        ),
        Step("renewals", "cores", (people, renewal, *servers), (soonest, c.LOAD.factor)),
    )
    return Group(name, "cores", steps)


def _machines(asked: Asked, processes: int, cores: float, memory: float) -> Group:
    room_gib = asked.memory_gib * c.MEMORY.plain - c.SYSTEM.value
    steps = (
        Step("cores", "", (Factor(cores, "cores"),), (Factor(asked.cores, "cores"),)),
        Step("memory", "", (Factor(memory / GIB, "GiB"),), (Factor(room_gib, "GiB"),)),
        Step("processes", "", (Factor(processes),), (c.PROCESSES.factor,)),
        *([Step("replicas", "", (Factor(asked.replicas),))] if asked.replicas > 1 else []),
    )
    return Group("machines", "", steps, "largest")


def _one_machine(asked: Asked, connected: int) -> tuple[Group, Group]:
    """How long everything takes on one machine like the one measured on, and how full it is."""
    people, cores = Factor(connected), (Factor(REFERENCE_CORES, "cores"), c.LOAD.factor)
    call = Factor(c.CALL.value + c.FOLD.value + c.CARRY.value, "µs")
    times = (
        Step("back", "s", (people, c.CONNECT.factor), cores),
        Step("delivered", "s", (people, call, c.DELIVERED.factor), cores),
        Step("confirmed", "s", (people, call), cores),
        Step("renewed", "s", (people, c.RENEW_NODE.factor), (c.LOAD.factor,)),
    )
    room = asked.descriptors - limits.DESCRIPTORS_SPARE
    alone = replace(asked, replicas=1)
    needed = gateway_memory(alone, connected, max(ceil(connected / room), REFERENCE_CORES)).value
    needed += node_memory(asked).value
    has_gib = REFERENCE_MEMORY_GIB * c.MEMORY.plain - c.SYSTEM.value
    memory = Step("memory", "", (Factor(needed / GIB, "GiB"),), (Factor(has_gib, "GiB"),))
    return Group("one_time", "s", times, "apart"), Group("one_memory", "", (memory,))


def _check_node(asked: Asked, cpu: Group, memory: Group) -> None:
    """A node is one process of one core, on one machine; the stream of orders has a bound."""
    if cpu.value > 1:
        evidence = cpu.step("evidence").value
        beside = cpu.value - evidence
        enough_s = ceil(evidence * asked.confirmed_s / (1 - beside)) if beside < 1 else SECONDS_MAX
        hint = f"--confirmed-within {enough_s}s" if enough_s < SECONDS_MAX else "--descriptors"
        raise BadInput(
            f"The node would need {cpu.value:.1f} cores and has one: give more time or larger gateways, by {hint}.",
            f"节点需要 {cpu.value:.1f} 核而仅有一核：请放宽时限或增大网关，如 {hint}。",
        )
    room_gib = asked.memory_gib * c.MEMORY.plain - c.SYSTEM.value
    if memory.value > room_gib * GIB:
        raise BadInput(
            f"The node would need {memory.value / GIB:.1f} GiB for the orders that it keeps, and a machine of "
            f"{asked.memory_gib} GiB has {room_gib:.1f} to give: more --memory, or fewer days to --keep.",
            f"节点保留指令需 {memory.value / GIB:.1f} GiB，而 {asked.memory_gib} GiB 的机器可用 {room_gib:.1f} GiB："
            "请增大 --memory 或缩短 --keep。",
        )
    if ladders_kept(asked) > (room := ladders_until_full(asked)):
        raise BadInput(
            f"The stream of ladders has room for {room:,} orders, and {ladders_kept(asked):,} are kept in {HELD_DAYS} "
            "days: plan for fewer --orders-per-day.",
            f"升级阶梯流可容 {room:,} 条指令，而 {HELD_DAYS} 天内须保留 {ladders_kept(asked):,} 条："
            "请减少 --orders-per-day。",
        )
    if orders_kept(asked) > (most := orders_until_full(asked)):
        days = int(most / asked.orders_per_day)
        raise BadInput(
            f"The stream of orders is full after {most:,} of them, which is {days:,} days: plan for fewer to --keep.",
            f"指令流存满 {most:,} 条即 {days:,} 天：请缩短 --keep。",
        )
