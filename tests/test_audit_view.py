"""How the audit reads: each command of a person logs in, and what they did is not buried under that."""

from __future__ import annotations

from fusioncmd.audit.chain import Tip
from fusioncmd.audit.entries import Deed, Entry
from fusioncmd.audit.proof import Proof, elsewhere
from fusioncmd.cli.audit_view import Line, entry_lines


def _line(number: int, deed: Deed, actor: str, refused: str = "") -> Line:
    return Line(
        "44", 1, number, Entry(at_ms=1_700_000_000_000 + number, deed=deed, actor=actor, about="", refused=refused)
    )


def test_logins_in_a_row_are_one_line_and_nothing_else_is() -> None:
    logins = [_line(n, "login", "office") for n in (1, 2, 3)]
    others = [_line(4, "order", "office"), _line(5, "order", "office"), _line(6, "login", "office")]
    refused = [_line(7, "login", "eve", "wrong"), _line(8, "login", "eve", "wrong"), _line(9, "login", "amy")]
    _, *rows = [line.plain for line in entry_lines([*logins, *others, *refused])]
    assert [row.split()[0] for row in rows] == ["3", "4", "5", "6", "7", "8", "9"]
    assert "×3" in rows[0] and not any("×" in row for row in rows[1:])


def test_an_audit_of_which_a_link_brought_only_the_head_is_not_called_broken() -> None:
    here, below = Proof("44", 1, Tip("44"), 0, 9, None), Proof("4401", 1, Tip("4401"), 0, 0, None)
    assert elsewhere([here, below], {""}) == [below]
    assert elsewhere([here, below], {"4401"}) == [], "who has kept its head, or asks for it, is told that it is gone"
    gone = Proof("44", 1, Tip("44"), 0, 0, None)
    assert elsewhere([gone, below], {""}) == [], "no audit at all is here"
