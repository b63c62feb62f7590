"""How far the commander's figures are behind what terminals answered."""

from __future__ import annotations

import pytest

from loadtest.lateness import Seen, behind_s


@pytest.mark.parametrize(
    ("seen", "answered_s", "late_s"),
    [
        ([(10.0, 0), (11.0, 2), (12.0, 3)], [10.5, 10.9, 11.5], 0.0),  # each time all that there was
        ([(13.0, 0)], [11.0, 10.0, 12.0], 3.0),  # none of them: the first is meant
        ([(13.0, 2)], [11.0, 10.0, 12.0], 1.0),
        ([(13.0, 2), (14.0, 2), (14.5, 3)], [11.0, 10.0, 12.0], 2.0),  # the worst that was seen
        ([(10.0, 0)], [11.0], 0.0),  # nobody had answered yet
        ([(10.0, 0)], [], 0.0),
        ([], [11.0], 0.0),
    ],
)
def test_it_is_the_oldest_answer_that_was_not_seen(seen: list[Seen], answered_s: list[float], late_s: float) -> None:
    assert behind_s(seen, answered_s) == late_s
