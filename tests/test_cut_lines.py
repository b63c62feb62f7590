"""A branch that is cut stands beside the figures that are old because of it, and beside no others."""

from __future__ import annotations

import pytest

from fusioncmd import api
from fusioncmd.api.cut import cut_at
from fusioncmd.cli.cut_lines import cut_lines
from fusioncmd.codes import Path
from fusioncmd.words import chinese

LINKS = (
    api.LinkLine("4401", "cut", 1_000, None),
    api.LinkLine("4403", "up", 0, 3),
    api.LinkLine("4404", "deaf", 2_000, None),
)


@pytest.mark.parametrize(
    ("place", "codes"),
    [("44", ["4401", "4404"]), ("4401", ["4401"]), ("440106", ["4401"]), ("4403", []), ("440304", [])],
)
def test_a_cut_concerns_what_lies_in_it_and_what_it_lies_in(place: str, codes: list[str]) -> None:
    assert [line.code for line in cut_at(LINKS, Path(place))] == codes


@pytest.mark.parametrize(
    ("lang", "cut", "deaf"),
    [("en", "cut off for 1:01", "nothing from here arrives"), ("zh", "链路中断 1:01", "送不到该处")],
)
def test_both_languages_say_since_when_and_what_figures_are_worth(
    monkeypatch: pytest.MonkeyPatch, lang: str, cut: str, deaf: str
) -> None:
    monkeypatch.setenv("FUSIONCMD_LANG", lang)
    chinese.cache_clear()
    first, second = (line.plain for line in cut_lines(cut_at(LINKS, Path("44")), 62_000))
    chinese.cache_clear()
    assert first.startswith("4401") and cut in first
    assert second.startswith("4404") and deaf in second
