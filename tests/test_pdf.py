"""The report on paper carries its letters, whatever font the machine has; where it has none, it says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from fusioncmd import api
from gateways.console import fonts
from gateways.console.after import After, after_action
from gateways.console.pdf import pdf_of
from tests.worlds import make_order

LETTERS = sorted({*map(chr, range(32, 127)), *"叫应总结演练广东省点名陈"})


def square(pen: object) -> None:
    pen.moveTo((0, 0))  # type: ignore[attr-defined]
    pen.curveTo((0, 400), (100, 700), (500, 700))  # type: ignore[attr-defined]
    pen.lineTo((500, 0))  # type: ignore[attr-defined]
    pen.closePath()  # type: ignore[attr-defined]


def made(path: Path, cubic: bool) -> Path:
    """A font that has one and the same letter for all of LETTERS and for some more."""
    names = [".notdef", *(f"u{ord(letter)}" for letter in (*LETTERS, "堤", "围"))]
    build = FontBuilder(1000, isTTF=not cubic)
    build.setupGlyphOrder(names)
    build.setupCharacterMap({ord(letter): f"u{ord(letter)}" for letter in (*LETTERS, "堤", "围")})
    if cubic:
        pen = T2CharStringPen(600, None)
        square(pen)
        build.setupCFF("Made", {}, dict.fromkeys(names, pen.getCharString()), {})
    else:
        drawn = TTGlyphPen(None)
        drawn.moveTo((0, 0)), drawn.lineTo((0, 700)), drawn.lineTo((500, 0)), drawn.closePath()
        build.setupGlyf(dict.fromkeys(names, drawn.glyph()))
    build.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    build.setupHorizontalHeader(ascent=800, descent=-200)
    build.setupNameTable({"familyName": "Made", "styleName": "Regular"})
    build.setupOS2(sTypoAscender=800), build.setupPost()
    build.save(path)
    return path


def after() -> After:
    order = make_order(1, text="点名 <b>x</b>", issuer="陈")
    row = api.Row("44", "广东省", 4, 4, 4, 2, (2, 0), 0, 2, 0)
    tally = api.TallyReply(api.OrderLine(order, "open", None, 4, 2), order.issued_ms, row, (), 0)
    times = tuple(api.Quantile(percent, 900, None) for percent in (50, 90))
    course = api.CourseReply(4, (), (api.CourseRow("44", "广东省", 4, 2, times),))
    return after_action(tally, (), api.People((), 0, None), api.ReportsReply((), 0), course)


@pytest.mark.parametrize("cubic", [True, False])
@pytest.mark.parametrize("chinese", [True, False])
def test_a_report_carries_its_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cubic: bool, chinese: bool
) -> None:
    path = made(tmp_path / "made.otf", cubic)
    monkeypatch.setattr(fonts, "installed", lambda: path)
    paper = pdf_of(after(), chinese)
    assert paper.startswith(b"%PDF-") and b"/FontFile2" in paper and b"STSong" not in paper
    assert re.search(rb"/BaseFont /[A-Z+]*Made", paper)


def test_of_a_font_no_more_is_carried_than_is_written(tmp_path: Path) -> None:
    path = made(tmp_path / "made.otf", cubic=True)
    (tmp_path / "cut.ttf").write_bytes(fonts.font_for("堤a", path))
    with TTFont(tmp_path / "cut.ttf") as cut:
        assert sorted(map(chr, cut.getBestCmap())) == ["a", "堤"] and "glyf" in cut and "CFF " not in cut
        drawn = cut["glyf"][cut.getBestCmap()[ord("a")]]
        assert drawn.numberOfContours == 1 and drawn.yMax == 700


def test_where_there_is_no_font_the_report_says_so_and_can_be_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: None)
    said = pdf_of(after(), chinese=True)
    assert b"/FontFile" not in said and b"STSong" in said


def test_the_best_font_of_the_machine_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", (tmp_path / "absent", tmp_path))
    fonts.installed.cache_clear()
    assert fonts.installed() is None
    for name in ("simsun.ttc", "wqy-microhei.ttc", "Other.ttf"):
        (tmp_path / name).touch()
    fonts.installed.cache_clear()
    assert fonts.installed() == tmp_path / "wqy-microhei.ttc"
    fonts.installed.cache_clear()
