"""What everything costs: each figure once, with its unit, what was measured, and the command that gives it. Pure.

Measured on 2 shared cores and 24 GiB, Python 3.11, nats-server 2.15, loopback, streams with `sync_interval: always`.
Where runs differ, the dearer figure stands here. `BASES` says how far each may be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusioncmd import limits
from fusioncmd.plan.steps import GIB, Factor

Basis = Literal["measured", "derived", "assumed", "chosen", "bound"]
BASES: dict[Basis, tuple[str, str]] = {
    "measured": ("given by the command named", "由所列命令测得"),
    "derived": ("follows from what was measured", "由实测值推算"),
    "assumed": ("not measured: put your own in its place", "未实测：请代入本地数值"),
    "chosen": ("room that is left free", "预留的余量"),
    "bound": ("a bound of the system, in limits.py", "系统上限，见 limits.py"),
}
ALL = "python -m loadtest calldown --terminals 840000 --gateways 46 --swarm 46 --rounds 1 --no-floor"
PART = "python -m loadtest calldown --terminals 200000 --gateways 12 --swarm 12 --rounds 1 --no-floor"
USUAL = "python -m loadtest calldown"
COSTS = "python -m loadtest costs"
LADDER = "python -m loadtest ladder"


@dataclass(frozen=True, slots=True)
class Cost:
    """`source`: the command, or where the figure comes from; `figure`: its name in what the command prints."""

    value: float
    unit: str
    basis: Basis
    en: str
    zh: str
    source: str
    figure: str = ""

    @property
    def factor(self) -> Factor:
        return Factor(self.value, self.unit)

    @property
    def plain(self) -> float:
        return self.factor.plain


# --- CPU
CONNECT = Cost(
    61,
    "µs",
    "measured",
    "gateway: handshake, ticket, welcome",
    "网关：握手、票据、欢迎",
    ALL,
    "gateway CPU per connect",
)
CALL = Cost(
    32,
    "µs",
    "measured",
    "gateway: delivery, answer, confirmation",
    "网关：下发、答复、确认",
    ALL,
    "CPU per delivery and answer: gateways",
)
DELIVERED = Cost(
    99.6,
    "%",
    "measured",
    "of a call-down is over with the last delivery",
    "叫应在最后一次下发时已完成的部分",
    PART,
    "last delivery",
)
ALIVE = Cost(
    88, "µs", "measured", "gateway: a heartbeat and its echo", "网关：一次心跳", COSTS, "gateway CPU per heartbeat"
)
FOLD = Cost(
    3.3, "µs", "measured", "node: one person's evidence", "节点：一人的回执", USUAL, "CPU per delivery and answer: node"
)
CARRY = Cost(
    3.6, "µs", "measured", "NATS: one person's evidence", "总线：一人的回执", PART, "CPU per delivery and answer: nats"
)
BATCH_NODE = Cost(50, "µs", "measured", "node: a batch", "节点：一批回执", COSTS, "receipts: node CPU per batch")
BATCH_NATS = Cost(109, "µs", "measured", "NATS: a batch", "总线：一批回执", COSTS, "receipts: NATS CPU per batch")
RENEW_NODE = Cost(290, "µs", "measured", "node: a ticket renewed", "节点：票据续期", COSTS, "node CPU per renewal")
RENEW_NATS = Cost(45, "µs", "measured", "NATS: a ticket renewed", "总线：票据续期", COSTS, "NATS CPU per renewal")
SEEN_NODE = Cost(
    20,
    "ns",
    "measured",
    "node: presence of one person",
    "节点：一人在线",
    COSTS,
    "presence: node CPU per person and second",
)
SEEN_NATS = Cost(
    8,
    "ns",
    "measured",
    "NATS: presence of one person",
    "总线：一人在线",
    COSTS,
    "presence: NATS CPU per person and second",
)
STORES = Cost(
    3_700,
    "/s",
    "measured",
    "batches on this disk; yours differs",
    "本机磁盘每秒批数，因盘而异",
    COSTS,
    "receipts: batches stored in a second",
)

# --- memory
GATEWAY = Cost(35.4, "MiB", "measured", "an idle gateway process", "空闲网关进程", COSTS, "memory of an idle gateway")
SOCKET = Cost(113, "B", "measured", "gateway: a connection", "网关：一个连接", ALL, "gateway memory per connection")
KERNEL = Cost(
    5_150,
    "B",
    "derived",
    "kernel: one end of a connection",
    "内核：连接的一端",
    f"half of both ends: {ALL}",
    "memory of terminals, gateways and kernel",
)
POSTED = Cost(
    0.6,
    "B",
    "measured",
    "gateway: an order kept, a person",
    "网关：每条指令每人",
    COSTS,
    "gateway memory per order to a role of every fifth",
)
NODE = Cost(49, "MiB", "measured", "an idle node", "空闲节点", COSTS, "memory of an idle node")
PERSON = Cost(39, "B", "measured", "node: a person of the roster", "节点：名册中一人", COSTS, "node memory per person")
ACCOUNT = Cost(
    10.2,
    "B",
    "measured",
    "node: an order, a person who answered",
    "节点：每条指令每名答复者",
    COSTS,
    "node memory per order that everyone answered",
)
REPORT = Cost(450, "B", "measured", "node: a report", "节点：一条报告", COSTS, "node memory per report")
NATS = Cost(
    174,
    "MiB",
    "measured",
    "a NATS server after a call-down",
    "叫应后的 NATS 服务器",
    COSTS,
    "memory of the NATS server afterwards",
)
SYSTEM = Cost(1, "GiB", "assumed", "a machine's own system", "操作系统", "a small Linux")

# --- bytes
AUDIENCE_DISK = Cost(
    0.5,
    "B",
    "measured",
    "order stream: a person meant",
    "指令流：每名对象",
    COSTS,
    "call stream per order to a role of every fifth",
)
LEDGER_DISK = Cost(
    6.1,
    "B",
    "measured",
    "ledger file: a person who answered",
    "台账文件：每名答复者",
    COSTS,
    "ledger file per order that everyone answered",
)
REPORT_DISK = Cost(256, "B", "measured", "a report on disk", "磁盘上一条报告", COSTS, "report stream per report")
ROSTER_DISK = Cost(36, "B", "measured", "roster stream: a person", "名册流：一人", COSTS, "roster stream per person")
PUSH_DISK = Cost(
    394, "B", "measured", "push stream: a device", "推送流：一台设备", COSTS, "push stream per subscription"
)
REACHED = "a step's record when everyone was reached, per person"
LADDER_DISK = Cost(2.4, "B", "measured", "ladder: a person of a step", "升级阶梯：每级每人", LADDER, REACHED)
RECEIPT = Cost(
    9.4,
    "B",
    "measured",
    "one person's evidence in batches",
    "一人的回执",
    COSTS,
    "receipts: bytes per person in a batch",
)
BATCH = Cost(223, "B", "measured", "a batch beside its people", "每批附加", COSTS, "receipts: bytes per batch")
PRESENCE = Cost(
    2.8, "B", "measured", "presence of one person", "一人的在线状态", COSTS, "presence: bytes per person connected"
)
WIRE = Cost(
    852,
    "B",
    "derived",
    "a call-down on one person's link",
    "一人链路上的一次叫应",
    "frames of 360, 26, 27 and 23 B, 8 packets with 52 B of IP and TCP",
)
RUNG = Cost(
    2, "B", "derived", "one person in one bitmap of a town, at most", "一人在镇街位图中，至多", "the Roaring format"
)

# --- time
PHONE = Cost(60, "ms", "assumed", "round trip of a phone", "手机往返时延", "4G and 5G, under load")
SATELLITE = Cost(
    600, "ms", "assumed", "round trip by GEO satellite", "同步卫星往返时延", "four hops of 36,000 km, and modems"
)

# --- room, and bounds
LOAD = Cost(
    70,
    "%",
    "chosen",
    "of a core is planned with",
    "核心按此负荷规划",
    "840,000 on 2 cores kept them 75 % busy",
)
MEMORY = Cost(80, "%", "chosen", "of memory is planned with", "内存按此比例规划", "socket buffers when many are slow")
WINDOW = Cost(
    limits.FANOUT_UNANSWERED_MAX,
    "",
    "bound",
    "deliveries on their way, a process",
    "每进程在途下发数",
    "FANOUT_UNANSWERED_MAX",
)
PICTURES = Cost(
    limits.PICTURE_STREAM_BYTES_MAX / GIB, "GiB", "bound", "pictures kept", "保留的照片", "PICTURE_STREAM_BYTES_MAX"
)
PROCESSES = Cost(64, "", "bound", "gateway processes of one `up`", "一次 up 的网关进程数", "up --gateways")

TABLE: dict[str, Cost] = {name: value for name, value in list(globals().items()) if isinstance(value, Cost)}
