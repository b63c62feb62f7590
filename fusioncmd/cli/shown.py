"""An order as a commander is shown it: its mode first, in words and colour, then what it says and whom it means."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.cli import shell
from fusioncmd.cli.drafts import audience_words
from fusioncmd.cli.durations import clock
from fusioncmd.cli.figures import kind_words, mode_text, plain
from fusioncmd.divisions import Divisions
from fusioncmd.messages import Order, Selector, Status
from fusioncmd.words import say

SECOND_KEY = (
    "  Their key is made with `fusioncmd keys request` on their machine and granted with `fusioncmd keys grant`.",
    "  第二人的密钥：在其本人机器上用 fusioncmd keys request 生成，再用 fusioncmd keys grant 授权。",
)


def tell_preview(reply: api.PreviewReply, status: Status, audience: Selector, places: Divisions, as_json: bool) -> None:
    if as_json:
        counts = {"targeted": reply.targeted, "reachable": reply.reachable, "needs_second": reply.needs_second}
        more = {"unreached": reply.unreached, "below": reply.below, "expected": reply.expected, "recent": reply.recent}
        named = {"people": reply.people} if reply.people else {}
        shell.print_json({"dry_run": True, "status": status, "audience": audience, **counts, **more, **named})
        return
    shell.out.print(mode_text(status).append(say("  not sent, only counted", "  未下发，仅统计"), "default not bold"))
    tell_audience(shell.out, audience, places, reply.targeted, reply.reachable)
    _tell_reach(reply)
    tell_second(shell.out, reply)


def _tell_reach(reply: api.PreviewReply) -> None:
    """Who can be reached, by place; who cannot at all; and what is to be expected."""
    for row in reply.below:
        none = say(f", {row.unreached:,} by no channel", f"，无可用通道 {row.unreached:,}") if row.unreached else ""
        shell.say_line(say(
            f"    {plain(row.name)} {row.code}: {row.targeted:,} meant, {row.reachable:,} reachable now{none}",
            f"    {plain(row.name)} {row.code}：对象 {row.targeted:,}，当前可达 {row.reachable:,}{none}",
        ))  # fmt: skip
    if reply.unreached:
        words = say(f"  {reply.unreached:,} people have no live channel, no phone and no push subscription",
                    f"  {reply.unreached:,} 人无终端在线、无电话、无推送订阅")  # fmt: skip
        shell.out.print(words, style="bold yellow", soft_wrap=True)
    for person in reply.people:
        shell.say_line(f"    {person.number} {plain(person.id)} {plain(person.name)} {plain(person.place_name)}")
    if reply.expected is None:
        shell.say_line(say("  expected answers: no history", "  预计答复率：无历史"))
        return
    shell.say_line(say(
        f"  expected answers: {reply.expected:.0%} (median of the last {reply.recent} orders that are over)",
        f"  预计答复率：{reply.expected:.0%}（最近 {reply.recent} 条已结束指令的中位数）",
    ))  # fmt: skip


def tell_second(console: Console, reply: api.PreviewReply) -> None:
    if reply.needs_second:
        words = say("  It needs a second person: `fusioncmd approve`.", "  须第二人批准：fusioncmd approve。")
        console.print(words, style="bold yellow", soft_wrap=True)


def tell_done(done: api.Issued | api.Proposal, places: Divisions, as_json: bool, follow_it: bool = True) -> None:
    """What became of an order: it is issued, or it waits. `follow_it`: say how."""
    issued, order = isinstance(done, api.Issued), done.order
    if as_json:
        counts = {"targeted": done.targeted, "reachable": done.reachable, "order": order}
        left = {} if isinstance(done, api.Issued) else {"left_s": done.left_s}
        shell.print_json({"id": order.id, "issued": issued, **left, **counts})
        return
    name = ids.to_text(order.id)
    tell_head(shell.out, order, "" if issued else say("NOT SENT YET", "尚未下达"))
    shell.say_line(f"  {kind_words(order.msg_type)}: {plain(order.text)}")
    tell_audience(shell.out, order.audience, places, done.targeted, done.reachable)
    if isinstance(done, api.Proposal):
        shell.out.print(_waits(name, done.left_s), style="bold yellow", soft_wrap=True)
        shell.say_line(say(*SECOND_KEY))
    elif follow_it:
        shell.say_line(
            say(f"  It is on disk. Follow it: fusioncmd watch {name}", f"  已落盘。跟踪：fusioncmd watch {name}")
        )


def tell_whole(proposal: api.Proposal, order: Order, places: Divisions) -> None:
    """All that somebody has to know who is to sign `order`, which was verified; the node says how many are meant."""
    left = say(f"{clock(proposal.left_s)} left", f"剩余 {clock(proposal.left_s)}")
    tell_head(shell.err, order, say(f"waits for a second person, {left}", f"等待第二人批准，{left}"))
    for line in order.text.splitlines():
        shell.err.print(f"    {plain(line)}", style="bold", soft_wrap=True)
    of = "" if order.refs is None else say(f" of {ids.to_text(order.refs)}", f"，原指令 {ids.to_text(order.refs)}")
    within = say("{} to receive, {} to answer, open {}", "接收 {}，答复 {}，有效 {}").format(
        *map(clock, (order.receive_within_s, order.answer_within_s, order.open_s))
    )
    for en, zh, value in (
        ("kind", "类型", kind_words(order.msg_type) + of),
        ("by", "签发", f"{plain(order.issuer)} ({order.node})"),
        ("composed", "拟制", shell.local_time(order.issued_ms)),
        ("severity", "程度", order.severity),
        ("answers", "答复", say(", ", "、").join(map(plain, order.answers)) or say("none", "无")),
        ("deadlines", "期限", within),
    ):
        shell.err.print(f"  {say(en, zh)}: {value}", soft_wrap=True)
    tell_audience(shell.err, order.audience, places, proposal.targeted, proposal.reachable)


def tell_head(console: Console, order: Order, note: str = "") -> None:
    """Mode and number: the first line wherever an order is shown."""
    head = mode_text(order.status).append(f"  {ids.to_text(order.id)}", "bold default")
    console.print(head.append(f"  {note}" if note else "", "bold yellow"), soft_wrap=True)


def tell_audience(console: Console, audience: Selector, places: Divisions, targeted: int, reachable: int) -> None:
    console.print(say("  to: ", "  对象：") + plain(audience_words(audience, places)), soft_wrap=True)
    people = Text(say(f"  {targeted:,} people meant, ", f"  共 {targeted:,} 人，"))
    style = "" if reachable else "bold yellow"
    console.print(people.append(say(f"{reachable:,} reachable now", f"当前可达 {reachable:,} 人"), style))


def _waits(name: str, left_s: int) -> str:
    return say(
        f"  One person is not enough for it: it waits {clock(left_s)} for a second one. They say, with their own key: "
        f"fusioncmd approve {name}",
        f"  此指令须两人签署：等待第二人批准，剩余 {clock(left_s)}。第二人用自己的密钥执行：fusioncmd approve {name}",
    )
