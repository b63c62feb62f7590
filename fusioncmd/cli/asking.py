"""The way to the node: where its bus is, and which order a person means by what they typed."""

from __future__ import annotations

import pathlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fusioncmd import api, ids
from fusioncmd.bus.port import Bus
from fusioncmd.cli.sessions import WayIn
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, BusDown, NotFound

DEFAULT_NATS = "nats://127.0.0.1:4222"
NATS_VARIABLE = "FUSIONCMD_NATS"
LAST = "last"
RECENT_ORDERS = 100  # a part of an id is looked for among so many
PART_CHARS_MIN = 4
_LOOKALIKES = str.maketrans("ILO", "110")


@asynccontextmanager
async def connect(
    nats: str, wait_s: float = 3.0, key: pathlib.Path | None = None, ca: pathlib.Path | None = None
) -> AsyncIterator[Bus]:
    """The bus at `nats` while the block runs; `BusDown` when nothing answers there within `wait_s`, or later.

    Without `key` it is the one that this person has for it, if there is one.
    """
    from fusioncmd.bus.nats import open_bus  # heavy, and not every command talks to the bus
    from fusioncmd.cli.bus_way import FoundWay, found_way

    found = found_way(nats) if key is None else FoundWay(key, None)
    bus = await open_bus(nats, "cli", wait_s, quiet=True, key=found.key, ca=ca or found.ca)
    try:
        yield bus
    except BusDown:
        raise unanswered(nats) from None
    finally:
        await bus.close()


@asynccontextmanager
async def commanding(nats: str, keys: Path | None = None, wait_s: float = 3.0) -> AsyncIterator[Commander]:
    """Whoever is logged in at the node of `nats`, or holds its keys (`keys` is their folder, else the usual one)."""
    async with connect(nats, wait_s) as bus:
        yield Commander(bus, log_in=WayIn(nats, keys))


def unanswered(nats: str) -> BusDown:
    """The bus is there, and nobody on it answers."""
    return BusDown(
        f"The node at {nats} does not answer; it may be starting, or gone.",
        f"{nats} 的节点没有应答，可能正在启动或已停止。",
    )


async def order_id(text: str, commander: Commander) -> bytes:
    """The id of the order that a person named: a whole id, the beginning or end of a recent one, or `last`.

    A whole id is not looked up: an old order is found by it, and whoever asks about it next hears if there is none.
    """
    if len(text.strip()) == ids.TEXT_CHARS:
        return ids.from_text(text)
    return chosen(text, (await commander.ask(api.Orders(limit=RECENT_ORDERS))).lines).order.id


async def order_line(text: str, commander: Commander) -> api.OrderLine:
    """As `order_id`, with the order itself, its state and its counts."""
    if len(text.strip()) == ids.TEXT_CHARS:
        return (await commander.ask(api.Tally(ids.from_text(text)))).line
    return chosen(text, (await commander.ask(api.Orders(limit=RECENT_ORDERS))).lines)


def chosen(text: str, lines: Sequence[api.OrderLine]) -> api.OrderLine:
    """The one of `lines` (newest first) that `text` names; `last` is the newest that is not a cancel."""
    if text.strip().lower() == LAST:
        found = [line for line in lines if line.order.msg_type != "cancel"][:1]
    else:
        names = set(named(text, [ids.to_text(line.order.id) for line in lines]))
        found = [line for line in lines if ids.to_text(line.order.id) in names]
    if not found:
        raise NotFound(
            f"There is no recent order {text}; `fusioncmd orders` lists them.",
            f"近期没有指令 {text}；可用 fusioncmd orders 查看。",
        )
    if len(found) > 1:
        raise BadInput(
            f"{len(found)} orders match {text}; write more of the id (its end tells orders apart).",
            f"有 {len(found)} 条指令匹配 {text}，请写出更多字符（末尾几位即可区分）。",
        )
    return found[0]


def named(text: str, names: Sequence[str]) -> list[str]:
    """Those of `names` (whole ids) that begin or end with what a person typed."""
    wanted = text.strip(" …").upper().translate(_LOOKALIKES)
    if len(wanted) < PART_CHARS_MIN:
        raise BadInput(
            f"{text!r} is too short; write at least {PART_CHARS_MIN} characters of the id, or `last`.",
            f"“{text}”太短，请至少写出编号的 {PART_CHARS_MIN} 个字符，或写 last。",
        )
    return [name for name in names if name.startswith(wanted) or name.endswith(wanted)]
