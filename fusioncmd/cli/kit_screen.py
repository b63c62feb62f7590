"""What a kit tells the people who started it: what each of them does with it, and how its link and its disk are."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from fusioncmd import api
from fusioncmd.api import cameras as asked
from fusioncmd.bus import users
from fusioncmd.cli import shell
from fusioncmd.cli.kit_plan import Settings
from fusioncmd.cli.processes import Tier
from fusioncmd.client import Commander, key_login
from fusioncmd.errors import Problem
from fusioncmd.tls import CA
from fusioncmd.trust import ring
from fusioncmd.words import either, say, sentence

DRONE, DRONE_FILE = "drone", "drone.url"
LOOK_EVERY_S = 2.0
DRONE_S_MAX, GATEWAY_S_MAX, GATEWAY_EVERY_S = 1.0, 30.0, 0.2
_FIGURES = re.compile(r"[0-9][0-9,.]*")
STATES = {"up": ("up", "正常"), "deaf": ("one way only", "单向不通"), "cut": ("cut", "中断"),
          "mute": ("up, orders do not get through", "在线，但指令不通")}  # fmt: skip


def screen(tier: Tier, settings: Settings, name: str, drone: str) -> list[str]:
    """A line for each kind of person; `drone`: where it pushes to, why it cannot, or not known yet."""
    above = tier.linked.above
    to = settings.hub or settings.parent
    lines = [
        say(f"{name} ({tier.node}) is ready.", f"{name}（{tier.node}）已就绪。"),
        say(f"  responders  {settings.pages}", f"  责任人  {settings.pages}"),
        say("              a code for each phone: fusioncmd devices code --id PERSON",
            "          为每部手机生成登记码：fusioncmd devices code --id 编号"),
    ]  # fmt: skip
    if tier.video is not None:
        lines.append(say("  to talk     the button on that page (PTT)", "  对讲  该页面上的一键通按钮（PTT）"))
    if tier.radio is not None:
        lines.append(say(f"  radios      {tier.radio.url}  (fusioncmd radios add)",
                         f"  电台  {tier.radio.url}（fusioncmd radios add）"))  # fmt: skip
    if tier.tracks is not None:
        lines.append(say(f"  positions   {tier.tracks.words}", f"  位置  {tier.tracks.words}"))
    if tier.cameras is not None:
        soon = say("… (said below in a moment)", "…（稍后显示）")
        lines.append(say(f"  drone       push to {drone or soon}", f"  无人机  推流至 {drone or soon}"))
    lines.append(say(f"  commander   {settings.console}", f"  指挥台  {settings.console}"))
    if settings.site:
        vouches = tier.data / "tls" / CA
        lines.append(say(f"  trust       phones and browsers here trust {vouches}, once",
                         f"  证书  现场手机与浏览器须先信任 {vouches}（仅一次）"))  # fmt: skip
    lines += [
        say(f"  link        to {above} at {to}: comes by itself, and nothing here waits for it",
            f"  链路  至 {above}（{to}）：自动连接，本地工作不受其影响")
        if to else say("  link        none: this kit works alone", "  链路  无：本装备独立工作"),
        say(f"  files       {tier.data}", f"  数据  {tier.data}"),
        say("Ctrl-C stops everything.", "按 Ctrl-C 停止全部。"),
    ]  # fmt: skip
    return lines


async def tell_ready(tier: Tier, settings: Settings, name: str, as_json: bool, tell: shell.SayLine) -> None:
    """At once; where its drone pushes to, at the first start, when that is known."""
    if tier.cameras is None:
        _tell_ready(tier, settings, name, "", as_json)
        return
    finding = asyncio.create_task(drone_url(tier, tier.cameras.host))
    await asyncio.wait({finding}, timeout=DRONE_S_MAX)
    drone = finding.result() if finding.done() else ""
    _tell_ready(tier, settings, name, drone, as_json)
    if not drone:
        drone = await finding
        tell(say(f"drone: push to {drone}", f"无人机：推流至 {drone}"))


def _tell_ready(tier: Tier, settings: Settings, name: str, drone: str, as_json: bool) -> None:
    if as_json:
        shell.print_json(
            {
                "ready": True, "node": tier.node, "nats": tier.nats_url, "pages": settings.pages,
                "console": settings.console, "drone": drone, "above": tier.linked.above, "data": tier.data,
            }
        )  # fmt: skip
        return
    if shell.out.is_terminal and settings.site:
        shell.say_line(qr(settings.pages))
    for line in screen(tier, settings, name, drone):
        shell.say_line(line)


def teller(as_json: bool) -> shell.SayLine:
    """Lines while it runs; whoever read them may be gone."""

    def tell(line: str) -> None:
        with contextlib.suppress(OSError):
            (shell.err if as_json else shell.out).print(line, soft_wrap=True)

    return tell


def qr(text: str) -> str:
    import segno  # only where there is a screen to show it on

    drawn = io.StringIO()
    segno.make(text, error="m").terminal(out=drawn, compact=True)
    return drawn.getvalue().rstrip()


async def drone_url(tier: Tier, host: str) -> str:
    """Where the kit's drone pushes to; made at the first start, and when the kit's address is another."""
    file = tier.data / DRONE_FILE
    with contextlib.suppress(OSError):
        known = file.read_text("utf-8").strip()
        if urlsplit(known).hostname == host.strip("[]"):
            return known
    give_up = time.monotonic() + GATEWAY_S_MAX
    while True:
        try:
            async with _asking(tier) as commander:
                question = asked.AddCamera(DRONE, "", "", "rtmp", "drone", "", None, again=True)
                made = (await commander.ask(question)).push_to
                break
        except Problem as problem:  # the gateway of cameras may not have said yet that it is there
            if time.monotonic() > give_up:
                return sentence(problem)
        await asyncio.sleep(GATEWAY_EVERY_S)
    partial = file.with_suffix(".partial")
    with contextlib.suppress(OSError):  # it is shown all the same
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(made)
        partial.replace(file)
    return made


@contextlib.asynccontextmanager
async def _asking(tier: Tier) -> AsyncIterator[Commander]:
    async with shell.connect(tier.nats_url, 3.0, tier.bus_key(users.OFFICE), tier.way.ca) as bus:
        yield Commander(bus, log_in=_By(tier.data))


class _By:
    """The way in by the keys of this machine."""

    def __init__(self, data: Path) -> None:
        self._keys = ring.folder_of(data)

    async def __call__(self, commander: Commander) -> bytes:
        now_ms = (await commander.ask(api.Health())).now_ms
        return (await key_login(commander, ring.login_keys(self._keys, now_ms))).session


async def follow(tier: Tier, tell: shell.SayLine) -> None:
    """A line whenever the link is another than before, or another thing is wrong. Until cancelled."""
    before = Seen()
    while True:
        with contextlib.suppress(Problem):
            async with _asking(tier) as commander:
                while True:
                    now, lines = seen(await commander.ask(api.Health()), tier.linked.above, before)
                    for line in lines:
                        tell(line)
                    before = now
                    await asyncio.sleep(LOOK_EVERY_S)
        await asyncio.sleep(LOOK_EVERY_S)


class Seen(NamedTuple):
    """How the link was, and what was wrong; without figures, which move."""

    state: str = ""
    wrong: frozenset[str] = frozenset()


def seen(health: api.HealthReply, above: str, before: Seen) -> tuple[Seen, list[str]]:
    """What is seen now, and the lines that say what is new of it."""
    lines = []
    link = next((one for one in health.links if one.peer == above), None)
    if link is not None and link.state != before.state:
        trip = "" if link.round_trip_ms is None or link.state == "cut" else f" ({link.round_trip_ms} ms)"
        en, zh = STATES[link.state]
        lines.append(say(f"link to {above}: {en}{trip}", f"至 {above} 的链路：{zh}{trip}"))
    found = {_FIGURES.sub("", one): one for one in either(health.problems, health.problems_zh)}
    lines += [say(f"problem: {one}", f"问题：{one}") for kind, one in found.items() if kind not in before.wrong]
    return Seen("" if link is None else link.state, frozenset(found)), lines
