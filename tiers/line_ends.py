"""Who is at the other ends of the last line: their cards, their keys, and whether the link to them carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fusioncmd.errors import BadMessage, Problem, Unavailable
from fusioncmd.lastline import bounds, frames, settings
from fusioncmd.lastline.settings import NONE, Settings
from fusioncmd.trust import line_keys, ring
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.line_keys import LineKey
from fusioncmd.words import reason
from tiers.links import Links
from tiers.problems import Said


class Ends:
    """By `lastline.toml` and the keys in `data`."""

    def __init__(self, links: Links, data: Path, judge: Judge, monotonic: Callable[[], float]) -> None:
        self._links, self._data, self._judge, self._monotonic = links, data, judge, monotonic
        self._began_s = monotonic()
        self.settings: Settings = NONE
        self._keys: dict[str, LineKey] = {}
        self._trouble: Problem | None = None

    def begin(self) -> None:
        """`BadInput` for settings that cannot be taken."""
        self.settings = settings.read(text_of(self._data / settings.FILE))
        self.look()

    def is_above(self, peer: str) -> bool:
        """By who approved whom, also where no other link goes there."""
        return peer in self._keys and self._keys[peer].lower != peer

    def look(self) -> None:
        """Which keys there are: nodes are approved, and revoked, while this runs."""
        try:
            found = {key.peer: key for key in line_keys.read_all(ring.folder_of(self._data))}
        except Problem as problem:
            self._trouble = problem
            return
        ended, self._trouble = self._judge.revocations.ended, None
        self._keys = {peer: key for peer, key in found.items() if not ended(key.grants)}

    def of_card(self, card: int) -> str:
        """The node whose card it is; `BadMessage` for a card that is nobody's, or of a node without a key."""
        for code, number in self.settings.cards.items():
            if number == card and code in self._keys:
                return code
        raise BadMessage(
            f"A short message came from card {card}, and {settings.FILE} names no node of it that is approved.",
            f"收到卡号 {card} 的短报文，但 {settings.FILE} 中没有对应的已批准节点。",
        )

    def key(self, peer: str, sending: bool) -> bytes:
        held = self._keys[peer]
        return frames.key_of(held.secret, held.lower, "up" if sending == self.is_above(peer) else "down")

    def to_tell(self, now_s: float) -> Iterator[tuple[str, float | None]]:
        """To whom the last line is used now, and since when their link carries nothing; None: for ever, or not at
        all."""
        for peer in self.settings.cards:
            if peer not in self._keys:
                continue
            link = self._links.links.get(peer)
            if self.settings.when == "always":
                yield peer, None
            elif link is None:
                if now_s - self._began_s >= bounds.CUT_S:
                    yield peer, None
            elif link.pulse.state(now_s) != "up" and now_s - link.pulse.since_s >= bounds.CUT_S:
                yield peer, link.pulse.since_s

    def problems(self) -> Iterator[Said]:
        if self._trouble is not None:
            yield self._trouble.en, self._trouble.zh
        for peer in self.settings.cards:
            if peer not in self._keys:
                yield (
                    f"The last line to {peer} has no key: approve that node anew (`fusioncmd nodes`)",
                    f"至 {peer} 的短报文链路没有密钥：请重新批准该节点（fusioncmd nodes）",
                )


def text_of(file: Path) -> str:
    """Empty where there is none."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise Unavailable(f"{file} is not UTF-8 text.", f"{file} 不是 UTF-8 文本。") from None
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
