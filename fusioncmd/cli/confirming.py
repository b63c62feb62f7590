"""Before an actual order goes out, who sits at the terminal types how many it reaches, or its mode: no key is hit so.

Programs are not asked: a pipe types nothing. Exercises are not asked about either.
"""

from __future__ import annotations

import sys

from fusioncmd import api
from fusioncmd.cli import shell
from fusioncmd.cli.figures import mode_text, plain
from fusioncmd.cli.keyboard import typed_line
from fusioncmd.cli.shown import tell_audience, tell_second
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput
from fusioncmd.messages import Status
from fusioncmd.words import say

WORDS = ("ACTUAL", "实战")


def can_ask() -> bool:
    """A person sits there, who can answer."""
    return sys.stdin.isatty()


async def confirm_order(draft: api.Draft, preview: api.PreviewReply, places: Divisions) -> None:
    """As `confirm`, once it has shown what is sent, and whom it means."""
    assert draft.audience is not None
    shell.err.print(mode_text(draft.status).append(f"  {plain(draft.text)}", "bold default"), soft_wrap=True)
    tell_audience(shell.err, draft.audience, places, preview.targeted, preview.reachable)
    tell_second(shell.err, preview)
    await confirm(preview.targeted, draft.status)


async def confirm(people: int, status: Status) -> None:
    """`BadInput` when what is typed is neither the number of people nor that it is actual."""
    words = WORDS if status == "actual" else ("EXERCISE", "演练")
    asked = say(
        f"Type {people} (how many people it reaches) or {words[0]} to send it; anything else sends nothing: ",
        f"请输入 {people}（人数）或“{words[1]}”以下达；输入其他内容则不下达：",
    )
    shell.err.print(asked, end="", soft_wrap=True)
    if not is_confirmed(await typed_line(), people, words):
        raise BadInput("Nothing was sent: it was not confirmed.", "未确认，未下达。")


def is_confirmed(typed: str, people: int, words: tuple[str, str]) -> bool:
    said = typed.strip()
    return said.replace(",", "") == str(people) or said.upper() in words
