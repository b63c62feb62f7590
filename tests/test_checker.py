"""The checker catches every kind of violation, alone and among thousands of good deeds, and blames nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyroaring import BitMap

from loadtest.checker import KINDS, Figures, check
from loadtest.swarm.record import Deeds, unpack
from tests.histories import ALERT, ANSWERS, CANCEL, History, figures, history
from tests.worlds import make_id


def answerer(h: History, answer: int) -> int:
    """Somebody who counts under `answer`, and gave no other."""
    others = BitMap.union(*(h.record.deeds[ALERT].given[k] for k in range(ANSWERS) if k != answer))
    return next(n for n in h.counted[ALERT].by_answer[answer] if n not in others)


def outsider(h: History) -> int:
    return next(n for n in h.connected if n not in h.meant[ALERT].audience)


def lose_an_answer(h: History) -> None:
    h.counted[ALERT].by_answer[1].remove(answerer(h, 1))
    recount(h)


def lose_an_order(h: History) -> None:
    del h.counted[ALERT]


def lose_a_report(h: History) -> None:
    h.counted[ALERT].reports.pop()


def lose_a_receipt(h: History) -> None:
    h.counted[ALERT].received.pop()
    recount(h)


def take_back_the_urgent_answer(h: History) -> None:
    """Counted under an answer that is listed before the one confirmed."""
    number = answerer(h, 2)
    h.record.deeds[ALERT].given[0].add(number)
    h.counted[ALERT].by_answer[2].remove(number)
    h.counted[ALERT].by_answer[0].append(number)
    recount(h)


def count_twice(h: History) -> None:
    number = answerer(h, 0)
    h.record.deeds[ALERT].given[1].add(number)
    h.counted[ALERT].by_answer[1].append(number)
    recount(h)


def list_a_name_twice(h: History) -> None:
    h.counted[ALERT].by_answer[0].append(h.counted[ALERT].by_answer[0][0])
    recount(h)


def store_a_report_twice(h: History) -> None:
    h.counted[ALERT].reports.append(h.counted[ALERT].reports[0])


def inflate_a_figure(h: History) -> None:
    total = h.counted[ALERT].total
    h.counted[ALERT].total = Figures(total.targeted, total.received + 1, total.by_answer, total.silent, 0)


def inflate_a_place(h: History) -> None:
    total = h.counted[ALERT].total
    extra = Figures(0, 1, (0,) * ANSWERS, 0, 0)
    h.counted[ALERT].below = [total, extra]


def count_who_never_answered(h: History) -> None:
    deeds = h.record.deeds[ALERT]
    silent = deeds.shown - BitMap.union(*deeds.given)
    h.counted[ALERT].by_answer[2].append(silent[0])
    recount(h)


def receive_what_was_not_shown(h: History) -> None:
    h.counted[ALERT].received.append((h.meant[ALERT].audience - h.connected)[0])
    recount(h)


def confirm_what_was_not_given(h: History) -> None:
    deeds = h.record.deeds[ALERT]
    deeds.confirmed[0].add((deeds.shown - deeds.given[0])[0])


def invent_a_report(h: History) -> None:
    h.counted[ALERT].reports.append((b"r" * 16, 1001))


def tell_without_reason(h: History) -> None:
    h.record.unasked["counted"] += 1


def show_to_an_outsider(h: History) -> None:
    h.record.deeds[ALERT].shown.add(outsider(h))
    h.counted[ALERT].received.append(outsider(h))
    recount(h)


def count_an_outsider(h: History) -> None:
    number = outsider(h)
    h.record.deeds[ALERT].given[0].add(number)
    h.record.deeds[ALERT].confirmed[0].add(number)
    h.counted[ALERT].by_answer[0].append(number)
    recount(h)


def cancel_to_who_never_saw_it(h: History) -> None:
    h.record.deeds[CANCEL].shown.add((h.meant[ALERT].audience - h.connected)[0])


def resolve_to_others(h: History) -> None:
    h.counted[ALERT].targeted[0] += 1


def change_the_order_under_way(h: History) -> None:
    h.record.deeds[ALERT].order = b"another"


def show_an_order_nobody_issued(h: History) -> None:
    h.record.deeds[make_id(9)] = Deeds(b"forged", shown=BitMap([1001]))


def withhold_the_cancel(h: History) -> None:
    number = h.record.deeds[CANCEL].shown.pop()
    h.counted[CANCEL].received.remove(number)
    h.counted[CANCEL].total = figures([], h.record.deeds[CANCEL], h.record.deeds[ALERT].shown)


def withhold_the_confirmation(h: History) -> None:
    h.record.deeds[ALERT].confirmed[0].discard(answerer(h, 0))


def show_again(h: History) -> None:
    h.record.deeds[ALERT].shown_again.add(h.record.deeds[ALERT].shown[0])


def deliver_what_does_not_verify(h: History) -> None:
    h.record.untrusted["ff: signature"] += 1


def recount(h: History) -> None:
    """The node's figures agree with its names: only the people are wrong."""
    counted = h.counted[ALERT]
    received, by_answer = len(counted.received), tuple(map(len, counted.by_answer))
    targeted = len(counted.targeted)
    counted.total = Figures(targeted, received, by_answer, targeted - sum(by_answer), 0)
    counted.below = [counted.total]


VIOLATIONS: dict[Callable[[History], None], str] = {
    lose_an_answer: "lost", lose_an_order: "lost", lose_a_report: "lost", lose_a_receipt: "lost",
    take_back_the_urgent_answer: "lost", count_twice: "double", list_a_name_twice: "double",
    store_a_report_twice: "double", inflate_a_figure: "double", inflate_a_place: "double",
    count_who_never_answered: "phantom", receive_what_was_not_shown: "phantom", confirm_what_was_not_given: "phantom",
    invent_a_report: "phantom", tell_without_reason: "phantom", show_to_an_outsider: "outside",
    count_an_outsider: "outside", cancel_to_who_never_saw_it: "outside", resolve_to_others: "outside",
    change_the_order_under_way: "outside", show_an_order_nobody_issued: "outside", withhold_the_cancel: "undelivered",
    withhold_the_confirmation: "unconfirmed", show_again: "repeated",
    deliver_what_does_not_verify: "untrusted",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_a_run_in_which_nothing_went_wrong_is_clean(seed: int) -> None:
    verdict = history(seed).verdict()
    assert verdict.clean, verdict.examples


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda v: v.__name__)
@pytest.mark.parametrize("seed", range(5))
def test_each_violation_is_caught_as_what_it_is(violation: Callable[[History], None], seed: int) -> None:
    broken = history(seed)
    violation(broken)
    verdict = broken.verdict()
    assert verdict.counts[VIOLATIONS[violation]] >= 1, verdict.counts
    assert any(example.startswith(VIOLATIONS[violation]) for example in verdict.examples)


def test_there_is_a_violation_of_every_kind() -> None:
    assert set(VIOLATIONS.values()) == set(KINDS)


def test_an_answer_that_nobody_confirmed_may_count_or_not() -> None:
    """The gateway died with it or after it: both are honest."""
    for counted in (True, False):
        h = history(1)
        number = answerer(h, 1)
        h.connected.discard(number)
        h.record.deeds[ALERT].confirmed[1].discard(number)
        if not counted:
            h.counted[ALERT].by_answer[1].remove(number)
            recount(h)
        assert h.verdict().clean, h.verdict().examples


def test_what_a_process_wrote_down_survives_packing_and_merging() -> None:
    h = history(3)
    copy = unpack(h.record.pack())
    copy.merge(unpack(h.record.pack()))
    assert check(copy, h.meant, h.counted, h.connected).clean
