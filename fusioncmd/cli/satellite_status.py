"""`satellite status`: how this tier's links over satellites are. A line each, and below it what is wrong with it."""

from __future__ import annotations

from rich.text import Text

from fusioncmd import api
from fusioncmd.cli import shell
from fusioncmd.cli.asking import commanding
from fusioncmd.cli.durations import clock
from fusioncmd.cli.lists import aligned
from fusioncmd.errors import NotFound
from fusioncmd.satellite import LinkFacts
from fusioncmd.words import say


def status(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """How this tier's satellite links are: up or not, by which way, how fast, and what waits."""

    async def go() -> None:
        async with commanding(nats) as commander:
            health = await commander.ask(api.Health())
        links = [(line.peer, line.satellite) for line in health.links if line.satellite is not None]
        if as_json:
            shell.print_json({"links": dict(links)})
            return
        if not links:
            raise NotFound(
                "This tier has no satellite link: `up --satellite` to the node above, `up --satellite-port` for kits.",
                "本级没有卫星链路：至上级用 up --satellite，接入便携站用 up --satellite-port。",
            )
        heads = [say("node", "节点"), say("link", "链路"), say("way", "通路"), say("rate", "速率"),
                 say("there and back", "往返"), say("loss", "丢包"), say("sent", "已发"), say("heard", "已收"),
                 say("waits", "待发")]  # fmt: skip
        rows = [[Text(peer), *map(Text, cells(facts))] for peer, facts in links]
        for line in aligned(heads, rows, right=range(3, 9)):
            shell.say_line(line)
        for peer, facts in links:
            for words in troubles(facts):
                shell.say_line(f"{peer}: {words}")

    shell.run(go(), as_json)


def cells(facts: LinkFacts) -> list[str]:
    for_s = clock(facts.for_ms // 1000)
    turned = say("up", "正常") if facts.up else say("down", "中断")
    trip = "" if facts.round_trip_ms is None else f"{facts.round_trip_ms} ms"
    return [
        say(f"{turned} for {for_s}", f"{turned} {for_s}"), facts.way, f"{facts.rate_bps / 1000:,.0f} kbit/s", trip,
        f"{facts.loss * 100:.1f} %", _bytes(facts.sent_bytes), _bytes(facts.heard_bytes),
        _bytes(sum(facts.waiting.values())),
    ]  # fmt: skip


def troubles(facts: LinkFacts) -> list[str]:
    found = [say(facts.refused, facts.refused_zh)] if facts.refused and not facts.up else []
    if shed := ", ".join(f"{name} {count:,}" for name, count in facts.shed.items() if count):
        found.append(say(f"no room, shed: {shed}", f"放不下而舍弃：{shed}"))
    if facts.bad:
        found.append(
            say(f"{facts.bad:,} letters could not be read (see the log)", f"{facts.bad:,} 封信件无法读取（见日志）")
        )
    return found


def _bytes(count: int) -> str:
    if count < 10_000:
        return f"{count:,} B"
    return f"{count / 1e3:,.0f} kB" if count < 10**7 else f"{count / 1e6:,.0f} MB"
