"""Who is at the other end of a satellite link: a node that stated the link's key to be its own, and may.

The hub judges the kit by its own clock. The kit judges no time, because a kit has the time from nobody: a clock two
years off must not keep it from the one link that could tell. What it asks is root, place, key and what was revoked; how
far the clocks are apart is said in health. So no kit refuses a hub's key that has run out: revoke one that is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fusioncmd.errors import Forbidden, NotFound, Problem, Unavailable
from fusioncmd.trust import link_keys, ring
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.refusals import Untrusted, refusal
from fusioncmd.words import reason

CLOCK_SKEW_MS_MAX = 5 * 60_000  # by which a kit's grant may begin later than now


class Identity(NamedTuple):
    """This end's own, as `ensure_link_certificate` wrote it."""

    code: str
    certificate_pem: bytes
    key_pem: bytes


class Believes(NamedTuple):
    """What is believed at this end: roots, what has ended (`since_ms`: of a chain, None while it holds), the time."""

    anchors: Callable[[], Anchors]
    ended_since_ms: Callable[[Chain], int | None]
    now_ms: Callable[[], int]


def load(data: Path, code: str) -> Identity:
    """Of a node's data folder; `NotFound`."""
    folder = data / link_keys.FOLDER
    try:
        return Identity(
            code, (folder / link_keys.CERTIFICATE).read_bytes(), (folder / link_keys.KEY).read_bytes()
        )  # fmt: skip
    except OSError as error:
        en, zh = reason(error)
        raise NotFound(
            f"The key of the satellite link in {folder} cannot be read: {en}.",
            f"无法读取 {folder} 中的卫星链路密钥：{zh}。",
        ) from None


def believes_of(data: Path, now_ms: Callable[[], int]) -> Believes:
    """As the folder `keys` of a node says: its roots, and what was revoked from here."""
    folder = ring.folder_of(data)
    return Believes(
        lambda: ring.anchors(folder), lambda chain: ring.revocations(folder).since_ms(chain), now_ms
    )  # fmt: skip


def judge_kit(statement: bytes, believes: Believes, hub: str, admits: Callable[[str], bool]) -> str:
    """The code of the kit that stated this; a `Problem` with the sentence for both ends otherwise."""
    code, chain = _read(statement, believes)
    if not code.startswith(hub) or code == hub:
        raise Forbidden(f"{code} does not lie below {hub}.", f"{code} 不在 {hub} 之下。")
    if not admits(code):
        raise Forbidden(f"{hub} has not approved {code}.", f"{hub} 未批准 {code} 接入。")
    now_ms = believes.now_ms()
    if not chain.leaf.not_before_ms - CLOCK_SKEW_MS_MAX <= now_ms <= chain.leaf.not_after_ms:
        raise refusal("validity")
    return code


def judge_hub(statement: bytes, believes: Believes, above: str) -> str:
    """`above`, when the hub is that node; a `Problem` otherwise."""
    code, _ = _read(statement, believes)
    if code != above:
        raise Forbidden(f"This is {code}, and not {above}.", f"对端是 {code}，而非 {above}。")
    return code


def _read(statement: bytes, believes: Believes) -> tuple[str, Chain]:
    code, chain = link_keys.read(statement, believes.anchors())
    if believes.ended_since_ms(chain) is not None:
        raise refusal("revoked")
    return code, chain


def refused(who: str, who_zh: str, problem: Problem) -> Problem:
    """The sentence that is said at the end that refuses, and told to the other."""
    kind = Untrusted if isinstance(problem, Untrusted) else Forbidden
    return kind(f"{who} is refused on the satellite link. {problem.en}", f"卫星链路已拒绝{who_zh}。{problem.zh}")


def told(en: str, zh: str) -> Problem:
    """What the other end said of why it refuses."""
    return Forbidden(f"The other end of the satellite link says: {en}", f"卫星链路对端称：{zh}")


def full() -> Problem:
    return Unavailable("The hub carries no more kits.", "枢纽承载的便携站已满。")


def claimed(statement: bytes) -> str:
    """Whose key a statement says it is, for a sentence; `Untrusted` for bytes that are none."""
    return link_keys.claimed(statement)
