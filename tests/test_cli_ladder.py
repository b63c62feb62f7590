"""An order's ladder as people read it: columns that line up in both languages, and sentences where they do not fit."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from fusioncmd import api
from fusioncmd.cli.ladder_view import ladder_lines, standing_words
from tests.tier_process import speak

NOW_MS = 1_790_000_000_000
STEPS = (
    api.StepLine("push", 60, "received", NOW_MS - 300_000, None, 1_200, 1_150, 50, 1_149, 0, 1, 0, 0),
    api.StepLine("sms", 120, "answered", NOW_MS - 180_000, None, 900, 640, 60, 640, 512, 0, 0, 200),
    api.StepLine("voice", 240, "answered", None, 60),
    api.StepLine("superior", 180, "answered", None, None),
)
TOLD = (
    api.ToldLine("王主任", "五山街道", 12, "terminal", "delivered"),
    api.ToldLine("Li", "石牌街道", 3, "sms", "failed"),
    api.ToldLine("赵", "沙河街道", 1, "", ""),
)
REPLY = api.LadderReply("push 60 received; …", 300, False, STEPS, (), TOLD)


def columns_of(line: str, widths: list[int]) -> list[str]:
    """The cells of `line` that begin at these places on a screen."""
    found, at = [""] * len(widths), 0
    for character in line:
        index = max(i for i, start in enumerate(widths) if start <= at)
        found[index] += character
        at += cell_len(character)
    return [cell.strip() for cell in found]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_columns_line_up_and_show_only_what_has_a_figure(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    speak(monkeypatch, lang)
    lines = [line.plain for line in ladder_lines(REPLY, NOW_MS, 160)]
    heads, push, sms, voice, superior, blank, told_heads, *told = lines
    assert blank == "" and len(told) == 3
    whole = " ".join(lines)
    assert ("unsure" if lang == "en" else "不明") not in whole  # nought throughout
    delivered = "delivered" if lang == "en" else "已送达"
    end = cell_len(heads[: heads.index(delivered) + len(delivered)])
    for line, figure in ((push, "0"), (sms, "512")):
        at, cut = 0, ""
        for character in line:
            cut, at = cut + character, at + cell_len(character)
            if at == end:
                break
        assert cut.endswith(figure)
    assert ("in 1:00" if lang == "en" else "1:00 后") in voice and ("later" if lang == "en" else "待前级") in superior
    place = "place" if lang == "en" else "地点"
    start = cell_len(told_heads[: told_heads.index(place)])
    for line, wanted in zip(told, TOLD, strict=True):
        assert columns_of(line, [0, start])[1] == wanted.place
    assert "no way to them" in told[2] if lang == "en" else "无可用通道" in told[2]


def test_a_narrow_screen_gets_a_sentence_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, "en")
    lines = [line.plain for line in ladder_lines(REPLY, NOW_MS, 60)]
    assert lines[1].startswith("▸ step 2 SMS (not answered) 3:00 ago: 900 meant")
    assert standing_words(REPLY) == "It has run for 5:00."
