"""What a person wrote back: which answer, and to which order; and how phone numbers are told to be the same. Pure."""

from __future__ import annotations

import re
import unicodedata

from fusioncmd import ids

TAG_CHARS = 4
_REPLY = re.compile(r"\s*([1-8])(?:[\s,.:;，。：；]+([0-9A-Za-z]{4}))?[\s.。!！]*", re.ASCII)


def tag_of(order: bytes) -> str:
    """What tells orders apart in a short message: the end of the id."""
    return ids.to_text(order)[-TAG_CHARS:]


def read_reply(text: str) -> tuple[int, str] | None:
    """The index of the answer, and the tag that was given or nothing; None where it is no answer. Full-width digits,
    which Chinese keyboards write, are digits."""
    found = _REPLY.fullmatch(unicodedata.normalize("NFKC", text))
    return None if found is None else (int(found[1]) - 1, (found[2] or "").upper())


def plain_number(phone: str) -> str:
    """Digits alone, without China's prefix; other countries' stay."""
    digits = re.sub(r"[^0-9]", "", phone)
    return re.sub(r"\A(00)?86(?=1[0-9]{10}\Z)", "", digits)
