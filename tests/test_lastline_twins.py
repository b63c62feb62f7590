"""An order and its stand-in are one to terminals; two nodes share a key of their own; no number is given twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyroaring import BitMap

from fusioncmd import ids
from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.lastline import twins
from fusioncmd.lastline.frames import Window
from fusioncmd.messages import Order
from fusioncmd.trust import handing, joining, line_keys, ring
from fusioncmd.trust.revocations import Revocations, revoke
from gateways.responder.board import Board, Posted
from tests.line_world import HUB, KIT, LineWorld
from tests.worlds import NOW_MS, make_id, make_order, sealed
from tiers.line_state import FILE, LineState

SHORT = twins.short_of(make_id(1))
FULL = make_order(1)


def stand_in(**changes: object) -> Order:
    return make_order(2, **({"id": twins.stand_in_id(SHORT, NOW_MS + 5)} | changes))


def post(board: Board, order: Order, people: range) -> Posted:
    posted = board.post(order, sealed(order), BitMap(people), NOW_MS)
    assert posted is not None
    return posted


@pytest.mark.parametrize("first", [FULL, stand_in()])
def test_terminals_are_given_whichever_of_the_two_came_first(first: Order) -> None:
    board, other = Board(), stand_in() if first is FULL else FULL
    one, two = post(board, first, range(10)), post(board, other, range(5, 20))
    assert board.recipients(one, BitMap(range(20))) == BitMap(range(10))
    assert board.recipients(two, BitMap(range(20))) == BitMap(range(10, 20))
    assert board.due_on_connect(7, (), NOW_MS)[0] == [one] and board.due_on_connect(15, (), NOW_MS)[0] == [two]
    ended = make_order(9, msg_type="cancel", refs=first.id, root=first.id, answers=())
    board.post(ended, sealed(ended), BitMap(), NOW_MS)  # then the other stands by itself
    assert board.due_on_connect(7, (), NOW_MS)[0] == [two]


@pytest.mark.parametrize(
    "other",
    [
        make_order(3),
        stand_in(status="actual"),
        make_order(2, id=twins.stand_in_id(twins.short_of(make_id(8)), NOW_MS)),
        make_order(2, id=make_id(1)[:6] + b"LINE" + bytes(6)),
    ],
)
def test_no_other_order_is_taken_for_it(other: Order) -> None:
    assert not twins.are_one(FULL, other) and not twins.are_one(other, FULL)
    board = Board()
    post(board, FULL, range(10))
    assert board.recipients(post(board, other, range(10)), BitMap(range(10))) == BitMap(range(10))


def test_a_stand_in_has_the_short_id_of_what_it_stands_for() -> None:
    ident = stand_in().id
    assert twins.short_of(ident) == SHORT and twins.is_stand_in(ident) and ids.time_ms(ident) == NOW_MS + 5
    assert not twins.is_stand_in(make_id(1)) and not twins.is_stand_in(ids.make(1, twins.entropy_of_end(ident)))


# --- keys and numbers


def test_two_nodes_share_a_secret_that_ends_with_the_grant_and_is_another_after_each_approval(tmp_path: Path) -> None:
    world = LineWorld(tmp_path)
    world.join()
    (above,), (below,) = (list(line_keys.read_all(ring.folder_of(world.data(code)))) for code in (HUB, KIT))
    assert (above.peer, above.lower, below.peer, below.lower) == (KIT, KIT, HUB, KIT)
    assert above.secret == below.secret and above.grants == below.grants and len(above.grants) == 1
    assert above.secret.hex() not in repr(above)
    file = ring.folder_of(world.data(KIT)) / line_keys.FOLDER / f"{HUB}.key"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(BadInput, match="can be read by others"):
        list(line_keys.read_all(ring.folder_of(world.data(KIT))))
    keys = ring.folder_of(world.data(HUB))
    ended = Revocations(ring.anchors(keys))
    assert not ended.ended(above.grants)
    (chain,) = joining.approved(keys, KIT)
    ended.add(revoke(handing.signer_of(keys, ring.ROOT), chain, NOW_MS))
    assert ended.ended(above.grants)


def test_no_number_is_given_twice_whatever_is_killed(tmp_path: Path) -> None:
    given = [LineState(tmp_path).next_counter(b"key") for _ in range(3)]
    assert given == [0, 1, 2] and LineState(tmp_path).next_counter(b"other") == 0
    state = LineState(tmp_path)
    state.came(b"key", Window().with_(7))
    state.end(b"abcdef")
    again = LineState(tmp_path)
    assert again.window(b"key") == Window(7, 1) and again.has_ended(b"abcdef") and not again.has_ended(b"abcdeg")
    (tmp_path / FILE).write_text("{", "utf-8")
    with pytest.raises(Unavailable, match="is damaged"):
        LineState(tmp_path).next_counter(b"key")
