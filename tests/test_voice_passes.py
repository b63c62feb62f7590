"""Who comes into a talkgroup from a browser is in the audit, and stays no longer than their session lets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fusioncmd import passes
from fusioncmd.access import Actor
from fusioncmd.api.voice import TalkPass
from fusioncmd.codes import Path as Place
from fusioncmd.errors import Unavailable
from tests.worlds import Notebook
from tiers import voice_desk
from tiers.voice_desk import STAYS_S, VoiceDesk

KEY = bytes(32)


def who(session: bytes, until_s: int = 0) -> Actor:
    return Actor("Chen Wei", frozenset({"commander"}), Place("4401"), session=session, until_s=until_s)


async def test_a_pass_is_in_the_audit_once_for_a_stay_and_lasts_five_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, now_s, nothing = Notebook(), [1_000], Any
    desk = VoiceDesk(nothing, nothing, tmp_path, KEY, book, lambda: now_s[0])  # type: ignore[arg-type]

    async def asked(actor: Actor) -> int:
        return passes.check((await desk.talk_pass(TalkPass(), actor)).talk_pass, KEY, now_s[0]).until_s

    for _ in range(10):  # as the page asks
        assert await asked(who(b"1")) == now_s[0] + STAYS_S <= now_s[0] + 300
        now_s[0] += 60
    (entry,) = book.entries
    assert (entry.actor, entry.deed, entry.about) == ("Chen Wei", "voice", "4401")
    assert entry.details == {"what": "talk pass", "until": "1300"}
    assert await asked(who(b"2", until_s=now_s[0] + 30)) == now_s[0] + 30 and len(book.entries) == 2
    now_s[0] += STAYS_S
    await asked(who(b"1"))
    assert len(book.entries) == 3
    monkeypatch.setattr(voice_desk, "HOLDERS_MAX", 1)
    for count in (4, 5):  # nobody remembers it: each is written down
        await asked(who(b"3"))
        assert len(book.entries) == count
    book.problem = Unavailable("full", "满")
    with pytest.raises(Unavailable):
        await asked(who(b"4"))
