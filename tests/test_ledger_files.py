"""The ledger on disk: what was written comes back, whatever was cut off, and what is damaged is not believed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import ids
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, Stored
from fusioncmd.messages import ANSWERED, RECEIVED, SENT
from tests.test_ledger import ALERT, CALLS, EVIDENCE, OTHER, audience, call, fold, look, mark, receipts, report
from tests.worlds import judge, make_order
from tiers import ledger_files
from tiers.ledger import Ledger
from tiers.ledger_files import LedgerFiles, images

ROOT = Path(__file__).parent.parent
STREAM = [
    audience(ALERT, range(8), 1), call(ALERT, 2), audience(OTHER, range(3), 3), call(OTHER, 4),
    receipts(mark(ALERT, SENT, range(8)), mark(OTHER, SENT, {1}), seq=1), report(ALERT, 3, seq=1),
    receipts(mark(ALERT, ANSWERED, {1, 2}, 0), seq=2), receipts(mark(OTHER, RECEIVED, {1}), seq=3),
]  # fmt: skip
WHOLE = look(fold(Ledger(judge()), *STREAM))


def save(folder: Path, ledger: Ledger) -> None:
    LedgerFiles(folder).save(images(ledger), dict(ledger.handled))


def saved(folder: Path, *messages: Stored) -> Path:
    save(folder, fold(Ledger(judge()), *messages))
    return folder


def replayed(ledger: Ledger) -> Ledger:
    """`ledger` after its streams were read on, from what it says it handled."""
    after = dict(ledger.handled)
    stream_of = {"call": CALL, "audience": CALL, "receipt": RECEIPT, "report": REPORT}
    return fold(ledger, *(m for m in STREAM if m.seq > after[stream_of[m.subject.split(".")[1]].name]))


def replay_and_save(folder: Path) -> None:
    save(folder, replayed(LedgerFiles(folder).load(judge())))


def file_of(folder: Path, order: bytes = ALERT.id) -> Path:
    return folder / f"{ids.to_text(order)}.order"


def spoil(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 0x10
    path.write_bytes(content)


@contextmanager
def files_of_at_most(count: int) -> Iterator[None]:
    """A disk that is full, as far as this process can see."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_nothing_was_written_the_ledger_is_empty(tmp_path: Path) -> None:
    ledger = LedgerFiles(tmp_path / "new" / "ledger").load(judge())
    assert (ledger.accounts, set(ledger.handled.values())) == ({}, {0})


@given(evidence=EVIDENCE)
def test_what_was_written_comes_back(tmp_path_factory: pytest.TempPathFactory, evidence: list[Stored]) -> None:
    ledger = fold(Ledger(judge()), *CALLS, *evidence)
    ledger.handled[RECEIPT.name] = 17
    folder = tmp_path_factory.mktemp("ledger")
    save(folder, ledger)
    again = LedgerFiles(folder).load(judge())
    assert look(again) == look(ledger)
    assert (again.handled, again.dirty, ledger.dirty) == (ledger.handled, set(), set())


def test_receipts_whose_order_has_not_come_are_kept_for_it(tmp_path: Path) -> None:
    early = make_order(9)
    ledger = LedgerFiles(saved(tmp_path, receipts(mark(early, SENT, {1})))).load(judge())
    fold(ledger, audience(early, {1, 2}), call(early))
    assert list(ledger.view(early, ledger.targeted(early)).sent) == [1]


def test_only_orders_that_changed_are_written(tmp_path: Path) -> None:
    ledger = fold(Ledger(judge()), *STREAM)
    save(tmp_path, ledger)
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    fold(ledger, receipts(mark(OTHER, SENT, {2})))
    save(tmp_path, ledger)
    after = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {file_of(tmp_path, OTHER.id).name, "head"}


@pytest.mark.parametrize("point", ["ledger.orders_written", "ledger.head_written"])
def test_a_crash_between_the_files_and_the_head_is_repaired_by_replaying(tmp_path: Path, point: str) -> None:
    saved(tmp_path, *STREAM[:5])
    killpoint = tmp_path / "killpoint"
    killpoint.write_text(f"{point} 0")
    code = "import sys; from tests.test_ledger_files import *; replay_and_save(Path(sys.argv[1]))"
    env = os.environ | {"FUSIONCMD_KILLPOINTS": str(killpoint)}
    run = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, env=env)
    assert run.returncode == -signal.SIGKILL
    ledger = LedgerFiles(tmp_path).load(judge())
    assert look(ledger) == WHOLE  # the files are newer than the head, or as new
    assert ledger.handled[RECEIPT.name] == (1 if point == "ledger.orders_written" else 3)
    assert look(replayed(ledger)) == WHOLE


def test_a_file_that_was_cut_off_while_written_is_not_read(tmp_path: Path) -> None:
    saved(tmp_path, *STREAM)
    for name in (file_of(tmp_path).name, "head"):
        (tmp_path / f"{name}.new").write_bytes(b"half of")
    files = LedgerFiles(tmp_path)
    assert look(files.load(judge())) == WHOLE and files.damaged == []


@pytest.mark.parametrize("room", [0, 100])
def test_a_disk_that_is_full_leaves_the_last_snapshot_whole(tmp_path: Path, room: int) -> None:
    ledger = fold(Ledger(judge()), *STREAM[:5])
    save(tmp_path, ledger)
    before = look(ledger)
    with files_of_at_most(room), pytest.raises(OSError, match="File too large"):
        save(tmp_path, fold(ledger, *STREAM[5:]))
    again = LedgerFiles(tmp_path).load(judge())
    assert look(again) == before and again.handled[RECEIPT.name] == 1
    assert look(replayed(again)) == WHOLE


@given(at=st.integers(0, 1 << 16), copy=st.booleans(), head=st.booleans())
def test_one_file_of_two_with_a_bit_wrong_costs_nothing_and_is_made_good(
    tmp_path_factory: pytest.TempPathFactory, at: int, copy: bool, head: bool
) -> None:
    folder = saved(tmp_path_factory.mktemp("ledger"), *STREAM)
    name = "head" if head else file_of(folder).name
    good = (folder / name).read_bytes()
    spoil((folder / "copy" if copy else folder) / name, at)
    files = LedgerFiles(folder)
    ledger = files.load(judge())
    assert (files.damaged, files.repaired) == ([], [] if copy else [name])
    assert look(ledger) == WHOLE and ledger.handled == fold(Ledger(judge()), *STREAM).handled
    assert (folder / name).read_bytes() == good


@given(at=st.integers(0, 1 << 16))
def test_a_file_with_one_bit_wrong_is_set_aside_and_the_streams_repair_it(
    tmp_path_factory: pytest.TempPathFactory, at: int
) -> None:
    folder = saved(tmp_path_factory.mktemp("ledger"), *STREAM)
    for file in (file_of(folder), folder / "copy" / file_of(folder).name):
        spoil(file, at)
    files = LedgerFiles(folder)
    ledger = files.load(judge())
    assert files.damaged == [file_of(folder).name] and not file_of(folder).exists()
    assert file_of(folder).with_suffix(".damaged").exists()
    assert look(ledger) == look(fold(Ledger(judge()), *STREAM), [OTHER])  # the others are as they were
    assert set(ledger.handled.values()) == {0}
    assert look(replayed(ledger)) == WHOLE


def test_a_crash_after_a_file_was_set_aside_does_not_lose_what_was_in_it(tmp_path: Path) -> None:
    saved(tmp_path, *STREAM)
    for file in (file_of(tmp_path), tmp_path / "copy" / file_of(tmp_path).name):
        spoil(file, 20)
    LedgerFiles(tmp_path).load(judge())
    ledger = LedgerFiles(tmp_path).load(judge())  # the first one crashed before it wrote anything
    assert set(ledger.handled.values()) == {0} and look(replayed(ledger)) == WHOLE


@pytest.mark.parametrize("content", [b"", b"short", bytes(64)])
def test_a_head_that_is_damaged_means_reading_the_streams_from_their_beginning(tmp_path: Path, content: bytes) -> None:
    saved(tmp_path, *STREAM)
    for head in (tmp_path / "head", tmp_path / "copy" / "head"):
        head.write_bytes(content)
    files = LedgerFiles(tmp_path)
    ledger = files.load(judge())
    assert (files.damaged, set(ledger.handled.values()), look(ledger)) == (["head"], {0}, WHOLE)
    assert look(replayed(ledger)) == WHOLE


@pytest.mark.parametrize("content", [b"", b"short", bytes(64)])
def test_a_file_that_is_not_an_order_stops_nobody(tmp_path: Path, content: bytes) -> None:
    saved(tmp_path, *STREAM)
    names = ["notes.order", file_of(tmp_path, make_order(7).id).name]
    for name in names:
        (tmp_path / name).write_bytes(content)
    files = LedgerFiles(tmp_path)
    assert look(replayed(files.load(judge()))) == WHOLE
    assert files.damaged == sorted(names)


def test_a_file_of_another_version_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(ledger_files, "VERSION", ledger_files.VERSION + 1)
        saved(tmp_path, *STREAM)
    files = LedgerFiles(tmp_path)
    ledger = files.load(judge())
    assert len(files.damaged) == 3 and ledger.accounts == {}
    assert look(replayed(ledger)) == WHOLE
