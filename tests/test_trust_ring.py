"""The keys of a folder: made once, whole, for their owner only, and found again by who signs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd.errors import NotFound
from fusioncmd.messages import Selector, encode
from fusioncmd.trust import keyfile, ring, seals
from fusioncmd.trust.expiry import DAY_MS
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.ring import BOTH
from tests.worlds import NOW_MS, make_order

NAMES = ["node", "office.actual", "office.admin", "office.exercise", "root"]


def made(folder: Path) -> Path:
    assert ring.make(folder, "44", "广东省", NOW_MS)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_keys_are_made_once_and_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = made(tmp_path / "keys")
    assert [one.name for one in ring.held(folder)] == NAMES and all(one.has_key for one in ring.held(folder))
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {0o600}
    before = contents(folder)
    assert not ring.make(folder, "44", "Somebody else", NOW_MS + DAY_MS) and contents(folder) == before


def test_each_key_signs_orders_of_its_mode_and_what_it_signs_is_believed(tmp_path: Path) -> None:
    folder = made(tmp_path)
    judge = Judge(ring.anchors(folder), lambda: NOW_MS / 1000)
    for status in BOTH:
        own = ring.own_key(folder, status, NOW_MS)
        order = make_order(1, status=status, issuer="广东省", audience=Selector(("4401",)))
        assert judge.fresh(seals.seal(encode(order), own)).order == order
        assert own.grant.statuses == (status,) and not own.grant.may_delegate
    assert ring.node_key(folder).grant.purposes == ("node",)


def test_what_an_interrupted_start_left_is_kept_and_completed(tmp_path: Path) -> None:
    whole = contents(made(tmp_path / "whole"))
    names = ["root", "node", "office.actual", "office.exercise", "office.admin"]
    written = [f"{name}.{kind}" for name in names for kind in ("key", "grants")]  # in this order, and then the anchor
    assert sorted(whole) == sorted(written)
    for count in range(1, len(written) + 1):
        folder = tmp_path / str(count)
        folder.mkdir()
        for name in written[:count]:
            (folder / name).write_bytes(whole[name])
            (folder / name).chmod(0o600)
        before = contents(folder)
        assert ring.make(folder, "44", "广东省", NOW_MS)
        assert before.items() <= contents(folder).items()
        for status in BOTH:
            own = ring.own_key(folder, status, NOW_MS)
            Judge(ring.anchors(folder), lambda: NOW_MS / 1000).fresh(
                seals.seal(encode(make_order(1, status=status, issuer="广东省")), own)
            )


def test_without_the_root_key_everything_still_works(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (folder / "root.key").unlink()
    assert not ring.make(folder, "44", "广东省", NOW_MS)
    ring.anchors(folder)
    ring.own_key(folder, "actual", NOW_MS)
    assert not next(one for one in ring.held(folder) if one.name == "root").has_key


def test_a_key_that_is_missing_expired_readable_by_others_or_not_granted_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No root key is trusted here"):
        ring.anchors(tmp_path)
    with pytest.raises(NotFound, match="There is no key for exercise orders in") as caught:
        ring.own_key(tmp_path, "exercise", NOW_MS)
    assert "没有演练指令的密钥" in caught.value.zh
    folder = made(tmp_path)
    with pytest.raises(NotFound, match="has expired"):
        ring.own_key(folder, "actual", NOW_MS + 800 * DAY_MS)
    (folder / "office.actual.key").unlink()
    keyfile.make_key(folder / "office.actual.key")
    with pytest.raises(Untrusted, match="do not belong together"):
        ring.own_key(folder, "actual", NOW_MS)
    (folder / "node.key").chmod(0o640)
    with pytest.raises(Untrusted, match="chmod 600"):
        ring.node_key(folder)
