"""`lastline.toml` of a tier: which card each node at the other end has, and when it is used. Pure.

when = "cut"            # or "always": also while the link carries
[cards]
440106 = 2097151        # code of a node that this one is linked to = number of the card in its modem
"""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadInput
from fusioncmd.lastline import bounds
from fusioncmd.lastline.wire import Card
from fusioncmd.trust.grants import PlaceCode

FILE, TEMPLATES_FILE = "lastline.toml", "templates.toml"
When = Literal["cut", "always"]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    when: When = "cut"
    cards: Annotated[dict[PlaceCode, Card], Meta(max_length=bounds.CARDS_MAX)] = {}


NONE = Settings()


def read(text: str) -> Settings:
    """`BadInput`, one sentence, for a file that cannot be taken."""
    try:
        found = msgspec.convert(tomllib.loads(text), Settings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"{FILE} cannot be taken: {error}.", f"{FILE} 无法采用：{error}。") from None
    if len(set(found.cards.values())) != len(found.cards):
        raise BadInput(f"{FILE}: two nodes have the same card.", f"{FILE}：两个节点的卡号相同。")
    return found
