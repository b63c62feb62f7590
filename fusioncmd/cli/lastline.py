"""`satellite budget`: what fits into a short message, and how long it takes. `satellite templates`: orders by number.

Both ask no running tier.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import keys
from fusioncmd.cli import shell
from fusioncmd.cli.at_tier import DataOption
from fusioncmd.lastline import bounds, frames, settings, templates
from fusioncmd.lastline import budget as what
from fusioncmd.words import say

Row = tuple[
    str, str, tuple[int, int], tuple[int, int]
]  # of 560 bits and of 14,000: how large a town fits, how many messages
THIN_FRAME_BYTES = 60  # QUIC and UDP around one message of the exchange


def budget(
    people: Annotated[
        int,
        typer.Option("--people", min=1, max=what.PEOPLE_MAX, metavar="NUMBER", help=say("Of a town.", "乡镇人数。")),
    ] = 300,
    every: Annotated[
        int, typer.Option("--every", min=1, max=86_400, metavar="SECONDS", help=say("Between messages.", "发送间隔。"))
    ] = 60,
    as_json: shell.JsonOption = False,
) -> None:
    """What fits into 560 and 14,000 bits: an order, its text, a town's answers, and how long they take."""

    async def go() -> None:
        sizes = (bounds.SHORT_BITS, bounds.LONG_BITS)
        rows: list[Row] = [
            (en, zh, _fits(shares, people, bounds.SHORT_BITS), _fits(shares, people, bounds.LONG_BITS))
            for en, zh, shares in what.SHARES
        ]
        if as_json:
            shell.print_json(_numbers(rows, people, every))
            return
        for bits in sizes:
            _print_message(bits)
        _print_answers(rows, people, every)

    shell.run(go(), as_json)


def _fits(shares: tuple[float, ...], people: int, bits: int) -> tuple[int, int]:
    return what.people_that_fit(shares, bits), what.messages(people, shares, bits)


def _numbers(rows: list[Row], people: int, every: int) -> dict[str, object]:
    return {
        "order": {field.en: field.bits for field in what.order_fields()},
        "room_bits": {bits: frames.room(bits) for bits in (bounds.SHORT_BITS, bounds.LONG_BITS)},
        "text_chars": {bits: what.text_that_fits(bits) for bits in (bounds.SHORT_BITS, bounds.LONG_BITS)},
        "people": people,
        "every_s": every,
        "answers": [
            {"shares": en, "fits_560": short[0], "messages_560": short[1], "fits_14000": long[0],
             "messages_14000": long[1], "seconds_560": (short[1] - 1) * every}
            for en, _, short, long in rows
        ],
    }  # fmt: skip


def _print_message(bits: int) -> None:
    chinese, letters = what.text_that_fits(bits)
    shell.say_line(say(f"One message of {bits:,} bits ({bits // 8:,} bytes)", f"一条 {bits} 比特（{bits // 8} 字节）"))
    if bits == bounds.SHORT_BITS:
        used = 0
        for field in what.order_fields():
            shell.say_line(f"  {field.bits:6,}  {say(field.en, field.zh)}")
            used += field.bits
        left = say(
            f"{used} bits an order by a template; {bits - used} are free",
            f"按模板的指令共 {used} 比特，余 {bits - used}",
        )
        shell.say_line(f"  {left}")
    else:
        whole = say(
            "the order as it was signed, with its signature and, where they fit, the grants behind it",
            "已签名的指令原文及签名；容得下时附全部授权链",
        )
        shell.say_line(f"  {whole}")
    own = say(
        f"of an order without a template: {chinese:,} Chinese characters or {letters:,} letters of its text",
        f"无模板的指令：正文 {chinese} 个汉字或 {letters} 个字母",
    )
    shell.say_line(f"  {own}")


def _print_answers(rows: list[Row], people: int, every: int) -> None:
    shell.say_line(
        say(
            f"Answers of a town: the largest that one message holds; and for {people:,} people, how many it takes",
            f"乡镇答复：一条可容人数；{people} 人需几条",
        )
    )
    for en, zh, short, long in rows:
        line = say(
            f"560 bits: {short[0]:5,} people; {short[1]} for {people:,}, the last after {(short[1] - 1) * every:,} s   "
            f"14,000: {long[0]:6,}; {long[1]}",
            f"560 比特：{short[0]:5} 人；{people} 人 {short[1]} 条，末条在 {(short[1] - 1) * every} 秒后   "
            f"14000 比特：{long[0]:6} 人；{long[1]} 条",
        )
        shell.say_line(f"  {line}   {say(en, zh)}")
    thin_ms = (bounds.SHORT_BITS + 8 * THIN_FRAME_BYTES) / what.THIN_BPS * 1000
    shell.say_line(
        say(
            f"Beside it: over 64 kbit/s the 560 bits take {thin_ms:.0f} ms and 300 ms of way. Here they wait up to "
            f"{every} s for their turn, and nothing says that they came but an answer.",
            f"对照：64 kbit/s 链路上 560 比特只需 {thin_ms:.0f} 毫秒，另加单程 300 毫秒；短报文最多等待 {every} 秒，"
            "且仅以回复确认送达。",
        )
    )


def show_templates(data: DataOption = None, as_json: shell.JsonOption = False) -> None:
    """Orders that go as a number: call with exactly this text and these answers."""

    async def go() -> None:
        built_in = resources.files("fusioncmd.lastline").joinpath(settings.TEMPLATES_FILE).read_text("utf-8")
        own = _own(data)
        table = templates.read(built_in, own)
        if as_json:
            shell.print_json({"templates": [*table.values()]})
            return
        for each in table.values():
            answers = " / ".join(each.answers(not say("en", "")))
            shell.say_line(f"{each.number:4}  {each.name:10}  {say(each.en, each.zh)}   [{answers}]")

    shell.run(go(), as_json)


def _own(data: Path | None) -> str:
    file = (data or keys.data_folder("44")) / settings.TEMPLATES_FILE
    return file.read_text("utf-8") if file.exists() else ""
