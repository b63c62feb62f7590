"""An honest commander's app shows codes that the node takes for as long as a login may take."""

from __future__ import annotations

import pytest

from fusioncmd.accounts import passwords
from loadtest.honest_commanders import JUDGED_S_MAX, Person, wait_s

STEP_S = passwords.TOTP_STEP_S


@pytest.mark.parametrize("into_s", [0, 1, STEP_S - JUDGED_S_MAX - 1, STEP_S - JUDGED_S_MAX, STEP_S - 1])
def test_each_of_three_codes_is_new_and_good_until_it_is_judged(into_s: int) -> None:
    person, after, now_s = Person("li.na", "", passwords.new_totp_secret()), 0, 1000.0 * STEP_S + into_s
    now_s += wait_s(now_s)
    for _ in range(3):
        code = person.code(now_s)
        assert code is not None
        step = passwords.totp_step(person.totp, code, now_s + JUDGED_S_MAX - 0.1, after)
        assert step is not None and passwords.totp_step(person.totp, code, now_s, after) == step
        after = step
    assert person.code(now_s) is None
