"""A Chinese font for a document, of this machine, cut down to what is written: the one file that knows fontTools.

A document shows the same everywhere only when it carries its font. None is shipped: a good one has ten megabytes, and
nearly every machine has one. Noto Sans CJK and Source Han Sans (OFL 1.1) and WenQuanYi (Apache 2.0, or GPL 3 with the
exception for documents) may be embedded. ReportLab takes TrueType outlines: those of the first two are cubic, and are
drawn anew, to within a thousandth of the height of a letter.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont, TTLibError, newTable

FOLDERS = (
    Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts",
    Path("/Library/Fonts"), Path("/System/Library/Fonts"), Path("C:/Windows/Fonts"),
)  # fmt: skip
NAMES = (  # the best first; each has Latin letters too
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "NotoSansSC-Regular.otf", "NotoSansSC-Regular.ttf",
    "SourceHanSansSC-Regular.otf", "SourceHanSans.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc", "msyh.ttc", "simsun.ttc",
)  # fmt: skip
ERROR_UNITS = 1.0  # of 1,000 in the height of a letter
ABSENT = (
    "This machine has no Chinese font, so the document carries none, and where it is read there has to be one: install "
    "fonts-noto-cjk or fonts-wqy-microhei here.",
    "本机没有中文字体，文档未嵌入字体，阅读处须自备；请在本机安装 fonts-noto-cjk 或 fonts-wqy-microhei。",
)


@lru_cache(maxsize=1)
def installed() -> Path | None:
    """The best that the machine had when it was asked first."""
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in folder.rglob("*.[to]t[fc]") if folder.is_dir() else ():
            found.setdefault(path.name, path)
    return next((found[name] for name in NAMES if name in found), None)


def font_for(text: Iterable[str], path: Path) -> bytes:
    """TrueType with the letters of `text`, from the font in `path`. Two seconds of a core for some hundred letters."""
    options = subset.Options(layout_features=[], name_IDs=[1, 2, 4, 6], notdef_outline=True, hinting=False)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx"]
    cutter = subset.Subsetter(options)
    cutter.populate(text="".join(text))
    out = io.BytesIO()
    with TTFont(path, fontNumber=_face(path), lazy=True) as font:
        cutter.subset(font)
        if "CFF " in font:
            _draw_anew(font)
        font.save(out)
    return out.getvalue()


def _face(path: Path) -> int:
    """Of a collection, the one for simplified Chinese; else its first."""
    if path.suffix != ".ttc":
        return -1
    try:
        with TTCollection(path, lazy=True) as faces:
            names = [str(face["name"].getDebugName(1)) for face in faces.fonts]
    except TTLibError:
        return 0
    return next((i for i, name in enumerate(names) if name.endswith(" SC")), 0)


def _draw_anew(font: TTFont) -> None:
    """Cubic outlines as quadratic ones (OpenType 1.9, glyf)."""
    order, drawn = font.getGlyphOrder(), font.getGlyphSet()
    table = newTable("glyf")
    table.glyphOrder, table.glyphs = order, {}
    for name in order:
        pen = TTGlyphPen(None)
        drawn[name].draw(Cu2QuPen(pen, ERROR_UNITS, reverse_direction=True))
        table.glyphs[name] = pen.glyph()
        table.glyphs[name].recalcBounds(table)
    del font["CFF "]
    font["loca"], font["glyf"] = newTable("loca"), table
    font["post"].formatType = 3.0
    font.sfntVersion = "\x00\x01\x00\x00"
    most = font["maxp"]
    most.tableVersion, most.maxZones = 0x00010000, 1
    for name in ("TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements", "SizeOfInstructions",
                 "ComponentElements", "ComponentDepth"):  # fmt: skip
        setattr(most, f"max{name}", 0)
