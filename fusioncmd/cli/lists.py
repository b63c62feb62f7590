"""Lists for people: one line each, columns as wide as what stands in them. Pure: cells in, lines out.

Nothing is cut: what does not fit a screen is left to the terminal to wrap, and what is read by a program through a
pipe stays whole, a line each.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.text import Text

GAP = "  "
INDENT = "    "


def aligned(heads: Sequence[str], rows: Sequence[Sequence[Text]], right: Collection[int] = ()) -> list[Text]:
    """The heads and then `rows`, in columns; those in `right` end at the same cell, the others begin there."""
    table = [[Text(head, "dim") for head in heads], *rows]
    widths = [max(row[i].cell_len for row in table) for i in range(len(heads))]
    return [_line(row, widths, right) for row in table]


def width_of(lines: Sequence[Text]) -> int:
    return max((line.cell_len for line in lines), default=0)


def with_below(lines: Sequence[Text], below: Sequence[Text]) -> list[Text]:
    """`lines` of which the first is the heads, each other followed by its line of `below`, indented."""
    found = [lines[0]]
    for line, under in zip(lines[1:], below, strict=True):
        found += [line, Text(INDENT).append_text(under)]
    return found


def _line(row: Sequence[Text], widths: Sequence[int], right: Collection[int]) -> Text:
    line = Text()
    for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
        pad = " " * (width - cell.cell_len)
        line.append(GAP if i else "")
        line = line.append(pad).append_text(cell) if i in right else line.append_text(cell).append(pad)
    line.rstrip()
    return line
