"""A branch that is cut stands beside the figures that are old because of it, and beside no others."""

from __future__ import annotations

import pytest

from fusioncmd import api
from fusioncmd.api.cut import cut_at
from fusioncmd.cli.cut_lines import cut_lines
from fusioncmd.codes import Path
from fusioncmd.words import chinese

CUTS = (
    api.CutLine("4401", "cut", 1_000, "44"),
    api.CutLine("4404", "deaf", 2_000, "44"),
    api.CutLine("440106", "mute", 3_000, "4401"),
    api.CutLine("440306", "mute", 4_000, "440306", "responder-2"),
    api.CutLine("440307", "mute", 4_000, "440307"),
    api.CutLine("4405", "cut", 5_000),  # of a node of an older version
)


@pytest.mark.parametrize(
    ("place", "codes"),
    [
        ("44", ["4401", "4404", "440106", "440306", "440307", "4405"]),
        ("4401", ["4401", "440106"]),
        ("440106", ["4401", "440106"]),
        ("440105", ["4401"]),
        ("4403", ["440306", "440307"]),
        ("440304", []),
    ],
)
def test_a_cut_concerns_what_lies_in_it_and_what_it_lies_in(place: str, codes: list[str]) -> None:
    assert [line.code for line in cut_at(CUTS, Path(place))] == codes


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ("cut off from 44 for 1:01", "nothing from 44 arrives", "the link from 4401 is up",
                "the gateway responder-2 answers no canary", "the order stream answers no canary", "cut off for 0:57")),
        ("zh", ("与 44 的链路中断 1:01", "44 信息送不到该处", "与 4401 的链路在线", "网关 responder-2 已 0:58 未应答",
                "指令流已 0:58 未应答", "：链路中断 0:57")),
    ],
)  # fmt: skip
def test_both_languages_say_since_when_and_what_figures_are_worth(
    monkeypatch: pytest.MonkeyPatch, lang: str, said: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FUSIONCMD_LANG", lang)
    chinese.cache_clear()
    shown = [line.plain for line in cut_lines(cut_at(CUTS, Path("44")), 62_000)]
    chinese.cache_clear()
    for cut, line, words in zip(CUTS, shown, said, strict=True):
        assert line.startswith(cut.code) and words in line
