"""What waits for the audit is bounded; what is shed is counted by kind, and the audit tells it."""

from __future__ import annotations

import pytest

from fusioncmd import limits
from fusioncmd.audit.entries import Entry
from fusioncmd.audit.waiting import Waiting
from tests.audits import entry

FULL = limits.AUDIT_WAITING_MAX


def drained(waiting: Waiting[str]) -> list[Entry]:
    found: list[Entry] = []
    while waiting:
        page = waiting.page(7)
        assert 1 <= len(page) <= limits.AUDIT_PAGE_ENTRIES_MAX
        found += [item.entry for item in page]
    return found


def test_everything_comes_out_once_and_in_order() -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    for n in range(1_000):
        waiting.put(entry(n), "me") if n % 3 else waiting.note(entry(n), 0.0)
    first = waiting.page(7)
    waiting.back(first)
    assert drained(waiting) == [entry(n) for n in range(1_000)]


def test_what_does_not_fit_is_shed_and_told_by_kind_before_what_came_later() -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    for n in range(FULL + 10):
        waiting.note(entry(n, deed="login", refused="password" if n % 2 else "totp"), 0.0)
    assert (waiting.shed, len(waiting)) == (10, FULL + 1)
    waiting.put(entry(0), "me")  # somebody waits for it: never shed
    told, *rest = drained(waiting)
    assert (told.deed, told.actor, told.about, told.refused) == ("node", "node", "audit", "shed")
    assert told.details == {"shed": "10", "login totp": "5", "login password": "5"}
    assert len(rest) == FULL + 1 and rest[-1] == entry(0)


def test_who_is_refused_all_day_cannot_fill_the_disk() -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    written = 0
    for second in range(600):
        for n in range(100):
            waiting.note(entry(n), float(second))
        written += len(drained(waiting))
    assert FULL + 600 * limits.AUDIT_NOTES_PER_S <= written <= FULL + 600 * (limits.AUDIT_NOTES_PER_S + 1)
    assert waiting.shed >= 60_000 - written


def test_a_kind_of_every_note_does_not_make_the_entry_too_large() -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    for n in range(FULL + 100):
        waiting.note(entry(n, refused=f"reason {n}"), 0.0)
    told = drained(waiting)[0]
    assert len(told.details) == limits.AUDIT_DETAILS_MAX
    assert sum(int(count) for kind, count in told.details.items() if kind != "shed") == int(told.details["shed"]) == 100


@pytest.mark.parametrize("text", ["x" * 300, "half \ud83d of a character", "漢" * 300])
def test_what_is_too_long_or_no_text_is_made_to_fit(text: str) -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    waiting.note(entry(1, actor=text, about=text, refused=text, details={text: text}), 0.0)
    waiting.note(entry(2, details={str(n): "" for n in range(40)}), 0.0)
    first, second = drained(waiting)
    for value in (first.actor, first.about, first.refused, *first.details, *first.details.values()):
        assert 1 <= len(value) <= limits.AUDIT_FIELD_CHARS_MAX and value.encode()
    assert len(second.details) == limits.AUDIT_DETAILS_MAX


def test_pages_of_large_entries_are_smaller() -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    for n in range(30):
        details = {f"{n} {i}": "漢" * limits.AUDIT_FIELD_CHARS_MAX for i in range(limits.AUDIT_DETAILS_MAX)}
        waiting.note(entry(n, details=details), 0.0)
    sizes = []
    while waiting:
        page = waiting.page(7)
        sizes.append(len(page))
        assert sum(item.size_bytes for item in page) < limits.AUDIT_PAGE_BYTES_MAX
    assert sum(sizes) == 30 and len(sizes) > 1


def test_those_who_wait_can_be_sent_away_and_notes_stay() -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    waiting.note(entry(1), 0.0)
    waiting.put(entry(2), "me")
    waiting.put(entry(3), "you")
    assert waiting.give_up() == ["me", "you"]
    assert drained(waiting) == [entry(1)]


def test_it_is_urgent_when_somebody_waits_or_a_page_is_full() -> None:
    waiting: Waiting[str] = Waiting("node", 0.0)
    for n in range(limits.AUDIT_PAGE_ENTRIES_MAX - 1):
        waiting.note(entry(n), 0.0)
    assert not waiting.urgent
    waiting.put(entry(0), "me")
    assert waiting.urgent
    waiting.back(waiting.page(7))
    assert waiting.urgent
    waiting.page(7)
    assert not waiting.urgent
