"""What a ladder is: steps, each with a channel, a wait and a condition, as a line of text that an order carries. Pure.

    push 60 received; sms 120 answered; voice 240 answered; superior 180 answered

`sms 120 answered`: 120 s after the step before was begun (the first: after the node took the order), by SMS, to whoever
has not answered by then. `exercise` as the last part lets an exercise use channels that reach people's phones; without
it an exercise reaches the superior alone. `none` is a ladder without steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from fusioncmd import limits
from fusioncmd.errors import BadOrder
from fusioncmd.ladder import bounds

Channel = Literal["push", "sms", "voice", "webhook", "superior"]
Condition = Literal["received", "answered"]  # who has not
CHANNELS: tuple[Channel, ...] = get_args(Channel)
SUPERIOR, NONE, EXERCISE = "superior", "none", "exercise"
NAMED = {
    "none": NONE,
    "standard": "push 60 received; sms 120 answered; voice 240 answered; superior 180 answered",
    "quick": "push 15 received; sms 45 answered; voice 60 answered; superior 60 answered",
    "superior": "superior 300 answered",
}
_STEP = re.compile(r"(push|sms|voice|webhook|superior) ([0-9]{1,6}) (received|answered)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    channel: Channel
    wait_s: int
    unless: Condition


@dataclass(frozen=True, slots=True)
class Ladder:
    steps: tuple[Step, ...] = ()
    exercise: bool = False  # an exercise, too, reaches phones

    @property
    def text(self) -> str:
        """As `parse` reads it: the same ladder has one spelling."""
        steps = [f"{step.channel} {step.wait_s} {step.unless}" for step in self.steps]
        return "; ".join([*steps, *([EXERCISE] if self.exercise else [])]) or NONE

    def reaches(self, channel: Channel, status: str) -> bool:
        """Whether a step by that channel is taken for an order of that status."""
        return channel == SUPERIOR or status == "actual" or self.exercise


def parse(text: str) -> Ladder:
    """The ladder that `text` spells; `BadOrder` for anything else, also for another spelling of a good one."""
    parts = [] if text == NONE else text.split("; ")
    exercise = bool(parts) and parts[-1] == EXERCISE
    found = [_STEP.fullmatch(part) for part in (parts[:-1] if exercise else parts)]
    steps = tuple(Step(*_read(match)) for match in found if match is not None)
    ladder = Ladder(steps, exercise)
    if len(steps) != len(found) or ladder.text != text or (exercise and not steps):
        raise BadOrder(
            f"{text[:80]!r} is no ladder; one is written like this: {NAMED['standard']}",
            f"“{text[:80]}”不是升级阶梯；写法如：{NAMED['standard']}",
        )
    if len(steps) > bounds.LADDER_STEPS_MAX or any(not _fits(step.wait_s) for step in steps):
        raise BadOrder(
            f"A ladder has at most {bounds.LADDER_STEPS_MAX} steps, each after 1 to {limits.DEADLINE_S_MAX} s.",
            f"升级阶梯最多 {bounds.LADDER_STEPS_MAX} 级，每级等待 1 至 {limits.DEADLINE_S_MAX} 秒。",
        )
    if any(step.channel == SUPERIOR for step in steps[:-1]):
        raise BadOrder("The superior is the last step of a ladder.", "上级须为升级阶梯的最后一级。")
    return ladder


def named(text: str) -> Ladder:
    """A ladder by its name, or as it is written, across lines and with single line ends in place of `;`."""
    lines = [part.strip() for part in text.replace("\n", ";").split(";")]
    tidy = "; ".join(" ".join(line.split()) for line in lines if line and not line.startswith("#"))
    return parse(NAMED.get(tidy, tidy))


def _read(match: re.Match[str]) -> tuple[Channel, int, Condition]:
    channel, wait, unless = match.groups()
    return channel, int(wait), unless  # type: ignore[return-value]  # the pattern holds exactly these words


def _fits(wait_s: int) -> bool:
    return 1 <= wait_s <= limits.DEADLINE_S_MAX
