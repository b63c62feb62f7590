"""The same ground in fewer places, and no more of it: for alerts over more towns than an order can name. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from fusioncmd import limits
from fusioncmd.codes import LENGTHS
from fusioncmd.errors import BadInput

MOST = limits.SELECTOR_NODES_MAX
Places = tuple[str, ...]


def named(codes: Iterable[str], children: Callable[[str], Collection[str]]) -> tuple[Places, Places]:
    """Places, and those of them that are left out. What fits stays as it is. Else a place of which all is meant stands
    for what is right below it, from below upwards; then one of which more is meant than not, less what is not.
    `children`: right below a place. BadInput: even so there are too many."""
    held = set(codes)
    if len(held) <= MOST:
        return tuple(sorted(held)), ()
    for length in reversed(LENGTHS[:-1]):
        for place, mine in _by_place(held, length).items():
            if (below := set(children(place))) and mine >= below:
                held = (held - mine) | {place}
    out: set[str] = set()
    lacking = []
    for length in LENGTHS[:-1]:
        for place, mine in _by_place(held, length).items():
            missing = (below := set(children(place))) - mine
            if below and len(missing) < len(mine) - 1:
                lacking.append((len(mine) - 1, len(missing), place))
    for _, _, place in sorted(lacking, key=lambda each: (each[1] - each[0], each[2])):
        mine = _by_place(held, len(place)).get(place, set())
        missing = set(children(place)) - mine
        if len(held) <= MOST or len(out | missing) > MOST:
            continue
        held, out = (held - mine) | {place}, out | missing
    if len(held) > MOST:
        raise BadInput(
            f"{len(held)} places are meant; an order can name {MOST}, and leave out {MOST}.",
            f"涉及 {len(held)} 处，指令至多指定 {MOST} 处并排除 {MOST} 处。",
        )
    return tuple(sorted(held)), tuple(sorted(out))


def _by_place(codes: Iterable[str], length: int) -> dict[str, set[str]]:
    """Those right below a place whose code is so long."""
    below = LENGTHS[LENGTHS.index(length) + 1]
    found: dict[str, set[str]] = defaultdict(set)
    for code in codes:
        if len(code) == below:
            found[code[:length]].add(code)
    return found
