"""A disk that is full: what cannot be written is refused in one sentence, nothing is there by half, and it goes on.

The tier's folder is a file system of its own (tmpfs; to mount one takes root), of which every byte is taken, again and
again. `python -m loadtest disk` does the same while answers come in.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd.errors import Unavailable
from loadtest.disk import FILL_EVERY_S, Filler, small_disk
from tests.smoke.handset import Handset
from tests.smoke.test_story_ladder import ticket_of
from tests.tier_process import Ran, TierProcess, run, until

MIB = 96
ALARM_S_MAX = 5.0
WELL_S_MAX = 30.0
CALL = ("call", "--to", "440106001", "--answer", "在岗", "--exercise", "--text")


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csv")
    for name, village, people in (("first", "440106001001", 1), ("second", "440106002008", 3_000)):
        rows = "".join(f"{name}{n},{name}{n},1380000{n:04},{village},flood\n" for n in range(people))
        (folder / f"{name}.csv").write_text(f"id,name,phone,village,roles\n{rows}", "utf-8")
    return folder


@pytest.fixture(scope="module")
def tier(csv: Path) -> Iterator[TierProcess]:
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(small_disk(MIB))
        except Unavailable as problem:
            pytest.skip(problem.en)
        tier = stack.enter_context(TierProcess(folder, "--gateways", 1))
        assert tier.ask("roster", "import", csv / "first.csv")["added"] == 1
        yield tier


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte is left there, and what becomes free is taken."""
    filler, over = Filler(folder), threading.Event()

    def keep() -> None:
        while not over.wait(FILL_EVERY_S):
            filler.fill()

    filler.fill()
    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        filler.give_back()


def problems(tier: TierProcess) -> list[str]:
    said = tier.here("health", "--json").json
    return list(said.get("problems", ["no answer"]))


def refused(ran: Ran, en: str) -> bool:
    return ran.code == 1 and len(ran.err.splitlines()) == 1 and en in ran.err


def test_an_order_and_a_roster_are_refused_whole_and_what_was_told_before_is_kept(tier: TierProcess, csv: Path) -> None:
    tier.ask(*CALL, "Before.")
    with Handset(tier.terminals, ticket_of(tier, "440106001")) as phone:
        order = phone.order("Before.")
        with full(tier.data.parent):
            began_s = time.monotonic()
            until(lambda: any("MiB are free on the disk" in one for one in problems(tier)), ALARM_S_MAX)
            assert refused(tier.here(*CALL, "While."), "is full (0 KiB left): nothing was written.")
            zh = tier.cli(*CALL, "While.", lang="zh")
            assert zh.code == 1 and "所在磁盘已满（剩余 0 KiB），未写入任何内容" in zh.err
            assert refused(tier.here("roster", "import", csv / "second.csv"), "is full")
            assert time.monotonic() - began_s < 3 * ALARM_S_MAX  # nobody waits for a time limit
        phone.answer(order, "在岗")
        until(lambda: problems(tier) == [], WELL_S_MAX)
        texts = [line["order"]["text"] for line in tier.ask("orders")["orders"]]
        assert texts == ["Before."] and tier.ask("roster", "find", "second")["people"] == []
        assert all(one["holds"] for one in tier.ask("audit", "verify")["audits"])
        tier.ask(*CALL, "After.")
        phone.answer(phone.order("After."), "在岗")
        assert phone.orders_by_now() == []  # nothing of what was refused
    assert tier.ask("roster", "import", csv / "second.csv")["added"] == 3_000


def test_a_key_file_is_there_whole_or_not_at_all(tier: TierProcess) -> None:
    with small_disk(1) as folder:
        mine = folder / "mine"
        mine.mkdir()
        with full(folder):
            for lang, words in (("en", "cannot be written: No space left"), ("zh", "无法写入")):
                ran = run("keys", "request", "--holder", "x", "--keys", mine, "--out", mine / "r.json", lang=lang)
                assert ran.code == 1 and words in ran.err and len(ran.err.splitlines()) == 1, ran
            assert [*mine.rglob("*.new"), *mine.rglob("*.partial")] == []
            assert all(file.stat().st_size for file in mine.rglob("*") if file.is_file())
