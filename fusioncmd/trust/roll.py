"""The roll of signing keys that a node knows: whose they are, when each was last heard, what to say of them. Pure.

A key is heard by its heartbeats and by the orders that it signed: either proves that it works and is granted.
"""

from __future__ import annotations

from collections.abc import Iterator

from fusioncmd import limits
from fusioncmd.trust import expiry, heartbeats
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.expiry import DAY_MS, Ending
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations

Said = tuple[str, str]  # in English, in Chinese
_ANOTHER = (
    "it accepts no orders. Grant it another one (`fusioncmd keys rotate node`).",
    "不再受理任何指令。请为其授予新密钥（fusioncmd keys rotate node）。",
)


class Roll:
    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations
        self.chains: dict[bytes, Chain] = {}
        self.heard_ms: dict[bytes, int] = {}

    def know(self, chain: Chain) -> None:
        """Enter a key; `Untrusted` when there is no room for one more."""
        if chain.name not in self.chains and len(self.chains) >= limits.KEYS_WATCHED_MAX:
            raise refusal("full")
        self.chains[chain.name] = chain

    def hear(self, chain: Chain, at_ms: int) -> None:
        self.know(chain)
        self.heard_ms[chain.name] = max(at_ms, self.heard_ms.get(chain.name, 0))

    def good(self, now_ms: int) -> list[Chain]:
        """Neither revoked nor replaced by another that is in use."""
        held = [chain for chain in self.chains.values() if self._revocations.since_ms(chain) is None]
        begun = [chain for chain in held if chain.leaf.not_before_ms <= now_ms]
        by_holder: dict[str, list[Chain]] = {}
        for chain in begun:
            by_holder.setdefault(chain.leaf.holder, []).append(chain)
        return [
            chain for chain in held
            if not any(expiry.succeeds(other.leaf, chain.leaf) for other in by_holder.get(chain.leaf.holder, ()))
        ]  # fmt: skip

    def silent(self, now_ms: int) -> list[Chain]:
        """Keys that should be alive and were not heard; a root lies in a safe, and is not heard."""
        return heartbeats.silent((c for c in self.good(now_ms) if len(c.names) > 1), self.heard_ms, now_ms)

    def warnings(self, now_ms: int) -> list[Ending]:
        return expiry.warnings(self.good(now_ms), now_ms)

    def newly_due(self, before_ms: int, now_ms: int) -> list[Ending]:
        return expiry.newly_due(self.good(now_ms), before_ms, now_ms)

    def problems(self, now_ms: int) -> Iterator[Said]:
        """What a person has to look after, the most urgent first."""
        for ending in self.warnings(now_ms):
            yield ending_words(ending)
        for chain in self.silent(now_ms):
            yield _silent_words(chain, self.heard_ms.get(chain.name), now_ms)


def ending_words(ending: Ending) -> Said:
    en, zh = key_words(ending.chain)
    if ending.days == 0:
        return f"The {en} has expired.", f"{zh}已过期。"
    days = max(ending.left_ms, 0) // DAY_MS
    left_en, left_zh = (f"in {days} days", f" {days} 天后") if days else ("within a day", "一天内")
    return (
        f"The {en} expires {left_en}; `fusioncmd keys rotate` makes the next one.",
        f"{zh}将于{left_zh}到期；请用 fusioncmd keys rotate 生成新密钥。",
    )


def _silent_words(chain: Chain, heard_ms: int | None, now_ms: int) -> Said:
    en, zh = key_words(chain)
    days = (now_ms - (chain.leaf.not_before_ms if heard_ms is None else heard_ms)) // DAY_MS
    since = ("since it was granted, ", "自授予以来") if heard_ms is None else ("", "")
    return (
        f"The {en} was not heard {since[0]}for {days} days: it may be lost or broken; `fusioncmd keys beat` tries it.",
        f"{zh}{since[1]}已 {days} 天无心跳，可能丢失或失效；请用 fusioncmd keys beat 检验。",
    )


def key_words(chain: Chain) -> Said:
    """Whose key, and what for, so that it can be found."""
    leaf = chain.leaf
    if len(chain.names) == 1:
        return f"root key of {leaf.holder}", f"“{leaf.holder}”的根密钥"
    if leaf.purposes == ("node",):
        return f"node key of {leaf.holder}", f"节点“{leaf.holder}”的密钥"
    modes = {"actual": ("actual ", "实战"), "exercise": ("exercise ", "演练")}
    en, zh = modes[leaf.statuses[0]] if len(leaf.statuses) == 1 else ("", "")
    return f"{en}key of {leaf.holder} ({leaf.path})", f"“{leaf.holder}”（{leaf.path}）的{zh}密钥"


def unusable_words(own: Chain, since_ms: int | None, now_ms: int) -> Said | None:
    """Why the node cannot state anything under its own key; None while it can."""
    if since_ms is not None:
        return f"THIS NODE'S OWN KEY WAS REVOKED: {_ANOTHER[0]}", f"本节点自身密钥已被撤销，{_ANOTHER[1]}"
    if not own.leaf.not_before_ms <= now_ms <= own.leaf.not_after_ms:
        return f"THIS NODE'S OWN KEY IS NOT VALID NOW: {_ANOTHER[0]}", f"本节点自身密钥不在有效期内，{_ANOTHER[1]}"
    return None


def in_use_words(chain: Chain, times: int) -> Said:
    """Of a revoked key with which somebody signed nevertheless."""
    en, zh = key_words(chain)
    return (
        f"The {en} is revoked, and somebody still signs with it: refused {times} times.",
        f"{zh}已撤销，仍有人用其签署：已拒绝 {times} 次。",
    )
