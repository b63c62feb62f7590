"""Whatever is done to an audit is found, and the first place where it was done is the one that is named."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusioncmd import limits
from fusioncmd.audit import chain
from fusioncmd.audit.chain import Page, SignedPage, Tip
from fusioncmd.trust import revocations, statements
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations
from tests.audits import NONE, break_of, entry, head_of, pages_of, proof_of
from tests.worlds import BOTH, DUTY, NODE_KEY, NOW_MS, OFFICES

SIZES = (1, 3, 1, 2, 5, 1, 4, 2)
PAGES, TIPS = pages_of(SIZES)
LAST = len(PAGES)
HEAD = head_of(TIPS[-1])
PLACE = st.integers(0, LAST - 1)


def resigned(data: bytes, own: Credential = NODE_KEY, **changes: object) -> bytes:
    """A page that says something else, signed properly."""
    body = msgspec.msgpack.encode(msgspec.structs.replace(chain.claimed(data), **changes))
    return msgspec.msgpack.encode(SignedPage(body, statements.seal("audit", body, own)))


def first_difference(messages: list[bytes]) -> int:
    """The number of the first page that does not stand where it should."""
    same = next((i for i, (a, b) in enumerate(zip(PAGES, messages, strict=False)) if a != b), None)
    return (min(len(messages), LAST) if same is None else same) + 1


def test_an_audit_that_nobody_touched_holds() -> None:
    proof = proof_of(PAGES, [head_of(TIPS[2]), HEAD])
    assert proof.broken is None and proof.tip == TIPS[-1]
    assert (proof.tip.pages, proof.tip.entries, proof.signed_pages, proof.begins) == (LAST, sum(SIZES), LAST, 1)
    assert proof_of(PAGES, [head_of(TIPS[2])]).signed_pages == 3
    assert proof_of(PAGES).signed_pages == 0 and proof_of(PAGES).broken is None


@settings(max_examples=300)
@given(place=PLACE, other=PLACE, seed=st.integers(0, 1 << 32))
@pytest.mark.parametrize(
    "act", ["flip", "drop", "swap", "cut", "again", "garbage", "entry", "less", "between", "other"]
)
def test_the_first_broken_link_is_named(act: str, place: int, other: int, seed: int) -> None:
    rng, messages = random.Random(seed), list(PAGES)
    page = chain.claimed(PAGES[place])
    if act == "flip":
        changed = bytearray(messages[place])
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        messages[place] = bytes(changed)
    elif act == "drop":
        del messages[place]
    elif act == "swap":
        messages[place], messages[other] = messages[other], messages[place]
    elif act == "cut":
        del messages[place:]
    elif act == "again":
        messages.insert(other, PAGES[place])
    elif act == "garbage":
        messages.insert(place, rng.randbytes(rng.randrange(200)))
    elif act == "entry":  # the node's own key signs another entry: only the page after it, or the head, can tell
        entries = list(page.entries)
        entries[rng.randrange(len(entries))] = entry(99, about="nothing")
        messages[place] = resigned(PAGES[place], entries=tuple(entries))
    elif act == "less" and len(page.entries) > 1:
        messages[place] = resigned(PAGES[place], entries=page.entries[1:])
    elif act == "between":
        messages.insert(place, resigned(PAGES[place], entries=(entry(99),)))
    elif act == "other":
        messages[place] = resigned(PAGES[place], DUTY["exercise"])
    if messages == PAGES:  # a swap of a page with itself
        assert proof_of(messages, [HEAD]).broken is None
        return
    broken = break_of(messages, [HEAD])
    assert broken.page == first_difference(messages), broken
    assert broken.entry == (TIPS[broken.page - 2].entries if broken.page > 1 else 0) + 1 or broken.why in (
        "link", "again", "head",
    )  # fmt: skip


def test_entries_are_counted_over_all_pages() -> None:
    page = chain.claimed(PAGES[-1])
    for first in (page.first - 1, page.first + 1):
        broken = break_of([*PAGES[:-1], resigned(PAGES[-1], first=first)])
        assert (broken.page, broken.entry, broken.why) == (LAST, page.first, "count")


@pytest.mark.parametrize("start", range(LAST))
def test_who_has_the_nodes_key_and_writes_all_anew_is_found_by_the_next_head_that_was_kept(start: int) -> None:
    tip = TIPS[start - 1] if start else Tip("44")
    anew, _ = pages_of([size + 1 for size in SIZES[start:]], tip)
    messages = PAGES[:start] + anew
    assert proof_of(messages).broken is None  # the chain itself is whole
    kept = [head_of(TIPS[n]) for n in (2, 5, 7)]
    broken = break_of(messages, kept)
    assert (broken.why, broken.page) == ("head", next(n for n in (3, 6, 8) if n > start))


def test_what_was_taken_away_at_the_beginning_is_told_unless_a_head_was_kept_of_it() -> None:
    later = PAGES[3:]
    broken = break_of(later, [HEAD])
    assert (broken.why, broken.page) == ("beginning", 1) and "Pages 1 to 3 are missing" in broken.en
    proof = proof_of(later, [HEAD], after=head_of(TIPS[2]))
    assert proof.broken is None and (proof.begins, proof.tip) == (4, TIPS[-1])
    assert proof_of(later, [HEAD], after=head_of(TIPS[1])).broken is not None
    moved = [*later[:1], *later[2:]]
    assert proof_of(moved, [HEAD], after=head_of(TIPS[2])).broken is not None


def test_only_the_node_itself_writes_its_audit_and_only_while_its_key_is_good() -> None:
    city = OFFICES.grant(OFFICES.city, "another node", purposes=("node",), statuses=BOTH)
    for own, reason in ((city, "scope"), (DUTY["actual"], "purpose"), (OFFICES.people["actual", "Li Na"], "purpose")):
        data, _ = chain.write(Tip("44"), [entry(1)], own, NOW_MS)
        with pytest.raises(Untrusted) as caught:
            chain.read(data, "44", OFFICES.anchors, NONE)
        assert caught.value.reason == reason
    late, _ = chain.write(Tip("44"), [entry(1)], NODE_KEY, NODE_KEY.grant.not_after_ms + 1)
    assert break_of([late]).why == "page"
    assert chain.written_by(late, "44", OFFICES.anchors)[0].number == 1  # the node still knows its own
    with pytest.raises(Untrusted):
        chain.read(PAGES[0], "4401", OFFICES.anchors, NONE)


def test_a_key_that_was_revoked_writes_nothing_from_then_on() -> None:
    known = Revocations(OFFICES.anchors)
    known.add(revocations.revoke(OFFICES.province, NODE_KEY.chain, NOW_MS + 4))
    proof = proof_of(PAGES, none=known)
    assert proof.broken is not None and (proof.broken.page, proof.broken.why) == (5, "page")


def test_the_largest_entries_fit_a_page() -> None:
    long = "漢" * limits.AUDIT_FIELD_CHARS_MAX
    details = {f"{n}{long}"[: len(long)]: long for n in range(limits.AUDIT_DETAILS_MAX)}
    large = entry(1, actor=long, about=long, refused=long, details=details)
    data, tip = chain.write(Tip("44"), [large] * 5, NODE_KEY, NOW_MS)
    page = chain.read(data, "44", OFFICES.anchors, NONE)
    assert isinstance(page, Page) and page.entries == (large,) * 5 and tip.entries == 5
    with pytest.raises(Untrusted, match="larger"):
        chain.write(Tip("44"), [large] * 20, NODE_KEY, NOW_MS)
